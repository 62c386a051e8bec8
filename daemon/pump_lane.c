#include "pump_lane.h"

#include <errno.h>

#include "pump_ends.h"

/* What a read costs apart from its bytes; what must come at once for a pipe to be worth it. */
enum { READ_COST_BYTES = 4 << 10, BULK_BYTES = 16 << 10 };

void pump_lane_drop(struct pump_lane *lane)
{
    buf_done(&lane->rest);
    lane->has_rest = false;
    pump_pipe_give(lane->pipe);
    lane->pipe = NULL;
}

int pump_lane_keep(struct pump_lane *lane, const char *data, size_t n)
{
    buf_add(&lane->rest, data, n);
    lane->has_rest = true;
    return lane->rest.failed ? -ENOMEM : 0;
}

/* Returns 0 when all was taken, or -errno; *ret_n_taken says how far it came. An empty packet is
 * written, too. */
static int write_all(struct pump_stream *s, const struct pump_way *way, const char *data, size_t n,
                     size_t *ret_n_taken)
{
    size_t n_taken = 0;
    ssize_t r;

    do {
        r = way->write(s, data + n_taken, n - n_taken);
        if (r > 0)
            n_taken += (size_t)r;
    } while (r >= 0 && n_taken < n);
    *ret_n_taken = n_taken;
    return r < 0 ? (int)r : 0;
}

static int write_rest(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way)
{
    size_t n = buf_len(&lane->rest), n_taken;
    const char *data = n ? lane->rest.data + lane->rest.start : "";
    int r = write_all(s, way, data, n, &n_taken);

    buf_drop(&lane->rest, n_taken);
    if (r == 0)
        pump_lane_drop(lane);
    else if (r != -EAGAIN)
        way->sink_failed(s, -r);
    return r == -EAGAIN ? r : 0;
}

static int empty_pipe(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way)
{
    ssize_t r = 1;

    while (r > 0 && lane->pipe->n > 0)
        r = pump_ends_empty(s, lane->pipe);
    if (r == -EAGAIN)
        return -EAGAIN;
    if (r < 0)
        way->sink_failed(s, (int)-r);
    else
        pump_lane_drop(lane);
    return 0;
}

/* Bulk from the net goes through a pipe as long as there is one. Returns as copy, or 1: not
 * this time. */
static int fill_pipe(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                     struct pump_pipes *pipes, ssize_t *left)
{
    ssize_t n;

    if (lane != &s->down || !lane->is_bulk || !s->net.may_splice || s->is_client_deaf)
        return 1;
    lane->pipe = pump_pipe_take(pipes);
    if (!lane->pipe)
        return 1;
    n = pump_ends_fill(s, lane->pipe);
    lane->is_bulk = n == -EAGAIN || n >= BULK_BYTES;
    if (n <= 0)
        pump_lane_drop(lane);
    if (n == 0)
        return 1;
    if (n == -EAGAIN)
        return -EAGAIN;
    if (n < 0) {
        way->source_ended(s, (int)-n);
        return 0;
    }
    *left -= n + READ_COST_BYTES;
    return 0;
}

/* Reads once and writes that. Returns 0, -EAGAIN when the source has nothing or the sink is full,
 * or -ENOMEM. */
static int copy(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                char *scratch, ssize_t *left)
{
    size_t n_room = s->net.ops->is_packets ? PUMP_PACKET_BYTES + 1 : PUMP_SCRATCH_BYTES;
    ssize_t n = way->read(s, scratch, n_room);
    size_t n_taken;
    int r;

    if (n == -EAGAIN)
        return -EAGAIN;
    if (n < 0) {
        way->source_ended(s, (int)-n);
        return 0;
    }
    *left -= n + READ_COST_BYTES;
    lane->is_bulk = n >= BULK_BYTES;
    r = write_all(s, way, scratch, (size_t)n, &n_taken);
    if (r == -EAGAIN)
        return pump_lane_keep(lane, scratch + n_taken, (size_t)n - n_taken);
    if (r < 0)
        way->sink_failed(s, -r);
    return 0;
}

int pump_lane_deliver(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way)
{
    return lane->has_rest ? write_rest(s, lane, way) : empty_pipe(s, lane, way);
}

int pump_lane_move(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                   struct pump_scratch *scratch, ssize_t *left)
{
    int r = fill_pipe(s, lane, way, &scratch->pipes, left);

    return r == 1 ? copy(s, lane, way, scratch->data, left) : r;
}
