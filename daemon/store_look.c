/* What is used, and what looks forgotten. */
#include "store_inside.h"

#include <sys/epoll.h>

struct suspects *store_by_use(struct store *s, const struct handle *h)
{
    return h->pool ? &h->pool->by_use : &s->by_use;
}

void store_suspect(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    if (h->suspected[kind])
        return;
    h->suspected[kind] = s->now->real;
    s->tally.n_suspected++;
    events_add(&s->events, EVENT_SUSPECT, s->now->real, h->id, store_suspicion_name(kind));
}

void store_clear(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    if (!h->suspected[kind])
        return;
    h->suspected[kind] = 0;
    s->tally.n_cleared++;
    events_add(&s->events, EVENT_CLEARED, s->now->real, h->id, store_suspicion_name(kind));
}

void store_note_use(struct store *s, struct handle *h, int64_t n_sent, int64_t n_received)
{
    suspects_use(store_by_use(s, h), &h->use, s->now->monotonic);
    store_clear(s, h, SUSPECT_CLOSE_WAIT);
    store_clear(s, h, SUSPECT_IDLE);
    store_clear(s, h, SUSPECT_UNREAD);
    s->tally.n_sent += n_sent;
    s->tally.n_received += n_received;
    h->n_sent += n_sent;
    h->n_received += n_received;
    h->last_used = s->now->real;
}

static bool can_be_unread(const struct handle *h)
{
    return h->state == STATE_CONNECTED || h->state == STATE_HALF_CLOSED ||
           h->state == STATE_LISTENING || h->type == SOCK_DGRAM || h->type == SOCK_RAW;
}

/* Something came to a socket that is not being used. */
static void take_news(struct store *s, struct handle *h, uint32_t events)
{
    bool has_peer = h->type == SOCK_STREAM || h->type == SOCK_SEQPACKET;
    bool peer_closed = has_peer && events & EPOLLRDHUP;

    if (!h->use.is_stale || h->is_read_shut || wait_is_waited_for(&h->point))
        return;
    if (peer_closed)
        store_suspect(s, h, SUSPECT_CLOSE_WAIT);
    else if (events & EPOLLIN)
        store_suspect(s, h, SUSPECT_UNREAD);
    /* What is unread may still be followed by the end. */
    if (has_peer && !peer_closed)
        wait_watch(s->wait, &h->point, EPOLLRDHUP);
}

static struct handle *user_of(struct suspects_item *item)
{
    return (struct handle *)((char *)item - offsetof(struct handle, use));
}

static void look_at(struct store *s, struct suspects *list)
{
    struct suspects_item *item;

    while ((item = suspects_next_stale(list, s->now->monotonic)))
        if (can_be_unread(user_of(item)))
            wait_watch(s->wait, &user_of(item)->point, EPOLLIN | EPOLLRDHUP);
    while ((item = suspects_next_idle(list, s->now->monotonic))) {
        /* Who waits on it has not forgotten it. */
        if (wait_is_waited_for(&user_of(item)->point))
            suspects_use(list, item, s->now->monotonic);
        else
            store_suspect(s, user_of(item), SUSPECT_IDLE);
    }
}

void store_look(struct store *s)
{
    struct point *point;
    uint32_t events;

    while ((point = wait_next_news(s->wait, &events)))
        take_news(s, (struct handle *)((char *)point - offsetof(struct handle, point)), events);
    look_at(s, &s->by_use);
    for (struct pool *p = s->pools ? s->pools->first : NULL; p; p = p->next) {
        p->by_use.idle_usec = p->settings.limits.idle_suspect_usec;
        look_at(s, &p->by_use);
    }
}

void store_set_pools(struct store *s, struct pools *pools)
{
    s->pools = pools;
}

static int64_t next_look(const struct store *s)
{
    int64_t next = suspects_next_time(&s->by_use), one;

    for (const struct pool *p = s->pools ? s->pools->first : NULL; p; p = p->next)
        if ((one = suspects_next_time(&p->by_use)) < next)
            next = one;
    return next;
}

int64_t store_next_time(const struct store *s)
{
    struct heap_item *first = heap_first(&s->expiries);
    int64_t expiry = first ? first->at : INT64_MAX, look = next_look(s);

    return expiry < look ? expiry : look;
}
