/* pump_thread.h — one thread of the pump: waits for the ends of its streams, gives each that is
 * ready a turn, and reports those that are over. Here epoll is; what a turn does is pump_stream's.
 *
 * Edge-triggered: an end that is ready is remembered in its stream until it says that it blocks. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "pump_stream.h"

struct pump_thread;

/* Where all threads put streams that are over. */
struct pump_ended {
    pthread_mutex_t lock;
    int event_fd; /* readable when there are some */
    struct pump_stream *streams;
};

/* Starts a thread. Returns 0 or -errno. */
int pump_thread_start(struct pump_ended *ended, int linger_ms, struct pump_thread **ret);

/* Ends the thread, waits for that, and frees the streams it still has. Those that it reported may
 * still be asked for, until it is freed, too. */
void pump_thread_end(struct pump_thread *t);
void pump_thread_free(struct pump_thread *t);

/* Streams it has. For any thread. */
int pump_thread_n_streams(const struct pump_thread *t);

/* Sends the stream to its thread, or an order about it. For the loop; never blocks for long. */
void pump_thread_order(struct pump_stream *s, enum pump_order order);

/* Takes back orders that a stream will not need any more: afterwards it may be freed. */
void pump_thread_forget(struct pump_stream *s);
