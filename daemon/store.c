#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "proto/limits.h"
#include "socket.h"

/* A socket that is not used for so long looks forgotten. */
#define IDLE_USEC INT64_C(600000000)

static char *copy_or_null(const char *s)
{
    return s ? strdup(s) : NULL;
}

/* -- life -- */

struct store *store_new(struct wait *wait, const struct now *now, int64_t first)
{
    struct store *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->wait = wait;
    s->now = now;
    s->first_id = s->next_id = first;
    s->by_use.idle_usec = IDLE_USEC;
    store_set_history(s, INT32_MAX, INT64_MAX / 2);
    return s;
}

void store_set_history(struct store *s, int64_t n_rows, int64_t age_usec)
{
    s->n_history_rows = n_rows;
    s->history_age_usec = age_usec;
}

static void free_handle(struct handle *h)
{
    pool_uncharge(&h->charge);
    pool_unref(h->pool);
    principal_unref(h->opener);
    buf_done(&h->ahead);
    free(h->reason);
    free(h->key);
    free(h->label);
    free(h->site);
    free(h->address);
    free(h->peer);
    free(h);
}

static void forget_oldest(struct store *s)
{
    struct handle *h = s->history;

    DL_DELETE(s->history, h);
    HASH_DEL(s->handles, h);
    free_handle(h);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    while (s->live)
        store_close(s, s->live, END_RECLAIMED, "the daemon ended");
    while (s->history)
        forget_oldest(s);
    heap_done(&s->expiries);
    owners_done(&s->owners);
    free(s);
}

void store_trim(struct store *s)
{
    int64_t oldest = s->now->real - s->history_age_usec;

    while (s->history && ((int64_t)HASH_COUNT(s->handles) - s->tally.n_live > s->n_history_rows ||
                          s->history->ended < oldest))
        forget_oldest(s);
}

/* -- making -- */

void store_note_state(struct store *s, struct handle *h, enum handle_state state)
{
    const int n_room = sizeof h->changes / sizeof *h->changes;

    if (h->n_changes && h->state == state)
        return;
    h->state = state;
    /* A socket that is connected again and again keeps its first states and its last. */
    if (h->n_changes == n_room)
        h->n_changes--;
    h->changes[h->n_changes++] = (struct state_change){state, s->now->real};
}

static void keep_address(struct wire_sockaddr **kept, const struct wire_sockaddr *now)
{
    if (!*kept)
        *kept = malloc(sizeof **kept);
    if (*kept)
        **kept = *now;
}

void store_note_addresses(struct store *s, struct handle *h)
{
    struct wire_sockaddr now;

    if (socket_name(h->fd, &now) == 0) {
        keep_address(&h->address, &now);
        /* The kernel binds by itself when an unbound socket sends. */
        if (h->state == STATE_CREATED && socket_is_bound(&now))
            store_note_state(s, h, STATE_BOUND);
    }
    /* A peer that has gone is still who it was. */
    if (socket_peer(h->fd, &now) < 0)
        return;
    keep_address(&h->peer, &now);
    /* Nobody told us that a connection which was begun without waiting has come about. */
    if (h->state == STATE_CONNECTING)
        store_note_state(s, h, STATE_CONNECTED);
}

int64_t store_inode(struct handle *h)
{
    if (!h->inode && h->fd >= 0)
        h->inode = socket_inode(h->fd);
    return h->inode;
}

static struct handle *make_handle(struct store *s, struct session *session, int fd,
                                  const struct creation *how)
{
    struct handle *h = calloc(1, sizeof *h);

    if (!h)
        return NULL;
    h->fd = fd;
    h->id = s->next_id;
    h->opened = h->last_used = s->now->real;
    h->family = how->family;
    h->type = how->type;
    if (!h->type)
        socket_identify(fd, &h->family, &h->type);
    h->label = copy_or_null(how->label);
    h->site = copy_or_null(how->site);
    h->key = how->name ? store_make_key(session, how->in, how->name) : NULL;
    h->opener = principal_ref(session->who);
    if ((how->name && !h->key) || (how->label && !h->label) || (how->site && !h->site)) {
        free_handle(h);
        return NULL;
    }
    return h;
}

/* Enters it where it is looked for. Returns 0 or -ENOMEM, and then it stands nowhere. */
static int enter(struct store *s, struct handle *h)
{
    if (wait_add_point(s->wait, &h->point, h->fd) < 0)
        return -ENOMEM;
    HASH_ADD(hh, s->handles, id, sizeof h->id, h);
    if (h->hh.tbl && h->key)
        HASH_ADD_KEYPTR(hh_name, s->names, h->key, strlen(h->key), h);
    if (h->hh.tbl && (!h->key || h->hh_name.tbl))
        return 0;
    if (h->hh.tbl)
        HASH_DEL(s->handles, h);
    wait_remove_point(s->wait, &h->point);
    return -ENOMEM;
}

