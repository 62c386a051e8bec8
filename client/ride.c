#include "client/ride.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/failure.h"
#include "client/greet.h"
#include "client/learn.h"
#include "client/queue.h"

/* Seconds between tries: growing, and each a bit different, so that a thousand clients do not come
 * at once. */
static const double first_pause = 0.02, longest_pause = 0.5;

/* A connection that lived so long was a good one, even if nothing was asked on it. */
static const double steady_seconds = 1;

void ride_init(berth *b)
{
    b->ride.window = RIDE_SECONDS;
    b->ride.connected_at = pending_now();
    pending_init(&b->ride.requests);
    waker_init(&b->ride.waker);
}

void ride_done(berth *b)
{
    pending_done(&b->ride.requests);
    learn_done(&b->ride.learnt);
    free(b->ride.path);
}

static bool is_kept(const berth *b)
{
    return b->ride.path != NULL;
}

/* -- requests out ------------------------------------------------------------------------------ */

int ride_send(berth *b, int64_t id, const struct method *method, int fd, bool is_sync)
{
    if (!is_kept(b))
        return reply_put(b, b->line.data + b->line.start, buf_len(&b->line), fd);
    if (!b->ride.is_introduced && greet_say_hello(b) < 0)
        return -1;
    return queue_add(b, id, method, fd, is_sync);
}

void ride_forget(berth *b, int64_t id)
{
    queue_forget(b, id);
}

/* -- away -------------------------------------------------------------------------------------- */

/* Half to whole. */
static double with_jitter(double seconds)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return seconds * (0.5 + 0.5 * (double)(t.tv_nsec / 100 * 7919 % 1000) / 1000);
}

static int watch(berth *b)
{
    int r = waker_watch(&b->ride.waker, b->frame.fd, frame_pending(&b->frame) > 0);

    return r < 0 ? session_break(b, -r) : 0;
}

/* Sends what the socket takes, and watches for room if there is more. */
static int flush(berth *b)
{
    return reply_traffic_out(b) < 0 ? -1 : watch(b);
}

static int wake_in(berth *b, double seconds)
{
    int r = waker_set(&b->ride.waker, seconds);

    return r < 0 ? session_break(b, -r) : 0;
}

/* The connection is of no use any more. */
static void leave(berth *b)
{
    struct ride *ride = &b->ride;

    waker_watch(&ride->waker, -1, false);
    frame_done(&b->frame);
    ride->state = RIDE_AWAY;
    ride->n_owed = 0;
    ride->next_try = pending_now() + with_jitter(ride->pause);
    ride->pause = ride->pause > 0 ? fmin(ride->pause * 1.7, longest_pause) : first_pause;
}

static int give_up(berth *b)
{
    waker_watch(&b->ride.waker, -1, false);
    frame_done(&b->frame);
    b->ride.state = RIDE_AWAY;
    waker_set(&b->ride.waker, 0); /* whoever watches is to see the end */
    return session_break(b, ECONNRESET);
}

static int connect_again(berth *b)
{
    int fd = connection_try(b->ride.path);

    if (fd < 0) {
        leave(b);
        return 0;
    }
    frame_init(&b->frame, fd, SESSION_REPLY_BYTES);
    b->frame.takes_losses = true;
    origin_move(&b->origin, fd);
    return greet_begin(b) < 0 ? -1 : reply_traffic_out(b);
}

/* The connection is as the old one was. */
static int come_home(berth *b)
{
    struct ride *ride = &b->ride;

    ride->state = RIDE_HOME;
    ride->is_greeted = true;
    ride->is_useful = false;
    ride->connected_at = pending_now();
    ride->n_rides++;
    return queue_resume(b) < 0 ? -1 : wake_in(b, -1);
}

/* -- replies in -------------------------------------------------------------------------------- */

/* The daemon stops, and has not done what was asked: the next one will. */
static bool is_refusal(const berth *b, const struct reply *reply)
{
    uint32_t data = reply->m.error ? json_member(&b->json, reply->m.error, "data") : 0;
    uint32_t name = data ? json_member(&b->json, data, "name") : 0;
    uint32_t sent = data ? json_member(&b->json, data, "sent") : 0;
    int64_t n = 0;

    if (b->ride.window <= 0 || !name || b->json.tokens[name].type != JSON_STRING ||
        !json_equals(&b->json, name, "STOPPING", 8))
        return false;
    return !sent || (json_get_integer(&b->json, sent, &n) && n == 0);
}

/* Whether the reply was for us. Returns 1, 0 when it is the caller's, or -1. */
static int takes(berth *b, struct reply *reply)
{
    struct pending *p;
    int r = 0;

    if (reply->m.method)
        return learn_event(b, reply);
    if (!reply->m.has_id && b->ride.state != RIDE_HOME) {
        leave(b); /* it will not have us: perhaps later */
        return 1;
    }
    if (!reply->m.has_id)
        return 0;
    if (greet_owns(reply)) {
        r = greet_take(b, reply);
        return r < 0 || (r > 0 && come_home(b) < 0) ? -1 : 1;
    }
    if (!(p = pending_find(&b->ride.requests, reply->m.id)))
        return 0;
    if (is_refusal(b, reply)) {
        p->is_refused = true;
        return 1;
    }
    if (!reply->m.error && learn_reply(b, p, reply) < 0)
        r = session_break(b, ENOMEM);
    pending_remove(&b->ride.requests, p);
    b->ride.is_useful = true;
    return r;
}

