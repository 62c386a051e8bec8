/* check_pump_ends.c — how streams end: all of {the end, a reset, an error} × {of the net, of the
 * client} × {with bytes on their way, without} × {TCP, Unix}, copied and spliced, and the ends that
 * are special. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "pump_link.h"

enum { MUCH_BYTES = 8 << 20, LINGER_MS = 50 };

enum side { NET, CLIENT };
enum event { FIN, RST, FAILURE };

/* What the other side sees after the bytes: all that were sent, or those that had left the sender's
 * kernel, or a beginning of them. */
enum arrives { ALL, RECEIVED, SOME };

static const struct cell {
    enum link_net net;
    enum side side;
    enum event event;
    bool is_buffered;
    enum arrives arrives;
    int then; /* 0: the end; errno */
    enum pump_how how;
    int error;
} cells[] = {
    /* who, what, with bytes on their way → which arrive, what follows, how it is told */
    {LINK_TCP, NET, FIN, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_TCP, NET, FIN, true, ALL, 0, PUMP_FINISHED, 0},
    {LINK_TCP, NET, RST, false, ALL, ECONNRESET, PUMP_NET_RESET, ECONNRESET},
    {LINK_TCP, NET, RST, true, RECEIVED, ECONNRESET, PUMP_NET_RESET, ECONNRESET},
    {LINK_TCP, NET, FAILURE, false, ALL, ECONNRESET, PUMP_NET_RESET, ETIMEDOUT},
    {LINK_TCP, NET, FAILURE, true, ALL, ECONNRESET, PUMP_NET_RESET, ETIMEDOUT},
    {LINK_TCP, CLIENT, FIN, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_TCP, CLIENT, FIN, true, ALL, 0, PUMP_FINISHED, 0},
    {LINK_TCP, CLIENT, RST, false, ALL, ECONNRESET, PUMP_CLIENT_RESET, 0},
    {LINK_TCP, CLIENT, RST, true, SOME, ECONNRESET, PUMP_CLIENT_RESET, 0},
    {LINK_TCP, CLIENT, FAILURE, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_TCP, CLIENT, FAILURE, true, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, NET, FIN, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, NET, FIN, true, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, NET, RST, false, ALL, ECONNRESET, PUMP_NET_RESET, ECONNRESET},
    {LINK_UNIX, NET, RST, true, ALL, ECONNRESET, PUMP_NET_RESET, ECONNRESET},
    {LINK_UNIX, NET, FAILURE, false, ALL, ECONNRESET, PUMP_NET_RESET, ETIMEDOUT},
    {LINK_UNIX, NET, FAILURE, true, ALL, ECONNRESET, PUMP_NET_RESET, ETIMEDOUT},
    {LINK_UNIX, CLIENT, FIN, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, CLIENT, FIN, true, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, CLIENT, RST, false, ALL, 0, PUMP_CLIENT_RESET, 0}, /* a Unix net cannot be told */
    {LINK_UNIX, CLIENT, RST, true, ALL, 0, PUMP_CLIENT_RESET, 0},  /* so it gets all */
    {LINK_UNIX, CLIENT, FAILURE, false, ALL, 0, PUMP_FINISHED, 0},
    {LINK_UNIX, CLIENT, FAILURE, true, ALL, 0, PUMP_FINISHED, 0},
};

enum { N_CELLS = sizeof cells / sizeof *cells };

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

static void ends(enum pump_how how, int error)
{
    struct pump_end end = link_await_end(p);

    ck_assert_ptr_eq(end.user, &l);
    ck_assert_int_eq(end.how, how);
    ck_assert_int_eq(end.error, error);
}

/* -- the cells -------------------------------------------------------------------------------- */

/* Fails in place of the end. */
static ssize_t read_failing(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    struct pump_net plain = pump_net_plain(net->fd, true);
    ssize_t r = plain.ops->read(&plain, data, n, wants);

    return r == -ENODATA ? -ETIMEDOUT : r;
}

static void open_cell(const struct cell *cell, bool splices, struct pump_net_ops *ops)
{
    struct pump_request request = {.user = &l};

    link_pair(cell->net, &l.peer, &l.net);
    if (splices)
        ck_assert_int_eq(fcntl(l.net, F_SETFL, O_NONBLOCK), 0);
    request.net = pump_net_plain(l.net, !splices);
    *ops = *request.net.ops;
    if (cell->side == NET && cell->event == FAILURE)
        ops->read = read_failing, request.net.may_splice = false;
    request.net.ops = ops;
    link_open_net(p, &l, &request);
}

