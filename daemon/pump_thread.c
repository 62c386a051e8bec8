#include "pump_thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "pump_lane.h"
#include "pump_stuck.h"

enum { EVENTS_AT_ONCE = 64, STACK_BYTES = 128 << 10, HOLD_UP_US = 20000 };

struct pump_thread {
    pthread_t id;
    int epoll_fd, wake_fd, netlink_fd;
    int64_t linger_us;
    struct pump_ended *ended;
    struct pump_scratch scratch;
    struct pump_stream *streams, *runnable;
    struct heap timers;
    _Atomic int n_streams;

    pthread_mutex_t lock;
    struct pump_stream *mail; /* with orders */
    bool is_ending;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* -- streams ---------------------------------------------------------------------------------- */

static void make_runnable(struct pump_thread *t, struct pump_stream *s)
{
    if (s->is_runnable)
        return;
    s->is_runnable = true;
    DL_APPEND2(t->runnable, s, run_prev, run_next);
}

static void make_idle(struct pump_thread *t, struct pump_stream *s)
{
    if (!s->is_runnable)
        return;
    s->is_runnable = false;
    DL_DELETE2(t->runnable, s, run_prev, run_next);
}

/* Lets go of both ends, and hands the stream back. */
static void report(struct pump_thread *t, struct pump_stream *s)
{
    epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, s->net.fd, NULL);
    epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, s->client.fd, NULL);
    pump_stream_hang_up(s);
    make_idle(t, s);
    heap_remove(&t->timers, &s->timer);
    DL_DELETE(t->streams, s);
    atomic_fetch_sub(&t->n_streams, 1);
    pthread_mutex_lock(&t->ended->lock);
    DL_APPEND2(t->ended->streams, s, end_prev, end_next);
    pthread_mutex_unlock(&t->ended->lock);
    eventfd_write(t->ended->event_fd, 1);
}

/* What is known to be ready need not be told again: a Unix socket would say that it can be written
 * to each time its peer has read something. */
static unsigned to_ask(const struct pump_watch *with)
{
    return EPOLLIN | EPOLLRDHUP | EPOLLET | (with->ready & EPOLLOUT ? 0 : EPOLLOUT);
}

