/* check_sockets.c — making sockets of all families, taking them through their states, and servers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "house.h"

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Whether this machine lets us make such a socket at all. */
static bool kernel_has(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static const char *state_of(long long handle)
{
    return house_text(house_do(c, "ledger.get", "{'handle':%lld}", handle), "state");
}

/* -- making -- */

START_TEST(every_kind_of_socket)
{
    static const struct {
        const char *family, *type, *protocol;
        int f, t, p;
    } rows[] = {
        {"AF_INET", "SOCK_STREAM", "0", AF_INET, SOCK_STREAM, 0},
        {"AF_INET", "SOCK_DGRAM", "0", AF_INET, SOCK_DGRAM, 0},
        {"AF_INET6", "SOCK_STREAM", "'IPPROTO_TCP'", AF_INET6, SOCK_STREAM, 6},
        {"AF_INET6", "SOCK_DGRAM", "'IPPROTO_UDP'", AF_INET6, SOCK_DGRAM, 17},
        {"AF_UNIX", "SOCK_STREAM", "0", AF_UNIX, SOCK_STREAM, 0},
        {"AF_UNIX", "SOCK_DGRAM", "0", AF_UNIX, SOCK_DGRAM, 0},
        {"AF_UNIX", "SOCK_SEQPACKET", "0", AF_UNIX, SOCK_SEQPACKET, 0},
        {"AF_INET", "SOCK_RAW", "'IPPROTO_ICMP'", AF_INET, SOCK_RAW, 1},
        {"AF_INET", "SOCK_DGRAM", "'IPPROTO_ICMP'", AF_INET, SOCK_DGRAM, 1},
        {"AF_INET6", "SOCK_RAW", "'IPPROTO_ICMPV6'", AF_INET6, SOCK_RAW, 58},
    };
    json_t *r, *row;

    r = house_ask(c, "socket", "{'family':'%s','type':'%s','protocol':%s}", rows[_i].family,
                  rows[_i].type, rows[_i].protocol);
    if (!kernel_has(rows[_i].f, rows[_i].t, rows[_i].p)) {
        ck_assert_str_eq(house_text(r, "error.data.kind"), "os");
        return;
    }
    ck_assert_int_eq(house_int(r, "result.handle"), 16777217);
    row = house_do(c, "ledger.get", "{'handle':16777217}");
    ck_assert_str_eq(house_text(row, "family"), rows[_i].family);
    ck_assert_str_eq(house_text(row, "type"), rows[_i].type);
    ck_assert_str_eq(house_text(row, "custody"), "daemon");
    ck_assert_str_eq(house_text(row, "pool"), "default");
    ck_assert_str_eq(house_text(row, "lease"), "session");
    ck_assert_int_eq(house_int(row, "cookie"), house_int(r, "result.cookie"));
    ck_assert(!house_bool(row, "survives"));
    ck_assert_str_eq(house_text(row, "transitions.0.state"), "created");
}
END_TEST

START_TEST(what_cannot_be_made)
{
    static const struct {
        const char *params, *kind, *name;
    } rows[] = {
        {"{'family':'AF_INET','type':'SOCK_SEQPACKET'}", "os", "ESOCKTNOSUPPORT"},
        {"{'protocol':'IPPROTO_UDP'}", "os", "EPROTONOSUPPORT"},
        {"{'pool':'web'}", "protocol", "pool"},
        {"{'survive':true}", "lease", "CANNOT_KEEP"},
        {"{'lease':0}", "protocol", "lease"},
        {"{'name':''}", "protocol", "name"},
        {"{'name':'@'}", "protocol", "name"},
        {"{'name':'a b'}", "protocol", "name"},
        {"{'name':'16777217'}", "protocol", "name"},
        {"{'options':{'TCP_NODELAY':'often'}}", "protocol", "options"},
        {"{'options':{'SO_NO_SUCH':1}}", "protocol", "options"},
        {"{'family':'AF_UNIX','options':{'TCP_NODELAY':true}}", "os", "EOPNOTSUPP"},
    };

    house_expect_error(house_fail(c, "socket", "%s", rows[_i].params), rows[_i].kind,
                       rows[_i].name);
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "live"), 0);
    house_do(c, "socket", "{'pool':'default','lease':'session','name':'good'}");
}
END_TEST

