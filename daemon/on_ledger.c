/* Handlers of the ledger: who opened what, where, and how it ended. */
#include <string.h>

#include "handlers.h"
#include "proto/limits.h"
#include "row.h"

/* -- handlers -- */

int on_close(struct call *c, const struct handle_params *p, struct ledger_row *ret)
{
    (void)p;
    store_close(c->core->store, c->handle, END_CLOSED, NULL);
    return row_fill(c, c->handle, true, ret);
}

int on_ledger_get(struct call *c, const struct handle_params *p, struct ledger_row *ret)
{
    (void)p;
    return row_fill(c, c->handle, true, ret);
}

static bool matches(const char *wanted, const char *is)
{
    return !wanted || (is && strcmp(wanted, is) == 0);
}

/* Whether the handle is under this suspicion, or under any. */
static bool is_suspect(const struct handle *h, const char *kind)
{
    for (int k = 0; k < N_SUSPICIONS; k++)
        if (h->suspected[k] && (strcmp(kind, "any") == 0 ||
                                strcmp(kind, store_suspicion_name((enum suspicion_kind)k)) == 0))
            return true;
    return false;
}

static bool passes(const struct handle *h, const struct ledger_filter *f)
{
    if (!f)
        return true;
    return matches(f->state.s, store_state_name(h->state)) && matches(f->pool.s, "default") &&
           (matches(f->label.s, h->label) || matches(f->label.s, h->opener->label)) &&
           matches(f->exe.s, h->opener->exe) && (!f->uid.set || f->uid.v == h->opener->uid) &&
           (!f->suspect.s || is_suspect(h, f->suspect.s));
}

static bool is_state(const char *name)
{
    for (int i = 0; i < N_STATES; i++)
        if (strcmp(name, store_state_name((enum handle_state)i)) == 0)
            return true;
    return false;
}

static bool is_suspicion(const char *name)
{
    bool known = strcmp(name, "any") == 0;

    for (int kind = 0; kind < N_SUSPICIONS; kind++)
        known |= strcmp(name, store_suspicion_name((enum suspicion_kind)kind)) == 0;
    return known;
}

static int check_list(struct call *c, const struct ledger_list_params *p, int64_t *ret_limit)
{
    const char *state = p->filter ? p->filter->state.s : NULL;

    *ret_limit = p->limit.set ? p->limit.v : LIMIT_LIST_ROWS;
    if (*ret_limit < 1 || *ret_limit > LIMIT_LIST_ROWS)
        return error_param(&c->error, "limit", "must be 1 to %d", LIMIT_LIST_ROWS);
    if (state && !is_state(state))
        return error_param(&c->error, "filter.state", "there is no state %.40s", state);
    if (p->filter && p->filter->suspect.s && !is_suspicion(p->filter->suspect.s))
        return error_param(&c->error, "filter.suspect", "there is no suspicion %.40s",
                           p->filter->suspect.s);
    return 0;
}

/* Adds a row to the list, which grows as rows are found. */
static int add_row(struct call *c, struct handle *h, size_t *n_room, struct ledger_list_result *ret)
{
    struct ledger_row *more;

    if (ret->rows.n == *n_room) {
        *n_room = *n_room ? *n_room * 2 : 16;
        if (!(more = arena_alloc(&c->arena, *n_room * sizeof *more)))
            return error_memory(&c->error);
        if (ret->rows.n)
            memcpy(more, ret->rows.items, ret->rows.n * sizeof *more);
        ret->rows.items = more;
    }
    return row_fill(c, h, false, &ret->rows.items[ret->rows.n++]);
}

int on_ledger_list(struct call *c, const struct ledger_list_params *p,
                   struct ledger_list_result *ret)
{
    bool closed = p->filter && p->filter->state.s && strcmp(p->filter->state.s, "closed") == 0;
    int64_t limit, last = 0;
    size_t n_seen = 0, n_room = 0;
    struct handle *h;
    int r;

    if ((r = check_list(c, p, &limit)))
        return r;
    ret->rows.set = true;
    h = closed ? store_first_closed(c->core->store, p->after.v)
               : store_first(c->core->store, p->after.v);
    for (; h; last = h->id, h = store_next(h)) {
        /* Much that does not pass is looked through in several pages: others want to be served
         * between them. */
        if ((int64_t)ret->rows.n == limit || n_seen++ == LIMIT_LIST_SEEN) {
            ret->next = wire_integer(last);
            break;
        }
        if (store_may_use(c->session, h) && passes(h, p->filter) &&
            (r = add_row(c, h, &n_room, ret)))
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
