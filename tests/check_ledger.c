/* check_ledger.c — what the ledger tells: its sums, its pages, and how long it remembers what is
 * closed. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hand.h"
#include "house.h"

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Which process it was, when its number has been given to another one: this one began a while ago. */
START_TEST(the_owner_is_told_from_a_later_one)
{
    long long h = house_make(c, "socket", "{}");
    json_t *row = house_do(c, "ledger.get", "{'handle':%lld}", h);
    double now = (double)time(NULL) + 1;

    ck_assert_int_eq(house_int(row, "owner.pid"), getpid());
    ck_assert_double_le(house_number(row, "owner.started"), now);
    ck_assert_double_gt(house_number(row, "owner.started"), now - 3600);
}
END_TEST

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

/* -- pages, while rows come and go -- */

enum { MANY = 200, FIRST = 16777217 };

/* How often each handle was told; the order in which the closed were. */
static int told[2 * MANY];
static long long last_end[2 * MANY]; /* place in the order of ends, by handle */
static long long n_ends;

static void open_many(int n)
{
    for (int i = 0; i < n; i++)
        house_make(c, "socket", "{}");
}

static void close_one(int i)
{
    house_do(c, "close", "{'handle':%d}", FIRST + i);
    last_end[i] = ++n_ends;
}

/* Takes a page; returns where the next begins, 0: there is none. */
static long long take_page(const char *filter, int limit, long long after)
{
    json_t *r = house_do(c, "ledger.list", "{%s'limit':%d,'after':%lld}", filter, limit, after);
    long long before = 0;
    char path[40];

    for (size_t i = 0; i < house_size(r, "rows"); i++) {
        long long k;

        snprintf(path, sizeof path, "rows.%zu.handle", i);
        k = house_int(r, path) - FIRST;
        told[k]++;
        ck_assert_int_gt(*filter ? last_end[k] : k + 1, before);
        before = *filter ? last_end[k] : k + 1;
    }
    return house_has(r, "next") ? house_int(r, "next") : 0;
}

#define CLOSED "'filter':{'state':'closed'},"

static void begin_pages(void)
{
    memset(told, 0, sizeof told);
    memset(last_end, 0, sizeof last_end);
    n_ends = 0;
    open_many(MANY);
}

/* What ends between two pages stands on a later one, and nothing stands on two. */
START_TEST(pages_while_rows_are_closed)
{
    long long after = 0;
    int n = 0;

    begin_pages();
    for (; n < MANY / 2; n++)
        close_one(n * 77 % MANY);
    do {
        after = take_page(CLOSED, 7, after);
        for (int i = 0; i < 5 && n < MANY; i++, n++)
            close_one(n * 77 % MANY);
    } while (after);
    ck_assert_int_eq(n, MANY);
    for (int i = 0; i < MANY; i++)
        ck_assert_msg(told[i] == 1, "%d was told %d times", i, told[i]);
}
END_TEST

/* The history lets go what the last page ended with: what is left goes on from its beginning. */
START_TEST(pages_while_the_history_lets_go)
{
    long long after = 0;
    int n = 0;

    house_reopen((struct house_setup){.n_history_rows = 20});
    c = house_client();
    begin_pages();
    for (; n < 20; n++)
        close_one(n * 77 % MANY);
    do {
        after = take_page(CLOSED, 5, after);
        for (int i = 0; i < 8 && n < MANY; i++, n++)
            close_one(n * 77 % MANY);
    } while (after);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_le(told[i], 1);
    /* Those that are left have all been told, in the end. */
    for (int i = 180; i < MANY; i++)
        ck_assert_int_eq(told[i * 77 % MANY], 1);
}
END_TEST

/* First the living and then the closed: each that was there is told, whatever ended meanwhile. */
START_TEST(the_living_and_then_the_closed)
{
    long long after = 0;
    int n = 0;

    begin_pages();
    do {
        after = take_page("", 7, after);
        /* Among them the one that the page ended with. */
        for (int i = 0; i < 3 && n < MANY; i++, n++)
            if (!last_end[n * 77 % MANY])
                close_one(n * 77 % MANY);
        if (after && !last_end[after - FIRST])
            close_one((int)(after - FIRST));
    } while (after);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_le(told[i], 1);
        ck_assert(told[i] || last_end[i]);
    }
    do
        after = take_page(CLOSED, 7, after);
    while (after);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_ge(told[i], 1);
}
END_TEST

