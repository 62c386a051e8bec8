#include "watchdog.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static const char ping[] = "{\"method\":\"ping\",\"id\":1}\n";

bool watchdog_is_wanted(uint64_t *ret_usec)
{
    return sd_watchdog_enabled(1, ret_usec) > 0;
}

static void ask(struct watchdog *w)
{
    /* One that is not answered is not repeated: then the food stays away. */
    if (!w->is_waiting && send(w->fd, ping, sizeof ping - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        w->is_waiting = true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    struct watchdog *w = user;

    ask(w);
    sd_event_source_set_time(source, usec + w->period_usec);
    return 0;
}

static int on_reply(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct watchdog *w = user;
    char bytes[512];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    (void)events;
    if (n <= 0)
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (!memchr(bytes, '\n', (size_t)n))
        return 0;
    w->is_waiting = false;
    if (!notify_is_busy(w->notify))
        notify_send(w->notify, "WATCHDOG=1");
    return 0;
}

int watchdog_begin(struct watchdog *w, sd_event *event, struct notify *notify, int fd,
                   uint64_t usec)
{
    int r;

    /* Three in a span: one may be late. */
    *w = (struct watchdog){.notify = notify, .fd = fd, .period_usec = usec / 3};
    r = sd_event_add_io(event, &w->io, fd, EPOLLIN, on_reply, w);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, w->period_usec, 0,
                                       on_timer, w);
    if (r >= 0)
        r = sd_event_source_set_enabled(w->timer, SD_EVENT_ON);
    if (r < 0) {
        watchdog_end(w);
        return r;
    }
    ask(w);
    return 0;
}

void watchdog_end(struct watchdog *w)
{
    if (!w->notify)
        return;
    sd_event_source_disable_unref(w->io);
    sd_event_source_disable_unref(w->timer);
    close(w->fd);
    *w = (struct watchdog){0};
}
