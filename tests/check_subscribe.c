/* check_subscribe.c — being told what happens: what is told, to whom, in which order, and what
 * becomes of a subscriber that does not listen. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/peer.h"
#include "daemon/server.h"
#include "daemon/subscription.h"
#include "house.h"
#include "proto/limits.h"

#define SECOND INT64_C(1000000)

static struct house_client *c, *watcher;

static void open_clients(void)
{
    house_open();
    c = house_client();
    watcher = house_client();
}

/* Subscribes by a watcher to events, a list as in JSON. */
static json_t *subscribe(const char *events)
{
    return house_do(watcher, "subscribe", "{'events':[%s]}", events);
}

static long long newest_seq(void)
{
    return house_int(house_do(c, "stats", "{}"), "events_total");
}

/* The next line of the watcher, which must be an event of this type. */
static json_t *expect_event(const char *type)
{
    json_t *line = house_next(watcher);

    ck_assert(!house_has(line, "id"));
    ck_assert_str_eq(house_text(line, "method"), "event");
    ck_assert_str_eq(house_text(line, "params.type"), type);
    return house_at(line, "params");
}

static void expect_nothing(void)
{
    house_turn(8);
    house_expect_silence(watcher);
}

/* -- what is told -- */

START_TEST(nothing_comes_unasked)
{
    house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    house_make(watcher, "socket", "{}");
    house_leave(c);
    house_advance(1000 * SECOND);
    expect_nothing();
}
END_TEST

START_TEST(a_socket_opens_and_closes)
{
    json_t *r = subscribe("'opened','closed'"), *e;
    long long seq = house_int(r, "seq"), handle;

    ck_assert_int_eq(seq, 0);
    handle = house_make(c, "socket", "{'label':'seen','site':'a.c:1'}");
    e = expect_event("opened");
    ck_assert_int_eq(house_int(e, "subscription"), house_int(r, "subscription"));
    ck_assert_int_eq(house_int(e, "seq"), 1);
    ck_assert_double_eq_tol(house_number(e, "at"), house_now(), 1e-6);
    ck_assert_int_eq(house_int(e, "row.handle"), handle);
    ck_assert_str_eq(house_text(e, "row.label"), "seen");
    ck_assert_str_eq(house_text(e, "row.site"), "a.c:1");
    ck_assert(!house_has(e, "missed"));
    house_do(c, "close", "{'handle':%lld}", handle);
    e = expect_event("closed");
    ck_assert_int_eq(house_int(e, "seq"), 2);
    ck_assert_str_eq(house_text(e, "row.state"), "closed");
    ck_assert_str_eq(house_text(e, "row.end.how"), "closed");
    expect_nothing();
}
END_TEST

START_TEST(every_ending_has_its_event)
{
    struct house_client *other = house_client();
    long long lasting;

    subscribe("'closed','reclaimed','expired'");
    lasting = house_make(other, "socket", "{'lease':5}");
    house_make(other, "socket", "{}");
    house_leave(other);
    ck_assert_str_eq(house_text(expect_event("reclaimed"), "row.end.how"), "reclaimed");
    expect_nothing();
    house_advance(5 * SECOND);
    ck_assert_int_eq(house_int(expect_event("expired"), "row.handle"), lasting);
    expect_nothing();
}
END_TEST

START_TEST(suspicion_and_its_end)
{
    long long ends[2];
    json_t *e;

    subscribe("'suspect','cleared'");
    house_pair(c, "SOCK_STREAM", ends);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    /* Noticed when the socket is not in use any more, and suspect when it stays so. */
    for (int i = 0; i < 2; i++) {
        house_turn(4);
        house_advance(SECOND);
    }
    e = expect_event("suspect");
    ck_assert_str_eq(house_text(e, "kind"), "unread");
    ck_assert_int_eq(house_int(e, "row.handle"), ends[0]);
    ck_assert_str_eq(house_text(e, "row.suspect.0.kind"), "unread");
    house_do(c, "recv", "{'handle':%lld}", ends[0]);
    e = expect_event("cleared");
    ck_assert_str_eq(house_text(e, "kind"), "unread");
    ck_assert_uint_eq(house_size(e, "row.suspect"), 0);
    expect_nothing();
}
END_TEST

