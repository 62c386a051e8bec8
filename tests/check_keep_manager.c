/* check_keep_manager.c — a manager that has no time, is old or is gone; and what it is told. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, 3);
}

static void tear_down(void)
{
    manager_done(&m);
}

/* -- a manager with no time -------------------------------------------------------------------- */

START_TEST(a_busy_manager_keeps_nobody_waiting)
{
    struct talk t;

    m.n_most = 100;
    manager_start(&m);
    t = talk_new(&m);
    m.is_deaf = true;
    for (int i = 0; i < 60; i++)
        talk_ask(&t, "socket", "'lease':'permanent'");
    ck_assert_uint_eq(m.n_store, 0);
    m.is_deaf = false;
    manager_until(&m, m.n_store == 60);
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 60);
    talk_end(&t);
}
END_TEST

/* A close waits for the manager, but not for ever; others meanwhile not at all. And the peer is
 * told the end, whether the manager has let go or not. */
START_TEST(a_close_does_not_wait_for_ever)
{
    struct talk t, other;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    manager_start(&m);
    t = talk_new(&m);
    other = talk_new(&m);
    a.sin_port = htons((uint16_t)talk_int(
        talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'"), "address.port"));
    ck_assert_int_eq(connect(fd, (void *)&a, sizeof a), 0);
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':'permanent'");
    manager_until(&m, m.n_store == 2);
    m.is_deaf = true;
    talk_send(&t, "close", "'handle':'c'");
    for (int i = 0; i < 20; i++)
        talk_ask(&other, "ping", NOTHING);
    ck_assert(!manager_work(&m, t.fd, 0));
    ck_assert_str_eq(talk_text(talk_at(talk_next(&t), "result"), "end.how"), "closed");
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    m.is_deaf = false;
    manager_until(&m, m.n_store == 1);
    talk_end(&t);
    talk_end(&other);
    close(fd);
}
END_TEST

/* Two at once, and the session ends meanwhile: it is closed once. */
START_TEST(two_closes_of_one_socket)
{
    struct talk t, other;

    manager_start(&m);
    t = talk_new(&m);
    other = talk_new(&m);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'");
    manager_until(&m, m.n_store == 1);
    m.is_deaf = true;
    talk_send(&t, "close", "'handle':'web'");
    talk_ask(&other, "ping", NOTHING);
    talk_send(&other, "close", "'handle':'web'");
    if (_i) {
        talk_end(&t);
        t = talk_new(&m);
        talk_ask(&t, "ping", NOTHING);
    }
    manager_work(&m, -1, 100);
    m.is_deaf = false;
    if (!_i)
        ck_assert_ptr_nonnull(talk_next(&t));
    ck_assert_ptr_nonnull(talk_next(&other));
    manager_until(&m, m.n_store == 0);
    ck_assert_int_eq(talk_int(talk_audit(&t), "opened"), 1);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 0);
    talk_end(&t);
    talk_end(&other);
}
END_TEST

/* What is used while it is being closed is not kept anew. */
START_TEST(a_socket_that_is_used_while_it_closes)
{
    struct talk t, other;

    manager_start(&m);
    t = talk_new(&m);
    other = talk_new(&m);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'");
    manager_until(&m, m.n_store == 1);
    m.is_deaf = true;
    talk_send(&t, "close", "'handle':'web'");
    talk_ask(&other, "ping", NOTHING);
    talk_ask(&other, "settimeout", "'handle':'web','timeout':1");
    m.is_deaf = false;
    ck_assert_ptr_nonnull(talk_next(&t));
    talk_ask(&other, "ping", NOTHING);
    manager_until(&m, m.n_store == 0);
    talk_end(&t);
    talk_end(&other);
}
END_TEST

/* A manager before 254; the unit's file says it in a variable. */
START_TEST(an_old_manager_says_nothing_of_its_room)
{
    struct talk t;

    m.is_old = true;
    if (_i)
        setenv("BERTH_FDSTORE_MAX", "3", 1);
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'lease':60,'name':'x'");
    ck_assert_int_eq(talk_is(talk_ask(&t, "ledger.get", "'handle':'x'"), "survives"), _i);
    unsetenv("BERTH_FDSTORE_MAX");
    talk_end(&t);
}
END_TEST

/* Processor time of the daemon, in the clock's ticks. */
static long used(void)
{
    char path[64], text[1024] = "";
    long user = 0, system = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)m.pid);
    f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 0);
    fclose(f);
    ck_assert_int_eq(sscanf(strrchr(text, ')'),
                            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
                            &system),
                     2);
    return user + system;
}

