/* Handlers of names and addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers.h"
#include "proto/address.h"

static struct wire_text text(struct call *c, const char *s)
{
    return (struct wire_text){arena_copy(&c->arena, s, strlen(s)), strlen(s)};
}

static struct wire_sockaddr sockaddr_of(const struct sockaddr *addr, socklen_t len)
{
    struct wire_sockaddr v = {.len = len};

    memcpy(&v.addr, addr, len);
    return v;
}

/* -- look-ups -- */

static size_t count(const struct addrinfo *found)
{
    size_t n = 0;

    for (; found; found = found->ai_next)
        n++;
    return n;
}

int on_getaddrinfo(struct call *c, const struct getaddrinfo_params *p,
                   struct getaddrinfo_result *ret)
{
    struct addrinfo hints = {
        .ai_family = p->family.set ? p->family.v : AF_UNSPEC,
        .ai_socktype = p->type.v,
        .ai_protocol = p->protocol.v,
        .ai_flags = p->flags.v,
    };
    const char *host = p->host.n ? p->host.s : NULL;
    int r;

    /* glibc takes the lower 16 bits of any number. */
    if (p->service.s && strspn(p->service.s, "0123456789") == p->service.n &&
        atoll(p->service.s) > 65535)
        return error_param(&c->error, "service", "a port is 0 to 65535");
    if ((r = call_find_addresses(c, host, p->service.n || host ? p->service.s : "0", &hints)))
        return r;
    ret->addresses.set = true;
    ret->addresses.items =
        arena_alloc(&c->arena, count(c->lookup->found) * sizeof *ret->addresses.items);
    if (!ret->addresses.items)
        return error_memory(&c->error);
    for (const struct addrinfo *a = c->lookup->found; a; a = a->ai_next) {
        struct found_address *to = &ret->addresses.items[ret->addresses.n++];

        to->family = (struct wire_family){true, a->ai_family};
        to->type = (struct wire_socktype){true, a->ai_socktype};
        to->protocol = (struct wire_protocol){true, a->ai_protocol};
        to->address = sockaddr_of(a->ai_addr, a->ai_addrlen);
        if (a->ai_canonname)
            to->canonname = text(c, a->ai_canonname);
    }
    return 0;
}

int on_gethostbyname(struct call *c, const struct gethostbyname_params *p,
                     struct gethostbyname_result *ret)
{
    struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    int r = call_find_addresses(c, p->host.n ? p->host.s : "0.0.0.0", NULL, &hints);
    const struct addrinfo *a;

    if (r)
        return r;
    a = c->lookup->found;
    ret->host = text(c, a->ai_canonname ? a->ai_canonname : p->host.s);
    ret->addresses.set = true;
    ret->addresses.items = arena_alloc(&c->arena, count(a) * sizeof *ret->addresses.items);
    if (!ret->host.s || !ret->addresses.items)
        return error_memory(&c->error);
    for (; a; a = a->ai_next)
        ret->addresses.items[ret->addresses.n++] = sockaddr_of(a->ai_addr, a->ai_addrlen);
    return 0;
}

/* As Python: a host that is not numeric is a name that is not found. */
static int take_numeric(struct call *c, const struct wire_address *address,
                        struct wire_sockaddr *ret)
{
    if (address->kind != ADDRESS_INET)
        return error_param(&c->error, "address", "must be a host and a port");
    if (address_family(address) == AF_UNSPEC) {
        c->error.hint = "the host must be numeric; getaddrinfo makes it so";
        return error_gai(&c->error, EAI_NONAME, 0, address->text);
    }
    return address_numeric(address, address_family(address), "address", ret, &c->error);
}

int on_getnameinfo(struct call *c, const struct getnameinfo_params *p,
                   struct getnameinfo_result *ret)
{
    struct wire_sockaddr address;
    int r, sys_errno = 0;

    if (!c->lookup) {
        r = take_numeric(c, &p->address, &address);
        if (r)
            return r;
        c->lookup = resolver_find_name(c->core->workers, &address, p->flags.v, c->session->who, c,
                                       &sys_errno);
        if ((r = call_lookup_started(c, sys_errno)))
            return r;
    }
    if (!c->lookup->job.is_done)
        return call_wait_for_worker(c);
    if (c->lookup->eai)
        return error_gai(&c->error, c->lookup->eai, c->lookup->sys_errno, "the address");
    ret->host = text(c, c->lookup->name);
    ret->service = text(c, c->lookup->port);
    return ret->host.s && ret->service.s ? 0 : error_memory(&c->error);
}

