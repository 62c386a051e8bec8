#include "holders.h"

#include "proto/limits.h"

/* Takes the principal in among those with the most sockets. */
static void take(const struct principal *top[HOLDERS_NAMED], const struct principal *who)
{
    int last = HOLDERS_NAMED - 1;

    for (int i = 0; i < HOLDERS_NAMED; i++)
        if (top[i] == who)
            return;
    if (top[last] && top[last]->n_sockets >= who->n_sockets)
        return;
    for (; last > 0 && (!top[last - 1] || top[last - 1]->n_sockets < who->n_sockets); last--)
        top[last] = top[last - 1];
    top[last] = who;
}

int holders_find(struct call *c, const struct pool *pool, struct pool_holder **ret, size_t *ret_n)
{
    const struct principal *top[HOLDERS_NAMED] = {0};
    struct pool_holder *holders = arena_alloc(&c->arena, HOLDERS_NAMED * sizeof *holders);
    int n_seen = 0;

    if (!holders)
        return error_memory(&c->error);
    for (struct handle *h = store_first(c->core->store, 0); h && n_seen < LIMIT_LIST_SEEN;
         h = store_next(h), n_seen++)
        if (h->pool == pool)
            take(top, h->opener);
    *ret = holders;
    for (*ret_n = 0; *ret_n < HOLDERS_NAMED && top[*ret_n]; ++*ret_n)
        holders[*ret_n] = (struct pool_holder){
            .uid = wire_integer(top[*ret_n]->uid),
            .pid = wire_integer(top[*ret_n]->pid),
            .session = wire_integer(top[*ret_n]->session),
            .sockets = wire_integer(top[*ret_n]->n_sockets),
            .exe = wire_borrow(top[*ret_n]->exe),
            .label = wire_borrow(top[*ret_n]->label),
        };
    return 0;
}
