/* check_berth_ledger.c — libberth and a real daemon: leases, the ledger, and what it says of
 * leaks. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "live.h"

START_TEST(ledger)
{
    berth_handle h = OK(berth_socket_at("prog.c:7", live, AF_INET, SOCK_STREAM, 0, NULL));
    struct berth_row *row, *rows;
    char *json = berth_discover(live);

    ck_assert_msg(json && strstr(json, "\"openrpc\""), "%s", json);
    free(json);
    OK(berth_ledger_list(live, NULL, &rows));
    ck_assert_ptr_nonnull(rows);
    ck_assert_int_eq(rows->handle, h);
    ck_assert_str_eq(rows->site, "prog.c:7");
    ck_assert_int_eq(rows->owner_pid, getpid());
    ck_assert_ptr_null(rows->next);
    berth_free_rows(rows);
    OK(berth_close(live, h));
    row = berth_ledger_get(live, h);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->state, "closed");
    ck_assert_str_eq(row->end_how, "closed");
    berth_free_rows(row);
}
END_TEST

static int count_rows(const char *filter)
{
    struct berth_row *rows;
    int n = 0;

    OK(berth_ledger_list(live, filter, &rows));
    for (const struct berth_row *row = rows; row; row = row->next)
        n++;
    berth_free_rows(rows);
    return n;
}

/* More rows than two pages have. Closed ones stand in the order of their ends: the eldest, which
 * are closed last, come last, and so the pages' numbers do not always go upwards. */
START_TEST(ledger_pages)
{
    enum { ELDEST = 100, MORE = 1950, MANY = 1100 };
    berth_handle eldest[ELDEST];

    for (int i = 0; i < ELDEST; i++)
        OK(eldest[i] = berth_socket(live, AF_INET, SOCK_STREAM, 0));
    for (int i = 0; i < MORE; i++)
        OK(berth_close(live, berth_socket(live, AF_INET, SOCK_STREAM, 0)));
    for (int i = 0; i < ELDEST; i++)
        OK(berth_close(live, eldest[i]));
    ck_assert_int_eq(count_rows("{\"state\":\"closed\"}"), ELDEST + MORE);
    for (int i = 0; i < MANY; i++)
        OK(berth_socket(live, AF_INET, SOCK_STREAM, 0));
    ck_assert_int_eq(count_rows(NULL), MANY);
}
END_TEST

/* A handle with a lease outlives its session, and another one takes it over. */
START_TEST(leases)
{
    berth *other = berth_new(NULL);
    struct berth_row *row;
    berth_handle h;

    ck_assert_ptr_nonnull(other);
    h = berth_socket(other, AF_INET, SOCK_STREAM, 0);
    ck_assert_int_gt(h, 0);
    ck_assert_int_eq(berth_lease(other, h, -3), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(berth_lease(other, h, BERTH_PERMANENT), 0);
    ck_assert_int_eq(berth_lease(other, h, 100), 0);
    berth_free(other);
    /* Until the daemon has seen the end of that session, the handle is in use there. */
    while (berth_attach(live, h, BERTH_SAME_LEASE) < 0)
        OK(berth_ping(live, NULL));
    row = berth_ledger_get(live, h);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->state, "created");
    berth_free_rows(row);
    OK(berth_lease(live, h, 0));
    OK(berth_close(live, h));
    FAILS(berth_lease(live, h, 0), EBADF);
    FAILS(berth_attach(live, h, 0), EBADF);
}
END_TEST

