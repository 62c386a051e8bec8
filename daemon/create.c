#include "create.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "handlers.h"
#include "proto/address.h"
#include "proto/limits.h"
#include "socket.h"
#include "stream.h"

static int check_text(struct call *c, const char *param, const char *s)
{
    if (s && strlen(s) > LIMIT_LABEL_BYTES)
        return error_param(&c->error, param, "is longer than %d bytes", LIMIT_LABEL_BYTES);
    return 0;
}

/* What can be refused without a look at any pool. */
static int check_words(struct call *c, const struct creation *how)
{
    int r = check_text(c, "label", how->label);

    return r ? r : check_text(c, "site", how->site);
}

enum { PATIENCE_USEC = 1000000, ASK_AGAIN_USEC = 500 };

/* Before anything is made: what must survive has to be given to the manager at once. One that is
 * busy is waited for, but not for ever. */
static int check_survival(struct call *c, const struct creation *how, int n_sockets)
{
    struct keep *keep = c->core->keep;
    int64_t now = c->core->now.monotonic;
    int r = !how->survive ? 0 : keep ? keep_check(keep, n_sockets) : -EOPNOTSUPP;

    if (r != -EAGAIN) {
        c->patience = 0;
        return r ? store_mortal(&c->error, keep_obstacle(keep, r)) : 0;
    }
    if (!c->patience)
        c->patience = now + PATIENCE_USEC;
    /* Several at once want to be sure; in the end there may be place all the same. */
    if (now >= c->patience)
        return n_sockets > 1 && keep_check(keep, 1) == 0
                   ? 0
                   : store_mortal(&c->error, keep_obstacle(keep, r));
    c->retry_at = now + ASK_AGAIN_USEC;
    return call_wait_for_worker(c);
}

int create_find_pool(struct call *c, struct creation *how)
{
    const struct pool_client client = pool_client_of(c->session->who);
    struct pool *listener = c->method->id == METHOD_accept ? c->handle->pool : NULL;
    int r;

    if ((r = check_words(c, how)))
        return r;
    if (!how->pool && listener && pool_may_use(listener, &client))
        how->in = listener;
    else
        how->in = pools_find_for(c->core->pools, &client, how->pool);
    if (how->in)
        return 0;
    c->error.hint = "pool.list tells which pools are yours";
    if (how->pool)
        return error_param(&c->error, "pool", "there is no pool %.60s for your user", how->pool);
    return error_set(&c->error, ERROR_POLICY, NULL, "there is no pool for your user");
}

static int check_budget(struct call *c, const struct creation *how, int n_sockets)
{
    struct pool_shortage shortage;

    if (!pool_grants_lease(how->in, how->lease.usec))
        return call_lease_too_long(c, how->in);
    if (!pool_has_room(how->in, c->session->who->uid, store_n_held(c->session, how->in), n_sockets,
                       &shortage))
        return call_exhausted(c, how->in, &shortage);
    return 0;
}

int create_check_attach(struct call *c, const struct handle *h, const struct wire_lease *lease)
{
    struct pool_shortage shortage = {.limit = "max-sockets-per-session"};
    struct pool *pool = h->pool;

    if (pool && lease->set && !pool_grants_lease(pool, lease->usec))
        return call_lease_too_long(c, pool);
    if (!pool || (h->session && !h->session->is_absent))
        return 0;
    shortage.most = pool->settings.limits.n_max_sockets_per_session;
    shortage.n_in_use = store_n_held(c->session, pool);
    return shortage.n_in_use < shortage.most ? 0 : call_exhausted(c, pool, &shortage);
}

int create_check_kind(struct call *c, const struct creation *how, int family, int type)
{
    struct verdict verdict;

    if (call_allows_socket(c, how->in, family, type, &verdict))
        return 0;
    return call_denied(c, how->in, &verdict);
}

static int set_flag(int fd, int level, int number, int v)
{
    return socket_set_option(fd, level, number, &v, sizeof v);
}

