/* check_berth_live.c — libberth and a real daemon: every call does to a real socket what the BSD
 * one does. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/berth.h"
#include "tests/real_daemon.h"

static berth *b;

static void setup(void)
{
    real_daemon_start();
    b = berth_new(NULL);
    ck_assert_msg(b, "%s", berth_last_error(NULL)->message);
    /* Nothing here waits longer, or something is wrong. */
    ck_assert_int_eq(berth_setdefaulttimeout(b, 10), 0);
}

static void teardown(void)
{
    struct berth_audit audit;

    ck_assert_int_eq(berth_ledger_audit(b, &audit), 0);
    ck_assert_int_eq(audit.balance, 0);
    berth_free(b);
    real_daemon_stop();
}

/* The call must succeed; what it returns. */
#define OK(call)                                                                                   \
    ({                                                                                             \
        int64_t ok_result = (call);                                                                \
        ck_assert_msg(ok_result >= 0, #call ": %s %s: %s", berth_last_error(b)->kind,              \
                      berth_last_error(b)->name, berth_last_error(b)->message);                    \
        ok_result;                                                                                 \
    })

#define FAILS(call, with)                                                                          \
    do {                                                                                           \
        errno = 0;                                                                                 \
        ck_assert_int_eq(call, -1);                                                                \
        ck_assert_int_eq(errno, with);                                                             \
    } while (0)

