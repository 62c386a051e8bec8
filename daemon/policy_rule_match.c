/* Addresses as the kernel takes them, held against rules. */
#include <fnmatch.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy.h"
#include "policy_rule.h"

/* -- targets -- */

static void set_v4(struct policy_target *t, const void *ip)
{
    static const unsigned char any[4], loopback[4] = {127, 0, 0, 1};

    t->kind = RULE_IP4;
    memcpy(t->ip, ip, 4);
    t->is_any = memcmp(t->ip, any, 4) == 0;
    if (t->is_any && !t->is_bind) {
        memcpy(t->ip, loopback, 4);
        t->is_any = false;
    }
    t->is_loopback = t->ip[0] == 127;
}

static void set_v6(struct policy_target *t, const struct sockaddr_in6 *v6)
{
    struct in6_addr ip = v6->sin6_addr;

    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        set_v4(t, &ip.s6_addr[12]);
        return;
    }
    t->kind = RULE_IP6;
    t->is_any = IN6_IS_ADDR_UNSPECIFIED(&ip);
    if (t->is_any && !t->is_bind) {
        ip = in6addr_loopback;
        t->is_any = false;
    }
    t->is_loopback = IN6_IS_ADDR_LOOPBACK(&ip);
    t->scope = v6->sin6_scope_id;
    memcpy(t->ip, &ip, sizeof ip);
}

/* "." and ".." as a part, and an empty part: such a path means another one. */
static bool is_crooked_path(const char *path)
{
    const char *part = path;
    size_t n;

    if (*part != '/')
        return *part != '\0';
    while (*part) {
        n = strcspn(++part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return true;
        part += n;
    }
    return false;
}

static void set_unix(struct policy_target *t, const struct wire_sockaddr *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->addr;
    size_t n = address->len - offsetof(struct sockaddr_un, sun_path);

    if (n == 0) { /* bind gives it a name that nobody can know before */
        t->kind = RULE_ABSTRACT;
        return;
    }
    n = n < sizeof un->sun_path ? n : sizeof un->sun_path;
    t->kind = un->sun_path[0] ? RULE_PATH : RULE_ABSTRACT;
    if (t->kind == RULE_PATH) {
        memcpy(t->text, un->sun_path,
               n); /* the kernel ends it at the first NUL, or behind it all */
        t->is_crooked = is_crooked_path(t->text);
    } else {
        memcpy(t->text, un->sun_path + 1, n - 1);
        t->is_crooked = memchr(un->sun_path + 1, '\0', n - 1) != NULL;
    }
}

bool policy_rule_target(const struct wire_sockaddr *address, bool is_bind, const char *name,
                        struct policy_target *ret)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->addr;

    memset(ret, 0, sizeof *ret);
    ret->is_bind = is_bind;
    ret->name = name;
    if (address->len < sizeof(sa_family_t))
        return false;
    switch (address->addr.ss_family) {
    case AF_INET:
        set_v4(ret, &v4->sin_addr);
        ret->port = ntohs(v4->sin_port);
        return true;
    case AF_INET6:
        set_v6(ret, v6);
        ret->port = ntohs(v6->sin6_port);
        return true;
    case AF_UNIX:
        set_unix(ret, address);
        return true;
    default:
        return false;
    }
}

/* -- matching: each gives true for a match, and how far it is from one -- */

/* Bits that the two have in common at the beginning. */
static int common_bits(const unsigned char *a, const unsigned char *b, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        if (a[i] != b[i])
            return i * 8 + __builtin_clz((unsigned)(a[i] ^ b[i])) - (int)(sizeof(int) - 1) * 8;
    return n_bytes * 8;
}

/* Asked each time: interfaces come and go. */
static bool is_scope(const char *scope, uint32_t index)
{
    if (scope[strspn(scope, "0123456789")] == '\0')
        return strtoul(scope, NULL, 10) == index;
    return index && if_nametoindex(scope) == index;
}

