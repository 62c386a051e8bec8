#include "tests/fake_ride.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

berth *fake_ride_session;
struct fake_daemon *fake_ride_daemon;

static char dir[] = "/tmp/berth-check-XXXXXX", path[64];
static int n_fds;

const char *fake_ride_path(void)
{
    return path;
}

void fake_ride_setup(void)
{
    n_fds = fake_daemon_count_fds();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
}

void fake_ride_begin(const struct life *lives, size_t n)
{
    fake_ride_daemon = fake_daemon_start_lives(lives, n, path);
    ck_assert_ptr_nonnull(fake_ride_session = berth_new(path));
}

void fake_ride_finish(void)
{
    berth_free(fake_ride_session);
    fake_daemon_stop(fake_ride_daemon);
    ck_assert_int_eq(fake_daemon_count_fds(), n_fds);
    ck_assert_int_eq(rmdir(dir), 0);
}

void fake_ride_check_error(const char *kind, const char *name, int sys_errno)
{
    int got = errno;

    ck_assert_str_eq(berth_last_error(fake_ride_session)->kind, kind);
    ck_assert_str_eq(berth_last_error(fake_ride_session)->name, name);
    ck_assert_int_eq(got, sys_errno);
}
