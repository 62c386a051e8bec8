#include "house.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/server.h"
#include "fds.h"
#include "house_private.h"
#include "proto/limits.h"

enum { WAIT_SECONDS = 10, TURN_USEC = 20000 };

/* Far in the future of the machine's own clock: its timers never end a wait of a test. */
#define BEGIN_MONOTONIC INT64_C(1000000000000000)
#define BEGIN_REAL      INT64_C(1800000000000000)

static struct {
    struct config config;
    struct server *server;
    struct now now;
    int n_fds;
} house;

static struct now fake_clock(void)
{
    return house.now;
}

static int64_t real_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int house_count_fds(void)
{
    return fds_count();
}

/* -- the fixture -- */

static int read_settings(const char *text)
{
    char path[] = "/tmp/berth_house_XXXXXX", message[512] = "";
    int fd = mkstemp(path), r;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    r = config_read(path, &house.config, message, sizeof message);
    unlink(path);
    ck_assert(r == 0 || *message);
    return r;
}

/* settings: of a file, or NULL. */
static void open_server(const struct house_setup *wanted, const char *settings)
{
    struct server_setup setup = {
        .core = {.config = &house.config, .first_handle = HANDLE_FIRST, .clock = fake_clock},
        .listen_fd = -1,
    };

    house.config = config_default();
    if (settings)
        ck_assert_int_eq(read_settings(settings), 0);
    if (wanted->n_max_sessions)
        house.config.n_max_sessions = wanted->n_max_sessions;
    if (wanted->n_max_sessions_per_uid)
        house.config.n_max_sessions_per_uid = wanted->n_max_sessions_per_uid;
    if (wanted->n_max_line_bytes)
        house.config.n_max_line_bytes = wanted->n_max_line_bytes;
    if (wanted->n_history_rows)
        house.config.n_history_rows = wanted->n_history_rows;
    if (wanted->history_age_usec)
        house.config.history_age_usec = wanted->history_age_usec;
    if (wanted->first_handle)
        setup.core.first_handle = wanted->first_handle;
    if (wanted->listen_fd)
        setup.listen_fd = wanted->listen_fd;
    house.server = server_new(&setup);
    ck_assert_ptr_nonnull(house.server);
}

void house_open(void)
{
    struct house_setup usual = {0};

    log_set_level("error");
    house.n_fds = house_count_fds();
    house.now = (struct now){BEGIN_MONOTONIC, BEGIN_REAL};
    open_server(&usual, NULL);
}

void house_reopen(struct house_setup setup)
{
    server_free(house.server);
    open_server(&setup, NULL);
}

void house_reopen_with(const char *settings)
{
    struct house_setup usual = {0};

    server_free(house.server);
    open_server(&usual, settings);
}

void house_reload(const char *settings)
{
    ck_assert_int_eq(read_settings(settings), 0);
    server_apply_settings(house.server);
}

void house_reload_badly(const char *settings)
{
    ck_assert_int_lt(read_settings(settings), 0);
}

static void expect_balance(void)
{
    struct tally t = store_tally(server_core(house.server)->store);
    int64_t n = t.n_live;

    for (int i = 0; i < N_ENDINGS; i++)
        n += t.n_ended[i];
    ck_assert_int_eq(t.n_opened, n);
}

void house_await_fds(int n)
{
    int64_t deadline = house_deadline();

    while (house_count_fds() != n && real_now() < deadline)
        sched_yield();
    ck_assert_int_eq(house_count_fds(), n);
}

void house_close(void)
{
    house_close_but(0);
}

void house_close_but(int n_fds)
{
    house_private_expect_audit();
    expect_balance();
    house_private_end_clients();
    house_until(house_n_sessions() == 0);
    ck_assert_int_eq(house_n_live(), 0);
    expect_balance();
    server_free(house.server);
    house.server = NULL;
    config_free(&house.config);
    house_await_fds(house.n_fds + n_fds);
}

TCase *house_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, house_open, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

int house_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int n_failed;

    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -- the daemon -- */

struct server *house_server(void)
{
    return house.server;
}

void house_turn(int n)
{
    while (n-- > 0)
        ck_assert_int_eq(server_turn(house.server, 0), 0);
}

void house_advance(int64_t usec)
{
    house_turn(2);
    house.now.monotonic += usec;
    house.now.real += usec;
    house_turn(2);
}

double house_now(void)
{
    return (double)house.now.real / 1e6;
}

int64_t house_deadline(void)
{
    return real_now() + WAIT_SECONDS * 1000000LL;
}

bool house_wait(int64_t deadline)
{
    ck_assert_int_eq(server_turn(house.server, TURN_USEC), 0);
    return real_now() < deadline;
}

int house_n_sessions(void)
{
    return server_n_sessions(house.server);
}

int64_t house_n_live(void)
{
    return store_n_live(server_core(house.server)->store);
}