/* A place among the expiries is taken while memory can still be refused: the end of a session
 * cannot fail. */
static int reserve_expiry(struct store *s, struct handle *h, int64_t lease_usec)
{
    if (lease_usec == LEASE_SESSION || lease_usec == LEASE_PERMANENT) {
        heap_remove(&s->expiries, &h->expiry);
        return 0;
    }
    return heap_put(&s->expiries, &h->expiry,
                    !h->session && h->suspected[SUSPECT_ORPHAN] ? s->now->monotonic + lease_usec
                                                                : INT64_MAX);
}

/* How many sockets the session holds in the pool, as a place to count; NULL when memory is out. */
static struct pool_count *count_in(struct session *session, struct pool *pool)
{
    struct pool_count *more;

    for (size_t i = 0; i < session->n_in_pools; i++)
        if (session->in_pools[i].pool == pool)
            return &session->in_pools[i];
    if (!(more = realloc(session->in_pools, (session->n_in_pools + 1) * sizeof *more)))
        return NULL;
    session->in_pools = more;
    more[session->n_in_pools] = (struct pool_count){.pool = pool};
    return &more[session->n_in_pools++];
}

static void uncount(struct handle *h)
{
    struct pool_count *count = h->session && h->pool ? count_in(h->session, h->pool) : NULL;

    if (count)
        count->n--;
}

int64_t store_n_held(struct session *session, struct pool *pool)
{
    struct pool_count *count = count_in(session, pool);

    return count ? count->n : 0;
}

void store_forget_session(struct session *session)
{
    free(session->in_pools);
    session->in_pools = NULL;
    session->n_in_pools = 0;
}

/* Its pool pays for it. */
static int charge(struct handle *h, struct session *session, struct pool *pool, struct error *e)
{
    struct pool_count *count = pool ? count_in(session, pool) : NULL;
    struct pool_shortage shortage;
    int r;

    if (!pool)
        return 0;
    if (!count)
        return error_memory(e);
    h->pool = pool_ref(pool);
    r = pool_charge(&h->charge, pool, session->who->uid, count->n, &shortage);
    if (r == -EDQUOT)
        return error_set(e, ERROR_POOL, shortage.limit, "pool %s: %s is %lld, and all are in use",
                         pool->name, shortage.limit, (long long)shortage.most);
    if (!r)
        r = pool_name_opener(&h->charge, h->opener);
    return r < 0 ? error_memory(e) : 0;
}

int store_add(struct store *s, struct session *session, int fd, const struct creation *how,
              enum handle_state state, struct handle **ret, struct error *e)
{
    struct handle *h;
    int r = how->name ? store_check_name(s, session, how->in, how->name, e) : 0;

    if (!r && !(h = make_handle(s, session, fd, how)))
        r = error_memory(e);
    if (!r && (r = charge(h, session, how->in, e)))
        free_handle(h);
    if (!r && (reserve_expiry(s, h, how->lease.usec) < 0 ||
               owners_add(&s->owners, h->id, session->who->uid) < 0 || enter(s, h) < 0)) {
        heap_remove(&s->expiries, &h->expiry);
        free_handle(h);
        r = error_memory(e);
    }
    if (r) {
        socket_close(fd);
        return r;
    }
    s->next_id++;
    h->cookie = socket_cookie(fd);
    h->session = session;
    if (how->in)
        count_in(session, how->in)->n++;
    h->lease_usec = how->lease.usec;
    DL_APPEND2(s->live, h, live_prev, live_next);
    suspects_add(store_by_use(s, h), &h->use, s->now->monotonic);
    DL_APPEND(session->handles, h);
    s->tally.n_opened++;
    s->tally.n_live++;
    store_note_state(s, h, state);
    if (state != STATE_CREATED)
        store_note_addresses(s, h);
    events_add(&s->events, EVENT_OPENED, s->now->real, h->id, NULL);
    *ret = h;
    return 0;
}

/* -- ending -- */

