/* load.h — the clients: a load runs against a server for a while and says what a call cost.
 * Requests are ready made where they can be, so that what is measured is the server. */
#pragma once
#include <stdint.h>

#include "server.h"

enum load_id {
    LOAD_PING,    /* one after the other */
    LOAD_PING_32, /* so many unanswered at a time */
    LOAD_PING_128,
    LOAD_PING_CLIENTS, /* 64 clients, each one after the other */
    LOAD_SOCKETS,      /* socket and close by turns, one after the other */
    LOAD_SOCKETS_64,   /* so many unanswered at a time */
    LOAD_TEXT,         /* send and recv by turns of 64 KiB, through a pair of handles */
    LOAD_BASE64,
    N_LOADS
};

enum { LOAD_CLIENTS = 64, LOAD_PHASES = 2 };

/* What one run was like. */
struct slice {
    int64_t n_calls;
    int64_t server_ns, client_ns;  /* processor time */
    double median_ns[LOAD_PHASES]; /* per call, of loads that go one after the other; by turns, when
                                      they do */
};

/* Runs a load for about `ns`. Every reply must be a result. Returns 0, or -1 after saying why.
 * Blocks until the last reply is there, at most some seconds longer. */
int load_run(enum load_id id, const struct server *s, int64_t ns, struct slice *ret);

/* Opens `n` sockets in a session of its own. Returns the session's descriptor, which keeps them, or
 * -1 after saying why. */
int load_open_handles(const struct server *s, int64_t n);

/* Opens `n` sessions that have each had one answer, into fds[]. Returns 0, or -1 after saying why;
 * fds that were not opened are -1. */
int load_open_sessions(const struct server *s, int *fds, int n);
