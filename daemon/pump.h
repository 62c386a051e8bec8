/* pump.h — moves bytes between a socket (the net) and a client's end of a socketpair, in threads of
 * its own, so that bulk data never delays the loop that speaks with clients.
 *
 * What one side does, the other sees as if they were one connection: the end of one direction goes
 * on alone, a reset arrives as a reset after what was sent before it, and who does not read stops
 * who writes. Of SOCK_STREAM the client gets a byte stream, of all other types SOCK_SEQPACKET with
 * one packet for each datagram, empty ones too.
 *
 * Stands on pump_thread (the threads' loop) and pump_stream (what becomes of one stream). Knows no
 * handles, sessions or JSON. All functions are for one thread, the loop's; none of them blocks but
 * pump_free. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pump_net.h"

struct pump;
struct pump_stream;

/* How long a client that has closed its end is represented to a net that does not close. As long as
 * the kernel does it for a closed socket (tcp_fin_timeout). */
enum { PUMP_LINGER_MS = 60000 };

/* How long it is open whether a client that closed its end has died (pump_leave), for a net that
 * says the end in its own words. Who dies closes all it has, at once. */
enum { PUMP_DOUBT_MS = 250 };

/* How a stream ended. The net has been shut down or reset accordingly, but never closed. */
enum pump_how {
    PUMP_FINISHED,  /* both directions came to their end; a net without ends: the client closed */
    PUMP_NET_RESET, /* the net was reset or failed: `error` says how */
    PUMP_CLIENT_RESET, /* the client closed before it had read all: the net was reset */
    PUMP_LINGERED,     /* the client closed, and the net did not for the whole linger time; or
                          nothing went to a net that was left: it was reset */
    PUMP_STOPPED,      /* by pump_stop; what had not been delivered is lost */
    PUMP_LEFT,         /* after pump_leave; the net has taken all that the client had sent */
    PUMP_FAILED,       /* our own failure: `error`, mostly ENOMEM; the net was reset */
};

struct pump_end {
    void *user; /* pump_request's */
    enum pump_how how;
    int error;              /* errno, 0: none */
    int64_t sent, received; /* bytes, as pump_count tells them */
};

struct pump_request {
    struct pump_net net; /* borrowed until the stream has ended */
    const void
        *ahead; /* bytes that were read from the net before: the client gets them first. Copied */
    size_t n_ahead;
    void *user;
};

/* At most n_threads threads, 0: one for each processor this process may use. They are started as
 * streams come. NULL when memory or descriptors are out (errno). */
struct pump *pump_new(int n_threads, int linger_ms);

/* Ends the threads and waits for it: not longer than a turn of theirs takes. Streams that live are
 * abandoned, their clients see a reset. NULL is fine. */
void pump_free(struct pump *p);

/* Readable when pump_next has something. */
int pump_fd(const struct pump *p);

/* Begins a stream. *ret_client_fd is the client's end, the caller's to give away and close. Returns
 * 0 or -errno (then nothing has begun). */
int pump_open(struct pump *p, const struct pump_request *request, struct pump_stream **ret,
              int *ret_client_fd);

/* Ends a stream soon: pump_next tells when it has. With `reset`, or when the net had not taken all
 * that the client has sent, the net is reset; otherwise it is left as it is. The client sees a
 * reset, for it has not got all. */
void pump_stop(struct pump_stream *stream, bool reset);

/* The client is done, whether it has closed its end or not: the net is still given what the client
 * sent before, then the end, and the stream ends. What comes from the net is for nobody, so that it
 * is reset. Who still has the client's end cannot write from now on, and sees a reset in the end.
 * A net that takes nothing for the linger time is given up.
 *
 * `has_died`: the client did not come to this by itself. A net that has words for the end does not
 * hear them, unless the client itself has shut down its writing. */
void pump_leave(struct pump_stream *stream, bool has_died);

/* Bytes that the net took from the client, and that came from the net, so far; without `ahead`. */
void pump_count(const struct pump_stream *stream, int64_t *ret_sent, int64_t *ret_received);

/* Tells of one stream that has ended, each once, and frees it. From then on nobody touches its net.
 * False: there is none. */
bool pump_next(struct pump *p, struct pump_end *ret);
