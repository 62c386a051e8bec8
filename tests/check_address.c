/* Socket addresses: as clients write them, as the kernel has them, and back. */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/address.h"
#include "proto/utf8.h"

#define N(array) (sizeof(array) / sizeof *(array))

/* 107 and 108 bytes: the longest path that fits, and one more. */
#define A25      "aaaaaaaaaaaaaaaaaaaaaaaaa"
#define A100     A25 A25 A25 A25
#define A107     A100 "aaaaaaa"
#define P107     "/" A100 "aaaaaa"

static struct arena arena;
static struct error error;

static void setup(void)
{
    arena = (struct arena){0};
    error = (struct error){0};
}

static void teardown(void)
{
    arena_done(&arena);
}

static int decode(const char *text, struct wire_address *ret)
{
    struct json json = {0};
    struct error bad;
    int r;

    error = (struct error){0};
    ck_assert_msg(json_scan(&json, text, strlen(text), &bad) == 0, "%s", text);
    r = address_decode(&json, 0, "address", &arena, ret, &error);
    json_done(&json);
    return r;
}

static int make(const char *text, int family, struct wire_sockaddr *ret)
{
    struct wire_address address;

    ck_assert_msg(decode(text, &address) == 0, "%s: %s", text, error.message);
    return address_numeric(&address, family, "address", ret, &error);
}

static void ck_encoded(const struct wire_sockaddr *addr, const char *expected)
{
    struct buf b = {0};

    address_encode(&b, addr);
    buf_add_char(&b, '\0');
    ck_assert(!b.failed);
    ck_assert_str_eq(b.data + b.start, expected);
    buf_done(&b);
}

static void ck_formatted(const struct wire_sockaddr *addr, const char *expected)
{
    char text[200];

    address_format(addr, text, sizeof text);
    ck_assert_str_eq(text, expected);
}

/* -- decode
 * ---------------------------------------------------------------------------------------- */

static const struct {
    const char *json;
    struct wire_address address;
    int family;
} good[] = {
    {"{\"host\":\"127.0.0.1\",\"port\":80}", {ADDRESS_INET, "127.0.0.1", 9, 80, 0, NULL}, AF_INET},
    {"{\"port\":0,\"host\":\"\"}", {ADDRESS_INET, "", 0, 0, 0, NULL}, AF_INET},
    {"{\"host\":\"::1\",\"port\":65535,\"flowinfo\":7,\"scope\":\"eth0\"}",
     {ADDRESS_INET, "::1", 3, 65535, 7, "eth0"},
     AF_INET6},
    {"{\"host\":\"fe80::1%lo\",\"port\":1}",
     {ADDRESS_INET, "fe80::1%lo", 10, 1, 0, NULL},
     AF_INET6},
    {"{\"host\":\"fe80::1\",\"port\":1,\"scope\":3}",
     {ADDRESS_INET, "fe80::1", 7, 1, 0, "3"},
     AF_INET6},
    {"{\"host\":\"fe80::1\",\"port\":1,\"scope\":0}",
     {ADDRESS_INET, "fe80::1", 7, 1, 0, NULL},
     AF_INET6},
    {"{\"host\":\"<broadcast>\",\"port\":9}",
     {ADDRESS_INET, "<broadcast>", 11, 9, 0, NULL},
     AF_INET},
    {"{\"host\":\"localhost\",\"port\":80.0}",
     {ADDRESS_INET, "localhost", 9, 80, 0, NULL},
     AF_UNSPEC},
    {"{\"host\":\"localhost\",\"port\":1,\"family\":\"AF_INET6\"}",
     {ADDRESS_INET, "localhost", 9, 1, 0, NULL},
     AF_UNSPEC},
    {"{\"family\":\"AF_INET6\",\"host\":\"\",\"port\":1}",
     {ADDRESS_INET, "", 0, 1, 0, NULL},
     AF_INET},
    {"[\"127.0.0.1\",80]", {ADDRESS_INET, "127.0.0.1", 9, 80, 0, NULL}, AF_INET},
    {"[\"::1\",80,5,2]", {ADDRESS_INET, "::1", 3, 80, 5, "2"}, AF_INET6},
    {"[\"::1\",80,5,\"lo\"]", {ADDRESS_INET, "::1", 3, 80, 5, "lo"}, AF_INET6},
    {"{\"path\":\"/run/x.sock\"}", {ADDRESS_PATH, "/run/x.sock", 11, 0, 0, NULL}, AF_UNIX},
    {"{\"path\":\"" P107 "\"}", {ADDRESS_PATH, P107, 107, 0, 0, NULL}, AF_UNIX},
    {"{\"path\":\"/\\u00fc\\n\"}", {ADDRESS_PATH, "/\xc3\xbc\n", 4, 0, 0, NULL}, AF_UNIX},
    {"{\"family\":\"AF_UNIX\",\"path\":\"\"}", {ADDRESS_PATH, "", 0, 0, 0, NULL}, AF_UNIX},
    {"\"/run/x.sock\"", {ADDRESS_PATH, "/run/x.sock", 11, 0, 0, NULL}, AF_UNIX},
    {"{\"abstract\":\"x y\"}", {ADDRESS_ABSTRACT, "x y", 3, 0, 0, NULL}, AF_UNIX},
    {"{\"abstract\":\"" A107 "\"}", {ADDRESS_ABSTRACT, A107, 107, 0, 0, NULL}, AF_UNIX},
};

