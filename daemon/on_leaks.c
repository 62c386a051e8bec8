/* Handlers that hunt leaks: who leaves sockets open, and where; and the closing of those. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "handlers.h"
#include "proto/limits.h"
#include "row.h"

enum {
    HANDLES_NAMED = 16,
    ROWS_AT_ONCE = 1000, /* looked at, of the living and of the closed, before others have a turn */
};

/* Those whom one line of one program has left. */
struct group {
    struct leak_group row;
    UT_hash_handle hh;
};

/* A long history is looked through in several turns, and others are served between them. All this
 * but the table and the key is the call's arena's. */
struct hunt {
    struct group *groups;
    struct buf key;
    double since;                   /* real microseconds */
    int64_t live, closed;           /* the last that were looked at: a handle, and an entry */
    int64_t last_live, last_closed; /* when it began; what came later does not count */
    bool is_done_with_live;
};

static bool is_suspect(const struct handle *h)
{
    for (int kind = 0; kind < N_SUSPICIONS; kind++)
        if (h->suspected[kind])
            return true;
    return false;
}

/* -- groups -- */

static const char *label_of(const struct handle *h)
{
    return h->label ? h->label : h->opener->label;
}

/* Copies a text that the history may let go before the answer is told; NULL: there is none. */
static bool copy_text(struct call *c, const char *s, struct wire_text *ret)
{
    char *copy = s ? arena_copy(&c->arena, s, strlen(s)) : NULL;

    *ret = wire_borrow(copy);
    return copy || !s;
}

static struct group *make_group(struct call *c, const struct handle *h)
{
    struct group *g = arena_alloc(&c->arena, sizeof *g);

    if (!g || !copy_text(c, h->site, &g->row.site) || !copy_text(c, label_of(h), &g->row.label) ||
        !copy_text(c, h->opener->exe, &g->row.exe))
        return NULL;
    g->row.uid = wire_integer(h->opener->uid);
    g->row.oldest = wire_seconds(h->opened);
    g->row.reclaimed = g->row.suspects = g->row.bytes = wire_integer(0);
    g->row.handles.set = true;
    g->row.handles.items = arena_alloc(&c->arena, HANDLES_NAMED * sizeof *g->row.handles.items);
    return g->row.handles.items ? g : NULL;
}

/* No text has a NUL in it. */
static void add_part(struct buf *key, const char *s)
{
    if (s)
        buf_add_text(key, s);
    buf_add_char(key, '\0');
}

static struct group *find_group(struct call *c, struct hunt *hunt, const struct handle *h)
{
    struct buf *key = &hunt->key;
    struct group *g;
    char *kept;

    buf_truncate(key, 0);
    buf_add(key, &h->opener->uid, sizeof h->opener->uid);
    add_part(key, h->site);
    add_part(key, label_of(h));
    add_part(key, h->opener->exe);
    if (key->failed)
        return NULL;
    HASH_FIND(hh, hunt->groups, key->data + key->start, buf_len(key), g);
    if (g || !(kept = arena_copy(&c->arena, key->data + key->start, buf_len(key))) ||
        !(g = make_group(c, h)))
        return g;
    HASH_ADD_KEYPTR(hh, hunt->groups, kept, buf_len(key), g);
    return g->hh.tbl ? g : NULL; /* NULL: no memory for the table */
}

/* Counts it in if it is a leak that this client may see. Returns 0 or -ENOMEM. */
static int look_at(struct call *c, struct hunt *hunt, const struct handle *h)
{
    bool is_leak = h->fd < 0 ? h->how == END_RECLAIMED : is_suspect(h);
    double opened = (double)h->opened / 1e6;
    struct group *g;

    if (!is_leak || (double)h->opened < hunt->since || !store_may_see(c->session, h))
        return 0;
    if (!(g = find_group(c, hunt, h)))
        return -ENOMEM;
    g->row.reclaimed.v += h->fd < 0;
    g->row.suspects.v += h->fd >= 0;
    g->row.bytes.v += h->n_sent + h->n_received;
    if (opened < g->row.oldest.v)
        g->row.oldest.v = opened;
    if (g->row.handles.n < HANDLES_NAMED)
        g->row.handles.items[g->row.handles.n++] = h->id;
    return 0;
}

/* -- the answer -- */

/* What a group is sorted by stands beside it: there may be as many groups as rows. */
struct rank {
    int64_t n_left;
    double oldest;
    const struct group *group;
};

/* The worst is who has left most; of equals, who did so for longest. */
static int compare(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;

    if (x->n_left != y->n_left)
        return x->n_left > y->n_left ? -1 : 1;
    return (x->oldest > y->oldest) - (x->oldest < y->oldest);
}

