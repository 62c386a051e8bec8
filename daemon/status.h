/* status.h — what the service manager is told of a daemon that runs: that it is ready, what it has
 * to do, and that it is alive (sd_notify(3)). */
#pragma once
#include <stdint.h>

#include "notify.h"
#include "server.h"
#include "watchdog.h"

struct status {
    struct notify *notify;
    struct server *server;
    struct watchdog watchdog;
    int64_t next_time; /* monotonic microseconds: not told again before */
    char told[256];
};

/* The daemon is ready. `notify` and `server` are borrowed; status_end comes before their end. */
void status_begin(struct status *s, struct notify *notify, struct server *server);
void status_end(struct status *s);

/* The settings are being read; and they have been. problem: what was wrong with them, or NULL. */
void status_reloading(struct status *s);
void status_ready(struct status *s, const char *problem);

/* A turn of the loop is over: what has changed is told, at most once in a second. Returns in how
 * many microseconds there will be more to tell; FOREVER: not as it stands. */
int64_t status_turned(struct status *s);
