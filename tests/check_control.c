/* check_control.c — the control socket's path: whose it is, who may take it over, who removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"
#include "house.h"

static char dir[64], path[80], lock[96], message[256];
static int n_fds;

static void set_up(void)
{
    n_fds = house_count_fds();
    strcpy(dir, "/tmp/berth_check_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(lock, sizeof lock, "%s.lock", path);
    *message = '\0';
}

static void tear_down(void)
{
    unlink(path);
    unlink(lock);
    ck_assert_msg(rmdir(dir) == 0, "something else was left in %s", dir);
    ck_assert_int_eq(house_count_fds(), n_fds);
}

static struct control open_here(void)
{
    struct control c;

    ck_assert_msg(control_open(&c, path, -1, message, sizeof message) == 0, "%s", message);
    return c;
}

/* Dies without a word: descriptors are closed, and no more. */
static void crash(struct control *c)
{
    close(c->fd);
    close(c->lock_fd);
    free(c->path);
}

static void expect_refusal(int r, const char *words)
{
    struct control c;

    ck_assert_int_eq(control_open(&c, path, -1, message, sizeof message), r);
    ck_assert_msg(strstr(message, path) && strstr(message, words), "%s", message);
}

static int connect_here(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(a.sun_path, path);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

START_TEST(the_path_is_served_and_removed)
{
    struct control c = open_here();
    struct stat st;
    int fd = connect_here();

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    ck_assert_int_eq(st.st_mode & 077, 0);
    control_close(&c);
    ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

/* What clients see as their peer is the path, also where a stale one was in the way. */
START_TEST(the_socket_is_called_by_its_path)
{
    for (int i = 0; i < 2; i++) {
        struct control c = open_here();
        struct sockaddr_un a = {0};
        socklen_t n = sizeof a;
        int fd = connect_here();

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&a, &n), 0);
        ck_assert_str_eq(a.sun_path, path);
        close(fd);
        if (i == 0)
            crash(&c);
        else
            control_close(&c);
    }
}
END_TEST

START_TEST(a_second_daemon_is_refused)
{
    struct control c = open_here();
    int fd;

    expect_refusal(-EADDRINUSE, "another berthd");
    expect_refusal(-EADDRINUSE, "another berthd");
    fd = connect_here();
    ck_assert_int_ge(fd, 0);
    close(fd);
    control_close(&c);
}
END_TEST

START_TEST(a_stale_path_is_taken_over)
{
    struct control c = open_here(), next;
    int fd;

    crash(&c);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(connect_here(), -ECONNREFUSED);
    next = open_here();
    fd = connect_here();
    ck_assert_int_ge(fd, 0);
    close(fd);
    control_close(&next);
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    ck_assert_int_eq(write(fd, "data", 4), 4);
    close(fd);
    expect_refusal(-EADDRINUSE, "no socket");
    ck_assert_int_eq(access(path, F_OK), 0);
    unlink(path);
    ck_assert_int_eq(symlink("/nowhere", path), 0);
    expect_refusal(-EADDRINUSE, "no socket");
}
END_TEST

START_TEST(another_programs_socket_is_left_alone)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

    strcpy(a.sun_path, path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    expect_refusal(-EADDRINUSE, "another program");
    client = connect_here();
    ck_assert_int_ge(client, 0);
    close(client);
    close(fd);
}
END_TEST

/* T54: one that was replaced does not remove what its successor serves. */
START_TEST(only_the_own_path_is_removed)
{
    struct control c = open_here();
    char other[96];
    int fd;

    snprintf(other, sizeof other, "%s/o", dir);
    ck_assert_int_eq(rename(path, other), 0);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    control_close(&c);
    ck_assert_int_eq(access(path, F_OK), 0);
    unlink(other);
}
END_TEST

/* The service manager's socket is served as it is: its path and its mode are the manager's. */
START_TEST(an_inherited_socket_is_the_managers)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct control c;
    struct stat st;

    strcpy(a.sun_path, path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(chmod(path, 0620), 0);
    ck_assert_int_eq(control_open(&c, path, fd, message, sizeof message), 0);
    ck_assert_int_eq(c.fd, fd);
    expect_refusal(-EADDRINUSE, "another berthd");
    ck_assert_int_eq(control_open_to(&c, true), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0620);
    control_close(&c);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* Who is refused gives the descriptor back. */
START_TEST(an_inherited_socket_of_a_second_daemon)
{
    struct control c = open_here(), second;
    int fd = dup(c.fd);

    ck_assert_int_eq(control_open(&second, path, fd, message, sizeof message), -EADDRINUSE);
    ck_assert_int_eq(close(fd), 0);
    control_close(&c);
}
END_TEST

START_TEST(a_path_that_is_no_path)
{
    struct control c;
    char too_long[200];

    memset(too_long, 'p', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    ck_assert_int_lt(control_open(&c, too_long, -1, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, "path"));
    ck_assert_int_lt(control_open(&c, "", -1, message, sizeof message), 0);
    ck_assert_int_lt(control_open(&c, "/no/such/directory/s", -1, message, sizeof message), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tc = tcase_create("control");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, the_path_is_served_and_removed);
    tcase_add_test(tc, the_socket_is_called_by_its_path);
    tcase_add_test(tc, a_second_daemon_is_refused);
    tcase_add_test(tc, a_stale_path_is_taken_over);
    tcase_add_test(tc, what_is_no_socket_is_left_alone);
    tcase_add_test(tc, another_programs_socket_is_left_alone);
    tcase_add_test(tc, only_the_own_path_is_removed);
    tcase_add_test(tc, an_inherited_socket_is_the_managers);
    tcase_add_test(tc, an_inherited_socket_of_a_second_daemon);
    tcase_add_test(tc, a_path_that_is_no_path);
    return house_run(suite);
}
