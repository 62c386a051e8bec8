/* check_session.c — one session: the order of replies, cancelling, and its end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/server.h"
#include "house.h"

static struct house_client *unordered_client(void)
{
    struct house_client *c = house_client();

    house_do(c, "hello", "{'unordered':true}");
    return c;
}

static void expect_text(json_t *reply, int id, const char *text)
{
    house_expect_id(reply, id);
    ck_assert_str_eq(house_text(reply, "result.text"), text);
}

/* Sends empty lines until the daemon takes no more; fails the test when it goes on taking them. */
static void expect_unread(struct house_client *c)
{
    static char newlines[65536];
    size_t n = 0;

    memset(newlines, '\n', sizeof newlines);
    for (;;) {
        ssize_t sent = send(house_client_fd(c), newlines, sizeof newlines, MSG_NOSIGNAL);

        if (sent < 0)
            break;
        n += (size_t)sent;
        ck_assert_uint_lt(n, 8 << 20);
        house_turn(4);
    }
    ck_assert_int_eq(errno, EAGAIN);
    house_turn(4);
    ck_assert_int_eq(send(house_client_fd(c), newlines, 1, MSG_NOSIGNAL), -1);
}

/* -- order -- */

START_TEST(an_ordered_session_waits)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 2, "ping", "{}");
    house_expect_silence(c);
    house_do(other, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_text(house_next(c), 1, "x");
    house_expect_id(house_next(c), 2);
}
END_TEST

START_TEST(an_ordered_session_that_waits_is_not_read)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_turn(4);
    expect_unread(c);
    house_do(other, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_text(house_next(c), 1, "x");
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(an_unordered_session_overtakes)
{
    struct house_client *c = unordered_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_do(c, "ping", "{}");
    house_begin(c, 2, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    house_expect_id(house_next(c), 2);
    expect_text(house_next(c), 1, "x");
}
END_TEST

START_TEST(one_lane_is_first_come_first_served)
{
    struct house_client *c = unordered_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    for (int i = 1; i <= 5; i++)
        house_begin(c, i, "recv", "{'handle':%lld,'exactly':%d}", ends[0], i);
    house_do(c, "sendall", "{'handle':%lld,'text':'122333444455555'}", ends[1]);
    expect_text(house_next(c), 1, "1");
    expect_text(house_next(c), 2, "22");
    expect_text(house_next(c), 3, "333");
    expect_text(house_next(c), 4, "4444");
    expect_text(house_next(c), 5, "55555");
}
END_TEST

/* One that asks later does not take what those before wait for, even when it is there. */
START_TEST(nobody_pushes_in)
{
    struct house_client *c = unordered_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld,'exactly':4}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'ab'}", ends[1]);
    house_begin(c, 2, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 3, "recv", "{'handle':%lld,'timeout':0}", ends[0]);
    house_expect_id(house_next(c), 3); /* which would have had to wait */
    house_expect_silence(c);
    house_do(c, "send", "{'handle':%lld,'text':'cd'}", ends[1]);
    expect_text(house_next(c), 1, "abcd");
    house_do(c, "send", "{'handle':%lld,'text':'ef'}", ends[1]);
    expect_text(house_next(c), 2, "ef");
}
END_TEST

/* Waiting in one direction holds up neither the other nor the state. */
START_TEST(lanes_are_independent)
{
    struct house_client *c = unordered_client();
    long long ends[2];

    house_connect(c, ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[0]);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'TCP_NODELAY','value':true}", ends[0]);
    house_do(c, "getsockname", "{'handle':%lld}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'y'}", ends[1]);
    expect_text(house_next(c), 1, "y");
}
END_TEST

