#include "row.h"

#include <string.h>

static int fill_owner(struct call *c, const struct principal *who, struct ledger_row *row)
{
    if (!(row->owner = arena_alloc(&c->arena, sizeof *row->owner)))
        return error_memory(&c->error);
    *row->owner = (struct owner){
        .uid = wire_integer(who->uid),
        .gid = wire_integer(who->gid),
        .pid = wire_integer(who->pid),
        .started = {who->started != 0, (double)who->started / 1e6},
        .exe = wire_borrow(who->exe),
        .session = wire_integer(who->session),
        .label = wire_borrow(who->label),
    };
    return 0;
}

static int fill_end(struct call *c, const struct handle *h, struct ledger_row *row)
{
    if (h->fd >= 0)
        return 0;
    if (!(row->end = arena_alloc(&c->arena, sizeof *row->end)))
        return error_memory(&c->error);
    *row->end = (struct ending){
        .how = wire_borrow(store_ending_name(h->how)),
        .at = wire_seconds(h->ended),
        .reason = wire_borrow(h->reason),
    };
    return 0;
}

static int fill_transitions(struct call *c, const struct handle *h, struct ledger_row *row)
{
    size_t n = (size_t)h->n_changes;

    row->transitions.set = true;
    row->transitions.n = n;
    if (!(row->transitions.items = arena_alloc(&c->arena, n * sizeof *row->transitions.items)))
        return error_memory(&c->error);
    for (size_t i = 0; i < n; i++)
        row->transitions.items[i] = (struct transition){
            .state = wire_borrow(store_state_name(h->changes[i].state)),
            .at = wire_seconds(h->changes[i].at),
        };
    return 0;
}

static int fill_suspicions(struct call *c, const struct handle *h, struct ledger_row *row)
{
    size_t n_bytes = N_SUSPICIONS * sizeof *row->suspect.items;

    row->suspect.set = true;
    if (!(row->suspect.items = arena_alloc(&c->arena, n_bytes)))
        return error_memory(&c->error);
    for (int kind = 0; kind < N_SUSPICIONS; kind++)
        if (h->suspected[kind])
            row->suspect.items[row->suspect.n++] = (struct suspicion){
                .kind = wire_borrow(store_suspicion_name((enum suspicion_kind)kind)),
                .since = wire_seconds(h->suspected[kind]),
            };
    return 0;
}

/* One that was handed off is closed to its clients here, and tells how it is elsewhere. */
static enum handle_state state_of(const struct handle *h)
{
    return h->custody == CUSTODY_HANDED_OFF && !h->died ? h->last_state : h->state;
}

int row_fill(struct call *c, struct handle *h, bool in_full, struct ledger_row *row)
{
    int64_t until = h->fd >= 0 ? c->core->now.real : h->ended;
    const char *mortal;
    bool survives = store_survives(c->core->store, h, &mortal);
    int seen = -1, r;

    store_count_stream(c->core->store, h);
    if (h->custody != CUSTODY_DAEMON)
        seen = store_see(c->core->store, c->core->follow, h);
    else if (h->fd >= 0)
        store_note_addresses(c->core->store, h);
    *row = (struct ledger_row){
        .handle = wire_integer(h->id),
        .name = wire_borrow(store_name_of(h)),
        .pool = wire_borrow(h->pool ? h->pool->name : "default"),
        .state = wire_borrow(store_state_name(state_of(h))),
        .custody = wire_borrow(store_custody_name(h->custody)),
        .family = {true, h->family},
        .type = {true, h->type},
        .cookie = wire_integer(h->cookie),
        .inode = wire_integer(store_inode(h)),
        .label = wire_borrow(h->label),
        .site = wire_borrow(h->site),
        .lease = {true, h->lease_usec},
        .survives = {true, survives},
        .survives_reason = wire_borrow(mortal),
        .opened = wire_seconds(h->opened),
        .age = wire_seconds(until - h->opened),
        .last_used = wire_seconds(h->last_used),
        .sent_bytes = wire_integer(h->n_sent),
        .received_bytes = wire_integer(h->n_received),
    };
    if (h->custody != CUSTODY_DAEMON)
        row->advisory = (struct wire_bool){true, true};
    if (h->custody == CUSTODY_HANDED_OFF && seen >= 0)
        row->alive = (struct wire_bool){true, seen == 1};
    if (h->died)
        row->died = wire_seconds(h->died);
    if (h->address)
        row->address = *h->address;
    if (h->peer)
        row->peer = *h->peer;
    if ((r = fill_owner(c, h->opener, row)) || (r = fill_end(c, h, row)) ||
        (r = fill_suspicions(c, h, row)))
        return r;
    return in_full ? fill_transitions(c, h, row) : 0;
}

int row_append(struct call *c, struct handle *h, struct ledger_row **rows, size_t *n,
               size_t *n_room)
{
    struct ledger_row *more;

    if (*n == *n_room) {
        *n_room = *n_room ? *n_room * 2 : 16;
        if (!(more = arena_alloc(&c->arena, *n_room * sizeof *more)))
            return error_memory(&c->error);
        if (*n)
            memcpy(more, *rows, *n * sizeof *more);
        *rows = more;
    }
    return row_fill(c, h, false, &(*rows)[(*n)++]);
}
