/* What is used, and what looks forgotten. */
#include "store_inside.h"

#include <poll.h>
#include <sys/epoll.h>

#include "socket.h"
#include "tls.h"

struct suspects *store_by_use(struct store *s, const struct handle *h)
{
    return h->pool ? &h->pool->by_use : &s->by_use;
}

static void suspect_since(struct store *s, struct handle *h, enum suspicion_kind kind,
                          int64_t since)
{
    if (h->suspected[kind])
        return;
    h->suspected[kind] = since;
    s->tally.n_suspected++;
    store_save(s, h);
    events_add(&s->events, EVENT_SUSPECT, s->now->real, h->id, store_suspicion_name(kind));
}

void store_suspect(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    suspect_since(s, h, kind, s->now->real);
}

void store_clear(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    if (!h->suspected[kind])
        return;
    h->suspected[kind] = 0;
    s->tally.n_cleared++;
    store_save(s, h);
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
    store_save_counts(s, h);
}

/* What others who have the socket do with it nobody sees: one that they use directly would look
 * idle, and unread whenever the look comes between the arrival and their read. So only an orphan is
 * suspect. */
static bool is_seen(const struct handle *h)
{
    return h->custody == CUSTODY_DAEMON && !h->stream;
}

static bool can_be_unread(const struct handle *h)
{
    return h->state == STATE_CONNECTED || h->state == STATE_HALF_CLOSED ||
           h->state == STATE_LISTENING || h->type == SOCK_DGRAM || h->type == SOCK_RAW;
}

static bool has_peer(const struct handle *h)
{
    return h->type == SOCK_STREAM || h->type == SOCK_SEQPACKET;
}

/* Who waits on a socket has not forgotten it, and when the wait ends that counts from the end. The
 * suspicions stay: waiting alone reads nothing. */
static bool put_off(struct store *s, struct handle *h)
{
    if (!wait_is_waited_for(&h->point))
        return false;
    suspects_use(store_by_use(s, h), &h->use, s->now->monotonic);
    return true;
}

/* Something came to a socket that is not being used: now somebody has time to use it. */
static void take_news(struct store *s, struct handle *h, uint32_t events)
{
    bool is_end = has_peer(h) && events & EPOLLRDHUP;

    if (events & EPOLLOUT)
        store_flush(s, h);
    if (events == EPOLLOUT)
        return;
    if (!is_seen(h) || !h->use.is_stale || h->is_read_shut || put_off(s, h))
        return;
    if (is_end || !h->use.is_noticed)
        suspects_notice(store_by_use(s, h), &h->use, s->now->monotonic);
    /* What is unread may still be followed by the end. */
    if (has_peer(h) && !is_end)
        wait_watch(s->wait, &h->point, EPOLLRDHUP);
}

/* What the kernel or the socket's own buffer has for whoever reads. */
static int readable(const struct handle *h)
{
    int events = socket_poll(h->fd, POLLIN | POLLRDHUP);

    if (events < 0)
        events = 0;
    /* Told whatever is asked for: an error is for a reader too. */
    if (events & (POLLERR | POLLHUP))
        events |= POLLIN | POLLRDHUP;
    if (events & POLLIN && h->tls && !h->stream && tls_is_open(h->tls) && !tls_look(h->tls))
        events &= ~POLLIN;
    return buf_len(&h->ahead) ? events | POLLIN : events;
}

/* Nobody has used it since something came. */
static void judge(struct store *s, struct handle *h)
{
    int64_t since = s->now->real - (s->now->monotonic - h->use.noticed);
    int events;

    if (!is_seen(h) || put_off(s, h))
        return;
    events = readable(h);
    /* An end that is still watched for comes only now, and has a time of its own. */
    if (has_peer(h) && events & POLLRDHUP && !(h->point.watched & EPOLLRDHUP))
        suspect_since(s, h, SUSPECT_CLOSE_WAIT, since);
    else if (events & POLLIN)
        suspect_since(s, h, SUSPECT_UNREAD, since);
    else /* somebody else who has the socket has read, or a guest has left */
        wait_watch(s->wait, &h->point, EPOLLIN | EPOLLRDHUP);
}

static struct handle *user_of(struct suspects_item *item)
{
    return (struct handle *)((char *)item - offsetof(struct handle, use));
}

/* It is quiet: from now on news of it are welcome. What was read ahead is no news to the kernel. */
static void begin_watch(struct store *s, struct handle *h)
{
    if (!is_seen(h) || !can_be_unread(h))
        return;
    wait_watch(s->wait, &h->point, EPOLLIN | EPOLLRDHUP);
    if (buf_len(&h->ahead))
        take_news(s, h, 0);
}

static void look_at(struct store *s, struct suspects *list)
{
    struct suspects_item *item;

    while ((item = suspects_next_stale(list, s->now->monotonic)))
        begin_watch(s, user_of(item));
    while ((item = suspects_next_ripe(list, s->now->monotonic)))
        judge(s, user_of(item));
    while ((item = suspects_next_idle(list, s->now->monotonic))) {
        store_count_stream(s, user_of(item));
        if (item->is_idle && (is_seen(user_of(item)) || user_of(item)->stream) &&
            !put_off(s, user_of(item)))
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
