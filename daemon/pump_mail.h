/* pump_mail.h — orders for a thread's streams: put by the loop, taken by the thread. One stream has
 * at most one letter, with all its orders.
 *
 * Knows nothing of what an order means. Never blocks for long. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "pump_stream.h"

struct pump_mail {
    int fd; /* readable when there is something; -1: closed, and all else is not there either */
    pthread_mutex_t lock;
    struct pump_stream *first;
    bool is_last;
};

/* Returns 0 or -errno. */
int pump_mail_open(struct pump_mail *m);
void pump_mail_done(struct pump_mail *m);

/* -- the loop's -- */

void pump_mail_put(struct pump_mail *m, struct pump_stream *s, enum pump_order order);

/* The thread is to end, when it has taken what was put before. */
void pump_mail_put_last(struct pump_mail *m);

/* Takes back orders that a stream will not need any more: afterwards it may be freed. */
void pump_mail_forget(struct pump_mail *m, struct pump_stream *s);

/* -- the thread's -- */

/* Before it takes all there is: what comes from now on is told by `fd` anew. */
void pump_mail_heed(struct pump_mail *m);

/* The next stream that is not over, with its orders, or NULL. */
struct pump_stream *pump_mail_take(struct pump_mail *m, unsigned *ret_orders);

/* Whether there is nothing left to take, and the thread is to end. */
bool pump_mail_is_last(struct pump_mail *m);
