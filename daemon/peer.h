/* peer.h — one session: lines in, calls, lines out. Asked by the server to work; never calls it.
 * Stands on frame, dispatch and store; knows no event loop. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "call.h"
#include "proto/frame.h"

struct batch;

struct peer {
    struct core *core;
    void *user; /* of whoever made the peer */
    struct frame frame;
    struct session session;
    struct batch *batches; /* that are not all answered */
    int n_in_work;         /* lines whose calls wait: 0 or 1 in an ordered session */
    int64_t turn_ends;     /* monotonic microseconds: then others have their turn */
    bool is_half_closed;   /* the kernel has told that the client will send no more */
    bool is_gone;          /* nobody is there to be answered */
    bool is_dead;          /* its process has ended: what it had sent is not begun any more */
    bool is_closing;       /* no more requests; what is to be sent still goes out */
    bool is_stopping;      /* what has not begun is cancelled */
    bool is_broken;        /* nothing can be sent */
    bool is_stuck;         /* a descriptor waits until others have been read, by whomever */
    int64_t stuck_until;   /* monotonic microseconds: then it is tried again */
    bool is_held;          /* not worked for, because its replies are not read */
    int64_t n_grace_bytes; /* what is still read of a client that has gone, or when stopping */
    int64_t log_window;    /* seconds, and the lines logged in it */
    int n_logged;
};

/* A session for the connected socket `fd` (taken). `who` is borrowed and gets a reference. NULL
 * when memory is out (fd is closed). */
struct peer *peer_new(struct core *core, int fd, struct principal *who, bool is_admin);

/* Ends the session: its calls end without an answer, its handles are reclaimed. */
void peer_free(struct peer *p, const char *reason);

/* Reads and runs what may be run now, for about budget_usec: a client with much to do must not hold
 * up one with little. Returns true when there is more to do at once. */
bool peer_work(struct peer *p, int64_t budget_usec);

/* Sends what can be sent. Returns true when that has made room for more work. */
bool peer_flush(struct peer *p);

/* Writes what the session has subscribed to, as long as it reads; then returns true: it is to be
 * sent. */
struct subscription;
bool peer_tell(struct peer *p, struct subscription *s);

/* Whether nothing is left to do for it: the server frees it. */
bool peer_is_over(const struct peer *p);

/* The kernel says that something has changed; half_closed: that the client will send no more. */
void peer_note_event(struct peer *p, bool half_closed);

/* The client is gone: nothing may wait for it any more. What it had sent is still run, unless its
 * process has ended too. */
void peer_set_gone(struct peer *p, bool is_dead);

/* Another attempt of a call of this peer whose ticket came up. Returns true when the call has
 * ended. */
bool peer_try_again(struct call *c);

/* Answers every call, and what else has come, as cancelled: the daemon stops. */
void peer_stop(struct peer *p);
