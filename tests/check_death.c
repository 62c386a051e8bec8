/* check_death.c — a client that dies: its process is what counts, not who else holds its socket.
 * Clients are processes here, and come by a real listening socket. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "house.h"

static struct sockaddr_un address;
static socklen_t n_address;
static int listener;

/* A listener with an abstract name that the kernel chooses. */
static void open_listening(void)
{
    house_open();
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address.sun_family = AF_UNIX;
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    n_address = sizeof address;
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &n_address), 0);
    ck_assert_int_eq(listen(listener, 256), 0);
    house_reopen((struct house_setup){.listen_fd = listener});
}

/* The daemon looks at its listener until the very end. */
static void close_listening(void)
{
    house_close_but(1);
    close(listener);
}

static int connect_here(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, n_address) < 0)
        _exit(99);
    return fd;
}

static void say(int fd, const char *line)
{
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
        _exit(98);
}

/* Lets the child go on, or waits for its sign. */
static void give_sign(int fd)
{
    if (write(fd, "", 1) != 1)
        _exit(97);
}

static void await_end_of(int fd)
{
    char c;

    while (read(fd, &c, 1) > 0)
        ;
    _exit(0);
}

static void end_child(pid_t pid, int expected)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == expected, "the child ended with %x", status);
}

static long long n_reclaimed(struct house_client *c)
{
    return house_int(house_do(c, "ledger.audit", "{}"), "reclaimed");
}

/* Runs the daemon until there is a socket of a client's. */
static void await_live(int n)
{
    house_until(house_n_live() == n);
}

START_TEST(a_killed_client_is_reclaimed)
{
    struct house_client *c = house_client();
    int control[2];
    pid_t child;

    ck_assert_int_eq(pipe(control), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        close(control[1]);
        say(fd, "{\"id\":1,\"method\":\"socket\"}\n{\"id\":2,\"method\":\"socketpair\"}\n");
        await_end_of(control[0]);
    }
    await_live(3);
    ck_assert_int_eq(house_n_sessions(), 2);
    kill(child, SIGKILL);
    house_until(house_n_sessions() == 1);
    ck_assert_int_eq(n_reclaimed(c), 3);
    end_child(child, SIGKILL);
    close(control[0]);
    close(control[1]);
}
END_TEST

/* T32: the grandchild keeps the control socket, which so never hangs up. */
START_TEST(a_grandchild_does_not_keep_it_alive)
{
    struct house_client *c = house_client();
    int control[2], grandchild_lives[2];
    pid_t child;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    ck_assert_int_eq(pipe(control), 0);
    ck_assert_int_eq(pipe(grandchild_lives), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        close(control[1]);
        say(fd, "{\"id\":1,\"method\":\"socket\"}\n");
        if (fork() == 0) {
            give_sign(grandchild_lives[1]);
            await_end_of(control[0]);
        }
        pause();
    }
    await_live(1);
    ck_assert_int_eq(read(grandchild_lives[0], &(char){0}, 1), 1);
    house_turn(8);
    ck_assert_int_eq(n_reclaimed(c), 0);
    kill(child, SIGKILL);
    end_child(child, SIGKILL);
    house_until(house_n_sessions() == 1);
    ck_assert_int_eq(n_reclaimed(c), 1);
    close(control[0]);
    close(control[1]);
    close(grandchild_lives[0]);
    close(grandchild_lives[1]);
    ck_assert_int_gt(wait(NULL), 0);
}
END_TEST

static long long n_opened(struct house_client *c)
{
    return house_int(house_do(c, "ledger.audit", "{}"), "opened");
}

/* T48: it was dead before the daemon had looked at it. Nobody could ever use what it asked for. */
START_TEST(what_a_dead_client_had_sent_is_not_begun)
{
    struct house_client *c = house_client();
    pid_t child;

    if ((child = fork()) == 0) {
        int fd = connect_here();

        say(fd, "{\"method\":\"socket\",\"params\":{\"lease\":\"permanent\"}}\n"
                "[{\"id\":1,\"method\":\"socketpair\"}]\n{\"id\":1,\"method\":\"socketpair\"}");
        _exit(0);
    }
    end_child(child, 0);
    house_turn(8);
    ck_assert_int_eq(house_n_sessions(), 1);
    ck_assert_int_eq(n_opened(c), 0);
}
END_TEST

