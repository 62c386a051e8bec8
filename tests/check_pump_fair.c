/* check_pump_fair.c — streams that share a thread: who has much to move does not keep the others
 * waiting. Ratios, not times. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fds.h"
#include "pump_link.h"

enum { N_ROUNDS = 200, WAIT_MS = 10000 };

/* What the greedy one may move for each question and answer of another, whoever else runs on this
 * machine; a turn of its own is less than a hundredth of that. */
enum { GREEDY_BYTES = 64 << 20, ENOUGH_BYTES = 256 << 20 };

static struct pump *p;

static void set_up(void)
{
    p = pump_new(1, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
}

static void tear_down(void)
{
    pump_free(p);
}

/* A net that always has something, as soon as the gate is open. */
struct spring {
    _Atomic bool is_open;
};

static ssize_t spring_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    struct spring *spring = net->state;

    *wants = POLLIN;
    if (!spring->is_open)
        return -EAGAIN;
    memset(data, 0, 1);
    return (ssize_t)n;
}

static void open_greedy(struct link *l, struct spring *spring, struct pump_net_ops *ops)
{
    struct pump_request request = {.user = l};

    link_pair(LINK_UNIX, &l->peer, &l->net);
    request.net = pump_net_plain(l->net, true);
    *ops = *request.net.ops;
    ops->read = spring_read;
    request.net.ops = ops;
    request.net.state = spring;
    link_open_net(p, l, &request);
    ck_assert_int_eq(shutdown(l->client, SHUT_RD), 0); /* it takes all, and drops it */
}

static int64_t received(const struct link *l)
{
    int64_t n_sent, n_received;

    pump_count(l->stream, &n_sent, &n_received);
    return n_received;
}

static void go(struct link *l, struct spring *spring)
{
    spring->is_open = true;
    link_put(l->peer, "go");
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

START_TEST(a_greedy_one_and_a_talker)
{
    struct spring spring = {false};
    struct pump_net_ops ops;
    struct link greedy, talker;
    int64_t n[N_ROUNDS];

    open_greedy(&greedy, &spring, &ops);
    link_open(p, &talker, LINK_TCP);
    go(&greedy, &spring);
    while (received(&greedy) == 0)
        poll(NULL, 0, 1);
    for (int i = 0; i < N_ROUNDS; i++) {
        n[i] = received(&greedy);
        link_put(talker.client, "question");
        link_expect(talker.peer, "question");
        link_put(talker.peer, "answer");
        link_expect(talker.client, "answer");
        n[i] = received(&greedy) - n[i];
    }
    /* Of the quicker rounds: in the others it was this test that had to wait for a processor. */
    qsort(n, N_ROUNDS, sizeof *n, compare);
    ck_assert_int_gt(n[N_ROUNDS - 1], 0);
    ck_assert_int_lt(n[N_ROUNDS / 8], GREEDY_BYTES);
    pump_free(p);
    p = NULL;
    link_close(&greedy);
    link_close(&talker);
}
END_TEST

/* The first has had its turns before the second begins. */
START_TEST(two_greedy_ones)
{
    struct spring springs[2] = {{false}, {false}};
    struct pump_net_ops ops[2];
    struct link greedy[2];
    int64_t before[2], n[2] = {0, 0};

    for (int i = 0; i < 2; i++)
        open_greedy(&greedy[i], &springs[i], &ops[i]);
    for (int i = 0; i < 2; i++)
        go(&greedy[i], &springs[i]);
    for (int ms = 0; ms < WAIT_MS && !(received(&greedy[0]) && received(&greedy[1])); ms++)
        poll(NULL, 0, 1);
    for (int i = 0; i < 2; i++)
        before[i] = received(&greedy[i]);
    for (int ms = 0; ms < WAIT_MS && n[0] + n[1] < ENOUGH_BYTES; ms++) {
        poll(NULL, 0, 1);
        for (int i = 0; i < 2; i++)
            n[i] = received(&greedy[i]) - before[i];
    }
    ck_assert_int_gt(2 * n[0], n[1]);
    ck_assert_int_gt(2 * n[1], n[0]);
    pump_free(p);
    p = NULL;
    for (int i = 0; i < 2; i++)
        link_close(&greedy[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_fair");
    TCase *tc = fds_case(suite, "fair");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_greedy_one_and_a_talker);
    tcase_add_test(tc, two_greedy_ones);
    return fds_run(suite);
}
