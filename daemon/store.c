#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <utlist.h>

#include "proto/limits.h"
#include "socket.h"

/* A socket that is not used for so long looks forgotten. */
#define IDLE_USEC INT64_C(600000000)

struct store {
    struct wait *wait;
    const struct now *now;
    int64_t next_id;
    int64_t n_history_rows, history_age_usec;
    struct handle *handles; /* by id, living and closed: closing one must not need memory */
    struct handle *names;   /* by key */
    struct handle *live;    /* ascending, as they were made */
    struct handle *history; /* the closed, by end */
    struct heap expiries;   /* of timed leases */
    struct suspects by_use; /* of what belongs to no pool */
    struct pools *pools;    /* borrowed; NULL: none */
    struct tally tally;
    struct events events;
};

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
    s->next_id = first;
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
    free(s);
}

void store_trim(struct store *s)
{
    int64_t oldest = s->now->real - s->history_age_usec;

    while (s->history && ((int64_t)HASH_COUNT(s->handles) - s->tally.n_live > s->n_history_rows ||
                          s->history->ended < oldest))
        forget_oldest(s);
}

/* -- names -- */

/* `@c` of session 12 is kept as `12@c`, so that each session has its own, and `web` of the pool
 * front as `front/web`; nobody can write either: a name has its @ in front or none, and no slash.
 */
static char *make_key(const struct session *session, const struct pool *pool, const char *name)
{
    char *key;

    if (*name == '@')
        return asprintf(&key, "%lld%s", (long long)session->id, name) < 0 ? NULL : key;
    if (pool)
        return asprintf(&key, "%s/%s", pool->name, name) < 0 ? NULL : key;
    return strdup(name);
}

const char *store_name_of(const struct handle *h)
{
    const char *at = h->key ? strchr(h->key, '@') : NULL;
    const char *slash = h->key ? strchr(h->key, '/') : NULL;

    return at ? at : slash ? slash + 1 : h->key;
}

static struct handle *find_key(const struct store *s, const char *key)
{
    struct handle *h;

    HASH_FIND(hh_name, s->names, key, strlen(key), h);
    return h;
}

