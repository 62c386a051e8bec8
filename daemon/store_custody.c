/* Sockets that others have as well, or instead of the daemon: shared, handed off, taken back. */
#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "socket.h"

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

void store_release(struct store *s, struct follow *f, struct handle *h)
{
    /* As it is now is how it will be looked for. */
    store_see(s, NULL, h);
    store_begin_following(s, f, h);
    store_close(s, h, END_HANDED_OFF, "its client has acknowledged it");
    h->custody = CUSTODY_HANDED_OFF;
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
    store_end_following(s, h);
    store_leave_history(s, h);
    s->tally.n_ended[END_HANDED_OFF]--;
    s->tally.n_live++;
    free(h->reason);
    h->reason = NULL;
    h->ended = 0;
    /* It has not died, whatever it looked like. */
    h->state = h->died ? STATE_CLOSED : h->last_state;
    h->died = 0;
    h->custody = CUSTODY_SHARED;
    h->is_read_shut = false;
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
    store_see(s, NULL, h);
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