START_TEST(at_most_64_are_in_flight)
{
    struct house_client *c = unordered_client(), *other = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    for (int i = 1; i <= 70; i++)
        house_begin(c, i, "recv", "{'handle':%lld,'size':1}", ends[0]);
    house_begin(c, 71, "ping", "{}");
    house_expect_silence(c);
    expect_unread(c);
    house_do(other, "sendall", "{'handle':%lld,'text':'123456'}", ends[1]);
    for (int i = 1; i <= 6; i++)
        house_expect_id(house_next(c), i);
    house_expect_silence(c);
    house_do(other, "sendall", "{'handle':%lld,'text':'7'}", ends[1]);
    house_expect_id(house_next(c), 7);
    house_expect_id(house_next(c), 71);
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(two_sessions_share_a_lane_in_order)
{
    struct house_client *a = house_client(), *b = house_client(), *sender = house_client();
    long long ends[2];

    house_pair(sender, "SOCK_STREAM", ends);
    house_begin(a, 1, "recv", "{'handle':%lld,'size':1}", ends[0]);
    house_turn(2);
    house_begin(b, 2, "recv", "{'handle':%lld,'size':1}", ends[0]);
    house_turn(2);
    house_do(sender, "send", "{'handle':%lld,'text':'1'}", ends[1]);
    expect_text(house_next(a), 1, "1");
    house_expect_silence(b);
    house_do(sender, "send", "{'handle':%lld,'text':'2'}", ends[1]);
    expect_text(house_next(b), 2, "2");
}
END_TEST

START_TEST(a_notification_is_not_answered)
{
    struct house_client *c = house_client();

    house_send(c, "{'method':'socket','params':{'name':'quiet'}}");
    house_send(c, "{'method':'socket','params':{'family':'AF_NONE'}}");
    house_send(c, "{'method':'no such'}");
    house_expect_silence(c);
    ck_assert_str_eq(house_text(house_do(c, "ledger.get", "{'handle':'quiet'}"), "state"),
                     "created");
}
END_TEST

/* -- cancelling -- */

START_TEST(cancel_ends_a_call_that_waits)
{
    struct house_client *c = unordered_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 2, "recv", "{'handle':%lld}", ends[0]);
    ck_assert(!house_bool(house_do(c, "cancel", "{'id':'1'}"), "cancelled"));
    ck_assert(!house_bool(house_do(c, "cancel", "{'id':3}"), "cancelled"));
    house_begin(c, 3, "cancel", "{'id':1}");
    for (int i = 0; i < 2; i++) {
        json_t *reply = house_next(c);

        if (house_int(reply, "id") == 3)
            ck_assert(house_bool(reply, "result.cancelled"));
        else
            house_expect_error(reply, "cancelled", "CANCELLED");
    }
    ck_assert(!house_bool(house_do(c, "cancel", "{'id':1}"), "cancelled"));
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_text(house_next(c), 2, "x");
}
END_TEST

START_TEST(cancel_does_not_reach_other_sessions)
{
    struct house_client *a = house_client(), *b = house_client();
    long long ends[2];

    house_pair(a, "SOCK_STREAM", ends);
    house_begin(a, 1, "recv", "{'handle':%lld}", ends[0]);
    house_turn(2);
    ck_assert(!house_bool(house_do(b, "cancel", "{'id':1}"), "cancelled"));
    house_expect_silence(a);
}
END_TEST

START_TEST(close_cancels_who_waits)
{
    struct house_client *c = unordered_client(), *other = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 2, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 3, "poll", "{'handles':[{'handle':%lld},{'handle':%lld}]}", ends[0], ends[1]);
    house_expect_silence(c);
    ck_assert_str_eq(house_text(house_do(other, "close", "{'handle':%lld}", ends[0]), "end.how"),
                     "closed");
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(house_text(house_next(c), "error.data.kind"), "cancelled");
    house_expect_silence(c);
}
END_TEST

START_TEST(the_end_of_the_owner_cancels_who_waits)
{
    struct house_client *owner = house_client(), *guest = house_client();
    long long ends[2];
    json_t *reply, *row;

    house_pair(owner, "SOCK_STREAM", ends);
    house_begin(guest, 1, "recv", "{'handle':%lld}", ends[0]);
    house_expect_silence(guest);
    house_leave(owner);
    reply = house_next(guest);
    ck_assert_str_eq(house_text(reply, "error.data.kind"), "cancelled");
    ck_assert_int_eq(house_int(reply, "error.data.handle"), ends[0]);
    row = house_do(guest, "ledger.get", "{'handle':%lld}", ends[0]);
    ck_assert_str_eq(house_text(row, "end.how"), "reclaimed");
    ck_assert_int_eq(house_int(house_do(guest, "ledger.audit", "{}"), "reclaimed"), 2);
}
END_TEST

/* -- the end -- */

START_TEST(after_half_close_all_is_answered)
{
    struct house_client *c = house_client();

    for (int i = 1; i <= 3; i++)
        house_begin(c, i, "ping", "{}");
    house_send_bytes(c, "{\"id\":4,\"method\":\"ping\"}", 24); /* without a newline */
    ck_assert_int_eq(shutdown(house_client_fd(c), SHUT_WR), 0);
    for (int i = 1; i <= 4; i++)
        house_expect_id(house_next(c), i);
    house_expect_end(c);
    ck_assert_int_eq(house_n_sessions(), 0);
}
END_TEST

