/* check_berth_ride.c — libberth rides through a restart of the daemon: what is sent again, what is
 * not, and how long it tries. The daemon is a script that lives several times, and counts. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fake_ride.h"
#include "tests/house.h"

#define STOPPING_                                                                                  \
    "!{\"code\":-32021,\"message\":\"m\",\"data\":{\"kind\":\"cancelled\",\"name\":\"STOPPING\""
#define STOPPING STOPPING_ "}}"

/* Short, for it stands in every line. */
#define b        fake_ride_session

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -- one call ---------------------------------------------------------------------------------- */

/* Each is asked once more by the daemon's next life. */
START_TEST(repeatable_calls_are_repeated)
{
    static const struct {
        const char *method, *params;
    } rows[] = {
        {"ping", "{}"},
        {"poll", "{\"handles\":[]}"},
        {"getsockname", "{" ON "}"},
        {"getsockopt", "{" ON ",\"option\":\"SO_TYPE\"}"},
        {"accept", "{" ON ",\"timeout\":null}"},
        {"accept", "{" ON ",\"timeout\":0,\"lease\":\"session\"}"},
        {"create_server", "{\"address\":{\"host\":\"\",\"port\":1},\"name\":\"web\"}"},
        {"ledger.reap", "{\"filter\":{\"uid\":1},\"dry_run\":true}"},
        {"listen", "{" ON "}"},
    };
    char request[200], *json;
    struct turn turns[] = {{request, NULL, 0, 0}, {request, "[1]", 0, 0}};
    const struct life lives[] = {
        {.turns = turns, .n = 1, .hello = "hello {}"},
        {.turns = turns + 1, .n = 1, .is_resumed = true, .hello = "hello {\"resume\":\"t2\"}"}};
    int is_away = 1;

    snprintf(request, sizeof request, "%s %s", rows[_i].method, rows[_i].params);
    fake_ride_begin(lives, 2);
    json = berth_call(b, rows[_i].method, rows[_i].params);
    ck_assert_pstr_eq(json, "[1]");
    free(json);
    ck_assert_int_eq(berth_reconnects(b, &is_away), 1);
    ck_assert_int_eq(is_away, 0);
    fake_ride_finish();
}
END_TEST

