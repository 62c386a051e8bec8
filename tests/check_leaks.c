/* check_leaks.c — who leaves sockets open, and where: the groups, their order, the reaping. */
#include <stdio.h>
#include <string.h>

#include "house.h"

#define SECOND INT64_C(1000000)

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Leaves n sockets of this site and label to be reclaimed. */
static void leak(int n, const char *site, const char *label)
{
    struct house_client *other = house_client();

    for (int i = 0; i < n; i++)
        house_make(other, "socket", "{'site':'%s','label':'%s'}", site, label);
    house_leave(other);
}

static json_t *leaks(void)
{
    return house_do(c, "ledger.leaks", "{}");
}

static void expect_group(json_t *r, int i, const char *site, const char *label, int reclaimed,
                         int suspects)
{
    char path[40];
    json_t *g;

    snprintf(path, sizeof path, "groups.%d", i);
    g = house_at(r, path);
    ck_assert_str_eq(house_text(g, "site"), site);
    ck_assert_str_eq(house_text(g, "label"), label);
    ck_assert_int_eq(house_int(g, "reclaimed"), reclaimed);
    ck_assert_int_eq(house_int(g, "suspects"), suspects);
}

/* -- groups -- */

START_TEST(no_leaks_no_groups)
{
    house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{'site':'a.c:1'}"));
    house_make(c, "socket", "{'site':'a.c:2'}");
    ck_assert_uint_eq(house_size(leaks(), "groups"), 0);
}
END_TEST

START_TEST(the_worst_comes_first)
{
    json_t *r;

    leak(2, "a.c:1", "two");
    leak(5, "b.c:1", "five");
    leak(1, "c.c:1", "one");
    leak(3, "b.c:1", "three");
    leak(1, "a.c:1", "two");
    r = leaks();
    ck_assert_uint_eq(house_size(r, "groups"), 4);
    expect_group(r, 0, "b.c:1", "five", 5, 0);
    /* Of equals, the one that began earlier; both began now. */
    ck_assert_int_eq(house_int(r, "groups.1.reclaimed"), 3);
    ck_assert_int_eq(house_int(r, "groups.2.reclaimed"), 3);
    expect_group(r, 3, "c.c:1", "one", 1, 0);
}
END_TEST

START_TEST(of_equals_the_oldest_comes_first)
{
    json_t *r;
    double first = house_now();

    leak(2, "b.c:1", "x");
    house_advance(SECOND);
    leak(2, "a.c:1", "x");
    house_advance(SECOND);
    leak(2, "c.c:1", "x");
    r = leaks();
    expect_group(r, 0, "b.c:1", "x", 2, 0);
    expect_group(r, 1, "a.c:1", "x", 2, 0);
    expect_group(r, 2, "c.c:1", "x", 2, 0);
    ck_assert_double_eq_tol(house_number(r, "groups.0.oldest"), first, 1e-6);
    ck_assert_double_eq_tol(house_number(r, "groups.2.oldest"), first + 2, 1e-6);
}
END_TEST

START_TEST(a_group_has_one_site_and_one_label)
{
    struct house_client *other = house_client();
    json_t *r;

    leak(4, "a.c:1", "x");
    leak(3, "a.c:2", "x");
    leak(2, "a.c:1", "y");
    house_make(other, "socket", "{}");
    house_leave(other);
    r = leaks();
    ck_assert_uint_eq(house_size(r, "groups"), 4);
    expect_group(r, 0, "a.c:1", "x", 4, 0);
    expect_group(r, 1, "a.c:2", "x", 3, 0);
    expect_group(r, 2, "a.c:1", "y", 2, 0);
    ck_assert(!house_has(r, "groups.3.site"));
    ck_assert(!house_has(r, "groups.3.label"));
    ck_assert(house_has(r, "groups.3.exe"));
    ck_assert(house_has(r, "groups.3.uid"));
}
END_TEST

/* What has no label of its own is known by its session's. */
START_TEST(a_sessions_label_counts)
{
    for (int i = 0; i < 2; i++) {
        struct house_client *other = house_client();

        house_do(other, "hello", "{'label':'%s'}", i ? "mine" : "yours");
        house_make(other, "socket", "{'site':'a.c:1'}");
        house_leave(other);
    }
    leak(1, "a.c:1", "mine");
    ck_assert_uint_eq(house_size(leaks(), "groups"), 2);
    expect_group(leaks(), 0, "a.c:1", "mine", 2, 0);
    expect_group(leaks(), 1, "a.c:1", "yours", 1, 0);
}
END_TEST

