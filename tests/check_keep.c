/* check_keep.c — sockets that outlive the daemon: what comes back, and with everything that was
 * known of it. A stand-in for the service manager keeps the descriptors. */
#include <errno.h>
#include <netinet/in.h>
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
    manager_init(&m, 32);
    manager_start(&m);
}

static void tear_down(void)
{
    manager_done(&m);
}

static void expect_bytes(int fd, const char *text)
{
    char bytes[256];
    size_t n = strlen(text), got = 0;
    ssize_t r = 1;

    for (; got < n && r > 0; got += r > 0 ? (size_t)r : 0) {
        ck_assert_msg(manager_work(&m, fd, MANAGER_PATIENCE_MS), "nothing comes");
        r = recv(fd, bytes + got, n - got, 0);
    }
    ck_assert_msg(got == n && memcmp(bytes, text, n) == 0, "%.*s", (int)got, bytes);
}

/* A listener that stays, and its port. */
static int64_t listen_for_good(struct talk *t, const char *name, int *ret_port)
{
    json_t *r = talk_ask(t, "create_server",
                         "'address':['127.0.0.1',0],'name':'%s','lease':'permanent'", name);

    *ret_port = (int)talk_int(r, "address.port");
    return talk_int(r, "handle");
}

/* A row without what grows by itself; the caller's. */
static json_t *row_of(struct talk *t, const char *handle)
{
    json_t *row = json_deep_copy(talk_ask(t, "ledger.get", "'handle':%s", handle));

    json_object_del(row, "age");
    return row;
}

