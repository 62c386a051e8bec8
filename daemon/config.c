#include "config.h"

#include <errno.h>
#include <glob.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#define SYSTEM_PATH "/etc/berth/berthd.conf"
#define EXPECTED    "expected [section] or key = value"

struct config config_default(void)
{
    return (struct config){
        .n_max_sessions = LIMIT_SESSIONS,
        .n_max_sessions_per_uid = LIMIT_SESSIONS_PER_UID,
        .n_max_line_bytes = LIMIT_LINE_BYTES,
        .n_history_rows = 100000,
        .history_age_usec = INT64_C(86400) * 1000000,
        .session_grace_usec = 10 * 1000000,
    };
}

/* -- values -- */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {0}};
static const struct unit count_units[] = {{"", 1}, {0}};
static const struct unit time_units[] = {
    {"", 1000000},           {"s", 1000000},           {"ms", 1000}, {"min", 60 * 1000000LL},
    {"h", 3600 * 1000000LL}, {"d", 86400 * 1000000LL}, {0}};

/* A whole number with one of the units. False when it is not. */
static bool take_number(const char *text, const struct unit *units, int64_t *ret)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    if (end == text || errno || v < 0)
        return false;
    for (; units->name; units++) {
        if (strcmp(end, units->name) != 0)
            continue;
        return !__builtin_mul_overflow(v, units->factor, ret);
    }
    return false;
}

/* -- keys -- */

struct key {
    const char *name;
    size_t offset;
    const struct unit *units;
    int64_t least, most;
    const char *expected;
};

#define KEY(member) offsetof(struct config, member)
static const struct key daemon_keys[] = {
    {"max-sessions", KEY(n_max_sessions), count_units, 1, 1 << 20, "a number from 1 to 1048576"},
    {"max-sessions-per-uid", KEY(n_max_sessions_per_uid), count_units, 1, 1 << 20,
     "a number from 1 to 1048576"},
    {"max-line", KEY(n_max_line_bytes), size_units, 1024, 64 << 20, "a size from 1K to 64M"},
    {"history-rows", KEY(n_history_rows), count_units, 0, 100000000, "a number to 100000000"},
    {"history-age", KEY(history_age_usec), time_units, 0, INT64_MAX, "a duration, as 1d or 10min"},
    {"session-grace", KEY(session_grace_usec), time_units, 0, INT64_MAX,
     "a duration, as 10 or 1min"},
};

/* -- files -- */

struct reader {
    FILE *file;
    const char *path;
    int line;
    struct config *config;
    char *message;
    size_t n_message;
    bool failed;
};

static int complain(struct reader *r, const char *format, const char *what, const char *more)
{
    int n;

    if (r->failed)
        return 0;
    r->failed = true;
    n = snprintf(r->message, r->n_message, "%s:%d: ", r->path, r->line);
    if (n >= 0 && (size_t)n < r->n_message)
        snprintf(r->message + n, r->n_message - (size_t)n, format, what, more);
    return 0;
}

/* libinih's handler: 1 is good, 0 is an error. */
static int take_key(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    int64_t v;

    if (strcmp(section, "daemon") != 0)
        return complain(r, "%skey %s outside of a section", "", name);
    for (size_t i = 0; i < sizeof daemon_keys / sizeof *daemon_keys; i++) {
        const struct key *key = &daemon_keys[i];

        if (strcmp(key->name, name) != 0)
            continue;
        if (!take_number(value, key->units, &v) || v < key->least || v > key->most)
            return complain(r, "%s must be %s", name, key->expected);
        *(int64_t *)((char *)r->config + key->offset) = v;
        return 1;
    }
    return complain(r, "unknown key %s in [%s]", name, section);
}

/* libinih tells of a section only by its keys, which is too late for one that is unknown. */
static void check_section(struct reader *r, const char *line)
{
    char name[64], end;

    line += strspn(line, " \t");
    if (*line != '[')
        return;
    if (sscanf(line, "[%63[^]\n]%c", name, &end) != 2 || end != ']')
        complain(r, EXPECTED "%s%s", "", "");
    else if (strcmp(name, "daemon") != 0)
        complain(r, "unknown section [%s]%s", name, "");
}

/* libinih's reader, which counts lines and takes # comments out, also behind values. */
static char *read_line(char *line, int n, void *user)
{
    struct reader *r = user;
    size_t length;

    if (!fgets(line, n, r->file))
        return NULL;
    r->line++;
    length = strlen(line);
    if (length + 1 == (size_t)n && line[length - 1] != '\n')
        complain(r, "the line is too long%s%s", "", "");
    for (char *at = line; (at = strchr(at, '#')); at++) {
        if (at > line && at[-1] != ' ' && at[-1] != '\t')
            continue;
        strcpy(at, "\n");
        break;
    }
    check_section(r, line);
    return line;
}

static int read_file(const char *path, bool must_exist, struct config *config, char *message,
                     size_t n)
{
    struct reader r = {.path = path, .config = config, .message = message, .n_message = n};
    int bad;

    r.file = fopen(path, "re");
    if (!r.file && errno == ENOENT && !must_exist)
        return 0;
    if (!r.file) {
        snprintf(message, n, "%s: %s", path, strerror(errno));
        return -errno;
    }
    bad = ini_parse_stream(read_line, &r, take_key, &r);
    if (bad && !r.failed) {
        r.line = bad;
        complain(&r, EXPECTED "%s%s", "", "");
    }
    fclose(r.file);
    return r.failed ? -EINVAL : 0;
}

int config_read(const char *path, struct config *config, char *ret_message, size_t n_message)
{
    struct config made = config_default();
    glob_t more = {0};
    char pattern[4096];
    int r = read_file(path ? path : SYSTEM_PATH, path != NULL, &made, ret_message, n_message);

    snprintf(pattern, sizeof pattern, "%s.d/*.conf", path ? path : SYSTEM_PATH);
    if (!r && glob(pattern, 0, NULL, &more) == 0)
        for (size_t i = 0; i < more.gl_pathc && !r; i++)
            r = read_file(more.gl_pathv[i], true, &made, ret_message, n_message);
    globfree(&more);
    if (!r)
        *config = made;
    return r;
}
