/* lines.h — lines to and from a descriptor, each awaited for a bounded time. Written without the
 * frame room, which is part of what these tests test. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WAIT_MS = 10000 };

struct lines {
    int fd; /* not owned */
    char *data;
    size_t start, end, n_room; /* bytes read and not given out: data[start..end) */
    bool eof;
};

void lines_init(struct lines *l, int fd);
void lines_done(struct lines *l);

/* Waits up to WAIT_MS for the next line. Returns 1 with *ret_line (without its newline; valid until
 * the next call), 0 at the end of the stream, -ETIMEDOUT, -EMSGSIZE for more than 16 MiB without a
 * newline, other -errno. */
int lines_next(struct lines *l, const char **ret_line, size_t *ret_n);

/* Writes all n bytes, waiting up to WAIT_MS whenever there is no room. Returns 0 or -errno. */
int lines_write(int fd, const void *bytes, size_t n);

/* The same with n_fds (at most 8) copies of the descriptor `passed` on the first byte. */
int lines_write_fds(int fd, const void *bytes, size_t n, int passed, int n_fds);
