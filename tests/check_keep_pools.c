/* check_keep_pools.c — sockets of socket units, which belong to the pools that the settings give
 * them to; and pools over a restart: what they count, and what is left of one that is gone. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, 8);
}

static void tear_down(void)
{
    manager_done(&m);
}

/* -- socket units ------------------------------------------------------------------------------ */

static void be_nobody(void)
{
    struct talk t;

    if (setgid(65534) || setuid(65534))
        _exit(3);
    t = talk_new(&m);
    talk_ask(&t, "accept", "'handle':'web-http','timeout':5");
    _exit(0);
}

START_TEST(a_units_socket_belongs_to_its_pool)
{
    struct talk t;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port, status, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    json_t *r;
    pid_t pid;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool other]\nusers = root\n"
                           "[pool web]\nusers = root, nobody\nadopt = web-http\n");
    manager_add_unit(&m, "web-http", manager_listen(&port));
    for (int i = 0; i < 3; i++) {
        if (i)
            manager_kill(&m);
        manager_start(&m);
        t = talk_new(&m);
        r = talk_ask(&t, "create_server",
                     "'address':['127.0.0.1',%d],'name':'web-http','pool':'web'", port);
        ck_assert(talk_is(r, "adopted"));
        ck_assert_int_eq(talk_int(r, "handle"), 16777217);
        r = talk_ask(&t, "ledger.get", "'handle':16777217");
        ck_assert_str_eq(talk_text(r, "pool"), "web");
        ck_assert(talk_is(r, "survives"));
        talk_end(&t);
        ck_assert_uint_eq(m.n_store, 0);
    }
    a.sin_port = htons((uint16_t)port);
    ck_assert_int_eq(connect(fd, (void *)&a, sizeof a), 0);
    if ((pid = fork()) == 0)
        be_nobody();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    close(fd);
}
END_TEST

START_TEST(the_control_socket_is_the_managers)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct talk t;

    snprintf(a.sun_path, sizeof a.sun_path, "%s", m.path);
    ck_assert_int_eq(bind(fd, (void *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    manager_add_unit(&m, "berthd.socket", fd);
    t = talk_new(&m); /* before there is a daemon */
    for (int i = 0; i < 3; i++) {
        manager_start(&m);
        talk_ask(&t, "ping", NOTHING);
        talk_end(&t);
        if (_i)
            manager_kill(&m);
        else
            manager_stop(&m);
        ck_assert_int_eq(access(m.path, F_OK), 0);
        t = talk_new(&m);
    }
    talk_end(&t);
}
END_TEST

/* A unit's socket that no pool was for comes to one when the settings say so. */
START_TEST(a_pool_for_it_comes_later)
{
    struct talk t;
    json_t *row;
    int port;

    if (geteuid() != 0)
        return;
    manager_add_unit(&m, "web-http", manager_listen(&port));
    manager_set_config(&m, "[pool other]\nusers = root\n");
    manager_start(&m);
    t = talk_new(&m);
    row = talk_ask(&t, "ledger.get", "'handle':16777217");
    ck_assert_ptr_nonnull(strstr(talk_text(row, "label"), "unknown"));
    talk_end(&t);
    manager_set_config(&m, "[pool other]\nusers = root\n[pool web]\nusers = root\n"
                           "adopt = web-http\n");
    manager_restart(&m, _i);
    t = talk_new(&m);
    row = talk_ask(&t, "create_server", "'address':['127.0.0.1',%d],'name':'web-http','pool':'web'",
                   port);
    ck_assert(talk_is(row, "adopted"));
    row = talk_at(talk_ask(&t, "pool.list", "'name':'web'"), "pools");
    ck_assert_int_eq(talk_int(json_array_get(row, 0), "in_use.sockets"), 1);
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

/* Closed here, it is the manager's all the same, and comes again with the next start. */
START_TEST(a_units_socket_that_was_closed)
{
    struct talk t;
    int port;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool web]\nusers = root\nadopt = web-http\n");
    manager_add_unit(&m, "web-http", manager_listen(&port));
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "close", "'handle':'web-http'");
    talk_end(&t);
    close(manager_connect(port)); /* still listening, for whoever comes next */
    manager_restart(&m, _i);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_ask(&t, "ledger.get", "'handle':'web-http'"), "handle"),
                     16777218);
    talk_ask(&t, "accept", "'handle':'web-http','timeout':5");
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

