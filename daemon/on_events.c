/* Handlers of subscriptions and counters. */
#include <utlist.h>

#include "filter.h"
#include "handlers.h"
#include "proto/limits.h"
#include "subscription.h"

static int take_types(struct call *c, const struct wire_texts *names, unsigned *ret)
{
    enum event_type type;

    *ret = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (!events_find_type(names->items[i], &type))
            return error_param(&c->error, "events", "there is no event %.40s", names->items[i]);
        *ret |= 1u << type;
    }
    return *ret ? 0 : error_param(&c->error, "events", "name at least one");
}

static int count_of(const struct call *c)
{
    const struct subscription *s;
    int n = 0;

    DL_FOREACH(c->core->subscriptions, s)
    n += s->session == c->session;
    return n;
}

int on_subscribe(struct call *c, const struct subscribe_params *p, struct subscription_result *ret)
{
    int64_t newest = store_events(c->core->store)->n;
    struct subscription *s;
    unsigned types;
    int r;

    if ((r = take_types(c, &p->events, &types)) || (r = filter_check(p->filter, &c->error)))
        return r;
    if (p->since.set && (p->since.v < 0 || p->since.v > newest))
        return error_param(&c->error, "since", "must be 0 to %lld, the newest", (long long)newest);
    if (count_of(c) >= LIMIT_SUBSCRIPTIONS)
        return error_set(&c->error, ERROR_LIMIT, "SUBSCRIPTIONS",
                         "%d subscriptions are there; end one", LIMIT_SUBSCRIPTIONS);
    if (!(s = subscription_new(c, types, p->filter, p->since.set ? p->since.v : newest)))
        return error_memory(&c->error);
    ret->subscription = wire_integer(s->id);
    ret->seq = wire_integer(newest);
    return 0;
}

int on_unsubscribe(struct call *c, const struct unsubscribe_params *p,
                   struct subscription_result *ret)
{
    struct subscription *s;

    DL_FOREACH(c->core->subscriptions, s)
    if (s->session == c->session && s->id == p->subscription.v)
        break;
    if (!s)
        return error_param(&c->error, "subscription", "this session has no subscription %lld",
                           (long long)p->subscription.v);
    ret->subscription = p->subscription;
    ret->seq = wire_integer(s->seq);
    subscription_free(c->core, s);
    return 0;
}

int on_stats(struct call *c, const struct no_params *p, struct stats_result *ret)
{
    struct tally t;

    (void)p;
    store_count_streams(c->core->store);
    t = store_tally(c->core->store);
    *ret = (struct stats_result){
        .uptime = wire_seconds(c->core->now.monotonic - c->core->started),
        .sessions = wire_integer(c->core->n_sessions),
        .sessions_total = wire_integer(c->core->n_sessions_total),
        .requests_total = wire_integer(c->core->n_requests),
        .errors_total = wire_integer(c->core->n_errors),
        .handles = wire_integer(t.n_live),
        .opened_total = wire_integer(t.n_opened),
        .closed_total = wire_integer(t.n_ended[END_CLOSED]),
        .reclaimed_total = wire_integer(t.n_ended[END_RECLAIMED]),
        .expired_total = wire_integer(t.n_ended[END_EXPIRED]),
        .handed_off_total = wire_integer(t.n_ended[END_HANDED_OFF]),
        .lost_total = wire_integer(t.n_ended[END_LOST]),
        .suspected_total = wire_integer(t.n_suspected),
        .cleared_total = wire_integer(t.n_cleared),
        .sent_bytes_total = wire_integer(t.n_sent),
        .received_bytes_total = wire_integer(t.n_received),
        .events_total = wire_integer(store_events(c->core->store)->n),
    };
    return 0;
}
