/* stream.h — a handle's byte stream: what the pump moves for it, over TLS where that is between.
 * The stream has a copy of the socket, so the handle may be closed while it runs.
 *
 * Stands on pump and tls. Knows a handle's number, no more. All functions are for the loop's
 * thread; none blocks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pump.h"
#include "tls.h"

/* Descriptors that a stream takes beside the handle's own, at most. */
enum { STREAM_FDS = 4 };

/* All of them, with the threads that pump. */
struct streams;
struct stream;

/* Threads are started as streams come. `n_fds`: descriptors that streams may take in all; what was
 * left by its handle gets a part of them. NULL when memory or descriptors are out (errno). */
struct streams *streams_new(int64_t n_fds);

/* Ends those that run, and waits for it a moment: their clients see a reset. NULL is fine. */
void streams_free(struct streams *all);

/* Readable when stream_next has something to do. */
int streams_fd(const struct streams *all);

/* How many run, also of handles that are closed already. */
int64_t streams_count(const struct streams *all);

struct stream_request {
    int64_t handle;
    int fd;            /* borrowed: it is copied */
    struct tls *tls;   /* borrowed until stream_next tells the end; NULL: none. Meanwhile it goes
                          by the stream's copy of the socket */
    bool is_shared;    /* others may have copies of the socket */
    const void *ahead; /* what was read before; copied */
    size_t n_ahead;
};

/* Begins; *ret_client_fd is the client's end, the caller's. Returns 0 or -errno. */
int stream_open(struct streams *all, const struct stream_request *request, struct stream **ret,
                int *ret_client_fd);

/* Bytes that went through since this was asked last. */
void stream_take_counts(struct stream *s, int64_t *ret_sent, int64_t *ret_received);

/* The handle is closed: the stream frees `tls` (taken), NULL or what was borrowed, and ends by
 * itself. One that is abandoned ends at once. One that is left delivers first what its client has
 * sent, and `has_died` tells that nobody has closed it (pump_leave). There is a limit to how many
 * are left at once; when it is reached the one that was left first is reset, of the `owner` who has
 * more than half of them, else of all. */
void stream_abandon(struct stream *s, struct tls *tls);
void stream_leave(struct stream *s, struct tls *tls, uid_t owner, bool has_died);

/* The next stream of a living handle that has ended; it is freed, and its TLS is the handle's alone
 * again. False: there is none. */
struct stream_end {
    int64_t handle;
    enum pump_how how;
    int error;              /* errno */
    int64_t sent, received; /* since stream_take_counts */
};
bool stream_next(struct streams *all, struct stream_end *ret);
