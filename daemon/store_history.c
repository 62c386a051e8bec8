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
    if (!s->oldest)
        s->oldest = h;
}

void store_leave_history(struct store *s, struct handle *h)
{
    if (s->oldest == h)
        s->oldest = h->next;
    DL_DELETE(s->history, h);
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
    struct handle *h;

    HASH_FIND(hh, s->handles, &after, sizeof after, h);
    return h && h->fd < 0 ? store_next(h) : s->history;
}