static int watch(struct pump_thread *t, int operation, int fd, struct pump_watch *with)
{
    struct epoll_event event = {.events = to_ask(with), .data.ptr = with};

    with->asked = event.events;
    return epoll_ctl(t->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

static int watch_again(struct pump_thread *t, int fd, struct pump_watch *with)
{
    return with->asked == to_ask(with) ? 0 : watch(t, EPOLL_CTL_MOD, fd, with);
}

static void fail(struct pump_thread *t, struct pump_stream *s, int error)
{
    pump_stream_end(s, PUMP_FAILED, error);
    report(t, s);
}

static void begin(struct pump_thread *t, struct pump_stream *s)
{
    int r;

    DL_APPEND(t->streams, s);
    r = watch(t, EPOLL_CTL_ADD, s->net.fd, &s->net_watch);
    if (r == 0)
        r = watch(t, EPOLL_CTL_ADD, s->client.fd, &s->client_watch);
    if (r < 0)
        fail(t, s, -r);
    else
        make_runnable(t, s);
}

/* Whether the client has sent what the net has not taken. */
static bool owes(const struct pump_stream *s)
{
    int n = 0;

    if (s->up.is_over)
        return false;
    return pump_lane_holds(&s->up) ||
           (ioctl(s->client.fd, FIONREAD, &n) == 0 && n > s->client.keeps);
}

/* What is lost must not look like all. */
static void stop(struct pump_thread *t, struct pump_stream *s, unsigned orders)
{
    if (orders & PUMP_ORDER_RESET || owes(s))
        s->net.ops->reset(&s->net);
    pump_stream_end(s, PUMP_STOPPED, 0);
    report(t, s);
}

/* Two things are waited for without an end to tell: that a net closes whose client did, and that a
 * client sends something which may not be able to. Returns 0 or -ENOMEM. */
static int set_timer(struct pump_thread *t, struct pump_stream *s)
{
    if (s->is_lingering)
        return 0;
    s->is_lingering = pump_stream_is_lingering(s);
    if (s->is_lingering)
        return heap_put(&t->timers, &s->timer, now_us() + t->linger_us);
    if (pump_stream_may_hold_up(s))
        return heap_put(&t->timers, &s->timer, now_us() + (s->was_held_up ? 0 : HOLD_UP_US));
    heap_remove(&t->timers, &s->timer);
    return 0;
}

static void wait_for(struct pump_thread *t, struct pump_stream *s)
{
    int r = watch_again(t, s->net.fd, &s->net_watch);

    if (r == 0)
        r = watch_again(t, s->client.fd, &s->client_watch);
    if (r == 0)
        r = set_timer(t, s);
    if (r < 0)
        fail(t, s, -r);
}

static void run(struct pump_thread *t, struct pump_stream *s)
{
    enum pump_turn turn = pump_stream_run(s, &t->scratch);

    make_idle(t, s);
    if (turn == PUMP_TURN_OVER)
        report(t, s);
    else if (turn == PUMP_TURN_MORE)
        make_runnable(t, s);
    else
        wait_for(t, s);
}

/* One turn for each that was runnable when this began. */
static void run_all(struct pump_thread *t)
{
    struct pump_stream *last = t->runnable ? t->runnable->run_prev : NULL, *s;

    while (last && (s = t->runnable)) {
        run(t, s);
        if (s == last)
            break;
    }
}

/* -- orders ----------------------------------------------------------------------------------- */

/* Locked. */
static struct pump_stream *take_mail(struct pump_thread *t, unsigned *ret_orders)
{
    struct pump_stream *s = t->mail;

    if (!s)
        return NULL;
    DL_DELETE2(t->mail, s, mail_prev, mail_next);
    *ret_orders = s->orders;
    s->orders = 0;
    return s;
}

/* Takes one order that is still of use. A stream may be freed as soon as it is reported and has no
 * mail, so both are looked at under the lock. */
static struct pump_stream *next_order(struct pump_thread *t, unsigned *ret_orders)
{
    struct pump_stream *s;

    pthread_mutex_lock(&t->lock);
    do
        s = take_mail(t, ret_orders);
    while (s && s->is_over);
    pthread_mutex_unlock(&t->lock);
    return s;
}

/* Returns false when the thread is to end. */
static bool obey(struct pump_thread *t)
{
    struct pump_stream *s;
    unsigned orders;
    eventfd_t n;
    bool is_ending;

    eventfd_read(t->wake_fd, &n);
    while ((s = next_order(t, &orders))) {
        if (orders & PUMP_ORDER_BEGIN)
            begin(t, s);
        if (orders & (PUMP_ORDER_ABANDON | PUMP_ORDER_RESET) && !s->is_over)
            stop(t, s, orders);
    }
    pthread_mutex_lock(&t->lock);
    is_ending = t->is_ending;
    pthread_mutex_unlock(&t->lock);
    return !is_ending;
}

static void give_order(struct pump_thread *t, struct pump_stream *s, enum pump_order order)
{
    pthread_mutex_lock(&t->lock);
    if (s && !s->orders)
        DL_APPEND2(t->mail, s, mail_prev, mail_next);
    if (s)
        s->orders |= order;
    else
        t->is_ending = true;
    pthread_mutex_unlock(&t->lock);
    eventfd_write(t->wake_fd, 1);
}

void pump_thread_order(struct pump_stream *s, enum pump_order order)
{
    if (order == PUMP_ORDER_BEGIN)
        atomic_fetch_add(&s->thread->n_streams, 1);
    give_order(s->thread, s, order);
}

void pump_thread_forget(struct pump_stream *s)
{
    struct pump_thread *t = s->thread;

    pthread_mutex_lock(&t->lock);
    if (s->orders)
        DL_DELETE2(t->mail, s, mail_prev, mail_next);
    s->orders = 0;
    pthread_mutex_unlock(&t->lock);
}

int pump_thread_n_streams(const struct pump_thread *t)
{
    return atomic_load(&t->n_streams);
}

/* -- the loop --------------------------------------------------------------------------------- */

static void expire(struct pump_thread *t)
{
    struct heap_item *item;
    struct pump_stream *s;

    while ((item = heap_first(&t->timers)) && item->at <= now_us()) {
        s = (struct pump_stream *)((char *)item - offsetof(struct pump_stream, timer));
        heap_remove(&t->timers, item);
        if (!s->is_lingering) {
            pump_stream_let_go(s, t->netlink_fd);
            continue;
        }
        pump_stream_end(s, PUMP_LINGERED, 0);
        report(t, s);
    }
}

static int wait_ms(const struct pump_thread *t)
{
    struct heap_item *item = heap_first(&t->timers);
    int64_t ms;

    if (t->runnable)
        return 0;
    if (!item)
        return -1;
    ms = (item->at - now_us()) / 1000 + 1;
    return ms < 0 ? 0 : (int)ms;
}

static void *loop(void *arg)
{
    struct pump_thread *t = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool goes_on = true, has_mail;
    int n;

    while (goes_on) {
        n = epoll_wait(t->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(t));
        has_mail = false;
        for (int i = 0; i < n; i++) {
            struct pump_watch *watched = events[i].data.ptr;

            if (!watched) {
                has_mail = true;
                continue;
            }
            pump_stream_note(watched, events[i].events);
            make_runnable(t, watched->stream);
        }
        run_all(t);
        expire(t);
        if (has_mail)
            goes_on = obey(t);
    }
    return NULL;
}

/* -- life ------------------------------------------------------------------------------------- */

/* Signals are the loop's. */
static int start(struct pump_thread *t)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    r = pthread_create(&t->id, &attr, loop, t);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -r;
}

static int prepare(struct pump_thread *t)
{
    struct epoll_event mail = {.events = EPOLLIN}; /* no watch: it is the mail */

    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll_fd < 0)
        return -errno;
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->wake_fd < 0 || epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->wake_fd, &mail) < 0)
        return -errno;
    t->netlink_fd = pump_stuck_open();
    t->scratch.data = malloc(PUMP_SCRATCH_BYTES);
    return t->scratch.data ? 0 : -ENOMEM;
}

