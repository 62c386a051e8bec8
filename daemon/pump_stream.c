#include "pump_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "pump_ends.h"
#include "pump_lane.h"
#include "pump_stuck.h"

/* What one direction may move before others have their turn. */
enum { TURN_BYTES = 512 << 10 };

/* How a lane ends.
 *
 * What was read before is delivered first; then the other side is told, as it would be told if both
 * were one connection, and either this lane alone is over or the stream is. */

enum tell {
    TELL_CLIENT_END,   /* shut down: its reads come to the end */
    TELL_CLIENT_RESET, /* its reads fail */
    TELL_CLIENT_DEAF,  /* its writes fail */
    TELL_NET_END,
    TELL_NET_RESET,
};

struct pump_ending {
    bool is_patient; /* waits for a slow receiver */
    enum tell tell;
    bool ends_stream;
    enum pump_how how;
};

/* clang-format off */
static const struct pump_ending
    /* client to net            patient  tell               the stream ends */
    client_end               = {true,    TELL_NET_END,      false, 0},
    client_left_data_unread  = {false,   TELL_NET_RESET,    true,  PUMP_CLIENT_RESET},
    net_takes_no_more        = {false,   TELL_CLIENT_DEAF,  false, 0},
    /* net to client */
    net_end                  = {true,    TELL_CLIENT_END,   false, 0},
    net_failed               = {true,    TELL_CLIENT_RESET, true,  PUMP_NET_RESET};
/* clang-format on */

/* Both lanes over is the plain end of the stream. A net that fails after its end loses only what
 * goes to it: net_takes_no_more, and its client's reads come to the end they were told.
 * A client that closes everything is client_end, too: what the net sends after that makes it
 * client_left_data_unread. */

/* Returns 0 or -EAGAIN. */
static int tell(struct pump_stream *s, enum tell what)
{
    switch (what) {
    case TELL_CLIENT_END:
        pump_client_shut(&s->client);
        break;
    case TELL_CLIENT_RESET:
        s->client_sees_reset = true; /* when it is hung up */
        break;
    case TELL_CLIENT_DEAF:
        pump_client_deafen(&s->client);
        break;
    case TELL_NET_END:
        return pump_stream_pause(s) == PUMP_PAUSE_DOUBTS ? -EAGAIN : pump_ends_shut_net(s);
    case TELL_NET_RESET:
        s->net.ops->reset(&s->net);
        break;
    }
    return 0;
}

/* -- a lane ----------------------------------------------------------------------------------- */

/* Returns 0 when the lane is over, or -EAGAIN. */
static int lane_end(struct pump_stream *s, struct pump_lane *lane)
{
    const struct pump_ending *ending = lane->ending;

    if (tell(s, ending->tell) == -EAGAIN)
        return -EAGAIN;
    lane->is_over = true;
    if (ending->ends_stream)
        pump_stream_end(s, ending->how, ending->how == PUMP_NET_RESET ? s->net_error : 0);
    return 0;
}

/* Whether the lane ends without waiting for what it cannot deliver now. Where there is no reset,
 * nothing else would tell that something is missing. */
static bool lane_gives_up(const struct pump_stream *s, struct pump_lane *lane)
{
    if (lane == &s->up && s->is_client_reset && !s->net.ops->has_no_reset)
        lane->ending = &client_left_data_unread;
    if (!lane->ending || lane->ending->is_patient)
        return false;
    pump_lane_drop(lane);
    return true;
}

/* Does the next thing. Returns 0, -EAGAIN or -ENOMEM. */
static int lane_step(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                     struct pump_scratch *scratch, ssize_t *left)
{
    if (pump_lane_holds(lane))
        return pump_lane_deliver(s, lane, way);
    if (lane->ending)
        return lane_end(s, lane);
    return pump_lane_move(s, lane, way, scratch, left);
}

/* Returns whether it could go on. */
static bool lane_run(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                     struct pump_scratch *scratch)
{
    ssize_t left = TURN_BYTES;
    int r;

    while (!lane->is_over && !s->is_over) {
        if (left <= 0)
            return true;
        r = lane_step(s, lane, way, scratch, &left);
        if (r == -EAGAIN && !lane_gives_up(s, lane))
            return false;
        if (r == -ENOMEM)
            pump_stream_end(s, PUMP_FAILED, ENOMEM);
    }
    return false;
}

