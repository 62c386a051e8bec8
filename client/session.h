/* session.h — one connection to the daemon as the rooms of libberth share it: what is sent and not
 * yet answered, the last error, the memory of the call in progress. Nothing of this is seen
 * outside. */
#pragma once
#include <netdb.h>
#include <stdbool.h>

#include "client/berth.h"
#include "client/origin.h"
#include "client/pending.h"
#include "client/waker.h"
#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/frame.h"
#include "proto/json.h"

enum {
    SESSION_REPLY_BYTES = 16 << 20, /* one reply: a whole recv, each byte escaped, and room */
    SESSION_MAX_WAITING = 1024,     /* asynchronous requests without an answer */
    SESSION_MAX_UNSENT = 4 << 20,   /* bytes of requests that the daemon did not take yet */
    SESSION_MAX_KEPT = 8 << 20,     /* bytes of requests that may have to be sent again */
};

/* A reply that came while a synchronous call waited for its own. */
struct parked {
    struct parked *next;
    int fd; /* owned; -1: none */
    size_t n_line;
    char line[];
};

/* A subscription: the caller's number for it, and today's daemon's. */
struct sub {
    struct sub *next;
    int64_t told, now;
    int64_t seq; /* of the last event that came */
    bool is_retried;
    char params[];
};

/* What a new session would have to be told. */
struct learnt {
    char *token; /* of the session; NULL: none */
    char *client, *label;
    bool is_unordered;
    char *default_timeout; /* params of setdefaulttimeout; NULL: none was set */
    struct sub *subs;      /* oldest first */
};

enum ride_state {
    RIDE_HOME,     /* connected */
    RIDE_AWAY,     /* no connection; the next try comes by the clock */
    RIDE_GREETING, /* connected again, and hello is under way */
    RIDE_ASKING,   /* what has to be known or told before requests may go out is under way */
};

/* The way through a restart of the daemon. */
struct ride {
    char *path;    /* the way back; NULL: there is none */
    double window; /* seconds to look for it; 0: not at all */
    enum ride_state state;
    bool is_introduced;                              /* hello was sent … */
    bool is_greeted;                                 /* … and answered */
    bool is_resumed;                                 /* by the session that was held for us */
    bool is_restarted;                               /* the daemon is another process */
    bool is_useful;                                  /* this connection has answered a request */
    int n_owed;                                      /* answers to wait for in this state */
    int64_t n_rides;                                 /* how often it went well */
    double connected_at, broken_at, next_try, pause; /* seconds, CLOCK_MONOTONIC */
    struct pending_list requests;
    const char *made; /* the reply that we made up for the call that waits; NULL: none */
    struct learnt learnt;
    struct waker waker;
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
    struct ride ride;

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
