/* pump_stream.h — one stream: two ends, a lane in each direction, and what becomes of it when an
 * end says something. Runs when it is told that an end is ready, for a bounded time, and never
 * blocks.
 *
 * Knows no epoll and no other streams; all of it is for the stream's thread, but for what is said
 * to be others'. */
#pragma once
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "heap.h"
#include "proto/buf.h"
#include "pump.h"
#include "pump_client.h"
#include "pump_pipe.h"

/* Where a thread reads to; what is not taken at once moves into the stream's own memory, or stays
 * in the pipe. */
enum { PUMP_SCRATCH_BYTES = 256 << 10 };

/* The largest packet that goes through: as large as a Unix socket takes it whose buffer was not
 * made larger by hand, on most systems. One more byte of scratch tells those that are larger. */
enum { PUMP_PACKET_BYTES = 1 << 20 };

struct pump_scratch {
    char *data;
    struct pump_pipes pipes;
};

/* What another thread wants: a stream is begun once, and may be stopped at any time after. */
enum pump_order {
    PUMP_ORDER_BEGIN = 1,
    PUMP_ORDER_ABANDON = 2,
    PUMP_ORDER_RESET = 4,
    PUMP_ORDER_LEAVE = 8,
    PUMP_ORDER_LEAVE_UNSAID = 16,
};

enum pump_turn {
    PUMP_TURN_WAITS, /* until an end is ready */
    PUMP_TURN_MORE,  /* it could go on: others first */
    PUMP_TURN_OVER,  /* `how` and `error` say how it ended */
};

/* What a stream that waits waits for without being told of it. */
enum pump_pause {
    PUMP_PAUSE_NONE,
    PUMP_PAUSE_HELD_UP, /* that the client sends something, which may not be able to */
    PUMP_PAUSE_DOUBTS,  /* to hear whether a client that closed its end has died */
    PUMP_PAUSE_LINGERS, /* that a net closes whose client did */
    PUMP_PAUSE_LEAVES,  /* that a net takes what its owner has left behind */
};

/* How a lane ends, a row of the table in pump_stream.c; NULL: it has not been told to. */
struct pump_ending;

struct pump_lane {
    struct pump_pipe *pipe; /* something is in it, and there is no rest; or NULL */
    bool is_bulk;           /* much came at once, so that a pipe is worth it */
    struct buf rest;        /* read, and not taken yet */
    bool has_rest;          /* an empty packet is a rest, too */
    bool is_over;           /* and the end was passed on */
    const struct pump_ending *ending;
};

/* An end, as an event's data. */
struct pump_watch {
    struct pump_stream *stream;
    unsigned ready; /* POLLIN, POLLOUT: not known to block */
    unsigned told;  /* POLLRDHUP, POLLHUP, POLLERR, POLLPRI: came once */
    unsigned asked; /* the thread's: what epoll watches for */
};

struct pump_stream {
    struct pump_watch net_watch, client_watch;
    struct pump_net net;
    struct pump_client client;
    uint32_t client_name;             /* of the client's half */
    bool was_held_up;                 /* its buffer is small, and the next time comes soon */
    unsigned read_wants, write_wants; /* of the net: what they wait for */
    struct pump_lane up, down;        /* to the net, to the client */
    bool is_client_reset;             /* it left something unread */
    bool is_client_deaf;              /* it shut down its reading: what comes is dropped */
    bool is_net_deaf;                 /* it takes no more */
    bool is_left;                     /* by its owner: nothing that comes is wanted any more */
    bool has_said_end;  /* the client: it shut down its writing, and did not just close */
    bool is_believed;   /* and has not died, if it closed: time has told */
    bool is_end_unsaid; /* the client has died: its net must not say that it was done */
    int net_error;
    bool is_over;
    enum pump_how how;
    int error;
    bool client_sees_reset;
    _Atomic int64_t sent, received; /* read by all */

    /* The thread's: */
    struct heap_item timer;
    enum pump_pause pause;
    int64_t progress; /* of one that leaves, when the pause began */
    bool is_runnable;
    struct pump_stream *prev, *next;         /* of all its streams */
    struct pump_stream *run_prev, *run_next; /* of those that run */

    /* Under the thread's lock: */
    struct pump_stream *mail_prev, *mail_next;
    unsigned orders;

    /* The loop's, and between the two under the pump's lock: */
    struct pump_thread *thread;
    struct pump_stream *end_prev, *end_next;
    void *user;
};

/* Makes a stream with its pair. Returns 0 or -errno. */
int pump_stream_new(const struct pump_request *request, struct pump_stream **ret,
                    int *ret_client_fd);

/* Hangs up if that was not done. The net is left as it is. NULL is fine. */
void pump_stream_free(struct pump_stream *s);

/* An end has become ready: events as poll has them. */
void pump_stream_note(struct pump_watch *watch, unsigned events);

/* Moves what can be moved. */
enum pump_turn pump_stream_run(struct pump_stream *s, struct pump_scratch *scratch);

/* The client is done, and so is the stream as soon as the net has taken what the client wrote.
 * `is_unsaid`: it did not say so itself. */
void pump_stream_leave(struct pump_stream *s, bool is_unsaid);

/* What one that waits now waits for. */
enum pump_pause pump_stream_pause(const struct pump_stream *s);

/* The pause `s->pause` was long enough. What a turn returns. */
enum pump_turn pump_stream_go_on(struct pump_stream *s, int netlink_fd);

/* Ends it now, but for hanging up. */
void pump_stream_end(struct pump_stream *s, enum pump_how how, int error);

/* Gives back what it has of the thread's, and closes our half, when nobody waits for it any more.
 * The client sees the end it was told, else a reset. */
void pump_stream_hang_up(struct pump_stream *s);
