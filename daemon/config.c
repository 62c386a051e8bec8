/* What the settings mean: sections, keys and their values. How they are written is config_file's.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_value.h"
#include "proto/limits.h"
#include "proto/nearest.h"

#define SYSTEM_PATH "/etc/berth/berthd.conf"

enum { MAX_POOLS = 1024, MAX_NAME_BYTES = 64 };

struct config config_default(void)
{
    return (struct config){
        .n_max_sessions = LIMIT_SESSIONS,
        .n_max_sessions_per_uid = LIMIT_SESSIONS_PER_UID,
        .n_max_line_bytes = LIMIT_LINE_BYTES,
        .n_history_rows = 100000,
        .history_age_usec = INT64_C(86400) * 1000000,
        .session_grace_usec = INT64_C(10) * 1000000,
    };
}

static void free_identities(struct tls_identity *list)
{
    struct tls_identity *next;

    for (; list; list = next) {
        next = list->next;
        free(list->name);
        free(list->cert);
        free(list->key);
        free(list->ca);
        free(list->path);
        for (size_t i = 0; i < list->pools.n; i++)
            free(list->pools.items[i]);
        free(list->pools.items);
        free(list);
    }
}

void config_free(struct config *config)
{
    pools_free(config->pools);
    free_identities(config->identities);
    config->pools = NULL;
    config->identities = NULL;
}

/* -- keys -- */

#define TIME       "a duration, as 10, 10min or 1d"
#define MANY       100000000

#define AT(member) offsetof(struct config, member)
static const struct config_key daemon_keys[] = {
    {"max-sessions", config_take_count, AT(n_max_sessions), 1, 1 << 20,
     "a number from 1 to 1048576"},
    {"max-sessions-per-uid", config_take_count, AT(n_max_sessions_per_uid), 1, 1 << 20,
     "a number from 1 to 1048576"},
    {"max-line", config_take_size, AT(n_max_line_bytes), 1024, 64 << 20, "a size from 1K to 64M"},
    {"history-rows", config_take_count, AT(n_history_rows), 0, MANY, "a number to 100000000"},
    {"history-age", config_take_time, AT(history_age_usec), 0, INT64_MAX, TIME},
    {"session-grace", config_take_time, AT(session_grace_usec), 0, INT64_MAX, TIME},
    {0},
};
#undef AT

#define AT(member) offsetof(struct pool_settings, member)
static const struct config_key pool_keys[] = {
    {"users", config_take_users, AT(users), 0, 0, NULL},
    {"groups", config_take_groups, AT(groups), 0, 0, NULL},
    {"admins", config_take_users, AT(admins), 0, 0, NULL},
    {"families", config_take_policy, AT(policy), POLICY_FAMILIES, 0, NULL},
    {"types", config_take_policy, AT(policy), POLICY_TYPES, 0, NULL},
    {"bind", config_take_policy, AT(policy), POLICY_BIND, 0, NULL},
    {"connect", config_take_policy, AT(policy), POLICY_CONNECT, 0, NULL},
    {"planes", config_take_policy, AT(policy), POLICY_PLANES, 0, NULL},
    {"broadcast", config_take_policy, AT(policy), POLICY_BROADCAST, 0, "yes or no"},
    {"max-sockets", config_take_count, AT(limits.n_max_sockets), 0, MANY, "a number to 100000000"},
    {"max-sockets-per-session", config_take_count, AT(limits.n_max_sockets_per_session), 0, MANY,
     "a number to 100000000"},
    {"max-sockets-per-uid", config_take_count, AT(limits.n_max_sockets_per_uid), 0, MANY,
     "a number to 100000000"},
    {"max-buffer", config_take_size, AT(limits.n_max_buffer_bytes), 0, LIMIT_INTEGER,
     "a size, as 64M"},
    {"max-lease", config_take_lease, AT(limits.max_lease_usec), 0, INT64_MAX,
     "a duration, as 10min or 1d, or permanent"},
    {"idle-suspect", config_take_time, AT(limits.idle_suspect_usec), 0, INT64_MAX,
     TIME ", or 0 for never"},
    {"keepalive", config_take_switch, AT(keepalive), 0, 0, "yes or no"},
    {"adopt", config_take_fd_names, AT(adopt), 0, 0, NULL},
    {0},
};
#undef AT

#define AT(member) offsetof(struct tls_identity, member)
static const struct config_key tls_keys[] = {
    {"cert", config_take_path, AT(cert), 0, 0, "an absolute path"},
    {"key", config_take_path, AT(key), 0, 0, "an absolute path"},
    {"ca", config_take_path, AT(ca), 0, 0, "an absolute path"},
    {"pools", config_take_names, AT(pools), 0, 0, NULL},
    {0},
};
#undef AT