START_TEST(suspects_are_leaks_too)
{
    long long ends[2];
    json_t *r = house_do(c, "socketpair", "{'site':'p.c:1','label':'pair'}");

    ends[0] = house_int(r, "handles.0");
    ends[1] = house_int(r, "handles.1");
    house_do(c, "send", "{'handle':%lld,'text':'12345'}", ends[0]);
    leak(1, "p.c:1", "pair");
    expect_group(leaks(), 0, "p.c:1", "pair", 1, 0);
    for (int i = 0; i < 2; i++) {
        house_advance(SECOND);
        house_turn(4);
    }
    r = leaks();
    expect_group(r, 0, "p.c:1", "pair", 1, 1);
    ck_assert_int_eq(house_int(r, "groups.0.bytes"), 0);
    ck_assert_uint_eq(house_size(r, "groups.0.handles"), 2);
    house_do(c, "recv", "{'handle':%lld}", ends[1]);
    expect_group(leaks(), 0, "p.c:1", "pair", 1, 0);
    house_advance(600 * SECOND);
    r = leaks();
    expect_group(r, 0, "p.c:1", "pair", 1, 2);
    ck_assert_int_eq(house_int(r, "groups.0.bytes"), 10);
    /* Closed by its owner it is no leak any more. */
    house_do(c, "close", "{'handle':%lld}", ends[0]);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    expect_group(leaks(), 0, "p.c:1", "pair", 1, 0);
}
END_TEST

START_TEST(some_handles_are_named)
{
    json_t *r;

    leak(100, "a.c:1", "x");
    r = leaks();
    expect_group(r, 0, "a.c:1", "x", 100, 0);
    ck_assert_uint_eq(house_size(r, "groups.0.handles"), 16);
    ck_assert_str_eq(house_text(house_do(c, "ledger.get", "{'handle':%lld}",
                                         house_int(r, "groups.0.handles.15")),
                                "site"),
                     "a.c:1");
}
END_TEST

START_TEST(since_a_time)
{
    double middle;

    leak(3, "old.c:1", "x");
    house_advance(10 * SECOND);
    middle = house_now();
    leak(1, "old.c:1", "x");
    leak(2, "new.c:1", "x");
    expect_group(leaks(), 0, "old.c:1", "x", 4, 0);
    expect_group(house_do(c, "ledger.leaks", "{'since':%.3f}", middle), 0, "new.c:1", "x", 2, 0);
    expect_group(house_do(c, "ledger.leaks", "{'since':%.3f}", middle), 1, "old.c:1", "x", 1, 0);
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.leaks", "{'since':%.3f}", middle + 1), "groups"), 0);
}
END_TEST

START_TEST(a_time_far_away)
{
    static const char *const past[] = {"0", "-1", "-1e300"}, *const future[] = {"9007199254740991",
                                                                                "1e13", "1e300"};

    leak(1, "a.c:1", "x");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(
            house_size(house_do(c, "ledger.leaks", "{'since':%s}", past[i]), "groups"), 1);
        ck_assert_uint_eq(
            house_size(house_do(c, "ledger.leaks", "{'since':%s}", future[i]), "groups"), 0);
    }
    house_expect_error(house_fail(c, "ledger.leaks", "{'since':'now'}"), "protocol", "since");
}
END_TEST

START_TEST(the_history_is_all_there_is)
{
    house_reopen((struct house_setup){.n_history_rows = 3});
    c = house_client();
    leak(10, "a.c:1", "x");
    expect_group(leaks(), 0, "a.c:1", "x", 3, 0);
}
END_TEST

/* -- a long history -- */

enum { LONG = 5000 }; /* too much for two turns */

/* Begins to look for leaks, and turns once. */
static struct house_client *begin_leaks(void)
{
    struct house_client *hunter = house_client();

    house_begin(hunter, 1, "ledger.leaks", "{}");
    house_turn(1);
    ck_assert(!house_is_answered(hunter));
    return hunter;
}