static uint16_t port_of(berth_handle h)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    OK(berth_getsockname(b, h, (struct sockaddr *)&address, &len));
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A TCP connection: its client's end and its server's. */
static void connect_tcp(berth_handle ret_ends[2])
{
    const struct sockaddr_in any_port = {.sin_family = AF_INET,
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    berth_handle listener = OK(berth_socket(b, AF_INET, SOCK_STREAM, 0));
    int on = 1;

    OK(berth_setsockopt(b, listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    OK(berth_bind(b, listener, (const struct sockaddr *)&any_port, sizeof any_port));
    OK(berth_listen(b, listener, 5));
    ret_ends[0] = OK(berth_create_connection(b, "127.0.0.1", port_of(listener), 5, NULL));
    ret_ends[1] = OK(berth_accept(b, listener, (struct sockaddr *)&peer, &len));
    ck_assert_uint_eq(len, sizeof peer);
    ck_assert_uint_eq(ntohs(peer.sin_port), port_of(ret_ends[0]));
    OK(berth_close(b, listener));
}

START_TEST(tcp_talks)
{
    berth_handle ends[2];
    char data[100];
    int eof = -1;

    connect_tcp(ends);
    ck_assert_int_eq(OK(berth_send(b, ends[0], "hello\nworld", 11, 0)), 11);
    ck_assert_int_eq(OK(berth_recv_until(b, ends[1], data, sizeof data, "\n", &eof)), 6);
    ck_assert_int_eq(OK(berth_recv_exactly(b, ends[1], data, 5, &eof)), 5);
    ck_assert_mem_eq(data, "world", 5);
    ck_assert_int_eq(eof, 0);
    OK(berth_sendall(b, ends[0], "\0\0\0\2abcd", 8, 0));
    ck_assert_int_eq(OK(berth_recv_prefix(b, ends[1], data, sizeof data, 4, NULL)), 2);
    ck_assert_int_eq(OK(berth_recv(b, ends[1], data, sizeof data, MSG_PEEK)), 2);
    ck_assert_int_eq(OK(berth_recv(b, ends[1], data, sizeof data, 0)), 2);
    ck_assert_mem_eq(data, "cd", 2);
    FAILS((int)berth_recv(b, ends[1], data, sizeof data, MSG_DONTWAIT), EAGAIN);
    OK(berth_shutdown(b, ends[0], SHUT_WR));
    ck_assert_int_eq(OK(berth_recv(b, ends[1], data, sizeof data, 0)), 0);
    FAILS((int)berth_send(b, ends[0], "x", 1, 0), EPIPE);
    OK(berth_close(b, ends[0]));
    FAILS(berth_close(b, ends[0]), EBADF);
}
END_TEST

START_TEST(timeouts_have_three_modes)
{
    berth_handle ends[2];
    double timeout;
    char data[4];

    connect_tcp(ends);
    OK(berth_settimeout(b, ends[0], 0.02));
    OK(berth_gettimeout(b, ends[0], &timeout));
    ck_assert_double_eq(timeout, 0.02);
    FAILS((int)berth_recv(b, ends[0], data, sizeof data, 0), ETIMEDOUT);
    ck_assert_str_eq(berth_last_error(b)->kind, "timeout");
    OK(berth_settimeout(b, ends[0], 0));
    FAILS((int)berth_recv(b, ends[0], data, sizeof data, 0), EAGAIN);
    OK(berth_settimeout(b, ends[0], BERTH_FOREVER));
    OK(berth_gettimeout(b, ends[0], &timeout));
    ck_assert_double_eq(timeout, BERTH_FOREVER);
    OK(berth_send(b, ends[1], "x", 1, 0));
    ck_assert_int_eq(OK(berth_recv(b, ends[0], data, sizeof data, 0)), 1);
}
END_TEST

START_TEST(options_are_the_kernels)
{
    const struct berth_options options = {.name = "@o", .options = "{\"TCP_NODELAY\":true}"};
    berth_handle h =
        OK(berth_socket_with(b, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, &options));
    struct tcp_info info;
    socklen_t size = sizeof(int);
    int value = 0;
    char *json;

    ck_assert_int_eq(berth_find(b, "@o"), h);
    OK(berth_getsockopt(b, h, IPPROTO_TCP, TCP_NODELAY, &value, &size));
    ck_assert_int_eq(value, 1);
    OK(berth_setsockopt_json(b, h, "SO_LINGER", "{\"onoff\":true,\"linger\":5}"));
    json = berth_getsockopt_json(b, h, "SO_LINGER");
    ck_assert_pstr_eq(json, "{\"onoff\":true,\"linger\":5}");
    free(json);
    size = sizeof info;
    OK(berth_getsockopt(b, h, IPPROTO_TCP, TCP_INFO, &info, &size));
    ck_assert_int_eq(info.tcpi_state, TCP_CLOSE);
    FAILS(berth_setsockopt_json(b, h, "SO_NONSENSE", "1"), EINVAL);
}
END_TEST

START_TEST(files_are_sent)
{
    berth_handle pair[2];
    char data[10];
    int fd = memfd_create("file", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    OK(berth_socketpair(b, SOCK_STREAM, pair));
    ck_assert_int_eq(OK(berth_sendfile(b, pair[0], fd, 2, 3)), 3);
    ck_assert_int_eq(OK(berth_sendfile(b, pair[0], fd, 8, 0)), 2);
    ck_assert_int_eq(OK(berth_recv_exactly(b, pair[1], data, 5, NULL)), 5);
    ck_assert_mem_eq(data, "23489", 5);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* More than a request, and more than a reply, holds. */
START_TEST(large_data)
{
    enum { N = 3000000 };
    char *sent = malloc(N), *got = malloc(N);
    berth_handle pair[2];
    struct berth_reply reply;
    size_t n = 0;

    ck_assert(sent && got);
    for (size_t i = 0; i < N; i++)
        sent[i] = (char)(i * 7 + i / 1000);
    OK(berth_hello(b, "check", "large", BERTH_UNORDERED, NULL));
    OK(berth_socketpair(b, SOCK_STREAM, pair));
    while (n < N) {
        ssize_t n_sent = OK(berth_send(b, pair[0], sent + n, N - n, 0)), n_got = 0;

        while (n_got < n_sent)
            n_got += OK(berth_recv(b, pair[1], got + n + n_got, N - n - (size_t)n_got, 0));
        n += (size_t)n_got;
    }
    ck_assert_int_eq(memcmp(sent, got, N), 0);
    ck_assert_int_eq(berth_next_reply(b, &reply), 0);
    free(sent);
    free(got);
}
END_TEST

START_TEST(datagrams)
{
    berth_handle receiver = OK(berth_socket(b, AF_INET6, SOCK_DGRAM, 0));
    berth_handle sender = OK(berth_socket(b, AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
    struct sockaddr_in6 address, from;
    socklen_t len = sizeof address;
    char data[4];

    OK(berth_bind_host(b, receiver, "::1", 0));
    OK(berth_getsockname(b, receiver, (struct sockaddr *)&address, &len));
    ck_assert_int_eq(OK(berth_sendto(b, sender, "abcdef", 6, 0, (struct sockaddr *)&address, len)),
                     6);
    len = sizeof from;
    ck_assert_int_eq(OK(berth_recvfrom(b, receiver, data, sizeof data, MSG_TRUNC,
                                       (struct sockaddr *)&from, &len)),
                     6);
    ck_assert_mem_eq(data, "abcd", 4);
    ck_assert_int_eq(from.sin6_family, AF_INET6);
    OK(berth_connect(b, sender, (struct sockaddr *)&address, sizeof address));
    ck_assert_int_eq(OK(berth_send(b, sender, "", 0, 0)), 0);
    ck_assert_int_eq(OK(berth_recvfrom(b, receiver, data, sizeof data, 0, NULL, NULL)), 0);
    OK(berth_connect_host(b, sender, "::1", ntohs(address.sin6_port)));
    OK(berth_getpeername(b, sender, (struct sockaddr *)&from, &len));
    ck_assert_uint_eq(from.sin6_port, address.sin6_port);
}
END_TEST

START_TEST(groups)
{
    berth_handle v4 = OK(berth_socket(b, AF_INET, SOCK_DGRAM, 0));
    berth_handle v6 = OK(berth_socket(b, AF_INET6, SOCK_DGRAM, 0));

    OK(berth_join_group(b, v4, "239.1.2.3", "lo", NULL));
    FAILS(berth_join_group(b, v4, "239.1.2.3", "lo", NULL), EADDRINUSE);
    OK(berth_leave_group(b, v4, "239.1.2.3", "lo", NULL));
    OK(berth_join_group(b, v4, "232.1.2.3", "lo", "127.0.0.1"));
    OK(berth_leave_group(b, v4, "232.1.2.3", "lo", "127.0.0.1"));
    OK(berth_join_group(b, v6, "ff02::5", "1", NULL));
    OK(berth_leave_group(b, v6, "ff02::5", "lo", NULL));
}
END_TEST

START_TEST(servers)
{
    const struct berth_options named = {.name = "here"},
                               dual = {.flags = BERTH_DUALSTACK | BERTH_REUSE_PORT};
    const struct berth_options kept = {.lease = 10};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0berth-check-live"};
    socklen_t len = sizeof(sa_family_t) + 17;
    berth_handle first;

    first = OK(berth_create_server(b, (struct sockaddr *)&un, len, &named));
    ck_assert_int_eq(berth_create_server(b, (struct sockaddr *)&un, len, &named), first);
    memset(&un, 0, sizeof un);
    OK(berth_getsockname(b, first, (struct sockaddr *)&un, &len));
    ck_assert_uint_eq(len, sizeof(sa_family_t) + 17);
    ck_assert_mem_eq(un.sun_path, "\0berth-check-live", 17);
    OK(berth_create_server_host(b, "::", 0, &dual));
    OK(berth_create_server_host(b, "localhost", 0, NULL));
    first = OK(berth_socket_with(b, AF_INET, SOCK_STREAM, 0, &kept));
    OK(berth_close(b, first));
}
END_TEST

START_TEST(poll_tells_who_is_ready)
{
    struct berth_pollfd p[3] = {
        {.events = POLLIN}, {.events = POLLIN | POLLOUT}, {.events = POLLIN}};
    berth_handle pair[2];

    OK(berth_socketpair(b, SOCK_STREAM, pair));
    p[0].handle = OK(berth_create_server_host(b, "127.0.0.1", 0, NULL));
    p[1].handle = pair[0];
    p[2].handle = pair[1];
    ck_assert_int_eq(OK(berth_poll(b, p, 3, 0)), 1);
    ck_assert_int_eq(p[1].revents, POLLOUT);
    OK(berth_send(b, pair[0], "x", 1, 0));
    ck_assert_int_eq(OK(berth_poll(b, &p[2], 1, -1)), 1);
    ck_assert_int_eq(p[2].revents, POLLIN);
}
END_TEST

START_TEST(names)
{
    const struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char host[100], service[100], own[100];
    struct if_nameindex *interfaces;
    struct addrinfo *list;
    struct in_addr in;

    ck_assert_int_eq(berth_getaddrinfo(b, "127.0.0.1", "80", &hints, &list), 0);
    ck_assert_uint_eq(((struct sockaddr_in *)list->ai_addr)->sin_port, htons(80));
    berth_freeaddrinfo(list);
    ck_assert_int_eq(berth_getaddrinfo(b, NULL, "80", &hints, &list), 0);
    ck_assert_uint_eq(((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr, 0);
    berth_freeaddrinfo(list);
    ck_assert_int_eq(berth_getnameinfo(b, (const struct sockaddr *)&loopback, sizeof loopback, host,
                                       sizeof host, service, sizeof service,
                                       NI_NUMERICHOST | NI_NUMERICSERV),
                     0);
    ck_assert_str_eq(host, "127.0.0.1");
    ck_assert_str_eq(service, "0");
    ck_assert_ptr_nonnull(berth_gethostbyname(b, "localhost"));
    OK(berth_gethostname(b, host, sizeof host));
    gethostname(own, sizeof own);
    ck_assert_str_eq(host, own);
    interfaces = berth_if_nameindex(b);
    ck_assert_ptr_nonnull(interfaces);
    ck_assert_str_eq(interfaces[0].if_name, "lo");
    berth_if_freenameindex(interfaces);
    ck_assert_int_eq(berth_inet_aton(b, "127.1", &in), 1);
    ck_assert_str_eq(berth_inet_ntoa(b, in), "127.0.0.1");
    ck_assert_int_eq(berth_inet_aton(b, "x", &in), 0);
    ck_assert_int_eq(berth_inet_pton(b, AF_INET6, "::1", own), 1);
    ck_assert_str_eq(berth_inet_ntop(b, AF_INET6, own, host, sizeof host), "::1");
}
END_TEST

START_TEST(ledger)
{
    berth_handle h = OK(berth_socket_at("prog.c:7", b, AF_INET, SOCK_STREAM, 0, NULL));
    struct berth_row *row, *rows;
    char *json = berth_discover(b);

    ck_assert_msg(json && strstr(json, "\"openrpc\""), "%s", json);
    free(json);
    OK(berth_ledger_list(b, NULL, &rows));
    ck_assert_ptr_nonnull(rows);
    ck_assert_int_eq(rows->handle, h);
    ck_assert_str_eq(rows->site, "prog.c:7");
    ck_assert_int_eq(rows->owner_pid, getpid());
    ck_assert_ptr_null(rows->next);
    berth_free_rows(rows);
    OK(berth_close(b, h));
    row = berth_ledger_get(b, h);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->state, "closed");
    ck_assert_str_eq(row->end_how, "closed");
    berth_free_rows(row);
}
END_TEST

/* A handle with a lease outlives its session, and another one takes it over. */
START_TEST(leases)
{
    berth *other = berth_new(NULL);
    struct berth_row *row;
    berth_handle h;

    ck_assert_ptr_nonnull(other);
    h = berth_socket(other, AF_INET, SOCK_STREAM, 0);
    ck_assert_int_gt(h, 0);
    ck_assert_int_eq(berth_lease(other, h, -3), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(berth_lease(other, h, BERTH_PERMANENT), 0);
    ck_assert_int_eq(berth_lease(other, h, 100), 0);
    berth_free(other);
    /* Until the daemon has seen the end of that session, the handle is in use there. */
    while (berth_attach(b, h, BERTH_SAME_LEASE) < 0)
        OK(berth_ping(b, NULL));
    row = berth_ledger_get(b, h);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->state, "created");
    berth_free_rows(row);
    OK(berth_lease(b, h, 0));
    OK(berth_close(b, h));
    FAILS(berth_lease(b, h, 0), EBADF);
    FAILS(berth_attach(b, h, 0), EBADF);
}
END_TEST

START_TEST(leaks_and_reaping)
{
    berth *other = berth_new(NULL);
    struct berth_stats stats;
    struct berth_row *rows;
    char *json = berth_ledger_leaks(b, 0);
    berth_handle h;

    ck_assert_pstr_eq(json, "{\"groups\":[]}");
    free(json);
    ck_assert_ptr_nonnull(other);
    ck_assert_int_gt(berth_socket_at("prog.c:9", other, AF_INET, SOCK_STREAM, 0, NULL), 0);
    berth_free(other);
    do
        OK(berth_stats(b, &stats));
    while (stats.reclaimed_total == 0);
    ck_assert_int_eq(stats.opened_total, 1);
    ck_assert_int_eq(stats.handles, 0);
    ck_assert_int_eq(stats.sessions, 1);
    json = berth_ledger_leaks(b, 1);
    ck_assert_ptr_nonnull(json);
    ck_assert_msg(strstr(json, "\"site\":\"prog.c:9\"") && strstr(json, "\"reclaimed\":1,"), "%s",
                  json);
    free(json);
    json = berth_ledger_leaks(b, 99999999999.0);
    ck_assert_pstr_eq(json, "{\"groups\":[]}");
    free(json);
    ck_assert_ptr_null(berth_ledger_leaks(b, INFINITY));
    ck_assert_int_eq(errno, EINVAL);

    h = OK(berth_socket(b, AF_INET, SOCK_STREAM, 0));
    FAILS(berth_ledger_reap(b, NULL, 1, &rows), EINVAL);
    ck_assert_ptr_null(rows);
    OK(berth_ledger_reap(b, "{\"state\":\"listening\"}", 0, &rows));
    ck_assert_ptr_null(rows);
    OK(berth_ledger_reap(b, "{\"state\":\"created\"}", 1, &rows));
    ck_assert_int_eq(rows->handle, h);
    ck_assert_str_eq(rows->state, "created");
    ck_assert_ptr_null(rows->next);
    berth_free_rows(rows);
    OK(berth_ledger_reap(b, "{\"state\":\"created\"}", 0, NULL));
    FAILS(berth_close(b, h), EBADF);
}
END_TEST

/* Waits for the next reply as an event loop does. */
static struct berth_reply next_reply(void)
{
    struct berth_reply reply;

    while (OK(berth_next_reply(b, &reply)) == 0) {
        struct pollfd p = {.fd = berth_fd(b), .events = berth_events(b)};

        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        OK(berth_process(b));
    }
    return reply;
}

START_TEST(requests_overtake)
{
    berth_handle pair[2];
    struct berth_reply reply;
    int64_t first, second;
    char params[64];

    OK(berth_hello(b, NULL, NULL, BERTH_UNORDERED, NULL));
    OK(berth_socketpair(b, SOCK_STREAM, pair));
    snprintf(params, sizeof params, "{\"handle\":%lld}", (long long)pair[0]);
    first = OK(berth_send_request(b, "recv", params, -1));
    second = OK(berth_send_request(b, "recv", params, -1));
    OK(berth_ping(b, NULL));
    ck_assert_int_eq(berth_cancel(b, second), 1);
    OK(berth_send(b, pair[1], "yo", 2, 0));
    reply = next_reply();
    ck_assert_int_eq(reply.id, second);
    ck_assert_str_eq(reply.error->kind, "cancelled");
    reply = next_reply();
    ck_assert_int_eq(reply.id, first);
    ck_assert_str_eq(reply.json, "{\"text\":\"yo\",\"eof\":false}");
    ck_assert_int_eq(berth_cancel(b, first), 0);
}
END_TEST

/* Events are notifications; those that come while another call waits are kept. */
START_TEST(events_arrive)
{
    char *json = berth_call(b, "subscribe", "{\"events\":[\"opened\",\"closed\"]}");
    struct berth_reply reply;
    berth_handle h;

    ck_assert_msg(json, "%s", berth_last_error(b)->message);
    free(json);
    h = OK(berth_socket(b, AF_INET, SOCK_STREAM, 0));
    OK(berth_close(b, h));
    OK(berth_ping(b, NULL));
    reply = next_reply();
    ck_assert_int_eq(reply.id, 0);
    ck_assert_pstr_eq(reply.method, "event");
    ck_assert_msg(strstr(reply.json, "\"type\":\"opened\""), "%s", reply.json);
    reply = next_reply();
    ck_assert_msg(strstr(reply.json, "\"type\":\"closed\""), "%s", reply.json);
    ck_assert_int_eq(berth_next_reply(b, &reply), 0);
}
END_TEST

/* The handles of a session are closed with it, and counted. */
START_TEST(session_is_reclaimed)
{
    struct berth_audit audit;
    berth *other = berth_new(NULL);
    berth_handle h;

    ck_assert_ptr_nonnull(other);
    h = berth_socket(other, AF_INET, SOCK_STREAM, 0);
    ck_assert_int_gt(h, 0);
    berth_free(other);
    do
        OK(berth_ledger_audit(b, &audit));
    while (audit.live);
    ck_assert_int_eq(audit.reclaimed, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_live");
    TCase *tests = tcase_create("live");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, tcp_talks);
    tcase_add_test(tests, timeouts_have_three_modes);
    tcase_add_test(tests, options_are_the_kernels);
    tcase_add_test(tests, files_are_sent);
    tcase_add_test(tests, large_data);
    tcase_add_test(tests, datagrams);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, servers);
    tcase_add_test(tests, poll_tells_who_is_ready);
    tcase_add_test(tests, names);
    tcase_add_test(tests, ledger);
    tcase_add_test(tests, leases);
    tcase_add_test(tests, leaks_and_reaping);
    tcase_add_test(tests, requests_overtake);
    tcase_add_test(tests, events_arrive);
    tcase_add_test(tests, session_is_reclaimed);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
