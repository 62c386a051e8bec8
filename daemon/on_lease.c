/* Handlers of leases: what happens to a socket when its session ends. */
#include "handlers.h"
#include "row.h"

int on_lease(struct call *c, const struct lease_params *p, struct ledger_row *ret)
{
    int r = store_set_lease(c->core->store, c->handle, p->lease.usec, &c->error);

    return r ? r : row_fill(c, c->handle, true, ret);
}

int on_attach(struct call *c, const struct attach_params *p, struct ledger_row *ret)
{
    int r = store_attach(c->core->store, c->handle, c->session, &c->error);

    if (!r && p->lease.set)
        r = store_set_lease(c->core->store, c->handle, p->lease.usec, &c->error);
    return r ? r : row_fill(c, c->handle, true, ret);
}
