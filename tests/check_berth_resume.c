/* check_berth_resume.c — libberth after a restart of the daemon: what the new one is told, and
 * programs that do not wait. The daemon is a script that lives several times. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake_ride.h"
#include "tests/house.h"

/* Short, for it stands in every line. */
#define b fake_ride_session

/* -- what a new session is told ---------------------------------------------------------------- */

START_TEST(the_same_client)
{
    const struct turn turns[] = {
        {"hello {\"client\":\"c 1\",\"label\":\"l\",\"unordered\":true}",
         "{\"token\":\"mine\",\"resumed\":false,\"server\":\"s\",\"protocol\":1,\"session\":1,"
         "\"role\":"
         "\"user\",\"features\":[],\"peer\":{\"pid\":1,\"uid\":1,\"gid\":1}}",
         0, 0},
        {"ping {}", NULL, 0, 0},
        {"ping {}", "{\"uptime\":1}", 0, 0}};
    const struct life lives[] = {
        {.turns = turns, .n = 2, .hello = "hello {}"},
        {.turns = turns + 2,
         .n = 1,
         .hello =
             "hello {\"client\":\"c 1\",\"label\":\"l\",\"unordered\":true,\"resume\":\"mine\"}"}};

    fake_ride_begin(lives, 2);
    berth_hello(b, "c 1", "l", BERTH_UNORDERED, NULL);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_ride_finish();
}
END_TEST

