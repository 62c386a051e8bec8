/* signals.h — what an operator says by signals: SIGTERM and SIGINT end the daemon, SIGHUP makes it
 * read its settings. */
#pragma once
#include <stdbool.h>
#include <systemd/sd-event.h>

struct signals {
    bool end;                   /* told by a signal */
    void (*reload)(void *user); /* set by the caller, with `user` */
    void *user;
    sd_event_source *sources[3];
};

/* Takes the signals over for this process; SIGPIPE is ignored from now on. Returns 0 or -errno;
 * signals_close is due in any case. */
int signals_open(struct signals *s, sd_event *event);
void signals_close(struct signals *s);
