/* reply.h — what the daemon sends: lines off the wire, read as replies, kept while nobody wants
 * them. */
#pragma once
#include "client/session.h"
#include "proto/message.h"

struct reply {
    struct message_reply m; /* its tokens are of b->json */
    const char *line;       /* valid until the next traffic */
    size_t n_line;
    int fd; /* came with it; owned by whoever holds the reply. -1: none */
};

/* Queues a finished line; a copy of `fd` (-1: none) goes with it. All or nothing. Returns 0 or -1.
 */
int reply_put(berth *b, const char *line, size_t n, int fd);

/* Queues a request of the library's own; `id` < 0: one without an answer. `params` is an object as
 * text. Returns 0, or -1 when the session is over. */
int reply_ask(berth *b, int64_t id, const char *method, const struct buf *params);

/* Sends and receives what the socket takes and has; does not wait. Returns 0, or -1 when the
 * session is over; whole lines that came before can still be taken. */
int reply_traffic(berth *b);
int reply_traffic_out(berth *b);

/* Scans the next line of the wire into b->json. Returns 1, 0 when none is there, -1 when the
 * session is over. */
int reply_next_line(berth *b, struct reply *ret);

/* Whether a reply is the one to `id`. An error without id is for whoever waits: the daemon could
 * not read which request it was. */
bool reply_answers(const struct reply *reply, int64_t id);

/* Reads a line that did not come off the wire just now, and that lives as long as the call. Returns
 * 1, or -1 when the session is over. */
int reply_read(berth *b, const char *line, size_t n, struct reply *ret);

/* Keeps a reply (and its descriptor) for berth_next_reply(), if somebody may ask for it. Returns 0
 * or -1. */
int reply_park(berth *b, struct reply *reply);

/* The same for one that is made up. */
int reply_park_line(berth *b, const char *line, size_t n);

/* The oldest reply that was kept; its line moves to b->arena. Returns as reply_next_line(). */
int reply_take_parked(berth *b, struct reply *ret);

/* The value at `token` of b->json as malloc'ed text (token 0: "null"), or NULL. */
char *reply_json(berth *b, uint32_t token);