START_TEST(default_timeout_stays)
{
    const struct turn turns[] = {{"setdefaulttimeout {\"timeout\":3}", "{\"timeout\":3}", 0, 0},
                                 {"ping {}", NULL, 0, 0},
                                 {"setdefaulttimeout {\"timeout\":3}", NULL, 0, 0},
                                 {"ping {}", "{\"uptime\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}, {.turns = turns + 2, .n = 2}};

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_setdefaulttimeout(b, 3), 0);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_ride_finish();
}
END_TEST

#define EVENT(subscription, seq)                                                                   \
    "#{\"method\":\"event\",\"params\":{\"subscription\":" subscription ",\"seq\":" seq "}}\n"

static void next_event(const char *params)
{
    struct berth_reply reply;

    ck_assert_int_eq(berth_next_reply(b, &reply), 1);
    ck_assert_pstr_eq(reply.method, "event");
    ck_assert_str_eq(reply.json, params);
}

static void call(const char *method, const char *params, const char *result)
{
    char *json = berth_call(b, method, params);

    ck_assert_pstr_eq(json, result);
    free(json);
}

/* The subscription goes on behind the last event that came, under the number that the caller knows.
 */
START_TEST(subscriptions_stay)
{
    const struct turn turns[] = {
        {"subscribe {\"events\":[\"pool\"]}", "{\"subscription\":4,\"seq\":7}", 0, 0},
        {"ping {}", EVENT("4", "8") "{\"id\":2,\"result\":{\"uptime\":1}}", 0, 0},
        {"ping {}", NULL, 0, 0}};
    const struct turn same[] = {
        {"unsubscribe {\"subscription\":4}", NULL, 0, 0},
        {"subscribe {\"events\":[\"pool\"],\"since\":8}", "{\"subscription\":5,\"seq\":9}", 0, 0},
        {"ping {}", EVENT("5", "9") "{\"id\":3,\"result\":{\"uptime\":1}}", 0, 0},
        {"unsubscribe {\"subscription\":5}", "{\"subscription\":5,\"seq\":9}", 0, 0}};
    const struct turn other[] = {
        {"subscribe {\"events\":[\"pool\"],\"since\":0}", "{\"subscription\":1,\"seq\":9}", 0, 0},
        {"ping {}", EVENT("1", "9") "{\"id\":3,\"result\":{\"uptime\":1}}", 0, 0},
        {"unsubscribe {\"subscription\":1}", "{\"subscription\":1,\"seq\":9}", 0, 0}};
    const struct life lives[2][2] = {
        {{.turns = turns, .n = 3}, {.turns = same, .n = 4, .is_same = true, .is_resumed = true}},
        {{.turns = turns, .n = 3}, {.turns = other, .n = 3}}};

    fake_ride_begin(lives[_i], 2);
    call("subscribe", "{\"events\":[\"pool\"]}", "{\"subscription\":4,\"seq\":7}");
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    next_event("{\"subscription\":4,\"seq\":8}");
    next_event("{\"subscription\":4,\"seq\":9}");
    call("unsubscribe", "{\"subscription\":4}", "{\"subscription\":4,\"seq\":9}");
    fake_ride_finish();
}
END_TEST

/* A number that the daemon does not know begins anew. */
START_TEST(since_is_refused)
{
    const struct turn turns[] = {
        {"subscribe {\"events\":[\"pool\"],\"since\":3}", "{\"subscription\":4,\"seq\":7}", 0, 0},
        {"ping {}", NULL, 0, 0},
        {"subscribe {\"events\":[\"pool\"],\"since\":7}",
         "!{\"code\":-32602,\"message\":\"m\",\"data\":{\"kind\":\"protocol\",\"name\":\"since\"}}",
         0, 0},
        {"subscribe {\"events\":[\"pool\"],\"since\":0}", "{\"subscription\":4,\"seq\":2}", 0, 0},
        {"ping {}", "{\"uptime\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2},
                                 {.turns = turns + 2, .n = 3, .is_same = true}};

    fake_ride_begin(lives, 2);
    call("subscribe", "{\"events\":[\"pool\"],\"since\":3}", "{\"subscription\":4,\"seq\":7}");
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_ride_finish();
}
END_TEST

/* -- without waiting --------------------------------------------------------------------------- */

/* As an event loop that registered the descriptor once. */
static int wait_for_reply(int fd, struct berth_reply *ret)
{
    int r;

    while ((r = berth_next_reply(b, ret)) == 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        berth_process(b);
    }
    return r;
}

static void expect(int fd, int64_t id, const char *json_or_name)
{
    struct berth_reply reply;

    ck_assert_int_eq(wait_for_reply(fd, &reply), 1);
    ck_assert_int_eq(reply.id, id);
    ck_assert_str_eq(reply.error ? reply.error->name : reply.json, json_or_name);
}

START_TEST(requests_in_flight)
{
    static char large[300 << 10];
    const struct turn turns[] = {{"stats {}", "{}", 0, 0}, {"recv {" ON "}", NULL, 0, 0}};
    const struct turn again[] = {{"ping {}", "{\"uptime\":1}", 0, 0},
                                 {"send {*", "{\"sent\":5}", 0, 0},
                                 {"socket {}", "{\"handle\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2},
                                 {.turns = again, .n = 3, .is_resumed = true}};
    int fd;

    /* More than the socket takes: it cannot have been read. */
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"x\":1", 6);
    large[sizeof large - 2] = '}';
    fake_ride_begin(lives, 2);
    call("stats", NULL, "{}");
    fd = berth_fd(b);
    ck_assert_int_eq(berth_events(b), POLLIN);
    ck_assert_int_eq(berth_send_request(b, "recv", "{" ON "}", -1), 2);
    ck_assert_int_eq(berth_send_request(b, "ping", NULL, -1), 3);
    ck_assert_int_eq(berth_send_request(b, "send", large, -1), 4);
    ck_assert_int_eq(berth_send_request(b, "socket", NULL, -1), 5);
    expect(fd, 2, "RESTARTED");
    expect(fd, 3, "{\"uptime\":1}");
    expect(fd, 4, "{\"sent\":5}");
    expect(fd, 5, "{\"handle\":1}");
    ck_assert_int_eq(berth_fd(b), fd);
    fake_ride_finish();
}
END_TEST

/* Goes on until the session is without a connection. */
static void wait_until_away(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int is_away = 0;

    while (berth_reconnects(b, &is_away) == 0 && !is_away) {
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        ck_assert_int_eq(berth_process(b), 0);
    }
    ck_assert_int_eq(is_away, 1);
}

/* There is no daemon for a while; requests that are made then wait for it. */
START_TEST(absence)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0}, {"ping {}", NULL, 0, 0}};
    const struct turn again[] = {{"ping {}", "{\"uptime\":2}", 0, 0},
                                 {"socket {}", "{\"handle\":1}", 0, 0},
                                 {"stats {}", "{}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}, {.turns = again, .n = 3}};
    int fd;

    fake_ride_begin(lives, 1);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fd = berth_fd(b);
    ck_assert_int_eq(berth_send_request(b, "ping", NULL, -1), 2);
    wait_until_away(fd);
    fake_daemon_stop(fake_ride_daemon);
    ck_assert_int_eq(berth_send_request(b, "socket", NULL, -1), 3);
    fake_ride_daemon = fake_daemon_start_lives(lives + 1, 1, fake_ride_path());
    call("stats", NULL, "{}");
    expect(fd, 2, "{\"uptime\":2}");
    expect(fd, 3, "{\"handle\":1}");
    fake_ride_finish();
}
END_TEST

/* It comes back when nobody waits any more. */
START_TEST(too_late)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0}, {"ping {}", NULL, 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}};
    struct pollfd p = {.events = POLLIN};
    struct berth_reply reply;

    fake_ride_begin(lives, 1);
    ck_assert_int_eq(berth_set_reconnect(b, 0.2), 0);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_int_eq(berth_send_request(b, "ping", NULL, -1), 2);
    p.fd = berth_fd(b);
    do
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
    while (berth_process(b) == 0);
    ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_int_eq(berth_next_reply(b, &reply), -1);
    ck_assert_int_eq(poll(&p, 1, 0), 1); /* the end can be seen */
    fake_ride_finish();
}
END_TEST

