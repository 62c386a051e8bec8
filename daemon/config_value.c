#include "config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "proto/wire.h"

enum { MAX_ITEMS = 4096, MAX_FD_NAME_BYTES = 255 };

int config_complain(const struct config_place *place, int r, const char *format, ...)
{
    va_list args;
    int n = snprintf(place->message, place->n_message, "%s:%d: ", place->path, place->line);

    if (n < 0 || (size_t)n >= place->n_message)
        return r;
    va_start(args, format);
    vsnprintf(place->message + n, place->n_message - (size_t)n, format, args);
    va_end(args);
    return r;
}

static void *at(const struct config_key *key, void *object)
{
    return (char *)object + key->offset;
}

static int memory(const struct config_place *place)
{
    return config_complain(place, -ENOMEM, "out of memory");
}

/* -- values of one line -- */

/* A value may go on in the next line where that makes no sense. */
static int wrong_value(const struct config_key *key, const char *value,
                       const struct config_place *place)
{
    const char *line_end = strchr(value, '\n');
    struct config_place next = *place;

    if (!line_end)
        return config_complain(place, -EINVAL, "%s must be %s", key->name, key->expected);
    next.line += (int)strspn(line_end, "\n");
    return config_complain(&next, -EINVAL,
                           "a line that begins with a blank goes on with the key above, here %s",
                           key->name);
}

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
static bool read_number(const char *text, const struct unit *units, int64_t *ret)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno)
        return false;
    for (; units->name; units++)
        if (strcmp(end, units->name) == 0)
            return !__builtin_mul_overflow(v, units->factor, ret);
    return false;
}

static int take_number(const struct config_key *key, const char *value,
                       const struct config_place *place, const struct unit *units, void *object)
{
    int64_t v;

    if (!read_number(value, units, &v) || v < key->least || v > key->most)
        return wrong_value(key, value, place);
    *(int64_t *)at(key, object) = v;
    return 0;
}

int config_take_count(const struct config_key *key, const char *value,
                      const struct config_place *place, void *object)
{
    return take_number(key, value, place, count_units, object);
}

int config_take_size(const struct config_key *key, const char *value,
                     const struct config_place *place, void *object)
{
    return take_number(key, value, place, size_units, object);
}

int config_take_time(const struct config_key *key, const char *value,
                     const struct config_place *place, void *object)
{
    return take_number(key, value, place, time_units, object);
}

int config_take_lease(const struct config_key *key, const char *value,
                      const struct config_place *place, void *object)
{
    if (strcmp(value, "permanent") != 0)
        return take_number(key, value, place, time_units, object);
    *(int64_t *)at(key, object) = LEASE_PERMANENT;
    return 0;
}

int config_take_switch(const struct config_key *key, const char *value,
                       const struct config_place *place, void *object)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return wrong_value(key, value, place);
    *(bool *)at(key, object) = strcmp(value, "yes") == 0;
    return 0;
}

int config_take_path(const struct config_key *key, const char *value,
                     const struct config_place *place, void *object)
{
    char **ret = at(key, object);

    if (*value != '/' || strchr(value, '\n'))
        return wrong_value(key, value, place);
    *ret = strdup(value);
    return *ret ? 0 : memory(place);
}

/* -- lists -- */

/* Puts one item into what stands at the key's place. */
typedef int add_fn(const struct config_key *key, const char *item, const struct config_place *place,
                   void *list);

static int skip_blanks(char **text)
{
    int n_lines = 0;

    for (; isspace((unsigned char)**text); ++*text)
        n_lines += **text == '\n';
    return n_lines;
}

static int count_lines(const char *text, const char *end)
{
    int n = 0;

    while (text < end)
        n += *text++ == '\n';
    return n;
}

