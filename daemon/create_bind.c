/* The part of create that gives sockets their addresses. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "create.h"
#include "socket.h"

static bool is_inet(const struct wire_sockaddr *a)
{
    return a->addr.ss_family == AF_INET || a->addr.ss_family == AF_INET6;
}

/* IPv4 as it is mapped into IPv6. */
static struct in6_addr ip_of(const struct wire_sockaddr *a)
{
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    if (a->addr.ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)&a->addr)->sin6_addr;
    memcpy(&ip.s6_addr[12], &((const struct sockaddr_in *)&a->addr)->sin_addr, 4);
    return ip;
}

static bool is_any(const struct in6_addr *ip)
{
    static const struct in6_addr any4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    return IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_ARE_ADDR_EQUAL(ip, &any4);
}

/* Whether one port could be both's; the wildcard is every address. */
static bool overlap(const struct wire_sockaddr *a, const struct wire_sockaddr *b)
{
    struct in6_addr ip = ip_of(a), other = ip_of(b);

    /* sin_port and sin6_port stand at the same place. */
    return ((const struct sockaddr_in *)&a->addr)->sin_port ==
               ((const struct sockaddr_in *)&b->addr)->sin_port &&
           (is_any(&ip) || is_any(&other) || IN6_ARE_ADDR_EQUAL(&ip, &other));
}

static bool is_others(const struct call *c, const struct handle *h, int type,
                      const struct wire_sockaddr *address)
{
    struct wire_sockaddr its;

    return h->type == type && h->opener->uid != c->session->who->uid &&
           socket_name(h->fd, &its) == 0 && is_inet(&its) && overlap(&its, address);
}

/* Looks at every handle: only for SO_REUSEPORT, and only where the kernel cannot tell. */
static int check_share(struct call *c, int fd, const struct wire_sockaddr *address)
{
    int reuse = 0, family, type;
    size_t n = sizeof reuse;

    if (principal_can_be_others() || !is_inet(address) || !socket_is_bound(address) ||
        socket_get_option(fd, SOL_SOCKET, SO_REUSEPORT, &reuse, &n) < 0 || !reuse)
        return 0;
    socket_identify(fd, &family, &type);
    for (const struct handle *h = store_first(c->core->store, 0); h; h = store_next(h)) {
        if (!is_others(c, h, type, address))
            continue;
        c->error.hint = "two users never share a port, also not by SO_REUSEPORT";
        return error_os(&c->error, EADDRINUSE, c->method->name);
    }
    return 0;
}

int create_bind(struct call *c, int fd, const struct wire_sockaddr *address)
{
    enum principal_part part = call_part(address->addr.ss_family);
    int r;

    if ((r = check_share(c, fd, address)) || (r = call_assume(c, part)))
        return r;
    r = socket_bind(fd, address);
    principal_resume(c->session->who, part);
    return r < 0 ? call_os_as_client(c, part, r, "bind") : 0;
}

/* It may have been bound before SO_REUSEPORT was set. */
int create_listen(struct call *c, int fd, int64_t backlog, int *ret_backlog)
{
    struct wire_sockaddr name;
    enum principal_part part;
    int r;

    if ((r = socket_name(fd, &name)) < 0)
        return call_os(c, r, "listen");
    part = call_part(name.addr.ss_family);
    if ((r = check_share(c, fd, &name)) || (r = call_assume(c, part)))
        return r;
    r = socket_listen(fd, backlog);
    principal_resume(c->session->who, part);
    if (r < 0)
        return call_os_as_client(c, part, r, "listen");
    *ret_backlog = r;
    return 0;
}
