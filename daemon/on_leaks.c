/* Handlers that hunt leaks: who leaves sockets open, and where; and the closing of those. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "handlers.h"
#include "proto/limits.h"
#include "row.h"

enum { HANDLES_NAMED = 16 };

/* Those whom one line of one program has left. */
struct group {
    struct leak_group row;
    UT_hash_handle hh;
};

static const char *or_nothing(const char *s)
{
    return s ? s : "";
}

static const char *label_of(const struct handle *h)
{
    return h->label ? h->label : h->opener->label;
}

static bool is_suspect(const struct handle *h)
{
    for (int kind = 0; kind < N_SUSPICIONS; kind++)
        if (h->fd >= 0 && h->suspected[kind])
            return true;
    return false;
}

static struct group *make_group(struct call *c, const struct handle *h)
{
    struct group *g = arena_alloc(&c->arena, sizeof *g);

    if (!g)
        return NULL;
    g->row.site = wire_borrow(h->site);
    g->row.label = wire_borrow(label_of(h));
    g->row.exe = wire_borrow(h->opener->exe);
    g->row.uid = wire_integer(h->opener->uid);
    g->row.oldest = wire_seconds(h->opened);
    g->row.reclaimed = g->row.suspects = g->row.bytes = wire_integer(0);
    g->row.handles.set = true;
    g->row.handles.items = arena_alloc(&c->arena, HANDLES_NAMED * sizeof *g->row.handles.items);
    return g->row.handles.items ? g : NULL;
}

static struct group *find_group(struct call *c, struct group **groups, const struct handle *h)
{
    const char *key =
        arena_printf(&c->arena, "%s\n%s\n%s\n%u", or_nothing(h->site), or_nothing(label_of(h)),
                     or_nothing(h->opener->exe), h->opener->uid);
    struct group *g;

    if (!key)
        return NULL;
    HASH_FIND_STR(*groups, key, g);
    if (g || !(g = make_group(c, h)))
        return g;
    HASH_ADD_KEYPTR(hh, *groups, key, strlen(key), g);
    return g->hh.tbl ? g : NULL; /* NULL: no memory for the table */
}

static int count_in(struct call *c, struct group **groups, const struct handle *h)
{
    struct group *g = find_group(c, groups, h);
    double opened = (double)h->opened / 1e6;

    if (!g)
        return error_memory(&c->error);
    g->row.reclaimed.v += h->fd < 0;
    g->row.suspects.v += h->fd >= 0;
    g->row.bytes.v += h->n_sent + h->n_received;
    if (opened < g->row.oldest.v)
        g->row.oldest.v = opened;
    if (g->row.handles.n < HANDLES_NAMED)
        g->row.handles.items[g->row.handles.n++] = h->id;
    return 0;
}

/* The worst is who has left most; of equals, who did so for longest. */
static int compare(const void *a, const void *b)
{
    const struct leak_group *x = a, *y = b;
    int64_t n_x = x->reclaimed.v + x->suspects.v, n_y = y->reclaimed.v + y->suspects.v;

    if (n_x != n_y)
        return n_x > n_y ? -1 : 1;
    return (x->oldest.v > y->oldest.v) - (x->oldest.v < y->oldest.v);
}

static int tell_groups(struct call *c, struct group *groups, struct leaks_result *ret)
{
    struct group *g, *next;

    ret->groups.set = true;
    ret->groups.items = arena_alloc(&c->arena, HASH_COUNT(groups) * sizeof *ret->groups.items);
    if (!ret->groups.items)
        return error_memory(&c->error);
    HASH_ITER(hh, groups, g, next)
    ret->groups.items[ret->groups.n++] = g->row;
    qsort(ret->groups.items, ret->groups.n, sizeof *ret->groups.items, compare);
    if (ret->groups.n > LIMIT_LIST_ROWS)
        ret->groups.n = LIMIT_LIST_ROWS;
    return 0;
}

int on_ledger_leaks(struct call *c, const struct leaks_params *p, struct leaks_result *ret)
{
    double since = p->since.set ? p->since.v * 1e6 : 0;
    struct group *groups = NULL;
    struct handle *h;
    int r = 0;

    for (h = store_first(c->core->store, 0); h && !r; h = store_next(h))
        if (is_suspect(h) && (double)h->opened >= since && store_may_see(c->session, h))
            r = count_in(c, &groups, h);
    for (h = store_first_closed(c->core->store, 0); h && !r; h = store_next(h))
        if (h->how == END_RECLAIMED && (double)h->opened >= since && store_may_see(c->session, h))
            r = count_in(c, &groups, h);
    if (!r)
        r = tell_groups(c, groups, ret);
    /* The groups are the arena's; the table is not. */
    HASH_CLEAR(hh, groups);
    return r;
}

/* -- reaping -- */

static bool says_something(const struct ledger_filter *f)
{
    return f->state.s || f->pool.s || f->label.s || f->exe.s || f->uid.set || f->suspect.s;
}

int on_ledger_reap(struct call *c, const struct reap_params *p, struct reap_result *ret)
{
    struct handle *h, *next;
    size_t n_room = 0;
    int r = filter_check(p->filter, &c->error);

    if (r)
        return r;
    if (!says_something(p->filter))
        return error_param(&c->error, "filter", "must not be empty: that would close everything");
    ret->rows.set = true;
    for (h = store_first(c->core->store, 0); h && !r && ret->rows.n < LIMIT_LIST_ROWS; h = next) {
        next = store_next(h);
        if (!store_may_see(c->session, h) || !filter_passes(p->filter, h))
            continue;
        if (!p->dry_run.v)
            store_close(c->core->store, h, END_CLOSED, "reaped");
        r = row_append(c, h, &ret->rows.items, &ret->rows.n, &n_room);
    }
    return r;
}