START_TEST(decodes)
{
    const struct wire_address *expected = &good[_i].address;
    struct wire_address got;

    ck_assert_msg(decode(good[_i].json, &got) == 0, "%s", error.message);
    ck_assert_int_eq(got.kind, expected->kind);
    ck_assert_str_eq(got.text, expected->text);
    ck_assert_uint_eq(got.n, expected->n);
    ck_assert_uint_eq(got.port, expected->port);
    ck_assert_uint_eq(got.flowinfo, expected->flowinfo);
    ck_assert_pstr_eq(got.scope, expected->scope);
    ck_assert_int_eq(address_family(&got), good[_i].family);
}
END_TEST

static const struct {
    const char *json, *message;
} bad[] = {
    {"null", "address: must be {\"host\",\"port\"}, {\"path\"} or {\"abstract\"}, not null"},
    {"80", "address: must be"},
    {"{}", "address: needs host and port"},
    {"{\"family\":\"AF_INET\"}", "address: needs host and port"},
    {"{\"host\":\"127.0.0.1\"}", "address.port: is missing"},
    {"{\"port\":80}", "address.host: is missing"},
    {"{\"scope\":\"lo\",\"port\":80}", "address.host: is missing"},
    {"{\"host\":\"x\",\"port\":-1}", "address.port: must be from 0 to 65535"},
    {"{\"host\":\"x\",\"port\":65536}", "address.port: must be from 0 to 65535"},
    {"{\"host\":\"x\",\"port\":1.5}", "address.port: must be an integer, not a number"},
    {"{\"host\":\"x\",\"port\":\"80\"}", "address.port: must be an integer, not a string"},
    {"{\"host\":\"x\",\"port\":null}", "address.port: must be an integer, not null"},
    {"{\"host\":1,\"port\":80}", "address.host: must be a string, not an integer"},
    {"{\"host\":\"a\\u0000b\",\"port\":80}", "address.host: must not contain \\u0000"},
    {"{\"host\":\"x\",\"port\":1,\"prot\":2}", "address.prot: is not a member"},
    {"{\"host\":\"::1\",\"port\":1,\"scope\":\"\"}", "address.scope: must not be empty"},
    {"{\"host\":\"::1\",\"port\":1,\"scope\":-1}", "address.scope: must be from 0 to 4294967295"},
    {"{\"host\":\"::1\",\"port\":1,\"scope\":true}",
     "address.scope: must be an interface's name or number"},
    {"{\"host\":\"::1\",\"port\":1,\"scope\":\"l\\u0000\"}", "address.scope: must not contain"},
    {"{\"host\":\"::1\",\"port\":1,\"flowinfo\":268435456}", "address.flowinfo: must be from 0"},
    {"{\"host\":\"::1\",\"port\":1,\"flowinfo\":\"x\"}", "address.flowinfo: must be an integer"},
    {"{\"path\":\"run/x\"}", "address.path: a path must be absolute"},
    {"{\"path\":\"/a\\u0000\"}", "address.path: must not contain"},
    {"{\"path\":\"" P107 "a\"}", "address.path: a path has at most 107 bytes, not 108"},
    {"{\"path\":[]}", "address.path: must be a string, not an array"},
    {"\"127.0.0.1:80\"", "address: a path must be absolute"},
    {"{\"abstract\":\"\"}", "address.abstract: an abstract name has 1 to 107 bytes"},
    {"{\"abstract\":\"" A107 "a\"}",
     "address.abstract: an abstract name has 1 to 107 bytes, not 108"},
    {"{\"abstract\":\"\\u0000x\"}", "address.abstract: must not contain"},
    {"{\"path\":\"/a\",\"abstract\":\"x\"}", "address.abstract: does not go with path"},
    {"{\"path\":\"/a\",\"host\":\"x\",\"port\":1}", "address.path: does not go with host and port"},
    {"{\"abstract\":\"a\",\"port\":1}", "address.abstract: does not go with host and port"},
    {"{\"host\":\"127.0.0.1\",\"port\":1,\"family\":\"AF_INET6\"}",
     "address.family: does not fit the rest, which is AF_INET"},
    {"{\"host\":\"::1\",\"port\":1,\"family\":\"AF_INET\"}",
     "address.family: does not fit the rest, which is AF_INET6"},
    {"{\"host\":\"name\",\"port\":1,\"family\":\"AF_UNIX\"}", "address.family: does not fit"},
    {"{\"path\":\"/x\",\"family\":\"AF_INET\"}",
     "address.family: does not fit the rest, which is AF_UNIX"},
    {"{\"path\":\"/x\",\"family\":\"AF_UNSPEC\"}", "address.family: is not an address family"},
    {"{\"path\":\"/x\",\"family\":\"unix\"}",
     "address.family: is not an address family; did you mean AF_UNIX"},
    {"{\"path\":\"/x\",\"family\":1}", "address.family: must be an AF_ name"},
    {"[]", "address: must be [host, port]"},
    {"[\"x\"]", "address: must be [host, port]"},
    {"[\"x\",1,0,0,0]", "address: must be [host, port]"},
    {"[1,\"x\"]", "address[0]: must be a string"},
    {"[\"x\",70000]", "address[1]: must be from 0 to 65535"},
    {"[\"x\",1,-1]", "address[2]: must be from 0"},
    {"[\"x\",1,0,[]]", "address[3]: must be an interface's name or number"},
};

