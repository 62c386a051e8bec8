/* check_timeouts.c — how long a call waits: its own timeout, the handle's, the session's; by the
 * house's clock. */
#include "house.h"

/* A session whose calls overtake, and a pair to speak through. */
static struct house_client *c;
static long long ends[2];

static void open_client(void)
{
    house_open();
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
    house_pair(c, "SOCK_STREAM", ends);
}

/* A recv that takes as many seconds as said; 0: it does not wait at all. */
static void expect_wait(const char *members, int64_t usec)
{
    json_t *reply;

    house_begin(c, 1, "recv", "{'handle':%lld%s}", ends[0], members);
    if (usec) {
        house_advance(usec - 1);
        house_expect_silence(c);
        house_advance(1);
    }
    reply = house_next(c);
    if (usec)
        house_expect_error(reply, "timeout", "TIMEOUT");
    else
        house_expect_error(reply, "os", "EAGAIN");
}

static void expect_for_ever(const char *members)
{
    house_begin(c, 1, "recv", "{'handle':%lld%s}", ends[0], members);
    house_advance(INT64_C(86400000000) * 365);
    house_expect_silence(c);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    house_expect_id(house_next(c), 1);
}

START_TEST(which_timeout_is_in_force)
{
    expect_for_ever("");
    expect_wait(",\"timeout\":0", 0);
    expect_wait(",\"timeout\":2.5", 2500000);
    expect_wait(",\"timeout\":0.000001", 1);
    house_do(c, "setdefaulttimeout", "{'timeout':3}");
    expect_wait("", 3000000);
    house_do(c, "settimeout", "{'handle':%lld,'timeout':1}", ends[0]);
    expect_wait("", 1000000);
    expect_wait(",\"timeout\":7", 7000000);
    expect_for_ever(",\"timeout\":null");
    house_do(c, "settimeout", "{'handle':%lld,'timeout':0}", ends[0]);
    expect_wait("", 0);
    expect_wait(",\"timeout\":1", 1000000);
    house_do(c, "settimeout", "{'handle':%lld,'timeout':null}", ends[0]);
    expect_for_ever("");
}
END_TEST

START_TEST(timeouts_are_told)
{
    json_t *r = house_do(c, "gettimeout", "{'handle':%lld}", ends[0]);

    ck_assert(house_has(r, "timeout"));
    r = house_do(c, "setdefaulttimeout", "{'timeout':1.5}");
    ck_assert_double_eq_tol(house_number(r, "timeout"), 1.5, 1e-9);
    r = house_do(c, "gettimeout", "{'handle':%lld}", ends[0]);
    ck_assert_double_eq_tol(house_number(r, "timeout"), 1.5, 1e-9);
    house_do(c, "settimeout", "{'handle':%lld,'timeout':0}", ends[0]);
    r = house_do(c, "gettimeout", "{'handle':%lld}", ends[0]);
    ck_assert_double_eq_tol(house_number(r, "timeout"), 0, 1e-9);
}
END_TEST

/* Many with different deadlines end in the order of these. */
START_TEST(deadlines_come_in_their_order)
{
    for (int i = 0; i < 40; i++)
        house_begin(c, i, "recv", "{'handle':%lld,'timeout':%d}", ends[0], (i * 7) % 40 + 1);
    house_expect_silence(c);
    for (int second = 1; second <= 40; second++) {
        json_t *reply;

        house_advance(1000000);
        reply = house_next(c);
        ck_assert_int_eq((house_int(reply, "id") * 7) % 40 + 1, second);
        house_expect_error(reply, "timeout", "TIMEOUT");
        house_expect_silence(c);
    }
}
END_TEST

START_TEST(dontwait_is_a_timeout_of_0)
{
    expect_wait(",\"flags\":[\"MSG_DONTWAIT\"]", 0);
    expect_wait(",\"flags\":[\"MSG_DONTWAIT\"],\"exactly\":3", 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeouts");
    TCase *tc = tcase_create("timeouts");

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, which_timeout_is_in_force);
    tcase_add_test(tc, timeouts_are_told);
    tcase_add_test(tc, deadlines_come_in_their_order);
    tcase_add_test(tc, dontwait_is_a_timeout_of_0);
    return house_run(suite);
}
