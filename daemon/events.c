#include "events.h"

#include <stdio.h>
#include <string.h>

static const char *const names[N_EVENT_TYPES] = {
    [EVENT_OPENED] = "opened",
    [EVENT_CLOSED] = "closed",
    [EVENT_RECLAIMED] = "reclaimed",
    [EVENT_EXPIRED] = "expired",
    [EVENT_SUSPECT] = "suspect",
    [EVENT_CLEARED] = "cleared",
    [EVENT_HANDED_OFF] = "handed_off",
    [EVENT_ADOPTED] = "adopted",
    [EVENT_DIED] = "died",
    [EVENT_POOL] = "pool",
};

void events_add(struct events *e, enum event_type type, int64_t at, int64_t handle,
                const char *kind)
{
    int64_t seq = ++e->n;

    e->ring[seq % EVENTS_KEPT] =
        (struct event){.seq = seq, .type = type, .at = at, .handle = handle, .kind = kind};
}

void events_add_pool(struct events *e, int64_t at, const char *pool, const char *kind)
{
    events_add(e, EVENT_POOL, at, 0, kind);
    snprintf(e->ring[e->n % EVENTS_KEPT].pool, sizeof e->ring->pool, "%s", pool);
}

const struct event *events_next(const struct events *e, int64_t *seq, int64_t *ret_missed)
{
    int64_t oldest = e->n > EVENTS_KEPT ? e->n - EVENTS_KEPT + 1 : 1, next = *seq + 1;

    if (next > e->n)
        return NULL;
    *ret_missed = next < oldest ? oldest - next : 0;
    *seq = next + *ret_missed;
    return &e->ring[*seq % EVENTS_KEPT];
}

const char *events_type_name(enum event_type type)
{
    return names[type];
}

bool events_find_type(const char *name, enum event_type *ret)
{
    for (int type = 0; type < N_EVENT_TYPES; type++) {
        if (strcmp(names[type], name) == 0) {
            *ret = (enum event_type)type;
            return true;
        }
    }
    return false;
}
