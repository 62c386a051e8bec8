/* check_poll.c — poll: many handles at once, in no queue. */
#include <stdio.h>
#include <string.h>

#include "house.h"

static struct house_client *c;
static long long ends[2];

static void open_stream(void)
{
    house_open();
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
    house_pair(c, "SOCK_STREAM", ends);
}

/* The one handle that is ready, and the first of its events. */
static void expect_ready(json_t *result, long long handle, const char *event)
{
    ck_assert_uint_eq(house_size(result, "ready"), 1);
    ck_assert_int_eq(house_int(result, "ready.0.handle"), handle);
    ck_assert_str_eq(house_text(result, "ready.0.events.0"), event);
}

START_TEST(who_is_ready_is_told_at_once)
{
    json_t *r =
        house_do(c, "poll", "{'handles':[{'handle':%lld,'events':['in','out']},{'handle':%lld}]}",
                 ends[0], ends[1]);

    expect_ready(r, ends[0], "out");
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[0]);
    r = house_do(c, "poll", "{'handles':[{'handle':%lld},{'handle':%lld}]}", ends[0], ends[1]);
    expect_ready(r, ends[1], "in");
}
END_TEST

START_TEST(poll_waits_for_an_event)
{
    json_t *reply;

    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld},{'handle':%lld,'events':['in']}]}",
                ends[0], ends[1]);
    house_expect_silence(c);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[0]);
    reply = house_next(c);
    house_expect_id(reply, 1);
    expect_ready(house_at(reply, "result"), ends[1], "in");
}
END_TEST

START_TEST(a_poll_that_ran_out_of_time_is_no_error)
{
    json_t *r = house_do(c, "poll", "{'handles':[{'handle':%lld}],'timeout':0}", ends[0]);

    ck_assert_uint_eq(house_size(r, "ready"), 0);
    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld}],'timeout':1.5}", ends[0]);
    house_advance(1499999);
    house_expect_silence(c);
    house_advance(1);
    r = house_next(c);
    house_expect_id(r, 1);
    ck_assert_uint_eq(house_size(r, "result.ready"), 0);
}
END_TEST

START_TEST(poll_sees_the_end)
{
    json_t *reply;

    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld}]}", ends[0]);
    house_expect_silence(c);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    reply = house_next(c);
    expect_ready(house_at(reply, "result"), ends[0], "in");
    ck_assert_str_eq(house_text(reply, "result.ready.0.events.1"), "hup");
}
END_TEST

/* No queue: those who poll see what is there, and who reads takes it. */
START_TEST(poll_takes_nothing_and_blocks_nobody)
{
    struct house_client *first = house_client(), *second = house_client(), *reader = house_client();

    house_begin(first, 1, "poll", "{'handles':[{'handle':%lld}]}", ends[0]);
    house_begin(second, 1, "poll", "{'handles':[{'handle':%lld}]}", ends[0]);
    house_begin(reader, 1, "recv", "{'handle':%lld,'exactly':2}", ends[0]);
    house_turn(2);
    house_do(c, "send", "{'handle':%lld,'text':'ab'}", ends[1]);
    ck_assert_str_eq(house_text(house_next(reader), "result.text"), "ab");
    /* Those who had not looked before it was read go on waiting. */
    house_do(c, "send", "{'handle':%lld,'text':'c'}", ends[1]);
    expect_ready(house_at(house_next(first), "result"), ends[0], "in");
    expect_ready(house_at(house_next(second), "result"), ends[0], "in");
}
END_TEST

START_TEST(poll_many)
{
    long long handles[2 * 128];
    char text[16384];
    size_t n = 0;
    json_t *r;

    for (int i = 0; i < 128; i++)
        house_pair(c, "SOCK_DGRAM", &handles[2 * i]);
    for (int i = 0; i < 256; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s{'handle':%lld}", i ? "," : "",
                              handles[i]);
    house_begin(c, 1, "poll", "{'handles':[%s]}", text);
    house_expect_silence(c);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", handles[254]);
    r = house_next(c);
    expect_ready(house_at(r, "result"), handles[255], "in");
    house_expect_error(house_fail(c, "poll", "{'handles':[%s,{'handle':%lld}]}", text, ends[0]),
                       "protocol", "handles");
}
END_TEST

START_TEST(what_poll_refuses)
{
    house_expect_error(
        house_fail(c, "poll", "{'handles':[{'handle':%lld,'events':['up']}]}", ends[0]), "protocol",
        "handles");
    house_expect_error(house_fail(c, "poll", "{'handles':[{'handle':%lld},{'handle':1}]}", ends[0]),
                       "handle", "UNKNOWN");
    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld},{'handle':%lld}]}", ends[0], ends[1]);
    house_expect_silence(c);
    house_begin(c, 2, "cancel", "{'id':1}");
    for (int i = 0; i < 2; i++) {
        json_t *reply = house_next(c);

        if (house_int(reply, "id") == 1)
            house_expect_error(reply, "cancelled", "CANCELLED");
    }
}
END_TEST

/* Nothing is asked for, so only the end of the peer can be told. */
START_TEST(poll_for_nothing)
{
    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld,'events':[]}]}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    house_expect_silence(c);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    expect_ready(house_at(house_next(c), "result"), ends[0], "hup");
}
END_TEST

/* Nobody is watched: only the time goes by. */
START_TEST(poll_of_nobody)
{
    ck_assert_uint_eq(house_size(house_do(c, "poll", "{'handles':[],'timeout':0}"), "ready"), 0);
    house_begin(c, 1, "poll", "{'handles':[],'timeout':2}");
    house_expect_silence(c);
    house_advance(2000000);
    ck_assert_uint_eq(house_size(house_next(c), "result.ready"), 0);
}
END_TEST

START_TEST(the_same_handle_twice)
{
    json_t *r;

    house_begin(c, 1, "poll", "{'handles':[{'handle':%lld},{'handle':%lld}]}", ends[0], ends[0]);
    house_expect_silence(c);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    r = house_next(c);
    ck_assert_uint_eq(house_size(r, "result.ready"), 2);
    house_begin(c, 2, "poll", "{'handles':[{'handle':%lld},{'handle':%lld}]}", ends[1], ends[1]);
    house_expect_silence(c);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    ck_assert_str_eq(house_text(house_next(c), "error.data.kind"), "cancelled");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poll");
    TCase *tc = tcase_create("poll");

    tcase_add_checked_fixture(tc, open_stream, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, who_is_ready_is_told_at_once);
    tcase_add_test(tc, poll_waits_for_an_event);
    tcase_add_test(tc, a_poll_that_ran_out_of_time_is_no_error);
    tcase_add_test(tc, poll_sees_the_end);
    tcase_add_test(tc, poll_takes_nothing_and_blocks_nobody);
    tcase_add_test(tc, poll_many);
    tcase_add_test(tc, what_poll_refuses);
    tcase_add_test(tc, poll_for_nothing);
    tcase_add_test(tc, poll_of_nobody);
    tcase_add_test(tc, the_same_handle_twice);
    return house_run(suite);
}
