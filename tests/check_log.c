/* check_log.c — what the operator reads on standard error: levels, one line for each failure, and
 * nothing that a reader who does not read could hold up. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/log.h"
#include "house.h"

static int out[2], old_stderr;

/* Standard error is a pipe of the test's. */
static void set_up(void)
{
    unsetenv("JOURNAL_STREAM");
    ck_assert_int_eq(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    ck_assert_int_eq(dup2(out[1], STDERR_FILENO), STDERR_FILENO);
    ck_assert(log_set_level("info"));
}

static void tear_down(void)
{
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(out[0]);
    close(out[1]);
}

/* What was written since. */
static const char *written(void)
{
    static char text[4096];
    ssize_t n = read(out[0], text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

START_TEST(levels)
{
    log_line(LOG_INFO, "seen %d", 7);
    ck_assert_str_eq(written(), "berthd: info: seen 7\n");
    log_line(LOG_DEBUG, "not seen");
    ck_assert_str_eq(written(), "");
    ck_assert(log_set_level("debug"));
    log_line(LOG_DEBUG, "seen");
    ck_assert_str_eq(written(), "berthd: debug: seen\n");
    ck_assert(log_set_level("error"));
    log_line(LOG_WARNING, "not seen");
    ck_assert_str_eq(written(), "");
    log_line(LOG_ERR, "seen");
    ck_assert_str_eq(written(), "berthd: error: seen\n");
    ck_assert(!log_set_level("loud"));
    log_line(LOG_ERR, "still");
    ck_assert_str_eq(written(), "berthd: error: still\n");
}
END_TEST

START_TEST(a_failure_is_one_line)
{
    struct principal *who = principal_new(5, 1000, 1000, 4711, "/usr/bin/some");
    struct error e = {0};

    error_os(&e, ECONNREFUSED, "connect");
    log_client_error(who, "connect", &e);
    {
        const char *line = written();

        ck_assert_ptr_nonnull(strstr(
            line, "berthd: info: /usr/bin/some (pid 4711, uid 1000): connect: os ECONNREFUSED"));
        ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    }
    error_os(&e, EMFILE, "socket");
    log_client_error(who, "socket", &e);
    ck_assert_ptr_nonnull(strstr(written(), "berthd: warning: "));
    principal_unref(who);
    who = principal_new(5, 1000, 1000, 4711, NULL);
    log_client_error(who, "socket", &e);
    ck_assert_ptr_nonnull(strstr(written(), "EMFILE"));
    principal_unref(who);
}
END_TEST

/* What a client wrote cannot look like a line of ours. */
START_TEST(a_client_cannot_forge_a_line)
{
    struct principal *who = principal_new(5, 1000, 1000, 4711, "/tmp/a\nb");
    struct error e = {0};
    const char *line;

    error_set(&e, ERROR_METHOD_NOT_FOUND, NULL, "there is no method %s",
              "x\nberthd: error: on fire\033[2J");
    log_client_error(who, "a request", &e);
    line = written();
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    ck_assert_ptr_null(strchr(line, '\033'));
    principal_unref(who);
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    char text[3000];
    size_t n;

    memset(text, 'l', sizeof text);
    text[sizeof text - 1] = '\0';
    log_line(LOG_ERR, "%s", text);
    n = strlen(written());
    ck_assert_uint_gt(n, 500);
    ck_assert_uint_lt(n, 1000);
}
END_TEST

/* The pipe is full and nobody reads: the lines are dropped, and the call comes back. */
START_TEST(a_reader_that_does_not_read)
{
    fcntl(out[1], F_SETFL, 0); /* a write that did not fit would block */
    for (int i = 0; i < 100000; i++)
        log_line(LOG_ERR, "one line of very many, number %d", i);
    ck_assert_ptr_nonnull(strstr(written(), "number 0\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tc = tcase_create("log");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, levels);
    tcase_add_test(tc, a_failure_is_one_line);
    tcase_add_test(tc, a_client_cannot_forge_a_line);
    tcase_add_test(tc, a_long_line_is_cut);
    tcase_add_test(tc, a_reader_that_does_not_read);
    return house_run(suite);
}