static json_t *end_leaks(struct house_client *hunter)
{
    json_t *r = house_next(hunter);

    house_expect_id(r, 1);
    return house_at(r, "result");
}

START_TEST(others_are_served_meanwhile)
{
    struct house_client *hunter;

    leak(LONG, "a.c:1", "x");
    house_turn(8);
    hunter = begin_leaks();
    house_begin(c, 2, "ping", "{}");
    house_turn(1);
    ck_assert(house_is_answered(c));
    ck_assert(!house_is_answered(hunter));
    house_next(c);
    expect_group(end_leaks(hunter), 0, "a.c:1", "x", LONG, 0);
}
END_TEST

/* Each is counted once, as it was at the beginning. */
START_TEST(what_comes_meanwhile_does_not_count)
{
    struct house_client *hunter, *other = house_client();

    leak(LONG, "a.c:1", "x");
    for (int i = 0; i < 10; i++)
        house_make(other, "socket", "{'site':'a.c:1','label':'x'}");
    house_advance(600 * SECOND);
    house_turn(8);
    hunter = begin_leaks();
    house_leave(other);
    expect_group(end_leaks(hunter), 0, "a.c:1", "x", LONG, 10);
    expect_group(leaks(), 0, "a.c:1", "x", LONG + 10, 0);
}
END_TEST

/* What the history lets go meanwhile is not missed, and its texts are not used any more. */
START_TEST(the_history_goes_on_meanwhile)
{
    struct house_client *hunter, *other;
    json_t *r;

    house_reopen((struct house_setup){.n_history_rows = LONG});
    c = house_client();
    leak(LONG, "a.c:1", "x");
    other = house_client();
    for (int i = 0; i < LONG; i++)
        house_make(other, "socket", "{'site':'b.c:1','label':'y'}");
    house_turn(8);
    hunter = begin_leaks();
    house_leave(other);
    r = end_leaks(hunter);
    ck_assert_uint_eq(house_size(r, "groups"), 1);
    ck_assert_int_gt(house_int(r, "groups.0.reclaimed"), 0);
    ck_assert_int_lt(house_int(r, "groups.0.reclaimed"), LONG);
    expect_group(r, 0, "a.c:1", "x", (int)house_int(r, "groups.0.reclaimed"), 0);
    expect_group(leaks(), 0, "b.c:1", "y", LONG, 0);
}
END_TEST

START_TEST(the_living_are_looked_through_by_turns_too)
{
    struct house_client *hunter;

    for (int i = 0; i < LONG / 2; i++)
        house_make(c, "socketpair", "{'site':'a.c:1','label':'x'}");
    house_advance(600 * SECOND);
    house_turn(8);
    hunter = begin_leaks();
    house_do(c, "ping", "{}");
    expect_group(end_leaks(hunter), 0, "a.c:1", "x", 0, LONG / 2 * 2);
}
END_TEST

/* A session's default is for what waits on sockets. */
START_TEST(a_short_timeout_ends_no_hunt)
{
    leak(LONG, "a.c:1", "x");
    house_do(c, "setdefaulttimeout", "{'timeout':0.000001}");
    house_begin(c, 1, "ledger.leaks", "{}");
    house_turn(1);
    house_advance(SECOND);
    expect_group(end_leaks(c), 0, "a.c:1", "x", LONG, 0);
}
END_TEST

START_TEST(called_off)
{
    struct house_client *hunter = house_client();

    leak(LONG, "a.c:1", "x");
    house_do(hunter, "hello", "{'unordered':true}");
    house_begin(hunter, 1, "ledger.leaks", "{}");
    house_send(hunter, "{'id':2,'method':'cancel','params':{'id':1}}");
    house_turn(1);
    house_expect_id(house_next(hunter), 2);
    house_expect_error(house_next(hunter), "cancelled", "CANCELLED");
    house_leave(hunter);
    house_leave(begin_leaks());
}
END_TEST

/* Texts that run into each other do not make two groups one. */
START_TEST(a_group_is_what_it_says)
{
    leak(1, "a\\nb", "c");
    leak(2, "a", "b\\nc");
    ck_assert_uint_eq(house_size(leaks(), "groups"), 2);
    expect_group(leaks(), 0, "a", "b\nc", 2, 0);
}
END_TEST

/* -- reaping -- */