/* Adds what stands up to the comma; `end` is where that is. */
static int add_item(const struct config_key *key, char *item, char *end,
                    const struct config_place *place, add_fn *add, void *list)
{
    while (end > item && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    if (!*item)
        return config_complain(place, -EINVAL,
                               "%s: nothing stands between two commas or behind one", key->name);
    if (strchr(item, '\n')) {
        *strchr(item, '\n') = '\0';
        return config_complain(place, -EINVAL, "%s: a comma is missing behind %.80s", key->name,
                               item);
    }
    return add(key, item, place, list);
}

/* Items between commas, each with its own line. An empty value has none. */
static int take_list(const struct config_key *key, const char *value,
                     const struct config_place *place, add_fn *add, void *list)
{
    struct config_place here = *place;
    char *copy = strdup(value), *item, *comma, *next;
    int r = 0, n = 0, n_lines;

    if (!copy)
        return memory(place);
    for (item = *copy ? copy : NULL; item && !r; item = next) {
        here.line += skip_blanks(&item);
        comma = strchrnul(item, ',');
        next = *comma ? comma + 1 : NULL;
        n_lines = count_lines(item, comma);
        if (n++ == MAX_ITEMS)
            r = config_complain(&here, -EINVAL, "%s: at most %d items are taken", key->name,
                                MAX_ITEMS);
        else
            r = add_item(key, item, comma, &here, add, list);
        here.line += n_lines;
    }
    free(copy);
    return r;
}

static int add_id(const struct config_key *key, const char *item, const struct config_place *place,
                  const char *kind, int (*add)(struct pool_ids *ids, const char *name), void *list)
{
    int r = add(list, item);

    if (r == -ENOMEM)
        return memory(place);
    if (r == -ENOENT)
        return config_complain(place, -EINVAL, "%s: unknown %s %.80s", key->name, kind, item);
    if (r)
        return config_complain(place, r, "%s: the %s %.80s cannot be looked up: %s", key->name,
                               kind, item, strerror(-r));
    return 0;
}

static int add_user(const struct config_key *key, const char *item,
                    const struct config_place *place, void *list)
{
    return add_id(key, item, place, "user", pool_add_user, list);
}

static int add_group(const struct config_key *key, const char *item,
                     const struct config_place *place, void *list)
{
    return add_id(key, item, place, "group", pool_add_group, list);
}

int config_take_users(const struct config_key *key, const char *value,
                      const struct config_place *place, void *object)
{
    struct pool_ids *ids = at(key, object);

    ids->set = true;
    return take_list(key, value, place, add_user, ids);
}

int config_take_groups(const struct config_key *key, const char *value,
                       const struct config_place *place, void *object)
{
    struct pool_ids *ids = at(key, object);

    ids->set = true;
    return take_list(key, value, place, add_group, ids);
}

static int add_name(const struct config_key *key, const char *item,
                    const struct config_place *place, void *list)
{
    (void)key;
    return pool_add_name(list, item) ? memory(place) : 0;
}

/* As sd_pid_notify_with_fds(3) has them. */
static int add_fd_name(const struct config_key *key, const char *item,
                       const struct config_place *place, void *list)
{
    for (const char *c = item; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == ':')
            return config_complain(
                place, -EINVAL,
                "%s: %.80s is no descriptor's name: ASCII without blanks or :", key->name, item);
    if (strlen(item) > MAX_FD_NAME_BYTES)
        return config_complain(place, -EINVAL, "%s: a descriptor's name has at most %d bytes",
                               key->name, MAX_FD_NAME_BYTES);
    return add_name(key, item, place, list);
}

int config_take_names(const struct config_key *key, const char *value,
                      const struct config_place *place, void *object)
{
    struct pool_names *names = at(key, object);

    names->set = true;
    return take_list(key, value, place, add_name, names);
}

int config_take_fd_names(const struct config_key *key, const char *value,
                         const struct config_place *place, void *object)
{
    struct pool_names *names = at(key, object);

    names->set = true;
    return take_list(key, value, place, add_fd_name, names);
}

/* -- policy -- */

static int add_policy(const struct config_key *key, const char *item,
                      const struct config_place *place, void *policy)
{
    char why[256];
    int r = policy_add(policy, (enum policy_key)key->least, item, place->path, place->line, why,
                       sizeof why);

    if (r == -ENOMEM)
        return memory(place);
    if (r)
        return config_complain(place, r, "%s: %s", key->name, why);
    return 0;
}

/* All blanks in a row, and so all ends of lines, become one. */
static void join_lines(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++)
        if (!isspace((unsigned char)*from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    *to = '\0';
}

int config_take_policy(const struct config_key *key, const char *value,
                       const struct config_place *place, void *object)
{
    struct policy *policy = *(struct policy **)at(key, object);
    char *text;
    int r;

    if (key->expected && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return wrong_value(key, value, place);
    if (!(text = strdup(value)))
        return memory(place);
    join_lines(text);
    r = policy_begin(policy, (enum policy_key)key->least, text, place->path, place->line);
    free(text);
    return r ? memory(place) : take_list(key, value, place, add_policy, policy);
}