START_TEST(refuses)
{
    struct wire_address untouched = {.port = 4711}, got = untouched;

    ck_assert_int_eq(decode(bad[_i].json, &got), ERROR_INVALID_PARAMS);
    ck_assert_int_eq(error.id, ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "address");
    ck_assert_msg(strstr(error.message, bad[_i].message) == error.message, "%s: %s", bad[_i].json,
                  error.message);
    ck_assert_int_eq(got.port, untouched.port);
}
END_TEST

/* -- numeric
 * --------------------------------------------------------------------------------------- */

static const struct {
    const char *json;
    int family;
    const char *encoded, *formatted;
} numeric[] = {
    {"[\"127.0.0.1\",80]", AF_INET, "{\"family\":\"AF_INET\",\"host\":\"127.0.0.1\",\"port\":80}",
     "127.0.0.1:80"},
    {"[\"\",0]", AF_INET, "{\"family\":\"AF_INET\",\"host\":\"0.0.0.0\",\"port\":0}", "0.0.0.0:0"},
    {"[\"\",65535]", AF_INET6, "{\"family\":\"AF_INET6\",\"host\":\"::\",\"port\":65535}",
     "[::]:65535"},
    {"[\"<broadcast>\",9]", AF_INET,
     "{\"family\":\"AF_INET\",\"host\":\"255.255.255.255\",\"port\":9}", "255.255.255.255:9"},
    {"[\"::1\",80]", AF_INET6, "{\"family\":\"AF_INET6\",\"host\":\"::1\",\"port\":80}",
     "[::1]:80"},
    {"[\"::ffff:127.0.0.1\",1]", AF_INET6,
     "{\"family\":\"AF_INET6\",\"host\":\"::ffff:127.0.0.1\",\"port\":1}", "[::ffff:127.0.0.1]:1"},
    {"[\"fe80::1%lo\",1]", AF_INET6,
     "{\"family\":\"AF_INET6\",\"host\":\"fe80::1\",\"port\":1,\"scope\":\"lo\"}",
     "[fe80::1%lo]:1"},
    {"[\"fe80::1%1\",1]", AF_INET6,
     "{\"family\":\"AF_INET6\",\"host\":\"fe80::1\",\"port\":1,\"scope\":\"lo\"}",
     "[fe80::1%lo]:1"},
    {"[\"fe80::1\",1,3,\"lo\"]", AF_INET6,
     "{\"family\":\"AF_INET6\",\"host\":\"fe80::1\",\"port\":1,\"flowinfo\":3,\"scope\":\"lo\"}",
     "[fe80::1%lo]:1"},
    {"[\"fe80::1\",1,0,4294967295]", AF_INET6,
     "{\"family\":\"AF_INET6\",\"host\":\"fe80::1\",\"port\":1,\"scope\":4294967295}",
     "[fe80::1%4294967295]:1"},
    {"{\"path\":\"/run/x\"}", AF_UNIX, "{\"family\":\"AF_UNIX\",\"path\":\"/run/x\"}",
     "unix:/run/x"},
    {"{\"path\":\"" P107 "\"}", AF_UNIX, "{\"family\":\"AF_UNIX\",\"path\":\"" P107 "\"}",
     "unix:" P107},
    {"{\"path\":\"/a\\nb\\u00fc\"}", AF_UNIX,
     "{\"family\":\"AF_UNIX\",\"path\":\"/a\\nb\xc3\xbc\"}", "unix:/a?b\xc3\xbc"},
    {"{\"path\":\"\"}", AF_UNIX, "{\"family\":\"AF_UNIX\",\"path\":\"\"}", "unix:"},
    {"{\"abstract\":\"x\"}", AF_UNIX, "{\"family\":\"AF_UNIX\",\"abstract\":\"x\"}", "unix:@x"},
    {"{\"abstract\":\"" A107 "\"}", AF_UNIX, "{\"family\":\"AF_UNIX\",\"abstract\":\"" A107 "\"}",
     "unix:@" A107},
};

