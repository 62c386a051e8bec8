/* Handlers of pools and their policy. */
#include <string.h>

#include "handlers.h"
#include "holders.h"
#include "proto/address.h"

static struct wire_int limit(int64_t v)
{
    return v == POOL_UNLIMITED ? (struct wire_int){0} : wire_integer(v);
}

static int fill_pool(struct call *c, const struct pool *pool, struct pool_row *row)
{
    const struct pool_limits *l = &pool->settings.limits;
    int r;

    row->limits = arena_alloc(&c->arena, sizeof *row->limits);
    row->in_use = arena_alloc(&c->arena, sizeof *row->in_use);
    if (!row->limits || !row->in_use)
        return error_memory(&c->error);
    row->name = wire_borrow(pool->name);
    row->retired = (struct wire_bool){pool->is_retired, pool->is_retired};
    *row->limits = (struct pool_limits_row){
        .max_sockets = limit(l->n_max_sockets),
        .max_sockets_per_session = limit(l->n_max_sockets_per_session),
        .max_sockets_per_uid = limit(l->n_max_sockets_per_uid),
        .max_buffer = limit(l->n_max_buffer_bytes),
        .max_lease = {true, l->max_lease_usec},
        .idle_suspect = wire_seconds(l->idle_suspect_usec),
    };
    *row->in_use = (struct pool_use){
        .sockets = wire_integer(pool->n_sockets),
        .buffer = wire_integer(pool->n_buffer_bytes),
        .yours = wire_integer(pool_n_of_uid(pool, c->session->who->uid)),
    };
    row->holders.set = true;
    r = holders_find(c, pool, &row->holders.items, &row->holders.n);
    return r;
}

static bool is_listed(struct call *c, const struct pool *pool, const struct pool_client *client,
                      const char *name)
{
    if (name && strcmp(name, pool->name) != 0)
        return false;
    if (pool->is_retired)
        return pool->n_sockets && (c->session->is_admin || pool_n_of_uid(pool, client->uid));
    return pool_may_use(pool, client);
}

int on_pool_list(struct call *c, const struct pool_list_params *p, struct pool_list_result *ret)
{
    const struct pool_client client = pool_client_of(c->session->who);
    size_t n = 0;
    int r = 0;

    for (const struct pool *pool = c->core->pools->first; pool; pool = pool->next)
        n++;
    ret->pools.set = true;
    if (!(ret->pools.items = arena_alloc(&c->arena, n * sizeof *ret->pools.items)))
        return error_memory(&c->error);
    for (const struct pool *pool = c->core->pools->first; pool && !r; pool = pool->next)
        if (is_listed(c, pool, &client, p->name.s))
            r = fill_pool(c, pool, &ret->pools.items[ret->pools.n++]);
    return r;
}

/* -- why -- */

/* What a method asks of the policy: whether there may be such a socket, where it may be bound or go
 * to, and by which plane bytes may travel. */
enum {
    ASKS_SOCKET = 1,
    ASKS_BIND = 2,
    ASKS_CONNECT = 4,
    ASKS_MESSAGE = 8,
    ASKS_HANDOFF = 16,
    ASKS_STREAM = 32
};

static const struct {
    const char *method;
    unsigned asks;
} questions[] = {
    {"socket", ASKS_SOCKET},
    {"bind", ASKS_SOCKET | ASKS_BIND},
    {"create_server", ASKS_SOCKET | ASKS_BIND},
    {"connect", ASKS_SOCKET | ASKS_CONNECT},
    {"create_connection", ASKS_SOCKET | ASKS_CONNECT},
    {"sendto", ASKS_MESSAGE | ASKS_SOCKET | ASKS_CONNECT},
    {"send", ASKS_MESSAGE},
    {"sendall", ASKS_MESSAGE},
    {"sendfile", ASKS_MESSAGE},
    {"recv", ASKS_MESSAGE},
    {"recvfrom", ASKS_MESSAGE},
    {"handoff", ASKS_HANDOFF},
    {"stream", ASKS_STREAM},
};

static int find_question(struct call *c, const char *method, unsigned *ret)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (strcmp(questions[i].method, method) == 0) {
            *ret = questions[i].asks;
            return 0;
        }
    }
    return error_param(&c->error, "method", "policy does not rule %.40s", method);
}

/* Asks as the method itself would; the first that denies has the last word. */
static int ask(struct call *c, const struct why_params *p, unsigned asks, const struct pool *pool,
               struct verdict *verdict)
{
    const struct policy *policy = pool->settings.policy;
    int family = p->family.set ? p->family.v : address_family(&p->address);
    int type = p->type.set ? p->type.v : SOCK_STREAM, r;
    const struct wire_sockaddr unbound = {0};
    struct wire_sockaddr address;

    if (asks & (ASKS_BIND | ASKS_CONNECT) && p->address.kind == ADDRESS_NONE)
        return error_param(&c->error, "address", "is missing");
    if (family == AF_UNSPEC)
        family = AF_INET;
    if ((asks & ASKS_MESSAGE && !policy_check_plane(policy, PLANE_MESSAGE, verdict)) ||
        (asks & ASKS_HANDOFF && !policy_check_plane(policy, PLANE_HANDOFF, verdict)) ||
        (asks & ASKS_STREAM && !policy_check_plane(policy, PLANE_STREAM, verdict)) ||
        (asks & ASKS_SOCKET && !call_allows_socket(c, pool, family, type, verdict)) ||
        !(asks & (ASKS_BIND | ASKS_CONNECT)))
        return 0;
    if ((r = call_address(c, &p->address, family, type, asks & ASKS_BIND, &address)))
        return r;
    if (asks & ASKS_BIND) {
        policy_check_bind(policy, &address, verdict);
        return 0;
    }
    address = policy_destination(&address, &unbound);
    policy_check_connect(policy, &address, call_name_of(&p->address), verdict);
    return 0;
}

int on_why(struct call *c, const struct why_params *p, struct why_result *ret)
{
    const struct pool_client client = pool_client_of(c->session->who);
    const struct pool *pool = pools_find_for(c->core->pools, &client, p->pool.s);
    struct verdict verdict, handoff;
    unsigned asks = 0;
    int r;

    if ((r = find_question(c, p->method.s, &asks)))
        return r;
    if (!pool)
        return error_param(&c->error, "pool", "there is no such pool for your user");
    if ((r = ask(c, p, asks, pool, &verdict)))
        return r;
    ret->allowed = (struct wire_bool){true, verdict.allowed};
    ret->pool = wire_borrow(pool->name);
    ret->rule = wire_borrow(verdict.rule);
    if (policy_check_plane(pool->settings.policy, PLANE_HANDOFF, &handoff))
        ret->advisory = (struct wire_bool){true, true};
    if (verdict.allowed)
        return 0;
    ret->nearest = wire_borrow(verdict.nearest);
    ret->hint = wire_borrow(arena_copy(&c->arena, verdict.hint, strlen(verdict.hint)));
    return 0;
}