/* -- client to net ---------------------------------------------------------------------------- */

static void client_ended(struct pump_stream *s, int error)
{
    if (error != ENODATA)
        s->is_client_reset = true;
    s->up.ending = s->is_client_reset ? &client_left_data_unread : &client_end;
}

/* What it had sent before is still read. */
static void net_refused(struct pump_stream *s, int error)
{
    s->is_net_deaf = true;
    if (error != EPIPE)
        s->net_error = error;
    pump_lane_drop(&s->up);
    s->up.ending = &net_takes_no_more;
}

static const struct pump_way up = {pump_ends_read_client, pump_ends_write_net, client_ended,
                                   net_refused};

/* -- net to client ---------------------------------------------------------------------------- */

/* An error is told once: if writing was told it, reading comes to what looks like the plain end.
 * With packets a reset comes before those that had arrived. */
static void net_ended(struct pump_stream *s, int error)
{
    if (error == ECONNRESET && s->net.ops->is_packets && !s->net_error) {
        s->net_error = error;
        return;
    }
    if (error != ENODATA && !s->net_error)
        s->net_error = error;
    s->down.ending = s->net_error ? &net_failed : &net_end;
}

static void client_refused(struct pump_stream *s, int error)
{
    struct pollfd now = {.fd = s->client.fd};

    pump_lane_drop(&s->down);
    if (error != EPIPE) {
        pump_stream_end(s, PUMP_FAILED, error);
        return;
    }
    poll(&now, 1, 0);
    s->client_watch.told |= (unsigned)now.revents & POLLHUP;
    if (pump_ends_is_client_gone(s)) {
        s->is_client_reset = true;
        s->client_watch.ready |= POLLIN;
    } else {
        s->is_client_deaf = true;
    }
}

static const struct pump_way down = {pump_ends_read_net, pump_ends_write_client, net_ended,
                                     client_refused};

/* -- the whole -------------------------------------------------------------------------------- */

int pump_stream_new(const struct pump_request *request, struct pump_stream **ret,
                    int *ret_client_fd)
{
    struct pump_stream *s = calloc(1, sizeof *s);
    int r = -ENOMEM;

    if (!s)
        return -ENOMEM;
    s->client.fd = -1;
    s->net = request->net;
    s->user = request->user;
    s->net_watch = s->client_watch = (struct pump_watch){s, POLLIN | POLLOUT, 0, 0};
    s->read_wants = POLLIN;
    s->write_wants = POLLOUT;
    if (request->n_ahead && pump_lane_keep(&s->down, request->ahead, request->n_ahead) < 0)
        goto fail;
    r = pump_client_open(&s->client, s->net.ops->is_packets, ret_client_fd);
    if (r < 0)
        goto fail;
    if (s->net.ops->is_packets)
        pump_client_fit(*ret_client_fd, s->net.fd);
    s->client_name = pump_stuck_name(*ret_client_fd);
    *ret = s;
    return 0;
fail:
    pump_stream_free(s);
    return r;
}

void pump_stream_free(struct pump_stream *s)
{
    if (!s)
        return;
    pump_stream_hang_up(s);
    free(s);
}

void pump_stream_note(struct pump_watch *watch, unsigned events)
{
    struct pump_stream *s = watch->stream;
    unsigned told = events & (POLLRDHUP | POLLHUP | POLLERR | POLLPRI);

    watch->told |= told;
    if (watch == &s->net_watch && (events & POLLPRI))
        s->net.may_splice = false; /* splice(2) does not get past what is urgent */
    if (watch == &s->client_watch && (events & POLLRDHUP) && !(events & POLLHUP))
        s->has_said_end = true;
    watch->ready |= events & (POLLIN | POLLOUT);
    if (told)
        watch->ready |= POLLIN | POLLOUT;
    if (watch == &s->client_watch && (events & POLLERR))
        s->is_client_reset = true;
}

/* Does what both lanes together mean. */
static void settle(struct pump_stream *s)
{
    bool is_gone = pump_ends_is_client_gone(s);

    if (s->is_over || !s->up.is_over)
        return;
    if (s->net.ops->is_endless && is_gone)
        pump_stream_end(s, PUMP_FINISHED, 0);
    else if (s->is_client_reset) {
        s->up.ending = &client_left_data_unread;
        lane_end(s, &s->up);
    } else if (s->is_left)
        pump_stream_end(s, PUMP_LEFT, 0);
    else if (s->down.is_over)
        pump_stream_end(s, s->is_net_deaf ? PUMP_NET_RESET : PUMP_FINISHED,
                        s->is_net_deaf ? EPIPE : 0);
}

