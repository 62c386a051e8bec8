/* check_berth.c — the calls of libberth on sockets: each sends the request that the table of
 * methods asks for, and gives its answer out as the BSD function does. The daemon is a script. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

#define MADE "{" ON ",\"cookie\":1}"

static const struct sockaddr_in local = {
    .sin_family = AF_INET, .sin_port = 0x5000, .sin_addr = {0x0100007f}};
static const struct sockaddr *const local_addr = (const struct sockaddr *)&local;

static void do_socket(berth *b)
{
    ck_assert_int_eq(
        berth_socket_at("f.c:3", b, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP, NULL), H);
}

/* The end of a long path is what tells. */
static void do_socket_from_afar(berth *b)
{
    char site[600];

    memset(site, 'x', sizeof site);
    memcpy(site + 580, "/f.c:3", 7);
    ck_assert_int_eq(berth_socket_at(site, b, AF_INET, SOCK_STREAM, 0, NULL), H);
}

static void do_socket_with(berth *b)
{
    const struct berth_options options = {.name = "@c",
                                          .label = "mine",
                                          .pool = "p",
                                          .lease = 2.5,
                                          .options = "{\n\"SO_KEEPALIVE\": true}"};

    ck_assert_int_eq(berth_socket_at(NULL, b, AF_UNIX, SOCK_STREAM, 0, &options), H);
}

static void do_socketpair(berth *b)
{
    berth_handle pair[2];

    ck_assert_int_eq(berth_socketpair_at(NULL, b, SOCK_SEQPACKET, NULL, pair), 0);
    ck_assert_int_eq(pair[0], H);
    ck_assert_int_eq(pair[1], H + 1);
}

static void do_accept(berth *b)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    ck_assert_int_eq(berth_accept_at(NULL, b, H, (struct sockaddr *)&peer, &len, NULL), H + 1);
    fake_daemon_check_other(&peer, len);
}

static void do_create_connection(berth *b)
{
    const struct berth_options options = {.family = AF_INET,
                                          .source = local_addr,
                                          .source_len = sizeof local,
                                          .options = "{\"TCP_NODELAY\":true}"};

    ck_assert_int_eq(berth_create_connection_at(NULL, b, "example", 80, 2.5, &options), H);
}

static void do_create_server(berth *b)
{
    const struct berth_options options = {.name = "web",
                                          .lease = BERTH_PERMANENT,
                                          .backlog = 5,
                                          .flags = BERTH_REUSE_PORT | BERTH_DUALSTACK};
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(8080)};

    ck_assert_int_eq(berth_create_server_at(NULL, b, (void *)&any, sizeof any, &options), H);
}

static void do_create_server_host(berth *b)
{
    ck_assert_int_eq(berth_create_server_host_at(NULL, b, "", 0, NULL), H);
}

static void do_close(berth *b)
{
    ck_assert_int_eq(berth_close(b, H), 0);
}

static void do_lease_of_the_session(berth *b)
{
    ck_assert_int_eq(berth_lease(b, H, 0), 0);
}

static void do_lease(berth *b)
{
    ck_assert_int_eq(berth_lease(b, H, 2.5), 0);
}

static void do_attach(berth *b)
{
    ck_assert_int_eq(berth_attach(b, H, BERTH_SAME_LEASE), 0);
}

static void do_attach_for_good(berth *b)
{
    ck_assert_int_eq(berth_attach(b, H, BERTH_PERMANENT), 0);
}

static void do_attach_to_the_session(berth *b)
{
    ck_assert_int_eq(berth_attach(b, H, 0), 0);
}

static void do_bind(berth *b)
{
    ck_assert_int_eq(berth_bind(b, H, local_addr, sizeof local), 0);
}

static void do_bind_unix(berth *b)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

    ck_assert_int_eq(berth_bind(b, H, (void *)&un, sizeof un), 0);
}

static void do_bind_abstract(berth *b)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0x"};

    ck_assert_int_eq(berth_bind(b, H, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 2), 0);
}

static void do_connect_scoped(berth *b)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6,
                              .sin6_port = htons(9),
                              .sin6_scope_id = 1,
                              .sin6_flowinfo = htonl(3)};

    inet_pton(AF_INET6, "fe80::1", &in.sin6_addr);
    ck_assert_int_eq(berth_connect(b, H, (void *)&in, sizeof in), 0);
}

static void do_bind_host(berth *b)
{
    ck_assert_int_eq(berth_bind_host(b, H, "", 1), 0);
}

static void do_connect_host(berth *b)
{
    ck_assert_int_eq(berth_connect_host(b, H, "name.example", 80), 0);
}

