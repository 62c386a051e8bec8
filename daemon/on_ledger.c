/* Handlers of the ledger: who opened what, where, and how it ended. */
#include <string.h>

#include "call_io.h"
#include "handlers.h"
#include "proto/limits.h"
#include "filter.h"
#include "row.h"
#include "socket.h"
#include "tls.h"

/* -- handlers -- */

/* Tells the peer inside of TLS. Whoever dies without a close does not, and its peer sees it cut
 * off. What the kernel would hold against the close as unread may be TLS's own (tickets): that is
 * read first, or the peer would get a reset. */
static void end_tls(struct call *c)
{
    struct tls *tls = c->handle->tls;
    struct error unheard = {0};
    size_t n;

    if (!tls || c->handle->stream || !tls_is_open(tls))
        return;
    tls_recv(tls, c->core->scratch, LIMIT_RECV_BYTES, &n, &unheard);
    tls_shutdown(tls, &unheard);
}

int on_close(struct call *c, const struct handle_params *p, struct ledger_row *ret)
{
    (void)p;
    end_tls(c);
    call_leave_tail(c);
    if (call_must_wait_for_manager(c))
        return call_wait_for_worker(c);
    if (c->order && !keep_is_done(c->core->keep, c->order) && c->handle->custody == CUSTODY_DAEMON)
        socket_abandon(c->handle->fd);
    store_close(c->core->store, c->handle, END_CLOSED, NULL);
    return row_fill(c, c->handle, true, ret);
}

int on_ledger_get(struct call *c, const struct handle_params *p, struct ledger_row *ret)
{
    (void)p;
    return row_fill(c, c->handle, true, ret);
}

static int check_list(struct call *c, const struct ledger_list_params *p, int64_t *ret_limit)
{
    *ret_limit = p->limit.set ? p->limit.v : LIMIT_LIST_ROWS;
    if (*ret_limit < 1 || *ret_limit > LIMIT_LIST_ROWS)
        return error_param(&c->error, "limit", "must be 1 to %d", LIMIT_LIST_ROWS);
    return filter_check(p->filter, &c->error);
}

int on_ledger_list(struct call *c, const struct ledger_list_params *p,
                   struct ledger_list_result *ret)
{
    bool closed = filter_wants_closed(p->filter);
    int64_t limit, last = 0;
    size_t n_seen = 0, n_room = 0;
    struct handle *h;
    int r;

    if ((r = check_list(c, p, &limit)))
        return r;
    ret->rows.set = true;
    h = closed ? store_first_closed(c->core->store, p->after.v)
               : store_first(c->core->store, p->after.v);
    for (; h; last = closed ? h->entry : h->id, h = store_next(h)) {
        /* Much that does not pass is looked through in several pages: others want to be served
         * between them. */
        if ((int64_t)ret->rows.n == limit || n_seen++ == LIMIT_LIST_SEEN) {
            ret->next = wire_integer(last);
            break;
        }
        if (store_may_see(c->session, h) && filter_passes(p->filter, h) &&
            (r = row_append(c, h, &ret->rows.items, &ret->rows.n, &n_room)))
            return r;
    }
    return 0;
}

int on_ledger_audit(struct call *c, const struct no_params *p, struct audit_result *ret)
{
    struct tally t = store_tally(c->core->store);

    (void)p;
    ret->opened = wire_integer(t.n_opened);
    ret->live = wire_integer(t.n_live);
    ret->closed = wire_integer(t.n_ended[END_CLOSED]);
    ret->reclaimed = wire_integer(t.n_ended[END_RECLAIMED]);
    ret->expired = wire_integer(t.n_ended[END_EXPIRED]);
    ret->handed_off = wire_integer(t.n_ended[END_HANDED_OFF]);
    ret->lost = wire_integer(t.n_ended[END_LOST]);
    ret->balance = wire_integer(t.n_opened - t.n_live);
    for (int i = 0; i < N_ENDINGS; i++)
        ret->balance.v -= t.n_ended[i];
    return 0;
}