static int tell_groups(struct call *c, struct group *groups, struct leaks_result *ret)
{
    size_t n = 0, n_groups = HASH_COUNT(groups);
    struct rank *ranks = arena_alloc(&c->arena, n_groups * sizeof *ranks);
    const struct group *g;

    ret->groups.set = true;
    ret->groups.n = n_groups < LIMIT_LIST_ROWS ? n_groups : LIMIT_LIST_ROWS;
    ret->groups.items = arena_alloc(&c->arena, ret->groups.n * sizeof *ret->groups.items);
    if (!ranks || !ret->groups.items)
        return error_memory(&c->error);
    for (g = groups; g; g = g->hh.next)
        ranks[n++] = (struct rank){g->row.reclaimed.v + g->row.suspects.v, g->row.oldest.v, g};
    qsort(ranks, n, sizeof *ranks, compare);
    for (size_t i = 0; i < ret->groups.n; i++)
        ret->groups.items[i] = ranks[i].group->row;
    return 0;
}

/* -- the hunt -- */

static void end_hunt(void *work)
{
    struct hunt *hunt = work;

    HASH_CLEAR(hh, hunt->groups);
    buf_done(&hunt->key);
}

static struct hunt *begin_hunt(struct call *c, const struct leaks_params *p)
{
    struct hunt *hunt = arena_alloc(&c->arena, sizeof *hunt);
    const struct handle *closed = store_first_closed(c->core->store, 0);

    if (!hunt)
        return NULL;
    hunt->since = p->since.set ? p->since.v * 1e6 : 0;
    hunt->last_live = store_next_number(c->core->store) - 1;
    hunt->last_closed = closed ? closed->prev->entry : 0; /* a list's first knows its last */
    c->work = hunt;
    c->work_free = end_hunt;
    /* The session's timeout is for what waits on sockets. */
    c->deadline = INT64_MAX;
    return hunt;
}

/* Each looks at n_most rows. 1: there are more; 0: that was all; < 0 is no memory. */
static int hunt_live(struct call *c, struct hunt *hunt, int n_most)
{
    struct handle *h = store_first(c->core->store, hunt->live);

    for (; h && h->id <= hunt->last_live; h = store_next(h)) {
        if (n_most-- == 0)
            return 1;
        if (look_at(c, hunt, h) < 0)
            return -ENOMEM;
        hunt->live = h->id;
    }
    hunt->is_done_with_live = true;
    return 0;
}

static int hunt_closed(struct call *c, struct hunt *hunt, int n_most)
{
    struct handle *h = store_first_closed(c->core->store, hunt->closed);

    for (; h && h->entry <= hunt->last_closed; h = store_next(h)) {
        if (n_most-- == 0)
            return 1;
        if (look_at(c, hunt, h) < 0)
            return -ENOMEM;
        hunt->closed = h->entry;
    }
    return 0;
}

/* Nothing counts twice: what is closed meanwhile stands behind last_closed. */
int on_ledger_leaks(struct call *c, const struct leaks_params *p, struct leaks_result *ret)
{
    struct hunt *hunt = c->work ? c->work : begin_hunt(c, p);
    int live, closed;

    if (!hunt)
        return error_memory(&c->error);
    live = hunt->is_done_with_live ? 0 : hunt_live(c, hunt, ROWS_AT_ONCE);
    closed = hunt_closed(c, hunt, ROWS_AT_ONCE);
    if (live < 0 || closed < 0)
        return error_memory(&c->error);
    if (!live && !closed)
        return tell_groups(c, hunt->groups, ret);
    c->retry_at = c->core->now.monotonic;
    return call_wait_for_worker(c);
}

/* -- reaping -- */

static bool says_something(const struct ledger_filter *f)
{
    return f->state.s || f->pool.s || f->label.s || f->exe.s || f->uid.set || f->suspect.s ||
           f->custody.s;
}

/* Closes what the filter takes, unless it is only to be told. What is more than a list may have is
 * left to the next request: whoever asks learns of all that was closed. */
static int reap(struct call *c, const struct reap_params *p, struct reap_result *ret)
{
    struct handle *h = store_first(c->core->store, p->after.v), *next;
    int64_t last = 0;
    size_t n_room = 0;
    int r = 0;

    for (; h && !r; h = next) {
        next = store_next(h);
        if (!store_may_see(c->session, h) || !filter_passes(p->filter, h))
            continue;
        if (ret->rows.n == LIMIT_LIST_ROWS) {
            ret->next = wire_integer(last);
            return 0;
        }
        if (!p->dry_run.v)
            store_close(c->core->store, h, END_CLOSED, "reaped");
        last = h->id;
        r = row_append(c, h, &ret->rows.items, &ret->rows.n, &n_room);
    }
    return r;
}

int on_ledger_reap(struct call *c, const struct reap_params *p, struct reap_result *ret)
{
    int r = filter_check(p->filter, &c->error);

    if (r)
        return r;
    if (!says_something(p->filter))
        return error_param(&c->error, "filter", "must not be empty: that would close everything");
    ret->rows.set = true;
    return reap(c, p, ret);
}