static int check_dualstack(struct call *c, const struct creation *how)
{
    const struct option_value off = {
        .level = IPPROTO_IPV6, .number = IPV6_V6ONLY, .n = sizeof(int)};

    return call_check_option(c, how->in, &off);
}

/* What a socket of the pool begins with. */
static void set_defaults(const struct creation *how, int fd, int family, int type)
{
    const struct policy *policy = how->in->settings.policy;
    struct verdict verdict;
    const int off = 0;

    if (how->in->settings.keepalive && type == SOCK_STREAM && family != AF_UNIX)
        set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (family == AF_INET6 &&
        !policy_check_option(policy, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off, &verdict))
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
}

int create_socket(struct call *c, const struct creation *how, int family, int type, int protocol,
                  int *ret_fd)
{
    enum principal_part part = call_part(family);
    int fd, r = call_assume(c, part);

    if (r)
        return r;
    fd = socket_open(family, type, protocol);
    principal_resume(c->session->who, part);
    if (fd < 0)
        return call_os_as_client(c, part, fd, "socket");
    set_defaults(how, fd, family, type);
    *ret_fd = fd;
    return 0;
}

int create_check(struct call *c, struct creation *how, int n_sockets)
{
    int r;

    if ((r = create_find_pool(c, how)) || (r = check_budget(c, how, n_sockets)))
        return r;
    if (store_n_live(c->core->store) + n_sockets + streams_count(c->core->streams) * STREAM_FDS >
        c->core->n_max_handles)
        return error_os(&c->error, EMFILE, "the daemon's descriptors");
    if ((r = check_survival(c, how, n_sockets)))
        return r;
    return how->name ? store_check_name(c->core->store, c->session, how->in, how->name, &c->error)
                     : 0;
}

static int check_options(struct call *c, const struct creation *how,
                         const struct wire_options *options)
{
    int r = 0;

    for (size_t i = 0; i < options->n && !r; i++)
        r = call_check_option(c, how->in, &options->items[i]);
    return r;
}

int create_with_options(struct call *c, const struct creation *how, int fd,
                        const struct wire_options *options)
{
    size_t failed = 0;
    int r = check_options(c, how, options);

    if (!r && !(r = call_assume(c, PRINCIPAL_RIGHTS))) {
        r = socket_set_options(fd, options, &failed);
        principal_resume(c->session->who, PRINCIPAL_RIGHTS);
        if (r < 0)
            r = call_os_as_client(c, PRINCIPAL_RIGHTS, r, options->items[failed].name);
    }
    if (r)
        socket_close(fd);
    return r;
}

/* -- create_server -- */

/* The family to listen on: what is said, else what the address says; Python's default for the rest.
 */
static int server_family(struct call *c, const struct create_server_params *p, int *ret)
{
    int family = p->family.set ? p->family.v : address_family(&p->address);

    if (!p->family.set && p->dualstack.v && (family == AF_UNSPEC || p->address.n == 0))
        family = AF_INET6;
    if (family == AF_UNSPEC)
        family = AF_INET;
    if (p->dualstack.v && family != AF_INET6)
        return error_param(&c->error, "dualstack", "needs an IPv6 address or \"\"");
    *ret = family;
    return 0;
}

/* Whether the living socket listens where the request wants to; port 0 wants any. */
static bool is_same_place(const struct handle *h, struct wire_sockaddr wanted)
{
    struct wire_sockaddr now;

    if (h->state != STATE_LISTENING || socket_name(h->fd, &now) < 0 ||
        now.addr.ss_family != wanted.addr.ss_family)
        return false;
    /* sin_port and sin6_port stand at the same place. */
    if (now.addr.ss_family != AF_UNIX && ((struct sockaddr_in *)&wanted.addr)->sin_port == 0)
        ((struct sockaddr_in *)&wanted.addr)->sin_port =
            ((struct sockaddr_in *)&now.addr)->sin_port;
    return address_same(&now, &wanted);
}

/* A living listener of this name, if there is one: 0 and adopted, or an error; -1: there is none.
 */