/* One byte that the source has not read when it closes makes that a reset. */
static void leave_unread(const struct cell *cell)
{
    if (cell->side == NET && cell->net == LINK_TCP)
        return; /* it can say it by itself */
    link_put(cell->side == NET ? l.client : l.peer, "x");
    link_await(cell->side == NET ? l.peer : l.client, POLLIN);
}

static void happen(const struct cell *cell)
{
    int *source = cell->side == NET ? &l.peer : &l.client;

    if (cell->event == RST && cell->side == NET && cell->net == LINK_TCP)
        link_break(source);
    else if (cell->event == RST || (cell->event == FAILURE && cell->side == CLIENT))
        link_drop(source);
    else
        ck_assert_int_eq(shutdown(*source, SHUT_WR), 0);
}

/* Bytes that have come as far as this host's own sockets. */
static size_t n_received(void)
{
    int64_t sent, received;
    int n_there;

    pump_count(l.stream, &sent, &received);
    ck_assert_int_eq(ioctl(l.net, SIOCINQ, &n_there), 0);
    return (size_t)received + (size_t)n_there;
}

/* The lane that is left still works, and then ends the stream. */
static void finish(const struct cell *cell)
{
    int *source = cell->side == NET ? &l.peer : &l.client;
    int *sink = cell->side == NET ? &l.client : &l.peer;

    if (*source >= 0) {
        link_put(*sink, "back");
        link_expect(*source, "back");
    }
    link_drop(sink);
    if (*source >= 0)
        ck_assert_int_eq(link_read_end(*source), 0);
}

START_TEST(cell)
{
    const struct cell *c = &cells[(size_t)_i % N_CELLS];
    struct pump_net_ops ops;
    int *source, *sink, then;
    size_t n_sent, n_there = 0, n;

    open_cell(c, (size_t)_i >= N_CELLS, &ops);
    source = c->side == NET ? &l.peer : &l.client;
    sink = c->side == NET ? &l.client : &l.peer;
    link_put(*source, "first");
    link_expect(*sink, "first");
    if (c->event == RST)
        leave_unread(c);
    n_sent = link_fill(*source, 0, c->is_buffered ? MUCH_BYTES : 0);
    ck_assert(n_sent < MUCH_BYTES);
    if (c->arrives == RECEIVED)
        n_there = n_received() - strlen("first");
    happen(c);
    if (c->arrives == SOME) /* it does not wait for who does not read */
        ends(c->how, c->error);
    n = link_drain(*sink, 0, &then);
    ck_assert_int_eq(then, c->then);
    if (c->arrives == ALL)
        ck_assert_uint_eq(n, n_sent);
    else if (c->arrives == RECEIVED)
        ck_assert_uint_eq(n, n_there);
    else
        ck_assert(n > 0 && n < n_sent);
    if (c->how == PUMP_FINISHED)
        finish(c);
    if (c->arrives != SOME)
        ends(c->how, c->error);
}
END_TEST

/* -- special ends ----------------------------------------------------------------------------- */

/* The client closed, and the net goes on sending: it learns that nobody is there. */
START_TEST(bytes_for_nobody_are_answered_by_a_reset)
{
    link_open(p, &l, LINK_TCP);
    link_put(l.client, "bye");
    link_drop(&l.client);
    link_expect(l.peer, "bye");
    ck_assert_int_eq(link_read_end(l.peer), 0);
    link_put(l.peer, "still there?");
    ends(PUMP_CLIENT_RESET, 0);
    ck_assert_int_eq(link_read_end(l.peer), 0); /* the end that it had been told */
    ck_assert_int_eq(send(l.peer, "x", 1, MSG_NOSIGNAL), -1);
}
END_TEST