/* The wire's next line that is the caller's. */
static int next(berth *b, struct reply *ret)
{
    int r, taken;

    while ((r = reply_next_line(b, ret)) > 0 && is_kept(b)) {
        if ((taken = takes(b, ret)) == 0)
            break;
        if (ret->fd >= 0)
            close(ret->fd);
        if (taken < 0)
            return -1;
    }
    return r;
}

int ride_next_line(berth *b, struct reply *ret)
{
    const char *made = b->ride.made;
    enum ride_state state = b->ride.state;
    int r;

    b->ride.made = NULL;
    if (made)
        return reply_read(b, made, strlen(made), ret);
    r = next(b, ret);
    if (r == 0 && state != RIDE_HOME && flush(b) < 0)
        return -1;
    return r;
}

/* -- the break --------------------------------------------------------------------------------- */

/* A daemon that has never answered, or refuses us, is not one that was restarted. */
static bool may_ride(const berth *b)
{
    return is_kept(b) && b->ride.window > 0 && (b->broken == ECONNRESET || b->broken == EPIPE) &&
           (b->ride.is_greeted || b->frame.n_flushed == 0);
}

/* What came before the end is answered; a line without its end is not. */
static int keep_replies(berth *b)
{
    struct frame *f = &b->frame;
    struct reply reply;
    int r = 1;

    while (r > 0 && f->fd >= 0 && buf_len(&f->in) &&
           memchr(f->in.data + f->in.start, '\n', buf_len(&f->in)))
        if ((r = next(b, &reply)) > 0 && reply_park(b, &reply) < 0)
            r = -1;
    return r < 0 ? -1 : 0;
}

static int set_out(berth *b)
{
    struct ride *ride = &b->ride;

    b->broken = 0;
    failure_clear(b);
    if (keep_replies(b) < 0)
        return -1;
    queue_break(b);
    /* One that hangs up again and again is the same break, and is tried with pauses. */
    if (ride->n_rides == 0 || ride->is_useful ||
        pending_now() - ride->connected_at > steady_seconds) {
        ride->broken_at = pending_now();
        ride->pause = 0;
    }
    leave(b);
    return 0;
}

/* One step on the way. */
static int go_on(berth *b)
{
    struct ride *ride = &b->ride;
    struct reply reply;
    int r = 0;

    if (pending_now() >= ride->broken_at + ride->window)
        return give_up(b);
    if (queue_end_late(b) < 0)
        return -1;
    if (ride->state == RIDE_AWAY) {
        if (pending_now() >= ride->next_try && connect_again(b) < 0)
            return -1;
    } else if (reply_traffic(b) < 0) {
        if (b->broken != ECONNRESET && b->broken != EPIPE)
            return -1;
        b->broken = 0;
        failure_clear(b);
        leave(b);
    }
    while (ride->state != RIDE_HOME && (r = next(b, &reply)) > 0)
        if (reply_park(b, &reply) < 0)
            return -1;
    if (r < 0)
        return -1;
    if (ride->state == RIDE_AWAY)
        r = wake_in(b, fmax(ride->next_try - pending_now(), 0));
    else if (ride->state != RIDE_HOME)
        r = wake_in(b, longest_pause);
    return r < 0 ? -1 : flush(b);
}

int ride_traffic(berth *b)
{
    if (b->ride.state == RIDE_HOME) {
        if (reply_traffic(b) == 0)
            return watch(b);
        if (!may_ride(b))
            return -1;
        if (set_out(b) < 0)
            return -1;
    }
    return go_on(b);
}

int ride_traffic_out(berth *b)
{
    if (b->ride.state != RIDE_HOME)
        return 0;
    return flush(b);
}

int ride_wait(berth *b)
{
    struct pollfd p = {.fd = b->frame.fd,
                       .events = frame_pending(&b->frame) ? POLLIN | POLLOUT : POLLIN};
    double seconds = longest_pause;
    int ms = -1;

    if (b->ride.state == RIDE_AWAY)
        seconds = fmax(b->ride.next_try - pending_now(), 0);
    if (b->ride.state != RIDE_HOME)
        ms = (int)ceil(seconds * 1000);
    if (poll(&p, 1, ms) < 0 && errno != EINTR)
        return session_break(b, errno);
    return ride_traffic(b);
}

int ride_fd(berth *b)
{
    int r;

    if (!is_kept(b))
        return b->frame.fd;
    if (b->ride.waker.epoll < 0) {
        if ((r = waker_open(&b->ride.waker)) < 0)
            return failure_local(b, -r, NULL, "cannot watch the session: %s", strerror(-r));
        if (watch(b) < 0 || (b->ride.state != RIDE_HOME && wake_in(b, 0) < 0))
            return -1;
    }
    return b->ride.waker.epoll;
}
