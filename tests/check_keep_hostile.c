/* check_keep_hostile.c — a manager that is slow, full, gone or wrong, a disk that is full, a file
 * that is cut off: nothing is said to survive that does not, and nothing is lost in silence. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, MANAGER_ROOM);
}

static void tear_down(void)
{
    manager_done(&m);
}

static int64_t make(struct talk *t, const char *params)
{
    return talk_int(talk_ask(t, "socket", "%s", params), "handle");
}

static json_t *row_of(struct talk *t, int64_t handle)
{
    return talk_ask(t, "ledger.get", "'handle':%lld", (long long)handle);
}

static bool survives(struct talk *t, int64_t handle)
{
    return talk_is(row_of(t, handle), "survives");
}

static void expect_mortal(struct talk *t, int64_t handle, const char *why)
{
    json_t *row = row_of(t, handle);

    ck_assert(!talk_is(row, "survives"));
    ck_assert_msg(strstr(talk_text(row, "survives_reason"), why), "%s",
                  talk_text(row, "survives_reason"));
}

static void expect_refused(json_t *error, const char *why)
{
    ck_assert_str_eq(talk_text(error, "data.name"), "CANNOT_KEEP");
    ck_assert_msg(strstr(talk_text(error, "message"), why), "%s", talk_text(error, "message"));
}

/* -- a manager that takes nothing -------------------------------------------------------------- */

/* Other services have filled the manager's queue, which is one for all. */
static void fill_queue(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fds[16];

    m.is_deaf = true;
    strcpy(un.sun_path, m.notify);
    for (size_t i = 0; i < 16; i++) {
        fds[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        while (sendto(fds[i], "X=1", 3, 0, (void *)&un, sizeof un) == 3)
            ;
        close(fds[i]);
    }
}

/* What is said to survive does, though nobody has read it yet. */
START_TEST(what_waits_here_is_not_kept)
{
    struct talk t;
    int64_t last = 0;
    size_t n = 2;

    manager_start(&m);
    t = talk_new(&m);
    m.is_deaf = true;
    for (size_t i = 0; i < n; i++)
        ck_assert(survives(&t, make(&t, "'lease':'permanent'")));
    fill_queue();
    for (int i = 0; i < 3; i++) {
        last = make(&t, "'lease':'permanent'");
        expect_mortal(&t, last, "has not taken it yet");
    }
    if (_i) {
        m.is_deaf = false;
        manager_until(&m, survives(&t, last));
        n = 5;
    }
    talk_end(&t);
    manager_kill(&m);
    m.is_deaf = false;
    manager_until(&m, m.n_store == n);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), (int64_t)n);
    talk_end(&t);
}
END_TEST

/* It waits for the manager, others do not; then it is kept, or refused, and no socket is left. */
START_TEST(who_must_survive_waits)
{
    static const char *const methods[] = {"socket", "socketpair", "create_server"};
    struct talk t, other;
    json_t *reply;

    manager_start(&m);
    t = talk_new(&m);
    other = talk_new(&m);
    fill_queue();
    talk_send(&t, methods[_i / 2],
              _i / 2 == 2 ? "'address':['127.0.0.1',0],'survive':true" : "'survive':true");
    for (int i = 0; i < 20; i++)
        talk_ask(&other, "ping", NOTHING);
    ck_assert_msg(!manager_work(&m, t.fd, 0), "it did not wait");
    m.is_deaf = _i % 2;
    reply = talk_next(&t);
    if (_i % 2) {
        expect_refused(talk_at(reply, "error"), "has not taken it yet");
        ck_assert_int_eq(talk_int(talk_audit(&t), "opened"), 0);
    } else {
        talk_at(reply, "result");
        manager_until(&m, m.n_store == (size_t)talk_int(talk_audit(&t), "live"));
    }
    m.is_deaf = false;
    talk_end(&t);
    talk_end(&other);
}
END_TEST

/* It has not read what was sent, but there is place: that is enough, for two as well. */
START_TEST(a_manager_that_does_not_read)
{
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    m.is_deaf = true;
    talk_ask(&t, "socket", "'survive':true");
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'survive':true");
    talk_ask(&t, "socketpair", "'survive':true");
    /* Before its session ends, and they with it. */
    manager_kill(&m);
    talk_end(&t);
    m.is_deaf = false;
    manager_until(&m, m.n_store == 4);
}
END_TEST

