/* check_pump_flow.c — what goes through a stream: random traffic, nets that hold back, readers that
 * are slow. What is special about a kernel's sockets is in check_pump_sockets.c. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "dice.h"
#include "fds.h"
#include "pump_link.h"

enum {
    N_THREADS = 2,
    N_LINKS = 12,
    N_FLOWS = 2 * N_LINKS,
    FLOW_BYTES = 1 << 20,
    PIECE_BYTES = 70001,
    ENDLESS_BYTES = 64 << 20,
    HELD_BYTES = 4 << 20, /* a rest, a pipe, and what four sockets with small buffers hold */
};

static struct pump *p;
static struct link l;

static void set_up(void)
{
    l = (struct link){NULL, -1, -1, -1};
    p = pump_new(N_THREADS, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
}

static void tear_down(void)
{
    pump_free(p);
    link_close(&l);
}

struct flow {
    int from, to;
    size_t n_total, n_sent, n_received;
    bool is_shut, is_over;
};

static void flow_send(struct flow *f, struct dice *dice)
{
    static char piece[PIECE_BYTES];
    size_t n = dice_below(dice, sizeof piece) + 1;
    ssize_t r;

    if (dice_one_in(dice, 3))
        n = n % 7 + 1;
    if (n > f->n_total - f->n_sent)
        n = f->n_total - f->n_sent;
    for (size_t i = 0; i < n; i++)
        piece[i] = link_byte(f->n_sent + i);
    r = send(f->from, piece, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    ck_each(r >= 0 || errno == EAGAIN, "send: %s", strerror(errno));
    f->n_sent += r < 0 ? 0 : (size_t)r;
    if (f->n_sent == f->n_total && !f->is_shut)
        f->is_shut = shutdown(f->from, SHUT_WR) == 0;
}

static void flow_receive(struct flow *f, struct dice *dice)
{
    static char piece[PIECE_BYTES];
    ssize_t r = recv(f->to, piece, dice_below(dice, sizeof piece) + 1, MSG_DONTWAIT);

    ck_each(r >= 0 || errno == EAGAIN, "recv: %s", strerror(errno));
    for (ssize_t i = 0; i < r; i++)
        ck_each(piece[i] == link_byte(f->n_received + (size_t)i), "Byte %zu is wrong.",
                f->n_received + (size_t)i);
    f->n_received += r < 0 ? 0 : (size_t)r;
    f->is_over = r == 0;
}

/* Returns whether one of the two that use this fd waits for something. */
static bool flow_wait(const struct flow *out, const struct flow *in, struct pollfd *ret)
{
    *ret = (struct pollfd){.fd = out->from};
    if (!out->is_shut)
        ret->events |= POLLOUT;
    if (!in->is_over)
        ret->events |= POLLIN;
    if (!ret->events)
        ret->fd = -1;
    return ret->events;
}

static void flow_all(struct flow *flows, size_t n, struct dice *dice)
{
    struct pollfd polls[N_FLOWS];
    bool waits = true;

    while (waits) {
        waits = false;
        for (size_t i = 0; i < n; i++)
            waits |= flow_wait(&flows[i], &flows[i ^ 1], &polls[i]);
        ck_each(!waits || poll(polls, n, 10000) > 0, "Nothing moves.");
        for (size_t i = 0; i < n; i++) {
            if (polls[i].fd >= 0 && polls[i].revents & POLLOUT && !flows[i].is_shut)
                flow_send(&flows[i], dice);
            if (polls[i].fd >= 0 && polls[i].revents & (POLLIN | POLLHUP) && !flows[i ^ 1].is_over)
                flow_receive(&flows[i ^ 1], dice);
        }
    }
}

static void flow_through(enum link_net kind, bool splices, struct dice *dice)
{
    struct link links[N_LINKS];
    struct flow flows[N_FLOWS];

    for (size_t i = 0; i < N_LINKS; i++) {
        struct link *link = &links[i];

        if (splices)
            link_open_spliced(p, link, kind);
        else
            link_open(p, link, kind);
        flows[2 * i] = (struct flow){.from = link->peer, .to = link->client};
        flows[2 * i + 1] = (struct flow){.from = link->client, .to = link->peer};
        for (size_t k = 2 * i; k < 2 * i + 2; k++)
            flows[k].n_total = dice_one_in(dice, 5) ? 0 : dice_below(dice, FLOW_BYTES);
    }
    flow_all(flows, N_FLOWS, dice);
    for (size_t i = 0; i < N_FLOWS; i++)
        ck_assert_uint_eq(flows[i].n_received, flows[i].n_total);
    for (size_t i = 0; i < N_LINKS; i++) {
        struct pump_end end = link_await_end(p);
        size_t k = 2 * (size_t)((struct link *)end.user - links);

        ck_assert_int_eq(end.how, PUMP_FINISHED);
        ck_assert_int_eq(end.received, (int64_t)flows[k].n_total);
        ck_assert_int_eq(end.sent, (int64_t)flows[k + 1].n_total);
    }
    for (size_t i = 0; i < N_LINKS; i++)
        link_close(&links[i]);
}

/* Both ends shut down one after the other, each when it likes. */
START_TEST(random_traffic)
{
    struct dice dice = dice_new();
    size_t n = dice_rounds(4, 60);

    for (size_t i = 0; i < n; i++)
        flow_through(i % 2 ? LINK_UNIX : LINK_TCP, i % 4 < 2, &dice);
}
END_TEST

/* -- nets that hold back ---------------------------------------------------------------------- */

/* As TLS does, this takes what the socket does not, and passes it on later. */
struct held {
    char data[4096];
    size_t n;
    unsigned n_flushed;
};

static int held_flush(struct pump_net *net, unsigned *wants)
{
    struct held *h = net->state;
    struct pump_net plain = pump_net_plain(net->fd, true);

    while (h->n > 0) {
        ssize_t r = plain.ops->write(&plain, h->data, h->n, wants);

        if (r < 0)
            return (int)r;
        h->n -= (size_t)r;
        h->n_flushed++;
        memmove(h->data, h->data + r, h->n);
    }
    return 0;
}

static ssize_t held_write(struct pump_net *net, const void *data, size_t n, unsigned *wants)
{
    struct held *h = net->state;
    int r = held_flush(net, wants);

    if (r < 0)
        return r;
    h->n = n < sizeof h->data ? n : sizeof h->data;
    memcpy(h->data, data, h->n);
    return (ssize_t)h->n;
}

static int held_shut(struct pump_net *net, unsigned *wants)
{
    struct pump_net plain = pump_net_plain(net->fd, true);
    int r = held_flush(net, wants);

    return r < 0 ? r : plain.ops->shut(&plain, wants);
}

START_TEST(a_net_that_holds_back)
{
    struct held held = {.n = 0};
    struct pump_net_ops ops;
    struct pump_request request = {.user = &l};
    size_t n;
    int then;

    link_pair(LINK_TCP, &l.peer, &l.net);
    request.net = pump_net_plain(l.net, true);
    ops = *request.net.ops;
    ops.write = held_write;
    ops.flush = held_flush;
    ops.shut = held_shut;
    request.net.ops = &ops;
    request.net.state = &held;
    link_open_net(p, &l, &request);
    link_put(l.client, "first");
    link_expect(l.peer, "first");
    n = link_fill(l.client, 0, ENDLESS_BYTES);
    ck_assert(n < ENDLESS_BYTES);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    ck_assert_uint_eq(link_drain(l.peer, 0, &then), n);
    ck_assert_int_eq(then, 0);
    link_drop(&l.peer);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
    ck_assert_uint_ge(held.n_flushed, n / sizeof held.data);
}
END_TEST

/* Has much more than one turn moves, as soon as the gate is open, and then the end. */
struct spring {
    _Atomic int n_left; /* reads */
    _Atomic bool is_open;
};

static ssize_t spring_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    struct spring *spring = net->state;

    *wants = POLLIN;
    if (!spring->is_open)
        return -EAGAIN;
    memset(data, 0, n);
    return spring->n_left-- > 0 ? (ssize_t)n : -ENODATA;
}

/* Neither end says anything new after the first turn, and yet it goes on. */
START_TEST(more_than_one_turn)
{
    struct spring spring = {.n_left = 64};
    struct pump_net_ops ops;
    struct pump_request request = {.user = &l};

    link_pair(LINK_TCP, &l.peer, &l.net);
    request.net = pump_net_plain(l.net, true);
    ops = *request.net.ops;
    ops.read = spring_read;
    request.net.ops = &ops;
    request.net.state = &spring;
    link_open_net(p, &l, &request);
    ck_assert_int_eq(shutdown(l.client, SHUT_RD), 0);
    spring.is_open = true;
    link_put(l.peer, "go");
    for (int i = 0; i < 10000 && spring.n_left >= 0; i++)
        poll(NULL, 0, 1);
    ck_assert_int_lt(spring.n_left, 0);
    ck_assert_int_eq(shutdown(l.client, SHUT_WR), 0);
    ck_assert_int_eq(link_await_end(p).how, PUMP_FINISHED);
}
END_TEST

/* -- slow readers ----------------------------------------------------------------------------- */

static void hold_up(int from, int to, bool is_up)
{
    int64_t counted[2];
    size_t n = link_fill(from, 0, ENDLESS_BYTES);
    int then;

    ck_assert_uint_lt(n, HELD_BYTES);
    pump_count(l.stream, &counted[0], &counted[1]);
    ck_assert_int_le(counted[!is_up], (int64_t)n);
    ck_assert_int_eq(shutdown(from, SHUT_WR), 0);
    ck_assert_uint_eq(link_drain(to, 0, &then), n);
    ck_assert_int_eq(then, 0);
}

START_TEST(a_client_that_reads_slowly)
{
    if (_i)
        link_open_spliced(p, &l, _i == 1 ? LINK_TCP : LINK_UNIX);
    else
        link_open(p, &l, LINK_TCP);
    hold_up(l.peer, l.client, false);
    hold_up(l.client, l.peer, true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_flow");
    TCase *tc = fds_case(suite, "flow");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, random_traffic);
    tcase_add_test(tc, a_net_that_holds_back);
    tcase_add_test(tc, more_than_one_turn);
    tcase_add_loop_test(tc, a_client_that_reads_slowly, 0, 3);
    return fds_run(suite);
}
