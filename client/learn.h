/* learn.h — what a session has told the daemon that a new one would not know: who is talking, the
 * default timeout, subscriptions. Learnt from requests that succeeded, so that it does not matter
 * which function or text they were made with. */
#pragma once
#include "client/reply.h"

/* Ids of the library's own requests; the caller's count from 1. */
#define LEARN_FIRST_ID (INT64_C(1) << 52)

/* `p` was answered by `reply`, which was no error. Returns 0, or -1 when memory is out. */
int learn_reply(berth *b, const struct pending *p, struct reply *reply);

/* The answer to a hello, whoever said it. Returns as learn_reply(). */
int learn_hello(berth *b, const struct reply *reply);

/* Appends hello's parameters: who was introduced, and the token. */
void learn_write_hello(const berth *b, struct buf *params);

/* An event has come: notes how far it got, and gives the subscription the number that the caller
 * knows. Returns 0, or -1 with the session's error set. */
int learn_event(berth *b, struct reply *reply);

/* The other way round: the parameters of an unsubscribe in today's number. Appends the line. */
void learn_translate(const berth *b, const struct pending *p, struct buf *line);

/* Tells the connection's new session all of it; b->ride says what became of the old one. Returns
 * how many answers will come to ids from LEARN_FIRST_ID on, or -1 when the session is over. */
int learn_tell(berth *b);

/* One of them. Returns how many more will come because of it, or -1. */
int learn_told(berth *b, const struct reply *reply);

void learn_done(struct learnt *l);