/* The connection stays in the queue. */
START_TEST(an_accept_that_must_survive_waits)
{
    struct talk t;
    int fd, port;

    manager_start(&m);
    t = talk_new(&m);
    port = (int)talk_int(talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'"),
                         "address.port");
    fill_queue();
    fd = manager_connect(port);
    expect_refused(talk_fail(&t, "accept", "'handle':'web','survive':true,'timeout':5"),
                   "has not taken it yet");
    m.is_deaf = false;
    talk_ask(&t, "accept", "'handle':'web','survive':true,'timeout':5");
    close(fd);
    talk_end(&t);
}
END_TEST

/* A manager that is slow for a moment loses nothing by a restart that is asked for. */
START_TEST(the_end_waits_for_the_manager)
{
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    fill_queue();
    for (int i = 0; i < 50; i++)
        make(&t, "'lease':'permanent'");
    talk_end(&t);
    kill(m.pid, SIGTERM);
    ck_assert(!manager_work(&m, m.pidfd, 100));
    m.is_deaf = false;
    manager_stop(&m);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 0);
    talk_end(&t);
}
END_TEST

/* The reason is the true one, and a request that must survive is refused. */
START_TEST(a_manager_that_does_not_listen_any_more)
{
    struct talk t;
    int64_t handle;

    manager_start(&m);
    t = talk_new(&m);
    shutdown(m.notify_fd, SHUT_RDWR);
    close(m.notify_fd);
    m.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (_i)
        expect_mortal(&t, make(&t, "'lease':60"), "does not listen");
    expect_refused(talk_fail(&t, "socket", "'survive':true"), "does not listen");
    expect_refused(talk_fail(&t, "socketpair", "'survive':true,'lease':'permanent'"),
                   "does not listen");
    expect_refused(talk_fail(&t, "create_server", "'address':['127.0.0.1',0],'survive':true"),
                   "does not listen");
    handle = make(&t, "'lease':60");
    expect_mortal(&t, handle, "does not listen");
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 1 + _i);
    talk_end(&t);
}
END_TEST

/* -- room -------------------------------------------------------------------------------------- */

/* Those that were refused room get it when it is there, in order. */
START_TEST(room_that_comes_is_used)
{
    struct talk t;
    int64_t handles[4];

    m.n_most = 2;
    manager_start(&m);
    t = talk_new(&m);
    for (int i = 0; i < 4; i++)
        handles[i] = make(&t, "'lease':'permanent'");
    expect_mortal(&t, handles[2], "as many");
    expect_mortal(&t, handles[3], "as many");
    talk_ask(&t, "close", "'handle':%lld", (long long)handles[0]);
    manager_until(&m, survives(&t, handles[2]));
    expect_mortal(&t, handles[3], "as many");
    talk_ask(&t, "lease", "'handle':%lld,'lease':'session'", (long long)handles[1]);
    manager_until(&m, survives(&t, handles[3]));
    manager_until(&m, m.n_store == 2);
    ck_assert_int_eq(m.n_over, 0);
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert(survives(&t, handles[2]) && survives(&t, handles[3]));
    talk_end(&t);
}
END_TEST

/* One that waits and is closed waits no more. */
START_TEST(who_waits_may_end)
{
    struct talk t;
    int64_t handles[5];

    m.n_most = 1;
    manager_start(&m);
    t = talk_new(&m);
    for (int i = 0; i < 5; i++)
        handles[i] = make(&t, "'lease':'permanent'");
    talk_ask(&t, "close", "'handle':%lld", (long long)handles[1]);
    talk_ask(&t, "lease", "'handle':%lld,'lease':'session'", (long long)handles[2]);
    talk_ask(&t, "lease", "'handle':%lld,'lease':0.05", (long long)handles[3]);
    talk_end(&t);
    t = talk_new(&m);
    manager_until(&m, talk_int(talk_audit(&t), "expired") == 1);
    talk_ask(&t, "close", "'handle':%lld", (long long)handles[0]);
    manager_until(&m, survives(&t, handles[4]));
    talk_end(&t);
}
END_TEST