static bool match_ip(const struct policy_rule *rule, const struct policy_target *t, uint32_t *far)
{
    int n_bytes = t->kind == RULE_IP4 ? 4 : 16, common = common_bits(rule->ip, t->ip, n_bytes);

    *far = common < rule->n_prefix ? (uint32_t)(rule->n_prefix - common) : 0;
    /* The wildcard is no address among others but all of them. */
    if (*far || (t->is_any && rule->n_prefix != 0 && rule->n_prefix != n_bytes * 8))
        return false;
    return !rule->scope || is_scope(rule->scope, t->scope);
}

static bool match_name(const struct policy_rule *rule, const struct policy_target *t, uint32_t *far)
{
    size_t n = t->name ? strlen(t->name) : 0, n_rule = strlen(rule->pattern);

    *far = 254;
    if (n && t->name[n - 1] == '.')
        n--;
    if (!t->name || n < n_rule || strncasecmp(t->name + n - n_rule, rule->pattern, n_rule) != 0)
        return false;
    *far = 1;
    if (!rule->is_below)
        return n == n_rule;
    return n > n_rule + 1 && t->name[n - n_rule - 1] == '.';
}

static bool match_unix(const struct policy_rule *rule, const struct policy_target *t, uint32_t *far)
{
    bool is_all = strcmp(rule->pattern, "*") == 0;
    size_t common = 0, n = strlen(rule->pattern);

    while (common < n && rule->pattern[common] == t->text[common])
        common++;
    *far = (uint32_t)(n - common);
    if (t->is_crooked)
        return false;
    if (is_all || !*t->text)
        return is_all;
    return fnmatch(rule->pattern, t->text, rule->kind == RULE_PATH ? FNM_PATHNAME : 0) == 0;
}

/* How far the port is from the rule's. Port 0 is none of a range but the kernel's choice. */
static uint32_t port_distance(const struct policy_rule *rule, const struct policy_target *t)
{
    if (t->port < rule->low)
        return (uint32_t)(rule->low - t->port);
    return t->port > rule->high ? (uint32_t)(t->port - rule->high) : 0;
}

int policy_rule_match(const struct policy_rule *rule, const struct policy_target *target,
                      uint32_t *ret_distance)
{
    bool is_inet = target->kind == RULE_IP4 || target->kind == RULE_IP6, is_host;
    uint32_t far, port = is_inet ? port_distance(rule, target) : 0;
    int differs;

    *ret_distance = 0;
    if (rule->kind != target->kind && !(is_inet && rule->kind == RULE_NAME))
        return DIFFERS_KIND;
    if (rule->kind == RULE_NAME)
        is_host = match_name(rule, target, &far);
    else
        is_host = is_inet ? match_ip(rule, target, &far) : match_unix(rule, target, &far);
    differs = (is_host ? 0 : DIFFERS_HOST) | (port ? DIFFERS_PORT : 0);
    *ret_distance = (far < 255 ? far : 255) << 16 | port;
    return differs;
}

/* -- where the kernel goes -- */

static const unsigned char *mapped_v4(const struct sockaddr_in6 *v6)
{
    return IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? &v6->sin6_addr.s6_addr[12] : NULL;
}

struct wire_sockaddr policy_destination(const struct wire_sockaddr *address,
                                        const struct wire_sockaddr *local)
{
    static const unsigned char any[4], loopback[4] = {127, 0, 0, 1};
    struct wire_sockaddr to = *address;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&to.addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to.addr;
    const unsigned char *own, *mapped;

    if (local->len == 0 || local->addr.ss_family != to.addr.ss_family)
        return to;
    if (to.addr.ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        v4->sin_addr = ((const struct sockaddr_in *)&local->addr)->sin_addr;
    if (to.addr.ss_family != AF_INET6 ||
        !(own = mapped_v4((const struct sockaddr_in6 *)&local->addr)))
        return to;
    mapped = mapped_v4(v6);
    if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
        v6->sin6_addr = ((const struct sockaddr_in6 *)&local->addr)->sin6_addr;
        memcpy(&v6->sin6_addr.s6_addr[12], loopback, sizeof loopback);
    } else if (mapped && memcmp(mapped, any, sizeof any) == 0) {
        memcpy(&v6->sin6_addr.s6_addr[12], own, sizeof any);
    }
    return to;
}
