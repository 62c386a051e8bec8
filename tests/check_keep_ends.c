/* check_keep_ends.c — sockets that are kept, and how they end: by a lease that ran on while there
 * was no daemon, or by a close, of which the service manager must hear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, 32);
    manager_start(&m);
}

static void tear_down(void)
{
    manager_done(&m);
}

/* A listener that stays, and its port. */
static int64_t listen_for_good(struct talk *t, const char *name, int *ret_port)
{
    json_t *r = talk_ask(t, "create_server",
                         "'address':['127.0.0.1',0],'name':'%s','lease':'permanent'", name);

    *ret_port = (int)talk_int(r, "address.port");
    return talk_int(r, "handle");
}

/* -- leases ------------------------------------------------------------------------------------ */

START_TEST(a_lease_that_runs_goes_on_running)
{
    struct talk t = talk_new(&m);
    json_t *row;

    talk_ask(&t, "socket", "'name':'short','lease':0.7");
    talk_ask(&t, "socket", "'name':'long','lease':600");
    talk_end(&t);
    t = talk_new(&m);
    manager_until(&m, json_array_size(
                          talk_at(talk_ask(&t, "ledger.get", "'handle':'long'"), "suspect")) == 1);
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    manager_until(&m, talk_int(talk_audit(&t), "expired") == 1);
    row = talk_ask(&t, "ledger.get", "'handle':16777217");
    ck_assert_str_eq(talk_text(row, "end.how"), "expired");
    ck_assert_double_lt(json_number_value(talk_at(row, "age")), 5);
    ck_assert_double_ge(json_number_value(talk_at(row, "age")), 0.7);
    talk_ask(&t, "ledger.get", "'handle':'long'");
    manager_until(&m, !manager_has(&m, "b16777217"));
    ck_assert(manager_has(&m, "b16777218"));
    talk_end(&t);
}
END_TEST

/* -- closing ----------------------------------------------------------------------------------- */

/* T3 */
START_TEST(a_kept_socket_that_is_closed_is_gone)
{
    struct talk t = talk_new(&m);
    char byte;
    int fd, port;

    listen_for_good(&t, "web", &port);
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':'permanent'");
    manager_until(&m, m.n_store == 2);
    talk_ask(&t, "close", "'handle':'c'");
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    m.is_deaf = true;
    talk_send(&t, "close", "'handle':'web'");
    ck_assert_msg(!manager_work(&m, t.fd, 100), "it is said to be closed, and is kept");
    m.is_deaf = false;
    talk_at(talk_next(&t), "result");
    ck_assert_uint_eq(m.n_store, 0);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',%d],'lease':'permanent'", port);
    ck_assert_int_eq(talk_int(talk_audit(&t), "closed"), 2);
    talk_end(&t);
    close(fd);
}
END_TEST

/* A lease decides whether it is kept, whenever it is changed. */
START_TEST(the_lease_decides)
{
    struct talk t = talk_new(&m);
    json_t *row;

    talk_ask(&t, "socket", "'name':'x'");
    for (int i = 0; i < 3; i++) {
        row = talk_ask(&t, "lease", "'handle':'x','lease':600");
        ck_assert(talk_is(row, "survives"));
        manager_until(&m, m.n_store == 1);
        row = talk_ask(&t, "lease", "'handle':'x','lease':'session'");
        ck_assert(!talk_is(row, "survives"));
        manager_until(&m, m.n_store == 0);
    }
    talk_end(&t);
}
END_TEST

/* Nobody closes it by a call: still its peer is told at once, whatever the manager does. */
START_TEST(a_kept_socket_that_expires)
{
    struct talk t = talk_new(&m);
    char byte;
    int fd, port;

    listen_for_good(&t, "web", &port);
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':0.1");
    manager_until(&m, m.n_store == 2);
    m.is_deaf = true;
    talk_end(&t);
    ck_assert(manager_work(&m, fd, MANAGER_PATIENCE_MS));
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    m.is_deaf = false;
    manager_until(&m, m.n_store == 1);
    close(fd);
}
END_TEST

/* The copy of a socket that ended with nobody to tell is thrown away. */
START_TEST(a_copy_that_is_left_over)
{
    struct talk t = talk_new(&m);
    int port;

    listen_for_good(&t, "web", &port);
    manager_until(&m, m.n_store == 1);
    m.is_deaf = true;
    talk_send(&t, "close", "'handle':'web'");
    ck_assert_int_eq(talk_int(talk_next(&t), "result.handle"), 16777217);
    talk_end(&t);
    manager_kill(&m);
    m.is_deaf = false;
    manager_work(&m, m.notify_fd, 0);
    manager_until(&m, m.n_store == 0);
    manager_put(&m, "b16777217", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    manager_start(&m);
    t = talk_new(&m);
    manager_until(&m, m.n_store == 0);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 0);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 0);
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_ends");
    TCase *tc = tcase_create("keep_ends");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_lease_that_runs_goes_on_running, 0, 2);
    tcase_add_test(tc, a_kept_socket_that_is_closed_is_gone);
    tcase_add_test(tc, the_lease_decides);
    tcase_add_test(tc, a_kept_socket_that_expires);
    tcase_add_test(tc, a_copy_that_is_left_over);
    return house_run(suite);
}