/* What a client writes becomes the kernel's address; that is written again; and what was written
 * goes back to the same address. */
START_TEST(makes_and_writes)
{
    struct wire_sockaddr addr, again;

    ck_assert_msg(make(numeric[_i].json, numeric[_i].family, &addr) == 0, "%s", error.message);
    ck_assert_int_eq(addr.addr.ss_family, numeric[_i].family);
    ck_encoded(&addr, numeric[_i].encoded);
    ck_formatted(&addr, numeric[_i].formatted);
    ck_assert_msg(make(numeric[_i].encoded, numeric[_i].family, &again) == 0, "%s", error.message);
    ck_assert_uint_eq(addr.len, again.len);
    ck_assert_mem_eq(&addr.addr, &again.addr, addr.len);
    ck_assert(address_same(&addr, &again) == (addr.len > sizeof(sa_family_t)));
}
END_TEST

/* The lax spellings of 127.0.0.1 that inet_aton would take, and hosts of the other family. */
static const struct {
    const char *json;
    int family;
} names[] = {
    {"[\"localhost\",1]", AF_INET},    {"[\"127.1\",1]", AF_INET},
    {"[\"0177.0.0.1\",1]", AF_INET},   {"[\"0x7f.0.0.1\",1]", AF_INET},
    {"[\"2130706433\",1]", AF_INET},   {"[\"127.0.0.01\",1]", AF_INET},
    {"[\" 127.0.0.1\",1]", AF_INET},   {"[\"127.0.0.1 \",1]", AF_INET},
    {"[\"127.0.0.1%lo\",1]", AF_INET}, {"[\"127.0.0.1.\",1]", AF_INET},
    {"[\"127.0.0.256\",1]", AF_INET},  {"[\"fe80::1%\",1]", AF_INET6},
    {"[\"[::1]\",1]", AF_INET6},       {"[\"::1::\",1]", AF_INET6},
    {"[\"127.0.0.1\",1]", AF_INET6},   {"[\"::1\",1]", AF_INET},
    {"[\"<any>\",1]", AF_INET},        {"[\"" A100 ".example\",1]", AF_INET},
};

