/* frame_pair.h — a frame and the other end of its socket, for tests: what that end writes, the
 * frame reads. */
#pragma once
#include "proto/frame.h"

extern struct frame_pair {
    struct frame frame;
    int other; /* -1 when closed */
} frame_pair;

enum { FRAME_PAIR_MAX_LINE = 100 };

/* For tcase_add_checked_fixture. */
void frame_pair_open(void);
void frame_pair_close(void);

/* The longest line from now on. */
void frame_pair_set_max(size_t n_max_line);

/* Closes the other end, or only its way to the frame. */
void frame_pair_end_other(void);
void frame_pair_shutdown(void);

/* Writes to the frame, which reads meanwhile what does not fit. */
void frame_pair_write(const void *bytes, size_t n);
void frame_pair_write_text(const char *text);

/* Writes with descriptors, which stay the caller's, in one message. */
void frame_pair_write_fds(const void *bytes, size_t n, const int *fds, int n_fds);

/* n letters and this end, at most three bytes more. Valid until the next call. */
const char *frame_pair_letters(size_t n, const char *end);

/* Reads all that has come. Returns what frame_read did last: -EAGAIN, or 0 at the end. */
int frame_pair_read(void);

/* Fails the test unless the next that frame_next gives is this line; is a line too long; is
 * nothing. */
void frame_pair_line(const char *line);
void frame_pair_too_long(void);
void frame_pair_nothing(void);
