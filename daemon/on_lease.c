/* Handlers of leases: what happens to a socket when its session ends. */
#include "handlers.h"
#include "row.h"

/* The pool's longest lease holds for a change too. */
static int set_lease(struct call *c, int64_t lease_usec)
{
    const struct pool *pool = c->handle->pool;

    if (!pool || pool_grants_lease(pool, lease_usec))
        return store_set_lease(c->core->store, c->handle, lease_usec, &c->error);
    return call_lease_too_long(c, pool);
}

int on_lease(struct call *c, const struct lease_params *p, struct ledger_row *ret)
{
    int r = set_lease(c, p->lease.usec);

    return r ? r : row_fill(c, c->handle, true, ret);
}

/* What a session may hold it may not exceed by attaching either. */
static int check_share(struct call *c)
{
    struct pool *pool = c->handle->pool;
    struct pool_shortage shortage = {.limit = "max-sockets-per-session"};

    if (!pool || c->handle->session == c->session)
        return 0;
    shortage.most = pool->settings.limits.n_max_sockets_per_session;
    shortage.n_in_use = store_n_held(c->session, pool);
    return shortage.n_in_use < shortage.most ? 0 : call_exhausted(c, pool, &shortage);
}

int on_attach(struct call *c, const struct attach_params *p, struct ledger_row *ret)
{
    int r = check_share(c);

    if (!r)
        r = store_attach(c->core->store, c->handle, c->session, &c->error);

    if (!r && p->lease.set)
        r = set_lease(c, p->lease.usec);
    return r ? r : row_fill(c, c->handle, true, ret);
}
