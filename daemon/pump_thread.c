#include "pump_thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "pump_ends.h"
#include "pump_lane.h"
#include "pump_mail.h"
#include "pump_stuck.h"
#include "thread.h"

enum { EVENTS_AT_ONCE = 64, STACK_BYTES = 128 << 10, HELD_UP_US = 20000 };

struct pump_thread {
    pthread_t id;
    int epoll_fd, netlink_fd;
    int64_t linger_us;
    struct pump_ended *ended;
    struct pump_scratch scratch;
    struct pump_stream *streams, *runnable;
    struct heap timers;
    _Atomic int n_streams;
    struct pump_mail mail;
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
    return EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | (with->ready & EPOLLOUT ? 0 : EPOLLOUT);
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

/* Returns false when it has failed: from then on the stream is the loop's. */
static bool begin(struct pump_thread *t, struct pump_stream *s)
{
    int r;

    DL_APPEND(t->streams, s);
    r = watch(t, EPOLL_CTL_ADD, s->net.fd, &s->net_watch);
    if (r == 0)
        r = watch(t, EPOLL_CTL_ADD, s->client.fd, &s->client_watch);
    if (r < 0) {
        fail(t, s, -r);
        return false;
    }
    make_runnable(t, s);
    return true;
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

static int64_t length_us(const struct pump_thread *t, const struct pump_stream *s)
{
    if (s->pause == PUMP_PAUSE_HELD_UP)
        return s->was_held_up ? 0 : HELD_UP_US;
    return s->pause == PUMP_PAUSE_DOUBTS ? PUMP_DOUBT_MS * INT64_C(1000) : t->linger_us;
}

/* Whether a client is held up is asked only when it has been quiet for so long, and everything else
 * when it has lasted so long. Returns 0 or -ENOMEM. */
static int set_timer(struct pump_thread *t, struct pump_stream *s)
{
    enum pump_pause pause = pump_stream_pause(s);

    if (pause == s->pause && pause != PUMP_PAUSE_HELD_UP)
        return 0;
    s->pause = pause;
    if (pause == PUMP_PAUSE_LEAVES)
        s->progress = pump_ends_progress(s);
    if (pause != PUMP_PAUSE_NONE)
        return heap_put(&t->timers, &s->timer, now_us() + length_us(t, s));
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

static void go_on(struct pump_thread *t, struct pump_stream *s, enum pump_turn turn)
{
    if (turn == PUMP_TURN_OVER)
        report(t, s);
    else if (turn == PUMP_TURN_MORE)
        make_runnable(t, s);
    else
        wait_for(t, s);
}

static void run(struct pump_thread *t, struct pump_stream *s)
{
    enum pump_turn turn = pump_stream_run(s, &t->scratch);

    make_idle(t, s);
    go_on(t, s, turn);
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

static void leave(struct pump_thread *t, struct pump_stream *s, bool is_unsaid)
{
    pump_stream_leave(s, is_unsaid);
    make_runnable(t, s);
}

static void obey_one(struct pump_thread *t, struct pump_stream *s, unsigned orders)
{
    if (orders & PUMP_ORDER_BEGIN && !begin(t, s))
        return;
    if (orders & (PUMP_ORDER_ABANDON | PUMP_ORDER_RESET))
        stop(t, s, orders);
    else if (orders & (PUMP_ORDER_LEAVE | PUMP_ORDER_LEAVE_UNSAID))
        leave(t, s, orders & PUMP_ORDER_LEAVE_UNSAID);
}

/* Returns false when the thread is to end. */
static bool obey(struct pump_thread *t)
{
    struct pump_stream *s;
    unsigned orders;

    pump_mail_heed(&t->mail);
    while ((s = pump_mail_take(&t->mail, &orders)))
        obey_one(t, s, orders);
    return !pump_mail_is_last(&t->mail);
}

void pump_thread_order(struct pump_stream *s, enum pump_order order)
{
    if (order == PUMP_ORDER_BEGIN)
        atomic_fetch_add(&s->thread->n_streams, 1);
    pump_mail_put(&s->thread->mail, s, order);
}

void pump_thread_forget(struct pump_stream *s)
{
    pump_mail_forget(&s->thread->mail, s);
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
    enum pump_turn turn;

    while ((item = heap_first(&t->timers)) && item->at <= now_us()) {
        s = (struct pump_stream *)((char *)item - offsetof(struct pump_stream, timer));
        heap_remove(&t->timers, item);
        turn = pump_stream_go_on(s, t->netlink_fd);
        s->pause = PUMP_PAUSE_NONE;
        go_on(t, s, turn);
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

static int prepare(struct pump_thread *t)
{
    struct epoll_event mail = {.events = EPOLLIN}; /* no watch: it is the mail */
    int r;

    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll_fd < 0)
        return -errno;
    r = pump_mail_open(&t->mail);
    if (r < 0)
        return r;
    if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->mail.fd, &mail) < 0)
        return -errno;
    t->netlink_fd = pump_stuck_open();
    t->scratch.data = malloc(PUMP_PACKET_BYTES + 1);
    return t->scratch.data ? 0 : -ENOMEM;
}

int pump_thread_start(struct pump_ended *ended, int linger_ms, struct pump_thread **ret)
{
    struct pump_thread *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->epoll_fd = t->netlink_fd = t->mail.fd = -1;
    t->linger_us = linger_ms * INT64_C(1000);
    t->ended = ended;
    r = prepare(t);
    if (r == 0)
        r = thread_start(&t->id, STACK_BYTES, loop, t);
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
    pump_mail_put_last(&t->mail);
    pthread_join(t->id, NULL);
    while (t->streams)
        forsake(t, t->streams);
}

void pump_thread_free(struct pump_thread *t)
{
    if (t->epoll_fd >= 0)
        close(t->epoll_fd);
    if (t->netlink_fd >= 0)
        close(t->netlink_fd);
    pump_mail_done(&t->mail);
    heap_done(&t->timers);
    pump_pipe_done(&t->scratch.pipes);
    free(t->scratch.data);
    free(t);
}