/* -- pages, while rows move -- */

enum { AWAY = 8 };

static struct away {
    long long handle;
    int fd;
} away[AWAY];

static void give_away(int n)
{
    int port;

    for (int i = 0; i < n; i++) {
        away[i].handle = house_listen(c, &port);
        away[i].fd = hand_away(c, away[i].handle);
    }
}

static void take_away_ends(int n)
{
    for (int i = 0; i < n; i++)
        close(away[i].fd);
}

/* The handles of a page of the closed, and where the next begins, 0: there is none. */
static size_t page_of(int limit, long long after, long long *handles, long long *ret_next)
{
    json_t *r = house_do(c, "ledger.list", "{'filter':{'state':'closed'},'limit':%d,'after':%lld}",
                         limit, after);
    size_t n = house_size(r, "rows");
    char path[40];

    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "rows.%zu.handle", i);
        handles[i] = house_int(r, path);
    }
    *ret_next = house_has(r, "next") ? house_int(r, "next") : 0;
    return n;
}

/* The row that the page ended with lives again, and then stands behind all others. */
START_TEST(the_last_of_a_page_comes_back)
{
    long long rows[AWAY], next, end;

    give_away(AWAY);
    ck_assert_uint_eq(page_of(3, 0, rows, &next), 3);
    ck_assert_int_eq(rows[2], away[2].handle);
    ck_assert_int_eq(house_int(hand_adopt(c, away[2].fd), "handle"), away[2].handle);
    ck_assert_uint_eq(page_of(AWAY, next, rows, &end), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(rows[i], away[3 + i].handle);
    house_do(c, "release", "{'handle':%lld}", away[2].handle);
    ck_assert_uint_eq(page_of(AWAY, next, rows, &end), 6);
    ck_assert_int_eq(rows[0], away[3].handle);
    ck_assert_int_eq(rows[5], away[2].handle);
    ck_assert_int_eq(end, 0);
    take_away_ends(AWAY);
}
END_TEST

/* It stood in the history only because it was followed, and has died. */
START_TEST(the_last_of_a_page_dies)
{
    long long rows[AWAY], next, end;

    house_reopen((struct house_setup){.n_history_rows = 4});
    c = house_client();
    give_away(6);
    ck_assert_uint_eq(page_of(1, 0, rows, &next), 1);
    ck_assert_int_eq(rows[0], away[0].handle);
    close(away[0].fd);
    house_until(!hand_is_alive(c, away[0].handle));
    ck_assert_uint_eq(page_of(AWAY, next, rows, &end), 6);
    ck_assert_int_eq(rows[0], away[1].handle);
    ck_assert_int_eq(rows[5], away[0].handle);
    for (int i = 1; i < 6; i++)
        close(away[i].fd);
}
END_TEST

/* The history lets it go, and keeps one before it that is followed. */
START_TEST(the_last_of_a_page_is_let_go)
{
    long long closed[4], rows[AWAY], next, end;

    house_reopen((struct house_setup){.n_history_rows = 2});
    c = house_client();
    give_away(1);
    for (int i = 0; i < 4; i++) {
        closed[i] = house_make(c, "socket", "{}");
        if (i == 2) {
            ck_assert_uint_eq(page_of(2, 0, rows, &next), 2);
            ck_assert_int_eq(rows[1], closed[0]);
        }
        house_do(c, "close", "{'handle':%lld}", closed[i]);
    }
    house_turn(2);
    ck_assert_uint_eq(page_of(AWAY, next, rows, &end), 2);
    ck_assert_int_eq(rows[0], closed[2]);
    ck_assert_int_eq(rows[1], closed[3]);
    take_away_ends(1);
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
    tcase_add_test(tc, the_owner_is_told_from_a_later_one);
    tcase_add_test(tc, the_ledger_counts);
    tcase_add_test(tc, the_ledger_lists_by_pages);
    tcase_add_test(tc, the_ledger_lists_the_closed);
    tcase_add_test(tc, pages_while_rows_are_closed);
    tcase_add_test(tc, pages_while_the_history_lets_go);
    tcase_add_test(tc, the_living_and_then_the_closed);
    tcase_add_test(tc, the_last_of_a_page_comes_back);
    tcase_add_test(tc, the_last_of_a_page_dies);
    tcase_add_test(tc, the_last_of_a_page_is_let_go);
    tcase_add_test(tc, the_history_is_bounded);
    return house_run(suite);
}
