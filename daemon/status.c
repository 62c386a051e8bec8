#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

enum { TELL_USEC = 1000000 };

/* A session of the daemon's own, for the watchdog. */
static int feed(struct status *s, uint64_t usec)
{
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    if ((r = server_add_own(s->server, ends[0])) < 0) {
        close(ends[1]);
        return r;
    }
    return watchdog_begin(&s->watchdog, server_event(s->server), s->notify, ends[1], usec);
}

/* What there is, in words. */
static void describe(const struct status *s, char *ret, size_t n)
{
    const struct core *core = server_core(s->server);
    long long n_sessions = core->n_sessions - (s->watchdog.notify != NULL);

    snprintf(ret, n, "%lld sessions, %lld sockets, %lld of them kept by the service manager",
             n_sessions, (long long)store_n_live(core->store),
             (long long)(core->keep ? core->keep->n_kept : 0));
}

void status_begin(struct status *s, struct notify *notify, struct server *server)
{
    uint64_t usec;
    int r;

    *s = (struct status){.notify = notify, .server = server};
    if (watchdog_is_wanted(&usec) && (r = feed(s, usec)) < 0)
        log_line(LOG_WARNING, "the watchdog cannot be fed: %s", strerror(-r));
    status_ready(s, NULL);
}

void status_end(struct status *s)
{
    watchdog_end(&s->watchdog);
}

void status_reloading(struct status *s)
{
    char text[128];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)server_core(s->server)->clock().monotonic);
    notify_send(s->notify, text);
}

void status_ready(struct status *s, const char *problem)
{
    char text[1024];

    describe(s, s->told, sizeof s->told);
    if (problem)
        snprintf(text, sizeof text, "READY=1\nSTATUS=%.300s; the settings not taken: %.500s",
                 s->told, problem);
    else
        snprintf(text, sizeof text, "READY=1\nSTATUS=%s", s->told);
    notify_send(s->notify, text);
}

int64_t status_turned(struct status *s)
{
    const struct core *core = server_core(s->server);
    char now[sizeof s->told], text[sizeof s->told + 16];

    if (s->notify->fd < 0)
        return FOREVER;
    describe(s, now, sizeof now);
    if (strcmp(now, s->told) == 0)
        return FOREVER;
    if (core->now.monotonic < s->next_time)
        return s->next_time - core->now.monotonic;
    s->next_time = core->now.monotonic + TELL_USEC;
    snprintf(text, sizeof text, "STATUS=%s", now);
    if (!notify_is_busy(s->notify) && notify_send(s->notify, text) == 0)
        memcpy(s->told, now, sizeof now);
    return FOREVER;
}
