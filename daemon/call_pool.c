/* The part of call that asks pools. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"
#include "holders.h"
#include "proto/address.h"
#include "proto/codec.h"
#include "socket.h"
#include "unix_path.h"

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

int call_charge_buffer(struct call *c)
{
    struct pool_shortage shortage;
    struct handle *h = c->handle;
    int64_t n = (int64_t)(buf_len(&h->ahead) + h->n_tls_bytes);

    if (!h->pool || pool_charge_buffer(&h->charge, n, &shortage) == 0)
        return 0;
    return call_exhausted(c, h->pool, &shortage);
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

int call_check_option(struct call *c, const struct pool *pool, const struct option_value *value)
{
    struct verdict verdict;

    if (!pool || policy_check_option(pool->settings.policy, value->level, value->number,
                                     value->data, value->n, &verdict))
        return 0;
    return call_denied(c, pool, &verdict);
}

int call_check_plane(struct call *c, enum policy_plane plane)
{
    const struct pool *pool = c->handle->pool;
    struct verdict verdict;

    if (!pool || policy_check_plane(pool->settings.policy, plane, &verdict))
        return 0;
    return call_denied(c, pool, &verdict);
}

bool call_allows_socket(const struct call *c, const struct pool *pool, int family, int type,
                        struct verdict *ret)
{
    const struct policy *policy = pool->settings.policy;

    if (principal_is_trusted(c->session->who))
        return policy_check_socket(policy, family, type, ret);
    return policy_check_stranger_socket(policy, family, type, ret);
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

/* -- acting as the client -- */

enum principal_part call_part(int family)
{
    return family == AF_INET || family == AF_INET6 ? PRINCIPAL_OWNER : PRINCIPAL_WHOLE;
}

int call_assume(struct call *c, enum principal_part part)
{
    int r = principal_assume(c->session->who, part);

    if (r == 0)
        return 0;
    c->error.hint = "to act as your user the daemon needs CAP_SETUID and CAP_SETGID";
    return call_os(c, r, "to act as your user");
}

int call_os_as_client(struct call *c, enum principal_part part, int r, const char *what)
{
    if ((r == -EACCES || r == -EPERM) && part != PRINCIPAL_OWNER &&
        principal_is_other(c->session->who))
        c->error.hint = "your user may not do this itself, so the daemon does not do it for you";
    return call_os(c, r, what);
}

/* What the path of a Unix socket leads to, as the client finds it. */
static int pin(struct call *c, const struct wire_sockaddr *address, bool is_bind,
               struct wire_sockaddr *ret_real, int *ret_fd)
{
    int r = call_assume(c, PRINCIPAL_WHOLE);

    if (r)
        return r;
    *ret_fd = unix_path_open(address, is_bind, ret_real);
    principal_resume(c->session->who, PRINCIPAL_WHOLE);
    return *ret_fd < 0 ? call_os_as_client(c, PRINCIPAL_WHOLE, *ret_fd, c->method->name) : 0;
}

/* The path was allowed as it stands; what it leads to has to be as well. */
static int check_real(struct call *c, const struct pool *pool, const struct wire_sockaddr *real,
                      bool is_bind)
{
    const struct policy *policy = pool->settings.policy;
    struct verdict verdict;
    int r;

    if (is_bind ? policy_check_bind(policy, real, &verdict)
                : policy_check_connect(policy, real, NULL, &verdict))
        return 0;
    r = call_denied(c, pool, &verdict);
    c->error.hint = arena_printf(&c->arena, "the path leads to %s: %s",
                                 ((const struct sockaddr_un *)&real->addr)->sun_path, verdict.hint);
    return r;
}

int call_check_bind_path(struct call *c, const struct pool *pool,
                         const struct wire_sockaddr *address)
{
    struct wire_sockaddr real;
    int fd = -1, r;

    if (!pool || !unix_path_is(address) || !policy_has_rules(pool->settings.policy, POLICY_BIND))
        return 0;
    if ((r = pin(c, address, true, &real, &fd)))
        return r;
    close(fd);
    return check_real(c, pool, &real, true);
}

int call_pin_path(struct call *c, struct wire_sockaddr *address, int *ret_fd)
{
    const struct pool *pool = c->handle->pool;
    struct wire_sockaddr real;
    int r;

    *ret_fd = -1;
    if (!pool || !unix_path_is(address) || !policy_has_rules(pool->settings.policy, POLICY_CONNECT))
        return 0;
    if ((r = pin(c, address, false, &real, ret_fd)))
        return r;
    if ((r = check_real(c, pool, &real, false))) {
        close(*ret_fd);
        return r;
    }
    unix_path_of_fd(*ret_fd, address);
    return 0;
}