static int adopt_living(struct call *c, const struct creation *how,
                        const struct wire_sockaddr *address, struct create_server_result *ret)
{
    struct handle *h =
        how->name ? store_find_named(c->core->store, c->session, how->in, how->name) : NULL;
    const char *mortal;
    int r;

    if (!h)
        return -1;
    if (!store_may_use(c->session, h) || !is_same_place(h, *address))
        return store_check_name(c->core->store, c->session, how->in, how->name, &c->error);
    if ((r = create_check_attach(c, h, &how->lease)) ||
        (!store_survives(c->core->store, h, &mortal) && (r = check_survival(c, how, 1))))
        return r;
    ret->handle = wire_integer(h->id);
    ret->adopted = (struct wire_bool){true, true};
    /* What the service manager gave is nobody's. */
    if (h->inherited == INHERITED_BY_POOL) {
        store_note_use(c->core->store, h, 0, 0);
        return socket_name(h->fd, &ret->address);
    }
    if (how->survive && (r = store_insist(c->core->store, h, &c->error)))
        return r;
    /* One that was left behind is held again; one that is shared stays with its holder. */
    if ((!h->session || h->session->is_absent || h->session == c->session) &&
        (r = store_attach(c->core->store, h, c->session, &how->lease, &c->error)))
        return r;
    store_note_use(c->core->store, h, 0, 0);
    return socket_name(h->fd, &ret->address);
}

static int set_server_flags(const struct create_server_params *p, int fd, int family)
{
    int r = family == AF_UNIX ? 0 : set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (!r && p->reuse_port.v)
        r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!r && family == AF_INET6)
        r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !p->dualstack.v);
    return r;
}

/* socket, options, bind, listen. */
static int open_server(struct call *c, const struct create_server_params *p,
                       const struct creation *how, const struct wire_sockaddr *address, int *ret_fd)
{
    int family = address->addr.ss_family, fd = -1, backlog, r;

    if ((p->dualstack.v && (r = check_dualstack(c, how))) ||
        (r = create_socket(c, how, family, SOCK_STREAM, 0, &fd)))
        return r;
    if ((r = set_server_flags(p, fd, family)) < 0)
        r = call_os(c, r, "socket");
    else if ((r = create_with_options(c, how, fd, &p->options)))
        return r;
    if (!r && !(r = create_bind(c, fd, address)))
        r = create_listen(c, fd, p->backlog.set ? p->backlog.v : SOCKET_BACKLOG, &backlog);
    if (r)
        socket_close(fd);
    *ret_fd = fd;
    return r;
}

static int check_server_place(struct call *c, const struct creation *how,
                              const struct wire_sockaddr *address)
{
    struct verdict verdict;

    if (!policy_check_bind(how->in->settings.policy, address, &verdict))
        return call_denied(c, how->in, &verdict);
    return call_check_bind_path(c, how->in, address);
}

int on_create_server(struct call *c, const struct create_server_params *p,
                     struct create_server_result *ret)
{
    struct creation how = CREATION_OF(p);
    struct wire_sockaddr address;
    struct handle *h;
    int family = AF_UNSPEC, fd = -1, r;

    if ((r = create_find_pool(c, &how)) || (r = server_family(c, p, &family)) ||
        (r = call_address(c, &p->address, family, SOCK_STREAM, true, &address)))
        return r;
    /* A living listener needs no new socket, and so nothing of a budget that may be used up. */
    if ((r = adopt_living(c, &how, &address, ret)) != -1)
        return r;
    if ((r = create_check(c, &how, 1)) || (r = create_check_kind(c, &how, family, SOCK_STREAM)) ||
        (r = check_server_place(c, &how, &address)) ||
        (r = open_server(c, p, &how, &address, &fd)) ||
        (r = store_add(c->core->store, c->session, fd, &how, STATE_LISTENING, &h, &c->error)))
        return r;
    ret->handle = wire_integer(h->id);
    ret->adopted = (struct wire_bool){true, false};
    return socket_name(h->fd, &ret->address);
}
