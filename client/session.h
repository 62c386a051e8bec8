/* session.h — one connection to the daemon as the rooms of libberth share it: what is sent and not
 * yet answered, the last error, the memory of the call in progress. Nothing of this is seen
 * outside. */
#pragma once
#include <netdb.h>
#include <stdbool.h>

#include "client/berth.h"
#include "client/origin.h"
#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/frame.h"
#include "proto/json.h"

enum {
    SESSION_REPLY_BYTES = 16 << 20, /* one reply: a whole recv, each byte escaped, and room */
    SESSION_MAX_WAITING = 1024,     /* asynchronous requests without an answer */
    SESSION_MAX_UNSENT = 4 << 20,   /* bytes of requests that the daemon did not take yet */
};

/* A reply that came while a synchronous call waited for its own. */
struct parked {
    struct parked *next;
    int fd; /* owned; -1: none */
    size_t n_line;
    char line[];
};

struct berth {
    struct frame frame;
    struct origin origin;
    int broken;           /* errno the session ended with; 0: it lives */
    size_t n_max_request; /* bytes of one line that the daemon takes */
    int64_t last_id;
    size_t n_waiting;      /* asynchronous requests without an answer */
    struct parked *parked; /* FIFO */
    char *label;           /* of new handles; NULL: none */

    /* Of the last call, until the next: */
    struct berth_error error;
    char error_message[320];
    struct arena arena;
    struct json json; /* the reply, scanned */
    struct buf line;  /* the request being made */

    /* Results that last until the same function is called again: */
    struct arena hostent;
    char ntoa[INET_ADDRSTRLEN];
};

/* Begins a public function: forgets the last call's error and memory. Returns 0, or -1 when the
 * session cannot be used (NULL, opened before a fork, over). */
int session_begin(berth *b);

/* The session is over because of `sys_errno` (> 0). Returns -1. */
int session_break(berth *b, int sys_errno);
