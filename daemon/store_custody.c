/* Sockets that others have as well, or instead of the daemon: shared, handed off, taken back. */
#include "store_inside.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "socket.h"

/* -- by cookie -- */

struct handle *store_find_cookie(const struct store *s, int64_t cookie)
{
    struct handle *h = NULL;

    if (cookie)
        HASH_FIND(hh_cookie, s->cookies, &cookie, sizeof cookie, h);
    return h;
}

static int number_option(int fd, int number)
{
    int v = 0;
    size_t n = sizeof v;

    return socket_get_option(fd, SOL_SOCKET, number, &v, &n) < 0 ? 0 : v;
}

/* The first stays: another user who adopts the same socket has a handle that is not found by it. */
int store_enter_cookie(struct store *s, struct handle *h)
{
    h->protocol = number_option(h->fd, SO_PROTOCOL);
    if (!h->cookie || store_find_cookie(s, h->cookie))
        return 0;
    HASH_ADD(hh_cookie, s->cookies, cookie, sizeof h->cookie, h);
    return h->hh_cookie.tbl ? 0 : -ENOMEM;
}

static void unfollow(struct store *s, struct handle *h)
{
    s->n_followed -= h->is_followed;
    h->is_followed = false;
}

void store_leave_cookie(struct store *s, struct handle *h)
{
    unfollow(s, h);
    if (store_find_cookie(s, h->cookie) == h)
        HASH_DELETE(hh_cookie, s->cookies, h);
}

int64_t store_n_followed(const struct store *s)
{
    return s->n_followed;
}

/* -- giving -- */

int store_share(struct store *s, struct handle *h)
{
    if (h->custody == CUSTODY_SHARED)
        return 0;
    if (store_enter_cookie(s, h) < 0)
        return -ENOMEM;
    h->custody = CUSTODY_SHARED;
    store_clear(s, h, SUSPECT_CLOSE_WAIT);
    store_clear(s, h, SUSPECT_IDLE);
    store_clear(s, h, SUSPECT_UNREAD);
    store_save(s, h);
    return 0;
}

void store_release(struct store *s, struct handle *h)
{
    /* As it is now is how it will be looked for. */
    store_see(s, NULL, h);
    store_close(s, h, END_HANDED_OFF, "its client has acknowledged it");
    h->custody = CUSTODY_HANDED_OFF;
    h->is_followed = true;
    s->n_followed++;
}

/* -- seeing -- */

static void take_address(struct wire_sockaddr **kept, const struct wire_sockaddr *now)
{
    if (!now->len)
        return;
    if (!*kept)
        *kept = malloc(sizeof **kept);
    if (*kept)
        **kept = *now;
}

static void take_counts(struct handle *h, const struct followed *f)
{
    if (!f->has_counts)
        return;
    if (f->n_sent > h->n_sent)
        h->n_sent = f->n_sent;
    if (f->n_received > h->n_received)
        h->n_received = f->n_received;
}

static enum handle_state state_of(const struct handle *h, enum followed_state seen)
{
    static const enum handle_state states[] = {
        [FOLLOWED_BOUND] = STATE_BOUND,
        [FOLLOWED_LISTENING] = STATE_LISTENING,
        [FOLLOWED_CONNECTING] = STATE_CONNECTING,
        [FOLLOWED_CONNECTED] = STATE_CONNECTED,
        [FOLLOWED_HALF_CLOSED] = STATE_HALF_CLOSED,
    };

    return seen == FOLLOWED_UNKNOWN ? h->last_state : states[seen];
}

/* Its last transition. */
static void note_died(struct store *s, struct handle *h)
{
    h->died = s->now->real;
    h->state = h->last_state;
    store_set_state(s, h, STATE_CLOSED);
    store_leave_cookie(s, h);
    events_add(&s->events, EVENT_DIED, s->now->real, h->id, NULL);
}

static bool is_in_table(const struct handle *h)
{
    if (h->is_tabled)
        return true;
    if (h->protocol == IPPROTO_UDP)
        return h->address && socket_is_bound(h->address);
    return h->last_state != STATE_CREATED && h->last_state != STATE_BOUND &&
           h->last_state != STATE_CONNECTING;
}

static int see_from_afar(struct store *s, struct follow *f, struct handle *h)
{
    const struct follow_target target = {h->family, h->type,    h->protocol, h->cookie,
                                         h->inode,  h->address, h->peer,     is_in_table(h)};
    struct followed seen;
    int r = follow_ask(f, &target, s->now->monotonic, &seen);

    if (r < 0)
        return -1;
    take_counts(h, &seen);
    if (r == 0) {
        note_died(s, h);
        return 0;
    }
    h->last_state = state_of(h, seen.state);
    h->is_tabled = true;
    take_address(&h->address, &seen.address);
    take_address(&h->peer, &seen.peer);
    return 1;
}

/* What others have done with it the daemon sees by its own copy. */
static void see_at_hand(struct store *s, struct handle *h)
{
    struct followed seen;

    store_note_addresses(s, h);
    if (h->state != STATE_LISTENING && socket_is_listening(h->fd))
        store_note_state(s, h, STATE_LISTENING);
    else if (h->peer && (h->state == STATE_CREATED || h->state == STATE_BOUND))
        store_note_state(s, h, STATE_CONNECTED);
    if (h->protocol == IPPROTO_TCP && follow_count(h->fd, &seen)) {
        take_counts(h, &seen);
        store_save_counts(s, h);
    }
}

int store_see(struct store *s, struct follow *f, struct handle *h)
{
    if (h->fd >= 0) {
        see_at_hand(s, h);
        return 1;
    }
    if (h->died)
        return 0;
    return h->custody == CUSTODY_HANDED_OFF && f ? see_from_afar(s, f, h) : -1;
}