/* -- sections -- */

enum { MAX_KEYS = sizeof pool_keys / sizeof *pool_keys };

/* Settings being made, and the section in work. */
struct maker {
    struct config config;
    struct config_place place;
    const struct config_key *keys; /* NULL: outside of any section */
    void *object;                  /* that the keys are of */
    bool is_once;                  /* a key may be given once */
    int seen[MAX_KEYS];            /* lines; 0: not yet */
    int n_pools;
    struct tls_identity **identities_end;
};

static int memory(struct maker *m)
{
    return config_complain(&m->place, -ENOMEM, "out of memory");
}

/* Pools and identities are named on the wire and in logs. */
static int check_name(struct maker *m, const char *kind, const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);

    if (n > 0 && n <= MAX_NAME_BYTES && !name[strspn(name, letters)])
        return 0;
    return config_complain(&m->place, -EINVAL,
                           "[%s NAME] needs a name of 1 to %d letters, digits, - _ or .", kind,
                           MAX_NAME_BYTES);
}

static int given_twice(struct maker *m, const char *kind, const char *name, const char *path,
                       int line)
{
    return config_complain(&m->place, -EINVAL, "[%s %s] is already at %s:%d", kind, name, path,
                           line);
}

static int begin_daemon(struct maker *m, const char *name)
{
    (void)name;
    m->keys = daemon_keys;
    m->object = &m->config;
    m->is_once = false;
    return 0;
}

static int begin_pool(struct maker *m, const char *name)
{
    struct pool *p = pools_find(m->config.pools, name);

    if (p)
        return given_twice(m, "pool", name, p->settings.path, p->settings.line);
    if (m->n_pools++ == MAX_POOLS)
        return config_complain(&m->place, -EINVAL, "at most %d pools are taken", MAX_POOLS);
    if (!(p = pools_add(m->config.pools, name, m->place.path, m->place.line)))
        return memory(m);
    m->keys = pool_keys;
    m->object = &p->settings;
    return 0;
}

static int begin_tls(struct maker *m, const char *name)
{
    struct tls_identity *id;

    for (id = m->config.identities; id; id = id->next)
        if (strcmp(id->name, name) == 0)
            return given_twice(m, "tls", name, id->path, id->line);
    if (!(id = calloc(1, sizeof *id)))
        return memory(m);
    *m->identities_end = id;
    m->identities_end = &id->next;
    id->name = strdup(name);
    id->path = strdup(m->place.path);
    id->line = m->place.line;
    m->keys = tls_keys;
    m->object = id;
    return id->name && id->path ? 0 : memory(m);
}

static const struct {
    const char *kind;
    bool is_named;
    int (*begin)(struct maker *m, const char *name);
} sections[] = {
    {"daemon", false, begin_daemon},
    {"pool", true, begin_pool},
    {"tls", true, begin_tls},
};

static int begin_section(struct maker *m, const char *text)
{
    size_t n = strcspn(text, " \t");
    const char *name = text + n + strspn(text + n, " \t");
    int r;

    m->is_once = true;
    memset(m->seen, 0, sizeof m->seen);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (strlen(sections[i].kind) != n || memcmp(sections[i].kind, text, n) != 0)
            continue;
        if (!sections[i].is_named && *name)
            break;
        r = sections[i].is_named ? check_name(m, sections[i].kind, name) : 0;
        return r ? r : sections[i].begin(m, name);
    }
    return config_complain(&m->place, -EINVAL,
                           "unknown section [%.80s]; there are [daemon], [pool NAME] and "
                           "[tls NAME]",
                           text);
}

static int unknown_key(struct maker *m, const struct config_entry *e)
{
    struct nearest near = nearest_begin(strlen(e->key));

    for (const struct config_key *key = m->keys; key->name; key++)
        nearest_offer(&near, e->key, strlen(e->key), key->name);
    return config_complain(&m->place, -EINVAL, "unknown key %.60s in [%.80s]%s%s", e->key,
                           e->section, near.word ? "; did you mean " : "",
                           near.word ? near.word : "");
}

static int take_key(struct maker *m, const struct config_entry *e)
{
    const struct config_key *key = m->keys;

    if (!key)
        return config_complain(&m->place, -EINVAL, "key %.60s outside of a section", e->key);
    while (key->name && strcmp(key->name, e->key) != 0)
        key++;
    if (!key->name)
        return unknown_key(m, e);
    if (m->is_once && m->seen[key - m->keys])
        return config_complain(&m->place, -EINVAL, "%s is given twice; the first is in line %d",
                               key->name, m->seen[key - m->keys]);
    m->seen[key - m->keys] = e->line;
    return key->take(key, e->value, &m->place, m->object);
}