/* -- what the manager gives -------------------------------------------------------------------- */

/* However many are unknown, the daemon is ready, and stores nothing anew. */
START_TEST(many_that_are_unknown)
{
    enum { N = 100 };
    char name[32];
    struct talk t;

    m.n_most = N;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "b%d", 16777217 + i);
        manager_put(&m, name, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    }
    manager_start(&m);
    ck_assert_int_eq(m.n_over, 0);
    ck_assert_uint_eq(m.n_store, N);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), N);
    talk_end(&t);
}
END_TEST

/* Limits of pools are for what is made, not for what is there. */
START_TEST(limits_close_nothing_that_is_given)
{
    struct talk t;
    char name[32];
    json_t *row;
    int port;

    manager_set_config(&m, "[pool a]\nusers = root\nmax-sockets = 1\nadopt = u0, u1, u2\n");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "u%d", i);
        manager_add_unit(&m, name, manager_listen(&port));
        snprintf(name, sizeof name, "stranger%d", i);
        manager_put(&m, name, manager_listen(&port));
    }
    if (geteuid() != 0)
        return;
    for (int i = 0; i < 2; i++) {
        manager_start(&m);
        t = talk_new(&m);
        ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 6);
        row = json_array_get(talk_at(talk_ask(&t, "pool.list", NOTHING), "pools"), 0);
        ck_assert_int_eq(talk_int(row, "in_use.sockets"), 3);
        talk_end(&t);
        manager_kill(&m);
    }
}
END_TEST

/* LISTEN_FDS and LISTEN_FDNAMES that are wrong cost no socket. */
START_TEST(variables_that_lie)
{
    static const struct lie {
        const char *fds, *names, *told;
    } lies[] = {{"3", NULL, "LISTEN_FDS=3"},
                {"x", NULL, "LISTEN_FDS=x"},
                {"99999999999999999999", NULL, "LISTEN_FDS=9"},
                {NULL, "b16777217", "LISTEN_FDNAMES"},
                {NULL, "b16777218:b16777217:c", "LISTEN_FDNAMES"},
                {NULL, "", "LISTEN_FDNAMES"}};
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    make(&t, "'lease':'permanent','name':'a'");
    make(&t, "'lease':'permanent','name':'b'");
    talk_end(&t);
    m.listen_fds = lies[_i].fds;
    m.listen_names = lies[_i].names;
    manager_restart(&m, true);
    ck_assert_msg(strstr(manager_log(&m), lies[_i].told), "%s", manager_log(&m));
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 2);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 0);
    ck_assert_int_eq(talk_int(row_of(&t, 16777217), "handle"), 16777217);
    talk_end(&t);
}
END_TEST

/* A second copy is closed; another socket under the name of one that lives is not its copy, and its
 * end is not that one's. */
START_TEST(two_of_one_name)
{
    struct talk t;
    json_t *rows;

    manager_start(&m);
    t = talk_new(&m);
    make(&t, "'lease':'permanent','name':'a'");
    talk_end(&t);
    manager_stop(&m);
    manager_put(&m, "b16777217",
                _i ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : dup(m.store[0].fd));
    manager_start(&m);
    t = talk_new(&m);
    rows = talk_at(talk_ask(&t, "ledger.list", NOTHING), "rows");
    ck_assert_uint_eq(json_array_size(rows), 1 + (size_t)_i);
    if (_i)
        talk_ask(&t, "close", "'handle':%lld",
                 (long long)talk_int(json_array_get(rows, 1), "handle"));
    else
        ck_assert_ptr_nonnull(strstr(manager_log(&m), "second copy"));
    ck_assert(survives(&t, 16777217));
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert(survives(&t, 16777217));
    talk_end(&t);
}
END_TEST

