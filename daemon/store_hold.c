/* Who holds which handle, and for how long. */
#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "socket.h"

/* -- counting -- */

/* How many sockets the session holds in the pool, as a place to count; NULL when memory is out. */
struct pool_count *store_count_in(struct session *session, struct pool *pool)
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

int store_prepare_count(struct session *session, struct pool *pool)
{
    return !pool || store_count_in(session, pool) ? 0 : -ENOMEM;
}

void store_uncount(struct handle *h)
{
    struct pool_count *count = h->session && h->pool ? store_count_in(h->session, h->pool) : NULL;

    if (count)
        count->n--;
}

int64_t store_n_held(struct session *session, struct pool *pool)
{
    struct pool_count *count = store_count_in(session, pool);

    return count ? count->n : 0;
}

void store_forget_session(struct session *session)
{
    free(session->in_pools);
    session->in_pools = NULL;
    session->n_in_pools = 0;
}

/* -- leases -- */

/* A place among the expiries is taken while memory can still be refused: the end of a session
 * cannot fail. */
int store_reserve_expiry(struct store *s, struct handle *h, int64_t lease_usec, int64_t at)
{
    if (lease_usec != LEASE_SESSION && lease_usec != LEASE_PERMANENT)
        return heap_put(&s->expiries, &h->expiry, at);
    heap_remove(&s->expiries, &h->expiry);
    return 0;
}

void store_begin_life(struct store *s, struct handle *h, struct session *holder)
{
    DL_APPEND2(s->live, h, live_prev, live_next);
    suspects_add(store_by_use(s, h), &h->use, s->now->monotonic);
    h->session = holder;
    if (!holder)
        return;
    if (h->pool)
        store_count_in(holder, h->pool)->n++;
    DL_APPEND(holder->handles, h);
}

/* Its session holds it no more; nor has it a name of that session. */
static void let_go(struct store *s, struct handle *h)
{
    store_uncount(h);
    DL_DELETE(h->session->handles, h);
    h->session = NULL;
    if (!h->key || !strchr(h->key, '@'))
        return;
    HASH_DELETE(hh_name, s->names, h);
    free(h->key);
    h->key = NULL;
}

int store_set_lease(struct store *s, struct handle *h, int64_t lease_usec, struct error *e)
{
    if (lease_usec == LEASE_SESSION && !h->session)
        return error_set(e, ERROR_LEASE, "NO_SESSION",
                         "no session holds handle %lld; attach it first", (long long)h->id);
    if (store_reserve_expiry(s, h, lease_usec,
                             h->session ? INT64_MAX : s->now->monotonic + lease_usec) < 0)
        return error_memory(e);
    h->lease_usec = lease_usec;
    store_save(s, h);
    return 0;
}

int store_attach(struct store *s, struct handle *h, struct session *session,
                 const struct wire_lease *lease, struct error *e)
{
    if (h->session && h->session != session && !h->session->is_absent)
        return error_set(e, ERROR_HANDLE, "HELD", "session %lld holds handle %lld",
                         (long long)h->session->id, (long long)h->id);
    if (store_prepare_count(session, h->pool) < 0 ||
        (lease->set && store_reserve_expiry(s, h, lease->usec, INT64_MAX) < 0))
        return error_memory(e);
    if (lease->set)
        h->lease_usec = lease->usec;
    if (h->session == session) {
        store_save(s, h);
        return 0;
    }
    if (h->session)
        let_go(s, h);
    h->session = session;
    if (h->pool)
        store_count_in(session, h->pool)->n++;
    store_clear(s, h, SUSPECT_ORPHAN);
    if (h->expiry.place)
        heap_put(&s->expiries, &h->expiry, INT64_MAX);
    DL_APPEND(session->handles, h);
    store_save(s, h);
    return 0;
}

void store_expire(struct store *s)
{
    struct heap_item *first;

    while ((first = heap_first(&s->expiries)) && first->at <= s->now->monotonic)
        store_close(s, (struct handle *)((char *)first - offsetof(struct handle, expiry)),
                    END_EXPIRED, "its lease ran out");
}

/* -- ends -- */

/* The lease outlives the session. */
static void orphan(struct store *s, struct handle *h)
{
    let_go(s, h);
    store_suspect(s, h, SUSPECT_ORPHAN);
    if (h->lease_usec != LEASE_PERMANENT)
        heap_put(&s->expiries, &h->expiry, s->now->monotonic + h->lease_usec);
    store_save(s, h);
}

/* The daemon ends: the socket is closed here, and its record stays for the one that comes next. */
static void leave(struct store *s, struct handle *h)
{
    store_end_bytes(s, h, END_RECLAIMED);
    store_stop_waiting(s, h);
    wait_remove_point(s->wait, &h->point);
    socket_close(h->fd);
    store_uncount(h);
    if (h->session)
        DL_DELETE(h->session->handles, h);
    heap_remove(&s->expiries, &h->expiry);
    suspects_remove(store_by_use(s, h), &h->use);
    DL_DELETE2(s->live, h, live_prev, live_next);
    HASH_DEL(s->handles, h);
    if (h->key)
        HASH_DELETE(hh_name, s->names, h);
    h->record = NULL;
    store_free_handle(s, h);
}

/* Nobody holds it any more. */
void store_end_hold(struct store *s, struct handle *h, const char *reason)
{
    if (s->is_ending && (h->is_kept || h->lease_usec != LEASE_SESSION))
        leave(s, h);
    else if (h->lease_usec == LEASE_SESSION)
        store_close(s, h, END_RECLAIMED, reason);
    else
        orphan(s, h);
}

void store_end_session(struct store *s, struct session *session, const char *reason)
{
    while (session->handles)
        store_end_hold(s, session->handles, reason);
}

void store_end(struct store *s)
{
    s->is_ending = true;
}
