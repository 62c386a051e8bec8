/* serve.h — the loop of the servers that berthd is compared with: level-triggered epoll, a read and
 * a write per ready client, all replies of a read in one write. */
#pragma once
#include <stddef.h>

/* What a turn answers. */
struct out {
    char *data;
    size_t n, n_room;
};

/* Exits when memory is out. */
void out_add(struct out *out, const char *bytes, size_t n);

/* Answers one line (its newline included) by adding to `out`. */
typedef void answer_fn(const char *line, size_t n, struct out *out);

/* Serves who connects to `listen_fd`, until killed. `answer` NULL: what was read goes back as it
 * is. */
_Noreturn void serve(int listen_fd, answer_fn *answer);

/* Parses a request with libjansson and builds the reply with it: ping, socket, socketpair, close,
 * send and recv of text. */
void answer_by_jansson(const char *line, size_t n, struct out *out);
