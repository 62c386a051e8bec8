/* Option values that name an interface or a multicast group. Asks the system for the index and the
 * address of an interface; that does not block. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "option_reading.h"

bool option_is_network_order(const struct option *option)
{
    return (option->level == IPPROTO_IP && option->number == IP_UNICAST_IF) ||
           (option->level == IPPROTO_IPV6 && option->number == IPV6_UNICAST_IF);
}

static int interface_failed(const struct option_reading *r, int sys_errno, const char *name)
{
    char what[96];

    snprintf(what, sizeof what, "%s: interface %.40s", r->option->name, name);
    return error_os(r->e, sys_errno, what);
}

/* An interface by index or name; where `ret_address` is not NULL, also by its IPv4 address (the
 * index is 0 then). */
static int read_interface(const struct option_reading *r, uint32_t token, int *ret_index,
                          struct in_addr *ret_address)
{
    const char *takes = ret_address ? "an interface by name, index or IPv4 address"
                                    : "an interface by name or index";
    int64_t index;
    char *text;
    size_t n;
    int e;

    if (!json_get_integer(r->json, token, &index)) {
        if ((e = option_read_text(r, token, takes, &text, &n)))
            return e;
        *ret_index = 0;
        if (ret_address && inet_pton(AF_INET, text, ret_address) == 1)
            return 0;
        if (n && strspn(text, "0123456789") == n)
            index = n > 10 ? INT64_MAX : strtoll(text, NULL, 10);
        else if (!(index = if_nametoindex(text)))
            return interface_failed(r, errno == ENXIO ? ENODEV : errno, text);
    }
    if (index < 0 || index > INT_MAX)
        return error_param(r->e, r->param, "%s takes %s", r->option->name, takes);
    *ret_index = (int)index;
    return 0;
}

int option_read_if(const struct option_reading *r)
{
    int index, e;

    if ((e = read_interface(r, r->token, &index, NULL)))
        return e;
    if (option_is_network_order(r->option))
        index = (int)htonl((uint32_t)index);
    return option_put(r, &index, sizeof index);
}

int option_read_in_addr(const struct option_reading *r)
{
    struct ip_mreqn v = {0};
    int e = read_interface(r, r->token, &v.imr_ifindex, &v.imr_address);

    return e ? e : option_put(r, &v, sizeof v);
}

/* {"group","source"?,"interface"?} as read. */
struct membership {
    int family;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } group, source;
    int index; /* of the interface; 0: not given */
    struct in_addr address;
};

static int read_ip(const struct option_reading *r, uint32_t token, const char *key, int family,
                   void *ret)
{
    char *text;
    size_t n;
    int e;

    if (!token)
        return error_param(r->e, r->param, "%s: %s is missing", r->option->name, key);
    if ((e = option_read_text(r, token, "addresses as texts", &text, &n)))
        return e;
    if (inet_pton(family, text, ret) != 1)
        return error_param(r->e, r->param, "%s: %s must be an %s address", r->option->name, key,
                           family == AF_INET ? "IPv4" : "IPv6");
    return 0;
}

static int read_parts(const struct option_reading *r, const uint32_t *tokens, bool has_source,
                      struct membership *m)
{
    bool takes_address = m->family == AF_INET && r->option->number < MCAST_JOIN_GROUP;
    int e = read_ip(r, tokens[0], "group", m->family, &m->group);

    if (!e && tokens[1])
        e = read_interface(r, tokens[1], &m->index, takes_address ? &m->address : NULL);
    if (!e && has_source)
        e = read_ip(r, tokens[2], "source", m->family, &m->source);
    return e;
}

/* struct ip_mreq_source knows an interface by its address only. */
static int find_address(const struct option_reading *r, struct membership *m)
{
    struct ifreq ifr = {0};
    char number[16];
    int fd, failure = 0;

    if (!m->index)
        return 0;
    snprintf(number, sizeof number, "%d", m->index);
    if (!if_indextoname((unsigned)m->index, ifr.ifr_name))
        return interface_failed(r, errno == ENXIO ? ENODEV : errno, number);
    if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        return interface_failed(r, errno, ifr.ifr_name);
    if (ioctl(fd, SIOCGIFADDR, &ifr) < 0)
        failure = errno;
    close(fd);
    if (failure)
        return interface_failed(r, failure, ifr.ifr_name);
    m->address = ((struct sockaddr_in *)&ifr.ifr_addr)->sin_addr;
    return 0;
}

static struct sockaddr_storage to_sockaddr(int family, const void *ip)
{
    struct sockaddr_storage addr = {.ss_family = (sa_family_t)family};

    if (family == AF_INET)
        ((struct sockaddr_in *)&addr)->sin_addr = *(const struct in_addr *)ip;
    else
        ((struct sockaddr_in6 *)&addr)->sin6_addr = *(const struct in6_addr *)ip;
    return addr;
}

/* The MCAST_ options are the same for both families, but each has them at its own level. */
static int put_mcast(const struct option_reading *r, const struct membership *m)
{
    struct group_req one = {.gr_interface = (uint32_t)m->index};
    struct group_source_req two = {.gsr_interface = (uint32_t)m->index};

    r->ret->level = m->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    if (r->option->type == OPTION_MREQ) {
        one.gr_group = to_sockaddr(m->family, &m->group);
        return option_put(r, &one, sizeof one);
    }
    two.gsr_group = to_sockaddr(m->family, &m->group);
    two.gsr_source = to_sockaddr(m->family, &m->source);
    return option_put(r, &two, sizeof two);
}

static int put_ip(const struct option_reading *r, struct membership *m)
{
    struct ip_mreq_source v = {.imr_multiaddr = m->group.v4, .imr_sourceaddr = m->source.v4};
    int e;

    if (r->option->type == OPTION_MREQ)
        return option_put(r, &(struct ip_mreqn){m->group.v4, m->address, m->index},
                          sizeof(struct ip_mreqn));
    if ((e = find_address(r, m)))
        return e;
    v.imr_interface = m->address;
    return option_put(r, &v, sizeof v);
}

int option_read_membership(const struct option_reading *r)
{
    static const char *const keys[] = {"group", "interface", "source"};
    bool has_source = r->option->type == OPTION_MREQ_SOURCE;
    bool is_mcast = r->option->level == IPPROTO_IP && r->option->number >= MCAST_JOIN_GROUP;
    uint32_t tokens[3] = {0};
    struct membership m = {.family = r->option->type == OPTION_MREQ6 ? AF_INET6 : AF_INET};
    const struct json_token *group;
    int e;

    if (r->json->tokens[r->token].type != JSON_OBJECT)
        return option_wrong_type(r, has_source ? "{\"group\",\"source\",\"interface\"?}"
                                               : "{\"group\",\"interface\"?}");
    if ((e = option_read_members(r, keys, has_source ? 3 : 2, tokens)))
        return e;
    group = &r->json->tokens[tokens[0]];
    if (is_mcast && tokens[0] &&
        memchr(r->json->text + group->start, ':', group->end - group->start))
        m.family = AF_INET6;
    if ((e = read_parts(r, tokens, has_source, &m)))
        return e;
    if (is_mcast)
        return put_mcast(r, &m);
    if (m.family == AF_INET)
        return put_ip(r, &m);
    return option_put(r, &(struct ipv6_mreq){m.group.v6, (unsigned)m.index},
                      sizeof(struct ipv6_mreq));
}
