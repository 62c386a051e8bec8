#include "suspects.h"

#include <stddef.h>
#include <utlist.h>

void suspects_add(struct suspects *s, struct suspects_item *item, int64_t now_usec)
{
    *item = (struct suspects_item){.used = now_usec};
    DL_APPEND(s->items, item);
    if (!s->first_fresh)
        s->first_fresh = item;
    if (!s->first_busy)
        s->first_busy = item;
}

void suspects_remove(struct suspects *s, struct suspects_item *item)
{
    if (s->first_fresh == item)
        s->first_fresh = item->next;
    if (s->first_busy == item)
        s->first_busy = item->next;
    DL_DELETE(s->items, item);
}

void suspects_use(struct suspects *s, struct suspects_item *item, int64_t now_usec)
{
    suspects_remove(s, item);
    suspects_add(s, item, now_usec);
}

struct suspects_item *suspects_next_stale(struct suspects *s, int64_t now_usec)
{
    struct suspects_item *item = s->first_fresh;

    if (!item || item->used + SUSPECTS_STALE_USEC > now_usec)
        return NULL;
    s->first_fresh = item->next;
    item->is_stale = true;
    return item;
}

struct suspects_item *suspects_next_idle(struct suspects *s, int64_t now_usec)
{
    struct suspects_item *item = s->first_busy;

    if (!item || !s->idle_usec || item->used + s->idle_usec > now_usec)
        return NULL;
    s->first_busy = item->next;
    item->is_idle = true;
    return item;
}

int64_t suspects_next_time(const struct suspects *s)
{
    int64_t stale = INT64_MAX, idle = INT64_MAX;

    if (s->first_fresh)
        stale = s->first_fresh->used + SUSPECTS_STALE_USEC;
    if (s->first_busy && s->idle_usec)
        idle = s->first_busy->used + s->idle_usec;
    return stale < idle ? stale : idle;
}