void store_note_death(struct store *s, int64_t cookie, const struct followed *last)
{
    struct handle *h = store_find_cookie(s, cookie);

    if (!h || h->fd >= 0)
        return;
    take_counts(h, last);
    note_died(s, h);
}

/* -- taking back -- */

/* Texts and a key that are new; those that are not stay NULL. */
struct news {
    char *label, *key;
};

static int make_news(struct store *s, const struct handle *h, struct session *session,
                     const struct creation *how, struct news *ret, struct error *e)
{
    int r = how->name ? store_check_name(s, session, how->in, how->name, e) : 0;

    if (r)
        return r;
    if (how->label && !(ret->label = strdup(how->label)))
        return error_memory(e);
    if (how->name)
        ret->key = store_make_key(session, how->in, how->name);
    /* Its own name, if that is free; one of an earlier session is not. */
    else if (h->key && !strchr(h->key, '@') && !store_find_key(s, h->key))
        ret->key = strdup(h->key);
    else
        return 0;
    return ret->key ? 0 : error_memory(e);
}

static void take_news(struct handle *h, struct news *news)
{
    free(h->key);
    h->key = news->key;
    if (news->label) {
        free(h->label);
        h->label = news->label;
    }
}

/* As for a new one; what it was charged to before has been given back. */
static int recharge(struct handle *h, struct session *session, struct pool *pool, struct error *e)
{
    struct pool_count *count = pool ? store_count_in(session, pool) : NULL;
    struct pool_shortage shortage;
    int r;

    if (!pool)
        return 0;
    if (!count)
        return error_memory(e);
    r = pool_charge(&h->charge, pool, session->who->uid, count->n, &shortage);
    if (r == -EDQUOT)
        return error_set(e, ERROR_POOL, shortage.limit, "pool %s: %s is %lld, and all are in use",
                         pool->name, shortage.limit, (long long)shortage.most);
    if (!r)
        r = pool_name_opener(&h->charge, h->opener);
    if (r < 0)
        return error_memory(e);
    pool_ref(pool);
    pool_unref(h->pool);
    h->pool = pool;
    return 0;
}

/* Whatever can fail. The handle stands in the history until it has all gone well. */
static int prepare(struct store *s, struct handle *h, struct session *session,
                   const struct creation *how, struct error *e)
{
    int r = recharge(h, session, how->in, e);

    if (r)
        return r;
    if (store_reserve_expiry(s, h, how->lease.usec, INT64_MAX) < 0)
        return error_memory(e);
    if ((r = state_take(s->state, &h->slot)) < 0)
        return error_os(e, -r, "the daemon's note of the socket");
    h->record = state_record(s->state, h->slot);
    if (wait_add_point(s->wait, &h->point, h->fd) < 0)
        return error_memory(e);
    if (h->key)
        HASH_ADD_KEYPTR(hh_name, s->names, h->key, strlen(h->key), h);
    if (!h->key || h->hh_name.tbl)
        return 0;
    wait_remove_point(s->wait, &h->point);
    return error_memory(e);
}

/* As it was: closed, with nothing that only the living have. */
static void undo(struct store *s, struct handle *h)
{
    heap_remove(&s->expiries, &h->expiry);
    if (h->record)
        store_drop_record(s, h);
    pool_uncharge(&h->charge);
    h->fd = -1;
}

/* Among the living by its number: they are listed in that order. */
static void move_into_order(struct store *s, struct handle *h)
{
    struct handle *before;

    DL_DELETE2(s->live, h, live_prev, live_next);
    before = s->live ? s->live->live_prev : NULL; /* the last: a utlist's head knows it */
    while (before && before->id > h->id)
        before = before == s->live ? NULL : before->live_prev;
    if (before)
        DL_APPEND_ELEM2(s->live, before, h, live_prev, live_next);
    else
        DL_PREPEND2(s->live, h, live_prev, live_next);
}

static void come_back(struct store *s, struct handle *h, struct session *session)
{
    unfollow(s, h);
    DL_DELETE(s->history, h);
    s->tally.n_ended[END_HANDED_OFF]--;
    s->tally.n_live++;
    free(h->reason);
    h->reason = NULL;
    h->ended = 0;
    h->state = h->last_state;
    h->custody = CUSTODY_SHARED;
    h->is_read_shut = false;
    h->is_tabled = false;
    h->inherited = INHERITED_NOT;
    h->point.watched = 0;
    h->last_used = s->now->real;
    memset(h->suspected, 0, sizeof h->suspected);
    h->use = (struct suspects_item){0};
    store_begin_life(s, h, session);
    move_into_order(s, h);
}

int store_take_back(struct store *s, struct handle *h, struct session *session, int fd,
                    const struct creation *how, struct error *e)
{
    struct news news = {0};
    int r = make_news(s, h, session, how, &news, e);

    if (!r) {
        h->fd = fd;
        take_news(h, &news);
        if ((r = prepare(s, h, session, how, e)))
            undo(s, h);
    }
    if (r) {
        free(news.key != h->key ? news.key : NULL);
        free(news.label != h->label ? news.label : NULL);
        socket_close(fd);
        return r;
    }
    come_back(s, h, session);
    h->lease_usec = how->lease.usec;
    h->must_survive = how->survive;
    see_at_hand(s, h);
    store_save(s, h);
    events_add(&s->events, EVENT_ADOPTED, s->now->real, h->id, NULL);
    return 0;
}

const char *store_custody_name(enum custody custody)
{
    static const char *const names[N_CUSTODIES] = {[CUSTODY_DAEMON] = "daemon",
                                                   [CUSTODY_SHARED] = "shared",
                                                   [CUSTODY_HANDED_OFF] = "handed_off"};

    return names[custody];
}