START_TEST(leaves_names_to_the_resolver)
{
    struct wire_sockaddr addr;

    ck_assert_int_eq(make(names[_i].json, names[_i].family, &addr), ADDRESS_IS_NAME);
}
END_TEST

static const struct {
    const char *json;
    int family, result, sys_errno;
    const char *message;
} impossible[] = {
    {"[\"127.0.0.1\",1]", AF_UNIX, ERROR_INVALID_PARAMS, 0, "address: the socket is AF_UNIX"},
    {"{\"path\":\"/x\"}", AF_INET, ERROR_INVALID_PARAMS, 0, "address: the socket is AF_INET,"},
    {"{\"abstract\":\"x\"}", AF_INET6, ERROR_INVALID_PARAMS, 0, "address: the socket is AF_INET6"},
    {"[\"<broadcast>\",1]", AF_INET6, ERROR_INVALID_PARAMS, 0,
     "address: \"<broadcast>\" is an IPv4"},
    {"[\"127.0.0.1\",1,1]", AF_INET, ERROR_INVALID_PARAMS, 0, "address: flowinfo is for IPv6"},
    {"[\"127.0.0.1\",1,0,1]", AF_INET, ERROR_INVALID_PARAMS, 0, "address: a scope is for IPv6"},
    {"[\"::1%lo\",1,0,1]", AF_INET6, ERROR_INVALID_PARAMS, 0, "address: the scope is given twice"},
    {"[\"::1\",1,0,\"99999999999\"]", AF_INET6, ERROR_INVALID_PARAMS, 0,
     "address: the scope 99999999999"},
    {"[\"::1\",1,0,\"nosuch0\"]", AF_INET6, ERROR_OS, ENODEV, "address: interface nosuch0"},
    {"[\"fe80::1%nosuch0\",1]", AF_INET6, ERROR_OS, ENODEV, "address: interface nosuch0"},
    {"[\"127.0.0.1\",1]", AF_NETLINK, ERROR_OS, EAFNOSUPPORT, "address"},
    {"{\"path\":\"/x\"}", AF_UNSPEC, ERROR_OS, EAFNOSUPPORT, "address"},
};

START_TEST(refuses_for_the_socket)
{
    struct wire_sockaddr addr = {.len = 4711};

    ck_assert_int_eq(make(impossible[_i].json, impossible[_i].family, &addr),
                     impossible[_i].result);
    ck_assert_int_eq(error.sys_errno, impossible[_i].sys_errno);
    ck_assert_msg(strstr(error.message, impossible[_i].message) == error.message, "%s",
                  error.message);
    ck_assert_uint_eq(addr.len, 4711);
}
END_TEST