/* Nothing can be told to it: the daemon works, and does not try without end. */
START_TEST(a_manager_that_is_gone)
{
    struct talk t;
    long before;
    int64_t handle;

    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'lease':60,'name':'x'");
    manager_until(&m, m.n_store == 1);
    shutdown(m.notify_fd, SHUT_RDWR);
    close(m.notify_fd);
    m.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    handle = talk_int(talk_ask(&t, "socket", "'lease':60,'name':'y'"), "handle");
    ck_assert(!talk_is(talk_ask(&t, "ledger.get", "'handle':'y'"), "survives"));
    talk_ask(&t, "close", "'handle':'x'");
    talk_ask(&t, "close", "'handle':%lld", (long long)handle);
    before = used();
    manager_work(&m, -1, 500);
    ck_assert_int_lt(used() - before, sysconf(_SC_CLK_TCK) / 5);
    talk_end(&t);
}
END_TEST

START_TEST(a_manager_with_an_abstract_name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(m.notify, sizeof m.notify, "@berth-check-%d", (int)getpid());
    struct talk t;

    memcpy(a.sun_path + 1, m.notify + 1, (size_t)n - 1);
    close(m.notify_fd);
    m.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(m.notify_fd, (void *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
                     0);
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'lease':60,'survive':true");
    manager_until(&m, m.n_store == 1);
    talk_end(&t);
}
END_TEST

/* -- what the manager is told ------------------------------------------------------------------ */

START_TEST(the_status_tells_numbers)
{
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'lease':'permanent'");
    talk_ask(&t, "socket", NOTHING);
    manager_until(&m, strstr(m.status, "1 sessions, 2 sockets, 1 of them kept"));
    talk_end(&t);
    manager_until(&m, strstr(m.status, "0 sessions, 1 sockets, 1 of them kept"));
    manager_stop(&m);
    ck_assert_int_eq(m.n_stopping, 1);
}
END_TEST

START_TEST(settings_are_read_again)
{
    manager_start(&m);
    kill(m.pid, SIGHUP);
    manager_until(&m, m.n_ready == 2);
    ck_assert_int_eq(m.n_reloading, 1);
    manager_set_config(&m, "[daemon]\nnonsense = 1\n");
    kill(m.pid, SIGHUP);
    manager_until(&m, m.n_ready == 3);
    ck_assert_int_eq(m.n_reloading, 2);
    ck_assert_msg(strstr(m.status, "nonsense") && strstr(m.status, "berthd.conf:2"), "%s",
                  m.status);
    manager_stop(&m);
    ck_assert(!manager_try_start(&m));
    ck_assert_msg(strstr(m.status, "nonsense"), "%s", m.status);
}
END_TEST

START_TEST(the_watchdog_is_fed)
{
    int n;

    m.watchdog_usec = 150000;
    manager_start(&m);
    manager_until(&m, m.n_fed >= 4);
    kill(m.pid, SIGSTOP);
    manager_work(&m, -1, 100);
    n = m.n_fed;
    manager_work(&m, -1, 200);
    ck_assert_int_eq(m.n_fed, n);
    kill(m.pid, SIGCONT);
    manager_until(&m, m.n_fed > n + 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_manager");
    TCase *tc = tcase_create("keep_manager");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_busy_manager_keeps_nobody_waiting, 0, 2);
    tcase_add_test(tc, a_close_does_not_wait_for_ever);
    tcase_add_loop_test(tc, two_closes_of_one_socket, 0, 2);
    tcase_add_test(tc, a_socket_that_is_used_while_it_closes);
    tcase_add_loop_test(tc, an_old_manager_says_nothing_of_its_room, 0, 2);
    tcase_add_test(tc, a_manager_that_is_gone);
    tcase_add_test(tc, a_manager_with_an_abstract_name);
    tcase_add_test(tc, the_status_tells_numbers);
    tcase_add_test(tc, settings_are_read_again);
    tcase_add_test(tc, the_watchdog_is_fed);
    return house_run(suite);
}