START_TEST(an_orphan_is_told_of)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "{'lease':100}");

    subscribe("'suspect','cleared'");
    house_leave(other);
    ck_assert_str_eq(house_text(expect_event("suspect"), "kind"), "orphan");
    house_do(c, "attach", "{'handle':%lld,'lease':'session'}", handle);
    ck_assert_str_eq(house_text(expect_event("cleared"), "kind"), "orphan");
    expect_nothing();
}
END_TEST

/* Those of one type alone; their numbers are those of all. */
START_TEST(only_what_was_asked_for)
{
    subscribe("'closed'");
    for (int i = 0; i < 3; i++)
        house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(house_int(expect_event("closed"), "seq"), 2 * (i + 1));
    expect_nothing();
}
END_TEST

START_TEST(only_what_passes_the_filter)
{
    house_do(watcher, "subscribe", "{'events':['opened','closed'],'filter':{'label':'mine'}}");
    for (int i = 0; i < 3; i++) {
        house_make(c, "socket", "{'label':'yours'}");
        house_make(c, "socket", "{'label':'mine'}");
        ck_assert_str_eq(house_text(expect_event("opened"), "row.label"), "mine");
    }
    expect_nothing();
    house_do(watcher, "subscribe", "{'events':['opened'],'filter':{'uid':4294967}}");
    house_do(watcher, "subscribe", "{'events':['opened'],'filter':{'pool':'no'}}");
    house_do(watcher, "subscribe", "{'events':['opened'],'filter':{'exe':'/no'}}");
    house_make(c, "socket", "{}");
    expect_nothing();
}
END_TEST

/* -- order -- */

START_TEST(the_numbers_ascend_by_one)
{
    long long before;

    subscribe("'opened','closed','reclaimed','expired','suspect','cleared','pool'");
    for (int i = 0; i < 200; i++) {
        long long handle = house_make(c, "socket", "{}");

        if (i % 3 == 0)
            house_do(c, "close", "{'handle':%lld}", handle);
    }
    before = newest_seq();
    ck_assert_int_eq(before, 200 + 67);
    for (long long seq = 1; seq <= before; seq++)
        ck_assert_int_eq(house_int(house_next(watcher), "params.seq"), seq);
    expect_nothing();
}
END_TEST

/* What a session does itself is told to it too, and its replies are whole lines in between. */
START_TEST(one_hears_of_oneself)
{
    int n_events = 0, n_replies = 0;
    json_t *line;

    subscribe("'opened'");
    for (int i = 0; i < 20; i++)
        house_begin(watcher, i, "socket", "{}");
    while (n_events + n_replies < 40) {
        line = house_next(watcher);
        if (house_has(line, "method"))
            ck_assert_int_eq(house_int(line, "params.seq"), ++n_events);
        else
            house_expect_id(line, n_replies++);
    }
    ck_assert_int_eq(n_events, 20);
    expect_nothing();
}
END_TEST

START_TEST(two_sessions_are_told_alike)
{
    struct house_client *second = house_client();
    long long handle;

    subscribe("'opened'");
    house_do(second, "subscribe", "{'events':['opened','closed']}");
    handle = house_make(c, "socket", "{}");
    house_do(c, "close", "{'handle':%lld}", handle);
    ck_assert_int_eq(house_int(expect_event("opened"), "row.handle"), handle);
    ck_assert_str_eq(house_text(house_next(second), "params.type"), "opened");
    ck_assert_str_eq(house_text(house_next(second), "params.type"), "closed");
    expect_nothing();
    /* The end of one is nothing to the other. */
    house_leave(second);
    house_make(c, "socket", "{}");
    expect_event("opened");
}
END_TEST

START_TEST(two_subscriptions_of_one_session)
{
    long long all = house_int(subscribe("'opened','closed'"), "subscription"),
              closed = house_int(subscribe("'closed'"), "subscription");
    bool told_all = false, told_closed = false;

    ck_assert_int_ne(all, closed);
    house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    ck_assert_int_eq(house_int(expect_event("opened"), "subscription"), all);
    for (int i = 0; i < 2; i++) {
        long long id = house_int(expect_event("closed"), "subscription");

        told_all |= id == all;
        told_closed |= id == closed;
    }
    ck_assert(told_all && told_closed);
    expect_nothing();
}
END_TEST