START_TEST(leaks_and_reaping)
{
    berth *other = berth_new(NULL);
    struct berth_stats stats;
    struct berth_row *rows;
    char *json = berth_ledger_leaks(live, 0);
    berth_handle h;

    ck_assert_pstr_eq(json, "{\"groups\":[]}");
    free(json);
    ck_assert_ptr_nonnull(other);
    ck_assert_int_gt(berth_socket_at("prog.c:9", other, AF_INET, SOCK_STREAM, 0, NULL), 0);
    berth_free(other);
    do
        OK(berth_stats(live, &stats));
    while (stats.reclaimed_total == 0);
    ck_assert_int_eq(stats.opened_total, 1);
    ck_assert_int_eq(stats.handles, 0);
    ck_assert_int_eq(stats.sessions, 1);
    json = berth_ledger_leaks(live, 1);
    ck_assert_ptr_nonnull(json);
    ck_assert_msg(strstr(json, "\"site\":\"prog.c:9\"") && strstr(json, "\"reclaimed\":1,"), "%s",
                  json);
    free(json);
    json = berth_ledger_leaks(live, 99999999999.0);
    ck_assert_pstr_eq(json, "{\"groups\":[]}");
    free(json);
    ck_assert_ptr_null(berth_ledger_leaks(live, INFINITY));
    ck_assert_int_eq(errno, EINVAL);

    h = OK(berth_socket(live, AF_INET, SOCK_STREAM, 0));
    FAILS(berth_ledger_reap(live, NULL, 1, &rows), EINVAL);
    ck_assert_ptr_null(rows);
    OK(berth_ledger_reap(live, "{\"state\":\"listening\"}", 0, &rows));
    ck_assert_ptr_null(rows);
    OK(berth_ledger_reap(live, "{\"state\":\"created\"}", 1, &rows));
    ck_assert_int_eq(rows->handle, h);
    ck_assert_str_eq(rows->state, "created");
    ck_assert_ptr_null(rows->next);
    berth_free_rows(rows);
    OK(berth_ledger_reap(live, "{\"state\":\"created\"}", 0, NULL));
    FAILS(berth_close(live, h), EBADF);
}
END_TEST

/* The handles of a session are closed with it, and counted. */
START_TEST(session_is_reclaimed)
{
    struct berth_audit audit;
    berth *other = berth_new(NULL);
    berth_handle h;

    ck_assert_ptr_nonnull(other);
    h = berth_socket(other, AF_INET, SOCK_STREAM, 0);
    ck_assert_int_gt(h, 0);
    berth_free(other);
    do
        OK(berth_ledger_audit(live, &audit));
    while (audit.live);
    ck_assert_int_eq(audit.reclaimed, 1);
}
END_TEST

/* -- names that no request may use, but peers do ----------------------------------------------- */

static void accept_there(const char *path, socklen_t n, struct sockaddr_un *ret_name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t len = (socklen_t)offsetof(struct sockaddr_un, sun_path) + n, whole = sizeof *ret_name;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char file[sizeof un.sun_path + 1];
    struct berth_row *row;
    berth_handle h;

    memcpy(un.sun_path, path, n);
    ck_assert_int_eq(bind(listener, (void *)&un, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(connect(fd, (void *)&un, len), 0);
    h = OK(berth_adopt(live, fd, NULL));
    OK(berth_getpeername(live, h, (void *)ret_name, &whole));
    ck_assert_uint_le(whole, sizeof *ret_name);
    row = berth_ledger_get(live, h);
    ck_assert_msg(row, "%s", berth_last_error(live)->message);
    ck_assert_mem_eq(&row->peer, ret_name, whole);
    berth_free_rows(row);
    OK(berth_close(live, h));
    close(fd);
    close(listener);
    snprintf(file, sizeof file, "%.*s", (int)n, path);
    if (*file)
        unlink(file);
}

START_TEST(peers_with_names_of_their_own)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path], dir[] = "/tmp/berth-XXXXXX";
    struct sockaddr_un un;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    accept_there("near", sizeof "near", &un);
    ck_assert_str_eq(un.sun_path, "near");
    accept_there("", 1, &un);
    ck_assert_mem_eq(un.sun_path, "", 1);
    memset(path, 'x', sizeof path);
    accept_there(path, sizeof path, &un); /* without a NUL at its end */
    ck_assert_mem_eq(un.sun_path, path, sizeof path - 1);
    memset(path, 0xff, sizeof path - 1);
    path[sizeof path - 1] = '\0';
    accept_there(path, sizeof path, &un);
    ck_assert_mem_eq(un.sun_path, "\xef\xbf\xbd\xef", 4);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ledger");

    tcase_add_test(tests, ledger);
    tcase_add_test(tests, ledger_pages);
    tcase_add_test(tests, leases);
    tcase_add_test(tests, leaks_and_reaping);
    tcase_add_test(tests, session_is_reclaimed);
    tcase_add_test(tests, peers_with_names_of_their_own);
    return live_run(tests);
}