void store_close(struct store *s, struct handle *h, enum ending_how how, const char *reason)
{
    /* A socket that did nothing has no names. */
    if (h->state != STATE_CREATED || h->n_sent || h->n_received)
        store_note_addresses(s, h);
    store_inode(h);
    wait_remove_point(s->wait, &h->point);
    socket_close(h->fd);
    h->fd = -1;
    h->how = how;
    h->ended = s->now->real;
    h->reason = copy_or_null(reason);
    store_note_state(s, h, STATE_CLOSED);
    buf_done(&h->ahead);
    if (h->key)
        HASH_DELETE(hh_name, s->names, h);
    uncount(h);
    if (h->session)
        DL_DELETE(h->session->handles, h);
    h->session = NULL;
    pool_uncharge(&h->charge);
    heap_remove(&s->expiries, &h->expiry);
    suspects_remove(store_by_use(s, h), &h->use);
    DL_DELETE2(s->live, h, live_prev, live_next);
    DL_APPEND(s->history, h);
    s->tally.n_live--;
    s->tally.n_ended[how]++;
    events_add(&s->events,
               how == END_RECLAIMED ? EVENT_RECLAIMED
               : how == END_EXPIRED ? EVENT_EXPIRED
                                    : EVENT_CLOSED,
               s->now->real, h->id, NULL);
}

/* The lease outlives the session; a name with @ does not. */
static void orphan(struct store *s, struct handle *h)
{
    uncount(h);
    DL_DELETE(h->session->handles, h);
    h->session = NULL;
    store_suspect(s, h, SUSPECT_ORPHAN);
    if (h->key && strchr(h->key, '@')) {
        HASH_DELETE(hh_name, s->names, h);
        free(h->key);
        h->key = NULL;
    }
    if (h->lease_usec != LEASE_PERMANENT)
        heap_put(&s->expiries, &h->expiry, s->now->monotonic + h->lease_usec);
}

void store_end_session(struct store *s, struct session *session, const char *reason)
{
    struct handle *h;

    while ((h = session->handles)) {
        if (h->lease_usec == LEASE_SESSION)
            store_close(s, h, END_RECLAIMED, reason);
        else
            orphan(s, h);
    }
}

int store_set_lease(struct store *s, struct handle *h, int64_t lease_usec, struct error *e)
{
    if (lease_usec == LEASE_SESSION && !h->session)
        return error_set(e, ERROR_LEASE, "NO_SESSION",
                         "no session holds handle %lld; attach it first", (long long)h->id);
    if (reserve_expiry(s, h, lease_usec) < 0)
        return error_memory(e);
    h->lease_usec = lease_usec;
    return 0;
}

int store_attach(struct store *s, struct handle *h, struct session *session,
                 const struct wire_lease *lease, struct error *e)
{
    if (h->session && h->session != session)
        return error_set(e, ERROR_HANDLE, "HELD", "session %lld holds handle %lld",
                         (long long)h->session->id, (long long)h->id);
    if ((h->pool && !count_in(session, h->pool)) ||
        (lease->set && reserve_expiry(s, h, lease->usec) < 0))
        return error_memory(e);
    if (lease->set)
        h->lease_usec = lease->usec;
    if (h->session == session)
        return 0;
    h->session = session;
    if (h->pool)
        count_in(session, h->pool)->n++;
    store_clear(s, h, SUSPECT_ORPHAN);
    if (h->expiry.place)
        heap_put(&s->expiries, &h->expiry, INT64_MAX);
    DL_APPEND(session->handles, h);
    return 0;
}

void store_expire(struct store *s)
{
    struct heap_item *first;

    while ((first = heap_first(&s->expiries)) && first->at <= s->now->monotonic)
        store_close(s, (struct handle *)((char *)first - offsetof(struct handle, expiry)),
                    END_EXPIRED, "its lease ran out");
}

/* -- looking around -- */

struct handle *store_first(const struct store *s, int64_t after)
{
    struct handle *h = s->live;

    if (after) {
        /* The usual case is the page's own last row. */
        HASH_FIND(hh, s->handles, &after, sizeof after, h);
        if (h && h->fd >= 0)
            return store_next(h);
        for (h = s->live; h && h->id <= after; h = store_next(h))
            ;
    }
    return h;
}

struct handle *store_first_closed(const struct store *s, int64_t after)
{
    struct handle *h;

    HASH_FIND(hh, s->handles, &after, sizeof after, h);
    return h && h->fd < 0 ? store_next(h) : s->history;
}

struct handle *store_next(const struct handle *h)
{
    return h->fd >= 0 ? h->live_next : h->next;
}

int64_t store_next_number(const struct store *s)
{
    return s->next_id;
}

int64_t store_n_live(const struct store *s)
{
    return s->tally.n_live;
}

const struct events *store_events(const struct store *s)
{
    return &s->events;
}

void store_note_exhausted(struct store *s, const struct pool *pool, const char *limit)
{
    events_add_pool(&s->events, s->now->real, pool->name, limit);
}

struct tally store_tally(const struct store *s)
{
    return s->tally;
}
