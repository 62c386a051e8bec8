#include "client/waker.h"

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

void waker_init(struct waker *w)
{
    *w = (struct waker){-1, -1, -1, false};
}

void waker_done(struct waker *w)
{
    if (w->timer >= 0)
        close(w->timer);
    if (w->epoll >= 0)
        close(w->epoll);
    waker_init(w);
}

int waker_open(struct waker *w)
{
    if (w->epoll < 0 && (w->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return -errno;
    return 0;
}

static int control(const struct waker *w, int op, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(w->epoll, op, fd, &event) < 0 ? -errno : 0;
}

int waker_watch(struct waker *w, int fd, bool is_writing)
{
    unsigned events = EPOLLIN | (is_writing ? EPOLLOUT : 0);
    int r = 0;

    if (w->epoll < 0 || (fd == w->fd && is_writing == w->is_writing))
        return 0;
    if (fd != w->fd && w->fd >= 0)
        control(w, EPOLL_CTL_DEL, w->fd, 0);
    if (fd >= 0)
        r = control(w, fd == w->fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events);
    w->fd = r < 0 ? -1 : fd;
    w->is_writing = is_writing;
    return r;
}

static int open_timer(struct waker *w)
{
    int r;

    if ((w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) < 0)
        return -errno;
    if ((r = control(w, EPOLL_CTL_ADD, w->timer, EPOLLIN)) == 0)
        return 0;
    close(w->timer);
    w->timer = -1;
    return r;
}

int waker_set(struct waker *w, double seconds)
{
    double whole = floor(seconds);
    /* A timer of zero would be one that is off. */
    struct itimerspec when = {.it_value = {(time_t)whole, (long)((seconds - whole) * 1e9) | 1}};
    int r;

    if (w->epoll < 0)
        return 0;
    if (seconds < 0) {
        if (w->timer >= 0)
            close(w->timer);
        w->timer = -1;
        return 0;
    }
    if (w->timer < 0 && (r = open_timer(w)) < 0)
        return r;
    return timerfd_settime(w->timer, 0, &when, NULL) < 0 ? -errno : 0;
}

bool waker_holds(const struct waker *w, int fd)
{
    int r;

    if (w->epoll < 0 || fd < 0)
        return false;
    /* Another epoll of that number takes it; then it is taken back. */
    if ((r = control(w, EPOLL_CTL_ADD, fd, 0)) == 0)
        control(w, EPOLL_CTL_DEL, fd, 0);
    return r == -EEXIST;
}