START_TEST(options_at_creation)
{
    long long s = house_make(
        c, "socket",
        "{'options':{'SO_REUSEADDR':true,'SO_KEEPALIVE':1,'TCP_NODELAY':true,'SO_RCVBUF':65536}}");
    static const char *const flags[] = {"SO_REUSEADDR", "SO_KEEPALIVE", "TCP_NODELAY"};

    for (size_t i = 0; i < 3; i++)
        ck_assert(house_bool(
            house_do(c, "getsockopt", "{'handle':%lld,'option':'%s'}", s, flags[i]), "value"));
    ck_assert_int_ge(
        house_int(house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_RCVBUF'}", s), "value"),
        65536);
}
END_TEST

START_TEST(a_pair_has_two_names)
{
    json_t *r = house_do(c, "socketpair", "{'name':'p','label':'l','site':'a.c:7'}");
    json_t *row = house_do(c, "ledger.get", "{'handle':'p.1'}");

    ck_assert_int_eq(house_int(row, "handle"), house_int(r, "handles.1"));
    ck_assert_str_eq(house_text(row, "label"), "l");
    ck_assert_str_eq(house_text(row, "site"), "a.c:7");
    ck_assert_str_eq(house_text(row, "state"), "connected");
    house_expect_error(house_fail(c, "socketpair", "{'name':'p'}"), "handle", "NAME_TAKEN");
    house_do(c, "close", "{'handle':'p'}");
    /* The second's name is still taken, and nothing is made by halves. */
    house_expect_error(house_fail(c, "socketpair", "{'name':'p'}"), "handle", "NAME_TAKEN");
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "opened"), 2);
}
END_TEST

/* -- states -- */

START_TEST(a_stream_through_its_states)
{
    static const char *const states[] = {"created", "bound", "listening", "closed"};
    long long s = house_make(c, "socket", "{}");
    json_t *r;

    r = house_do(c, "bind", "{'handle':%lld,'address':{'host':'127.0.0.1','port':0}}", s);
    ck_assert_str_eq(house_text(r, "address.family"), "AF_INET");
    ck_assert_str_eq(house_text(r, "address.host"), "127.0.0.1");
    ck_assert_int_gt(house_int(r, "address.port"), 0);
    ck_assert_int_eq(house_int(house_do(c, "listen", "{'handle':%lld,'backlog':5}", s), "backlog"),
                     5);
    ck_assert_int_le(
        house_int(house_do(c, "listen", "{'handle':%lld,'backlog':1000000000}", s), "backlog"),
        1 << 20);
    r = house_do(c, "close", "{'handle':%lld}", s);
    ck_assert_str_eq(house_text(r, "end.how"), "closed");
    ck_assert_str_eq(house_text(r, "address.host"), "127.0.0.1");
    for (int i = 0; i < 4; i++) {
        char path[40];

        snprintf(path, sizeof path, "transitions.%d.state", i);
        ck_assert_str_eq(house_text(r, path), states[i]);
    }
    house_expect_error(house_fail(c, "close", "{'handle':%lld}", s), "handle", "CLOSED");
}
END_TEST

