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

static void forget_noticed(struct suspects *s, struct suspects_item *item)
{
    if (item->is_noticed)
        DL_DELETE2(s->noticed, item, noticed_prev, noticed_next);
    item->is_noticed = false;
}

void suspects_remove(struct suspects *s, struct suspects_item *item)
{
    forget_noticed(s, item);
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

void suspects_notice(struct suspects *s, struct suspects_item *item, int64_t now_usec)
{
    forget_noticed(s, item);
    item->noticed = now_usec;
    item->is_noticed = true;
    DL_APPEND2(s->noticed, item, noticed_prev, noticed_next);
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

struct suspects_item *suspects_next_ripe(struct suspects *s, int64_t now_usec)
{
    struct suspects_item *item = s->noticed;

    if (!item || item->noticed + SUSPECTS_RIPE_USEC > now_usec)
        return NULL;
    forget_noticed(s, item);
    return item;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t suspects_next_time(const struct suspects *s)
{
    int64_t next = INT64_MAX;

    if (s->first_fresh)
        next = s->first_fresh->used + SUSPECTS_STALE_USEC;
    if (s->first_busy && s->idle_usec)
        next = earlier(next, s->first_busy->used + s->idle_usec);
    if (s->noticed)
        next = earlier(next, s->noticed->noticed + SUSPECTS_RIPE_USEC);
    return next;
}