int on_gethostname(struct call *c, const struct no_params *p, struct host_result *ret)
{
    char name[HOST_NAME_MAX + 1];

    (void)p;
    if (gethostname(name, sizeof name) < 0)
        return call_os(c, -errno, "gethostname");
    name[sizeof name - 1] = '\0';
    ret->host = text(c, name);
    return ret->host.s ? 0 : error_memory(&c->error);
}

/* -- addresses as texts and as bytes -- */

/* The length of a packed address; 0: not of an IP family. */
static size_t packed_length(int family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static int check_family(struct call *c, int family)
{
    return packed_length(family) ? 0 : error_os(&c->error, EAFNOSUPPORT, c->method->name);
}

static int pack(struct call *c, const void *bytes, size_t n, struct packed_result *ret)
{
    ret->base64 = (struct wire_base64){arena_copy(&c->arena, bytes, n), n};
    return ret->base64.data ? 0 : error_memory(&c->error);
}

static int unpack(struct call *c, int family, struct wire_base64 bytes, struct text_result *ret)
{
    char text_room[INET6_ADDRSTRLEN];

    if (bytes.n != packed_length(family))
        return error_param(&c->error, "base64", "must be %zu bytes, not %zu", packed_length(family),
                           bytes.n);
    inet_ntop(family, bytes.data, text_room, sizeof text_room);
    ret->text = text(c, text_room);
    return ret->text.s ? 0 : error_memory(&c->error);
}

int on_inet_pton(struct call *c, const struct inet_pton_params *p, struct packed_result *ret)
{
    unsigned char bytes[16];
    int r;

    if ((r = check_family(c, p->family.v)))
        return r;
    if (inet_pton(p->family.v, p->text.s, bytes) != 1)
        return error_param(&c->error, "text", "is not an address of that family");
    return pack(c, bytes, packed_length(p->family.v), ret);
}

int on_inet_ntop(struct call *c, const struct inet_ntop_params *p, struct text_result *ret)
{
    int r = check_family(c, p->family.v);

    return r ? r : unpack(c, p->family.v, p->base64, ret);
}

int on_inet_aton(struct call *c, const struct inet_aton_params *p, struct packed_result *ret)
{
    struct in_addr address;

    if (!inet_aton(p->text.s, &address))
        return error_param(&c->error, "text", "is not an IPv4 address");
    return pack(c, &address, sizeof address, ret);
}

int on_inet_ntoa(struct call *c, const struct inet_ntoa_params *p, struct text_result *ret)
{
    return unpack(c, AF_INET, p->base64, ret);
}

/* -- interfaces -- */

static socklen_t sockaddr_length(const struct sockaddr *addr)
{
    if (!addr)
        return 0;
    return addr->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
           : addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                         : 0;
}

static int add_addresses(struct call *c, const struct ifaddrs *all, struct interface *to)
{
    size_t n = 0;

    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        n += strcmp(a->ifa_name, to->name.s) == 0 && sockaddr_length(a->ifa_addr);
    to->addresses.set = true;
    if (!(to->addresses.items = arena_alloc(&c->arena, n * sizeof *to->addresses.items)))
        return error_memory(&c->error);
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        if (strcmp(a->ifa_name, to->name.s) == 0 && sockaddr_length(a->ifa_addr))
            to->addresses.items[to->addresses.n++] =
                sockaddr_of(a->ifa_addr, sockaddr_length(a->ifa_addr));
    return 0;
}

static int tell_interfaces(struct call *c, const struct if_nameindex *all,
                           const struct ifaddrs *addresses, struct if_nameindex_result *ret)
{
    size_t n = 0;
    int r;

    while (all[n].if_index)
        n++;
    ret->interfaces.set = true;
    if (!(ret->interfaces.items = arena_alloc(&c->arena, n * sizeof *ret->interfaces.items)))
        return error_memory(&c->error);
    for (; ret->interfaces.n < n; ret->interfaces.n++) {
        struct interface *to = &ret->interfaces.items[ret->interfaces.n];

        to->index = (struct wire_int){true, all[ret->interfaces.n].if_index};
        to->name = text(c, all[ret->interfaces.n].if_name);
        if (!to->name.s)
            return error_memory(&c->error);
        if ((r = add_addresses(c, addresses, to)))
            return r;
    }
    return 0;
}

int on_if_nameindex(struct call *c, const struct no_params *p, struct if_nameindex_result *ret)
{
    struct if_nameindex *all = if_nameindex();
    struct ifaddrs *addresses = NULL;
    int r;

    (void)p;
    if (!all)
        return call_os(c, -errno, "if_nameindex");
    if (getifaddrs(&addresses) < 0)
        r = call_os(c, -errno, "getifaddrs");
    else
        r = tell_interfaces(c, all, addresses, ret);
    freeifaddrs(addresses);
    if_freenameindex(all);
    return r;
}