/* Not every wire_address comes from JSON. */
START_TEST(refuses_what_nobody_checked)
{
    struct wire_address path = {.kind = ADDRESS_PATH, .text = P107 "x", .n = 108}, none = {0};
    struct wire_sockaddr addr;

    ck_assert_int_eq(address_numeric(&path, AF_UNIX, "address", &addr, &error), ERROR_OS);
    ck_assert_int_eq(error.sys_errno, ENAMETOOLONG);
    ck_assert_int_eq(address_numeric(&none, AF_INET, "address", &addr, &error),
                     ERROR_INVALID_PARAMS);
    ck_assert_int_eq(address_family(&none), AF_UNSPEC);
}
END_TEST

START_TEST(completes_a_look_up)
{
    struct wire_sockaddr v4 = {.addr = {.ss_family = AF_INET}, .len = sizeof(struct sockaddr_in)};
    struct wire_sockaddr v6 = {.addr = {.ss_family = AF_INET6}, .len = sizeof(struct sockaddr_in6)};
    struct wire_sockaddr un = {.addr = {.ss_family = AF_UNIX}, .len = sizeof(sa_family_t)};
    struct wire_address plain = {.kind = ADDRESS_INET, .text = "name", .n = 4, .port = 80};
    struct wire_address full = plain;

    full.scope = "lo";
    full.flowinfo = 5;
    ck_assert_int_eq(address_complete(&plain, "address", &v4, &error), 0);
    ck_encoded(&v4, "{\"family\":\"AF_INET\",\"host\":\"0.0.0.0\",\"port\":80}");
    ck_assert_int_eq(address_complete(&full, "address", &v4, &error), ERROR_INVALID_PARAMS);
    ck_assert_int_eq(address_complete(&full, "address", &v6, &error), 0);
    ck_encoded(
        &v6,
        "{\"family\":\"AF_INET6\",\"host\":\"::\",\"port\":80,\"flowinfo\":5,\"scope\":\"lo\"}");
    /* A scope that the look-up found stays when the client named none. */
    ck_assert_int_eq(address_complete(&plain, "address", &v6, &error), 0);
    ck_encoded(&v6, "{\"family\":\"AF_INET6\",\"host\":\"::\",\"port\":80,\"scope\":\"lo\"}");
    ck_assert_int_eq(address_complete(&plain, "address", &un, &error), ERROR_OS);
    ck_assert_int_eq(error.sys_errno, EAFNOSUPPORT);
}
END_TEST

/* -- the kernel's own
 * ------------------------------------------------------------------------------ */

static struct wire_sockaddr ask_name(int fd)
{
    struct wire_sockaddr addr = {.len = sizeof addr.addr};

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr.addr, &addr.len), 0);
    return addr;
}

