/* calls_state.c — the calls that name, connect and adjust a socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"
#include "proto/limits.h"

#define ON(h)                                                                                      \
    {                                                                                              \
        .set = true, .id = (h)                                                                     \
    }

/* -- addresses --------------------------------------------------------------------------------- */

static int call_bind(berth *b, struct bind_params *p)
{
    return exchange_call(b, METHOD_bind, &(struct exchange){.params = p});
}

static int call_connect(berth *b, struct connect_params *p)
{
    return exchange_call(b, METHOD_connect, &(struct exchange){.params = p});
}

int berth_bind(berth *b, berth_handle h, const struct sockaddr *address, socklen_t address_len)
{
    struct bind_params p = {.handle = ON(h)};

    if (session_begin(b) < 0 || convert_address(b, address, address_len, &p.address) < 0)
        return -1;
    return call_bind(b, &p);
}

int berth_bind_host(berth *b, berth_handle h, const char *host, uint16_t port)
{
    struct bind_params p = {.handle = ON(h)};

    if (session_begin(b) < 0 || convert_host(b, host, port, &p.address) < 0)
        return -1;
    return call_bind(b, &p);
}

int berth_connect(berth *b, berth_handle h, const struct sockaddr *address, socklen_t address_len)
{
    struct connect_params p = {.handle = ON(h)};

    if (session_begin(b) < 0 || convert_address(b, address, address_len, &p.address) < 0)
        return -1;
    return call_connect(b, &p);
}

int berth_connect_host(berth *b, berth_handle h, const char *host, uint16_t port)
{
    struct connect_params p = {.handle = ON(h)};

    if (session_begin(b) < 0 || convert_host(b, host, port, &p.address) < 0)
        return -1;
    return call_connect(b, &p);
}

int berth_listen(berth *b, berth_handle h, int backlog)
{
    struct listen_params p = {.handle = ON(h), .backlog = CONVERT_INT(backlog)};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(b, METHOD_listen, &(struct exchange){.params = &p});
}

int berth_shutdown(berth *b, berth_handle h, int how)
{
    struct shutdown_params p = {.handle = ON(h), .how = {true, how}};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(b, METHOD_shutdown, &(struct exchange){.params = &p});
}

static int call_name(berth *b, enum method_id method, berth_handle h, struct sockaddr *address,
                     socklen_t *address_len)
{
    struct handle_params p = {.handle = ON(h)};
    struct address_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, method, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    convert_sockaddr(&r.address, address, address_len);
    return 0;
}

int berth_getsockname(berth *b, berth_handle h, struct sockaddr *address, socklen_t *address_len)
{
    return call_name(b, METHOD_getsockname, h, address, address_len);
}

int berth_getpeername(berth *b, berth_handle h, struct sockaddr *address, socklen_t *address_len)
{
    return call_name(b, METHOD_getpeername, h, address, address_len);
}

/* -- options ----------------------------------------------------------------------------------- */

int berth_setsockopt(berth *b, berth_handle h, int level, int number, const void *value,
                     socklen_t size)
{
    struct setsockopt_params p = {.handle = ON(h),
                                  .level = {true, level},
                                  .number = CONVERT_INT(number),
                                  .base64 = {size ? value : "", size}};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(b, METHOD_setsockopt, &(struct exchange){.params = &p});
}