/* -- since -- */

START_TEST(the_past_is_told_again)
{
    json_t *r;

    for (int i = 0; i < 10; i++)
        house_make(c, "socket", "{}");
    r = house_do(watcher, "subscribe", "{'events':['opened'],'since':7}");
    ck_assert_int_eq(house_int(r, "seq"), 10);
    for (int seq = 8; seq <= 10; seq++)
        ck_assert_int_eq(house_int(expect_event("opened"), "seq"), seq);
    house_make(c, "socket", "{}");
    ck_assert_int_eq(house_int(expect_event("opened"), "seq"), 11);
    house_do(watcher, "subscribe", "{'events':['opened'],'since':11}");
    expect_nothing();
}
END_TEST

/* A watcher that comes back goes on where it was. */
START_TEST(it_goes_on_in_another_session)
{
    long long seq = 0;

    subscribe("'opened'");
    for (int round = 0; round < 5; round++) {
        house_make(c, "socket", "{}");
        ck_assert_int_eq(house_int(expect_event("opened"), "seq"), ++seq);
        house_leave(watcher);
        house_make(c, "socket", "{}");
        watcher = house_client();
        house_do(watcher, "subscribe", "{'events':['opened'],'since':%lld}", seq);
        ck_assert_int_eq(house_int(expect_event("opened"), "seq"), ++seq);
    }
}
END_TEST

START_TEST(the_past_that_is_gone_is_missed)
{
    json_t *e;

    for (int i = 0; i < EVENTS_KEPT / 2 + 50; i++)
        house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    house_do(watcher, "subscribe", "{'events':['opened','closed'],'since':0}");
    e = expect_event("overflow");
    ck_assert_int_eq(house_int(e, "missed"), 100);
    ck_assert_int_eq(house_int(e, "seq"), 100);
    ck_assert(!house_has(e, "row"));
    for (int seq = 101; seq <= EVENTS_KEPT + 100; seq++)
        ck_assert_int_eq(house_int(house_next(watcher), "params.seq"), seq);
    expect_nothing();
}
END_TEST

/* Rows that the history has let go cannot be told; that there was something can. */
START_TEST(the_past_whose_rows_are_gone_is_missed)
{
    enum { PAIRS = 40, KEPT = 10 };
    long long first;
    json_t *e;

    house_reopen((struct house_setup){.n_history_rows = KEPT});
    c = house_client();
    watcher = house_client();
    for (int i = 0; i < PAIRS; i++)
        house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    house_do(watcher, "subscribe", "{'events':['opened','closed'],'since':0}");
    e = expect_event("overflow");
    first = house_int(house_next(watcher), "params.seq");
    ck_assert_int_eq(first, 2 * (PAIRS - KEPT) + 1);
    ck_assert_int_eq(house_int(e, "missed"), first - 1);
    ck_assert_int_eq(house_int(e, "seq"), first - 1);
    for (int seq = (int)first + 1; seq <= 2 * PAIRS; seq++)
        ck_assert_int_eq(house_int(house_next(watcher), "params.seq"), seq);
    expect_nothing();
    /* and of those that were asked for alone */
    house_do(watcher, "subscribe", "{'events':['closed'],'since':0}");
    ck_assert_int_eq(house_int(expect_event("overflow"), "missed"), PAIRS - KEPT);
}
END_TEST

START_TEST(the_past_and_all_its_rows_are_gone)
{
    house_reopen((struct house_setup){.history_age_usec = 1});
    c = house_client();
    watcher = house_client();
    house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    house_advance(1000000);
    house_turn(2);
    house_do(watcher, "subscribe", "{'events':['opened','closed'],'since':0}");
    ck_assert_int_eq(house_int(expect_event("overflow"), "missed"), 2);
    expect_nothing();
}
END_TEST

/* -- who does not listen -- */

/* Opens and closes sockets, n_events in all, faster than they are read. */
static void make_events(struct house_client *by, int n_events)
{
    for (int i = 0; i < n_events / 2; i++)
        house_do(by, "close", "{'handle':%lld}", house_make(by, "socket", "{}"));
}

