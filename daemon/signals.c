#include "signals.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>

#include "log.h"

static int on_end_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
    struct signals *s = user;

    (void)source;
    log_line(LOG_INFO, "%s from pid %u: stopping", strsignal((int)info->ssi_signo), info->ssi_pid);
    s->end = true;
    return 0;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                            void *user)
{
    struct signals *s = user;

    (void)source;
    (void)info;
    s->reload(s->user);
    return 0;
}

int signals_open(struct signals *s, sd_event *event)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    r = sd_event_add_signal(event, &s->sources[0], SIGTERM, on_end_signal, s);
    if (r >= 0)
        r = sd_event_add_signal(event, &s->sources[1], SIGINT, on_end_signal, s);
    if (r >= 0)
        r = sd_event_add_signal(event, &s->sources[2], SIGHUP, on_reload_signal, s);
    return r;
}

void signals_close(struct signals *s)
{
    for (int i = 0; i < 3; i++)
        s->sources[i] = sd_event_source_disable_unref(s->sources[i]);
}