/* Binds a socket to the address and returns what the kernel calls it. */
static struct wire_sockaddr bind_to(const struct wire_sockaddr *addr, int type, int *ret_fd)
{
    *ret_fd = socket(addr->addr.ss_family, type | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(*ret_fd, 0);
    ck_assert_msg(bind(*ret_fd, (const struct sockaddr *)&addr->addr, addr->len) == 0, "%s",
                  strerror(errno));
    return ask_name(*ret_fd);
}

START_TEST(kernel_takes_inet)
{
    static const struct {
        const char *json;
        int family;
    } wanted[] = {{"[\"127.0.0.1\",0]", AF_INET}, {"[\"::1\",0]", AF_INET6}};
    struct wire_sockaddr addr, bound;
    char expected[80], json[80];
    int fd;

    ck_assert_int_eq(make(wanted[_i].json, wanted[_i].family, &addr), 0);
    if (wanted[_i].family == AF_INET6 && access("/proc/net/if_inet6", F_OK) < 0)
        return; /* a kernel without IPv6 */
    bound = bind_to(&addr, SOCK_STREAM, &fd);
    ck_assert(!address_same(&addr, &bound));
    /* sin_port and sin6_port are at the same place. */
    snprintf(json, sizeof json, "[\"%s\",%u]", _i ? "::1" : "127.0.0.1",
             ntohs(((struct sockaddr_in *)&bound.addr)->sin_port));
    ck_assert_int_eq(make(json, wanted[_i].family, &addr), 0);
    ck_assert(address_same(&addr, &bound));
    snprintf(expected, sizeof expected, "{\"family\":\"%s\",\"host\":\"%s\",\"port\":%u}",
             _i ? "AF_INET6" : "AF_INET", _i ? "::1" : "127.0.0.1",
             ntohs(((struct sockaddr_in *)&bound.addr)->sin_port));
    ck_encoded(&bound, expected);
    close(fd);
}
END_TEST

START_TEST(kernel_takes_unix)
{
    char directory[] = "/tmp/check_address.XXXXXX", json[80], expected[120];
    struct wire_sockaddr addr, bound;
    int fd;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(json, sizeof json, "{\"path\":\"%s/s\"}", directory);
    ck_assert_int_eq(make(json, AF_UNIX, &addr), 0);
    bound = bind_to(&addr, SOCK_STREAM, &fd);
    snprintf(expected, sizeof expected, "{\"family\":\"AF_UNIX\",\"path\":\"%s/s\"}", directory);
    ck_encoded(&bound, expected);
    ck_assert(address_same(&addr, &bound));
    close(fd);
    unlink(((struct sockaddr_un *)&addr.addr)->sun_path);
    rmdir(directory);

    snprintf(json, sizeof json, "{\"abstract\":\"check_address.%d\"}", getpid());
    ck_assert_int_eq(make(json, AF_UNIX, &addr), 0);
    bound = bind_to(&addr, SOCK_DGRAM, &fd);
    ck_assert(address_same(&addr, &bound));
    ck_assert_uint_eq(addr.len, bound.len);
    close(fd);
}
END_TEST

/* A socket without a name says so, and binding to that asks for any abstract name: unix(7). */
START_TEST(kernel_names_unix)
{
    struct wire_sockaddr addr, bound;
    char text[40];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr = ask_name(fd);
    ck_encoded(&addr, "{\"family\":\"AF_UNIX\",\"path\":\"\"}");
    ck_assert(!address_same(&addr, &addr));
    close(fd);
    ck_assert_int_eq(make("{\"path\":\"\"}", AF_UNIX, &addr), 0);
    bound = bind_to(&addr, SOCK_STREAM, &fd);
    address_format(&bound, text, sizeof text);
    ck_assert_uint_eq(strlen(text), strlen("unix:@00000"));
    close(fd);
}
END_TEST

static struct wire_sockaddr unix_bytes(const char *bytes, size_t n)
{
    struct wire_sockaddr addr = {.addr = {.ss_family = AF_UNIX},
                                 .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)};

    memcpy(((struct sockaddr_un *)&addr.addr)->sun_path, bytes, n);
    return addr;
}

/* A stranger's name may be any bytes; what is written is UTF-8 all the same. */
START_TEST(strange_names)
{
    struct wire_sockaddr addr = unix_bytes("/a\xff\xc3", 5);

    ck_encoded(&addr, "{\"family\":\"AF_UNIX\",\"path\":\"/a\xef\xbf\xbd\xef\xbf\xbd\"}");
    ck_formatted(&addr, "unix:/a\xef\xbf\xbd\xef\xbf\xbd");
    addr = unix_bytes("\0a\0b\x01", 5);
    ck_encoded(&addr, "{\"family\":\"AF_UNIX\",\"abstract\":\"a\xef\xbf\xbd"
                      "b\\u0001\"}");
    ck_formatted(&addr, "unix:@a?b?");
    /* The longest path of the kernel has no NUL behind it. */
    addr = unix_bytes(P107 "z", 108);
    ck_encoded(&addr, "{\"family\":\"AF_UNIX\",\"path\":\"" P107 "z\"}");
    addr = unix_bytes("", 0);
    ck_encoded(&addr, "{\"family\":\"AF_UNIX\",\"path\":\"\"}");
}
END_TEST

