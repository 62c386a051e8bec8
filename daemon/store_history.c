/* The rows of what has ended, and how long they are kept. */
#include "store_inside.h"

#include <utlist.h>

void store_set_history(struct store *s, int64_t n_rows, int64_t age_usec)
{
    s->n_history_rows = n_rows;
    s->history_age_usec = age_usec;
}

void store_enter_history(struct store *s, struct handle *h)
{
    DL_APPEND(s->history, h);
    h->entry = s->next_entry++;
    HASH_ADD(hh_entry, s->entries, entry, sizeof h->entry, h);
    if (!s->oldest)
        s->oldest = h;
}

void store_leave_history(struct store *s, struct handle *h)
{
    if (s->oldest == h)
        s->oldest = h->next;
    DL_DELETE(s->history, h);
    if (h->hh_entry.tbl)
        HASH_DELETE(hh_entry, s->entries, h);
    s->n_overdue -= h->is_overdue;
    h->is_overdue = false;
}

void store_renew_history(struct store *s, struct handle *h)
{
    if (!h->is_overdue)
        return;
    store_leave_history(s, h);
    store_enter_history(s, h);
}

static void forget(struct store *s, struct handle *h)
{
    store_leave_history(s, h);
    HASH_DEL(s->handles, h);
    store_free_handle(s, h);
}

static bool is_due(const struct store *s, const struct handle *h)
{
    int64_t n_rows = (int64_t)HASH_COUNT(s->handles) - s->tally.n_live - s->n_overdue;
    int64_t since = h->died ? h->died : h->ended;

    return n_rows > s->n_history_rows || since < s->now->real - s->history_age_usec;
}

void store_trim(struct store *s)
{
    struct handle *h;

    while ((h = s->oldest) && is_due(s, h)) {
        if (!store_is_followed(h)) {
            forget(s, h);
            continue;
        }
        s->oldest = h->next;
        h->is_overdue = true;
        s->n_overdue++;
    }
    while (s->n_overdue > s->n_history_rows)
        forget(s, s->history);
}

void store_forget_history(struct store *s)
{
    /* What was lost stays written down. */
    while (s->history) {
        s->history->record = NULL;
        forget(s, s->history);
    }
}

struct handle *store_first_closed(const struct store *s, int64_t after)
{
    struct handle *h = s->history;

    /* What the history has let go since, or nothing is behind it: a list's first knows its last. */
    if (!h || h->entry > after)
        return h;
    if (h->prev->entry <= after)
        return NULL;
    /* The usual case is the page's own last row; it may have moved. */
    HASH_FIND(hh_entry, s->entries, &after, sizeof after, h);
    if (h)
        return store_next(h);
    for (h = s->history; h && h->entry <= after; h = store_next(h))
        ;
    return h;
}