/* What may have had an effect is not asked again; the session goes on. */
START_TEST(others_are_told)
{
    static const struct {
        const char *method, *params;
    } rows[] = {
        {"socket", "{}"},
        {"recv", "{" ON "}"},
        {"sendall", "{" ON ",\"text\":\"x\"}"},
        {"close", "{" ON "}"},
        {"getsockopt", "{" ON ",\"option\":\"SO_ERROR\"}"},
        {"accept", "{" ON ",\"lease\":60}"},
        {"accept", "{" ON ",\"lease\":\"permanent\"}"},
        {"create_server", "{\"address\":{\"host\":\"\",\"port\":1}}"},
        {"ledger.reap", "{\"filter\":{\"uid\":1}}"},
        {"x.unknown", "{}"},
    };
    char request[200];
    struct turn turns[] = {{request, NULL, 0, 0}, {"ping {}", "{\"uptime\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1},
                                 {.turns = turns + 1, .n = 1, .is_resumed = true}};

    snprintf(request, sizeof request, "%s %s", rows[_i].method, rows[_i].params);
    fake_ride_begin(lives, 2);
    ck_assert_ptr_null(berth_call(b, rows[_i].method, rows[_i].params));
    fake_ride_check_error("cancelled", "RESTARTED", ECANCELED);
    ck_assert_ptr_nonnull(strstr(berth_last_error(b)->message, "may or may not"));
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_ride_finish();
}
END_TEST

/* STOPPING says that nothing was done, so everything may be asked again … */
START_TEST(stopping_is_no_answer)
{
    static const char *const words[] = {STOPPING, STOPPING_ ",\"sent\":0}}"};
    const struct turn turns[] = {
        {"recv {" ON ",\"size\":5,\"timeout\":null}", words[_i], 0, 0},
        {"recv {" ON ",\"size\":5,\"timeout\":null}", "{\"text\":\"hello\",\"eof\":false}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1},
                                 {.turns = turns + 1, .n = 1, .is_resumed = true}};
    char *json;

    fake_ride_begin(lives, 2);
    json = berth_call(b, "recv", "{" ON ",\"size\":5,\"timeout\":null}");
    ck_assert_pstr_eq(json, "{\"text\":\"hello\",\"eof\":false}");
    free(json);
    fake_ride_finish();
}
END_TEST

/* … but not what has sent something. */
START_TEST(stopping_half_way)
{
    const struct turn turns[] = {
        {"sendall {" ON ",\"text\":\"hello\"}", STOPPING_ ",\"sent\":3}}", 0, 0},
        {"ping {}", "{\"uptime\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1},
                                 {.turns = turns + 1, .n = 1, .is_resumed = true}};

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_sendall(b, H, "hello", 5, 0), -1);
    fake_ride_check_error("cancelled", "STOPPING", ECANCELED);
    ck_assert_int_eq(berth_last_error(b)->sent, 3);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_ride_finish();
}
END_TEST

/* Half a line is no answer. */
START_TEST(half_a_reply)
{
    const struct turn turns[] = {{"ping {}", NULL, 0, 0}, {"ping {}", "{\"uptime\":7}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1, .is_partial = true},
                                 {.turns = turns + 1, .n = 1}};
    double uptime;

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_ping(b, &uptime), 0);
    ck_assert_double_eq(uptime, 7);
    fake_ride_finish();
}
END_TEST

/* A request that ends the daemon each time is not asked for ever. */
START_TEST(poison_is_given_up)
{
    const struct turn turns[] = {{"ping {}", NULL, 0, 0}, {"stats {}", "{}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1},
                                 {.turns = turns, .n = 1},
                                 {.turns = turns, .n = 1},
                                 {.turns = turns + 1, .n = 1}};
    char *json;

    fake_ride_begin(lives, 4);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    fake_ride_check_error("cancelled", "RESTARTED", ECANCELED);
    ck_assert_ptr_nonnull(json = berth_call(b, "stats", NULL));
    free(json);
    ck_assert_int_eq(berth_reconnects(b, NULL), 3);
    fake_ride_finish();
}
END_TEST

/* Nobody was waiting: the next call finds the way. */
START_TEST(idle_session)
{
    const struct turn turns[] = {
        {"ping {}", "{\"uptime\":1}", 0, 0},
        {"socket {\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\"}", NULL, 0, 0}};
    const struct turn again[] = {{NULL, "{\"handle\":" H_S ",\"cookie\":1}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1}, {.turns = again, .n = 1}};
    struct pollfd p = {.events = POLLIN};

    fake_ride_begin(lives, 2);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    p.fd = berth_fd(b);
    ck_assert_int_eq(poll(&p, 1, 10000), 1); /* it has died; the request will not be read */
    ck_assert_int_eq(berth_socket_at(NULL, b, AF_INET, SOCK_STREAM, 0, NULL), H);
    fake_ride_finish();
}
END_TEST

/* -- how long ---------------------------------------------------------------------------------- */

START_TEST(never_comes_back)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0}, {"ping {}", NULL, 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}};
    double began;

    fake_ride_begin(lives, 1);
    ck_assert_int_eq(berth_set_reconnect(b, 0.3), 0);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    began = now();
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    fake_ride_check_error("local", "ECONNRESET", ECONNRESET);
    ck_assert_double_ge(now() - began, 0.3);
    ck_assert_double_lt(now() - began, 5);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    fake_ride_finish();
}
END_TEST

START_TEST(may_be_switched_off)
{
    const struct turn turns[] = {{"ping {}", "{\"uptime\":1}", 0, 0}, {"recv {}", STOPPING, 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 2}};
    struct pollfd p = {.events = POLLIN};

    fake_ride_begin(lives, 1);
    ck_assert_int_eq(berth_set_reconnect(b, 0), 0);
    ck_assert_int_eq(berth_set_reconnect(b, -1), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_ptr_null(berth_call(b, "recv", NULL));
    fake_ride_check_error("cancelled", "STOPPING", ECANCELED);
    p.fd = berth_fd(b);
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    fake_ride_finish();
}
END_TEST

/* One that never spoke to us is not waited for. */
START_TEST(a_stranger_that_hangs_up)
{
    const struct turn turns[] = {{NULL, NULL, 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 0, .refuses = true}};

    fake_ride_begin(lives, 1);
    ck_assert_int_eq(berth_set_reconnect(b, 0.2), 0);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert(errno == EMSGSIZE || errno == ECONNRESET);
    fake_ride_finish();
}
END_TEST

/* A refusal on the way is not the end. */
START_TEST(refused_at_first)
{
    const struct turn turns[] = {{"ping {}", NULL, 0, 0}, {"ping {}", "{\"uptime\":7}", 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1},
                                 {.turns = turns, .n = 0, .refuses = true},
                                 {.turns = turns, .n = 0},
                                 {.turns = turns + 1, .n = 1}};

    fake_ride_begin(lives, 4);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_int_eq(berth_reconnects(b, NULL), 1);
    fake_ride_finish();
}
END_TEST

/* A repeated call has what is left of its time, whoever said how much that is. */
START_TEST(time_goes_on)
{
    static const char *const params[] = {"{" ON ",\"timeout\":5}", "{" ON "}"};
    const struct turn first[] = {{"accept {" ON "*", NULL, 0, 0}};
    const struct turn asked[] = {{"gettimeout {" ON "}", "{\"timeout\":5}", 0, 0},
                                 {"accept {" ON ",\"timeout\":4.*", "{\"handle\":1}", 0, 0}};
    const struct life lives[] = {{.turns = first, .n = 1},
                                 {.turns = asked + !_i, .n = 1u + (unsigned)_i}};
    char *json;

    fake_ride_begin(lives, 2);
    ck_assert_ptr_nonnull(json = berth_call(b, "accept", params[_i]));
    free(json);
    fake_ride_finish();
}
END_TEST

/* The handle has no timeout, or is no more: the call goes out as it was. */
START_TEST(no_time_to_keep)
{
    static const char *const replies[] = {
        "{\"timeout\":null}", "{\"timeout\":0}",
        "!{\"code\":-32012,\"message\":\"m\",\"data\":{\"kind\":\"handle\",\"name\":\"CLOSED\"}}"};
    const struct turn first[] = {{"accept {" ON "}", NULL, 0, 0}};
    const struct turn second[] = {{"gettimeout {" ON "}", replies[_i], 0, 0},
                                  {"accept {" ON "}", replies[2], 0, 0}};
    const struct life lives[] = {{.turns = first, .n = 1}, {.turns = second, .n = 2}};

    fake_ride_begin(lives, 2);
    ck_assert_ptr_null(berth_call(b, "accept", "{" ON "}"));
    fake_ride_check_error("handle", "CLOSED", EBADF);
    fake_ride_finish();
}
END_TEST

START_TEST(time_is_not_given_twice)
{
    const struct turn turns[] = {{"poll {\"handles\":[],\"timeout\":0.4}", NULL, 0, 0}};
    const struct life lives[] = {{.turns = turns, .n = 1}};
    double began = now();

    fake_ride_begin(lives, 1);
    ck_assert_ptr_null(berth_call(b, "poll", "{\"handles\":[],\"timeout\":0.4}"));
    fake_ride_check_error("timeout", "TIMEOUT", ETIMEDOUT);
    ck_assert_double_ge(now() - began, 0.4);
    ck_assert_double_lt(now() - began, 5);
    fake_ride_finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_ride");
    TCase *tests = tcase_create("ride");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_ride_setup, NULL);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, repeatable_calls_are_repeated, 0, 9);
    tcase_add_loop_test(tests, others_are_told, 0, 10);
    tcase_add_loop_test(tests, stopping_is_no_answer, 0, 2);
    tcase_add_test(tests, stopping_half_way);
    tcase_add_test(tests, half_a_reply);
    tcase_add_test(tests, poison_is_given_up);
    tcase_add_test(tests, idle_session);
    tcase_add_test(tests, never_comes_back);
    tcase_add_test(tests, may_be_switched_off);
    tcase_add_test(tests, a_stranger_that_hangs_up);
    tcase_add_test(tests, refused_at_first);
    tcase_add_test(tests, time_is_not_given_twice);
    tcase_add_loop_test(tests, time_goes_on, 0, 2);
    tcase_add_loop_test(tests, no_time_to_keep, 0, 3);
    return house_run(suite);
}
