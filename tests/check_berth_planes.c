/* check_berth_planes.c — libberth and a real daemon: the socket itself, for any code. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "live.h"

static struct berth_row *row_of(berth_handle h)
{
    struct berth_row *row = berth_ledger_get(live, h);

    ck_assert_ptr_nonnull(row);
    return row;
}

static void expect_row(berth_handle h, const char *custody, const char *end_how, int alive)
{
    struct berth_row *row = row_of(h);

    ck_assert_str_eq(row->custody, custody);
    ck_assert_str_eq(row->end_how, end_how);
    ck_assert_int_eq(row->alive, alive);
    berth_free_rows(row);
}

START_TEST(a_socket_for_any_code)
{
    berth_handle ends[2];
    char bytes[8], command[64];
    int fd;

    OK(berth_socketpair(live, SOCK_STREAM, ends));
    fd = (int)OK(berth_handoff(live, ends[0], 0));
    ck_assert_str_eq(berth_last_error(live)->kind, "");
    /* As socket(2) would have made it for a careful program. */
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    snprintf(command, sizeof command, "test ! -e /proc/self/fd/%d", fd);
    ck_assert_int_eq(system(command), 0);
    expect_row(ends[0], "handed_off", "handed_off", 1);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    ck_assert_int_eq(OK(berth_recv(live, ends[1], bytes, sizeof bytes, 0)), 5);
    close(fd);
    ck_assert_int_eq(OK(berth_recv(live, ends[1], bytes, sizeof bytes, 0)), 0);
    expect_row(ends[0], "handed_off", "handed_off", 0);
    FAILS(berth_handoff(live, ends[0], 0), EBADF);
    FAILS(berth_handoff(live, ends[1], 8), EINVAL);
    OK(berth_close(live, ends[1]));
}
END_TEST

START_TEST(shared_and_released)
{
    berth_handle listener = OK(berth_create_server_host(live, "127.0.0.1", 0, NULL));
    int fd;

    FAILS(berth_release(live, listener), EBADF);
    ck_assert_str_eq(berth_last_error(live)->name, "NOT_HANDED_OFF");
    fd = (int)OK(berth_handoff(live, listener, BERTH_SHARED));
    expect_row(listener, "shared", "", -1);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    OK(berth_release(live, listener));
    expect_row(listener, "handed_off", "handed_off", 1);
    close(fd);
}
END_TEST

START_TEST(there_and_back)
{
    struct berth_options named = {.name = "web", .label = "mine"};
    berth_handle listener = OK(berth_create_server_host(live, "127.0.0.1", 0, &named)), other;
    struct berth_audit audit;
    struct berth_row *row;
    int fd = (int)OK(berth_handoff(live, listener, 0));

    ck_assert_int_eq(OK(berth_adopt(live, fd, NULL)), listener);
    expect_row(listener, "shared", "", -1);
    ck_assert_int_eq(OK(berth_find(live, "web")), listener);
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    named.name = "@udp";
    other = OK(berth_adopt(live, fd, &named));
    row = row_of(other);
    ck_assert_str_eq(row->name, "@udp");
    ck_assert_str_eq(row->label, "mine");
    ck_assert_ptr_nonnull(strstr(row->site, "check_berth_planes.c:"));
    berth_free_rows(row);
    close(fd);
    FAILS(berth_adopt(live, -1, NULL), EBADF);
    FAILS(berth_adopt(live, open("/dev/null", O_RDONLY | O_CLOEXEC), NULL), EPROTO);
    OK(berth_ledger_audit(live, &audit));
    ck_assert_int_eq(audit.opened, 2);
    ck_assert_int_eq(audit.handed_off, 0);
    OK(berth_close(live, listener));
    OK(berth_close(live, other));
}
END_TEST

/* It finds no room here; the daemon has the socket, and the session goes on. */
START_TEST(no_room_for_it)
{
    berth_handle h = OK(berth_socket(live, AF_INET, SOCK_DGRAM, 0));
    struct rlimit limit, none;
    int fd;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    /* poll(2) itself needs some. */
    none = limit;
    none.rlim_cur = (rlim_t)(fd = dup(STDERR_FILENO));
    close(fd);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    FAILS(berth_handoff(live, h, 0), EMFILE);
    FAILS(berth_handoff(live, h, 0), EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_row(h, "shared", "", -1);
    fd = (int)OK(berth_handoff(live, h, 0));
    ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
    close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("planes");

    tcase_add_test(tests, a_socket_for_any_code);
    tcase_add_test(tests, shared_and_released);
    tcase_add_test(tests, there_and_back);
    tcase_add_test(tests, no_room_for_it);
    return live_run(tests);
}