static void do_listen(berth *b)
{
    ck_assert_int_eq(berth_listen(b, H, 16), 0);
}

static void do_shutdown(berth *b)
{
    ck_assert_int_eq(berth_shutdown(b, H, SHUT_WR), 0);
}

static void do_getsockname(berth *b)
{
    struct sockaddr_in in = {0};
    socklen_t len = 4;

    /* As much as fits, and the true length. */
    ck_assert_int_eq(berth_getsockname(b, H, (void *)&in, &len), 0);
    ck_assert_uint_eq(len, sizeof in);
    ck_assert_uint_eq(ntohs(in.sin_port), 81);
    ck_assert_uint_eq(in.sin_addr.s_addr, 0);
}

static void do_getpeername(berth *b)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    ck_assert_int_eq(berth_getpeername(b, H, (void *)&peer, &len), 0);
    fake_daemon_check_other(&peer, len);
}

static void do_setsockopt(berth *b)
{
    int on = 1;

    ck_assert_int_eq(berth_setsockopt(b, H, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
}

static void do_getsockopt(berth *b)
{
    int value = 0;
    socklen_t size = sizeof value;

    ck_assert_int_eq(berth_getsockopt(b, H, 0xffff, 1, &value, &size), 0);
    ck_assert_uint_eq(size, 4);
    ck_assert_int_eq(value, 1);
}

static void do_setsockopt_json(berth *b)
{
    ck_assert_int_eq(berth_setsockopt_json(b, H, "SO_LINGER", "{\"onoff\":true,\"linger\":5}"), 0);
}

static void do_getsockopt_json(berth *b)
{
    char *json = berth_getsockopt_json(b, H, "SO_RCVBUF");

    ck_assert_pstr_eq(json, "212992");
    free(json);
}

static void do_settimeout(berth *b)
{
    ck_assert_int_eq(berth_settimeout(b, H, 0.25), 0);
}

static void do_gettimeout(berth *b)
{
    double timeout = 0;

    ck_assert_int_eq(berth_gettimeout(b, H, &timeout), 0);
    ck_assert_double_eq(timeout, BERTH_FOREVER);
}

static void do_setdefaulttimeout(berth *b)
{
    ck_assert_int_eq(berth_setdefaulttimeout(b, BERTH_FOREVER), 0);
}

static void do_join_group(berth *b)
{
    ck_assert_int_eq(berth_join_group(b, H, "239.1.2.3", "lo", "127.0.0.1"), 0);
}

static void do_leave_group(berth *b)
{
    ck_assert_int_eq(berth_leave_group(b, H, "ff02::1", NULL, NULL), 0);
}

static const struct call_row rows[] = {
    {do_socket,
     {ASKS("socket {\"family\":\"AF_INET6\",\"type\":\"SOCK_DGRAM\",\"protocol\":\"IPPROTO_UDP\","
           "\"site\":\"f.c:3\"}",
           MADE)}},
    {do_socket_from_afar,
     {ASKS("socket {\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\",\"site\":\"/f.c:3\"}", MADE)}},
    {do_socket_with,
     {ASKS("socket {\"family\":\"AF_UNIX\",\"type\":\"SOCK_STREAM\",\"name\":\"@c\",\"lease\":2.5,"
           "\"pool\":\"p\",\"label\":\"mine\",\"options\":{ \"SO_KEEPALIVE\": true}}",
           MADE)}},
    {do_socketpair,
     {ASKS("socketpair {\"type\":\"SOCK_SEQPACKET\"}", "{\"handles\":[16777217,16777218]}")}},
    {do_accept,
     {ASKS("accept {" ON "}", "{\"handle\":16777218,\"peer\":" OTHER ",\"address\":" LOCAL "}")}},
    {do_create_connection,
     {ASKS("create_connection "
           "{\"host\":\"example\",\"port\":80,\"timeout\":2.5,\"source\":{\"host\":\"127.0.0.1\","
           "\"port\":80},\"family\":\"AF_INET\",\"options\":{\"TCP_NODELAY\":true}}",
           "{\"handle\":16777217,\"peer\":" OTHER ",\"address\":" LOCAL ",\"attempts\":[]}")}},
    {do_create_server,
     {ASKS("create_server "
           "{\"address\":{\"host\":\"::\",\"port\":8080},\"backlog\":5,\"reuse_port\":true,"
           "\"dualstack\":true,\"name\":\"web\",\"lease\":\"permanent\"}",
           "{\"handle\":16777217,\"address\":" LOCAL ",\"adopted\":false}")}},
    {do_create_server_host, {ASKS("create_server {\"address\":{\"host\":\"\",\"port\":0}}", MADE)}},
    {do_close, {ASKS("close {" ON "}", MADE)}},
    {do_lease_of_the_session, {ASKS("lease {" ON ",\"lease\":\"session\"}", MADE)}},
    {do_lease, {ASKS("lease {" ON ",\"lease\":2.5}", MADE)}},
    {do_attach, {ASKS("attach {" ON "}", MADE)}},
    {do_attach_for_good, {ASKS("attach {" ON ",\"lease\":\"permanent\"}", MADE)}},
    {do_attach_to_the_session, {ASKS("attach {" ON ",\"lease\":\"session\"}", MADE)}},
    {do_bind,
     {ASKS("bind {" ON ",\"address\":{\"host\":\"127.0.0.1\",\"port\":80}}",
           "{\"address\":" LOCAL "}")}},
    {do_bind_unix,
     {ASKS("bind {" ON ",\"address\":{\"path\":\"/run/x\"}}",
           "{\"address\":{\"path\":\"/run/x\"}}")}},
    {do_bind_abstract,
     {ASKS("bind {" ON ",\"address\":{\"abstract\":\"x\"}}",
           "{\"address\":{\"abstract\":\"x\"}}")}},
    {do_connect_scoped,
     {ASKS("connect {" ON ",\"address\":{\"host\":\"fe80::1\",\"port\":9,\"flowinfo\":3,"
           "\"scope\":\"1\"}}",
           "{\"address\":" LOCAL ",\"peer\":" OTHER "}")}},
    {do_bind_host,
     {ASKS("bind {" ON ",\"address\":{\"host\":\"\",\"port\":1}}", "{\"address\":" LOCAL "}")}},
    {do_connect_host,
     {ASKS("connect {" ON ",\"address\":{\"host\":\"name.example\",\"port\":80}}", "{}")}},
    {do_listen, {ASKS("listen {" ON ",\"backlog\":16}", "{\"backlog\":16}")}},
    {do_shutdown, {ASKS("shutdown {" ON ",\"how\":\"SHUT_WR\"}", "{}")}},
    {do_getsockname, {ASKS("getsockname {" ON "}", "{\"address\":" OTHER "}")}},
    {do_getpeername, {ASKS("getpeername {" ON "}", "{\"address\":" OTHER "}")}},
    {do_setsockopt,
     {ASKS("setsockopt {" ON ",\"level\":\"SOL_SOCKET\",\"number\":9,\"base64\":\"AQAAAA==\"}",
           "{}")}},
    {do_getsockopt,
     {ASKS("getsockopt {" ON ",\"level\":65535,\"number\":1,\"size\":4}",
           "{\"base64\":\"AQAAAA==\"}")}},
    {do_setsockopt_json,
     {ASKS("setsockopt {" ON ",\"option\":\"SO_LINGER\",\"value\":{\"onoff\":true,\"linger\":5}}",
           "{}")}},
    {do_getsockopt_json,
     {ASKS("getsockopt {" ON ",\"option\":\"SO_RCVBUF\"}", "{\"value\":212992}")}},
    {do_settimeout, {ASKS("settimeout {" ON ",\"timeout\":0.25}", "{\"timeout\":0.25}")}},
    {do_gettimeout, {ASKS("gettimeout {" ON "}", "{\"timeout\":null}")}},
    {do_setdefaulttimeout, {ASKS("setdefaulttimeout {\"timeout\":null}", "{\"timeout\":null}")}},
    {do_join_group,
     {ASKS("join_group {" ON
           ",\"group\":\"239.1.2.3\",\"interface\":\"lo\",\"source\":\"127.0.0.1\"}",
           "{}")}},
    {do_leave_group, {ASKS("leave_group {" ON ",\"group\":\"ff02::1\"}", "{}")}},
};

START_TEST(each_call)
{
    fake_daemon_check_call(&rows[_i]);
}
END_TEST

static void expect_site(char *request, size_t n, int line)
{
    snprintf(request, n,
             "socket "
             "{\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\",\"label\":\"l\",\"site\":\"%s:%d\"}",
             __FILE__, line);
}

/* The macros say where they stand. */
START_TEST(site_is_the_callers)
{
    char expected[256];
    struct turn turn = {.request = expected, .reply = MADE};
    struct fake_daemon *fake;
    berth_handle h;
    berth *b;

    fake = fake_daemon_start(&turn, 1, &b);
    ck_assert_int_eq(berth_set_label(b, "l"), 0);
    expect_site(expected, sizeof expected, __LINE__ + 1);
    h = berth_socket(b, AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(h, H);
    berth_free(b);
    fake_daemon_stop(fake);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth");
    TCase *tests = tcase_create("calls");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_call, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, site_is_the_callers);
    return house_run(suite);
}