START_TEST(bytes_on_their_way_to_a_client_that_closes)
{
    int then;

    link_open(p, &l, LINK_TCP);
    link_fill(l.peer, 0, MUCH_BYTES);
    link_drop(&l.client);
    ends(PUMP_CLIENT_RESET, 0);
    link_drain(l.peer, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
}
END_TEST

START_TEST(a_net_that_does_not_close_is_waited_for)
{
    pump_free(p);
    p = pump_new(1, LINGER_MS);
    link_open(p, &l, LINK_TCP);
    link_drop(&l.client);
    ends(PUMP_LINGERED, 0);
    ck_assert_int_eq(link_read_end(l.peer), 0);
}
END_TEST

/* As with a kernel socket: what it has got is complete, what it sends is not taken. */
START_TEST(a_reset_after_the_end)
{
    link_open(p, &l, LINK_TCP);
    link_put(l.peer, "all");
    ck_assert_int_eq(shutdown(l.peer, SHUT_WR), 0);
    link_expect(l.client, "all");
    link_fill(l.client, 0, MUCH_BYTES);
    link_break(&l.peer);
    ends(PUMP_NET_RESET, EPIPE);
    ck_assert_int_eq(link_read_end(l.client), 0);
    ck_assert_int_eq(send(l.client, "x", 1, MSG_NOSIGNAL), -1);
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

/* The same with the end not read yet when writing is told the reset. */
START_TEST(a_reset_after_an_end_on_its_way)
{
    int64_t sent, received;
    size_t n_sent = 0;
    int then;

    link_open(p, &l, LINK_TCP);
    do {
        n_sent += link_fill(l.peer, n_sent, 16 << 10);
        pump_count(l.stream, &sent, &received);
    } while ((size_t)received == n_sent && n_sent < MUCH_BYTES);
    ck_assert_int_eq(shutdown(l.peer, SHUT_WR), 0);
    link_await(l.net, POLLRDHUP);
    link_break(&l.peer);
    for (int i = 0; i < 2; i++) /* the second may be refused already */
        (void)!send(l.client, "x", 1, MSG_NOSIGNAL);
    ck_assert_uint_eq(link_drain(l.client, 0, &then), n_sent);
    ck_assert_int_eq(then, 0);
    ends(PUMP_NET_RESET, EPIPE);
}
END_TEST

/* Writing is told the reset first: what had come before it is read all the same. */
START_TEST(a_reset_that_meets_bytes_on_their_way)
{
    size_t n, n_there;
    int then;

    link_open(p, &l, LINK_TCP);
    link_fill(l.peer, 0, MUCH_BYTES);
    link_fill(l.client, 0, MUCH_BYTES);
    n_there = n_received();
    link_break(&l.peer);
    n = link_drain(l.client, 0, &then);
    ck_assert_uint_eq(n, n_there);
    ck_assert_int_eq(then, ECONNRESET);
    ends(PUMP_NET_RESET, ECONNRESET);
}
END_TEST

/* shutdown(SHUT_RD) is nothing that the net would see, copied or spliced. */
START_TEST(a_client_that_reads_no_more)
{
    int then;

    if (_i)
        link_open_spliced(p, &l, LINK_TCP);
    else
        link_open(p, &l, LINK_TCP);
    ck_assert_int_eq(shutdown(l.client, SHUT_RD), 0);
    ck_assert_uint_eq(link_fill(l.peer, 0, MUCH_BYTES), MUCH_BYTES);
    link_put(l.client, "thanks");
    link_expect(l.peer, "thanks");
    ck_assert_int_eq(shutdown(l.peer, SHUT_WR), 0);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    ck_assert_uint_eq(link_drain(l.peer, 0, &then), 0);
    ck_assert_int_eq(then, 0);
    ends(PUMP_FINISHED, 0);
}
END_TEST

/* Whoever is killed has closed its end. */
START_TEST(both_close_at_once)
{
    link_open(p, &l, LINK_TCP);
    link_put(l.peer, "nobody reads this");
    link_await(l.client, POLLIN);
    link_drop(&l.client);
    link_drop(&l.peer);
    ck_assert_int_ne(link_await_end(p).how, PUMP_FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_ends");
    TCase *all = fds_case(suite, "cells"), *special = fds_case(suite, "special");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, cell, 0, 2 * N_CELLS);
    tcase_add_checked_fixture(special, set_up, tear_down);
    tcase_add_test(special, bytes_for_nobody_are_answered_by_a_reset);
    tcase_add_test(special, bytes_on_their_way_to_a_client_that_closes);
    tcase_add_test(special, a_net_that_does_not_close_is_waited_for);
    tcase_add_test(special, a_reset_after_the_end);
    tcase_add_test(special, a_reset_after_an_end_on_its_way);
    tcase_add_test(special, a_reset_that_meets_bytes_on_their_way);
    tcase_add_loop_test(special, a_client_that_reads_no_more, 0, 2);
    tcase_add_test(special, both_close_at_once);
    return fds_run(suite);
}
