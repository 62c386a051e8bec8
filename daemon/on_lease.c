/* Handlers of leases: what happens to a socket when its session ends. */
#include "create.h"
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

int on_attach(struct call *c, const struct attach_params *p, struct ledger_row *ret)
{
    int r = create_check_attach(c, c->handle, &p->lease);

    if (!r)
        r = store_attach(c->core->store, c->handle, c->session, &p->lease, &c->error);
    return r ? r : row_fill(c, c->handle, true, ret);
}