/* After the lane has run: what was written last is passed on, too. */
static void flush(struct pump_stream *s)
{
    int r = s->up.is_over || s->is_over ? 0 : pump_ends_flush_net(s);

    if (r < 0 && r != -EAGAIN)
        net_refused(s, -r);
}

enum pump_turn pump_stream_run(struct pump_stream *s, struct pump_scratch *scratch)
{
    bool more;

    more = lane_run(s, &s->down, &down, scratch);
    more |= lane_run(s, &s->up, &up, scratch);
    flush(s);
    settle(s);
    if (s->is_over)
        return PUMP_TURN_OVER;
    return more ? PUMP_TURN_MORE : PUMP_TURN_WAITS;
}

/* What the client wrote before is still there to be read. */
void pump_stream_leave(struct pump_stream *s, bool is_unsaid)
{
    s->is_left = true;
    s->is_end_unsaid = is_unsaid && !s->has_said_end;
    pump_client_deafen(&s->client);
    s->client_watch.told |= POLLRDHUP | POLLHUP;
    s->client_watch.ready |= POLLIN;
}

static bool may_be_held_up(const struct pump_stream *s)
{
    return s->client.keeps_much && !(s->client_watch.ready & POLLIN) && !s->up.is_over;
}

static bool doubts(const struct pump_stream *s)
{
    return s->net.ops->says_end && s->up.ending == &client_end && !s->has_said_end &&
           !s->is_believed;
}

enum pump_pause pump_stream_pause(const struct pump_stream *s)
{
    if (s->is_left)
        return PUMP_PAUSE_LEAVES;
    if (pump_ends_is_client_gone(s) && s->up.is_over)
        return PUMP_PAUSE_LINGERS;
    if (pump_ends_is_client_gone(s) && doubts(s))
        return PUMP_PAUSE_DOUBTS;
    return may_be_held_up(s) ? PUMP_PAUSE_HELD_UP : PUMP_PAUSE_NONE;
}

/* Lets go of what is kept of the client's bytes if the kernel says that it holds the client up. */
static void let_go(struct pump_stream *s, int netlink_fd)
{
    s->client.keeps_much = false;
    if (pump_stuck_ask(netlink_fd, s->client_name)) {
        pump_client_let_go(&s->client);
        s->was_held_up = true;
    }
}

/* The net has not taken all. */
static void give_up(struct pump_stream *s)
{
    s->net.ops->reset(&s->net);
    pump_stream_end(s, PUMP_LINGERED, 0);
}

enum pump_turn pump_stream_go_on(struct pump_stream *s, int netlink_fd)
{
    switch (s->pause) {
    case PUMP_PAUSE_HELD_UP:
        let_go(s, netlink_fd);
        return PUMP_TURN_WAITS;
    case PUMP_PAUSE_DOUBTS:
        s->is_believed = true;
        return PUMP_TURN_MORE;
    case PUMP_PAUSE_LEAVES:
        if (pump_ends_progress(s) != s->progress)
            return PUMP_TURN_MORE;
        give_up(s);
        return PUMP_TURN_OVER;
    case PUMP_PAUSE_LINGERS:
        pump_stream_end(s, PUMP_LINGERED, 0);
        return PUMP_TURN_OVER;
    case PUMP_PAUSE_NONE:
        break;
    }
    return PUMP_TURN_WAITS;
}

void pump_stream_end(struct pump_stream *s, enum pump_how how, int error)
{
    s->is_over = true;
    s->how = how;
    s->error = error;
    if (how == PUMP_FAILED)
        s->net.ops->reset(&s->net);
    if (how != PUMP_FINISHED && !s->down.is_over)
        s->client_sees_reset = true;
}

void pump_stream_hang_up(struct pump_stream *s)
{
    pump_lane_drop(&s->up);
    pump_lane_drop(&s->down);
    if (s->client.fd < 0)
        return;
    if (s->client_sees_reset)
        pump_client_reset(&s->client);
    else
        pump_client_finish(&s->client);
}
