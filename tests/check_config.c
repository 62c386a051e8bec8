/* check_config.c — the settings: what they mean, and what is said of a file that is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"
#include "house.h"
#include "proto/limits.h"
#include "settings.h"

static const struct {
    const char *line;
    size_t offset;
    int64_t v;
} values[] = {
#define ROW(line, member, v)                                                                       \
    {                                                                                              \
        line, offsetof(struct config, member), v                                                   \
    }
    ROW("max-sessions = 7", n_max_sessions, 7),
    ROW("max-sessions=7 # as in \"few\"", n_max_sessions, 7),
    ROW("max-sessions-per-uid = 3", n_max_sessions_per_uid, 3),
    ROW("max-line = 2048", n_max_line_bytes, 2048),
    ROW("max-line = 64K", n_max_line_bytes, 64 << 10),
    ROW("max-line = 2M", n_max_line_bytes, 2 << 20),
    ROW("history-rows = 0", n_history_rows, 0),
    ROW("history-age = 90", history_age_usec, 90000000LL),
    ROW("history-age = 10min", history_age_usec, 600000000LL),
    ROW("history-age = 1h", history_age_usec, 3600000000LL),
    ROW("history-age = 2d", history_age_usec, 172800000000LL),
    ROW("session-grace = 1min", session_grace_usec, 60000000LL),
#undef ROW
};

START_TEST(a_value_is_taken)
{
    struct config config = config_default();
    char text[128], message[256] = "";
    int64_t v;

    snprintf(text, sizeof text, "# settings\n\n[daemon]\n%s\n", values[_i].line);
    settings_write("", text);
    ck_assert_msg(config_read(settings_path, &config, message, sizeof message) == 0, "%s", message);
    memcpy(&v, (char *)&config + values[_i].offset, sizeof v);
    ck_assert_int_eq(v, values[_i].v);
    config_free(&config);
}
END_TEST

/* What stands in the file, and what is said of it: the line, and words that must occur. */
static const struct {
    const char *text;
    int line;
    const char *words;
} faults[] = {
    {"[daemon]\nmax-sessions = many\n", 2, "max-sessions must be"},
    {"[daemon]\nmax-sessions = 0\n", 2, "max-sessions must be"},
    {"[daemon]\nmax-sessions = -1\n", 2, "max-sessions must be"},
    {"[daemon]\nmax-sessions = 1K\n", 2, "max-sessions must be"},
    {"[daemon]\nmax-sessions =\n", 2, "max-sessions must be"},
    {"[daemon]\n\n# here\nmax-line = 1T\n", 4, "max-line must be"},
    {"[daemon]\nmax-line = 1\n", 2, "max-line must be"},
    {"[daemon]\nmax-line = 99999999999999999999\n", 2, "max-line must be"},
    {"[daemon]\nhistory-age = 1 fortnight\n", 2, "history-age must be"},
    {"[daemon]\nhistory-age = 9223372036854775807d\n", 2, "history-age must be"},
    {"[daemon]\nhistory-row = 1\n", 2, "unknown key history-row"},
    {"[daemons]\nmax-sessions = 1\n", 1, "unknown section [daemons]"},
    {"max-sessions = 1\n", 1, "max-sessions outside"},
    {"[daemon]\nmax-sessions\n", 2, "expected"},
    {"[daemon\nmax-sessions = 1\n", 1, "expected"},
};

START_TEST(a_fault_is_named_with_its_line)
{
    struct config config = config_default(), before = config;
    char message[256] = "", begin[160];

    settings_write("", faults[_i].text);
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    snprintf(begin, sizeof begin, "%s:%d: ", settings_path, faults[_i].line);
    ck_assert_msg(strncmp(message, begin, strlen(begin)) == 0, "%s does not begin with %s", message,
                  begin);
    ck_assert_msg(strstr(message, faults[_i].words), "%s does not say %s", message,
                  faults[_i].words);
    ck_assert_mem_eq(&config, &before, sizeof config);
}
END_TEST

START_TEST(later_files_win)
{
    struct config config = config_default();
    char message[256] = "";

    settings_write("", "[daemon]\nmax-sessions = 1\nhistory-rows = 1\nmax-line = 4K\n");
    settings_write(".d/20.conf", "[daemon]\nmax-sessions = 3\n");
    settings_write(".d/10.conf", "[daemon]\nmax-sessions = 2\nhistory-rows = 2\n");
    settings_write(".d/30.other", "no settings at all");
    ck_assert_int_eq(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_int_eq(config.n_max_sessions, 3);
    ck_assert_int_eq(config.n_history_rows, 2);
    ck_assert_int_eq(config.n_max_line_bytes, 4096);
    config_free(&config);
}
END_TEST

/* A file is taken whole or not at all, and so are all of them. */
START_TEST(a_fault_in_a_later_file)
{
    struct config config = config_default();
    char message[256] = "";

    settings_write("", "[daemon]\nmax-sessions = 1\n");
    settings_write(".d/10.conf", "[daemon]\nmax-sessions = 2\nmax-sessions = x\n");
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, ".d/10.conf:3: "));
    ck_assert_int_eq(config.n_max_sessions, LIMIT_SESSIONS);
}
END_TEST

START_TEST(a_file_that_is_not_there)
{
    struct config config = config_default();
    char message[256] = "";

    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, settings_path));
    settings_write("", "");
    ck_assert_int_eq(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_int_eq(config.n_max_sessions, LIMIT_SESSIONS);
    ck_assert_int_eq(config.session_grace_usec, 10000000);
    ck_assert_int_eq(config.history_age_usec, 86400000000LL);
    config_free(&config);
}
END_TEST

START_TEST(a_line_that_is_too_long)
{
    struct config config = config_default();
    char message[256] = "", text[4000] = "[daemon]\nmax-sessions = ";
    size_t n = strlen(text);

    memset(text + n, '1', sizeof text - 1 - n);
    settings_write("", text);
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, ":2: "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");

    tcase_add_checked_fixture(tc, settings_make, settings_done);
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, a_value_is_taken, 0, sizeof values / sizeof *values);
    tcase_add_loop_test(tc, a_fault_is_named_with_its_line, 0, sizeof faults / sizeof *faults);
    tcase_add_test(tc, later_files_win);
    tcase_add_test(tc, a_fault_in_a_later_file);
    tcase_add_test(tc, a_file_that_is_not_there);
    tcase_add_test(tc, a_line_that_is_too_long);
    return house_run(suite);
}