/* Replies that came before the end are not lost by it, nor asked for again. */
START_TEST(replies_before_the_end)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0},
                                 {"a {}", "1", 0, 0},
                                 {"b {}", "2", 1, 0},
                                 {"c {}", NULL, 0, 0}};
    const struct turn again[] = {{"stats {}", "{}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 4}, {.turns = again, .n = 1}};
    struct berth_reply reply;
    int fd;

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fd = berth_fd(b);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(berth_send_request(b, (const char *[]){"a", "b", "c"}[i], NULL, -1),
                         i + 2);
    wait_until_away(fd);
    call("stats", NULL, "{}");
    expect(fd, 2, "1");
    ck_assert_int_eq(berth_next_reply(b, &reply), 1);
    ck_assert_int_eq(reply.id, 3);
    ck_assert_int_ge(reply.fd, 0);
    close(reply.fd);
    expect(fd, 4, "RESTARTED");
    fake_ride_finish();
}
END_TEST

/* A child of fork leaves the parent's way alone. */
START_TEST(fork_is_noticed)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0}, {"ping {}", NULL, 0, 0}};
    const struct turn again[] = {{"ping {}", "{\"uptime\":2}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}, {.turns = again, .n = 1}};
    int fd, status;
    pid_t child;

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fd = berth_fd(b);
    child = fork();
    if (child == 0) {
        bool ok = berth_fd(b) < 0 && berth_ping(b, NULL) < 0 && errno == ESTALE;
        int n = fake_daemon_count_fds();

        /* In the second round the numbers are other files by now; those must stay open. */
        for (int i = 3; _i && i < 20; i++)
            dup2(STDERR_FILENO, i);
        berth_free(b);
        for (int i = 3; _i && i < 20; i++)
            ok = ok && fcntl(i, F_GETFD) >= 0;
        /* Its socket and what watches it. */
        _exit(ok && (_i || fake_daemon_count_fds() == n - 2) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(berth_send_request(b, "ping", NULL, -1), 2);
    expect(fd, 2, "{\"uptime\":2}");
    fake_ride_finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_resume");
    TCase *tests = tcase_create("resume");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_ride_setup, NULL);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, the_same_client);
    tcase_add_test(tests, default_timeout_stays);
    tcase_add_loop_test(tests, subscriptions_stay, 0, 2);
    tcase_add_test(tests, since_is_refused);
    tcase_add_test(tests, requests_in_flight);
    tcase_add_test(tests, absence);
    tcase_add_test(tests, too_late);
    tcase_add_test(tests, replies_before_the_end);
    tcase_add_loop_test(tests, fork_is_noticed, 0, 2);
    return house_run(suite);
}