/* Much is still to be done for it; it reads the answers, or does not. */
START_TEST(the_rest_of_a_killed_client_is_dropped)
{
    enum { LINES = 2000, AT_MOST = 4 };
    static const char line[] =
        "{\"id\":1,\"method\":\"socket\",\"params\":{\"lease\":\"permanent\"}}\n";
    struct house_client *c = house_client();
    int sent[2];
    long long n;
    pid_t child;

    ck_assert_int_eq(pipe(sent), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        for (int i = 0; i < LINES; i++)
            if (send(fd, line, sizeof line - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                break;
        give_sign(sent[1]);
        pause();
    }
    ck_assert_int_eq(read(sent[0], &(char){0}, 1), 1);
    house_until(house_n_live() > 0);
    kill(child, SIGKILL);
    end_child(child, SIGKILL);
    n = house_n_live();
    ck_assert_int_lt(n, LINES / 2); /* there is a rest */
    house_turn(AT_MOST);
    ck_assert_int_eq(house_n_sessions(), 1);
    ck_assert_int_eq(house_n_live(), n);
    house_do(c, "ledger.reap", "{'filter':{'pool':'default'}}");
    close(sent[0]);
    close(sent[1]);
}
END_TEST

/* The end of its connection says that there are no more requests, and not that there were none. */
START_TEST(what_one_that_lives_had_sent_is_run)
{
    struct house_client *c = house_client();
    int closed[2], control[2];
    pid_t child;

    ck_assert_int_eq(pipe(closed), 0);
    ck_assert_int_eq(pipe(control), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        close(control[1]);
        say(fd, "{\"method\":\"socket\"}\n{\"method\":\"socket\"}\n{\"id\":1,\"method\":"
                "\"socketpair\"}");
        close(fd);
        give_sign(closed[1]);
        await_end_of(control[0]);
    }
    ck_assert_int_eq(read(closed[0], &(char){0}, 1), 1);
    house_until(n_reclaimed(c) == 4);
    house_until(house_n_sessions() == 1);
    close(control[1]);
    end_child(child, 0);
    close(control[0]);
    close(closed[0]);
    close(closed[1]);
}
END_TEST

/* Calls that wait end with their client, so that nobody else's data is taken for it. */
START_TEST(a_dead_client_waits_for_nothing)
{
    struct house_client *c = house_client();
    char line[128];
    long long ends[2];
    int started[2];
    pid_t child;

    house_pair(c, "SOCK_STREAM", ends);
    ck_assert_int_eq(pipe(started), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        snprintf(line, sizeof line, "{\"id\":1,\"method\":\"recv\",\"params\":[%lld]}\n", ends[0]);
        say(fd, "{\"id\":0,\"method\":\"socket\"}\n");
        say(fd, line);
        give_sign(started[1]);
        pause();
    }
    await_live(3);
    ck_assert_int_eq(read(started[0], line, 1), 1);
    house_turn(8);
    kill(child, SIGKILL);
    end_child(child, SIGKILL);
    house_until(house_n_sessions() == 1);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'timeout':0}", ends[0]), "text"), "x");
    close(started[0]);
    close(started[1]);
}
END_TEST

/* The identity is that of the process that connected. */
START_TEST(the_owner_is_the_process)
{
    struct house_client *c = house_client();
    int control[2];
    pid_t child;
    json_t *rows;

    ck_assert_int_eq(pipe(control), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        close(control[1]);
        say(fd,
            "{\"method\":\"hello\",\"params\":{\"label\":\"child\"}}\n{\"method\":\"socket\"}\n");
        await_end_of(control[0]);
    }
    await_live(1);
    rows = house_do(c, "ledger.list", "{}");
    ck_assert_int_eq(house_int(rows, "rows.0.owner.pid"), child);
    ck_assert_int_eq(house_int(rows, "rows.0.owner.uid"), getuid());
    ck_assert_str_eq(house_text(rows, "rows.0.owner.label"), "child");
    ck_assert(house_has(rows, "rows.0.owner.exe"));
    close(control[1]);
    end_child(child, 0);
    close(control[0]);
    house_until(house_n_sessions() == 1);
}
END_TEST

START_TEST(many_come_and_go)
{
    struct house_client *c = house_client();
    pid_t children[20];

    for (int i = 0; i < 20; i++) {
        if ((children[i] = fork()) == 0) {
            int fd = connect_here();

            say(fd, "{\"id\":1,\"method\":\"socketpair\"}\n");
            if (i % 2)
                pause();
            _exit(read(fd, &(char){0}, 1) != 1);
        }
    }
    house_until(n_reclaimed(c) == 20 && house_n_live() == 20);
    for (int i = 0; i < 20; i += 2)
        end_child(children[i], 0);
    for (int i = 1; i < 20; i += 2) {
        kill(children[i], SIGKILL);
        end_child(children[i], SIGKILL);
    }
    house_until(n_reclaimed(c) == 40);
}
END_TEST

/* A child that opens one socket, and ends with this status when `control` ends. */
static pid_t open_and_wait(const int control[2], int status)
{
    pid_t child = fork();
    char c;

    if (child)
        return child;
    say(connect_here(), "{\"method\":\"socket\"}\n");
    close(control[1]);
    while (read(control[0], &c, 1) > 0)
        ;
    _exit(status);
}

static void expect_reasons(struct house_client *c, size_t n, const char *reason)
{
    json_t *r = house_do(c, "ledger.list", "{'filter':{'state':'closed'}}");
    char path[40];

    ck_assert_uint_eq(house_size(r, "rows"), n);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "rows.%zu.end.reason", i);
        ck_assert_str_eq(house_text(r, path), reason);
    }
}

