#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

struct wait {
    int epoll_fd;
    uint64_t next_id;
    struct point *points; /* by id */
    struct ticket *runnable;
    struct point *news; /* points that were watched, and something came */
    struct heap timers;
};

struct wait *wait_new(void)
{
    struct wait *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->next_id = 1;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0) {
        free(w);
        return NULL;
    }
    return w;
}

void wait_free(struct wait *w)
{
    if (!w)
        return;
    close(w->epoll_fd);
    heap_done(&w->timers);
    free(w);
}

int wait_fd(const struct wait *w)
{
    return w->epoll_fd;
}

int wait_add_point(struct wait *w, struct point *p, int fd)
{
    *p = (struct point){.fd = fd, .id = w->next_id++};
    HASH_ADD(hh, w->points, id, sizeof p->id, p);
    return p->hh.tbl ? 0 : -ENOMEM;
}

static void make_runnable(struct wait *w, struct ticket *t)
{
    if (t->is_runnable || !t->is_waiting)
        return;
    t->is_runnable = true;
    DL_APPEND(w->runnable, t);
}

void wait_wake(struct wait *w, struct ticket *t)
{
    make_runnable(w, t);
}

/* The first of a lane who is not held back. */
static struct link *first_of(const struct point *p, int lane)
{
    struct link *l = p->lanes[lane];

    while (l && l->ticket->is_parked)
        l = l->next;
    return l;
}

bool wait_is_first(const struct ticket *t)
{
    for (int i = 0; i < t->n_links; i++)
        if (t->links[i].lane != WAIT_POLL &&
            first_of(t->links[i].point, t->links[i].lane) != &t->links[i])
            return false;
    return true;
}

bool wait_is_free(const struct point *p, unsigned lanes)
{
    for (int lane = 0; lane < WAIT_POLL; lane++)
        if (lanes & 1u << lane && first_of(p, lane))
            return false;
    return true;
}

/* Takes a link out of its lane; who moves up is tried. */
static void unlink_one(struct wait *w, struct link *l)
{
    struct link *next;

    DL_DELETE(l->point->lanes[l->lane], l);
    next = l->lane == WAIT_POLL ? NULL : first_of(l->point, l->lane);
    if (next && wait_is_first(next->ticket))
        make_runnable(w, next->ticket);
}

static void unlink_all(struct wait *w, struct ticket *t)
{
    int n = t->n_links;

    t->n_links = 0;
    for (int i = 0; i < n; i++)
        unlink_one(w, &t->links[i]);
}

void wait_remove_point(struct wait *w, struct point *p)
{
    for (int lane = 0; lane < WAIT_N_LANES; lane++) {
        while (p->lanes[lane]) {
            struct ticket *t = p->lanes[lane]->ticket;

            make_runnable(w, t);
            unlink_all(w, t);
        }
    }
    if (p->is_added)
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
    HASH_DEL(w->points, p);
    if (p->news)
        DL_DELETE2(w->news, p, news_prev, news_next);
    p->news = p->watched = 0;
    p->is_added = false;
    p->fd = -1;
}

/* What would help those whose turn it is. */
static uint32_t wanted(const struct point *p)
{
    uint32_t events = p->watched;
    struct link *l;

    for (int lane = 0; lane < WAIT_POLL; lane++)
        if ((l = first_of(p, lane)))
            events |= l->events;
    DL_FOREACH(p->lanes[WAIT_POLL], l)
    events |= l->events;
    return events;
}

static int arm(struct wait *w, struct point *p)
{
    uint32_t events = wanted(p);
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.u64 = p->id};

    if (!(events & ~p->armed))
        return 0;
    if (epoll_ctl(w->epoll_fd, p->is_added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, p->fd, &event) < 0)
        return -errno;
    p->is_added = true;
    p->armed = events;
    return 0;
}

int wait_enter(struct wait *w, struct ticket *t, struct point *p, unsigned lanes, uint32_t events)
{
    if (!t->is_waiting) {
        t->links = t->own;
        t->n_links = 0;
        t->is_waiting = true;
        for (int lane = 0; p && lane < WAIT_POLL; lane++) {
            struct link *l = &t->own[t->n_links];

            if (!(lanes & 1u << lane))
                continue;
            *l = (struct link){.ticket = t, .point = p, .lane = lane};
            DL_APPEND(p->lanes[lane], l);
            t->n_links++;
        }
    }
    for (int i = 0; i < t->n_links; i++)
        t->links[i].events = events; /* over TLS a read may wait until it can write */
    return t->n_links && wait_is_first(t) ? arm(w, t->links[0].point) : 0;
}

