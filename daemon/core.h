/* core.h — what all requests share. Its owner is the server. */
#pragma once
#include <stdint.h>

#include "config.h"
#include "follow.h"
#include "proto/json.h"
#include "store.h"
#include "wait.h"
#include "workers.h"

struct core {
    const struct config *config;
    struct now now; /* when this turn of the loop began */
    struct now (*clock)(void);
    int64_t started;                       /* monotonic microseconds */
    int64_t n_max_sessions, n_max_handles; /* as the process's descriptors allow */
    int n_max_fds_unread;                  /* of one session, on their way to it */
    int64_t n_own_fds;                     /* open when nobody had come yet */
    struct pools *pools;                   /* the settings'; or, without any, its own */
    struct pools *own_pools;
    struct wait *wait;
    struct state *state;
    struct keep *keep; /* NULL: nobody keeps sockets beyond the daemon */
    struct store *store;
    struct tls_contexts *tls; /* of the settings as they are; NULL: not yet used */
    struct streams *streams;  /* NULL: there has been none */
    struct absent *absent;    /* sessions of the daemon before */
    struct follow *follow;    /* sockets that were handed off */
    struct wire_sockaddr control; /* where the clients come in; length 0: nowhere by themselves */
    struct workers *workers;  /* look-ups */
    struct workers *
        file_workers; /* reading files; apart, so that a dead name server does not hold up a file */
    struct workers *handshakes; /* computing, so no more than there are processors */
    struct json json;           /* of the line in work */
    char *scratch; /* LIMIT_RECV_BYTES, for results that live no longer than the turn */
    char *openrpc; /* the document, made when it is first asked for */
    struct subscription *subscriptions;
    int64_t n_sessions, n_sessions_total, n_requests, n_errors;
    struct call *spare; /* calls that ended, for reuse */
};

struct core_setup {
    const struct config *config; /* borrowed */
    int64_t first_handle;        /* numbers of handles begin here */
    struct now (*clock)(void);   /* NULL: the system's */
    struct state *state;         /* taken, also on failure; NULL: memory of this process alone */
    struct keep *keep;           /* borrowed, or NULL */
};

/* Makes all that a core has; a zeroed core is given. Returns 0 or -errno; core_close is due in any
 * case. */
int core_open(struct core *core, const struct core_setup *setup);

/* Shares the process's descriptors out among sessions and handles, after raising their limit as far
 * as it may go. The first time, before the first session, what is open counts as the daemon's own.
 * Where next to nothing is left, n_max_sessions is 0. */
void core_share_out_fds(struct core *core);

/* Gives it all back: sockets are closed, calls must have ended. */
void core_close(struct core *core);