static void expect_same(json_t *before, json_t *now)
{
    ck_assert_msg(json_equal(before, now), "%s\n%s", json_dumps(before, JSON_SORT_KEYS),
                  json_dumps(now, JSON_SORT_KEYS));
    json_decref(before);
    json_decref(now);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* _i: whether it is killed. */
START_TEST(a_listener_comes_back_as_it_was)
{
    struct talk t = talk_new(&m);
    json_t *row, *audit;
    int port, fd;

    talk_ask(&t, "hello", "'label':'the web'");
    talk_ask(&t, "create_server",
             "'address':['127.0.0.1',0],'name':'web','lease':'permanent','label':'front',"
             "'site':'web.c:12'");
    port = (int)talk_int(talk_ask(&t, "getsockname", "'handle':'web'"), "address.port");
    talk_ask(&t, "settimeout", "'handle':'web','timeout':7.5");
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web'");
    talk_end(&t);
    t = talk_new(&m);
    manager_until(
        &m, json_array_size(talk_at(talk_ask(&t, "ledger.get", "'handle':'web'"), "suspect")) == 1);
    row = row_of(&t, "'web'");
    ck_assert(talk_is(row, "survives"));
    audit = json_deep_copy(talk_audit(&t));
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    expect_same(row, row_of(&t, "'web'"));
    expect_same(audit, json_deep_copy(talk_audit(&t)));
    ck_assert(json_real_value(talk_at(talk_ask(&t, "gettimeout", "'handle':'web'"), "timeout")) ==
              7.5);
    close(fd);
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web'");
    close(fd);
    talk_end(&t);
}
END_TEST

START_TEST(numbers_names_and_totals_go_on)
{
    struct talk t = talk_new(&m);
    int64_t last, web;
    int port;

    web = listen_for_good(&t, "web", &port);
    last = talk_int(talk_ask(&t, "socket", NOTHING), "handle");
    ck_assert_int_eq(last, web + 1);
    for (int i = 1; i < 6; i++) {
        talk_end(&t);
        manager_restart(&m, i % 2 == _i);
        t = talk_new(&m);
        ck_assert_int_eq(talk_int(talk_ask(&t, "ledger.get", "'handle':'web'"), "handle"), web);
        ck_assert_int_eq(talk_int(talk_audit(&t), "opened"), i + 1);
        ck_assert_int_eq(talk_int(talk_ask(&t, "socket", NOTHING), "handle"), ++last);
        ck_assert_str_eq(talk_text(talk_fail(&t, "socket", "'name':'web'"), "data.kind"), "handle");
    }
    talk_end(&t);
}
END_TEST

START_TEST(queued_connections_wait)
{
    struct talk t = talk_new(&m);
    int fds[20], port;
    char byte[2] = "a";
    json_t *r;

    listen_for_good(&t, "web", &port);
    talk_end(&t);
    for (int i = 0; i < 10; i++) {
        fds[i] = manager_connect(port);
        byte[0] = (char)('a' + i);
        ck_assert_int_eq(send(fds[i], byte, 1, MSG_NOSIGNAL), 1);
    }
    if (_i)
        manager_kill(&m);
    else
        manager_stop(&m);
    for (int i = 10; i < 20; i++) {
        fds[i] = manager_connect(port);
        byte[0] = (char)('a' + i);
        ck_assert_int_eq(send(fds[i], byte, 1, MSG_NOSIGNAL), 1);
    }
    manager_start(&m);
    t = talk_new(&m);
    for (int i = 0; i < 20; i++) {
        talk_ask(&t, "accept", "'handle':'web','name':'@c','timeout':5");
        r = talk_ask(&t, "recv", "'handle':'@c','exactly':1,'timeout':5");
        ck_assert_int_eq(*talk_text(r, "text"), 'a' + i);
        talk_ask(&t, "send", "'handle':'@c','text':'%c'", 'A' + i);
        byte[0] = (char)('A' + i);
        expect_bytes(fds[i], byte);
        talk_ask(&t, "close", "'handle':'@c'");
        close(fds[i]);
    }
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

START_TEST(connections_go_on_in_both_directions)
{
    struct talk t = talk_new(&m);
    json_t *row;
    int fd, port;

    listen_for_good(&t, "web", &port);
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':'permanent'");
    talk_ask(&t, "send", "'handle':'c','text':'one '");
    ck_assert_int_eq(send(fd, "eins ", 5, MSG_NOSIGNAL), 5);
    talk_end(&t);
    if (_i)
        manager_kill(&m);
    else
        manager_stop(&m);
    ck_assert_int_eq(send(fd, "zwei ", 5, MSG_NOSIGNAL), 5);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(send(fd, "drei ", 5, MSG_NOSIGNAL), 5);
    talk_ask(&t, "send", "'handle':'c','text':'two '");
    expect_bytes(fd, "one two ");
    ck_assert_str_eq(
        talk_text(talk_ask(&t, "recv", "'handle':'c','exactly':15,'timeout':5"), "text"),
        "eins zwei drei ");
    row = talk_ask(&t, "ledger.get", "'handle':'c'");
    ck_assert_int_eq(talk_int(row, "sent_bytes"), 8);
    ck_assert_int_eq(talk_int(row, "received_bytes"), 15);
    ck_assert_str_eq(talk_text(row, "state"), "connected");
    talk_end(&t);
    close(fd);
}
END_TEST

START_TEST(what_was_read_ahead_stays)
{
    struct talk t = talk_new(&m);
    int fd, port;

    listen_for_good(&t, "web", &port);
    fd = manager_connect(port);
    talk_ask(&t, "accept", "'handle':'web','name':'c','lease':600");
    ck_assert_int_eq(send(fd, "a/b/c/d/e", 9, MSG_NOSIGNAL), 9);
    for (int i = 0; i < 4; i++) {
        char part[4] = {(char)('a' + i), '/'};

        ck_assert_str_eq(
            talk_text(talk_ask(&t, "recv", "'handle':'c','until':'/','timeout':5"), "text"), part);
        talk_end(&t);
        manager_restart(&m, _i);
        t = talk_new(&m);
    }
    close(fd);
    ck_assert_str_eq(talk_text(talk_ask(&t, "recv", "'handle':'c','timeout':5"), "text"), "e");
    ck_assert(talk_is(talk_ask(&t, "recv", "'handle':'c','timeout':5"), "eof"));
    talk_end(&t);
}
END_TEST

/* Long words are cut off, but between two characters. */
START_TEST(long_texts_come_back)
{
    char euros[3 * 85 + 1] = "";
    struct talk t = talk_new(&m);
    json_t *row;

    for (int i = 0; i < 85; i++)
        strcat(euros, "\u20ac");
    talk_ask(&t, "hello", "'label':'%.*s'", 240 + 3 * _i, euros);
    talk_ask(&t, "socket", "'name':'n%0120d','lease':600,'label':'%s%s','site':'%s%s'", 1,
             _i % 2 ? "y" : "", euros, _i / 2 ? "x" : "", euros);
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    row = talk_ask(&t, "ledger.get", "'handle':'n%0120d'", 1);
    ck_assert_ptr_nonnull(strstr(talk_text(row, "label"), euros));
    ck_assert_ptr_nonnull(strstr(talk_text(row, "site"), euros));
    talk_end(&t);
}
END_TEST

/* -- T1: all kinds ----------------------------------------------------------------------------- */

static void make_kinds(struct talk *t, const char *lease)
{
    talk_ask(t, "socket", "'name':'fresh','lease':%s", lease);
    talk_ask(t, "socket", "'name':'bound','lease':%s", lease);
    talk_ask(t, "bind", "'handle':'bound','address':['127.0.0.1',0]");
    talk_ask(t, "create_server", "'name':'listening','address':['127.0.0.1',0],'lease':%s", lease);
    talk_ask(t, "socket", "'name':'udp','type':'SOCK_DGRAM','lease':%s", lease);
    talk_ask(t, "socket", "'name':'unix','family':'AF_UNIX','lease':%s", lease);
    talk_ask(t, "socket", "'name':'packets','family':'AF_UNIX','type':'SOCK_SEQPACKET','lease':%s",
             lease);
}

/* Connected sockets whose other ends are ours: still open, half closed, closed, reset. */
static void make_connected(struct talk *t, const char *lease, int fds[4])
{
    static const char *const names[] = {"open", "half", "ended", "reset"};
    const struct linger linger = {1, 0};
    int port = (int)talk_int(talk_ask(t, "getsockname", "'handle':'listening'"), "address.port");

    for (int i = 0; i < 4; i++) {
        fds[i] = manager_connect(port);
        talk_ask(t, "accept", "'handle':'listening','name':'%s','lease':%s", names[i], lease);
    }
    talk_ask(t, "shutdown", "'handle':'half','how':'SHUT_WR'");
    close(fds[2]);
    ck_assert_int_eq(setsockopt(fds[3], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fds[3]);
}

START_TEST(all_kinds_come_back)
{
    static const char *const names[] = {"fresh",   "bound", "listening", "udp",   "unix",
                                        "packets", "open",  "half",      "ended", "reset"};
    enum { N = sizeof names / sizeof *names };
    struct talk t = talk_new(&m);
    json_t *rows[N];
    int fds[4];

    make_kinds(&t, _i ? "'permanent'" : "3600");
    make_connected(&t, _i ? "'permanent'" : "3600", fds);
    for (int i = 0; i < N; i++) {
        char quoted[32];

        snprintf(quoted, sizeof quoted, "'%s'", names[i]);
        rows[i] = row_of(&t, quoted);
        ck_assert(talk_is(rows[i], "survives"));
        json_object_del(rows[i], "suspect");
    }
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    for (int i = 0; i < N; i++) {
        char quoted[32];
        json_t *row;

        snprintf(quoted, sizeof quoted, "'%s'", names[i]);
        row = row_of(&t, quoted);
        json_object_del(row, "suspect");
        expect_same(rows[i], row);
    }
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 0);
    close(fds[0]);
    close(fds[1]);
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep");
    TCase *tc = tcase_create("keep");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_listener_comes_back_as_it_was, 0, 2);
    tcase_add_loop_test(tc, numbers_names_and_totals_go_on, 0, 2);
    tcase_add_loop_test(tc, queued_connections_wait, 0, 2);
    tcase_add_loop_test(tc, connections_go_on_in_both_directions, 0, 2);
    tcase_add_loop_test(tc, what_was_read_ahead_stays, 0, 2);
    tcase_add_loop_test(tc, long_texts_come_back, 0, 4);
    tcase_add_loop_test(tc, all_kinds_come_back, 0, 2);
    return house_run(suite);
}
