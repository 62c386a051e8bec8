/* queue.h — requests on their way: kept until they are answered, sent when there is a connection,
 * and sent again or answered in the daemon's stead when there was a break. */
#pragma once
#include "client/session.h"

/* Keeps the finished line in b->line and sends it, if there is a connection; as ride_send(). */
int queue_add(berth *b, int64_t id, const struct method *method, int fd, bool is_sync);

/* The call that waited for `id` has ended. */
void queue_forget(berth *b, int64_t id);

/* The connection broke: what of the requests may have been read. */
void queue_break(berth *b);

/* Answers those whose time ran out while there was no daemon to say so. Returns 0, or -1 when the
 * session is over. */
int queue_end_late(berth *b);

/* A new connection is ready: sends all, in their order, but those that may have had an effect; they
 * are answered as RESTARTED. Returns as queue_end_late(). */
int queue_resume(berth *b);
