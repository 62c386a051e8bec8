/* check_batch.c — batches: answered in order and as one, also when an entry waits. */
#include <string.h>

#include "house.h"

START_TEST(a_batch_is_answered_in_order)
{
    struct house_client *c = house_client();
    json_t *reply;

    house_send(c, "[{'id':1,'method':'ping'},{'id':'b','method':'no such'},{'method':'ping'},7,"
                  "{'id':3,'method':'ping'}]");
    reply = house_next(c);
    ck_assert_uint_eq(house_size(reply, ""), 4);
    ck_assert_int_eq(house_int(reply, "0.id"), 1);
    ck_assert_str_eq(house_text(reply, "1.id"), "b");
    ck_assert_int_eq(house_int(reply, "1.error.code"), -32601);
    ck_assert_int_eq(house_int(reply, "2.error.code"), -32600);
    ck_assert_int_eq(house_int(reply, "3.id"), 3);
}
END_TEST

START_TEST(a_batch_waits_for_its_entries)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];
    json_t *reply;

    house_pair(c, "SOCK_STREAM", ends);
    house_send(c,
               "[{'id':1,'method':'recv','params':[%lld]},{'id':2,'method':'ping'},"
               "{'id':3,'method':'recv','params':[%lld]}]",
               ends[0], ends[0]);
    house_begin(c, 4, "ping", "{}");
    house_expect_silence(c);
    house_do(other, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    house_expect_silence(c);
    house_do(other, "send", "{'handle':%lld,'text':'y'}", ends[1]);
    reply = house_next(c);
    ck_assert_uint_eq(house_size(reply, ""), 3);
    ck_assert_str_eq(house_text(reply, "0.result.text"), "x");
    ck_assert_int_eq(house_int(reply, "1.id"), 2);
    ck_assert_str_eq(house_text(reply, "2.result.text"), "y");
    house_expect_id(house_next(c), 4);
}
END_TEST

START_TEST(a_batch_of_an_unordered_session_holds_nobody_up)
{
    struct house_client *c = house_client();
    long long ends[2];
    json_t *reply;

    house_do(c, "hello", "{'unordered':true}");
    house_pair(c, "SOCK_STREAM", ends);
    house_send(c, "[{'id':1,'method':'recv','params':[%lld]},{'id':2,'method':'ping'}]", ends[0]);
    house_do(c, "ping", "{}");
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    reply = house_next(c);
    ck_assert_str_eq(house_text(reply, "0.result.text"), "x");
    ck_assert_int_eq(house_int(reply, "1.id"), 2);
}
END_TEST

START_TEST(a_batch_of_notifications_is_not_answered)
{
    struct house_client *c = house_client();

    house_send(
        c, "[{'method':'socket','params':{'name':'a'}},{'method':'socket','params':{'name':'b'}}]");
    house_expect_silence(c);
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "opened"), 2);
}
END_TEST

static void send_batch_of(struct house_client *c, int n)
{
    house_send_bytes(c, "[", 1);
    for (int i = 0; i < n; i++) {
        static const char entry[] = ",{\"id\":1,\"method\":\"ping\"}";

        house_send_bytes(c, i ? entry : entry + 1, strlen(entry) - !i);
    }
    house_send_bytes(c, "]\n", 2);
}

START_TEST(a_batch_has_1_to_64_entries)
{
    struct house_client *c = house_client();
    json_t *reply;

    send_batch_of(c, 64);
    ck_assert_uint_eq(house_size(house_next(c), ""), 64);
    send_batch_of(c, 65);
    reply = house_next(c);
    house_expect_error(reply, "limit", "BATCH");
    ck_assert(house_has(reply, "id"));
    send_batch_of(c, 0);
    reply = house_next(c);
    ck_assert_int_eq(house_int(reply, "error.code"), -32600);
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(no_entry_of_a_batch_carries_fds)
{
    struct house_client *c = house_client();
    int fd = house_client_fd(c);
    json_t *reply;

    house_send_fds(
        c, "[{'id':1,'method':'ping'},{'id':2,'method':'sendfile','fds':1,'params':[16777217]}]",
        &fd, 1);
    reply = house_next(c);
    if (house_has(reply, "1"))
        house_expect_error(house_at(reply, "1"), "fd", "FD");
    else
        ck_assert_str_eq(house_text(reply, "error.data.kind"), "fd");
    house_expect_end(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *tc = house_case(suite, "batch");

    tcase_add_test(tc, a_batch_is_answered_in_order);
    tcase_add_test(tc, a_batch_waits_for_its_entries);
    tcase_add_test(tc, a_batch_of_an_unordered_session_holds_nobody_up);
    tcase_add_test(tc, a_batch_of_notifications_is_not_answered);
    tcase_add_test(tc, a_batch_has_1_to_64_entries);
    tcase_add_test(tc, no_entry_of_a_batch_carries_fds);
    return house_run(suite);
}