/* The socket hangs up a moment before the kernel tells how the process ended; the daemon looks all
 * the time here. */
START_TEST(the_signal_is_told)
{
    enum { N = 50 };
    struct house_client *c = house_client();
    int control[2];

    for (int i = 0; i < N; i++) {
        pid_t child;

        ck_assert_int_eq(pipe(control), 0);
        child = open_and_wait(control, 0);
        await_live(1);
        kill(child, SIGKILL);
        while (house_n_sessions() > 1)
            house_turn(1);
        end_child(child, SIGKILL);
        close(control[0]);
        close(control[1]);
    }
    expect_reasons(c, N, "its process was killed by signal 9 (Killed)");
}
END_TEST

START_TEST(the_exit_status_is_told)
{
    enum { N = 20 };
    struct house_client *c = house_client();
    int control[2];

    /* Every other one has nobody who asks for its status: the kernel reaps it at once. */
    for (int i = 0; i < N; i++) {
        pid_t child;

        signal(SIGCHLD, i % 2 ? SIG_IGN : SIG_DFL);
        ck_assert_int_eq(pipe(control), 0);
        child = open_and_wait(control, 3);
        await_live(1);
        close(control[1]);
        while (house_n_sessions() > 1)
            house_turn(1);
        if (i % 2 == 0)
            end_child(child, 3 << 8);
        close(control[0]);
    }
    signal(SIGCHLD, SIG_DFL);
    expect_reasons(c, N, "its process ended with status 3");
}
END_TEST

/* Nobody waits for the end of a process that lives. */
START_TEST(who_lives_is_reclaimed_at_once)
{
    struct house_client *c = house_client();
    int closed[2], control[2];
    pid_t child;

    ck_assert_int_eq(pipe(closed), 0);
    ck_assert_int_eq(pipe(control), 0);
    if ((child = fork()) == 0) {
        int fd = connect_here();

        close(control[1]);
        say(fd, "{\"method\":\"socket\"}\n");
        close(fd);
        give_sign(closed[1]);
        await_end_of(control[0]);
    }
    ck_assert_int_eq(read(closed[0], &(char){0}, 1), 1);
    house_turn(8);
    ck_assert_int_eq(house_n_sessions(), 1);
    expect_reasons(c, 1, "its session ended");
    close(control[1]);
    end_child(child, 0);
    close(control[0]);
    close(closed[0]);
    close(closed[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("death");
    TCase *tc = tcase_create("death");

    tcase_add_checked_fixture(tc, open_listening, close_listening);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, a_killed_client_is_reclaimed);
    tcase_add_test(tc, a_grandchild_does_not_keep_it_alive);
    tcase_add_test(tc, what_a_dead_client_had_sent_is_not_begun);
    tcase_add_test(tc, the_rest_of_a_killed_client_is_dropped);
    tcase_add_test(tc, what_one_that_lives_had_sent_is_run);
    tcase_add_test(tc, a_dead_client_waits_for_nothing);
    tcase_add_test(tc, the_owner_is_the_process);
    tcase_add_test(tc, many_come_and_go);
    tcase_add_test(tc, the_signal_is_told);
    tcase_add_test(tc, the_exit_status_is_told);
    tcase_add_test(tc, who_lives_is_reclaimed_at_once);
    return house_run(suite);
}
