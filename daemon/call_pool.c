/* The part of call that asks pools. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "holders.h"
#include "proto/address.h"
#include "proto/codec.h"
#include "socket.h"

static const char *copy_text(struct call *c, const char *text)
{
    return arena_copy(&c->arena, text, strlen(text));
}

int call_denied(struct call *c, const struct pool *pool, const struct verdict *verdict)
{
    /* Copies: the settings may be read again before the call has ended. */
    c->error.pool = copy_text(c, pool->name);
    c->error.rule = copy_text(c, verdict->rule);
    c->error.hint = copy_text(c, verdict->hint);
    return error_set(&c->error, ERROR_POLICY, NULL, "pool %s denies it: %.150s", pool->name,
                     verdict->rule);
}

/* The same rows as pool.list's, as JSON. */
static const char *holders_of(struct call *c, const struct pool *pool)
{
    struct pool_row row = {.holders = {.set = true}};
    const struct field *field = field_find(shape_pool_row(), "holders", 7);
    struct buf b = {0};
    const char *text = NULL;

    if (holders_find(c, pool, &row.holders.items, &row.holders.n) == 0)
        codec_encode_member(field, &row, &b);
    if (!b.failed && buf_len(&b))
        text = arena_copy(&c->arena, b.data + b.start, buf_len(&b));
    buf_done(&b);
    return text;
}

int call_exhausted(struct call *c, const struct pool *pool, const struct pool_shortage *shortage)
{
    store_note_exhausted(c->core->store, pool, shortage->limit);
    c->error.pool = copy_text(c, pool->name);
    c->error.has_limit = true;
    c->error.limit = shortage->most;
    c->error.in_use = shortage->n_in_use;
    c->error.holders = holders_of(c, pool);
    c->error.hint = "close what is not needed; ledger.leaks shows what was forgotten";
    return error_set(&c->error, ERROR_POOL, shortage->limit,
                     "pool %s: %s is %lld, and %lld are in use", pool->name, shortage->limit,
                     (long long)shortage->most, (long long)shortage->n_in_use);
}

int call_lease_too_long(struct call *c, const struct pool *pool)
{
    c->error.pool = copy_text(c, pool->name);
    return error_set(&c->error, ERROR_LEASE, "TOO_LONG",
                     "pool %s does not grant a lease that long (max-lease)", pool->name);
}

/* -- policy -- */

const char *call_name_of(const struct wire_address *given)
{
    bool is_name = given->kind == ADDRESS_INET && address_family(given) == AF_UNSPEC;

    return is_name ? given->text : NULL;
}

int call_check_bind(struct call *c, const struct wire_sockaddr *address)
{
    const struct pool *pool = c->handle->pool;
    struct verdict verdict;

    if (!pool || policy_check_bind(pool->settings.policy, address, &verdict))
        return 0;
    return call_denied(c, pool, &verdict);
}

/* What the kernel asks a capability for (socket(7), ip(7)): it would look at the daemon's, not the
 * client's. */
static bool needs_privilege(const struct option_value *value)
{
    static const struct {
        int level, number;
    } options[] = {
        {SOL_SOCKET, SO_DEBUG},           {SOL_SOCKET, SO_MARK},     {SOL_SOCKET, SO_RCVBUFFORCE},
        {SOL_SOCKET, SO_SNDBUFFORCE},     {SOL_SOCKET, SO_PRIORITY}, {IPPROTO_IP, IP_TRANSPARENT},
        {IPPROTO_IPV6, IPV6_TRANSPARENT},
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (value->level == options[i].level && value->number == options[i].number)
            return true;
    return false;
}

int call_check_option(struct call *c, const struct pool *pool, const struct option_value *value)
{
    static const unsigned char off[sizeof value->data];
    struct verdict verdict;

    if (needs_privilege(value) && c->session->who->uid != 0 && c->session->who->uid != geteuid())
        return error_os(&c->error, EPERM, value->name ? value->name : "setsockopt");
    if (!pool || memcmp(value->data, off, value->n) == 0 ||
        policy_check_option(pool->settings.policy, value->level, value->number, &verdict))
        return 0;
    return call_denied(c, pool, &verdict);
}

int call_check_connect(struct call *c, const struct wire_sockaddr *address,
                       const struct wire_address *given)
{
    const struct pool *pool = c->handle->pool;
    const char *name = call_name_of(given);
    struct wire_sockaddr local, destination;
    struct verdict verdict;

    if (!pool)
        return 0;
    if (socket_name(c->handle->fd, &local) < 0)
        local.len = 0;
    destination = policy_destination(address, &local);
    if (policy_check_connect(pool->settings.policy, &destination, name, &verdict))
        return 0;
    return call_denied(c, pool, &verdict);
}