START_TEST(worst_name_fits)
{
    struct wire_sockaddr addr;
    struct buf b = {0};
    char bytes[108], text[512];
    bool nul;

    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = '\0';
    addr = unix_bytes(bytes, sizeof bytes);
    address_encode(&b, &addr);
    ck_assert_uint_eq(buf_len(&b), strlen("{\"family\":\"AF_UNIX\",\"abstract\":\"\"}") + 3 * 107);
    ck_assert(utf8_is_valid(b.data + b.start, buf_len(&b), &nul));
    buf_done(&b);
    address_format(&addr, text, sizeof text);
    ck_assert_uint_eq(strlen(text), strlen("unix:@") + 3 * 107);
}
END_TEST

/* What is cut is cut between characters, and never runs over. */
START_TEST(format_is_bounded)
{
    struct wire_sockaddr addr = unix_bytes("/\xc3\xbc\xc3\xbc", 6);
    char text[16];
    bool nul;

    for (size_t n = 0; n < 12; n++) {
        memset(text, '#', sizeof text);
        address_format(&addr, text, n);
        ck_assert_int_eq(text[n], '#');
        if (n == 0)
            continue;
        ck_assert_uint_lt(strlen(text), n);
        ck_assert(utf8_is_valid(text, strlen(text), &nul));
        ck_assert_int_eq(strncmp("unix:/\xc3\xbc\xc3\xbc", text, strlen(text)), 0);
    }
}
END_TEST

START_TEST(absent_address)
{
    struct wire_sockaddr none = {0};

    ck_encoded(&none, "null");
    ck_formatted(&none, "");
    ck_assert(!address_same(&none, &none));
}
END_TEST

static const char *const places[] = {
    "[\"127.0.0.1\",1]",   "[\"127.0.0.1\",2]",     "[\"127.0.0.2\",1]",        "[\"::1\",1]",
    "[\"fe80::1\",1,0,1]", "[\"fe80::1\",1,0,2]",   "[\"::ffff:127.0.0.1\",1]", "{\"path\":\"/x\"}",
    "{\"path\":\"/xy\"}",  "{\"abstract\":\"/x\"}", "{\"abstract\":\"x\"}",
};

START_TEST(same_only_as_itself)
{
    struct wire_sockaddr a, b;
    struct wire_address address;

    for (size_t i = 0; i < N(places); i++)
        for (size_t j = 0; j < N(places); j++) {
            ck_assert_int_eq(decode(places[i], &address), 0);
            ck_assert_int_eq(make(places[i], address_family(&address), &a), 0);
            ck_assert_int_eq(decode(places[j], &address), 0);
            ck_assert_int_eq(make(places[j], address_family(&address), &b), 0);
            ck_assert_msg(address_same(&a, &b) == (i == j), "%s, %s", places[i], places[j]);
        }
    /* flowinfo is no part of the place. */
    ck_assert_int_eq(make("[\"::1\",1,7]", AF_INET6, &a), 0);
    ck_assert_int_eq(make("[\"::1\",1]", AF_INET6, &b), 0);
    ck_assert(address_same(&a, &b));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("address");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, decodes, 0, N(good));
    tcase_add_loop_test(tests, refuses, 0, N(bad));
    tcase_add_loop_test(tests, makes_and_writes, 0, N(numeric));
    tcase_add_loop_test(tests, leaves_names_to_the_resolver, 0, N(names));
    tcase_add_loop_test(tests, refuses_for_the_socket, 0, N(impossible));
    tcase_add_test(tests, refuses_what_nobody_checked);
    tcase_add_test(tests, completes_a_look_up);
    tcase_add_loop_test(tests, kernel_takes_inet, 0, 2);
    tcase_add_test(tests, kernel_takes_unix);
    tcase_add_test(tests, kernel_names_unix);
    tcase_add_test(tests, strange_names);
    tcase_add_test(tests, worst_name_fits);
    tcase_add_test(tests, format_is_bounded);
    tcase_add_test(tests, absent_address);
    tcase_add_test(tests, same_only_as_itself);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
