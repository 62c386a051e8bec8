/* check_ledger.c — what the ledger tells: its sums, its pages, and how long it remembers what is
 * closed. */
#include <stdio.h>
#include <string.h>

#include "house.h"

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

START_TEST(the_ledger_counts)
{
    struct house_client *other = house_client();
    json_t *r;

    house_make(c, "socketpair", "{}");
    house_make(other, "socket", "{}");
    house_do(c, "close", "{'handle':16777217}");
    house_leave(other);
    r = house_do(c, "ledger.audit", "{}");
    ck_assert_int_eq(house_int(r, "opened"), 3);
    ck_assert_int_eq(house_int(r, "live"), 1);
    ck_assert_int_eq(house_int(r, "closed"), 1);
    ck_assert_int_eq(house_int(r, "reclaimed"), 1);
    ck_assert_int_eq(house_int(r, "expired") + house_int(r, "handed_off") + house_int(r, "lost"),
                     0);
    ck_assert_int_eq(house_int(r, "balance"), 0);
}
END_TEST

START_TEST(the_ledger_lists_by_pages)
{
    long long after = 0;
    int n = 0;
    json_t *r;

    house_do(c, "hello", "{'label':'lister'}");
    for (int i = 0; i < 10; i++)
        house_make(c, "socket", "{'label':'%s'}", i % 2 ? "odd" : "even");
    do {
        r = house_do(c, "ledger.list", "{'limit':3,'after':%lld}", after);
        for (size_t i = 0; i < house_size(r, "rows"); i++) {
            char path[40];

            snprintf(path, sizeof path, "rows.%zu.handle", i);
            ck_assert_int_gt(house_int(r, path), after);
            after = house_int(r, path);
            n++;
        }
    } while (house_has(r, "next"));
    ck_assert_int_eq(n, 10);
    r = house_do(c, "ledger.list", "{'filter':{'label':'odd','state':'created'}}");
    ck_assert_uint_eq(house_size(r, "rows"), 5);
    r = house_do(c, "ledger.list", "{'filter':{'label':'lister'}}");
    ck_assert_uint_eq(house_size(r, "rows"), 10);
    ck_assert_uint_eq(house_size(house_do(c, "ledger.list", "{'filter':{'uid':12345}}"), "rows"),
                      0);
    ck_assert_uint_eq(house_size(house_do(c, "ledger.list", "{'filter':{'exe':'/no'}}"), "rows"),
                      0);
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.list", "{'filter':{'suspect':'any'}}"), "rows"), 0);
    house_expect_error(house_fail(c, "ledger.list", "{'filter':{'state':'open'}}"), "protocol",
                       "filter");
    house_expect_error(house_fail(c, "ledger.list", "{'limit':0}"), "protocol", "limit");
    house_expect_error(house_fail(c, "ledger.list", "{'limit':1001}"), "protocol", "limit");
}
END_TEST

START_TEST(the_ledger_lists_the_closed)
{
    json_t *r;
    int n = 0;
    long long after = 0;

    for (int i = 0; i < 6; i++)
        house_make(c, "socket", "{}");
    for (int i = 0; i < 5; i++)
        house_do(c, "close", "{'handle':%d}", 16777217 + (i * 2) % 5);
    do {
        r = house_do(c, "ledger.list", "{'filter':{'state':'closed'},'limit':2,'after':%lld}",
                     after);
        n += (int)house_size(r, "rows");
        ck_assert_str_eq(house_text(r, "rows.0.end.how"), "closed");
        if (house_has(r, "next"))
            after = house_int(r, "next");
    } while (house_has(r, "next"));
    ck_assert_int_eq(n, 5);
    ck_assert_uint_eq(house_size(house_do(c, "ledger.list", "{}"), "rows"), 1);
}
END_TEST

START_TEST(the_history_is_bounded)
{
    house_reopen((struct house_setup){.n_history_rows = 3, .history_age_usec = 60000000});
    c = house_client();
    for (int i = 0; i < 5; i++)
        house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.list", "{'filter':{'state':'closed'}}"), "rows"), 3);
    house_expect_error(house_fail(c, "ledger.get", "{'handle':16777218}"), "handle", "CLOSED");
    house_do(c, "ledger.get", "{'handle':16777219}");
    house_advance(60000001);
    ck_assert_uint_eq(
        house_size(house_do(c, "ledger.list", "{'filter':{'state':'closed'}}"), "rows"), 0);
    house_expect_error(house_fail(c, "ledger.get", "{'handle':16777221}"), "handle", "CLOSED");
    house_expect_error(house_fail(c, "ledger.get", "{'handle':16777222}"), "handle", "UNKNOWN");
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "closed"), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tc = tcase_create("ledger");

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, the_ledger_counts);
    tcase_add_test(tc, the_ledger_lists_by_pages);
    tcase_add_test(tc, the_ledger_lists_the_closed);
    tcase_add_test(tc, the_history_is_bounded);
    return house_run(suite);
}
