/* check_policy.c — what rules allow: by the address that the kernel uses, however it was written.
 * The kernel itself is asked where it goes. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/policy.h"
#include "house.h"

/* -- helpers -- */

/* Adds the items of a list to a policy; they stand in lines 1, 2, … of "conf". */
static void add_all(struct policy *p, enum policy_key key, const char *items)
{
    char copy[512], message[256] = "", *rest = copy, *item;
    int line = 1;

    snprintf(copy, sizeof copy, "%s", items);
    ck_assert_int_eq(policy_begin(p, key, items, "conf", 1), 0);
    while ((item = strsep(&rest, " ")))
        if (*item)
            ck_assert_msg(policy_add(p, key, item, "conf", line++, message, sizeof message) == 0,
                          "%s: %s", item, message);
}

static struct policy *policy_with(enum policy_key key, const char *items)
{
    struct policy *p = policy_new();

    ck_assert_ptr_nonnull(p);
    add_all(p, key, items);
    return p;
}

static struct wire_sockaddr unix_address(const char *text)
{
    struct wire_sockaddr ret = {.addr.ss_family = AF_UNIX};
    struct sockaddr_un *un = (struct sockaddr_un *)&ret.addr;
    size_t n = strlen(text);

    memcpy(un->sun_path + (*text == '@' ? 1 : 0), text + (*text == '@' ? 1 : 0),
           n - (*text == '@' ? 1 : 0));
    ret.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return ret;
}

/* "1.2.3.4:80", "[fe80::1%3]:80" (a scope by number), "unix:/path", "unix:@name", "unix:". */
static struct wire_sockaddr address_of(const char *text)
{
    struct wire_sockaddr ret = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret.addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret.addr;
    char host[128], *scope;
    uint16_t port = htons((uint16_t)atoi(strrchr(text, ':') + 1));

    if (strncmp(text, "unix:", 5) == 0)
        return unix_address(text + 5);
    snprintf(host, sizeof host, "%.*s", (int)strcspn(text, *text == '[' ? "]" : ":"), text);
    if (*text != '[') {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        ret.len = sizeof *v4;
        ck_assert_msg(inet_pton(AF_INET, host, &v4->sin_addr) == 1, "%s", text);
        return ret;
    }
    if ((scope = strchr(host, '%')))
        *scope++ = '\0';
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    v6->sin6_scope_id = scope ? (uint32_t)atoi(scope) : 0;
    ret.len = sizeof *v6;
    ck_assert_msg(inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1, "%s", text);
    return ret;
}

static bool check(const struct policy *p, enum policy_key key, const char *text, const char *name,
                  struct verdict *v)
{
    struct wire_sockaddr address = address_of(text);
    bool allowed = key == POLICY_BIND ? policy_check_bind(p, &address, v)
                                      : policy_check_connect(p, &address, name, v);

    ck_assert_int_eq(allowed, v->allowed);
    ck_assert_ptr_nonnull(v->rule);
    if (allowed)
        ck_assert_msg(!*v->hint && !v->nearest, "%s", text);
    else
        ck_assert_msg(*v->hint, "%s: a denial without a hint", text);
    return allowed;
}

/* -- rules against addresses -- */

struct row {
    enum policy_key key;
    const char *rules, *address, *name;
    bool allowed;
};
#define B(rules, address, allowed)                                                                 \
    {                                                                                              \
        POLICY_BIND, rules, address, NULL, allowed                                                 \
    }
#define C(rules, address, allowed)                                                                 \
    {                                                                                              \
        POLICY_CONNECT, rules, address, NULL, allowed                                              \
    }
#define N(rules, address, name, allowed)                                                           \
    {                                                                                              \
        POLICY_CONNECT, rules, address, name, allowed                                              \
    }

