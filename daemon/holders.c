#include "holders.h"

#include "proto/limits.h"

/* Takes the opener in among those with the most sockets. */
static void take(const struct pool_opener *top[HOLDERS_NAMED], const struct pool_opener *opener)
{
    int last = HOLDERS_NAMED - 1;

    if (top[last] && top[last]->n_sockets >= opener->n_sockets)
        return;
    for (; last > 0 && (!top[last - 1] || top[last - 1]->n_sockets < opener->n_sockets); last--)
        top[last] = top[last - 1];
    top[last] = opener;
}

int holders_find(struct call *c, const struct pool *pool, struct pool_holder **ret, size_t *ret_n)
{
    const struct pool_opener *top[HOLDERS_NAMED] = {0};
    struct pool_holder *holders = arena_alloc(&c->arena, HOLDERS_NAMED * sizeof *holders);
    int n_seen = 0;

    if (!holders)
        return error_memory(&c->error);
    for (const struct pool_opener *o = pool->openers; o && n_seen < LIMIT_LIST_SEEN;
         o = o->hh.next, n_seen++)
        take(top, o);
    *ret = holders;
    for (*ret_n = 0; *ret_n < HOLDERS_NAMED && top[*ret_n]; ++*ret_n) {
        const struct principal *who = top[*ret_n]->who;

        holders[*ret_n] = (struct pool_holder){
            .uid = wire_integer(who->uid),
            .pid = wire_integer(who->pid),
            .session = wire_integer(who->session),
            .sockets = wire_integer(top[*ret_n]->n_sockets),
            .exe = wire_borrow(who->exe),
            .label = wire_borrow(who->label),
        };
    }
    return 0;
}
