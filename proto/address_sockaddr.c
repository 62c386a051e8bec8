/* Socket addresses as the kernel has them: made of what a client wrote, and written for clients and
 * for people.
 *
 * Looks no name up, and knows no socket beyond its family. Asks the system for interfaces only. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "constants.h"
#include "utf8.h"

/* A Unix address without a name is its family alone. */
enum { UNNAMED_LEN = offsetof(struct sockaddr_un, sun_path) };

static bool is_host(const struct wire_address *address, const char *text)
{
    return address->n == strlen(text) && memcmp(address->text, text, address->n) == 0;
}

/* -- numeric hosts -- */

/* Strictly as people write addresses: "127.1" and "0177.0.0.1", which inet_aton takes, are names
 * here. Returns the family, AF_UNSPEC for a name; *ret_scope is what is behind '%', else NULL. */
static int parse_host(const struct wire_address *address, void *ret_ip, const char **ret_scope)
{
    const char *percent = memchr(address->text, '%', address->n);
    size_t n = percent ? (size_t)(percent - address->text) : address->n;
    char text[INET6_ADDRSTRLEN];

    *ret_scope = NULL;
    if (n >= sizeof text)
        return AF_UNSPEC;
    memcpy(text, address->text, n);
    text[n] = '\0';
    if (!percent && inet_pton(AF_INET, text, ret_ip) == 1)
        return AF_INET;
    if ((percent && !percent[1]) || inet_pton(AF_INET6, text, ret_ip) != 1)
        return AF_UNSPEC;
    *ret_scope = percent ? percent + 1 : NULL;
    return AF_INET6;
}

int address_family(const struct wire_address *address)
{
    struct in6_addr ip;
    const char *scope;

    switch (address->kind) {
    case ADDRESS_PATH:
    case ADDRESS_ABSTRACT:
        return AF_UNIX;
    case ADDRESS_INET:
        if (address->n == 0 || is_host(address, "<broadcast>"))
            return AF_INET;
        return parse_host(address, &ip, &scope);
    default:
        return AF_UNSPEC;
    }
}

/* An interface's name or number. */
static int find_scope(const char *scope, const char *param, uint32_t *ret, struct error *e)
{
    char what[96], *end;
    unsigned long number;
    unsigned index;

    if (scope[strspn(scope, "0123456789")] == '\0') {
        errno = 0;
        number = strtoul(scope, &end, 10);
        if (errno || number > UINT32_MAX)
            return error_param(e, param, "the scope %.40s is out of range", scope);
        *ret = (uint32_t)number;
        return 0;
    }
    snprintf(what, sizeof what, "%.30s: interface %.40s", param, scope);
    if (!(index = if_nametoindex(scope)))
        return error_os(e, errno == ENXIO ? ENODEV : errno, what);
    *ret = index;
    return 0;
}

static int complete_inet6(const struct wire_address *address, const char *param,
                          struct sockaddr_in6 *addr, struct error *e)
{
    int r;

    if (address->scope && (r = find_scope(address->scope, param, &addr->sin6_scope_id, e)))
        return r;
    addr->sin6_port = htons(address->port);
    addr->sin6_flowinfo = htonl(address->flowinfo);
    return 0;
}

int address_complete(const struct wire_address *address, const char *param,
                     struct wire_sockaddr *addr, struct error *e)
{
    switch (addr->addr.ss_family) {
    case AF_INET6:
        return complete_inet6(address, param, (struct sockaddr_in6 *)&addr->addr, e);
    case AF_INET:
        if (address->scope || address->flowinfo)
            return error_param(e, param, "%s is for IPv6 addresses only",
                               address->scope ? "a scope" : "flowinfo");
        ((struct sockaddr_in *)&addr->addr)->sin_port = htons(address->port);
        return 0;
    default:
        return error_os(e, EAFNOSUPPORT, param);
    }
}

/* The host's part of the address. ADDRESS_IS_NAME also for a numeric host of the other family: the
 * resolver has the right error for it. */
static int fill_host(const struct wire_address *address, int family, const char *param,
                     struct wire_sockaddr *ret, struct error *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->addr;
    struct in6_addr ip = IN6ADDR_ANY_INIT;
    const char *scope = NULL;

    ret->addr.ss_family = (sa_family_t)family;
    ret->len = family == AF_INET ? sizeof *v4 : sizeof *v6;
    if (is_host(address, "<broadcast>")) {
        if (family != AF_INET)
            return error_param(e, param,
                               "\"<broadcast>\" is an IPv4 address; this socket is AF_INET6");
        v4->sin_addr.s_addr = htonl(INADDR_BROADCAST);
        return 0;
    }
    if (address->n && parse_host(address, &ip, &scope) != family)
        return ADDRESS_IS_NAME;
    if (family == AF_INET)
        memcpy(&v4->sin_addr, &ip, sizeof v4->sin_addr);
    else
        v6->sin6_addr = ip;
    if (scope && address->scope)
        return error_param(e, param, "the scope is given twice, in the host and by itself");
    return scope ? find_scope(scope, param, &v6->sin6_scope_id, e) : 0;
}

