#include "lasting_left.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lines.h"

enum { REQUEST_BYTES = 1024, NAMES_BYTES = 256 };

int left_wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

json_t *left_ask(struct real *real, const char *format, ...)
{
    char request[REQUEST_BYTES];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(request, sizeof request - 1, format, args);
    va_end(args);
    for (char *at = request; (at = strchr(at, '\''));)
        *at = '"';
    snprintf(request + n, sizeof request - (size_t)n, "\n");
    return real_ask(real, request);
}

long long left_audit(struct real *real, const char *key)
{
    json_t *result = left_ask(real, "{'method':'ledger.audit','id':1}");
    json_int_t v = result ? json_integer_value(json_object_get(result, key)) : -1;

    json_decref(result);
    return v;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "";
}

/* The living rows, as a new reference. */
static json_t *list(struct real *real)
{
    json_t *result = left_ask(real, "{'method':'ledger.list','id':1}");
    json_t *rows = json_incref(json_object_get(result, "rows"));

    json_decref(result);
    return rows;
}

static bool is_orphan(const json_t *row)
{
    const json_t *suspect = json_object_get(row, "suspect");

    for (size_t i = 0; i < json_array_size(suspect); i++)
        if (strcmp(text_of(json_array_get(suspect, i), "kind"), "orphan") == 0)
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Their names, sorted. */
static void join_names(const json_t *rows, char room[NAMES_BYTES])
{
    const char *names[16];
    size_t n = json_array_size(rows) < 16 ? json_array_size(rows) : 16, at = 0;

    for (size_t i = 0; i < n; i++)
        names[i] = text_of(json_array_get(rows, i), "name");
    qsort(names, n, sizeof *names, compare_names);
    *room = '\0';
    for (size_t i = 0; i < n && at < NAMES_BYTES; i++)
        at += (size_t)snprintf(room + at, NAMES_BYTES - at, "%s%s", i ? " " : "", names[i]);
}

/* It is about to expire by itself. */
static bool is_passing(const json_t *row)
{
    const json_t *lease = json_object_get(row, "lease");

    return json_is_number(lease) && json_number_value(lease) < 1;
}

/* Whoever died has left nothing that is held or about to go, and no descriptor but those of the
 * rows. */
static bool is_settled(const struct real *real, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (!is_orphan(json_array_get(rows, i)) || is_passing(json_array_get(rows, i)))
            return false;
    return real_count_fds(real) == real->n_fds + (int)json_array_size(rows);
}

json_t *left_await(struct real *real, const char *these, const char *those)
{
    time_t deadline = time(NULL) + WAIT_MS / 1000;
    char names[NAMES_BYTES];
    json_t *rows = NULL;
    bool is_there = false, balances = true;

    while (!is_there && balances && time(NULL) <= deadline) {
        json_decref(rows);
        if (!(rows = list(real)))
            return NULL;
        join_names(rows, names);
        balances = left_audit(real, "balance") == 0;
        is_there = is_settled(real, rows) &&
                   (strcmp(names, these) == 0 || (those && strcmp(names, those) == 0));
    }
    if (is_there && balances)
        return rows;
    left_wrong("expected (%s)%s%s%s, found (%s), %d descriptors beside %d, balance %d", these,
               those ? " or (" : "", those ? those : "", those ? ")" : "", names,
               real_count_fds(real), real->n_fds, (int)left_audit(real, "balance"));
    json_decref(rows);
    return NULL;
}

/* Another session takes one over and uses it; then it is closed. */
static int use(struct real *real, const json_t *row)
{
    json_int_t handle = json_integer_value(json_object_get(row, "handle"));
    bool is_server = strcmp(text_of(row, "name"), "web") == 0;
    json_t *attached =
        left_ask(real, "{'method':'attach','params':{'handle':%lld},'id':1}", (long long)handle);
    json_t *used = left_ask(real,
                            is_server ? "{'method':'listen','params':{'handle':%lld},'id':1}"
                                      : "{'method':'gettimeout','params':{'handle':%lld},'id':1}",
                            (long long)handle);
    json_t *closed =
        left_ask(real, "{'method':'close','params':{'handle':%lld},'id':1}", (long long)handle);
    int r = attached && used && closed && !is_orphan(attached) ? 0 : -1;

    if (r < 0)
        left_wrong("%s cannot be used by another session", text_of(row, "name"));
    json_decref(attached);
    json_decref(used);
    json_decref(closed);
    return r;
}

int left_check(struct real *real)
{
    time_t deadline = time(NULL) + WAIT_MS / 1000;
    bool is_there = false;
    const char *bad = NULL;

    while (!is_there && time(NULL) <= deadline) {
        json_t *rows = list(real);

        if (!rows || left_audit(real, "balance") != 0) {
            json_decref(rows);
            return left_wrong("the ledger does not balance");
        }
        is_there = is_settled(real, rows);
        for (size_t i = 0; i < json_array_size(rows); i++)
            if (strcmp(text_of(json_array_get(rows, i), "lease"), "session") == 0)
                bad = is_there ? "a socket of a dead session lives on" : bad;
        json_decref(rows);
    }
    if (!is_there)
        bad = "something is held that nobody holds, or a descriptor is left";
    return bad ? left_wrong("%s", bad) : 0;
}

int left_use(struct real *real, json_t *rows)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(rows); i++)
        r = use(real, json_array_get(rows, i));
    json_decref(rows);
    return r;
}
