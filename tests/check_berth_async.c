/* check_berth_async.c — requests and replies of libberth without waiting: in any order, mixed with
 * calls that wait, with descriptors, up to the ceilings. The daemon is a script. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

/* The next reply, waiting for it as an event loop does. Returns what berth_next_reply does, but
 * never 0. */
static int wait_for_reply(berth *b, struct berth_reply *ret)
{
    int r;

    while ((r = berth_next_reply(b, ret)) == 0) {
        struct pollfd p = {.fd = berth_fd(b), .events = berth_events(b)};

        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        berth_process(b);
    }
    return r;
}

START_TEST(replies_come_by_id)
{
    const struct turn turns[] = {
        {"recv {}", NULL, 0, 0},
        {"send {\"handle\":1}", "#{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"sent\":1}}", 0, 0},
        {"ping {}",
         "#{\"id\":1,\"error\":{\"code\":-32021,\"message\":\"m\",\"data\":{\"kind\":\"cancelled\"}"
         "}}",
         0, 0},
        {"ping {}", "#{\"id\":3,\"result\":\"text\"}", 0, 0},
        {"ping {}", "#{\"method\":\"event\",\"params\":{\"seq\":1}}", 0, 0},
    };
    struct berth_reply reply;
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(turns, 5, &b);
    ck_assert_int_eq(berth_next_reply(b, &reply), 0);
    ck_assert_int_eq(berth_send_request(b, "recv", NULL, -1), 1);
    ck_assert_int_eq(berth_send_request(b, "send", "{\"handle\":1}", -1), 2);
    for (int i = 3; i <= 5; i++)
        ck_assert_int_eq(berth_send_request(b, "ping", NULL, -1), i);
    ck_assert_int_eq(wait_for_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 2);
    ck_assert_str_eq(reply.json, "{\"sent\":1}");
    ck_assert_ptr_null(reply.error);
    ck_assert_int_eq(wait_for_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 1);
    ck_assert_ptr_null(reply.json);
    ck_assert_str_eq(reply.error->kind, "cancelled");
    ck_assert_int_eq(wait_for_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 3);
    ck_assert_str_eq(reply.json, "\"text\"");
    ck_assert_int_eq(wait_for_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 0);
    ck_assert_str_eq(reply.method, "event");
    ck_assert_str_eq(reply.json, "{\"seq\":1}");
    ck_assert_int_eq(wait_for_reply(b, &reply), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    fake_daemon_finish(b, fake);
}
END_TEST

/* What comes while a call waits for its own reply is kept, with its descriptor. */
START_TEST(calls_may_be_mixed_in)
{
    const struct turn turns[] = {
        {"a {}", NULL, 0, 0},
        {"b {}", NULL, 0, 0},
        {"ping {}", "#{\"id\":1,\"result\":[1],\"fds\":1}\n{\"id\":3,\"result\":{\"uptime\":3}}", 1,
         0},
        {"ping {}", "#{\"id\":2,\"result\":[2]}\n{\"id\":4,\"result\":{\"uptime\":4}}", 0, 0},
    };
    int n_fds = fake_daemon_count_fds();
    struct berth_reply reply;
    struct fake_daemon *fake;
    double uptime = 0;
    berth *b;

    fake = fake_daemon_start(turns, 4, &b);
    ck_assert_int_eq(berth_send_request(b, "a", NULL, -1), 1);
    ck_assert_int_eq(berth_send_request(b, "b", NULL, -1), 2);
    ck_assert_int_eq(berth_ping(b, &uptime), 0);
    ck_assert_double_eq(uptime, 3);
    ck_assert_int_eq(berth_ping(b, &uptime), 0);
    ck_assert_double_eq(uptime, 4);
    ck_assert_int_eq(berth_next_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 1);
    ck_assert_int_eq(fcntl(reply.fd, F_GETFD), FD_CLOEXEC);
    close(reply.fd);
    ck_assert_int_eq(berth_next_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 2);
    ck_assert_str_eq(reply.json, "[2]");
    ck_assert_int_eq(reply.fd, -1);
    fake_daemon_finish(b, fake);
    ck_assert_int_eq(fake_daemon_count_fds(), n_fds);
}
END_TEST

/* Kept replies that nobody takes leave nothing behind. */
START_TEST(kept_replies_are_freed)
{
    const struct turn turns[] = {
        {"a {}", NULL, 0, 0},
        {"ping {}", "#{\"id\":1,\"result\":1,\"fds\":1}\n{\"id\":2,\"result\":{}}", 1, 0},
    };
    int n_fds = fake_daemon_count_fds();
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(turns, 2, &b);
    ck_assert_int_eq(berth_send_request(b, "a", NULL, -1), 1);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_daemon_finish(b, fake);
    ck_assert_int_eq(fake_daemon_count_fds(), n_fds);
}
END_TEST

/* A daemon that reads nothing: requests queue up to the ceiling, and nothing waits. */
START_TEST(requests_have_a_ceiling)
{
    static char params[400 << 10];
    int ends[2], n = 0;
    berth *b;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    b = berth_new_from_fd(ends[0]);
    memset(params, ' ', sizeof params - 1);
    memcpy(params, "{}", 2);
    while (berth_send_request(b, "ping", params, -1) > 0)
        ck_assert_int_lt(++n, 100);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(berth_events(b), POLLIN | POLLOUT);
    berth_free(b);
    close(ends[1]);
}
END_TEST

START_TEST(waiting_requests_have_a_ceiling)
{
    int ends[2], n = 0;
    char buffer[1 << 16];
    berth *b;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    b = berth_new_from_fd(ends[0]);
    while (berth_send_request(b, "ping", NULL, -1) > 0) {
        ck_assert_int_lt(++n, 5000);
        ck_assert_int_gt(read(ends[1], buffer, sizeof buffer), 0);
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(n, 1024);
    ck_assert_int_eq(berth_events(b), POLLIN);
    berth_free(b);
    close(ends[1]);
}
END_TEST

/* A reply makes room for another request. */
START_TEST(ceiling_is_for_those_that_wait)
{
    static struct turn turns[1500];
    struct berth_reply reply;
    struct fake_daemon *fake;
    berth *b;

    for (int i = 0; i < 1500; i++)
        turns[i] = (struct turn){.reply = "{}"};
    fake = fake_daemon_start(turns, 1500, &b);
    for (int i = 0; i < 1500; i++) {
        ck_assert_int_eq(berth_send_request(b, "x", NULL, -1), i + 1);
        ck_assert_int_eq(wait_for_reply(b, &reply), 1);
    }
    fake_daemon_finish(b, fake);
}
END_TEST

/* Both sides have more to say than the socket holds, and neither waits for the other for ever. */
START_TEST(both_write_at_once)
{
    enum { N = 40, SIZE = 300 << 10 };
    struct turn turns[N];
    char *params = malloc(SIZE + 20), *result = malloc(SIZE + 20);
    struct fake_daemon *fake;
    struct berth_reply reply;
    int n_sent = 0, n_got = 0;
    berth *b;

    ck_assert(params && result);
    memset(params, ' ', SIZE);
    memcpy(params, "{}", 3);
    params[2] = ' ';
    params[SIZE] = '\0';
    memset(result, ' ', SIZE);
    result[0] = '1';
    result[SIZE] = '\0';
    for (int i = 0; i < N; i++)
        turns[i] = (struct turn){.reply = result};
    fake = fake_daemon_start(turns, N, &b);
    while (n_got < N) {
        while (n_sent < N && berth_send_request(b, "x", params, -1) > 0)
            n_sent++;
        ck_assert_int_eq(wait_for_reply(b, &reply), 1);
        ck_assert_int_eq(reply.id, ++n_got);
    }
    fake_daemon_finish(b, fake);
    free(params);
    free(result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_async");
    TCase *tests = tcase_create("async");

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, replies_come_by_id);
    tcase_add_test(tests, calls_may_be_mixed_in);
    tcase_add_test(tests, kept_replies_are_freed);
    tcase_add_test(tests, requests_have_a_ceiling);
    tcase_add_test(tests, waiting_requests_have_a_ceiling);
    tcase_add_test(tests, ceiling_is_for_those_that_wait);
    tcase_add_test(tests, both_write_at_once);
    return house_run(suite);
}
