/* check_pump_leave.c — streams that were left: what their clients had sent is delivered, and nobody
 * waits for ever. And what a client that just closes its end has said with that. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/stream.h"
#include "fds.h"
#include "pump_link.h"

enum {
    WAIT_MS = 10000,
    MUCH_BYTES = 8 << 20,
    LINGER_MS = 200,
    LONG_LINGER_MS = 700,
    N_PIECES = 100,
    PACKET_BYTES = 5000
};

static struct pump *p;
static struct link l;

static void set_up(void)
{
    l = (struct link){NULL, -1, -1, -1};
    p = pump_new(1, LINGER_MS);
    ck_assert_ptr_nonnull(p);
}

static void tear_down(void)
{
    pump_free(p);
    link_close(&l);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* -- delivered -------------------------------------------------------------------------------- */

/* The net is whoever's it was, and closed when the stream is over. */
static void ends(enum pump_how how)
{
    ck_assert_int_eq(link_await_end(p).how, how);
    link_drop(&l.net);
}

static void expect_deaf(int client)
{
    ck_assert_int_eq(send(client, "x", 1, MSG_NOSIGNAL), -1);
    ck_assert_int_eq(errno, EPIPE);
}

/* The thread has heard that the stream is left. */
static void await_deaf(int client)
{
    int r = 0;

    for (int ms = 0; ms < WAIT_MS && (r >= 0 || errno != EPIPE); ms++) {
        poll(NULL, 0, 1);
        r = (int)send(client, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    ck_assert(r < 0 && errno == EPIPE);
}

/* TCP and Unix, the descriptor kept or closed, left alive or dead, as it may splice or not. */
START_TEST(bytes)
{
    bool keeps = _i & 1, has_died = _i & 2;
    size_t n_sent;
    int then;

    link_open_spliced(p, &l, _i & 4 ? LINK_UNIX : LINK_TCP);
    n_sent = link_fill(l.client, 0, MUCH_BYTES);
    ck_assert_uint_lt(n_sent, MUCH_BYTES);
    if (!keeps)
        link_drop(&l.client);
    pump_leave(l.stream, has_died);
    ck_assert_uint_eq(link_drain(l.peer, 0, &then), n_sent);
    ck_assert_int_eq(then, 0);
    ends(PUMP_LEFT);
    if (keeps) {
        expect_deaf(l.client);
        ck_assert_int_eq(link_read_end(l.client), ECONNRESET);
    }
}
END_TEST

START_TEST(packets)
{
    char packet[PACKET_BYTES] = "";
    int n_sent = 0;

    link_open(p, &l, LINK_SEQPACKET);
    while (poll(&(struct pollfd){.fd = l.client, .events = POLLOUT}, 1, 30) == 1 &&
           send(l.client, packet, sizeof packet, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        n_sent++;
    if (_i) { /* with something unread */
        ck_assert_int_eq(send(l.peer, "x", 1, MSG_NOSIGNAL), 1);
        link_await(l.client, POLLIN);
    }
    link_drop(&l.client);
    pump_leave(l.stream, false);
    for (; n_sent > 0; n_sent--) {
        link_await(l.peer, POLLIN);
        ck_assert_int_eq(recv(l.peer, packet, sizeof packet, 0), PACKET_BYTES);
    }
    ck_assert_int_eq(link_read_end(l.peer), 0);
    ends(_i ? PUMP_CLIENT_RESET : PUMP_LEFT);
}
END_TEST

START_TEST(nothing_to_deliver)
{
    link_open(p, &l, LINK_TCP);
    pump_leave(l.stream, false);
    ck_assert_int_eq(link_read_end(l.peer), 0);
    ends(PUMP_LEFT);
    ck_assert_int_eq(link_read_end(l.client), ECONNRESET);
}
END_TEST

/* What comes for nobody is answered as by a socket that was closed. */
START_TEST(bytes_for_nobody)
{
    int then;

    link_open(p, &l, LINK_TCP);
    link_fill(l.client, 0, MUCH_BYTES);
    pump_leave(l.stream, false);
    await_deaf(l.client); /* what comes before goes into the descriptor */
    link_put(l.peer, "is anybody there?");
    ends(PUMP_CLIENT_RESET);
    link_drain(l.peer, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
}
END_TEST

/* -- bounded ---------------------------------------------------------------------------------- */

START_TEST(a_peer_that_does_not_read)
{
    size_t n_sent, n_got;
    int then;

    link_open(p, &l, LINK_TCP);
    n_sent = link_fill(l.client, 0, MUCH_BYTES);
    link_drop(&l.client);
    pump_leave(l.stream, false);
    ends(PUMP_LINGERED);
    n_got = link_drain(l.peer, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
    ck_assert_uint_lt(n_got, n_sent);
}
END_TEST

/* As long as it reads, it is waited for. */
START_TEST(a_peer_that_reads_slowly)
{
    struct pollfd over = {.events = POLLIN};
    char piece[MUCH_BYTES / N_PIECES];
    size_t n_sent, n_got = 0;
    int64_t began;
    int then;

    pump_free(p);
    p = pump_new(1, LONG_LINGER_MS);
    over.fd = pump_fd(p);
    link_open(p, &l, LINK_TCP);
    n_sent = link_fill(l.client, 0, MUCH_BYTES);
    link_drop(&l.client);
    began = now_ms();
    pump_leave(l.stream, false);
    while (poll(&over, 1, LONG_LINGER_MS / 50) == 0) {
        ssize_t r = recv(l.peer, piece, n_sent / N_PIECES, 0);

        ck_assert_int_gt(r, 0);
        n_got += (size_t)r;
    }
    ck_assert_int_gt(now_ms() - began, LONG_LINGER_MS);
    n_got += link_drain(l.peer, n_got, &then);
    ck_assert_int_eq(then, 0);
    ck_assert_uint_eq(n_got, n_sent);
    ends(PUMP_LEFT);
}
END_TEST

/* Those that are left take but a part of what streams may have, and who has most of them loses
 * their own. */
START_TEST(only_so_many)
{
    enum { N = 4, N_LEFT_MAX = 3 };
    static const struct {
        uid_t owners[N];
        int victim;
    } cases[] = {
        {{1, 1, 1, 1}, 0}, {{2, 1, 1, 1}, 1}, {{1, 2, 1, 1}, 0},
        {{1, 1, 2, 2}, 0}, {{1, 2, 3, 4}, 0}, {{2, 2, 1, 3}, 0},
    };
    struct streams *all = streams_new((N_LEFT_MAX - 1) * STREAM_FDS * 8);
    struct stream *streams[N];
    struct link links[N];
    size_t n_sent[N];
    int then;

    ck_assert_ptr_nonnull(all);
    for (int i = 0; i < N; i++) {
        struct stream_request request = {.handle = i + 1};

        link_pair(LINK_TCP, &links[i].peer, &links[i].net);
        request.fd = links[i].net;
        ck_assert_int_eq(stream_open(all, &request, &streams[i], &links[i].client), 0);
        n_sent[i] = link_fill(links[i].client, 0, MUCH_BYTES);
        link_drop(&links[i].client);
    }
    for (int i = 0; i < N; i++) {
        link_drop(&links[i].net);
        stream_leave(streams[i], NULL, cases[_i].owners[i], false);
    }
    for (int i = 0; i < N; i++) {
        size_t n = link_drain(links[i].peer, 0, &then);

        ck_assert_int_eq(then, i == cases[_i].victim ? ECONNRESET : 0);
        ck_assert(i == cases[_i].victim ? n < n_sent[i] : n == n_sent[i]);
        link_drop(&links[i].peer);
    }
    while (streams_count(all) > 0) {
        struct stream_end end;

        link_await(streams_fd(all), POLLIN);
        ck_assert(!stream_next(all, &end)); /* their handles are gone */
    }
    streams_free(all);
}
END_TEST

/* -- words for the end ------------------------------------------------------------------------ */

/* A net that has some. */
struct speaker {
    _Atomic int n_said;
};

static int speaker_shut(struct pump_net *net, unsigned *wants)
{
    struct speaker *speaker = net->state;
    struct pump_net plain = pump_net_plain(net->fd, true);

    speaker->n_said++;
    return plain.ops->shut(&plain, wants);
}

static void open_speaker(struct speaker *speaker, struct pump_net_ops *ops)
{
    struct pump_request request = {.user = &l};

    link_pair(LINK_TCP, &l.peer, &l.net);
    request.net = pump_net_plain(l.net, true);
    *ops = *request.net.ops;
    ops->says_end = true;
    ops->shut = speaker_shut;
    request.net.ops = ops;
    request.net.state = speaker;
    link_open_net(p, &l, &request);
}

/* Whoever closes its end and dies at once has not said that it was done, whoever lives on has. */
START_TEST(what_the_end_says)
{
    static const struct {
        bool shuts, closes, leaves, has_died, is_said;
    } cases[] = {
        {true, false, false, false, true}, {false, true, false, false, true},
        {false, false, true, false, true}, {false, true, true, false, true},
        {false, false, true, true, false}, {false, true, true, true, false},
        {true, false, true, true, true},
    };
    struct speaker speaker = {0};
    struct pump_net_ops ops;
    int64_t began;

    open_speaker(&speaker, &ops);
    link_put(l.client, "all");
    link_expect(l.peer, "all");
    began = now_ms();
    if (cases[_i].shuts) {
        ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
        ck_assert_int_eq(link_read_end(l.peer), 0);
    }
    if (cases[_i].closes)
        link_drop(&l.client);
    if (cases[_i].leaves)
        pump_leave(l.stream, cases[_i].has_died);
    if (!cases[_i].shuts)
        ck_assert_int_eq(link_read_end(l.peer), 0);
    ck_assert_int_eq(speaker.n_said, cases[_i].is_said);
    if (cases[_i].closes && !cases[_i].leaves)
        ck_assert_int_ge(now_ms() - began, PUMP_DOUBT_MS);
    link_drop(&l.peer);
    if (!cases[_i].leaves)
        link_drop(&l.client);
    ck_assert_int_ne(link_await_end(p).how, PUMP_FAILED);
}
END_TEST

/* It had said so before, though not all of what it sent was delivered when it died. */
START_TEST(what_a_client_said_before_it_died)
{
    struct speaker speaker = {0};
    struct pump_net_ops ops;
    size_t n;
    int then;

    open_speaker(&speaker, &ops);
    n = link_fill(l.client, 0, MUCH_BYTES);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    pump_leave(l.stream, true);
    ck_assert_uint_eq(link_drain(l.peer, 0, &then), n);
    ck_assert_int_eq(then, 0);
    ends(PUMP_LEFT);
    ck_assert_int_eq(speaker.n_said, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_leave");
    TCase *tc = fds_case(suite, "leave");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, bytes, 0, 8);
    tcase_add_loop_test(tc, packets, 0, 2);
    tcase_add_test(tc, nothing_to_deliver);
    tcase_add_test(tc, bytes_for_nobody);
    tcase_add_test(tc, a_peer_that_does_not_read);
    tcase_add_test(tc, a_peer_that_reads_slowly);
    tcase_add_loop_test(tc, only_so_many, 0, 6);
    tcase_add_loop_test(tc, what_the_end_says, 0, 7);
    tcase_add_test(tc, what_a_client_said_before_it_died);
    return fds_run(suite);
}