START_TEST(a_dry_run_closes_nothing)
{
    json_t *r;

    house_make(c, "socket", "{'label':'x'}");
    house_make(c, "socket", "{'label':'y'}");
    r = house_do(c, "ledger.reap", "{'filter':{'label':'x'},'dry_run':true}");
    ck_assert_uint_eq(house_size(r, "rows"), 1);
    ck_assert_str_eq(house_text(r, "rows.0.state"), "created");
    ck_assert(!house_has(r, "rows.0.end"));
    ck_assert_int_eq(house_n_live(), 2);
}
END_TEST

START_TEST(reaped)
{
    long long kept = house_make(c, "socket", "{'label':'y'}"),
              gone = house_make(c, "socket", "{'label':'x'}");
    json_t *r = house_do(c, "ledger.reap", "{'filter':{'label':'x'}}");

    ck_assert_uint_eq(house_size(r, "rows"), 1);
    ck_assert_int_eq(house_int(r, "rows.0.handle"), gone);
    ck_assert_str_eq(house_text(r, "rows.0.state"), "closed");
    ck_assert_str_eq(house_text(r, "rows.0.end.how"), "closed");
    ck_assert_str_eq(house_text(r, "rows.0.end.reason"), "reaped");
    house_expect_error(house_fail(c, "getsockname", "{'handle':%lld}", gone), "handle", "CLOSED");
    house_do(c, "getsockname", "{'handle':%lld}", kept);
    ck_assert_uint_eq(house_size(house_do(c, "ledger.reap", "{'filter':{'label':'x'}}"), "rows"),
                      0);
    r = house_do(c, "ledger.audit", "{}");
    ck_assert_int_eq(house_int(r, "closed"), 1);
    ck_assert_int_eq(house_int(r, "balance"), 0);
}
END_TEST

START_TEST(suspects_are_reaped)
{
    struct house_client *other = house_client();
    json_t *r;

    for (int i = 0; i < 5; i++)
        house_make(other, "socket", "{'lease':'permanent'}");
    house_make(c, "socket", "{}");
    house_leave(other);
    r = house_do(c, "ledger.reap", "{'filter':{'suspect':'orphan'}}");
    ck_assert_uint_eq(house_size(r, "rows"), 5);
    ck_assert_int_eq(house_n_live(), 1);
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.reap", "{'filter':{'suspect':'any'}}"), "rows"), 0);
}
END_TEST

/* What is left is told of, also where nothing is closed. */
START_TEST(a_reaping_says_that_there_are_more)
{
    enum { N = 1500, A_PAGE = 1000 };
    long long next;
    json_t *r;

    for (int i = 0; i < N; i++)
        house_make(c, "socket", "{'label':'x'}");
    house_make(c, "socket", "{'label':'y'}");
    r = house_do(c, "ledger.reap", "{'filter':{'label':'x'},'dry_run':true}");
    ck_assert_uint_eq(house_size(r, "rows"), A_PAGE);
    next = house_int(r, "next");
    ck_assert_int_eq(house_int(r, "rows.999.handle"), next);
    r = house_do(c, "ledger.reap", "{'filter':{'label':'x'},'dry_run':true,'after':%lld}", next);
    ck_assert_uint_eq(house_size(r, "rows"), N - A_PAGE);
    ck_assert(!house_has(r, "next"));
    r = house_do(c, "ledger.reap", "{'filter':{'label':'x'}}");
    ck_assert_uint_eq(house_size(r, "rows"), A_PAGE);
    ck_assert_int_eq(house_int(r, "next"), next);
    ck_assert_int_eq(house_n_live(), N - A_PAGE + 1);
    r = house_do(c, "ledger.reap", "{'filter':{'label':'x'},'after':%lld}", next);
    ck_assert_uint_eq(house_size(r, "rows"), N - A_PAGE);
    ck_assert(!house_has(r, "next"));
    ck_assert_int_eq(house_n_live(), 1);
}
END_TEST

/* A page that is just full is the last. */
START_TEST(a_full_page_and_no_more)
{
    for (int i = 0; i < 1000; i++)
        house_make(c, "socket", "{'label':'x'}");
    house_make(c, "socket", "{'label':'y'}");
    ck_assert(!house_has(house_do(c, "ledger.reap", "{'filter':{'label':'x'}}"), "next"));
    ck_assert_int_eq(house_n_live(), 1);
}
END_TEST