int wait_enter_poll(struct wait *w, struct ticket *t, struct link *links, int n_links)
{
    int r = 0;

    if (!t->is_waiting) {
        t->links = links;
        t->n_links = n_links;
        t->is_waiting = true;
        for (int i = 0; i < n_links; i++) {
            links[i].ticket = t;
            links[i].lane = WAIT_POLL;
            DL_APPEND(links[i].point->lanes[WAIT_POLL], &links[i]);
        }
    }
    for (int i = 0; i < t->n_links && !r; i++)
        r = arm(w, t->links[i].point);
    return r;
}

int wait_until(struct wait *w, struct ticket *t, int64_t usec)
{
    return heap_put(&w->timers, &t->timer, usec);
}

void wait_park(struct wait *w, struct ticket *t, bool park)
{
    if (t->is_parked == park)
        return;
    t->is_parked = park;
    if (!park) {
        make_runnable(w, t);
        return;
    }
    for (int i = 0; i < t->n_links; i++) {
        struct link *next =
            t->links[i].lane == WAIT_POLL ? NULL : first_of(t->links[i].point, t->links[i].lane);

        if (next && wait_is_first(next->ticket))
            make_runnable(w, next->ticket);
    }
}

int wait_watch(struct wait *w, struct point *p, uint32_t events)
{
    p->watched = events | (p->watched & EPOLLOUT);
    return arm(w, p);
}

struct point *wait_next_news(struct wait *w, uint32_t *ret_events)
{
    struct point *p = w->news;

    if (!p)
        return NULL;
    DL_DELETE2(w->news, p, news_prev, news_next);
    *ret_events = p->news;
    p->news = 0;
    return p;
}

bool wait_is_waited_for(const struct point *p)
{
    for (int lane = 0; lane < WAIT_N_LANES; lane++)
        if (p->lanes[lane])
            return true;
    return false;
}

void wait_leave(struct wait *w, struct ticket *t)
{
    heap_remove(&w->timers, &t->timer);
    if (!t->is_waiting)
        return;
    t->is_waiting = false;
    if (t->is_runnable)
        DL_DELETE(w->runnable, t);
    t->is_runnable = false;
    t->is_parked = false;
    unlink_all(w, t);
}

void wait_wake_all(struct wait *w, struct point *p)
{
    struct link *l;

    for (int lane = 0; lane < WAIT_N_LANES; lane++)
        DL_FOREACH(p->lanes[lane], l)
    make_runnable(w, l->ticket);
}

static void wake_point(struct wait *w, struct point *p, uint32_t events)
{
    struct link *l;

    p->armed = 0;
    if (p->watched & events) {
        if (!p->news)
            DL_APPEND2(w->news, p, news_prev, news_next);
        p->news |= p->watched & events;
        p->watched &= p->watched & events & ~(uint32_t)EPOLLOUT ? EPOLLOUT : ~(uint32_t)EPOLLOUT;
    }
    for (int lane = 0; lane < WAIT_POLL; lane++)
        if ((l = first_of(p, lane)) && l->events & events && wait_is_first(l->ticket))
            make_runnable(w, l->ticket);
    DL_FOREACH(p->lanes[WAIT_POLL], l)
    make_runnable(w, l->ticket);
    /* What fired for one lane must not disarm the other. */
    if (wanted(p) & ~events)
        arm(w, p);
}

void wait_collect(struct wait *w)
{
    struct epoll_event events[128];
    int n = epoll_wait(w->epoll_fd, events, 128, 0);

    for (int i = 0; i < n; i++) {
        uint32_t e = events[i].events;
        struct point *p;

        HASH_FIND(hh, w->points, &events[i].data.u64, sizeof events[i].data.u64, p);
        if (!p)
            continue;
        if (e & (EPOLLERR | EPOLLHUP))
            e |= EPOLLIN | EPOLLOUT | EPOLLRDHUP; /* the kernel tells it whatever is asked for */
        wake_point(w, p, e);
    }
}

void wait_expire(struct wait *w, int64_t now_usec)
{
    struct heap_item *first;

    while ((first = heap_first(&w->timers)) && first->at <= now_usec) {
        heap_remove(&w->timers, first);
        make_runnable(w, (struct ticket *)((char *)first - offsetof(struct ticket, timer)));
    }
}

int64_t wait_next_time(const struct wait *w)
{
    struct heap_item *first = heap_first(&w->timers);

    return first ? first->at : INT64_MAX;
}

bool wait_has_next(const struct wait *w)
{
    return w->runnable;
}

struct ticket *wait_next(struct wait *w)
{
    struct ticket *t = w->runnable;

    if (!t)
        return NULL;
    DL_DELETE(w->runnable, t);
    t->is_runnable = false;
    return t;
}