int pump_thread_start(struct pump_ended *ended, int linger_ms, struct pump_thread **ret)
{
    struct pump_thread *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->epoll_fd = t->wake_fd = t->netlink_fd = -1;
    t->linger_us = linger_ms * INT64_C(1000);
    t->ended = ended;
    pthread_mutex_init(&t->lock, NULL);
    r = prepare(t);
    if (r == 0)
        r = start(t);
    if (r < 0) {
        pump_thread_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

static void forsake(struct pump_thread *t, struct pump_stream *s)
{
    DL_DELETE(t->streams, s);
    pump_stream_end(s, PUMP_STOPPED, 0);
    pump_stream_free(s);
}

void pump_thread_end(struct pump_thread *t)
{
    give_order(t, NULL, 0);
    pthread_join(t->id, NULL);
    while (t->streams)
        forsake(t, t->streams);
}

void pump_thread_free(struct pump_thread *t)
{
    if (t->epoll_fd >= 0)
        close(t->epoll_fd);
    if (t->wake_fd >= 0)
        close(t->wake_fd);
    if (t->netlink_fd >= 0)
        close(t->netlink_fd);
    pthread_mutex_destroy(&t->lock);
    heap_done(&t->timers);
    pump_pipe_done(&t->scratch.pipes);
    free(t->scratch.data);
    free(t);
}