START_TEST(after_half_close_what_waits_goes_on)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];

    house_pair(other, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 2, "recv", "{'handle':%lld,'timeout':5}", ends[0]);
    ck_assert_int_eq(shutdown(house_client_fd(c), SHUT_WR), 0);
    house_expect_silence(c);
    house_do(other, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_text(house_next(c), 1, "x");
    house_expect_silence(c);
    house_advance(5000000);
    house_expect_error(house_next(c), "timeout", "TIMEOUT");
    house_expect_end(c);
}
END_TEST

START_TEST(a_session_that_leaves_is_reclaimed)
{
    struct house_client *c = house_client(), *other = house_client();
    long long handle = house_make(c, "socket", "{'name':'web','label':'l','site':'s:1'}");
    json_t *row;

    house_make(c, "socket", "{'name':'@c'}");
    house_leave(c);
    row = house_do(other, "ledger.get", "{'handle':%lld}", handle);
    ck_assert_str_eq(house_text(row, "state"), "closed");
    ck_assert_str_eq(house_text(row, "end.how"), "reclaimed");
    ck_assert_double_eq_tol(house_number(row, "end.at"), house_now(), 0.001);
    house_expect_error(house_fail(other, "getsockname", "{'handle':'web'}"), "handle", "UNKNOWN");
    house_make(other, "socket", "{'name':'web'}");
}
END_TEST

/* A client that sent its requests and went away: they are run, and nothing waits for it. */
START_TEST(a_client_that_went_at_once)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];

    house_pair(other, "SOCK_STREAM", ends);
    house_begin(c, 1, "socket", "{}");
    house_begin(c, 2, "recv", "{'handle':%lld}", ends[0]);
    house_leave(c);
    ck_assert_int_eq(house_int(house_do(other, "ledger.audit", "{}"), "live"), 2);
    house_do(other, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    ck_assert_str_eq(house_text(house_do(other, "recv", "{'handle':%lld}", ends[0]), "text"), "x");
}
END_TEST

/* Names with @ are the session's own. */
START_TEST(names_of_the_session)
{
    struct house_client *a = house_client(), *b = house_client();
    long long of_a = house_make(a, "socket", "{'name':'@c'}"),
              of_b = house_make(b, "socket", "{'name':'@c'}");

    ck_assert_int_ne(of_a, of_b);
    ck_assert_int_eq(house_int(house_do(a, "ledger.get", "{'handle':'@c'}"), "handle"), of_a);
    ck_assert_int_eq(house_int(house_do(b, "ledger.get", "{'handle':'@c'}"), "handle"), of_b);
    house_expect_error(house_fail(a, "socket", "{'name':'@c'}"), "handle", "NAME_TAKEN");
    house_do(a, "close", "{'handle':'@c'}");
    house_make(a, "socket", "{'name':'@c'}");
}
END_TEST

/* Stopping answers what waits, and takes nothing more. */
START_TEST(the_daemon_stops)
{
    struct house_client *c = unordered_client(), *idle = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_begin(c, 2, "poll", "{'handles':[{'handle':%lld}]}", ends[0]);
    house_expect_silence(c);
    server_stop(house_server(), 1000000);
    for (int i = 0; i < 2; i++)
        house_expect_error(house_next(c), "cancelled", "STOPPING");
    house_expect_end(c);
    house_expect_end(idle);
    ck_assert_int_eq(house_n_sessions(), 0);
    ck_assert_int_eq(house_n_live(), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *order = house_case(suite, "order"), *cancel = house_case(suite, "cancel");
    TCase *end = house_case(suite, "end");

    tcase_add_test(order, an_ordered_session_waits);
    tcase_add_test(order, an_ordered_session_that_waits_is_not_read);
    tcase_add_test(order, an_unordered_session_overtakes);
    tcase_add_test(order, one_lane_is_first_come_first_served);
    tcase_add_test(order, nobody_pushes_in);
    tcase_add_test(order, lanes_are_independent);
    tcase_add_test(order, at_most_64_are_in_flight);
    tcase_add_test(order, two_sessions_share_a_lane_in_order);
    tcase_add_test(order, a_notification_is_not_answered);
    tcase_add_test(cancel, cancel_ends_a_call_that_waits);
    tcase_add_test(cancel, cancel_does_not_reach_other_sessions);
    tcase_add_test(cancel, close_cancels_who_waits);
    tcase_add_test(cancel, the_end_of_the_owner_cancels_who_waits);
    tcase_add_test(end, after_half_close_all_is_answered);
    tcase_add_test(end, after_half_close_what_waits_goes_on);
    tcase_add_test(end, a_session_that_leaves_is_reclaimed);
    tcase_add_test(end, a_client_that_went_at_once);
    tcase_add_test(end, names_of_the_session);
    tcase_add_test(end, the_daemon_stops);
    return suite;
}

int main(void)
{
    return house_run(make_suite());
}
