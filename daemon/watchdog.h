/* watchdog.h — the service manager's watchdog (sd_watchdog_enabled(3)), fed by a round trip: only a
 * daemon that reads a request, works on it and sends the reply is alive. Knows the event loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "notify.h"

struct watchdog {
    struct notify *notify;
    int fd; /* the client's end of a session */
    uint64_t period_usec;
    bool is_waiting; /* for a reply */
    sd_event_source *timer, *io;
};

/* Whether the manager wants to be fed; every so many microseconds at the latest. */
bool watchdog_is_wanted(uint64_t *ret_usec);

/* Pings over `fd` (taken, also on failure), the client's end of a session of the daemon, often
 * enough. Returns 0 or -errno. A zeroed watchdog may be ended too. */
int watchdog_begin(struct watchdog *w, sd_event *event, struct notify *notify, int fd,
                   uint64_t usec);
void watchdog_end(struct watchdog *w);
