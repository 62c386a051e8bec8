/* ride.h — the session goes on when the daemon is restarted. All of the library's traffic goes
 * through here: requests are kept until they are answered; when the connection breaks another is
 * looked for, for a bounded time, the session is resumed there, and each request that has no answer
 * is sent again if that can do no harm, or else answered as RESTARTED.
 *
 * Knows no public function: what it needs of the caller's wishes it learns from what is sent. */
#pragma once
#include "client/reply.h"

enum {
    RIDE_SECONDS = 12, /* a bit more than the daemon holds a session (10) */
    RIDE_MAX_SECONDS = 86400,
};

void ride_init(berth *b);
void ride_done(berth *b);

/* Sends the finished line in b->line, a request with this id; a copy of `fd` (-1: none) goes with
 * it. `is_sync`: the call waits for it, and b->line stays as it is until ride_forget(). Does not
 * wait. Returns 0 or -1. */
int ride_send(berth *b, int64_t id, const struct method *method, int fd, bool is_sync);

/* The call that waited for `id` has ended, whether it was answered or not. */
void ride_forget(berth *b, int64_t id);

/* As reply_traffic(), reply_traffic_out(), reply_next_line(); a connection that breaks is no end
 * while there is hope. */
int ride_traffic(berth *b);
int ride_traffic_out(berth *b);
int ride_next_line(berth *b, struct reply *ret);

/* Waits for traffic, or until it is time for the next try. Returns 0, or -1 when the session is
 * over. */
int ride_wait(berth *b);

/* The descriptor for event loops; -1 with the session's error set. */
int ride_fd(berth *b);
