/* check_keep_sessions.c — sessions ride through a restart of the daemon: who comes back in time
 * with its token is the same session again, and who does not has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

#define SHORT_GRACE "[daemon]\nsession-grace = 1\n"
enum { NOBODY = 65534 };

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

static const char *hello(struct talk *t)
{
    return talk_text(talk_ask(t, "hello", "'label':'rider'"), "token");
}

static char *copy(const char *text)
{
    static char kept[128];

    snprintf(kept, sizeof kept, "%s", text);
    return kept;
}

static json_t *resume(struct talk *t, const char *token)
{
    return talk_ask(t, "hello", "'resume':'%s'", token);
}

/* A listener of the session's own. */
static void listen_as(struct talk *t, const char *name)
{
    talk_ask(t, "create_server", "'address':['127.0.0.1',0],'name':'%s'", name);
}

static const char *lives_of(struct talk *t, const char *name)
{
    return talk_text(talk_ask(t, "ledger.get", "'handle':'%s'", name), "state");
}

START_TEST(a_session_goes_on)
{
    struct talk t = talk_new(&m);
    char *token = copy(hello(&t));
    int64_t number = talk_int(talk_ask(&t, "hello", NOTHING), "session");
    json_t *r;

    talk_ask(&t, "setdefaulttimeout", "'timeout':0.25");
    listen_as(&t, "web");
    listen_as(&t, "@mine");
    manager_until(&m, m.n_store == 2);
    for (int i = 0; i < 3; i++) {
        manager_restart(&m, i % 2 == _i);
        talk_end(&t);
        t = talk_new(&m);
        r = resume(&t, token);
        ck_assert(talk_is(r, "resumed"));
        ck_assert_int_eq(talk_int(r, "session"), number);
        ck_assert_str_eq(talk_text(r, "token"), token);
        ck_assert_str_eq(lives_of(&t, "@mine"), "listening");
        ck_assert_str_eq(lives_of(&t, "web"), "listening");
        ck_assert_int_eq(talk_int(talk_ask(&t, "ledger.get", "'handle':'web'"), "owner.session"),
                         number);
    }
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 2);
    talk_end(&t);
    t = talk_new(&m);
    manager_until(&m, talk_int(talk_audit(&t), "reclaimed") == 2);
    manager_until(&m, m.n_store == 0);
    talk_end(&t);
}
END_TEST

/* It may be away for longer than one daemon. */
START_TEST(a_session_comes_back_to_the_third_daemon)
{
    struct talk t = talk_new(&m);
    char *token = copy(hello(&t));
    int64_t number = talk_int(talk_ask(&t, "hello", NOTHING), "session");

    talk_ask(&t, "settimeout", "'handle':%lld,'timeout':3",
             (long long)talk_int(talk_ask(&t, "create_server",
                                          "'address':['127.0.0.1',0],"
                                          "'name':'@mine'"),
                                 "handle"));
    talk_ask(&t, "socket", "'name':'timed','lease':600");
    manager_until(&m, m.n_store == 2);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    ck_assert_int_gt(talk_int(talk_ask(&t, "hello", NOTHING), "session"), number);
    talk_end(&t);
    manager_restart(&m, !_i);
    t = talk_new(&m);
    ck_assert(talk_is(resume(&t, token), "resumed"));
    ck_assert_str_eq(lives_of(&t, "@mine"), "listening");
    ck_assert_str_eq(talk_text(talk_fail(&t, "socket", "'name':'@mine'"), "data.kind"), "handle");
    ck_assert_uint_eq(
        json_array_size(talk_at(talk_ask(&t, "ledger.get", "'handle':'timed'"), "suspect")), 0);
    talk_end(&t);
    t = talk_new(&m);
    manager_until(&m, json_array_size(
                          talk_at(talk_ask(&t, "ledger.get", "'handle':'timed'"), "suspect")) == 1);
    talk_end(&t);
}
END_TEST

START_TEST(who_resumes_has_opened_nothing)
{
    struct talk t = talk_new(&m);
    char *token = copy(hello(&t));

    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'name':'@early'");
    ck_assert_str_eq(talk_text(talk_fail(&t, "hello", "'resume':'%s'", token), "data.kind"),
                     "protocol");
    talk_ask(&t, "close", "'handle':'@early'");
    ck_assert(talk_is(resume(&t, token), "resumed"));
    ck_assert_str_eq(lives_of(&t, "web"), "listening");
    talk_end(&t);
}
END_TEST