/* -- making an address -- */

static int make_unix(const struct wire_address *address, const char *param,
                     struct wire_sockaddr *ret, struct error *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->addr;
    size_t in_front = address->kind == ADDRESS_ABSTRACT;

    /* A path ends with a NUL, an abstract name begins with one. */
    if (address->n + 1 > sizeof un->sun_path)
        return error_os(e, ENAMETOOLONG, param);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + in_front, address->text, address->n);
    ret->len = UNNAMED_LEN;
    if (address->n)
        ret->len += (socklen_t)address->n + 1;
    return 0;
}

static int wrong_kind(const struct wire_address *address, int family, const char *param,
                      struct error *e)
{
    const char *name = constant_name(CONSTANT_FAMILY, family);

    if (!name || family == AF_UNSPEC)
        return error_os(e, EAFNOSUPPORT, param);
    return error_param(e, param, "the socket is %s, and its addresses are %s", name,
                       address->kind == ADDRESS_INET ? "{\"path\"} or {\"abstract\"}"
                                                     : "{\"host\",\"port\"}");
}

int address_numeric(const struct wire_address *address, int family, const char *param,
                    struct wire_sockaddr *ret, struct error *e)
{
    bool is_inet = family == AF_INET || family == AF_INET6;
    struct wire_sockaddr addr = {0};
    int r;

    if (address->kind == ADDRESS_NONE)
        return error_param(e, param, "is missing");
    if ((address->kind == ADDRESS_INET) != is_inet || (!is_inet && family != AF_UNIX))
        return wrong_kind(address, family, param, e);
    if (!is_inet)
        r = make_unix(address, param, &addr, e);
    else if (!(r = fill_host(address, family, param, &addr, e)))
        r = address_complete(address, param, &addr, e);
    if (!r)
        *ret = addr;
    return r;
}

/* -- writing an address -- */

/* The path or abstract name inside a kernel's address. Its path need not end with a NUL. */
static const char *find_name(const struct wire_sockaddr *addr, size_t *ret_n, bool *ret_abstract)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&addr->addr;
    size_t n = addr->len > UNNAMED_LEN ? addr->len - UNNAMED_LEN : 0;

    if (n > sizeof un->sun_path)
        n = sizeof un->sun_path;
    *ret_abstract = n > 0 && un->sun_path[0] == '\0';
    *ret_n = *ret_abstract ? n - 1 : strnlen(un->sun_path, n);
    return un->sun_path + *ret_abstract;
}

/* Copies n bytes as UTF-8: what is not, and NUL, which few JSON readers take, becomes U+FFFD. Ends
 * before a sequence that does not fit. Returns the length. */
static size_t clean(const char *s, size_t n, char *ret, size_t n_room)
{
    const unsigned char *at = (const unsigned char *)s, *end = at + n;
    size_t used = 0;
    int length;

    for (; at < end; at += length ? length : 1) {
        const void *from = at;
        size_t n_from;

        length = *at ? utf8_length(at, end) : 0;
        n_from = length ? (size_t)length : 3;
        if (used + n_from > n_room)
            break;
        memcpy(ret + used, length ? from : "\xef\xbf\xbd", n_from);
        used += n_from;
    }
    return used;
}

/* The host and, for IPv6, the scope as name or number ("" for none). */
static void get_host(const struct wire_sockaddr *addr, char host[INET6_ADDRSTRLEN],
                     char scope[IF_NAMESIZE], uint16_t *ret_port)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr->addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr->addr;

    scope[0] = '\0';
    if (addr->addr.ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, host, INET6_ADDRSTRLEN);
        *ret_port = ntohs(v4->sin_port);
        return;
    }
    inet_ntop(AF_INET6, &v6->sin6_addr, host, INET6_ADDRSTRLEN);
    *ret_port = ntohs(v6->sin6_port);
    if (v6->sin6_scope_id && !if_indextoname(v6->sin6_scope_id, scope))
        snprintf(scope, IF_NAMESIZE, "%u", v6->sin6_scope_id);
}

