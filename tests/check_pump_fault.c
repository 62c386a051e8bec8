/* check_pump_fault.c — whichever allocation fails as a stream is opened: an error that says so, or
 * a stream that works; nothing is left behind, and the next one opens. */
#include <check.h>
#include <errno.h>
#include <sys/socket.h>

#include "fault.h"
#include "fds.h"
#include "pump_link.h"

enum { N_MANY = 200 };

static int open_faulty(struct pump *p, struct link *l, long n)
{
    struct pump_request request = {.user = l, .ahead = "ahead,", .n_ahead = 6};
    int r;

    link_pair(LINK_TCP, &l->peer, &l->net);
    request.net = pump_net_plain(l->net, true);
    l->client = -1;
    fault_set(n);
    fault_turn(true);
    r = pump_open(p, &request, &l->stream, &l->client);
    fault_turn(false);
    return r;
}

static void expect_whole(struct link *l)
{
    link_put(l->peer, "behind");
    link_expect(l->client, "ahead,behind");
    link_put(l->client, "back");
    link_expect(l->peer, "back");
}

/* The first one of a pump starts a thread, too. */
static bool try(long n)
{
    struct link broken, whole;
    struct pump *p = pump_new(1, PUMP_LINGER_MS);
    bool has_happened;
    int r;

    ck_assert_ptr_nonnull(p);
    r = open_faulty(p, &broken, n);
    has_happened = fault_has_happened();
    ck_assert_int_eq(r, has_happened ? -ENOMEM : 0);
    if (r == 0)
        expect_whole(&broken);
    ck_assert_int_eq(open_faulty(p, &whole, 0), 0);
    expect_whole(&whole);
    pump_free(p);
    link_close(&broken);
    link_close(&whole);
    return has_happened;
}

START_TEST(any_allocation)
{
    long n = 1;

    if (!fault_is_possible())
        return;
    while (n < N_MANY && try(n))
        n++;
    ck_assert_int_gt(n, 2);
    ck_assert_int_lt(n, N_MANY);
}
END_TEST

/* The pump itself. */
START_TEST(no_pump)
{
    if (!fault_is_possible())
        return;
    fault_set(1);
    fault_turn(true);
    ck_assert_ptr_null(pump_new(1, PUMP_LINGER_MS));
    fault_turn(false);
    ck_assert(fault_has_happened());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_fault");
    TCase *tc = fds_case(suite, "faults");

    tcase_add_test(tc, any_allocation);
    tcase_add_test(tc, no_pump);
    return fds_run(suite);
}
