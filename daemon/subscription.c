#include "subscription.h"

#include <stdlib.h>
#include <utlist.h>

#include "filter.h"
#include "proto/codec.h"
#include "proto/message.h"
#include "row.h"

static bool copy_text(struct arena *a, struct wire_text *to, struct wire_text from)
{
    if (from.s)
        *to = (struct wire_text){arena_copy(a, from.s, from.n), from.n};
    return !from.s || to->s;
}

static bool copy_filter(struct subscription *s, const struct ledger_filter *from)
{
    struct ledger_filter *to;

    if (!from)
        return true;
    if (!(to = s->filter = arena_alloc(&s->arena, sizeof *to)))
        return false;
    to->uid = from->uid;
    return copy_text(&s->arena, &to->state, from->state) &&
           copy_text(&s->arena, &to->pool, from->pool) &&
           copy_text(&s->arena, &to->label, from->label) &&
           copy_text(&s->arena, &to->exe, from->exe) &&
           copy_text(&s->arena, &to->suspect, from->suspect);
}

struct subscription *subscription_new(struct call *c, unsigned types,
                                      const struct ledger_filter *filter, int64_t seq)
{
    struct subscription *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->types = types;
    s->seq = seq;
    s->session = c->session;
    s->peer = c->peer;
    if (!copy_filter(s, filter)) {
        arena_done(&s->arena);
        free(s);
        return NULL;
    }
    s->id = ++c->session->n_subscriptions;
    DL_APPEND(c->core->subscriptions, s);
    return s;
}

void subscription_free(struct core *core, struct subscription *s)
{
    DL_DELETE(core->subscriptions, s);
    arena_done(&s->arena);
    free(s);
}

void subscription_end_session(struct core *core, struct session *session)
{
    struct subscription *s, *next;

    DL_FOREACH_SAFE(core->subscriptions, s, next)
    if (s->session == session)
        subscription_free(core, s);
}

/* -- telling -- */

static void write_event(struct buf *b, const struct event_params *params)
{
    message_begin_request(b, -1, "event");
    codec_encode(shape_event_params(), params, b);
    message_end_request(b, 0);
    buf_add_char(b, '\n');
}

static void tell_missed(struct subscription *s, int64_t seq, int64_t n_missed, struct buf *b)
{
    const struct event_params params = {
        .subscription = wire_integer(s->id),
        .seq = wire_integer(seq),
        .type = wire_borrow("overflow"),
        .missed = wire_integer(n_missed),
    };

    write_event(b, &params);
}

/* Who may use a pool may know that it is used up. */
static bool concerns_pool(struct core *core, const struct subscription *s,
                          const struct event *event)
{
    const struct pool_client client = pool_client_of(s->session->who);
    const struct pool *pool = pools_find(core->pools, event->pool);

    if (s->filter && s->filter->pool.s && strcmp(s->filter->pool.s, event->pool) != 0)
        return false;
    return pool && pool_may_use(pool, &client);
}

/* What an event is to a subscriber. Whose the socket was and what it was cannot be said any more
 * when the history has let its row go: it may have been one to be told of. */
enum concern { CONCERNS_NOT, CONCERNS, CONCERN_LOST };

/* *ret_handle: the event's handle; NULL: it has none, or not any more. */
static enum concern concern_of(struct core *core, const struct subscription *s,
                               const struct event *event, struct handle **ret_handle)
{
    *ret_handle = NULL;
    if (!(s->types & 1u << event->type))
        return CONCERNS_NOT;
    if (event->type == EVENT_POOL)
        return concerns_pool(core, s, event) ? CONCERNS : CONCERNS_NOT;
    if (!(*ret_handle = store_find_number(core->store, event->handle)))
        return CONCERN_LOST;
    return store_may_see(s->session, *ret_handle) && filter_passes(s->filter, *ret_handle)
               ? CONCERNS
               : CONCERNS_NOT;
}

static void tell(struct core *core, struct subscription *s, const struct event *event,
                 struct handle *h, struct buf *b)
{
    struct call scratch = {.core = core, .session = s->session};
    struct ledger_row row;
    struct event_params params = {
        .subscription = wire_integer(s->id),
        .seq = wire_integer(event->seq),
        .type = wire_borrow(events_type_name(event->type)),
        .at = wire_seconds(event->at),
        .kind = wire_borrow(event->kind),
    };

    if (event->type == EVENT_POOL)
        params.pool = wire_borrow(event->pool);
    if (h && row_fill(&scratch, h, false, &row) == 0)
        params.row = &row;
    write_event(b, &params);
    arena_done(&scratch.arena);
}

/* All that is lost up to the next event, or to the last, is told at once. */
bool subscription_next(struct core *core, struct subscription *s, struct buf *b)
{
    int64_t missed, n_missed = 0, last_missed = 0;
    const struct event *event;
    struct handle *h;

    while ((event = events_next(store_events(core->store), &s->seq, &missed))) {
        enum concern concern = concern_of(core, s, event, &h);

        if (missed)
            last_missed = event->seq - 1;
        if (concern == CONCERN_LOST)
            last_missed = event->seq;
        n_missed += missed + (concern == CONCERN_LOST);
        if (concern != CONCERNS)
            continue;
        if (n_missed)
            tell_missed(s, last_missed, n_missed, b);
        tell(core, s, event, h, b);
        return true;
    }
    if (n_missed)
        tell_missed(s, last_missed, n_missed, b);
    return n_missed;
}