/* A name that nobody can have given does not use the numbers up. */
START_TEST(a_number_beyond_all)
{
    struct talk t;

    manager_put(&m, "b9007199254740990", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(make(&t, "'lease':'permanent'"), 16777218);
    talk_end(&t);
}
END_TEST

/* -- the file ---------------------------------------------------------------------------------- */

static const char *state_path(void)
{
    static char path[128];

    snprintf(path, sizeof path, "%s.state", m.path);
    return path;
}

/* What nobody can know is kept, and told. */
START_TEST(a_state_that_is_cut_off)
{
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    make(&t, "'lease':'permanent','name':'a'");
    make(&t, "'lease':'permanent','name':'b'");
    talk_end(&t);
    manager_kill(&m);
    ck_assert_int_eq(truncate(state_path(), 8192 + _i * 1536), 0);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 2);
    ck_assert_uint_eq(m.n_store, 2);
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "of no handle known"));
    talk_end(&t);
}
END_TEST

/* Told with the path that is meant. */
START_TEST(a_state_that_is_a_directory)
{
    ck_assert_int_eq(mkdir(state_path(), 0700), 0);
    ck_assert(!manager_try_start(&m));
    ck_assert_msg(strstr(manager_log(&m), ".state: the state cannot be put there"), "%s",
                  manager_log(&m));
    ck_assert_int_eq(rmdir(state_path()), 0);
}
END_TEST

/* Losses are told by the daemons that come later too, once each; and the totals stay. */
START_TEST(losses_are_told_again)
{
    struct talk t;
    json_t *row, *before = NULL;
    int64_t handle;

    manager_start(&m);
    t = talk_new(&m);
    handle = make(&t, "'name':'a','label':'who'");
    for (int i = 0; i < 5; i++) {
        talk_end(&t);
        manager_restart(&m, i != 2 || !_i);
        t = talk_new(&m);
        ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 1);
        row = json_deep_copy(row_of(&t, handle));
        json_object_del(row, "owner");
        ck_assert_str_eq(talk_text(row, "end.how"), "lost");
        ck_assert_ptr_nonnull(strstr(talk_text(row, "end.reason"), "nothing else kept it"));
        ck_assert_str_eq(talk_text(row, "label"), "who");
        ck_assert_str_eq(talk_text(row, "name"), "a");
        if (before)
            ck_assert_msg(json_equal(before, row), "%s", json_dumps(row, 0));
        json_decref(before);
        before = row;
        ck_assert_uint_eq(json_array_size(talk_at(
                              talk_ask(&t, "ledger.list", "'filter':{'state':'closed'}"), "rows")),
                          1);
    }
    json_decref(before);
    talk_end(&t);
}
END_TEST

/* As long as the history has them. */
START_TEST(losses_are_forgotten_with_the_history)
{
    struct talk t;
    json_t *error;

    manager_start(&m);
    t = talk_new(&m);
    make(&t, "'name':'a'");
    talk_end(&t);
    manager_restart(&m, true);
    manager_set_config(&m, "[daemon]\nhistory-age = 0\n");
    manager_restart(&m, true);
    t = talk_new(&m);
    manager_until(&m, (error = talk_ask(&t, "ledger.list", "'filter':{'state':'closed'}")) &&
                          !json_array_size(talk_at(error, "rows")));
    talk_end(&t);
    manager_set_config(&m, "");
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert_str_eq(talk_text(talk_fail(&t, "ledger.get", "'handle':16777217"), "data.kind"),
                     "handle");
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 1);
    talk_end(&t);
}
END_TEST

/* -- what was read ahead ----------------------------------------------------------------------- */

/* A connection of two ends, with n lines on their way; the other end. */
static int connect_lines(struct talk *t, int n)
{
    int port = (int)talk_int(
        talk_ask(t, "create_server", "'address':['127.0.0.1',0],'name':'web','lease':'permanent'"),
        "address.port");
    int fd = manager_connect(port);
    char line[16];

    talk_ask(t, "accept", "'handle':'web','name':'c','lease':'permanent'");
    for (int i = 0; i < n; i++) {
        snprintf(line, sizeof line, "%06d\n", i);
        ck_assert_int_eq(send(fd, line, 7, MSG_NOSIGNAL), 7);
    }
    return fd;
}

static int next_line(struct talk *t)
{
    return atoi(talk_text(talk_ask(t, "recv", "'handle':'c','until':'\\n','timeout':5"), "text"));
}

