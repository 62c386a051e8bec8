/* session.h — a client's end of a connection: whole requests out, replies counted in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "server.h"

struct session {
    int fd;
    char *input; /* the beginning of a line whose end has not come */
    size_t n_input;
};

/* Connects. Returns 0, or -1 after saying why. */
int session_open(struct session *c, const struct server *s);
void session_close(struct session *c);

/* Sends all. Returns 0, or -1 after saying why. */
int session_send(struct session *c, const char *bytes, size_t n);

/* Waits for at least one whole reply. Returns how many came, or -1 after saying why, also when one
 * of them is no result. */
int session_receive(struct session *c);

/* One call: sends a line and waits for its reply, which stays valid until the next call, ended by
 * NUL. NULL after saying why. */
const char *session_call(struct session *c, const char *line);