/* What counts for all its handles counts for them again. */
START_TEST(the_default_timeout_comes_back)
{
    struct talk t = talk_new(&m);
    char *token = copy(hello(&t));

    talk_ask(&t, "setdefaulttimeout", "'timeout':0.01");
    listen_as(&t, "@mine");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    resume(&t, token);
    ck_assert_str_eq(talk_text(talk_fail(&t, "accept", "'handle':'@mine'"), "data.kind"),
                     "timeout");
    talk_end(&t);
}
END_TEST

START_TEST(who_does_not_come_back_has_ended)
{
    struct talk t = talk_new(&m);

    manager_set_config(&m, SHORT_GRACE);
    hello(&t);
    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    ck_assert_str_eq(lives_of(&t, "web"), "listening");
    manager_until(&m, talk_int(talk_audit(&t), "reclaimed") == 1);
    ck_assert_ptr_nonnull(talk_text(talk_ask(&t, "ledger.get", "'handle':16777217"), "end.reason"));
    manager_until(&m, m.n_store == 0);
    talk_end(&t);
}
END_TEST

/* Nobody was told how to come back; nothing may stay for ever. */
START_TEST(one_that_never_said_hello_has_ended)
{
    struct talk t = talk_new(&m);

    manager_set_config(&m, SHORT_GRACE);
    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    manager_until(&m, talk_int(talk_audit(&t), "reclaimed") == 1);
    talk_end(&t);
}
END_TEST

START_TEST(a_wrong_token_is_a_new_session)
{
    struct talk t = talk_new(&m);
    char *token = copy(hello(&t));
    json_t *r;

    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    ck_assert(!talk_is(resume(&t, ""), "resumed"));
    ck_assert(!talk_is(resume(&t, "00000000000000000000000000000000"), "resumed"));
    token[31] = token[31] == '0' ? '1' : '0';
    r = resume(&t, token);
    ck_assert(!talk_is(r, "resumed"));
    ck_assert_str_ne(talk_text(r, "token"), token);
    talk_end(&t);
}
END_TEST

START_TEST(a_token_is_good_once)
{
    struct talk t = talk_new(&m), other;
    char *token = copy(hello(&t));

    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    other = talk_new(&m);
    ck_assert(talk_is(resume(&t, token), "resumed"));
    ck_assert(!talk_is(resume(&other, token), "resumed"));
    talk_end(&other);
    ck_assert_str_eq(lives_of(&t, "web"), "listening");
    talk_end(&t);
}
END_TEST

/* In a child that is another user. Exits with 0 when the session is not given to it. */
static _Noreturn void try_as_nobody(const char *token)
{
    char line[200], reply[4096];
    struct talk t;
    ssize_t n;

    if (setgid(NOBODY) || setuid(NOBODY))
        _exit(3);
    t = talk_new(&m);
    n = snprintf(line, sizeof line,
                 "{\"id\":1,\"method\":\"hello\",\"params\":{\"resume\":\"%s\"}}\n", token);
    if (send(t.fd, line, (size_t)n, 0) != n || (n = recv(t.fd, reply, sizeof reply - 1, 0)) <= 0)
        _exit(4);
    reply[n] = '\0';
    _exit(strstr(reply, "\"resumed\":false") ? 0 : 1);
}

START_TEST(another_user_cannot_resume)
{
    struct talk t;
    char *token;
    pid_t pid;
    int status;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool all]\nusers = root, nobody\n");
    manager_restart(&m, false);
    t = talk_new(&m);
    token = copy(hello(&t));
    listen_as(&t, "web");
    manager_until(&m, m.n_store == 1);
    manager_restart(&m, _i);
    talk_end(&t);
    pid = fork();
    if (pid == 0)
        try_as_nobody(token);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    t = talk_new(&m);
    ck_assert(talk_is(resume(&t, token), "resumed"));
    talk_end(&t);
}
END_TEST