START_TEST(wrong_states_are_the_kernels_errors)
{
    long long s = house_make(c, "socket", "{}");

    house_expect_error(house_fail(c, "accept", "{'handle':%lld}", s), "os", "EINVAL");
    house_expect_error(house_fail(c, "recv", "{'handle':%lld}", s), "os", "ENOTCONN");
    house_expect_error(house_fail(c, "getpeername", "{'handle':%lld}", s), "os", "ENOTCONN");
    house_expect_error(house_fail(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", s), "os",
                       "ENOTCONN");
    house_expect_error(house_fail(c, "bind", "{'handle':%lld,'address':['192.0.2.1',0]}", s), "os",
                       "EADDRNOTAVAIL");
    house_do(c, "bind", "{'handle':%lld,'address':['',0]}", s);
    house_expect_error(house_fail(c, "bind", "{'handle':%lld,'address':['',0]}", s), "os",
                       "EINVAL");
    ck_assert_str_eq(state_of(s), "bound");
}
END_TEST

START_TEST(accept_waits_and_names)
{
    struct house_client *other = house_client();
    long long listener, mine, theirs;
    int port;
    json_t *r;

    listener = house_listen(c, &port);
    house_begin(c, 1, "accept", "{'handle':%lld,'name':'@served','label':'web'}", listener);
    house_expect_silence(c);
    r = house_do(other, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    theirs = house_int(r, "handle");
    mine = house_int(house_next(c), "result.handle");
    ck_assert_int_eq(house_int(house_do(c, "ledger.get", "{'handle':'@served'}"), "handle"), mine);
    ck_assert_int_eq(
        house_int(house_do(c, "getpeername", "{'handle':%lld}", mine), "address.port"),
        house_int(house_do(other, "getsockname", "{'handle':%lld}", theirs), "address.port"));
    /* A name that is taken is found before a connection is lost by it. */
    house_do(other, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_expect_error(house_fail(c, "accept", "{'handle':%lld,'name':'@served'}", listener),
                       "handle", "NAME_TAKEN");
    house_make(c, "accept", "{'handle':%lld,'timeout':0}", listener);
    house_expect_error(house_fail(c, "accept", "{'handle':%lld,'timeout':0}", listener), "os",
                       "EAGAIN");
    house_begin(c, 1, "accept", "{'handle':%lld,'timeout':1}", listener);
    house_advance(1000000);
    house_expect_error(house_next(c), "timeout", "TIMEOUT");
}
END_TEST

/* -- servers -- */

START_TEST(a_server_is_adopted_by_its_name)
{
    json_t *r = house_do(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    long long first = house_int(r, "handle"), port = house_int(r, "address.port");
    struct house_client *other = house_client();

    ck_assert(!house_bool(r, "adopted"));
    ck_assert_str_eq(state_of(first), "listening");
    r = house_do(other, "create_server", "{'address':['127.0.0.1',%lld],'name':'web'}", port);
    ck_assert(house_bool(r, "adopted"));
    ck_assert_int_eq(house_int(r, "handle"), first);
    r = house_do(other, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    ck_assert(house_bool(r, "adopted"));
    house_expect_error(
        house_fail(other, "create_server", "{'address':['127.0.0.2',%lld],'name':'web'}", port),
        "handle", "NAME_TAKEN");
    house_expect_error(house_fail(other, "create_server", "{'address':['127.0.0.1',%lld]}", port),
                       "os", "EADDRINUSE");
    house_make(c, "socket", "{'name':'no-server'}");
    house_expect_error(
        house_fail(c, "create_server", "{'address':['127.0.0.1',0],'name':'no-server'}"), "handle",
        "NAME_TAKEN");
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "opened"), 2);
}
END_TEST

START_TEST(a_server_has_reuseaddr)
{
    long long s =
        house_make(c, "create_server", "{'address':['127.0.0.1',0],'reuse_port':true,'backlog':7}");

    ck_assert(house_bool(house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_REUSEADDR'}", s),
                         "value"));
    ck_assert(house_bool(house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_REUSEPORT'}", s),
                         "value"));
}
END_TEST

START_TEST(a_dualstack_server)
{
    json_t *r;
    long long port;

    if (!kernel_has(AF_INET6, SOCK_STREAM, 0))
        return;
    r = house_do(c, "create_server", "{'address':['',0],'dualstack':true}");
    port = house_int(r, "address.port");
    ck_assert_str_eq(house_text(r, "address.family"), "AF_INET6");
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%lld}", port);
    house_make(c, "create_connection", "{'host':'::1','port':%lld}", port);
    r = house_do(c, "create_server", "{'address':['::1',0]}");
    ck_assert(house_bool(
        house_do(c, "getsockopt", "{'handle':%lld,'option':'IPV6_V6ONLY'}", house_int(r, "handle")),
        "value"));
    house_expect_error(
        house_fail(c, "create_server", "{'address':['127.0.0.1',0],'dualstack':true}"), "protocol",
        "dualstack");
}
END_TEST

START_TEST(a_scoped_address)
{
    long long s;
    json_t *r;

    if (!kernel_has(AF_INET6, SOCK_DGRAM, 0))
        return;
    s = house_make(c, "socket", "{'family':'AF_INET6','type':'SOCK_DGRAM'}");
    r = house_do(c, "bind", "{'handle':%lld,'address':{'host':'::1','port':0,'flowinfo':0}}", s);
    ck_assert_str_eq(house_text(r, "address.host"), "::1");
    s = house_make(c, "socket", "{'family':'AF_INET6','type':'SOCK_DGRAM'}");
    r = house_ask(c, "bind",
                  "{'handle':%lld,'address':{'host':'fe80::1','port':0,'scope':'nowhere0'}}", s);
    ck_assert(house_has(r, "error"));
}
END_TEST

/* -- Unix -- */

START_TEST(unix_by_path)
{
    static const char *const types[] = {"SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_DGRAM"};
    char dir[] = "/tmp/berth_check_XXXXXX", path[64];
    long long server = house_make(c, "socket", "{'family':'AF_UNIX','type':'%s'}", types[_i]),
              client;
    struct stat st;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    ck_assert_str_eq(
        house_text(house_do(c, "bind", "{'handle':%lld,'address':{'path':'%s'}}", server, path),
                   "address.path"),
        path);
    ck_assert_int_eq(stat(path, &st), 0);
    client = house_make(c, "socket", "{'family':'AF_UNIX','type':'%s'}", types[_i]);
    if (_i < 2)
        house_do(c, "listen", "{'handle':%lld}", server);
    house_do(c, "connect", "{'handle':%lld,'address':{'path':'%s'}}", client, path);
    if (_i < 2)
        server = house_make(c, "accept", "{'handle':%lld}", server);
    house_do(c, "send", "{'handle':%lld,'text':'over'}", client);
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", server), "text"), "over");
    unlink(path);
    rmdir(dir);
}
END_TEST

START_TEST(unix_by_abstract_name)
{
    char name[64];
    json_t *r;
    long long s;

    snprintf(name, sizeof name, "berth-check-%d", (int)getpid());
    r = house_do(c, "create_server", "{'address':{'abstract':'%s'},'name':'a'}", name);
    ck_assert_str_eq(house_text(r, "address.abstract"), name);
    ck_assert_str_eq(house_text(r, "address.family"), "AF_UNIX");
    s = house_make(c, "socket", "{'family':'AF_UNIX'}");
    house_do(c, "connect", "{'handle':%lld,'address':{'abstract':'%s'}}", s, name);
    ck_assert(house_bool(
        house_do(c, "create_server", "{'address':{'abstract':'%s'},'name':'a'}", name), "adopted"));
    s = house_make(c, "socket", "{'family':'AF_UNIX'}");
    house_expect_error(
        house_fail(c, "connect", "{'handle':%lld,'address':{'abstract':'berth-nobody'}}", s), "os",
        "ECONNREFUSED");
    house_expect_error(house_fail(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", s),
                       "protocol", "address");
}
END_TEST

static TCase *client_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sockets");
    TCase *making = client_case(suite, "making"), *states = client_case(suite, "states");
    TCase *servers = client_case(suite, "servers"), *unix_sockets = client_case(suite, "unix");

    tcase_add_loop_test(making, every_kind_of_socket, 0, 10);
    tcase_add_loop_test(making, what_cannot_be_made, 0, 12);
    tcase_add_test(making, options_at_creation);
    tcase_add_test(making, a_pair_has_two_names);
    tcase_add_test(states, a_stream_through_its_states);
    tcase_add_test(states, wrong_states_are_the_kernels_errors);
    tcase_add_test(states, accept_waits_and_names);
    tcase_add_test(servers, a_server_is_adopted_by_its_name);
    tcase_add_test(servers, a_server_has_reuseaddr);
    tcase_add_test(servers, a_dualstack_server);
    tcase_add_test(servers, a_scoped_address);
    tcase_add_loop_test(unix_sockets, unix_by_path, 0, 3);
    tcase_add_test(unix_sockets, unix_by_abstract_name);
    return suite;
}

int main(void)
{
    return house_run(make_suite());
}
