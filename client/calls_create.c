/* calls_create.c — the calls that make handles. What they may all be told is put in by one macro.
 */
#include <errno.h>
#include <string.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"
#include "proto/limits.h"
#include "proto/utf8.h"

static const struct berth_options no_options;

/* The end of a path says more than its beginning. */
static const char *shorten(const char *site)
{
    size_t n = site ? strlen(site) : 0;
    bool nul;

    if (n > LIMIT_LABEL_BYTES)
        site = strchrnul(site + n - LIMIT_LABEL_BYTES, '/');
    return site && utf8_is_valid(site, strlen(site), &nul) ? site : NULL;
}

static struct wire_text text_of(const char *text)
{
    return (struct wire_text)CONVERT_TEXT(text);
}

/* Fills CREATION_ROWS of any params struct; -1 with the session's error set. */
#define CREATION(b, site_, given, p)                                                               \
    ((p)->name = text_of((given)->name), (p)->pool = text_of((given)->pool),                       \
     (p)->label = text_of((given)->label ? (given)->label : (b)->label),                           \
     (p)->site = text_of(shorten(site_)), convert_lease(b, (given)->lease, &(p)->lease))

static struct wire_family family_of(int family)
{
    return (struct wire_family){family != AF_UNSPEC, family};
}

berth_handle berth_socket_at(const char *site, berth *b, int family, int type, int protocol,
                             const struct berth_options *options)
{
    struct socket_params p = {.family = {true, family}, .type = {true, type & ~SOCK_CLOEXEC}};
    struct socket_result r = {0};
    const struct berth_options *given = options ? options : &no_options;

    if (session_begin(b) < 0 || CREATION(b, site, given, &p) < 0)
        return -1;
    if (type & SOCK_NONBLOCK)
        return failure_local(b, EINVAL, "create it without, then berth_settimeout(b, h, 0)",
                             "SOCK_NONBLOCK is not a type here");
    if (protocol)
        p.protocol = (struct wire_protocol){true, protocol};
    if (exchange_call(
            b, METHOD_socket,
            &(struct exchange){
                .params = &p, .result = &r, .raw_name = "options", .raw_json = given->options}) < 0)
        return -1;
    return r.handle.v;
}

int berth_socketpair_at(const char *site, berth *b, int type, const struct berth_options *options,
                        berth_handle ret_handles[2])
{
    struct socketpair_params p = {.type = {true, type & ~SOCK_CLOEXEC}};
    struct socketpair_result r = {0};

    if (session_begin(b) < 0 || CREATION(b, site, options ? options : &no_options, &p) < 0 ||
        exchange_call(b, METHOD_socketpair, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    if (r.handles.n != 2)
        return failure_local(b, EPROTO, NULL, "socketpair: the daemon gave %zu handles",
                             r.handles.n);
    ret_handles[0] = r.handles.items[0];
    ret_handles[1] = r.handles.items[1];
    return 0;
}

berth_handle berth_accept_at(const char *site, berth *b, berth_handle listener,
                             struct sockaddr *peer, socklen_t *peer_len,
                             const struct berth_options *options)
{
    struct accept_params p = {.handle = {.set = true, .id = listener}};
    struct accept_result r = {0};

    if (session_begin(b) < 0 || CREATION(b, site, options ? options : &no_options, &p) < 0 ||
        exchange_call(b, METHOD_accept, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    convert_sockaddr(&r.peer, peer, peer_len);
    return r.handle.v;
}

berth_handle berth_create_connection_at(const char *site, berth *b, const char *host, uint16_t port,
                                        double timeout, const struct berth_options *options)
{
    const struct berth_options *given = options ? options : &no_options;
    struct create_connection_params p = {
        .host = CONVERT_TEXT(host), .port = CONVERT_INT(port), .family = family_of(given->family)};
    struct create_connection_result r = {0};

    if (session_begin(b) < 0 || CREATION(b, site, given, &p) < 0 ||
        convert_timeout(b, timeout, &p.timeout) < 0 ||
        (given->source && convert_address(b, given->source, given->source_len, &p.source) < 0) ||
        exchange_call(
            b, METHOD_create_connection,
            &(struct exchange){
                .params = &p, .result = &r, .raw_name = "options", .raw_json = given->options}) < 0)
        return -1;
    return r.handle.v;
}

static berth_handle create_server(const char *site, berth *b, const struct wire_address *address,
                                  const struct berth_options *given)
{
    struct create_server_params p = {.address = *address, .family = family_of(given->family)};
    struct create_server_result r = {0};

    if (given->backlog)
        p.backlog = (struct wire_int)CONVERT_INT(given->backlog);
    if (given->flags & BERTH_REUSE_PORT)
        p.reuse_port = (struct wire_bool){true, true};
    if (given->flags & BERTH_DUALSTACK)
        p.dualstack = (struct wire_bool){true, true};
    if (CREATION(b, site, given, &p) < 0 ||
        exchange_call(
            b, METHOD_create_server,
            &(struct exchange){
                .params = &p, .result = &r, .raw_name = "options", .raw_json = given->options}) < 0)
        return -1;
    return r.handle.v;
}

berth_handle berth_create_server_at(const char *site, berth *b, const struct sockaddr *address,
                                    socklen_t address_len, const struct berth_options *options)
{
    struct wire_address wire = {0};

    if (session_begin(b) < 0 || convert_address(b, address, address_len, &wire) < 0)
        return -1;
    return create_server(site, b, &wire, options ? options : &no_options);
}

berth_handle berth_create_server_host_at(const char *site, berth *b, const char *host,
                                         uint16_t port, const struct berth_options *options)
{
    struct wire_address wire;

    if (session_begin(b) < 0 || convert_host(b, host, port, &wire) < 0)
        return -1;
    return create_server(site, b, &wire, options ? options : &no_options);
}

berth_handle berth_adopt_at(const char *site, berth *b, int fd, const struct berth_options *options)
{
    struct adopt_params p = {0};
    struct adopt_result r = {0};

    if (session_begin(b) < 0 || CREATION(b, site, options ? options : &no_options, &p) < 0)
        return -1;
    if (fd < 0)
        return failure_local(b, EBADF, NULL, "%d is not a descriptor", fd);
    if (exchange_call(b, METHOD_adopt, &(struct exchange){.params = &p, .result = &r, .fd = &fd}) <
        0)
        return -1;
    return r.handle.v;
}

berth_handle berth_find(berth *b, const char *name)
{
    struct handle_params p = {.handle = {.set = true, .name = name}};
    struct ledger_row r = {0};

    if (session_begin(b) < 0)
        return -1;
    if (!name)
        return failure_local(b, EINVAL, NULL, "a name is missing");
    if (exchange_call(b, METHOD_ledger_get, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return r.handle.v;
}

int berth_close(berth *b, berth_handle h)
{
    struct handle_params p = {.handle = {.set = true, .id = h}};

    if (session_begin(b) < 0)
        return -1;
    return exchange_call(b, METHOD_close, &(struct exchange){.params = &p});
}