/* Without a token, but by hand: `attach`, or the listener's name. */
START_TEST(the_same_user_takes_it_within_the_grace)
{
    struct talk t = talk_new(&m);
    json_t *row;
    int port;

    manager_set_config(&m, SHORT_GRACE);
    listen_as(&t, "one");
    listen_as(&t, "two");
    port = (int)talk_int(talk_ask(&t, "getsockname", "'handle':'two'"), "address.port");
    manager_until(&m, m.n_store == 2);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    talk_ask(&t, "attach", "'handle':'one'");
    row = talk_ask(&t, "create_server", "'address':['127.0.0.1',%d],'name':'two'", port);
    ck_assert(talk_is(row, "adopted"));
    listen_as(&t, "three"); /* so that the grace is waited for with something to see */
    manager_work(&m, -1, 1200);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 3);
    ck_assert_int_eq(talk_int(talk_audit(&t), "reclaimed"), 0);
    talk_end(&t);
}
END_TEST

/* Connections of a session are its own: they end with it or with the daemon, whichever is first. */
START_TEST(connections_of_a_session_are_lost_or_reclaimed)
{
    struct talk t = talk_new(&m);
    json_t *audit, *row;

    hello(&t);
    talk_ask(&t, "socketpair", NOTHING);
    row = talk_ask(&t, "ledger.get", "'handle':16777217");
    ck_assert(!talk_is(row, "survives"));
    ck_assert_ptr_nonnull(strstr(talk_text(row, "survives_reason"), "lease"));
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    audit = talk_audit(&t);
    ck_assert_int_eq(talk_int(audit, "opened"), 2);
    ck_assert_int_eq(talk_int(audit, _i ? "lost" : "reclaimed"), 2);
    if (_i) {
        row = talk_ask(&t, "ledger.get", "'handle':16777218");
        ck_assert_str_eq(talk_text(row, "end.how"), "lost");
        ck_assert_ptr_nonnull(strstr(talk_text(row, "end.reason"), "daemon"));
        ck_assert_ptr_nonnull(strstr(manager_log(&m), "16777218"));
    }
    talk_end(&t);
}
END_TEST

/* A session that is resumed counts in its pool as before, and can open more. */
START_TEST(limits_count_what_came_back)
{
    struct talk t;
    char *token;

    if (geteuid() != 0)
        return;
    manager_set_config(&m, "[pool p]\nusers = root, nobody\nmax-sockets = 3\n"
                           "max-sockets-per-session = 2\n");
    manager_restart(&m, false);
    t = talk_new(&m);
    token = copy(hello(&t));
    listen_as(&t, "one");
    listen_as(&t, "two");
    ck_assert_str_eq(talk_text(talk_fail(&t, "socket", NOTHING), "data.kind"), "pool");
    manager_until(&m, m.n_store == 2);
    manager_restart(&m, _i);
    talk_end(&t);
    t = talk_new(&m);
    ck_assert(talk_is(resume(&t, token), "resumed"));
    ck_assert_str_eq(talk_text(talk_fail(&t, "socket", NOTHING), "data.kind"), "pool");
    talk_ask(&t, "close", "'handle':'one'");
    talk_ask(&t, "socket", NOTHING);
    ck_assert_str_eq(talk_text(talk_fail(&t, "socket", NOTHING), "data.kind"), "pool");
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_sessions");
    TCase *tc = tcase_create("keep_sessions");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_session_goes_on, 0, 2);
    tcase_add_loop_test(tc, a_session_comes_back_to_the_third_daemon, 0, 2);
    tcase_add_loop_test(tc, who_resumes_has_opened_nothing, 0, 2);
    tcase_add_loop_test(tc, the_default_timeout_comes_back, 0, 2);
    tcase_add_loop_test(tc, who_does_not_come_back_has_ended, 0, 2);
    tcase_add_loop_test(tc, one_that_never_said_hello_has_ended, 0, 2);
    tcase_add_loop_test(tc, a_wrong_token_is_a_new_session, 0, 2);
    tcase_add_loop_test(tc, a_token_is_good_once, 0, 2);
    tcase_add_loop_test(tc, another_user_cannot_resume, 0, 2);
    tcase_add_loop_test(tc, the_same_user_takes_it_within_the_grace, 0, 2);
    tcase_add_loop_test(tc, connections_of_a_session_are_lost_or_reclaimed, 0, 2);
    tcase_add_loop_test(tc, limits_count_what_came_back, 0, 2);
    return house_run(suite);
}
