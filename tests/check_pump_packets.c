/* check_pump_packets.c — streams of packets: datagrams, empty ones too, errors that are none, and
 * the ends of those that have one. */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "pump_link.h"

enum { LARGEST_BYTES = 65507, N_PACKETS = 500 };

static struct pump *p;
static struct link l;

static void set_up(void)
{
    l = (struct link){NULL, -1, -1, -1};
    p = pump_new(1, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
}

static void tear_down(void)
{
    pump_free(p);
    link_close(&l);
}

static void put(int fd, size_t n)
{
    char packet[LARGEST_BYTES] = "";

    for (size_t i = 0; i < n; i++)
        packet[i] = link_byte(n + i);
    ck_each(send(fd, packet, n, MSG_NOSIGNAL) == (ssize_t)n, "send: %s", strerror(errno));
}

static void expect(int fd, size_t n)
{
    char packet[LARGEST_BYTES + 1];
    ssize_t r;

    link_await(fd, POLLIN);
    r = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
    ck_each(r == (ssize_t)n, "%zu bytes were awaited, %zd came: %s", n, r, strerror(errno));
    for (size_t i = 0; i < n; i++)
        ck_each(packet[i] == link_byte(n + i), "Byte %zu is wrong.", i);
}

static void both_ways(enum link_net kind)
{
    static const size_t sizes[] = {1, 0, 0, 1472, LARGEST_BYTES, 0, 2};

    link_open(p, &l, kind);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put(l.client, sizes[i]);
        put(l.peer, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        expect(l.peer, sizes[i]);
        expect(l.client, sizes[i]);
    }
}

START_TEST(datagrams)
{
    both_ways(LINK_UDP);
    link_drop(&l.client);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
}
END_TEST

/* What was sent right before the client closed still goes, to the last empty one. */
START_TEST(the_last_datagrams)
{
    link_open(p, &l, LINK_UDP);
    put(l.client, 0);
    put(l.client, 3);
    put(l.client, 0);
    link_drop(&l.client);
    expect(l.peer, 0);
    expect(l.peer, 3);
    expect(l.peer, 0);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
}
END_TEST

/* A client that only reads. */
START_TEST(datagrams_one_way)
{
    link_open(p, &l, LINK_UDP);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    put(l.peer, 5);
    expect(l.client, 5);
    link_drop(&l.client);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
}
END_TEST

/* The peer goes and comes back: the errors in between end nothing. */
START_TEST(errors_of_datagrams_pass)
{
    struct sockaddr_in own, far;
    socklen_t n = sizeof own;
    struct pollfd error;

    link_open(p, &l, LINK_UDP);
    ck_assert_int_eq(getsockname(l.peer, (struct sockaddr *)&own, &n), 0);
    ck_assert_int_eq(getpeername(l.peer, (struct sockaddr *)&far, &n), 0);
    link_drop(&l.peer);
    for (int i = 0; i < 10; i++)
        put(l.client, 10);
    l.peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    do {
        int64_t sent, received;

        pump_count(l.stream, &sent, &received);
        if (sent == 100)
            break;
        error = (struct pollfd){.fd = pump_fd(p), .events = POLLIN};
    } while (poll(&error, 1, 1) == 0);
    ck_assert_int_eq(bind(l.peer, (struct sockaddr *)&own, n), 0);
    ck_assert_int_eq(connect(l.peer, (struct sockaddr *)&far, n), 0);
    put(l.client, 20);
    expect(l.peer, 20);
    put(l.peer, 30);
    expect(l.client, 30);
}
END_TEST

/* Nothing gets lost on the way through where the net itself loses nothing. */
START_TEST(packets_wait_for_a_slow_reader)
{
    struct pollfd out;
    size_t n_sent = 0, n_got = 0;

    link_open(p, &l, LINK_SEQPACKET);
    out = (struct pollfd){.fd = l.client, .events = POLLOUT};
    while (n_sent < N_PACKETS && poll(&out, 1, 30) == 1) {
        put(l.client, n_sent % 9000);
        n_sent++;
    }
    ck_assert_uint_gt(n_sent, 2);
    for (; n_got < n_sent; n_got++)
        expect(l.peer, n_got % 9000);
}
END_TEST

START_TEST(packets_with_an_end)
{
    both_ways(LINK_SEQPACKET);
    put(l.client, 0);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    expect(l.peer, 0);
    link_await(l.peer, POLLRDHUP);
    put(l.peer, 0);
    put(l.peer, 7);
    put(l.peer, 0);
    ck_assert_int_eq(shutdown(l.peer, SHUT_WR), 0);
    expect(l.client, 0);
    expect(l.client, 7);
    expect(l.client, 0);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
    ck_assert_int_eq(link_read_end(l.client), 0);
}
END_TEST

/* -- large ones ------------------------------------------------------------------------------- */

static char large[(1 << 20) + 2];

static void make_room(int fd, size_t n)
{
    int room = (int)n + 1000;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

/* Whether it went. */
static bool put_large(int fd, size_t n)
{
    for (size_t i = 0; i < n; i++)
        large[i] = link_byte(i);
    return send(fd, large, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void expect_large(int fd, size_t n)
{
    link_await(fd, POLLIN);
    ck_assert_int_eq(recv(fd, large, sizeof large, 0), (ssize_t)n);
    for (size_t i = 0; i < n; i++)
        ck_each(large[i] == link_byte(i), "Byte %zu is wrong.", i);
}

/* From the peer they are whole; the client is told at once when one is too large for the net, as by
 * the net itself, and the next one goes. */
START_TEST(large_packets)
{
    size_t n = _i ? 600000 : 300000;

    link_open(p, &l, LINK_SEQPACKET);
    make_room(l.peer, n);
    if (!put_large(l.peer, n))
        return; /* this system does not allow such packets */
    expect_large(l.client, n);
    ck_assert(!put_large(l.client, n));
    ck_assert_int_eq(errno, EMSGSIZE);
    put(l.client, 10);
    expect(l.peer, 10);
}
END_TEST

/* A stream never passes on a part. */
START_TEST(too_large_a_packet)
{
    int *from;

    link_open(p, &l, LINK_SEQPACKET);
    from = _i ? &l.client : &l.peer;
    make_room(*from, sizeof large);
    put(*from, 3);
    if (!put_large(*from, sizeof large - 1))
        return; /* this system does not allow such packets */
    expect(_i ? l.peer : l.client, 3);
    ck_assert_int_eq(link_await_end(p).how, _i ? PUMP_CLIENT_RESET : PUMP_NET_RESET);
    ck_assert_int_eq(link_read_end(l.client), 0);
    ck_assert_int_eq(send(l.client, "x", 1, MSG_NOSIGNAL), -1);
}
END_TEST

/* What the socket did not take is not counted. */
START_TEST(too_large_a_datagram)
{
    int64_t sent, received;

    link_open(p, &l, LINK_UDP);
    ck_assert(put_large(l.client, LARGEST_BYTES + 1));
    put(l.client, 10);
    expect(l.peer, 10);
    pump_count(l.stream, &sent, &received);
    ck_assert_int_eq(sent, 10);
}
END_TEST

/* The kernel tells a reset of packets before those that had arrived. */
START_TEST(packets_before_a_reset)
{
    int *source, *sink, n;

    link_open(p, &l, LINK_SEQPACKET);
    source = _i ? &l.client : &l.peer;
    sink = _i ? &l.peer : &l.client;
    for (n = 0; n < N_PACKETS && poll(&(struct pollfd){.fd = *source, .events = POLLOUT}, 1, 30);
         n++)
        put(*source, 3000);
    ck_assert_int_lt(n, N_PACKETS);
    put(*sink, 1);
    link_await(*source, POLLIN);
    link_drop(source);
    for (; n > 0; n--)
        expect(*sink, 3000);
    ck_assert_int_eq(link_read_end(*sink), 0);
    ck_assert_int_eq(link_await_end(p).how, _i ? PUMP_CLIENT_RESET : PUMP_NET_RESET);
}
END_TEST

START_TEST(packets_that_nobody_reads)
{
    link_open(p, &l, LINK_SEQPACKET);
    put(l.peer, 4);
    link_await(l.client, POLLIN);
    link_drop(&l.client);
    ck_assert_int_eq(link_await_end(p).how, PUMP_CLIENT_RESET);
    ck_assert_int_eq(link_read_end(l.peer), 0);
}
END_TEST

START_TEST(stopped)
{
    link_open(p, &l, LINK_UDP);
    put(l.client, 4);
    expect(l.peer, 4);
    pump_stop(l.stream, true);
    ck_assert_int_eq(link_await_end(p).how, PUMP_STOPPED);
    link_await(l.client, POLLHUP);
    put(l.net, 5); /* the net is still connected */
    expect(l.peer, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_packets");
    TCase *tc = fds_case(suite, "packets");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, datagrams);
    tcase_add_test(tc, the_last_datagrams);
    tcase_add_test(tc, datagrams_one_way);
    tcase_add_test(tc, errors_of_datagrams_pass);
    tcase_add_test(tc, packets_wait_for_a_slow_reader);
    tcase_add_test(tc, packets_with_an_end);
    tcase_add_loop_test(tc, large_packets, 0, 2);
    tcase_add_loop_test(tc, too_large_a_packet, 0, 2);
    tcase_add_test(tc, too_large_a_datagram);
    tcase_add_loop_test(tc, packets_before_a_reset, 0, 2);
    tcase_add_test(tc, packets_that_nobody_reads);
    tcase_add_test(tc, stopped);
    return fds_run(suite);
}