/* A unit that gives another socket under the same name: the one before is lost, and told. */
START_TEST(a_unit_was_started_anew)
{
    struct talk t;
    json_t *row;
    int port;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool web]\nusers = root\nadopt = web-http\n");
    manager_add_unit(&m, "web-http", manager_listen(&port));
    manager_start(&m);
    if (_i)
        manager_kill(&m);
    else
        manager_stop(&m);
    close(m.units[0].fd);
    m.n_units = 0;
    manager_add_unit(&m, "web-http", manager_listen(&port));
    manager_start(&m);
    t = talk_new(&m);
    row = talk_ask(&t, "ledger.get", "'handle':16777217");
    ck_assert_str_eq(talk_text(row, "end.how"), "lost");
    row = talk_ask(&t, "ledger.get", "'handle':'web-http'");
    ck_assert_int_eq(talk_int(row, "handle"), 16777218);
    ck_assert_int_eq(talk_int(row, "address.port"), port);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 1);
    talk_end(&t);
}
END_TEST

/* Its sockets live on; nobody gets new ones from it. */
START_TEST(a_pool_that_is_gone)
{
    struct talk t;
    json_t *row;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool a]\nusers = root\n[pool b]\nusers = root\n");
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "create_server",
             "'address':['127.0.0.1',0],'name':'web','pool':'a','lease':'permanent'");
    talk_end(&t);
    manager_set_config(&m, "[pool b]\nusers = root\n");
    for (int i = 0; i < 2; i++) {
        manager_restart(&m, _i);
        t = talk_new(&m);
        row = talk_ask(&t, "ledger.get", "'handle':16777217");
        ck_assert_str_eq(talk_text(row, "pool"), "a");
        ck_assert_str_eq(talk_text(row, "name"), "web");
        ck_assert_str_eq(talk_text(talk_fail(&t, "socket", "'pool':'a'"), "data.kind"), "protocol");
        talk_ask(&t, "socket", "'name':'web'"); /* of the other pool */
        talk_end(&t);
    }
    manager_set_config(&m, "[pool a]\nusers = root\n[pool b]\nusers = root\n");
    manager_restart(&m, _i);
    t = talk_new(&m);
    talk_ask(&t, "close", "'handle':16777217");
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

/* What is read ahead is paid for by the pool, before and after, and given back in the end. */
START_TEST(what_is_read_ahead_is_counted)
{
    static char data[300001];
    struct talk t;
    json_t *before, *after;
    int fd;

    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web','lease':60");
    fd = manager_connect(
        (int)talk_int(talk_ask(&t, "getsockname", "'handle':'web'"), "address.port"));
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':60");
    memset(data, 'x', sizeof data);
    data[5] = '/';
    ck_assert_int_eq(send(fd, data, sizeof data, MSG_NOSIGNAL), sizeof data);
    talk_ask(&t, "recv", "'handle':'c','until':'/','timeout':5");
    before = json_deep_copy(
        talk_at(json_array_get(talk_at(talk_ask(&t, "pool.list", NOTHING), "pools"), 0), "in_use"));
    ck_assert_int_gt(talk_int(before, "buffer"), 0);
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    after =
        talk_at(json_array_get(talk_at(talk_ask(&t, "pool.list", NOTHING), "pools"), 0), "in_use");
    ck_assert_msg(json_equal(before, after), "%s %s", json_dumps(before, 0), json_dumps(after, 0));
    json_decref(before);
    ck_assert_uint_eq(
        strlen(
            talk_text(talk_ask(&t, "recv", "'handle':'c','exactly':299995,'timeout':5"), "text")),
        299995);
    talk_ask(&t, "close", "'handle':'c'");
    after =
        talk_at(json_array_get(talk_at(talk_ask(&t, "pool.list", NOTHING), "pools"), 0), "in_use");
    ck_assert_int_eq(talk_int(after, "buffer"), 0);
    talk_end(&t);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_pools");
    TCase *tc = tcase_create("keep_pools");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_units_socket_belongs_to_its_pool);
    tcase_add_loop_test(tc, the_control_socket_is_the_managers, 0, 2);
    tcase_add_loop_test(tc, a_pool_for_it_comes_later, 0, 2);
    tcase_add_loop_test(tc, a_units_socket_that_was_closed, 0, 2);
    tcase_add_loop_test(tc, a_unit_was_started_anew, 0, 2);
    tcase_add_loop_test(tc, a_pool_that_is_gone, 0, 2);
    tcase_add_loop_test(tc, what_is_read_ahead_is_counted, 0, 2);
    return house_run(suite);
}