static const struct row rows[] = {
    /* addresses and ports */
    B("127.0.0.1:80", "127.0.0.1:80", true),
    B("127.0.0.1:80", "127.0.0.1:81", false),
    B("127.0.0.1:80", "127.0.0.2:80", false),
    B("127.0.0.1:80", "[::1]:80", false),
    B("127.0.0.1:80", "unix:/x", false),
    B("127.0.0.1:8000-8999", "127.0.0.1:7999", false),
    B("127.0.0.1:8000-8999", "127.0.0.1:8000", true),
    B("127.0.0.1:8000-8999", "127.0.0.1:8999", true),
    B("127.0.0.1:8000-8999", "127.0.0.1:9000", false),
    B("127.0.0.1:1-65535", "127.0.0.1:65535", true),
    B("10.0.0.1:80 127.0.0.1:80 [::1]:80", "[::1]:80", true),
    C("10.0.0.1:*", "10.0.0.1:1", true),
    C("10.0.0.1:*", "10.0.0.1:65535", true),
    C("10.0.0.1:*", "10.0.0.2:80", false),
    C("[2001:db8::1]:80", "[2001:db8:0::0:1]:80", true),
    C("[2001:db8::1]:80", "[2001:db8::2]:80", false),

    /* prefixes, also where they end inside a byte */
    C("10.0.0.0/8:5432", "10.255.3.4:5432", true),
    C("10.0.0.0/8:5432", "11.0.0.0:5432", false),
    C("10.0.0.0/8:5432", "10.1.1.1:5433", false),
    C("172.16.0.0/12:*", "172.31.255.255:1", true),
    C("172.16.0.0/12:*", "172.32.0.0:1", false),
    C("172.16.0.0/12:*", "172.15.255.255:1", false),
    C("192.168.3.64/27:*", "192.168.3.95:1", true),
    C("192.168.3.64/27:*", "192.168.3.96:1", false),
    C("192.168.3.64/27:*", "192.168.3.63:1", false),
    C("10.1.2.3/31:*", "10.1.2.2:1", true),
    C("10.1.2.3/31:*", "10.1.2.4:1", false),
    C("10.1.2.3/32:*", "10.1.2.3:1", true),
    C("10.1.2.3/32:*", "10.1.2.2:1", false),
    C("128.0.0.0/1:*", "127.255.255.255:1", false),
    C("128.0.0.0/1:*", "255.255.255.255:1", true),
    C("0.0.0.0/0:*", "8.8.8.8:1", true),
    C("0.0.0.0/0:*", "[::1]:1", false),
    C("[fd00::/8]:*", "[fdff::1]:1", true),
    C("[fd00::]/8:*", "[fdff::1]:1", true),
    C("[fd00::/8]:*", "[fe00::1]:1", false),
    C("[fc00::/7]:*", "[fdff::1]:1", true),
    C("[2001:db8::/33]:*", "[2001:db8:7fff::1]:1", true),
    C("[2001:db8::/33]:*", "[2001:db8:8000::1]:1", false),
    C("[2001:db8::/127]:*", "[2001:db8::1]:1", true),
    C("[2001:db8::/127]:*", "[2001:db8::2]:1", false),
    C("[::/0]:*", "[2001:db8::2]:1", true),
    C("[::/0]:*", "10.0.0.1:1", false),

    /* IPv4 inside IPv6 is IPv4 and no IPv6 */
    C("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
    C("[::/0]:*", "[::ffff:127.0.0.1]:80", false),
    C("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
    C("[::ffff:10.0.0.0/104]:80", "10.200.0.1:80", true),
    C("[::ffff:10.0.0.0/104]:80", "[::ffff:10.200.0.1]:80", true),
    C("[::ffff:10.0.0.0/104]:80", "11.0.0.1:80", false),
    C("10.0.0.0/8:*", "[::ffff:192.168.0.1]:80", false),
    B("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
    B("[::]:80", "[::ffff:0.0.0.0]:80", false),
    B("0.0.0.0:80", "[::ffff:0.0.0.0]:80", true),
    /* but what looks so and is another address is not */
    C("127.0.0.1:80", "[::127.0.0.1]:80", false),
    C("127.0.0.1:80", "[64:ff9b::127.0.0.1]:80", false),
    C("127.0.0.1:80", "[2002:7f00:1::]:80", false),
    C("127.0.0.1:80", "[::ffff:0:127.0.0.1]:80", false),
    C("127.0.0.1:80", "[::fffe:127.0.0.1]:80", false),

    /* the wildcard, to bind */
    B("127.0.0.1:80", "0.0.0.0:80", false),
    B("0.0.0.0:80", "0.0.0.0:80", true),
    B("0.0.0.0:80", "127.0.0.1:80", false),
    B("0.0.0.0:80", "[::]:80", false),
    B("0.0.0.0/0:80", "0.0.0.0:80", true),
    B("0.0.0.0/0:80", "192.0.2.1:80", true),
    B("0.0.0.0/8:80", "0.0.0.0:80", false),
    B("0.0.0.0/31:80", "0.0.0.0:80", false),
    B("0.0.0.0/8:80", "0.0.0.1:80", true),
    B("[::]:443", "[::]:443", true),
    B("[::]:443", "[::1]:443", false),
    B("[::]:443", "0.0.0.0:443", false),
    B("[::1]:443", "[::]:443", false),
    B("[::/0]:443", "[::]:443", true),
    B("[::/64]:443", "[::]:443", false),
    B("[::/64]:443", "[::1]:443", true),
    /* and to connect: the loopback, nothing else */
    C("127.0.0.1:80", "0.0.0.0:80", true),
    C("127.0.0.2:80", "0.0.0.0:80", false),
    C("[::1]:80", "[::]:80", true),
    C("127.0.0.1:80", "[::]:80", false),
    C("127.0.0.1:80", "[::ffff:0.0.0.0]:80", true),
    C("10.0.0.0/8:*", "0.0.0.0:80", false),

    /* port 0 */
    B("10.0.0.1:*", "10.0.0.1:0", true),
    B("10.0.0.1:0", "10.0.0.1:0", true),
    B("10.0.0.1:0", "10.0.0.1:80", false),
    B("10.0.0.1:1-65535", "10.0.0.1:0", false),
    B("0.0.0.0:80", "0.0.0.0:0", false),
    /* a loopback's: as programs probe */
    B("10.0.0.1:80", "127.0.0.1:0", true),
    B("10.0.0.1:80", "[::1]:0", true),
    B("10.0.0.1:80", "[::ffff:127.0.0.1]:0", true),
    B("10.0.0.1:80", "127.9.9.9:0", true),
    B("unix:/x", "127.0.0.1:0", true),
    B("10.0.0.1:80", "[::]:0", false),
    B("10.0.0.1:80", "10.0.0.2:0", false),
    B("", "127.0.0.1:0", false),
    C("10.0.0.1:80", "127.0.0.1:0", false),

    /* scopes count for link-local addresses and nowhere else */
    C("[fe80::/10]:*", "[fe80::1%7]:1", true),
    C("[fe80::/10%7]:*", "[fe80::1%7]:1", true),
    C("[fe80::/10%7]:*", "[fe80::1%8]:1", false),
    C("[fe80::/10%7]:*", "[fe80::1]:1", false),
    C("[fe80::1%7]:80", "[fe80::1%7]:80", true),
    C("[fe80::%7/10]:80", "[fe80::1%7]:80", true),
    C("[fe80::1%lo]:80", "[fe80::1%7777]:80", false),
    C("[ff02::1%7]:80", "[ff02::1%7]:80", true),
    C("[ff02::1%7]:80", "[ff02::1%8]:80", false),
    C("[::1]:80", "[::1%7]:80", true),
    C("[2001:db8::1]:80", "[2001:db8::1%7]:80", true),

    /* names */
    N("example.com:443", "192.0.2.1:443", "example.com", true),
    N("example.com:443", "[2001:db8::1]:443", "example.com", true),
    N("example.com:443", "192.0.2.1:443", "EXAMPLE.Com", true),
    N("Example.COM:443", "192.0.2.1:443", "example.com.", true),
    N("example.com.:443", "192.0.2.1:443", "example.com", true),
    N("example.com:443", "192.0.2.1:80", "example.com", false),
    N("example.com:443", "192.0.2.1:443", NULL, false),
    N("example.com:443", "192.0.2.1:443", "", false),
    N("example.com:443", "192.0.2.1:443", "www.example.com", false),
    N("example.com:443", "192.0.2.1:443", "notexample.com", false),
    N("example.com:443", "192.0.2.1:443", "example.com.evil.net", false),
    N("*.example.com:443", "192.0.2.1:443", "www.example.com", true),
    N("*.example.com:443", "192.0.2.1:443", "a.b.example.com", true),
    N("*.example.com:443", "192.0.2.1:443", "example.com", false),
    N("*.example.com:443", "192.0.2.1:443", ".example.com", false),
    N("*.example.com:443", "192.0.2.1:443", "wwwexample.com", false),
    N("*.example.com:443", "192.0.2.1:443", "www.example.org", false),
    N("*.example.com:443 192.0.2.1:80", "192.0.2.1:80", "www.example.org", true),
    N("example.com:443", "unix:/example.com", NULL, false),

    /* paths and abstract names */
    B("unix:/run/web/*", "unix:/run/web/a.sock", true),
    B("unix:/run/web/*", "unix:/run/web/.hidden", true),
    B("unix:/run/web/*", "unix:/run/web/a/b", false),
    B("unix:/run/web/*", "unix:/run/other", false),
    B("unix:/run/web/*", "unix:/run/web/../other", false),
    B("unix:/run/web/*", "unix:/run/web/..", false),
    B("unix:/run/web/*", "unix:/run/web/.", false),
    B("unix:/run/web/*", "unix:/run/web//x", false),
    B("unix:/run/web/*", "unix:/run//web/x", false),
    B("unix:/run/web/*", "unix:/run/./web/x", false),
    B("unix:/run/web/*", "unix:/run/web/", false),
    B("unix:/run/web/*", "unix:run/web/x", false),
    B("unix:/run/*/web", "unix:/run/a/web", true),
    B("unix:/run/*/web", "unix:/run/../web", false),
    B("unix:/run/web/..*", "unix:/run/web/..x", true),
    B("unix:/run/web-?", "unix:/run/web-1", true),
    B("unix:/run/web-?", "unix:/run/web-12", false),
    B("unix:*", "unix:/any/where", true),
    B("unix:*", "unix:/any/../where", false),
    B("unix:*", "unix:@name", false),
    B("unix:@web-*", "unix:@web-1", true),
    B("unix:@web-*", "unix:@web-a/b", true),
    B("unix:@web-*", "unix:@other", false),
    B("unix:@web-*", "unix:/web-1", false),
    B("unix:@*", "unix:@..", true),
    B("unix:@*", "unix:", true),
    B("unix:@web-*", "unix:", false),
    B("unix:/run/*", "unix:", false),
    C("unix:/run/db", "unix:/run/db", true),

    /* present and empty */
    B("", "127.0.0.1:80", false),
    B("", "unix:/x", false),
    C("", "0.0.0.0:80", false),
};

static bool set_option(const struct policy *p, int level, int number, int value, struct verdict *v)
{
    return policy_check_option(p, level, number, &value, sizeof value, v);
}

START_TEST(a_rule_allows_what_it_says)
{
    const struct row *row = &rows[_i];
    struct policy *p = policy_with(row->key, row->rules);
    struct verdict v;

    ck_assert_msg(check(p, row->key, row->address, row->name, &v) == row->allowed,
                  "%s = %s: %s (%s) is %s", policy_key_name(row->key), row->rules, row->address,
                  row->name ? row->name : "no name", row->allowed ? "denied" : "allowed");
    policy_free(p);
}
END_TEST

START_TEST(a_scope_by_the_name_of_an_interface)
{
    struct policy *p = policy_with(POLICY_CONNECT, "[fe80::/10%lo]:*");
    unsigned lo = if_nametoindex("lo");
    struct verdict v;
    char text[64];

    ck_assert_uint_ne(lo, 0);
    snprintf(text, sizeof text, "[fe80::1%%%u]:80", lo);
    ck_assert(check(p, POLICY_CONNECT, text, NULL, &v));
    snprintf(text, sizeof text, "[fe80::1%%%u]:80", lo + 1);
    ck_assert(!check(p, POLICY_CONNECT, text, NULL, &v));
    policy_free(p);
}
END_TEST

START_TEST(an_absent_key_allows_all)
{
    struct policy *p = policy_new();
    struct verdict v;

    ck_assert(check(p, POLICY_BIND, "0.0.0.0:1", NULL, &v));
    ck_assert(check(p, POLICY_CONNECT, "[2001:db8::1]:1", NULL, &v));
    ck_assert(check(p, POLICY_CONNECT, "unix:/a/../b", NULL, &v));
    ck_assert(policy_check_socket(p, AF_INET, SOCK_RAW, &v));
    ck_assert(policy_check_plane(p, PLANE_HANDOFF, &v));
    ck_assert(set_option(p, SOL_SOCKET, SO_BROADCAST, 1, &v));
    add_all(p, POLICY_BIND, "");
    ck_assert(!check(p, POLICY_BIND, "0.0.0.0:1", NULL, &v));
    ck_assert(check(p, POLICY_CONNECT, "[2001:db8::1]:1", NULL, &v));
    policy_free(p);
}
END_TEST

/* An abstract name with a NUL inside is another name than the C string before it. */
START_TEST(a_nul_in_an_abstract_name)
{
    struct policy *p = policy_with(POLICY_CONNECT, "unix:@web unix:@*");
    struct wire_sockaddr address = unix_address("@webX");
    struct verdict v;

    ck_assert(policy_check_connect(p, &address, NULL, &v));
    ((struct sockaddr_un *)&address.addr)->sun_path[4] = '\0';
    ck_assert(!policy_check_connect(p, &address, NULL, &v));
    policy_free(p);
}
END_TEST

/* 108 bytes of path have no NUL behind them. */
START_TEST(the_longest_path)
{
    struct policy *p = policy_with(POLICY_BIND, "unix:/*");
    struct wire_sockaddr address = {.addr.ss_family = AF_UNIX, .len = sizeof(struct sockaddr_un)};
    struct sockaddr_un *un = (struct sockaddr_un *)&address.addr;
    struct verdict v;

    memset(un->sun_path, 'a', sizeof un->sun_path);
    un->sun_path[0] = '/';
    ck_assert(policy_check_bind(p, &address, &v));
    un->sun_path[sizeof un->sun_path - 1] = '/';
    ck_assert(!policy_check_bind(p, &address, &v));
    policy_free(p);
}
END_TEST

/* -- spellings -- */

enum { BY_PTON, BY_RESOLVER };

/* However an address is written: what the kernel is given is 127.0.0.1, ::1 or another. */
static const struct {
    int how, family;
    const char *text;
    const char *place; /* where a datagram goes; NULL: not to this machine's loopback */
} spellings[] = {
    {BY_PTON, AF_INET, "127.0.0.1", "127.0.0.1"},
    {BY_PTON, AF_INET, "0.0.0.0", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::ffff:127.0.0.1", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::FFFF:127.0.0.1", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::ffff:7f00:1", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::ffff:7f00:0001", "127.0.0.1"},
    {BY_PTON, AF_INET6, "0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1"},
    {BY_PTON, AF_INET6, "0:0:0:0:0:ffff:7f00:1", "127.0.0.1"},
    {BY_PTON, AF_INET6, "0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::ffff:0.0.0.0", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::ffff:0:0", "127.0.0.1"},
    {BY_PTON, AF_INET6, "::1", "::1"},
    {BY_PTON, AF_INET6, "::0.0.0.1", "::1"},
    {BY_PTON, AF_INET6, "0::1", "::1"},
    {BY_PTON, AF_INET6, "0:0:0:0:0:0:0:1", "::1"},
    {BY_PTON, AF_INET6, "0000:0000:0000:0000:0000:0000:0000:0001", "::1"},
    {BY_PTON, AF_INET6, "::", "::1"},
    {BY_PTON, AF_INET6, "0:0:0:0:0:0:0:0", "::1"},
    {BY_PTON, AF_INET6, "::0.0.0.0", "::1"},
    {BY_RESOLVER, AF_INET, "127.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "127.0.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0177.0.0.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0177.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0x7f.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0x7f.0.0.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0x7f.0x0.0x0.0x1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0X7F000001", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0x7f000001", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "2130706433", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "017700000001", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "127.0.0.01", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "00177.0.0.1", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "localhost", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "LOCALHOST", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0x0", "127.0.0.1"},
    {BY_RESOLVER, AF_INET, "0.0", "127.0.0.1"},
    {BY_RESOLVER, AF_INET6, "::1", "::1"},
    {BY_RESOLVER, AF_INET6, "::1%lo", "::1"},
    {BY_RESOLVER, AF_INET6, "::1%1", "::1"},
    {BY_RESOLVER, AF_INET6, "::%lo", "::1"},
    {BY_RESOLVER, AF_INET6, "::ffff:127.0.0.1%1", "127.0.0.1"},
    {BY_PTON, AF_INET, "127.0.0.2", NULL},
    {BY_PTON, AF_INET, "10.0.0.1", NULL},
    {BY_PTON, AF_INET6, "::127.0.0.1", NULL},
    {BY_PTON, AF_INET6, "::ffff:127.0.0.2", NULL},
    {BY_PTON, AF_INET6, "64:ff9b::7f00:1", NULL},
    {BY_PTON, AF_INET6, "2002:7f00:1::", NULL},
    {BY_RESOLVER, AF_INET, "127.2", NULL},
    {BY_RESOLVER, AF_INET, "2130706434", NULL},
};

static void set_port(struct wire_sockaddr *address, uint16_t port)
{
    /* sin_port and sin6_port stand at the same place. */
    ((struct sockaddr_in *)&address->addr)->sin_port = htons(port);
}

/* False where the resolver of this machine does not take the spelling, as it may. */
static bool find_spelled(int i, struct wire_sockaddr *ret)
{
    const struct addrinfo hints = {.ai_family = spellings[i].family, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    char text[64];

    if (spellings[i].how == BY_PTON) {
        snprintf(text, sizeof text, spellings[i].family == AF_INET ? "%s:1" : "[%s]:1",
                 spellings[i].text);
        *ret = address_of(text);
    } else {
        if (getaddrinfo(spellings[i].text, NULL, &hints, &found) != 0)
            return false;
        memset(ret, 0, sizeof *ret);
        memcpy(&ret->addr, found->ai_addr, found->ai_addrlen);
        ret->len = found->ai_addrlen;
        freeaddrinfo(found);
    }
    set_port(ret, 5432);
    return true;
}

static int n_spelled;

START_TEST(a_spelling_does_not_matter)
{
    static const char *const lists[] = {"127.0.0.1:5432", "[::1]:5432", "10.0.0.0/8:5432"};
    const char *place = spellings[_i].place;
    struct wire_sockaddr address;
    struct policy *p;
    struct verdict v;
    bool expected;

    if (!find_spelled(_i, &address))
        return;
    for (int list = 0; list < 3; list++) {
        p = policy_with(POLICY_CONNECT, lists[list]);
        expected = place && strncmp(lists[list] + (list == 1), place, strlen(place)) == 0;
        if (strcmp(spellings[_i].text, "10.0.0.1") == 0)
            expected = list == 2;
        ck_assert_msg(policy_check_connect(p, &address, NULL, &v) == expected, "%s against %s",
                      spellings[_i].text, lists[list]);
        set_port(&address, 5433);
        ck_assert(!policy_check_connect(p, &address, NULL, &v));
        set_port(&address, 5432);
        policy_free(p);
    }
}
END_TEST

/* The place that the kernel has for a spelling is the one that the policy takes it for. */
START_TEST(the_kernel_goes_where_the_policy_thinks)
{
    struct wire_sockaddr address, peer = {.len = sizeof peer.addr};
    struct policy *p;
    struct verdict v;
    char list[64];
    int fd;

    if (!spellings[_i].place || !find_spelled(_i, &address))
        return;
    fd = socket(spellings[_i].family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address.addr, address.len) < 0) {
        /* A machine without IPv6. */
        ck_assert_msg(spellings[_i].family == AF_INET6, "%s: %s", spellings[_i].text,
                      strerror(errno));
        close(fd);
        return;
    }
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&peer.addr, &peer.len), 0);
    close(fd);
    snprintf(list, sizeof list, strchr(spellings[_i].place, ':') ? "[%s]:5432" : "%s:5432",
             spellings[_i].place);
    p = policy_with(POLICY_CONNECT, list);
    ck_assert_msg(policy_check_connect(p, &peer, NULL, &v), "%s", spellings[_i].text);
    ck_assert_msg(policy_check_connect(p, &address, NULL, &v), "%s", spellings[_i].text);
    policy_free(p);
}
END_TEST

START_TEST(enough_spellings_are_tried)
{
    struct wire_sockaddr address;

    for (int i = 0; i < (int)(sizeof spellings / sizeof *spellings); i++)
        n_spelled += find_spelled(i, &address) && spellings[i].place;
    ck_assert_int_ge(n_spelled, 30);
}
END_TEST

/* A bound socket goes elsewhere with 0.0.0.0 and :: than one that is not. */
static const struct {
    const char *local, *address;
} bound[] = {
    {"127.0.0.1:0", "0.0.0.0:9"},
    {"127.0.0.2:0", "0.0.0.0:9"},
    {"0.0.0.0:0", "0.0.0.0:9"},
    {"127.0.0.2:0", "127.0.0.3:9"},
    {"[::1]:0", "[::]:9"},
    {"[::]:0", "[::]:9"},
    {"[::]:0", "[::ffff:127.0.0.3]:9"},
    {"[::ffff:127.0.0.2]:0", "[::]:9"},
    {"[::ffff:127.0.0.2]:0", "[::ffff:0.0.0.0]:9"},
    {"[::ffff:127.0.0.2]:0", "[::ffff:127.0.0.3]:9"},
    {"[::ffff:0.0.0.0]:0", "[::]:9"},
    {"[::ffff:0.0.0.0]:0", "[::ffff:0.0.0.0]:9"},
};

/* A rule for one address, as getpeername gives it. */
static void rule_for(const struct wire_sockaddr *peer, char *ret, size_t n)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer->addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer->addr;
    char host[64];

    if (peer->addr.ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    else
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    snprintf(ret, n, peer->addr.ss_family == AF_INET ? "%s:9" : "[%s]:9", host);
}

START_TEST(a_bound_socket_goes_where_the_policy_thinks)
{
    struct wire_sockaddr local = address_of(bound[_i].local), to = address_of(bound[_i].address),
                         peer = {.len = sizeof peer.addr}, expected;
    int fd = socket(local.addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct policy *p;
    struct verdict v;
    char rule[96];

    if (fd < 0 || bind(fd, (struct sockaddr *)&local.addr, local.len) < 0 ||
        connect(fd, (struct sockaddr *)&to.addr, to.len) < 0) {
        ck_assert_msg(local.addr.ss_family == AF_INET6, "%s", strerror(errno));
        close(fd);
        return;
    }
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&peer.addr, &peer.len), 0);
    close(fd);
    rule_for(&peer, rule, sizeof rule);
    p = policy_with(POLICY_CONNECT, rule);
    expected = policy_destination(&to, &local);
    ck_assert_msg(policy_check_connect(p, &expected, NULL, &v), "%s to %s is %s", bound[_i].local,
                  bound[_i].address, rule);
    policy_free(p);
}
END_TEST

START_TEST(an_unbound_socket_goes_where_it_is_sent)
{
    struct wire_sockaddr none = {0}, to = address_of("0.0.0.0:9"), same;

    same = policy_destination(&to, &none);
    ck_assert_mem_eq(&same.addr, &to.addr, sizeof same.addr);
}
END_TEST

/* -- sets -- */

START_TEST(families_and_types)
{
    struct policy *p = policy_with(POLICY_FAMILIES, "AF_INET AF_UNIX");
    struct verdict v;

    add_all(p, POLICY_TYPES, "SOCK_STREAM SOCK_DGRAM");
    ck_assert(policy_check_socket(p, AF_INET, SOCK_STREAM, &v));
    ck_assert(policy_check_socket(p, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, &v));
    ck_assert(policy_check_socket(p, AF_UNIX, SOCK_DGRAM, &v));
    ck_assert_str_eq(v.rule, "types = SOCK_STREAM SOCK_DGRAM (conf:1)");
    ck_assert(!policy_check_socket(p, AF_INET6, SOCK_STREAM, &v));
    ck_assert_str_eq(v.rule, "families = AF_INET AF_UNIX (conf:1)");
    ck_assert_str_eq(v.hint, "families would have to name AF_INET6");
    ck_assert(!policy_check_socket(p, AF_INET, SOCK_RAW, &v));
    ck_assert_str_eq(v.hint, "types would have to name SOCK_RAW");
    ck_assert(!policy_check_socket(p, AF_PACKET, SOCK_RAW, &v));
    ck_assert(!policy_check_socket(p, 99999, SOCK_STREAM, &v));
    ck_assert(!policy_check_socket(p, -1, SOCK_STREAM, &v));
    policy_free(p);
}
END_TEST

/* IPv4 that comes through an IPv6 socket is IPv4 all the same. */
START_TEST(the_family_of_a_mapped_address)
{
    struct policy *p = policy_with(POLICY_FAMILIES, "AF_INET6");
    struct verdict v;

    ck_assert(check(p, POLICY_CONNECT, "[::1]:80", NULL, &v));
    ck_assert(!check(p, POLICY_CONNECT, "[::ffff:127.0.0.1]:80", NULL, &v));
    ck_assert_str_eq(v.hint, "families would have to name AF_INET");
    ck_assert(!check(p, POLICY_BIND, "[::ffff:127.0.0.1]:0", NULL, &v));
    policy_free(p);
}
END_TEST

START_TEST(planes)
{
    struct policy *p = policy_with(POLICY_PLANES, "message stream");
    struct verdict v;

    ck_assert(policy_check_plane(p, PLANE_MESSAGE, &v));
    ck_assert(policy_check_plane(p, PLANE_STREAM, &v));
    ck_assert(!policy_check_plane(p, PLANE_HANDOFF, &v));
    ck_assert_str_eq(v.rule, "planes = message stream (conf:1)");
    ck_assert_str_eq(v.hint, "planes would have to name handoff");
    policy_free(p);
}
END_TEST

START_TEST(broadcast)
{
    struct policy *p = policy_with(POLICY_BROADCAST, "no");
    struct verdict v;

    ck_assert(!set_option(p, SOL_SOCKET, SO_BROADCAST, 1, &v));
    ck_assert_str_eq(v.rule, "broadcast = no (conf:1)");
    ck_assert_str_eq(v.hint, "broadcast = yes would allow SO_BROADCAST");
    ck_assert(set_option(p, SOL_SOCKET, SO_KEEPALIVE, 1, &v));
    ck_assert(set_option(p, IPPROTO_IP, SO_BROADCAST, 1, &v));
    add_all(p, POLICY_BROADCAST, "yes");
    ck_assert(set_option(p, SOL_SOCKET, SO_BROADCAST, 1, &v));
    policy_free(p);
}
END_TEST

/* -- what is said -- */

static const struct {
    enum policy_key key;
    const char *rules, *address, *name, *nearest, *hint;
} denials[] = {
    {POLICY_CONNECT, "192.168.0.0/16:5432 10.0.0.0/8:5432", "10.1.2.3:80", NULL,
     "connect 10.0.0.0/8:5432 (conf:2)", "connect 10.0.0.0/8:5432 would allow port 5432"},
    {POLICY_CONNECT, "192.168.0.0/16:80 10.0.0.0/8:5432", "172.16.0.1:80", NULL,
     "connect 192.168.0.0/16:80 (conf:1)", "connect 192.168.0.0/16:80 would allow 192.168.0.0/16"},
    /* the port first: one part is changed more easily than the other */
    {POLICY_CONNECT, "192.168.0.0/16:80 10.0.0.0/8:5432", "10.0.0.1:80", NULL,
     "connect 10.0.0.0/8:5432 (conf:2)", "connect 10.0.0.0/8:5432 would allow port 5432"},
    /* of two, the address that has more in common */
    {POLICY_CONNECT, "10.1.0.0/16:80 192.168.0.0/16:80", "192.169.0.1:80", NULL,
     "connect 192.168.0.0/16:80 (conf:2)", "connect 192.168.0.0/16:80 would allow 192.168.0.0/16"},
    /* of two, the port that is less far */
    {POLICY_BIND, "127.0.0.1:80 127.0.0.1:8000-8999", "127.0.0.1:7000", NULL,
     "bind 127.0.0.1:8000-8999 (conf:2)", "bind 127.0.0.1:8000-8999 would allow port 8000-8999"},
    {POLICY_CONNECT, "192.168.0.0/16:80", "10.0.0.1:81", NULL, "connect 192.168.0.0/16:80 (conf:1)",
     "the nearest rule, connect 192.168.0.0/16:80, allows another address and port"},
    {POLICY_CONNECT, "*.example.com:443", "192.0.2.1:443", "example.net",
     "connect *.example.com:443 (conf:1)",
     "connect *.example.com:443 would allow the name *.example.com"},
    {POLICY_CONNECT, "[fd00::/8]:80", "[fe80::1%2]:80", NULL, "connect [fd00::/8]:80 (conf:1)",
     "connect [fd00::/8]:80 would allow [fd00::/8]"},
    {POLICY_BIND, "unix:/run/web/* unix:/var/*", "unix:/var/a/b", NULL, "bind unix:/var/* (conf:2)",
     "bind unix:/var/* would allow another path"},
    {POLICY_BIND, "10.0.0.1:0", "10.0.0.1:80", NULL, "bind 10.0.0.1:0 (conf:1)",
     "bind 10.0.0.1:0 would allow port 0, any free one"},
    {POLICY_BIND, "10.0.0.1:80", "[2001:db8::1]:80", NULL, NULL,
     "no rule of bind is for an IPv6 address"},
    {POLICY_BIND, "10.0.0.1:80", "unix:/x", NULL, NULL,
     "no rule of bind is for the path of a Unix socket"},
    {POLICY_BIND, "", "10.0.0.1:80", NULL, NULL, "bind is empty, which allows nothing"},
};

START_TEST(a_denial_names_what_is_near)
{
    struct policy *p = policy_with(denials[_i].key, denials[_i].rules);
    struct verdict v;
    char rule[256];

    ck_assert(!check(p, denials[_i].key, denials[_i].address, denials[_i].name, &v));
    snprintf(rule, sizeof rule, "%s =%s%s (conf:1)", policy_key_name(denials[_i].key),
             *denials[_i].rules ? " " : "", denials[_i].rules);
    ck_assert_str_eq(v.rule, rule);
    ck_assert_pstr_eq(v.nearest, denials[_i].nearest);
    ck_assert_str_eq(v.hint, denials[_i].hint);
    policy_free(p);
}
END_TEST

START_TEST(a_permission_names_its_rule)
{
    struct policy *p = policy_with(POLICY_BIND, "127.0.0.1:80 10.0.0.0/8:*");
    struct verdict v;

    ck_assert(check(p, POLICY_BIND, "10.1.1.1:80", NULL, &v));
    ck_assert_str_eq(v.rule, "bind 10.0.0.0/8:* (conf:2)");
    ck_assert(check(p, POLICY_BIND, "127.0.0.1:0", NULL, &v));
    ck_assert_ptr_nonnull(strstr(v.rule, "loopback"));
    ck_assert(check(p, POLICY_CONNECT, "10.1.1.1:80", NULL, &v));
    ck_assert_ptr_nonnull(strstr(v.rule, "no key connect"));
    policy_free(p);
}
END_TEST

/* A key of many rules is told of by its beginning, and no character is cut in two. */
START_TEST(a_long_key_is_shown_in_part)
{
    struct policy *p = policy_new();
    struct verdict v;
    char text[600], tail[32];

    for (int shift = 0; shift < 3; shift++) {
        memset(text, 'x', sizeof text);
        for (int i = shift; i + 3 < (int)sizeof text; i += 3)
            memcpy(text + i, "€", 3);
        text[sizeof text - 1] = '\0';
        ck_assert_int_eq(policy_begin(p, POLICY_BIND, text, "conf", 7), 0);
        ck_assert(!check(p, POLICY_BIND, "10.0.0.1:1", NULL, &v));
        snprintf(tail, sizeof tail, "%s", v.rule + strlen(v.rule) - strlen("€ … (conf:7)"));
        ck_assert_str_eq(tail, "€ … (conf:7)");
        ck_assert_int_lt((int)strlen(v.rule), 256);
    }
    policy_free(p);
}
END_TEST

/* -- wrong rules -- */

static const struct {
    enum policy_key key;
    const char *item, *words;
} faults[] = {
    {POLICY_BIND, "127.0.0.1", "the port is missing"},
    {POLICY_BIND, "[::1]", "the port is missing"},
    {POLICY_BIND, "[::1", "the ] is missing"},
    {POLICY_BIND, "[::1]80", "the port is missing"},
    {POLICY_BIND, "[::1]x:80", "expected ADDRESS:PORT"},
    {POLICY_BIND, "::1:80", "stands in brackets"},
    {POLICY_BIND, "127.0.0.1:", "is no port"},
    {POLICY_BIND, "127.0.0.1:http", "is no port"},
    {POLICY_BIND, "127.0.0.1:65536", "is no port"},
    {POLICY_BIND, "127.0.0.1:-1", "is no port"},
    {POLICY_BIND, "127.0.0.1:+1", "is no port"},
    {POLICY_BIND, "127.0.0.1:1-", "is no port"},
    {POLICY_BIND, "127.0.0.1:1-2-3", "is no port"},
    {POLICY_BIND, "127.0.0.1:0x50", "is no port"},
    {POLICY_BIND, "127.0.0.1:100000000000000000000", "is no port"},
    {POLICY_BIND, "127.0.0.1:9-8", "ends before it begins"},
    {POLICY_BIND, "127.0.0.1:0-80", "stands alone"},
    {POLICY_CONNECT, "127.0.0.1:0", "nothing can be reached"},
    {POLICY_CONNECT, "127.0.0.1:0-80", "nothing can be reached"},
    {POLICY_BIND, "10.0.0.0/33:80", "is no prefix"},
    {POLICY_BIND, "10.0.0.0/:80", "is no prefix"},
    {POLICY_BIND, "10.0.0.0/-1:80", "is no prefix"},
    {POLICY_BIND, "[fd00::/129]:80", "is no prefix"},
    {POLICY_BIND, "[fd00::/8]/8:80", "given twice"},
    {POLICY_BIND, "10.0.0/8:80", "is no IPv4 address"},
    {POLICY_BIND, "[10.0.0.1]:80", "is no IPv6 address"},
    {POLICY_BIND, "[fd00::g]:80", "is no IPv6 address"},
    {POLICY_BIND, "127.1:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "127.1:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "2130706433:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "0x7f.1:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "0x7f000001:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "127.0.0.256:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "www.0X1F:80", "is no address as it is usually written"},
    {POLICY_CONNECT, "0.0.0.0:80", "nowhere to connect to"},
    {POLICY_CONNECT, "[::]:80", "nowhere to connect to"},
    {POLICY_CONNECT, "[::ffff:0.0.0.0]:80", "nowhere to connect to"},
    {POLICY_CONNECT, "*:80", "write 0.0.0.0/0"},
    {POLICY_CONNECT, "*.:80", "neither an address nor a host name"},
    {POLICY_CONNECT, "w*.example.com:80", "neither an address nor a host name"},
    {POLICY_CONNECT, "a..b:80", "neither an address nor a host name"},
    {POLICY_CONNECT, ".a:80", "neither an address nor a host name"},
    {POLICY_CONNECT, ":80", "neither an address nor a host name"},
    {POLICY_CONNECT, "a b:80", "neither an address nor a host name"},
    {POLICY_BIND, "example.com:80", "bound to addresses, not names"},
    {POLICY_BIND, "[::1%lo]:80", "link-local addresses only"},
    {POLICY_BIND, "10.0.0.0/8%lo:80", "link-local addresses only"},
    {POLICY_BIND, "10.0.0.1%lo:80", "expected ADDRESS:PORT"},
    {POLICY_BIND, "[fe80::/9%lo]:80", "link-local addresses only"},
    {POLICY_BIND, "[fe80::1%]:80", "interface"},
    {POLICY_BIND, "unix:", "1 to 107 bytes"},
    {POLICY_BIND, "unix:@", "1 to 107 bytes"},
    {POLICY_BIND, "unix:run/x", "absolute"},
    {POLICY_BIND, "unix:/a//b", "never matched"},
    {POLICY_BIND, "unix:/a/../b", "never matched"},
    {POLICY_BIND, "", "the port is missing"},
    {POLICY_FAMILIES, "AF_INET4", "did you mean AF_INET"},
    {POLICY_FAMILIES, "tcp", "AF_INET6"},
    {POLICY_FAMILIES, "AF_UNSPEC", "is unknown"},
    {POLICY_TYPES, "SOCK_STREM", "did you mean SOCK_STREAM"},
    {POLICY_PLANES, "hand-off", "message, stream and handoff"},
    {POLICY_BROADCAST, "maybe", "yes or no"},
};

START_TEST(a_wrong_rule_is_told_of)
{
    struct policy *p = policy_new();
    char message[256] = "";

    ck_assert_int_eq(policy_begin(p, faults[_i].key, "", "conf", 1), 0);
    ck_assert_int_eq(
        policy_add(p, faults[_i].key, faults[_i].item, "conf", 1, message, sizeof message),
        -EINVAL);
    ck_assert_msg(strstr(message, faults[_i].words), "%s: \"%s\" does not say \"%s\"",
                  faults[_i].item, message, faults[_i].words);
    policy_free(p);
}
END_TEST

START_TEST(a_rule_that_is_too_long)
{
    struct policy *p = policy_new();
    char message[256] = "", item[1024];

    ck_assert_int_eq(policy_begin(p, POLICY_CONNECT, "", "conf", 1), 0);
    memset(item, 'a', sizeof item);
    strcpy(item + sizeof item - 5, ":443");
    ck_assert_int_eq(policy_add(p, POLICY_CONNECT, item, "conf", 1, message, sizeof message),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(message, "at most"));
    ck_assert_int_eq(policy_add(p, POLICY_CONNECT, item + 766, "conf", 1, message, sizeof message),
                     0);
    ck_assert_int_eq(policy_add(p, POLICY_CONNECT, item + 760, "conf", 1, message, sizeof message),
                     -EINVAL);
    policy_free(p);
}
END_TEST

START_TEST(rules_have_a_ceiling)
{
    struct policy *p = policy_new();
    char message[256] = "", item[32];
    int n = 0;

    ck_assert_int_eq(policy_begin(p, POLICY_CONNECT, "", "conf", 1), 0);
    do
        snprintf(item, sizeof item, "10.0.%d.%d:80", n / 256 % 256, n % 256);
    while (policy_add(p, POLICY_CONNECT, item, "conf", 1, message, sizeof message) == 0 &&
           ++n < 100000);
    ck_assert_int_eq(n, 4096);
    ck_assert_ptr_nonnull(strstr(message, "at most 4096"));
    policy_free(p);
}
END_TEST

START_TEST(words_of_keys_and_planes)
{
    enum policy_key key;

    for (int i = 0; i < N_POLICY_KEYS; i++) {
        ck_assert(policy_key_find(policy_key_name((enum policy_key)i), &key));
        ck_assert_int_eq(key, i);
    }
    ck_assert(!policy_key_find("sockets", &key));
    ck_assert_str_eq(policy_plane_name(PLANE_HANDOFF), "handoff");
    policy_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tc = tcase_create("policy");

    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, a_rule_allows_what_it_says, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tc, a_scope_by_the_name_of_an_interface);
    tcase_add_test(tc, an_absent_key_allows_all);
    tcase_add_test(tc, a_nul_in_an_abstract_name);
    tcase_add_test(tc, the_longest_path);
    tcase_add_loop_test(tc, a_spelling_does_not_matter, 0, sizeof spellings / sizeof *spellings);
    tcase_add_loop_test(tc, the_kernel_goes_where_the_policy_thinks, 0,
                        sizeof spellings / sizeof *spellings);
    tcase_add_test(tc, enough_spellings_are_tried);
    tcase_add_loop_test(tc, a_bound_socket_goes_where_the_policy_thinks, 0,
                        sizeof bound / sizeof *bound);
    tcase_add_test(tc, an_unbound_socket_goes_where_it_is_sent);
    tcase_add_test(tc, families_and_types);
    tcase_add_test(tc, the_family_of_a_mapped_address);
    tcase_add_test(tc, planes);
    tcase_add_test(tc, broadcast);
    tcase_add_loop_test(tc, a_denial_names_what_is_near, 0, sizeof denials / sizeof *denials);
    tcase_add_test(tc, a_permission_names_its_rule);
    tcase_add_test(tc, a_long_key_is_shown_in_part);
    tcase_add_loop_test(tc, a_wrong_rule_is_told_of, 0, sizeof faults / sizeof *faults);
    tcase_add_test(tc, a_rule_that_is_too_long);
    tcase_add_test(tc, rules_have_a_ceiling);
    tcase_add_test(tc, words_of_keys_and_planes);
    return house_run(suite);
}
