/* check_berth_live.c — libberth and a real daemon: every call does to a real socket what the BSD
 * one does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "live.h"

static uint16_t port_of(berth_handle h)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    OK(berth_getsockname(live, h, (struct sockaddr *)&address, &len));
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A TCP connection: its client's end and its server's. */
static void connect_tcp(berth_handle ret_ends[2])
{
    const struct sockaddr_in any_port = {.sin_family = AF_INET,
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    berth_handle listener = OK(berth_socket(live, AF_INET, SOCK_STREAM, 0));
    int on = 1;

    OK(berth_setsockopt(live, listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    OK(berth_bind(live, listener, (const struct sockaddr *)&any_port, sizeof any_port));
    OK(berth_listen(live, listener, 5));
    ret_ends[0] = OK(berth_create_connection(live, "127.0.0.1", port_of(listener), 5, NULL));
    ret_ends[1] = OK(berth_accept(live, listener, (struct sockaddr *)&peer, &len));
    ck_assert_uint_eq(len, sizeof peer);
    ck_assert_uint_eq(ntohs(peer.sin_port), port_of(ret_ends[0]));
    OK(berth_close(live, listener));
}

START_TEST(tcp_talks)
{
    berth_handle ends[2];
    char data[100];
    int eof = -1;

    connect_tcp(ends);
    ck_assert_int_eq(OK(berth_send(live, ends[0], "hello\nworld", 11, 0)), 11);
    ck_assert_int_eq(OK(berth_recv_until(live, ends[1], data, sizeof data, "\n", &eof)), 6);
    ck_assert_int_eq(OK(berth_recv_exactly(live, ends[1], data, 5, &eof)), 5);
    ck_assert_mem_eq(data, "world", 5);
    ck_assert_int_eq(eof, 0);
    OK(berth_sendall(live, ends[0], "\0\0\0\2abcd", 8, 0));
    ck_assert_int_eq(OK(berth_recv_prefix(live, ends[1], data, sizeof data, 4, NULL)), 2);
    ck_assert_int_eq(OK(berth_recv(live, ends[1], data, sizeof data, MSG_PEEK)), 2);
    ck_assert_int_eq(OK(berth_recv(live, ends[1], data, sizeof data, 0)), 2);
    ck_assert_mem_eq(data, "cd", 2);
    FAILS((int)berth_recv(live, ends[1], data, sizeof data, MSG_DONTWAIT), EAGAIN);
    OK(berth_shutdown(live, ends[0], SHUT_WR));
    ck_assert_int_eq(OK(berth_recv(live, ends[1], data, sizeof data, 0)), 0);
    FAILS((int)berth_send(live, ends[0], "x", 1, 0), EPIPE);
    OK(berth_close(live, ends[0]));
    FAILS(berth_close(live, ends[0]), EBADF);
}
END_TEST

START_TEST(timeouts_have_three_modes)
{
    berth_handle ends[2];
    double timeout;
    char data[4];

    connect_tcp(ends);
    OK(berth_settimeout(live, ends[0], 0.02));
    OK(berth_gettimeout(live, ends[0], &timeout));
    ck_assert_double_eq(timeout, 0.02);
    FAILS((int)berth_recv(live, ends[0], data, sizeof data, 0), ETIMEDOUT);
    ck_assert_str_eq(berth_last_error(live)->kind, "timeout");
    OK(berth_settimeout(live, ends[0], 0));
    FAILS((int)berth_recv(live, ends[0], data, sizeof data, 0), EAGAIN);
    OK(berth_settimeout(live, ends[0], BERTH_FOREVER));
    OK(berth_gettimeout(live, ends[0], &timeout));
    ck_assert_double_eq(timeout, BERTH_FOREVER);
    OK(berth_send(live, ends[1], "x", 1, 0));
    ck_assert_int_eq(OK(berth_recv(live, ends[0], data, sizeof data, 0)), 1);
}
END_TEST

START_TEST(options_are_the_kernels)
{
    const struct berth_options options = {.name = "@o", .options = "{\"TCP_NODELAY\":true}"};
    berth_handle h =
        OK(berth_socket_with(live, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, &options));
    struct tcp_info info;
    socklen_t size = sizeof(int);
    int value = 0;
    char *json;

    ck_assert_int_eq(berth_find(live, "@o"), h);
    OK(berth_getsockopt(live, h, IPPROTO_TCP, TCP_NODELAY, &value, &size));
    ck_assert_int_eq(value, 1);
    OK(berth_setsockopt_json(live, h, "SO_LINGER", "{\"onoff\":true,\"linger\":5}"));
    json = berth_getsockopt_json(live, h, "SO_LINGER");
    ck_assert_pstr_eq(json, "{\"onoff\":true,\"linger\":5}");
    free(json);
    size = sizeof info;
    OK(berth_getsockopt(live, h, IPPROTO_TCP, TCP_INFO, &info, &size));
    ck_assert_int_eq(info.tcpi_state, TCP_CLOSE);
    FAILS(berth_setsockopt_json(live, h, "SO_NONSENSE", "1"), EINVAL);
}
END_TEST

START_TEST(files_are_sent)
{
    berth_handle pair[2];
    char data[10];
    int fd = memfd_create("file", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    OK(berth_socketpair(live, SOCK_STREAM, pair));
    ck_assert_int_eq(OK(berth_sendfile(live, pair[0], fd, 2, 3)), 3);
    ck_assert_int_eq(OK(berth_sendfile(live, pair[0], fd, 8, 0)), 2);
    ck_assert_int_eq(OK(berth_recv_exactly(live, pair[1], data, 5, NULL)), 5);
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
    OK(berth_hello(live, "check", "large", BERTH_UNORDERED, NULL));
    OK(berth_socketpair(live, SOCK_STREAM, pair));
    while (n < N) {
        ssize_t n_sent = OK(berth_send(live, pair[0], sent + n, N - n, 0)), n_got = 0;

        while (n_got < n_sent)
            n_got += OK(berth_recv(live, pair[1], got + n + n_got, N - n - (size_t)n_got, 0));
        n += (size_t)n_got;
    }
    ck_assert_int_eq(memcmp(sent, got, N), 0);
    ck_assert_int_eq(berth_next_reply(live, &reply), 0);
    free(sent);
    free(got);
}
END_TEST

START_TEST(datagrams)
{
    berth_handle receiver = OK(berth_socket(live, AF_INET6, SOCK_DGRAM, 0));
    berth_handle sender = OK(berth_socket(live, AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
    struct sockaddr_in6 address, from;
    socklen_t len = sizeof address;
    char data[4];

    OK(berth_bind_host(live, receiver, "::1", 0));
    OK(berth_getsockname(live, receiver, (struct sockaddr *)&address, &len));
    ck_assert_int_eq(
        OK(berth_sendto(live, sender, "abcdef", 6, 0, (struct sockaddr *)&address, len)), 6);
    len = sizeof from;
    ck_assert_int_eq(OK(berth_recvfrom(live, receiver, data, sizeof data, MSG_TRUNC,
                                       (struct sockaddr *)&from, &len)),
                     6);
    ck_assert_mem_eq(data, "abcd", 4);
    ck_assert_int_eq(from.sin6_family, AF_INET6);
    OK(berth_connect(live, sender, (struct sockaddr *)&address, sizeof address));
    ck_assert_int_eq(OK(berth_send(live, sender, "", 0, 0)), 0);
    ck_assert_int_eq(OK(berth_recvfrom(live, receiver, data, sizeof data, 0, NULL, NULL)), 0);
    OK(berth_connect_host(live, sender, "::1", ntohs(address.sin6_port)));
    OK(berth_getpeername(live, sender, (struct sockaddr *)&from, &len));
    ck_assert_uint_eq(from.sin6_port, address.sin6_port);
}
END_TEST

START_TEST(groups)
{
    berth_handle v4 = OK(berth_socket(live, AF_INET, SOCK_DGRAM, 0));
    berth_handle v6 = OK(berth_socket(live, AF_INET6, SOCK_DGRAM, 0));

    OK(berth_join_group(live, v4, "239.1.2.3", "lo", NULL));
    FAILS(berth_join_group(live, v4, "239.1.2.3", "lo", NULL), EADDRINUSE);
    OK(berth_leave_group(live, v4, "239.1.2.3", "lo", NULL));
    OK(berth_join_group(live, v4, "232.1.2.3", "lo", "127.0.0.1"));
    OK(berth_leave_group(live, v4, "232.1.2.3", "lo", "127.0.0.1"));
    OK(berth_join_group(live, v6, "ff02::5", "1", NULL));
    OK(berth_leave_group(live, v6, "ff02::5", "lo", NULL));
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

    first = OK(berth_create_server(live, (struct sockaddr *)&un, len, &named));
    ck_assert_int_eq(berth_create_server(live, (struct sockaddr *)&un, len, &named), first);
    memset(&un, 0, sizeof un);
    OK(berth_getsockname(live, first, (struct sockaddr *)&un, &len));
    ck_assert_uint_eq(len, sizeof(sa_family_t) + 17);
    ck_assert_mem_eq(un.sun_path, "\0berth-check-live", 17);
    OK(berth_create_server_host(live, "::", 0, &dual));
    OK(berth_create_server_host(live, "localhost", 0, NULL));
    first = OK(berth_socket_with(live, AF_INET, SOCK_STREAM, 0, &kept));
    OK(berth_close(live, first));
}
END_TEST

START_TEST(poll_tells_who_is_ready)
{
    struct berth_pollfd p[3] = {
        {.events = POLLIN}, {.events = POLLIN | POLLOUT}, {.events = POLLIN}};
    berth_handle pair[2];

    OK(berth_socketpair(live, SOCK_STREAM, pair));
    p[0].handle = OK(berth_create_server_host(live, "127.0.0.1", 0, NULL));
    p[1].handle = pair[0];
    p[2].handle = pair[1];
    ck_assert_int_eq(OK(berth_poll(live, p, 3, 0)), 1);
    ck_assert_int_eq(p[1].revents, POLLOUT);
    OK(berth_send(live, pair[0], "x", 1, 0));
    ck_assert_int_eq(OK(berth_poll(live, &p[2], 1, -1)), 1);
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

    ck_assert_int_eq(berth_getaddrinfo(live, "127.0.0.1", "80", &hints, &list), 0);
    ck_assert_uint_eq(((struct sockaddr_in *)list->ai_addr)->sin_port, htons(80));
    berth_freeaddrinfo(list);
    ck_assert_int_eq(berth_getaddrinfo(live, NULL, "80", &hints, &list), 0);
    ck_assert_uint_eq(((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr, 0);
    berth_freeaddrinfo(list);
    ck_assert_int_eq(berth_getnameinfo(live, (const struct sockaddr *)&loopback, sizeof loopback,
                                       host, sizeof host, service, sizeof service,
                                       NI_NUMERICHOST | NI_NUMERICSERV),
                     0);
    ck_assert_str_eq(host, "127.0.0.1");
    ck_assert_str_eq(service, "0");
    ck_assert_ptr_nonnull(berth_gethostbyname(live, "localhost"));
    OK(berth_gethostname(live, host, sizeof host));
    gethostname(own, sizeof own);
    ck_assert_str_eq(host, own);
    interfaces = berth_if_nameindex(live);
    ck_assert_ptr_nonnull(interfaces);
    ck_assert_str_eq(interfaces[0].if_name, "lo");
    berth_if_freenameindex(interfaces);
    ck_assert_int_eq(berth_inet_aton(live, "127.1", &in), 1);
    ck_assert_str_eq(berth_inet_ntoa(live, in), "127.0.0.1");
    ck_assert_int_eq(berth_inet_aton(live, "x", &in), 0);
    ck_assert_int_eq(berth_inet_pton(live, AF_INET6, "::1", own), 1);
    ck_assert_str_eq(berth_inet_ntop(live, AF_INET6, own, host, sizeof host), "::1");
}
END_TEST

/* Waits for the next reply as an event loop does. */
static struct berth_reply next_reply(void)
{
    struct berth_reply reply;

    while (OK(berth_next_reply(live, &reply)) == 0) {
        struct pollfd p = {.fd = berth_fd(live), .events = berth_events(live)};

        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        OK(berth_process(live));
    }
    return reply;
}

START_TEST(requests_overtake)
{
    berth_handle pair[2];
    struct berth_reply reply;
    int64_t first, second;
    char params[64];

    OK(berth_hello(live, NULL, NULL, BERTH_UNORDERED, NULL));
    OK(berth_socketpair(live, SOCK_STREAM, pair));
    snprintf(params, sizeof params, "{\"handle\":%lld}", (long long)pair[0]);
    first = OK(berth_send_request(live, "recv", params, -1));
    second = OK(berth_send_request(live, "recv", params, -1));
    OK(berth_ping(live, NULL));
    ck_assert_int_eq(berth_cancel(live, second), 1);
    OK(berth_send(live, pair[1], "yo", 2, 0));
    reply = next_reply();
    ck_assert_int_eq(reply.id, second);
    ck_assert_str_eq(reply.error->kind, "cancelled");
    reply = next_reply();
    ck_assert_int_eq(reply.id, first);
    ck_assert_str_eq(reply.json, "{\"text\":\"yo\",\"eof\":false}");
    ck_assert_int_eq(berth_cancel(live, first), 0);
}
END_TEST

/* Events are notifications; those that come while another call waits are kept. */
START_TEST(events_arrive)
{
    char *json = berth_call(live, "subscribe", "{\"events\":[\"opened\",\"closed\"]}");
    struct berth_reply reply;
    berth_handle h;

    ck_assert_msg(json, "%s", berth_last_error(live)->message);
    free(json);
    h = OK(berth_socket(live, AF_INET, SOCK_STREAM, 0));
    OK(berth_close(live, h));
    OK(berth_ping(live, NULL));
    reply = next_reply();
    ck_assert_int_eq(reply.id, 0);
    ck_assert_pstr_eq(reply.method, "event");
    ck_assert_msg(strstr(reply.json, "\"type\":\"opened\""), "%s", reply.json);
    reply = next_reply();
    ck_assert_msg(strstr(reply.json, "\"type\":\"closed\""), "%s", reply.json);
    ck_assert_int_eq(berth_next_reply(live, &reply), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("live");

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
    tcase_add_test(tests, requests_overtake);
    tcase_add_test(tests, events_arrive);
    return live_run(tests);
}
