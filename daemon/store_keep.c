/* Which sockets the service manager keeps beyond the daemon, and what of them it cannot keep. */
#include "store_inside.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#include "log.h"

/* Sockets of a session come and go too often to trouble the manager with each; but a listener is
 * the door of a service. */
static bool is_worth_keeping(const struct handle *h)
{
    return !h->inherited && !h->tls &&
           (h->must_survive || h->lease_usec != LEASE_SESSION || h->state == STATE_LISTENING);
}

void store_stop_waiting(struct store *s, struct handle *h)
{
    if (h->is_unkept)
        DL_DELETE2(s->unkept, h, unkept_prev, unkept_next);
    h->is_unkept = false;
}

/* Returns whether it is kept now; else why not stands in the handle. */
static bool try_to_keep(struct store *s, struct handle *h)
{
    h->keep_error = keep_add(s->keep, h->id, h->fd);
    if (h->keep_error)
        return false;
    store_stop_waiting(s, h);
    h->is_kept = true;
    h->record->is_kept = true;
    store_save_ahead(s, h);
    return true;
}

/* What is worth waiting for. One that the manager will never take does not hold up the others. */
static bool may_pass(int error)
{
    return error == -EAGAIN || error == -EXFULL || error == -ENOMEM;
}

void store_update_keeping(struct store *s, struct handle *h)
{
    bool wanted = is_worth_keeping(h);

    if (!s->keep || h->fd < 0 || wanted == (h->is_kept || h->is_unkept))
        return;
    if (!wanted) {
        store_unkeep(s, h);
        return;
    }
    /* Who must survive has asked for room; the others wait for theirs in order. */
    if (s->unkept && !h->must_survive)
        h->keep_error = s->unkept->keep_error;
    else if (try_to_keep(s, h))
        return;
    if (!may_pass(h->keep_error))
        return;
    h->is_unkept = true;
    DL_APPEND2(s->unkept, h, unkept_prev, unkept_next);
}

void store_keep_more(struct store *s)
{
    struct handle *h;

    if (s->keep)
        keep_begin_turn(s->keep);
    while ((h = s->unkept)) {
        if (!try_to_keep(s, h) && may_pass(h->keep_error))
            return;
        store_stop_waiting(s, h);
    }
}

bool store_is_unkept(const struct store *s)
{
    return s->unkept && s->unkept->keep_error == -EAGAIN;
}

int store_mortal(struct error *e, const char *why)
{
    e->hint = "without \"survive\" it lives as long as the daemon does";
    return error_set(e, ERROR_LEASE, "CANNOT_KEEP",
                     "it would not survive a restart of the daemon: %s", why);
}

int store_insist(struct store *s, struct handle *h, struct error *e)
{
    bool had_to = h->must_survive;
    const char *why;

    h->must_survive = true;
    if (s->keep && !h->is_kept && !h->inherited)
        try_to_keep(s, h);
    if (store_survives(s, h, &why))
        return 0;
    /* What was kept in vain is taken back. */
    h->must_survive = had_to;
    store_save(s, h);
    return store_mortal(e, why);
}

/* A name of the fd store that a living handle's copy stands under. */
static bool is_name_of_kept(const struct store *s, const char *name)
{
    int64_t id = keep_read_name(name);
    const struct handle *h = id ? store_find_number(s, id) : NULL;

    return h && h->is_kept;
}

int64_t store_unkeep(struct store *s, struct handle *h)
{
    int64_t order = h->is_kept ? keep_remove(s->keep, h->id) : 0;
    const char *name = h->inherited ? store_name_of(h) : NULL;

    h->is_kept = false;
    store_stop_waiting(s, h);
    /* A socket unit's is given again at each start; one of the fd store need not be. */
    if (name && s->keep && !is_name_of_kept(s, name))
        keep_forget(s->keep, name);
    if (h->inherited == INHERITED_UNKNOWN && s->keep)
        keep_note_gone(s->keep);
    return order;
}

/* -- what is told -- */

bool store_survives(const struct store *s, const struct handle *h, const char **ret_reason)
{
    *ret_reason = NULL;
    if (h->fd < 0)
        *ret_reason = h->custody == CUSTODY_HANDED_OFF ? "it is its client's" : "it is closed";
    else if (h->tls)
        *ret_reason = "its TLS does not outlive the daemon";
    else if (h->is_ahead_lost)
        *ret_reason = "what was read ahead would be lost: it could not be written down";
    else if (h->is_kept || h->inherited)
        return true;
    else if (s->keep && !is_worth_keeping(h))
        *ret_reason = "it is no listener, and its lease is for the session";
    else
        *ret_reason = keep_obstacle(s->keep, h->keep_error);
    return false;
}

/* -- what was read ahead -- */

void store_save_ahead(struct store *s, struct handle *h)
{
    size_t n = buf_len(&h->ahead);
    int r;

    if (!h->is_kept && !h->inherited)
        return;
    r = state_keep_ahead(s->state, h->slot, n ? h->ahead.data + h->ahead.start : NULL, n,
                         h->n_ahead_gone);
    h->n_ahead_gone = 0;
    h->is_ahead_lost = r < 0;
    if (r < 0 && !s->has_told)
        log_line(LOG_WARNING,
                 "handle %lld: what was read ahead cannot be written down, and would be lost with "
                 "the daemon: %s; this is told once",
                 (long long)h->id, strerror(-r));
    s->has_told |= r < 0;
}