START_TEST(who_does_not_read_overflows)
{
    enum { N = 20000 };
    long long next = 1, n_missed = 0, n_overflows = 0;

    subscribe("'opened','closed'");
    make_events(c, N);
    while (next <= N) {
        json_t *params = house_at(house_next(watcher), "params");

        if (strcmp(house_text(params, "type"), "overflow") == 0) {
            n_overflows++;
            n_missed += house_int(params, "missed");
            next += house_int(params, "missed");
            ck_assert_int_eq(house_int(params, "seq"), next - 1);
        } else {
            ck_assert_int_eq(house_int(params, "seq"), next++);
        }
    }
    ck_assert_int_ge(n_overflows, 1);
    ck_assert_int_gt(n_missed, N - 2 * EVENTS_KEPT);
    ck_assert_int_lt(n_missed, N - EVENTS_KEPT + 1);
    expect_nothing();
    /* It has caught up. */
    make_events(c, 2);
    expect_event("opened");
    expect_event("closed");
}
END_TEST

/* How many bytes the daemon holds for those who do not read. */
static size_t most_held;

static void note_held(void)
{
    struct subscription *s = server_core(house_server())->subscriptions;

    for (; s; s = s->next) {
        size_t n = frame_pending(&((struct peer *)s->peer)->frame);

        if (n > most_held)
            most_held = n;
    }
}

START_TEST(who_does_not_read_costs_little)
{
    enum { EVENT_BYTES = 2048 };

    for (int i = 0; i < 4; i++)
        subscribe("'opened','closed'");
    for (int i = 0; i < 300; i++) {
        make_events(c, 20);
        note_held();
    }
    ck_assert_uint_gt(most_held, 0);
    ck_assert_uint_le(most_held, LIMIT_EVENT_BYTES + EVENT_BYTES);
    /* Whoever reads is told at once, next to one who does not. */
    {
        struct house_client *reader = house_client();
        long long handle;

        house_do(reader, "subscribe", "{'events':['opened']}");
        handle = house_make(c, "socket", "{}");
        ck_assert_int_eq(house_int(house_next(reader), "params.row.handle"), handle);
    }
    house_leave(watcher);
    ck_assert_ptr_null(server_core(house_server())->subscriptions->next);
}
END_TEST

/* -- the end of it -- */

START_TEST(unsubscribed)
{
    long long id = house_int(subscribe("'opened'"), "subscription");
    long long other = house_int(subscribe("'closed'"), "subscription"), handle;

    handle = house_make(c, "socket", "{}");
    expect_event("opened");
    ck_assert_int_eq(
        house_int(house_do(watcher, "unsubscribe", "{'subscription':%lld}", id), "subscription"),
        id);
    house_make(c, "socket", "{}");
    expect_nothing();
    house_do(c, "close", "{'handle':%lld}", handle);
    ck_assert_int_eq(house_int(expect_event("closed"), "subscription"), other);
    house_expect_error(house_fail(watcher, "unsubscribe", "{'subscription':%lld}", id), "protocol",
                       "subscription");
}
END_TEST

START_TEST(nobody_ends_anothers)
{
    long long id = house_int(subscribe("'opened'"), "subscription");

    house_expect_error(house_fail(c, "unsubscribe", "{'subscription':%lld}", id), "protocol",
                       "subscription");
    house_make(c, "socket", "{}");
    expect_event("opened");
}
END_TEST

/* Whoever says that it asks no more has all its answers and is let go. */
START_TEST(the_end_of_requests_ends_it)
{
    subscribe("'opened'");
    house_make(c, "socket", "{}");
    house_turn(4);
    shutdown(house_client_fd(watcher), SHUT_WR);
    expect_event("opened");
    house_expect_end(watcher);
    house_until(house_n_sessions() == 1);
    ck_assert_ptr_null(server_core(house_server())->subscriptions);
    house_make(c, "socket", "{}");
}
END_TEST

START_TEST(a_subscription_and_the_end_in_one_go)
{
    house_send(watcher, "{'id':1,'method':'subscribe','params':{'events':['opened']}}");
    shutdown(house_client_fd(watcher), SHUT_WR);
    house_expect_id(house_next(watcher), 1);
    house_expect_end(watcher);
}
END_TEST