/* Where files may not grow as far, the daemon lives, nothing is given twice, and it is told. */
START_TEST(a_limit_of_file_sizes)
{
    const struct rlimit few = {4 << 20, 4 << 20};
    struct talk t;
    int fd, last = -1;

    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
    manager_start(&m);
    t = talk_new(&m);
    fd = connect_lines(&t, 2000);
    for (int i = 0; i < 700; i++)
        ck_assert_int_eq(last = next_line(&t), i);
    expect_mortal(&t, talk_int(talk_ask(&t, "ledger.get", "'handle':'c'"), "handle"), "read ahead");
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "cannot be written down"));
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert_int_gt(next_line(&t), last);
    talk_end(&t);
    close(fd);
}
END_TEST

/* Line by line, across many deaths, each line once. */
START_TEST(lines_across_deaths)
{
    struct talk t;
    int fd, at = 0;

    manager_start(&m);
    t = talk_new(&m);
    fd = connect_lines(&t, 4000);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 500; k++)
            ck_assert_int_eq(next_line(&t), at++);
        talk_end(&t);
        manager_restart(&m, true);
        t = talk_new(&m);
    }
    talk_end(&t);
    close(fd);
}
END_TEST

/* What is read ahead before the socket is kept is kept with it. */
START_TEST(read_ahead_before_it_was_kept)
{
    struct talk t;
    int fd;

    manager_start(&m);
    t = talk_new(&m);
    fd = connect_lines(&t, 10);
    talk_ask(&t, "lease", "'handle':'c','lease':'session'");
    ck_assert_int_eq(next_line(&t), 0);
    talk_ask(&t, "lease", "'handle':'c','lease':'permanent'");
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert_int_eq(next_line(&t), 1);
    talk_end(&t);
    close(fd);
}
END_TEST

/* -- the watchdog ------------------------------------------------------------------------------ */

/* A grace that is longer than time. */
START_TEST(a_grace_without_end)
{
    struct talk t;

    manager_set_config(&m, "[daemon]\nsession-grace = 9223372036000\n");
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'");
    talk_end(&t);
    t = talk_new(&m);
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'web'");
    manager_restart(&m, true);
    talk_end(&t);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 1);
    talk_end(&t);
}
END_TEST

/* Its session takes nobody's seat. */
START_TEST(one_seat_and_a_watchdog)
{
    struct talk t;

    m.watchdog_usec = 600000;
    manager_set_config(&m, _i ? "[daemon]\nmax-sessions-per-uid = 1\n"
                              : "[daemon]\nmax-sessions = 1\n");
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "ping", NOTHING);
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_hostile");
    TCase *tc = tcase_create("keep_hostile");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, what_waits_here_is_not_kept, 0, 2);
    tcase_add_loop_test(tc, who_must_survive_waits, 0, 6);
    tcase_add_test(tc, a_manager_that_does_not_read);
    tcase_add_test(tc, an_accept_that_must_survive_waits);
    tcase_add_test(tc, the_end_waits_for_the_manager);
    tcase_add_loop_test(tc, a_manager_that_does_not_listen_any_more, 0, 2);
    tcase_add_test(tc, room_that_comes_is_used);
    tcase_add_test(tc, who_waits_may_end);
    tcase_add_test(tc, many_that_are_unknown);
    tcase_add_test(tc, limits_close_nothing_that_is_given);
    tcase_add_loop_test(tc, variables_that_lie, 0, 6);
    tcase_add_loop_test(tc, two_of_one_name, 0, 2);
    tcase_add_test(tc, a_number_beyond_all);
    tcase_add_loop_test(tc, a_state_that_is_cut_off, 0, 2);
    tcase_add_test(tc, a_state_that_is_a_directory);
    tcase_add_loop_test(tc, losses_are_told_again, 0, 2);
    tcase_add_test(tc, losses_are_forgotten_with_the_history);
    tcase_add_test(tc, a_limit_of_file_sizes);
    tcase_add_test(tc, lines_across_deaths);
    tcase_add_test(tc, read_ahead_before_it_was_kept);
    tcase_add_test(tc, a_grace_without_end);
    tcase_add_loop_test(tc, one_seat_and_a_watchdog, 0, 2);
    return house_run(suite);
}