static void encode_inet(struct buf *b, const struct wire_sockaddr *addr)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr->addr;
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE], text[3 * IF_NAMESIZE];
    bool is_v6 = addr->addr.ss_family == AF_INET6;
    uint16_t port;

    get_host(addr, host, scope, &port);
    buf_printf(b, ",\"host\":\"%s\",\"port\":%u", host, port);
    if (is_v6 && v6->sin6_flowinfo)
        buf_printf(b, ",\"flowinfo\":%u", ntohl(v6->sin6_flowinfo));
    if (!scope[0])
        return;
    buf_add_text(b, ",\"scope\":");
    if (scope[strspn(scope, "0123456789")])
        json_write_string(b, text, clean(scope, strlen(scope), text, sizeof text));
    else
        buf_add_text(b, scope);
}

static void encode_unix(struct buf *b, const struct wire_sockaddr *addr)
{
    char text[3 * sizeof(struct sockaddr_un)];
    bool is_abstract;
    size_t n;
    const char *name = find_name(addr, &n, &is_abstract);

    buf_add_text(b, is_abstract ? ",\"abstract\":" : ",\"path\":");
    json_write_string(b, text, clean(name, n, text, sizeof text));
}

void address_encode(struct buf *b, const struct wire_sockaddr *addr)
{
    const char *family = constant_name(CONSTANT_FAMILY, addr->addr.ss_family);

    if (addr->len < sizeof(sa_family_t) || !family) {
        buf_add_text(b, "null");
        return;
    }
    buf_printf(b, "{\"family\":\"%s\"", family);
    if (addr->addr.ss_family == AF_UNIX)
        encode_unix(b, addr);
    else if (addr->addr.ss_family != AF_UNSPEC)
        encode_inet(b, addr);
    buf_add_char(b, '}');
}

/* "unix:/run/x" or "unix:@x". Returns the length: an abstract name may have NULs inside. */
static size_t format_unix(const struct wire_sockaddr *addr, char *text, size_t n_room)
{
    bool is_abstract;
    size_t n, n_head;
    const char *name = find_name(addr, &n, &is_abstract);

    n_head = (size_t)snprintf(text, n_room, "unix:%s", is_abstract ? "@" : "");
    memcpy(text + n_head, name, n);
    return n_head + n;
}

static size_t format_inet(const struct wire_sockaddr *addr, char *text, size_t n_room)
{
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE];
    bool is_v4 = addr->addr.ss_family == AF_INET;
    uint16_t port;

    get_host(addr, host, scope, &port);
    return (size_t)snprintf(text, n_room, is_v4 ? "%s%s%s:%u" : "[%s%s%s]:%u", host,
                            scope[0] ? "%" : "", scope, port);
}

void address_format(const struct wire_sockaddr *addr, char *text, size_t n)
{
    char whole[sizeof "unix:@" + sizeof(struct sockaddr_un) + INET6_ADDRSTRLEN];
    size_t n_whole = 0;

    if (addr->len < sizeof(sa_family_t))
        ; /* absent: nothing to say */
    else if (addr->addr.ss_family == AF_UNIX)
        n_whole = format_unix(addr, whole, sizeof whole);
    else if (addr->addr.ss_family == AF_INET || addr->addr.ss_family == AF_INET6)
        n_whole = format_inet(addr, whole, sizeof whole);
    /* One line, whatever is in it: names come from strangers and go into logs. */
    for (size_t i = 0; i < n_whole; i++)
        if ((unsigned char)whole[i] < ' ' || whole[i] == 0x7f)
            whole[i] = '?';
    if (n)
        text[clean(whole, n_whole, text, n - 1)] = '\0';
}

/* -- comparing -- */

/* Sockets without a name are not one place, however alike they look. */
static bool is_same_unix(const struct wire_sockaddr *a, const struct wire_sockaddr *b)
{
    bool a_abstract, b_abstract;
    size_t n_a, n_b;
    const char *name_a = find_name(a, &n_a, &a_abstract), *name_b = find_name(b, &n_b, &b_abstract);

    return n_a > 0 && n_a == n_b && a_abstract == b_abstract && memcmp(name_a, name_b, n_a) == 0;
}

bool address_same(const struct wire_sockaddr *a, const struct wire_sockaddr *b)
{
    const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a->addr,
                             *b4 = (const struct sockaddr_in *)&b->addr;
    const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a->addr,
                              *b6 = (const struct sockaddr_in6 *)&b->addr;

    if (!a->len || !b->len || a->addr.ss_family != b->addr.ss_family)
        return false;
    switch (a->addr.ss_family) {
    case AF_INET:
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    case AF_INET6:
        return a6->sin6_port == b6->sin6_port && a6->sin6_scope_id == b6->sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
    case AF_UNIX:
        return is_same_unix(a, b);
    default:
        return false;
    }
}