int berth_getsockopt(berth *b, berth_handle h, int level, int number, void *value, socklen_t *size)
{
    struct getsockopt_params p = {
        .handle = ON(h), .level = {true, level}, .number = CONVERT_INT(number)};
    struct option_result r = {0};
    size_t n;

    if (session_begin(b) < 0)
        return -1;
    p.size = (struct wire_int)CONVERT_INT(*size);
    if (exchange_call(b, METHOD_getsockopt, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    if (!r.base64.data)
        return failure_local(b, EPROTO, NULL, "getsockopt: the daemon gave no bytes");
    n = r.base64.n < *size ? r.base64.n : *size;
    if (n)
        memcpy(value, r.base64.data, n);
    *size = (socklen_t)n;
    return 0;
}

int berth_setsockopt_json(berth *b, berth_handle h, const char *option, const char *value)
{
    struct setsockopt_params p = {.handle = ON(h), .option = CONVERT_TEXT(option)};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(
        b, METHOD_setsockopt,
        &(struct exchange){.params = &p, .raw_name = "value", .raw_json = value ? value : "null"});
}

char *berth_getsockopt_json(berth *b, berth_handle h, const char *option)
{
    struct getsockopt_params p = {.handle = ON(h), .option = CONVERT_TEXT(option)};
    struct option_result r = {0};
    char *json;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_getsockopt, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    if (!(json = strndup(r.value.s ? r.value.s : "null", r.value.s ? r.value.n : 4)))
        failure_local(b, ENOMEM, NULL, "out of memory");
    return json;
}

/* -- timeouts ---------------------------------------------------------------------------------- */

/* BERTH_DEFAULT_TIMEOUT says nothing here: there is something to set. */
static int convert_new_timeout(berth *b, double seconds, struct wire_timeout *ret)
{
    return convert_timeout(b, seconds == BERTH_DEFAULT_TIMEOUT ? -3 : seconds, ret);
}

int berth_settimeout(berth *b, berth_handle h, double timeout)
{
    struct settimeout_params p = {.handle = ON(h)};

    if (session_begin(b) < 0 || convert_new_timeout(b, timeout, &p.timeout) < 0)
        return -1;
    return exchange_call(b, METHOD_settimeout, &(struct exchange){.params = &p});
}

int berth_gettimeout(berth *b, berth_handle h, double *ret_timeout)
{
    struct handle_params p = {.handle = ON(h)};
    struct timeout_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_gettimeout, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    *ret_timeout = convert_seconds(&r.timeout);
    return 0;
}

int berth_setdefaulttimeout(berth *b, double timeout)
{
    struct setdefaulttimeout_params p = {{0}};

    if (session_begin(b) < 0 || convert_new_timeout(b, timeout, &p.timeout) < 0)
        return -1;
    return exchange_call(b, METHOD_setdefaulttimeout, &(struct exchange){.params = &p});
}

/* -- multicast --------------------------------------------------------------------------------- */

static int call_group(berth *b, enum method_id method, berth_handle h, const char *group,
                      const char *interface, const char *source)
{
    struct group_params p = {.handle = ON(h),
                             .group = CONVERT_TEXT(group),
                             .interface = CONVERT_TEXT(interface),
                             .source = CONVERT_TEXT(source)};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(b, method, &(struct exchange){.params = &p});
}

int berth_join_group(berth *b, berth_handle h, const char *group, const char *interface,
                     const char *source)
{
    return call_group(b, METHOD_join_group, h, group, interface, source);
}

int berth_leave_group(berth *b, berth_handle h, const char *group, const char *interface,
                      const char *source)
{
    return call_group(b, METHOD_leave_group, h, group, interface, source);
}

/* -- leases ------------------------------------------------------------------------------------ */

int berth_lease(berth *b, berth_handle h, double lease)
{
    struct lease_params p = {.handle = ON(h), .lease = {true, LEASE_SESSION}};

    if (session_begin(b) < 0 || convert_lease(b, lease, &p.lease) < 0)
        return -1;
    return exchange_call(b, METHOD_lease, &(struct exchange){.params = &p});
}

int berth_attach(berth *b, berth_handle h, double lease)
{
    struct attach_params p = {.handle = ON(h)};

    if (session_begin(b) < 0)
        return -1;
    p.lease.set = lease == 0;
    if (lease != BERTH_SAME_LEASE && convert_lease(b, lease, &p.lease) < 0)
        return -1;
    return exchange_call(b, METHOD_attach, &(struct exchange){.params = &p});
}