START_TEST(a_dead_watcher_is_forgotten)
{
    for (int i = 0; i < 20; i++) {
        subscribe("'opened','closed'");
        make_events(c, 6);
        house_leave(watcher);
        ck_assert_ptr_null(server_core(house_server())->subscriptions);
        watcher = house_client();
    }
}
END_TEST

/* -- refusals -- */

START_TEST(what_is_no_subscription)
{
    static const struct {
        const char *params, *param;
    } wrong[] = {
        {"{}", "events"},
        {"{'events':[]}", "events"},
        {"{'events':['open']}", "events"},
        {"{'events':['opened','']}", "events"},
        {"{'events':'opened'}", "events"},
        {"{'events':['opened'],'since':1}", "since"},
        {"{'events':['opened'],'since':-1}", "since"},
        {"{'events':['opened'],'filter':{'state':'open'}}", "filter"},
        {"{'events':['opened'],'filter':{'suspect':'me'}}", "filter"},
        {"{'events':['opened'],'every':1}", "every"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        house_expect_error(house_fail(watcher, "subscribe", "%s", wrong[i].params), "protocol",
                           wrong[i].param);
    house_make(c, "socket", "{}");
    expect_nothing();
}
END_TEST

START_TEST(there_is_a_ceiling)
{
    long long ids[LIMIT_SUBSCRIPTIONS];

    for (int i = 0; i < LIMIT_SUBSCRIPTIONS; i++)
        ids[i] = house_int(subscribe("'opened'"), "subscription");
    house_expect_error(house_fail(watcher, "subscribe", "{'events':['opened']}"), "limit",
                       "SUBSCRIPTIONS");
    house_do(c, "subscribe", "{'events':['closed']}");
    house_do(watcher, "unsubscribe", "{'subscription':%lld}", ids[3]);
    ck_assert_int_gt(house_int(subscribe("'opened'"), "subscription"),
                     ids[LIMIT_SUBSCRIPTIONS - 1]);
}
END_TEST

static TCase *clients_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, open_clients, house_close);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return tc;
}

static void add_telling(Suite *suite)
{
    TCase *tc = clients_case(suite, "telling");

    tcase_add_test(tc, nothing_comes_unasked);
    tcase_add_test(tc, a_socket_opens_and_closes);
    tcase_add_test(tc, every_ending_has_its_event);
    tcase_add_test(tc, suspicion_and_its_end);
    tcase_add_test(tc, an_orphan_is_told_of);
    tcase_add_test(tc, only_what_was_asked_for);
    tcase_add_test(tc, only_what_passes_the_filter);
    tcase_add_test(tc, the_numbers_ascend_by_one);
    tcase_add_test(tc, one_hears_of_oneself);
    tcase_add_test(tc, two_sessions_are_told_alike);
    tcase_add_test(tc, two_subscriptions_of_one_session);
    tcase_add_test(tc, the_past_is_told_again);
    tcase_add_test(tc, it_goes_on_in_another_session);
}

static void add_limits(Suite *suite)
{
    TCase *tc = clients_case(suite, "limits");

    tcase_add_test(tc, the_past_that_is_gone_is_missed);
    tcase_add_test(tc, the_past_whose_rows_are_gone_is_missed);
    tcase_add_test(tc, the_past_and_all_its_rows_are_gone);
    tcase_add_test(tc, who_does_not_read_overflows);
    tcase_add_test(tc, who_does_not_read_costs_little);
    tcase_add_test(tc, unsubscribed);
    tcase_add_test(tc, nobody_ends_anothers);
    tcase_add_test(tc, the_end_of_requests_ends_it);
    tcase_add_test(tc, a_subscription_and_the_end_in_one_go);
    tcase_add_test(tc, a_dead_watcher_is_forgotten);
    tcase_add_test(tc, what_is_no_subscription);
    tcase_add_test(tc, there_is_a_ceiling);
}

int main(void)
{
    Suite *suite = suite_create("subscribe");

    add_telling(suite);
    add_limits(suite);
    return house_run(suite);
}