/* -- files -- */

static int read_file(struct maker *m, const char *path, bool must_exist)
{
    struct config_entry *entries, *e;
    int r = config_file_read(path, must_exist, &entries, m->place.message, m->place.n_message);

    m->keys = NULL;
    m->place.path = path;
    for (e = entries; e && !r; e = e->next) {
        m->place.line = e->line;
        r = e->key ? take_key(m, e) : begin_section(m, e->section);
    }
    config_file_free(entries);
    return r;
}

static int is_conf(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

/* A directory that is there and cannot be read is a fault: rules may stand in it. */
static int read_directory(struct maker *m, const char *dir)
{
    struct dirent **names = NULL;
    char *path;
    int n = scandir(dir, &names, is_conf, alphasort), r = 0;

    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0) {
        r = -errno;
        snprintf(m->place.message, m->place.n_message, "%s: %s", dir, strerror(errno));
        return r;
    }
    for (int i = 0; i < n; i++) {
        if (!r && asprintf(&path, "%s/%s", dir, names[i]->d_name) < 0)
            r = memory(m);
        else if (!r) {
            r = read_file(m, path, true);
            free(path);
        }
        free(names[i]);
    }
    free(names);
    return r;
}

/* -- the whole -- */

static int check_identity(struct maker *m, const struct tls_identity *id)
{
    for (size_t i = 0; i < id->pools.n; i++) {
        if (pools_find(m->config.pools, id->pools.items[i]))
            continue;
        m->place.path = id->path;
        m->place.line = id->line;
        return config_complain(&m->place, -EINVAL, "pools of [tls %s]: there is no [pool %.64s]",
                               id->name, id->pools.items[i]);
    }
    return 0;
}

/* Where no pool is set up, an identity need not name the one that there is. */
static int give_to_default(struct maker *m, struct tls_identity *id)
{
    if (id->pools.n)
        return 0;
    free(id->pools.items);
    if (!(id->pools.items = calloc(1, sizeof *id->pools.items)) ||
        !(id->pools.items[0] = strdup("default")))
        return memory(m);
    id->pools.n = 1;
    return 0;
}

static int use_default_pool(struct maker *m)
{
    int r = 0;

    pools_free(m->config.pools);
    if (!(m->config.pools = pools_new_default()))
        return memory(m);
    for (struct tls_identity *id = m->config.identities; id && !r; id = id->next)
        r = give_to_default(m, id);
    return r;
}

/* A descriptor belongs to one pool. */
static int check_adopted(struct maker *m, const struct pool *p, const char *name)
{
    const struct pool_names *others;

    for (const struct pool *other = m->config.pools->first; other != p; other = other->next) {
        others = &other->settings.adopt;
        for (size_t i = 0; i < others->n; i++) {
            if (strcmp(others->items[i], name) != 0)
                continue;
            m->place.path = p->settings.path;
            m->place.line = p->settings.line;
            return config_complain(&m->place, -EINVAL, "[pool %s] and [pool %s] both adopt %.80s",
                                   other->name, p->name, name);
        }
    }
    return 0;
}

static int check_all(struct maker *m)
{
    int r = m->config.pools->first ? 0 : use_default_pool(m);

    for (const struct tls_identity *id = m->config.identities; id && !r; id = id->next)
        r = check_identity(m, id);
    for (const struct pool *p = m->config.pools->first; p && !r; p = p->next)
        for (size_t i = 0; i < p->settings.adopt.n && !r; i++)
            r = check_adopted(m, p, p->settings.adopt.items[i]);
    return r;
}

static int make(struct maker *m, const char *path)
{
    const char *first = path ? path : SYSTEM_PATH;
    char *dir;
    int r;

    m->place.path = first;
    m->config.pools = pools_new();
    if (!m->config.pools || asprintf(&dir, "%s.d", first) < 0)
        return memory(m);
    r = read_file(m, first, path != NULL);
    if (!r)
        r = read_directory(m, dir);
    m->place.path = first;
    free(dir);
    return r ? r : check_all(m);
}

int config_read(const char *path, struct config *config, char *ret_message, size_t n_message)
{
    struct maker m = {.config = config_default(),
                      .place = {.message = ret_message, .n_message = n_message}};
    int r;

    m.identities_end = &m.config.identities;
    if ((r = make(&m, path))) {
        config_free(&m.config);
        return r;
    }
    if (config->pools) {
        pools_renew(config->pools, m.config.pools);
        m.config.pools = config->pools;
    }
    free_identities(config->identities);
    *config = m.config;
    return 0;
}
