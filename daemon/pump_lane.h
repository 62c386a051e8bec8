/* pump_lane.h — one direction of a stream: reads at one end, writes at the other, and keeps what is
 * not taken at once. Copies, or passes it through a pipe where much comes at once and the net
 * allows it.
 *
 * What the ends say is told through the lane's way; what follows from it is pump_stream's. */
#pragma once
#include "pump_stream.h"

/* From where to where, and what becomes of the lane when its source or its sink says something that
 * is not -EAGAIN: an errno. */
struct pump_way {
    ssize_t (*read)(struct pump_stream *s, char *data, size_t n);
    ssize_t (*write)(struct pump_stream *s, const char *data, size_t n);
    void (*source_ended)(struct pump_stream *s, int error);
    void (*sink_failed)(struct pump_stream *s, int error);
};

/* What the lane still holds is lost. */
void pump_lane_drop(struct pump_lane *lane);

/* Puts something behind what it holds. Returns 0 or -ENOMEM. */
int pump_lane_keep(struct pump_lane *lane, const char *data, size_t n);

static inline bool pump_lane_holds(const struct pump_lane *lane)
{
    return lane->has_rest || lane->pipe;
}

/* Writes what it holds. Returns 0 when that is gone, or -EAGAIN. */
int pump_lane_deliver(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way);

/* Reads once and writes that, for a lane that holds nothing. Returns 0, -EAGAIN when the source has
 * nothing or the sink is full, or -ENOMEM. *left shrinks by what that cost, in bytes. */
int pump_lane_move(struct pump_stream *s, struct pump_lane *lane, const struct pump_way *way,
                   struct pump_scratch *scratch, ssize_t *left);