static int check_syntax(const char *name, struct error *e)
{
    const char *rest = name + (*name == '@');
    size_t n = strlen(rest);

    if (n == 0 || strlen(name) > LIMIT_NAME_BYTES)
        return error_param(e, "name", "has 1 to %d bytes", LIMIT_NAME_BYTES);
    if (strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
        return error_param(e, "name",
                           "is made of letters, digits, dot, minus and underscore, with @ in "
                           "front for a name of this session");
    if (strspn(rest, "0123456789") == n && rest == name)
        return error_param(e, "name", "must not be a number: it would look like a handle");
    return 0;
}

int store_check_name(struct store *s, const struct session *session, const struct pool *pool,
                     const char *name, struct error *e)
{
    struct handle *taken;
    char *key;
    int r;

    if ((r = check_syntax(name, e)))
        return r;
    if (!(key = make_key(session, pool, name)))
        return error_memory(e);
    taken = find_key(s, key);
    free(key);
    if (!taken)
        return 0;
    e->handle = taken->id;
    return error_set(e, ERROR_HANDLE, "NAME_TAKEN",
                     "handle %lld is called %s already; close it first", (long long)taken->id,
                     name);
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

/* The list in which the handle stands by its use: each pool has its own idea of idle. */
static struct suspects *by_use(struct store *s, const struct handle *h)
{
    return h->pool ? &h->pool->by_use : &s->by_use;
}

static void suspect(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    if (h->suspected[kind])
        return;
    h->suspected[kind] = s->now->real;
    s->tally.n_suspected++;
    events_add(&s->events, EVENT_SUSPECT, s->now->real, h->id, store_suspicion_name(kind));
}

static void clear(struct store *s, struct handle *h, enum suspicion_kind kind)
{
    if (!h->suspected[kind])
        return;
    h->suspected[kind] = 0;
    s->tally.n_cleared++;
    events_add(&s->events, EVENT_CLEARED, s->now->real, h->id, store_suspicion_name(kind));
}

void store_note_use(struct store *s, struct handle *h, int64_t n_sent, int64_t n_received)
{
    suspects_use(by_use(s, h), &h->use, s->now->monotonic);
    clear(s, h, SUSPECT_CLOSE_WAIT);
    clear(s, h, SUSPECT_IDLE);
    clear(s, h, SUSPECT_UNREAD);
    s->tally.n_sent += n_sent;
    s->tally.n_received += n_received;
    h->n_sent += n_sent;
    h->n_received += n_received;
    h->last_used = s->now->real;
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
    h->key = how->name ? make_key(session, how->in, how->name) : NULL;
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
    if (!r && (reserve_expiry(s, h, how->lease.usec) < 0 || enter(s, h) < 0)) {
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
    h->opener->n_sockets++;
    h->lease_usec = how->lease.usec;
    DL_APPEND2(s->live, h, live_prev, live_next);
    suspects_add(by_use(s, h), &h->use, s->now->monotonic);
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

/* -- finding -- */

static int unknown(const struct wire_handle *wanted, struct error *e)
{
    if (wanted->name)
        return error_set(e, ERROR_HANDLE, "UNKNOWN", "no living handle is called %s", wanted->name);
    e->handle = wanted->id;
    return error_set(
        e, ERROR_HANDLE, "UNKNOWN", "there is no handle %lld%s", (long long)wanted->id,
        wanted->id < HANDLE_FIRST ? "; handles start at 16777217, this looks like an fd" : "");
}

bool store_may_use(const struct session *session, const struct handle *h)
{
    return session->who->uid == h->opener->uid || (h->session && h->session == session);
}

bool store_may_see(const struct session *session, const struct handle *h)
{
    return store_may_use(session, h) || session->is_admin ||
           (h->pool && pool_is_admin(h->pool, session->who->uid));
}

static struct handle *find_name_in(const struct store *s, const struct session *session,
                                   const struct pool *pool, const char *name)
{
    char *key = make_key(session, pool, name);
    struct handle *h = key ? find_key(s, key) : NULL;

    free(key);
    return h;
}

/* A durable name is looked for in the client's pools, in the order of the files. */
static struct handle *find_name(const struct store *s, const struct session *session,
                                const char *name)
{
    struct handle *h = NULL;

    /* A key, and no name. */
    if (strchr(name + (*name == '@'), '@') || strchr(name, '/'))
        return NULL;
    if (*name == '@' || !session->pools)
        return find_name_in(s, session, NULL, name);
    for (const struct pool *p = session->pools->first; p; p = p->next)
        if ((h = find_name_in(s, session, p, name)) && store_may_see(session, h))
            return h;
    return NULL;
}

int store_find_row(struct store *s, const struct session *session, const struct wire_handle *wanted,
                   struct handle **ret, struct error *e)
{
    struct handle *h = NULL;

    if (wanted->name)
        h = find_name(s, session, wanted->name);
    else
        HASH_FIND(hh, s->handles, &wanted->id, sizeof wanted->id, h);
    if (h && store_may_see(session, h)) {
        *ret = h;
        return 0;
    }
    if (h || wanted->name || wanted->id < HANDLE_FIRST || wanted->id >= s->next_id)
        return unknown(wanted, e);
    e->handle = wanted->id;
    return error_set(e, ERROR_HANDLE, "CLOSED", "handle %lld is closed; the history has let it go",
                     (long long)wanted->id);
}

int store_find_seen(struct store *s, const struct session *session,
                    const struct wire_handle *wanted, struct handle **ret, struct error *e)
{
    struct handle *h;
    char at[32];
    time_t seconds;
    int r = store_find_row(s, session, wanted, &h, e);

    if (r)
        return r;
    if (h->fd >= 0) {
        *ret = h;
        return 0;
    }
    seconds = (time_t)(h->ended / 1000000);
    strftime(at, sizeof at, "%FT%TZ", gmtime(&seconds));
    e->handle = h->id;
    return error_set(e, ERROR_HANDLE, "CLOSED",
                     "handle %lld is closed since %s (%.1f s ago), how: %s%s%s", (long long)h->id,
                     at, (double)(s->now->real - h->ended) / 1e6, store_ending_name(h->how),
                     h->reason ? ", " : "", h->reason ? h->reason : "");
}

int store_find(struct store *s, const struct session *session, const struct wire_handle *wanted,
               struct handle **ret, struct error *e)
{
    struct handle *h;
    int r = store_find_seen(s, session, wanted, &h, e);

    if (r)
        return r;
    if (!store_may_use(session, h)) {
        e->handle = h->id;
        e->hint = "attach it first, where its session has ended";
        return error_set(e, ERROR_HANDLE, "NOT_YOURS", "handle %lld is of uid %u", (long long)h->id,
                         h->opener->uid);
    }
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
    h->opener->n_sockets--;
    if (h->session)
        DL_DELETE(h->session->handles, h);
    h->session = NULL;
    pool_uncharge(&h->charge);
    heap_remove(&s->expiries, &h->expiry);
    suspects_remove(by_use(s, h), &h->use);
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
    suspect(s, h, SUSPECT_ORPHAN);
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

int store_attach(struct store *s, struct handle *h, struct session *session, struct error *e)
{
    if (h->session == session)
        return 0;
    if (h->session)
        return error_set(e, ERROR_HANDLE, "HELD", "session %lld holds handle %lld",
                         (long long)h->session->id, (long long)h->id);
    if (h->pool && !count_in(session, h->pool))
        return error_memory(e);
    h->session = session;
    if (h->pool)
        count_in(session, h->pool)->n++;
    clear(s, h, SUSPECT_ORPHAN);
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

/* -- what looks forgotten -- */

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
        suspect(s, h, SUSPECT_CLOSE_WAIT);
    else if (events & EPOLLIN)
        suspect(s, h, SUSPECT_UNREAD);
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
            suspect(s, user_of(item), SUSPECT_IDLE);
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

const char *store_state_name(enum handle_state state)
{
    static const char *const names[N_STATES] = {
        [STATE_CREATED] = "created",     [STATE_BOUND] = "bound",
        [STATE_LISTENING] = "listening", [STATE_CONNECTING] = "connecting",
        [STATE_CONNECTED] = "connected", [STATE_HALF_CLOSED] = "half_closed",
        [STATE_CLOSED] = "closed",
    };

    return names[state];
}

const char *store_ending_name(enum ending_how how)
{
    static const char *const names[N_ENDINGS] = {
        [END_CLOSED] = "closed",         [END_RECLAIMED] = "reclaimed", [END_EXPIRED] = "expired",
        [END_HANDED_OFF] = "handed_off", [END_LOST] = "lost",
    };

    return names[how];
}

const char *store_suspicion_name(enum suspicion_kind kind)
{
    static const char *const names[N_SUSPICIONS] = {
        [SUSPECT_CLOSE_WAIT] = "close_wait",
        [SUSPECT_IDLE] = "idle",
        [SUSPECT_UNREAD] = "unread",
        [SUSPECT_ORPHAN] = "orphan",
    };

    return names[kind];
}
