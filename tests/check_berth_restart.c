/* check_berth_restart.c — libberth and the command while a real daemon is ended and started again:
 * without a service manager, where what handles hold is gone, and with one that keeps it. */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/berth.h"
#include "tests/manager.h"
#include "tests/real_daemon.h"
#include "tests/house.h"

static const int signals[] = {SIGTERM, SIGKILL};
static berth *b;

static void setup(void)
{
    real_daemon_start();
    b = berth_new(NULL);
    ck_assert_msg(b, "%s", berth_last_error(NULL)->message);
}

static void teardown(void)
{
    struct berth_audit audit;

    ck_assert_int_eq(berth_ledger_audit(b, &audit), 0);
    ck_assert_int_eq(audit.balance, 0);
    berth_free(b);
    real_daemon_stop();
}

static berth_handle listen_as(const char *name)
{
    const struct sockaddr_in any_port = {.sin_family = AF_INET,
                                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct berth_options options = {.name = name};
    berth_handle h =
        berth_create_server(b, (const struct sockaddr *)&any_port, sizeof any_port, &options);

    ck_assert_msg(h > 0, "%s", berth_last_error(b)->message);
    return h;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(session_goes_on)
{
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    real_daemon_restart(signals[_i]);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_int_eq(berth_reconnects(b, NULL), 1);
    real_daemon_restart(signals[_i]);
    listen_as("@web");
    ck_assert_int_eq(berth_reconnects(b, NULL), 2);
}
END_TEST

static int wait_for_reply(struct berth_reply *ret)
{
    struct pollfd p = {.fd = berth_fd(b), .events = POLLIN};
    int r;

    while ((r = berth_next_reply(b, ret)) == 0) {
        ck_assert_int_eq(poll(&p, 1, 20000), 1);
        berth_process(b);
    }
    return r;
}

static int64_t ask(const char *method, berth_handle h)
{
    char params[40];
    int64_t id;

    snprintf(params, sizeof params, "{\"handle\":%lld}", (long long)h);
    id = berth_send_request(b, method, params, -1);
    ck_assert_int_gt(id, 0);
    return id;
}

/* Of two calls in flight one is repeated, and meets a handle that is no more. */
START_TEST(calls_in_flight)
{
    berth_handle listener = listen_as("@web"), ends[2];
    struct berth_reply reply;
    int64_t id;

    ck_assert_int_eq(berth_hello(b, NULL, NULL, BERTH_UNORDERED, NULL), 0);
    ck_assert_int_eq(berth_socketpair(b, SOCK_STREAM, ends), 0);
    ask("accept", listener);
    id = ask("recv", ends[0]);
    ck_assert_int_eq(berth_ping(b, NULL), 0); /* both are there */
    real_daemon_restart(SIGKILL);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(wait_for_reply(&reply), 1);
        ck_assert_ptr_nonnull(reply.error);
        ck_assert_str_eq(reply.error->kind, reply.id == id ? "cancelled" : "handle");
        if (reply.id == id)
            ck_assert_str_eq(reply.error->name, "RESTARTED");
    }
    ck_assert_int_eq(berth_close(b, listener), -1);
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* What was asked while there was no daemon is answered by the next. */
START_TEST(asked_in_between)
{
    struct berth_reply reply;

    ck_assert_int_eq(berth_ping(b, NULL), 0);
    real_daemon_end(SIGTERM);
    ck_assert_int_gt(berth_send_request(b, "gethostname", NULL, -1), 0);
    ck_assert_int_eq(berth_process(b), 0);
    real_daemon_start_again();
    ck_assert_int_eq(wait_for_reply(&reply), 1);
    ck_assert_ptr_null(reply.error);
}
END_TEST

/* Many restarts, each of them short, are no long one. */
START_TEST(again_and_again)
{
    double began = now();

    ck_assert_int_eq(berth_set_reconnect(b, 2), 0);
    do {
        ck_assert_msg(berth_ping(b, NULL) == 0, "%s", berth_last_error(b)->message);
        real_daemon_restart(SIGKILL);
    } while (now() < began + 2.5);
}
END_TEST

/* -- with a manager that keeps sockets --------------------------------------------------------- */

static struct manager manager;

static void setup_kept(void)
{
    manager_init(&manager, 32);
    manager_start(&manager);
    b = berth_new(manager.path);
    ck_assert_msg(b, "%s", berth_last_error(NULL)->message);
}

static void teardown_kept(void)
{
    berth_free(b);
    manager_done(&manager);
}

static uint16_t port_of(berth_handle h)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    ck_assert_int_eq(berth_getsockname(b, h, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

/* A program in the middle of accept() goes on: same listener, same name, same call. */
START_TEST(accept_goes_on)
{
    berth_handle listener = listen_as("@web"), peer;
    uint16_t port = port_of(listener);
    struct berth_reply reply;
    int64_t id = ask("accept", listener);
    berth *other;

    ck_assert_int_eq(berth_process(b), 0);
    manager_restart(&manager, signals[_i] == SIGKILL);
    ck_assert_ptr_nonnull(other = berth_new(manager.path));
    peer = berth_create_connection_at(NULL, other, "127.0.0.1", port, 10, NULL);
    ck_assert_msg(peer > 0, "%s", berth_last_error(other)->message);
    ck_assert_int_eq(wait_for_reply(&reply), 1);
    ck_assert_int_eq(reply.id, id);
    ck_assert_msg(!reply.error, "%s: %s", berth_last_error(b)->name, berth_last_error(b)->message);
    ck_assert_int_eq(berth_find(b, "@web"), listener);
    ck_assert_uint_eq(port_of(listener), port);
    ck_assert_int_eq(berth_close(b, listener), 0);
    berth_free(other);
}
END_TEST

/* -- the command ------------------------------------------------------------------------------- */

#define IN_DIR "cd ${BERTH_SOCKET%/*}; "
/* Waits until `out` has as many lines, twenty seconds at most. */
#define AWAIT(n)                                                                                   \
    "n=0; until [ $(wc -l <out) -ge " #n " ] || [ $n -eq 400 ]; do n=$((n+1)); sleep 0.05; done; "
#define OPEN "$berth socket family=AF_INET type=SOCK_STREAM >/dev/null; "

START_TEST(watch_goes_on)
{
    static struct run run;

    real_daemon_run(IN_DIR "$berth watch opened >out 2>err & echo $! >pid", NULL, false, &run);
    /* It watches from when it is seen to. */
    real_daemon_run(IN_DIR "n=0; until [ -s out ] || [ $n -eq 400 ]; do " OPEN
                           "n=$((n+1)); sleep 0.05; done; wc -l <out",
                    NULL, false, &run);
    ck_assert_msg(atoi(run.out) > 0, "%s", run.err);
    real_daemon_restart(signals[_i]);
    real_daemon_run(IN_DIR "had=$(wc -l <out); " OPEN
                           "n=0; until [ $(wc -l <out) -gt $had ] || [ $n -eq 400 ]; do "
                           "n=$((n+1)); sleep 0.05; done; kill $(cat pid); "
                           "echo $(($(wc -l <out) - had)); cat err; rm out err pid",
                    NULL, false, &run);
    ck_assert_msg(strncmp(run.out, "1\n", 2) == 0, "%s", run.out);
    ck_assert_ptr_nonnull(strstr(run.out, "the daemon was away; it is back"));
}
END_TEST

/* The shell reads from a pipe that stays open over three runs. */
START_TEST(shell_goes_on)
{
    static struct run run;

    real_daemon_run(IN_DIR "mkfifo in; $berth shell <in >out 2>err & "
                           "sleep 60 >in 2>/dev/null </dev/null & echo $! >pid; "
                           "echo ping >in; " AWAIT(1) "wc -l <out",
                    NULL, false, &run);
    ck_assert_str_eq(run.out, "1\n");
    real_daemon_restart(signals[_i]);
    real_daemon_run(IN_DIR "echo ping >in; " AWAIT(
                        2) "wc -l <out; kill $(cat pid); "
                           "n=0; until [ -s err ] || [ $n -eq 400 ]; do "
                           "n=$((n+1)); sleep 0.05; done; cat err; rm in out err pid",
                    NULL, false, &run);
    ck_assert_msg(strncmp(run.out, "2\nberth: the daemon was away; it is back", 36) == 0, "%s",
                  run.out);
}
END_TEST

/* Without a daemon there is nothing to wait for. */
START_TEST(nothing_at_first)
{
    static struct run run;

    ck_assert_int_eq(berth_ping(b, NULL), 0);
    real_daemon_end(SIGTERM);
    real_daemon_run("$berth ping", NULL, false, &run);
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.err, "ENOENT"));
    real_daemon_start_again();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_restart");
    TCase *tests = tcase_create("restart");
    TCase *kept = tcase_create("kept");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, session_goes_on, 0, 2);
    tcase_add_test(tests, calls_in_flight);
    tcase_add_test(tests, asked_in_between);
    tcase_add_test(tests, again_and_again);
    tcase_add_loop_test(tests, watch_goes_on, 0, 2);
    tcase_add_loop_test(tests, shell_goes_on, 0, 2);
    tcase_add_test(tests, nothing_at_first);
    suite_add_tcase(suite, kept);
    tcase_add_checked_fixture(kept, setup_kept, teardown_kept);
    tcase_set_timeout(kept, 60);
    tcase_add_loop_test(kept, accept_goes_on, 0, 2);
    return house_run(suite);
}