/* Everything at once takes more than one page of rows. */
START_TEST(many_are_reaped_by_pages)
{
    size_t n, n_all = 0;

    for (int i = 0; i < 1100; i++)
        house_make(c, "socketpair", "{'label':'x'}");
    do {
        n = house_size(house_do(c, "ledger.reap", "{'filter':{'label':'x'}}"), "rows");
        ck_assert_uint_le(n, 1000);
        n_all += n;
    } while (n);
    ck_assert_uint_eq(n_all, 2200);
    ck_assert_int_eq(house_n_live(), 0);
}
END_TEST

START_TEST(who_waits_is_told)
{
    struct house_client *reader = house_client();
    long long handle = house_make(c, "create_server", "{'address':['127.0.0.1',0],'label':'x'}");

    house_begin(reader, 1, "accept", "{'handle':%lld}", handle);
    house_turn(4);
    house_do(c, "ledger.reap", "{'filter':{'label':'x'}}");
    house_expect_error(house_next(reader), "cancelled", "CANCELLED");
}
END_TEST

START_TEST(not_everything_at_once)
{
    house_make(c, "socket", "{}");
    house_expect_error(house_fail(c, "ledger.reap", "{'filter':{}}"), "protocol", "filter");
    house_expect_error(house_fail(c, "ledger.reap", "{'filter':{},'dry_run':true}"), "protocol",
                       "filter");
    house_expect_error(house_fail(c, "ledger.reap", "{}"), "protocol", "filter");
    house_expect_error(house_fail(c, "ledger.reap", "{'filter':{'suspect':'no'}}"), "protocol",
                       "filter");
    house_expect_error(house_fail(c, "ledger.reap", "{'filter':{'state':'no'}}"), "protocol",
                       "filter");
    ck_assert_int_eq(house_n_live(), 1);
}
END_TEST

/* The closed are no longer there to be closed. */
START_TEST(the_closed_are_not_reaped)
{
    house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.reap", "{'filter':{'state':'closed'}}"), "rows"), 0);
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

static void add_leaks(Suite *suite)
{
    TCase *tc = client_case(suite, "leaks");

    tcase_add_test(tc, no_leaks_no_groups);
    tcase_add_test(tc, the_worst_comes_first);
    tcase_add_test(tc, of_equals_the_oldest_comes_first);
    tcase_add_test(tc, a_group_has_one_site_and_one_label);
    tcase_add_test(tc, a_sessions_label_counts);
    tcase_add_test(tc, suspects_are_leaks_too);
    tcase_add_test(tc, some_handles_are_named);
    tcase_add_test(tc, since_a_time);
    tcase_add_test(tc, a_time_far_away);
    tcase_add_test(tc, the_history_is_all_there_is);
    tcase_add_test(tc, a_group_is_what_it_says);
}

static void add_long_history(Suite *suite)
{
    TCase *tc = client_case(suite, "long history");

    tcase_add_test(tc, others_are_served_meanwhile);
    tcase_add_test(tc, what_comes_meanwhile_does_not_count);
    tcase_add_test(tc, the_history_goes_on_meanwhile);
    tcase_add_test(tc, the_living_are_looked_through_by_turns_too);
    tcase_add_test(tc, a_short_timeout_ends_no_hunt);
    tcase_add_test(tc, called_off);
}

static void add_reaping(Suite *suite)
{
    TCase *tc = client_case(suite, "reaping");

    tcase_add_test(tc, a_dry_run_closes_nothing);
    tcase_add_test(tc, reaped);
    tcase_add_test(tc, suspects_are_reaped);
    tcase_add_test(tc, a_reaping_says_that_there_are_more);
    tcase_add_test(tc, a_full_page_and_no_more);
    tcase_add_test(tc, many_are_reaped_by_pages);
    tcase_add_test(tc, who_waits_is_told);
    tcase_add_test(tc, not_everything_at_once);
    tcase_add_test(tc, the_closed_are_not_reaped);
}

int main(void)
{
    Suite *suite = suite_create("leaks");

    add_leaks(suite);
    add_long_history(suite);
    add_reaping(suite);
    return house_run(suite);
}
