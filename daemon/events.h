/* events.h — what happened, for whoever wants to be told: a ring of the last events, and
 * subscriptions that each remember how far they have read. A subscriber that is slow costs nothing
 * and delays nobody; what it did not read in time is told as missed.
 *
 * Knows no clients: the owner of a subscription asks for its next event. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum event_type {
    EVENT_OPENED,
    EVENT_CLOSED,
    EVENT_RECLAIMED,
    EVENT_EXPIRED,
    EVENT_SUSPECT,
    EVENT_CLEARED,
    EVENT_HANDED_OFF,
    EVENT_ADOPTED, /* one that was handed off has come back */
    EVENT_DIED,    /* one that was handed off has not */
    EVENT_POOL,
    N_EVENT_TYPES
};

struct event {
    int64_t seq; /* from 1 */
    enum event_type type;
    int64_t at; /* real microseconds */
    int64_t handle;
    const char *kind; /* of a suspicion, or what else there is to say; static, or NULL */
    char pool[64];    /* of a pool's event, which has no handle; cut off if longer */
};

enum { EVENTS_KEPT = 4096 };

struct events {
    int64_t n; /* ever; the number of the newest */
    struct event ring[EVENTS_KEPT];
};

/* A zeroed struct events is empty and ready. */

void events_add(struct events *e, enum event_type type, int64_t at, int64_t handle,
                const char *kind);

/* What happened to a pool: `kind` is the limit that was met (static). */
void events_add_pool(struct events *e, int64_t at, const char *pool, const char *kind);

/* The first event behind *seq that is still there, and *seq becomes its number; *ret_missed counts
 * those in between that are not. NULL: there is none, and nothing changes. The pointer is good
 * until the next add. */
const struct event *events_next(const struct events *e, int64_t *seq, int64_t *ret_missed);

/* "opened", …; and the type of a name, false when there is none. */
const char *events_type_name(enum event_type type);
bool events_find_type(const char *name, enum event_type *ret);
