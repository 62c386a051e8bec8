/* check_connect.c — connecting: at once, later, not at all; and create_connection, which tries
 * many. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

/* -- a resolver: the linker's --wrap, see CMakeLists.txt -- */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);

/* "both.example" has an address of each family, whatever the machine's own names are. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
    int r;

    if (!host || strcmp(host, "both.example") != 0 || hints->ai_flags & AI_NUMERICHOST)
        return __real_getaddrinfo(host, service, hints, ret);
    r = __real_getaddrinfo("127.0.0.1", service, hints, ret);
    return r ? r : __real_getaddrinfo("::1", service, hints, &(*ret)->ai_next);
}

/* -- tools -- */

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
}

/* A listener of the test's own whose queue is full: connections to it stay in progress. Returns its
 * port. */
static int full_listener(int *ret_fd, int *ret_queued)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(*ret_fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(*ret_fd, 0), 0);
    ck_assert_int_eq(getsockname(*ret_fd, (struct sockaddr *)&a, &n), 0);
    *ret_queued = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(*ret_queued, (struct sockaddr *)&a, sizeof a), 0);
    return ntohs(a.sin_port);
}

/* A port on which nobody listens. */
static int free_port(void)
{
    long long s = house_make(c, "socket", "{}");
    int port = (int)house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", s),
                              "address.port");

    house_do(c, "close", "{'handle':%lld}", s);
    return port;
}

static const char *state_of(long long handle)
{
    return house_text(house_do(c, "ledger.get", "{'handle':%lld}", handle), "state");
}

/* -- connect -- */

