#include "pump.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "pump_thread.h"

struct pump {
    struct pump_ended ended;
    int linger_ms;
    int n_threads, n_started;
    struct pump_thread *threads[];
};

static int n_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return CPU_COUNT(&set);
}

struct pump *pump_new(int n_threads, int linger_ms)
{
    struct pump *p;

    if (n_threads <= 0)
        n_threads = n_processors();
    p = calloc(1, sizeof *p + (size_t)n_threads * sizeof(struct pump_thread *));
    if (!p)
        return NULL;
    p->ended.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->ended.event_fd < 0) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->ended.lock, NULL);
    p->linger_ms = linger_ms;
    p->n_threads = n_threads;
    return p;
}

void pump_free(struct pump *p)
{
    struct pump_end end;

    if (!p)
        return;
    for (int i = 0; i < p->n_started; i++)
        pump_thread_end(p->threads[i]);
    while (pump_next(p, &end))
        ;
    for (int i = 0; i < p->n_started; i++)
        pump_thread_free(p->threads[i]);
    close(p->ended.event_fd);
    pthread_mutex_destroy(&p->ended.lock);
    free(p);
}

int pump_fd(const struct pump *p)
{
    return p->ended.event_fd;
}

/* The thread with the fewest streams: a new one while those that run all have some. Returns 0 or
 * -errno. */
static int choose(struct pump *p, struct pump_thread **ret)
{
    struct pump_thread *best = NULL;
    int n_best = 0, r;

    for (int i = 0; i < p->n_started; i++) {
        int n = pump_thread_n_streams(p->threads[i]);

        if (!best || n < n_best) {
            best = p->threads[i];
            n_best = n;
        }
    }
    if ((!best || n_best > 0) && p->n_started < p->n_threads) {
        r = pump_thread_start(&p->ended, p->linger_ms, &p->threads[p->n_started]);
        if (r == 0)
            best = p->threads[p->n_started++];
        else if (!best)
            return r;
    }
    *ret = best;
    return 0;
}

int pump_open(struct pump *p, const struct pump_request *request, struct pump_stream **ret,
              int *ret_client_fd)
{
    struct pump_thread *thread = NULL;
    int r = choose(p, &thread);

    if (r < 0)
        return r;
    r = pump_stream_new(request, ret, ret_client_fd);
    if (r < 0)
        return r;
    (*ret)->thread = thread;
    pump_thread_order(*ret, PUMP_ORDER_BEGIN);
    return 0;
}

void pump_stop(struct pump_stream *stream, bool reset)
{
    pump_thread_order(stream, reset ? PUMP_ORDER_RESET : PUMP_ORDER_ABANDON);
}

void pump_leave(struct pump_stream *stream, bool has_died)
{
    pump_thread_order(stream, has_died ? PUMP_ORDER_LEAVE_UNSAID : PUMP_ORDER_LEAVE);
}

void pump_count(const struct pump_stream *stream, int64_t *ret_sent, int64_t *ret_received)
{
    *ret_sent = atomic_load_explicit(&stream->sent, memory_order_relaxed);
    *ret_received = atomic_load_explicit(&stream->received, memory_order_relaxed);
}

bool pump_next(struct pump *p, struct pump_end *ret)
{
    struct pump_stream *s;
    eventfd_t n;

    eventfd_read(p->ended.event_fd, &n);
    pthread_mutex_lock(&p->ended.lock);
    if ((s = p->ended.streams))
        DL_DELETE2(p->ended.streams, s, end_prev, end_next);
    if (p->ended.streams)
        eventfd_write(p->ended.event_fd, 1);
    pthread_mutex_unlock(&p->ended.lock);
    if (!s)
        return false;
    pump_thread_forget(s);
    *ret = (struct pump_end){.user = s->user, .how = s->how, .error = s->error};
    pump_count(s, &ret->sent, &ret->received);
    pump_stream_free(s);
    return true;
}
