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

struct store *store_new(struct wait *wait, const struct now *now, struct state *state,
                        int64_t first)
{
    struct store *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->wait = wait;
    s->now = now;
    s->state = state;
    /* Entries too: a page's end of the daemon before is then hardly behind this one's. */
    s->first_id = s->tally.next_handle = s->next_entry = first;
    s->by_use.idle_usec = IDLE_USEC;
    store_set_history(s, INT32_MAX, INT64_MAX / 2);
    return s;
}

void store_set_keep(struct store *s, struct keep *keep)
{
    s->keep = keep;
}

void store_free_handle(struct store *s, struct handle *h)
{
    if (h->record)
        store_drop_record(s, h);
    store_leave_cookie(s, h);
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

/* -- making -- */

/* Returns whether it is another one. */
static bool set_state(struct store *s, struct handle *h, enum handle_state state)
{
    const int n_room = sizeof h->changes / sizeof *h->changes;

    if (h->n_changes && h->state == state)
        return false;
    h->state = state;
    /* A socket that is connected again and again keeps its first states and its last. */
    if (h->n_changes == n_room)
        h->n_changes--;
    h->changes[h->n_changes++] = (struct state_change){state, s->now->real};
    return true;
}

void store_set_state(struct store *s, struct handle *h, enum handle_state state)
{
    set_state(s, h, state);
}

void store_note_state(struct store *s, struct handle *h, enum handle_state state)
{
    if (set_state(s, h, state))
        store_save(s, h);
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
    int r;

    errno = ENOMEM;
    if (!h)
        return NULL;
    h->fd = fd;
    h->id = s->tally.next_handle;
    h->opened = h->last_used = s->now->real;
    h->family = how->family;
    h->type = how->type;
    if (!h->type)
        socket_identify(fd, &h->family, &h->type);
    h->label = copy_or_null(how->label);
    h->site = copy_or_null(how->site);
    h->key = how->name ? store_make_key(session, how->in, how->name) : NULL;
    h->opener = principal_ref(session->who);
    h->must_survive = how->survive;
    h->inherited = how->inherited;
    r = (how->name && !h->key) || (how->label && !h->label) || (how->site && !h->site)
            ? -ENOMEM
            : state_take(s->state, &h->slot);
    if (r == 0) {
        h->record = state_record(s->state, h->slot);
        return h;
    }
    store_free_handle(s, h);
    errno = -r;
    return NULL;
}

int store_enter(struct store *s, struct handle *h)
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

/* Its pool pays for it. */
static int charge(struct handle *h, struct session *session, struct pool *pool, struct error *e)
{
    struct pool_count *count = pool ? store_count_in(session, pool) : NULL;
    struct pool_shortage shortage;
    int r;

    if (!pool)
        return 0;
    if (!count)
        return error_memory(e);
    h->pool = pool_ref(pool);
    /* What is there already is not refused. */
    r = h->inherited ? pool_recharge(&h->charge, pool, session->who->uid)
                     : pool_charge(&h->charge, pool, session->who->uid, count->n, &shortage);
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
        r = error_os(e, errno, "the daemon's note of the socket");
    if (!r && (r = charge(h, session, how->in, e)))
        store_free_handle(s, h);
    if (!r && (store_reserve_expiry(s, h, how->lease.usec, INT64_MAX) < 0 ||
               owners_add(&s->owners, h->id, session->who->uid) < 0 || store_enter(s, h) < 0)) {
        heap_remove(&s->expiries, &h->expiry);
        store_free_handle(s, h);
        r = error_memory(e);
    }
    if (r) {
        socket_close(fd);
        return r;
    }
    s->tally.next_handle++;
    h->cookie = socket_cookie(fd);
    h->lease_usec = how->lease.usec;
    store_begin_life(s, h, session);
    s->tally.n_opened++;
    s->tally.n_live++;
    set_state(s, h, state);
    if (state != STATE_CREATED)
        store_note_addresses(s, h);
    store_save(s, h);
    events_add(&s->events, EVENT_OPENED, s->now->real, h->id, NULL);
    if (how->survive && (r = store_insist(s, h, e))) {
        store_close(s, h, END_CLOSED, "it could not be kept as it was asked for");
        return r;
    }
    *ret = h;
    return 0;
}

/* -- ending -- */

void store_close(struct store *s, struct handle *h, enum ending_how how, const char *reason)
{
    bool goes_on;

    /* A socket that did nothing has no names. */
    if (h->state != STATE_CREATED || h->n_sent || h->n_received)
        store_note_addresses(s, h);
    store_inode(h);
    goes_on = store_end_bytes(s, h, how);
    wait_remove_point(s->wait, &h->point);
    /* The copy that the manager lets go of later must not keep the peer waiting till then. */
    if (!goes_on && h->is_kept && h->custody == CUSTODY_DAEMON && how != END_LOST)
        socket_abandon(h->fd);
    socket_close(h->fd);
    h->fd = -1;
    h->how = how;
    h->ended = s->now->real;
    h->reason = copy_or_null(reason);
    /* One that was handed off lives on elsewhere. */
    h->last_state = h->state;
    if (how == END_HANDED_OFF)
        h->state = STATE_CLOSED;
    else
        set_state(s, h, STATE_CLOSED);
    if (how != END_HANDED_OFF)
        store_leave_cookie(s, h);
    buf_done(&h->ahead);
    if (h->key)
        HASH_DELETE(hh_name, s->names, h);
    store_uncount(h);
    if (h->session)
        DL_DELETE(h->session->handles, h);
    h->session = NULL;
    pool_uncharge(&h->charge);
    heap_remove(&s->expiries, &h->expiry);
    suspects_remove(store_by_use(s, h), &h->use);
    DL_DELETE2(s->live, h, live_prev, live_next);
    store_enter_history(s, h);
    s->tally.n_live--;
    s->tally.n_ended[how]++;
    store_drop_record(s, h);
    events_add(&s->events,
               how == END_RECLAIMED    ? EVENT_RECLAIMED
               : how == END_EXPIRED    ? EVENT_EXPIRED
               : how == END_HANDED_OFF ? EVENT_HANDED_OFF
                                       : EVENT_CLOSED,
               s->now->real, h->id, NULL);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    s->is_ending = true;
    while (s->live)
        store_end_hold(s, s->live, "the daemon ended");
    store_forget_history(s);
    heap_done(&s->expiries);
    owners_done(&s->owners);
    free(s);
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

struct handle *store_next(const struct handle *h)
{
    return h->fd >= 0 ? h->live_next : h->next;
}

int64_t store_next_number(const struct store *s)
{
    return s->tally.next_handle;
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