START_TEST(a_connection_comes_about)
{
    int port;
    long long listener = house_listen(c, &port), s = house_make(c, "socket", "{}");
    json_t *r = house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", s, port);

    ck_assert_int_eq(house_int(r, "peer.port"), port);
    ck_assert_str_eq(house_text(r, "address.host"), "127.0.0.1");
    ck_assert_str_eq(state_of(s), "connected");
    house_expect_error(
        house_fail(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", s, port), "os",
        "EISCONN");
    house_make(c, "accept", "{'handle':%lld}", listener);
}
END_TEST

START_TEST(a_connection_is_refused)
{
    long long s = house_make(c, "socket", "{}");
    json_t *e =
        house_fail(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", s, free_port());

    house_expect_error(e, "os", "ECONNREFUSED");
    ck_assert_int_eq(house_int(e, "data.errno"), ECONNREFUSED);
    ck_assert_str_eq(house_text(e, "data.op"), "connect");
    ck_assert_str_ne(state_of(s), "connected");
    ck_assert_str_ne(state_of(s), "connecting");
}
END_TEST

START_TEST(a_connection_by_a_name)
{
    int port;
    long long s = house_make(c, "socket", "{}");

    house_listen(c, &port);
    ck_assert_int_eq(
        house_int(house_do(c, "connect", "{'handle':%lld,'address':['localhost',%d]}", s, port),
                  "peer.port"),
        port);
    s = house_make(c, "socket", "{}");
    ck_assert_str_eq(
        house_text(
            house_fail(c, "connect", "{'handle':%lld,'address':['no-such-host.invalid',1]}", s),
            "data.kind"),
        "gai");
}
END_TEST

START_TEST(a_connection_that_takes_its_time)
{
    int listener, queued, port = full_listener(&listener, &queued);
    long long s = house_make(c, "socket", "{}"), other = house_make(c, "socket", "{}");
    json_t *reply;

    house_begin(c, 1, "connect", "{'handle':%lld,'address':['127.0.0.1',%d],'timeout':5}", s, port);
    house_begin(c, 2, "recv", "{'handle':%lld}", s);
    house_begin(c, 3, "send", "{'handle':%lld,'text':'x'}", s);
    house_expect_silence(c);
    ck_assert_str_eq(state_of(s), "connecting");
    house_expect_error(house_fail(c, "connect",
                                  "{'handle':%lld,'address':['127.0.0.1',%d],'timeout':0}", other,
                                  port),
                       "os", "EINPROGRESS");
    ck_assert_str_eq(state_of(other), "connecting");
    house_advance(5000000);
    reply = house_next(c);
    house_expect_id(reply, 1);
    house_expect_error(reply, "timeout", "TIMEOUT");
    house_do(c, "close", "{'handle':%lld}", s);
    for (int i = 0; i < 2; i++)
        ck_assert(house_has(house_next(c), "error"));
    close(listener);
    close(queued);
}
END_TEST

/* The usual way without waiting: connect, poll for out, look at SO_ERROR. */
START_TEST(a_connection_begun_without_waiting)
{
    int port;
    long long s = house_make(c, "socket", "{}");
    json_t *r;

    house_listen(c, &port);
    r = house_ask(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d],'timeout':0}", s, port);
    if (!house_has(r, "result"))
        house_expect_error(r, "os", "EINPROGRESS");
    r = house_do(c, "poll", "{'handles':[{'handle':%lld,'events':['out']}],'timeout':5}", s);
    ck_assert_str_eq(house_text(r, "ready.0.events.0"), "out");
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_ERROR'}", s);
    ck_assert_int_eq(house_int(r, "value"), 0);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", s);
    ck_assert_str_eq(state_of(s), "connected");
}
END_TEST

START_TEST(a_datagram_socket_connects_and_again)
{
    long long a = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");

    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',9]}", a);
    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',10]}", a);
    ck_assert_int_eq(house_int(house_do(c, "getpeername", "{'handle':%lld}", a), "address.port"),
                     10);
}
END_TEST

/* T47: no event tells when a Unix listener has room again. */
START_TEST(a_unix_listener_with_a_full_queue)
{
    char name[64];
    long long listener, s[3];

    snprintf(name, sizeof name, "berth-check-full-%d", (int)getpid());
    listener = house_make(c, "create_server", "{'address':{'abstract':'%s'},'backlog':0}", name);
    for (int i = 0; i < 3; i++)
        s[i] = house_make(c, "socket", "{'family':'AF_UNIX'}");
    house_do(c, "connect", "{'handle':%lld,'address':{'abstract':'%s'}}", s[0], name);
    house_expect_error(house_fail(c, "connect",
                                  "{'handle':%lld,'address':{'abstract':'%s'},'timeout':0}", s[1],
                                  name),
                       "os", "EAGAIN");
    house_begin(c, 1, "connect", "{'handle':%lld,'address':{'abstract':'%s'},'timeout':5}", s[1],
                name);
    house_begin(c, 2, "connect", "{'handle':%lld,'address':{'abstract':'%s'},'timeout':1}", s[2],
                name);
    house_expect_silence(c);
    house_advance(1000000);
    house_expect_error(house_next(c), "timeout", "TIMEOUT");
    house_make(c, "accept", "{'handle':%lld}", listener);
    house_advance(20000);
    house_expect_id(house_next(c), 1);
}
END_TEST

/* -- create_connection -- */

START_TEST(create_connection_tells_its_attempts)
{
    int port;
    long long handle;
    json_t *r;

    house_listen(c, &port);
    r = house_do(c, "create_connection",
                 "{'host':'127.0.0.1','port':%d,'name':'@link','label':'l'}", port);
    handle = house_int(r, "handle");
    ck_assert_uint_eq(house_size(r, "attempts"), 1);
    ck_assert_int_eq(house_int(r, "attempts.0.address.port"), port);
    ck_assert(!house_has(r, "attempts.0.error"));
    ck_assert_int_eq(house_int(r, "peer.port"), port);
    ck_assert_int_eq(house_int(house_do(c, "ledger.get", "{'handle':'@link'}"), "handle"), handle);
    house_expect_error(
        house_fail(c, "create_connection", "{'host':'127.0.0.1','port':%d,'name':'@link'}", port),
        "handle", "NAME_TAKEN");
}
END_TEST

/* A scope is for IPv6 alone: the first address fails by the parameter, which its error names. */
START_TEST(create_connection_names_what_an_attempt_lacked)
{
    json_t *r = house_ask(c, "create_server", "{'address':['::1',0]}");

    if (!house_has(r, "result")) {
        house_expect_error(r, "os", "EADDRNOTAVAIL"); /* a machine without ::1 */
        return;
    }
    r = house_do(c, "create_connection",
                 "{'host':'both.example','port':%lld,'source':{'host':'','port':0,'scope':'lo'}}",
                 house_int(r, "result.address.port"));
    ck_assert_int_eq((int)house_size(r, "attempts"), 2);
    ck_assert_str_eq(house_text(r, "attempts.0.address.family"), "AF_INET");
    ck_assert_str_eq(house_text(r, "attempts.0.error.kind"), "protocol");
    ck_assert_str_eq(house_text(r, "attempts.0.error.name"), "source");
    ck_assert(!house_has(r, "attempts.1.error"));
}
END_TEST

START_TEST(create_connection_fails_as_the_last_attempt)
{
    json_t *e = house_fail(c, "create_connection", "{'host':'127.0.0.1','port':%d}", free_port());

    house_expect_error(e, "os", "ECONNREFUSED");
    ck_assert_ptr_nonnull(strstr(house_text(e, "message"), "127.0.0.1"));
    ck_assert_int_eq(house_n_live(), 0);
}
END_TEST

START_TEST(create_connection_in_progress)
{
    int listener, queued, port = full_listener(&listener, &queued);
    json_t *reply;

    house_expect_error(
        house_fail(c, "create_connection", "{'host':'127.0.0.1','port':%d,'timeout':0}", port),
        "os", "EINPROGRESS");
    house_begin(c, 1, "create_connection", "{'host':'127.0.0.1','port':%d,'timeout':3}", port);
    house_begin(c, 2, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_begin(c, 3, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_turn(20);
    house_expect_silence(c);
    house_advance(3000000);
    reply = house_next(c);
    house_expect_id(reply, 1);
    house_expect_error(reply, "timeout", "TIMEOUT");
    house_begin(c, 4, "cancel", "{'id':2}");
    for (int i = 0; i < 2; i++) {
        reply = house_next(c);
        if (house_int(reply, "id") == 2)
            house_expect_error(reply, "cancelled", "CANCELLED");
    }
    /* The third is still tried when the session ends. */
    close(listener);
    close(queued);
}
END_TEST

START_TEST(create_connection_from_a_source)
{
    int port;
    json_t *r;

    house_listen(c, &port);
    r = house_do(c, "create_connection", "{'host':'127.0.0.1','port':%d,'source':['127.0.0.2',0]}",
                 port);
    ck_assert_str_eq(house_text(r, "address.host"), "127.0.0.2");
    house_expect_error(house_fail(c, "create_connection",
                                  "{'host':'127.0.0.1','port':%d,'source':['192.0.2.1',0]}", port),
                       "os", "EADDRNOTAVAIL");
}
END_TEST

START_TEST(create_connection_with_options)
{
    int port;
    long long s;

    house_listen(c, &port);
    s = house_make(c, "create_connection",
                   "{'host':'127.0.0.1','port':%d,'options':{'TCP_NODELAY':true}}", port);
    ck_assert(house_bool(house_do(c, "getsockopt", "{'handle':%lld,'option':'TCP_NODELAY'}", s),
                         "value"));
}
END_TEST

START_TEST(what_create_connection_refuses)
{
    static const struct {
        const char *params, *kind, *name;
    } rows[] = {
        {"{'host':'127.0.0.1','port':65536}", "protocol", "port"},
        {"{'host':'127.0.0.1','port':-1}", "protocol", "port"},
        {"{'host':'127.0.0.1','port':1,'family':'AF_UNIX'}", "protocol", "family"},
        {"{'host':'127.0.0.1','port':1,'survive':true}", "lease", "CANNOT_KEEP"},
    };

    house_expect_error(house_fail(c, "create_connection", "%s", rows[_i].params), rows[_i].kind,
                       rows[_i].name);
}
END_TEST

START_TEST(create_connection_to_nobody)
{
    json_t *e = house_fail(c, "create_connection", "{'host':'no-such-host.invalid','port':1}");

    ck_assert_str_eq(house_text(e, "data.kind"), "gai");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connect");
    TCase *tc = tcase_create("connect"), *many = tcase_create("create_connection");

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_add_checked_fixture(many, open_client, house_close);
    tcase_set_timeout(tc, 30);
    tcase_set_timeout(many, 30);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, many);
    tcase_add_test(tc, a_connection_comes_about);
    tcase_add_test(tc, a_connection_is_refused);
    tcase_add_test(tc, a_connection_by_a_name);
    tcase_add_test(tc, a_connection_that_takes_its_time);
    tcase_add_test(tc, a_connection_begun_without_waiting);
    tcase_add_test(tc, a_datagram_socket_connects_and_again);
    tcase_add_test(tc, a_unix_listener_with_a_full_queue);
    tcase_add_test(many, create_connection_tells_its_attempts);
    tcase_add_test(many, create_connection_names_what_an_attempt_lacked);
    tcase_add_test(many, create_connection_fails_as_the_last_attempt);
    tcase_add_test(many, create_connection_in_progress);
    tcase_add_test(many, create_connection_from_a_source);
    tcase_add_test(many, create_connection_with_options);
    tcase_add_loop_test(many, what_create_connection_refuses, 0, 4);
    tcase_add_test(many, create_connection_to_nobody);
    return house_run(suite);
}
