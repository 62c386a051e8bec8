/* pump_ends.h — reading and writing at the two ends of a stream, with what is known of their
 * readiness: an end that is known to block is not asked. Counts what goes through the net.
 *
 * Knows what the ends say, not what follows from it: that is pump_stream. */
#pragma once
#include "pump_stream.h"

/* Up to n bytes, or one packet; -EAGAIN, -ENODATA or another -errno (pump_net.h). */
ssize_t pump_ends_read_net(struct pump_stream *s, char *data, size_t n);
ssize_t pump_ends_read_client(struct pump_stream *s, char *data, size_t n);

/* How much was taken, -EAGAIN, or -errno: -EPIPE when the other side takes no more. */
ssize_t pump_ends_write_net(struct pump_stream *s, const char *data, size_t n);
ssize_t pump_ends_write_client(struct pump_stream *s, const char *data, size_t n);

/* The same through a pipe: from the net, and on to the client. 0 from the net: the end, or
 * something urgent; a read can tell. */
ssize_t pump_ends_fill(struct pump_stream *s, struct pump_pipe *pipe);
ssize_t pump_ends_empty(struct pump_stream *s, struct pump_pipe *pipe);

/* A number that changes when the peer takes something. */
int64_t pump_ends_progress(const struct pump_stream *s);

/* Passes on what the net still holds, or tells it that we are done. 0, -EAGAIN or -errno. */
int pump_ends_flush_net(struct pump_stream *s);
int pump_ends_shut_net(struct pump_stream *s);

/* Whether nobody has the client's end any more. */
bool pump_ends_is_client_gone(const struct pump_stream *s);
