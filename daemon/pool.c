#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_SUSPECT_USEC (INT64_C(600) * 1000000)

struct pool_user {
    uid_t uid;
    int64_t n_sockets;
    UT_hash_handle hh;
};

/* -- making -- */

struct pools *pools_new(void)
{
    return calloc(1, sizeof(struct pools));
}

struct pools *pools_new_default(void)
{
    struct pools *pools = pools_new();

    if (pools && pools_add(pools, "default", NULL, 0))
        return pools;
    free(pools);
    return NULL;
}

static void free_settings(struct pool_settings *s)
{
    policy_free(s->policy);
    free(s->users.items);
    free(s->groups.items);
    free(s->admins.items);
    for (size_t i = 0; i < s->adopt.n; i++)
        free(s->adopt.items[i]);
    free(s->adopt.items);
    free(s->path);
}

struct pool *pool_ref(struct pool *p)
{
    p->n_refs++;
    return p;
}

void pool_unref(struct pool *p)
{
    if (!p || --p->n_refs)
        return;
    free_settings(&p->settings);
    free(p->name);
    free(p);
}

void pools_free(struct pools *pools)
{
    struct pool *p, *next;

    for (p = pools ? pools->first : NULL; p; p = next) {
        next = p->next;
        p->next = NULL;
        pool_unref(p);
    }
    free(pools);
}

static struct pool **find_end(struct pools *pools)
{
    struct pool **at = &pools->first;

    while (*at)
        at = &(*at)->next;
    return at;
}

struct pool *pools_add(struct pools *pools, const char *name, const char *path, int line)
{
    struct pool *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->n_refs = 1;
    p->name = strdup(name);
    p->settings = (struct pool_settings){
        .policy = policy_new(),
        .limits = {POOL_UNLIMITED, POOL_UNLIMITED, POOL_UNLIMITED, POOL_UNLIMITED, LEASE_PERMANENT,
                   IDLE_SUSPECT_USEC},
        .keepalive = true,
        .path = path ? strdup(path) : NULL,
        .line = line,
    };
    if (!p->name || !p->settings.policy || (path && !p->settings.path)) {
        pool_unref(p);
        return NULL;
    }
    *find_end(pools) = p;
    return p;
}

/* -- settings read again -- */

/* Takes the pool of this name out of the list. NULL: there is none. */
static struct pool *take_out(struct pools *pools, const char *name)
{
    struct pool **at = &pools->first, *p;

    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    p = *at;
    if (p) {
        *at = p->next;
        p->next = NULL;
    }
    return p;
}

/* The fresh pool's settings under the address of the one that lives, if one does. */
static struct pool *renew(struct pools *living, struct pool *fresh)
{
    struct pool *p = take_out(living, fresh->name);
    struct pool_settings settings;

    if (!p)
        return fresh;
    settings = p->settings;
    p->settings = fresh->settings;
    fresh->settings = settings;
    p->is_retired = false;
    pool_unref(fresh);
    return p;
}

void pools_renew(struct pools *living, struct pools *fresh)
{
    struct pools made = {NULL};
    struct pool **end = &made.first, *p, *next;

    for (p = fresh->first; p; p = next, end = &(*end)->next) {
        next = p->next;
        p->next = NULL;
        *end = renew(living, p);
    }
    for (p = living->first; p; p = next) {
        next = p->next;
        p->next = NULL;
        p->is_retired = true;
        if (p->n_refs == 1) {
            pool_unref(p);
            continue;
        }
        *end = p;
        end = &p->next;
    }
    *living = made;
    free(fresh);
}

/* -- who may -- */

static bool has_id(const struct pool_ids *ids, uint32_t id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->items[i] == id)
            return true;
    return false;
}

/* Whether the pool is meant for this client, not only open to it. */
static bool is_member(const struct pool *p, const struct pool_client *who)
{
    const struct pool_settings *s = &p->settings;

    if (!s->users.set && !s->groups.set)
        return who->uid == geteuid();
    if (has_id(&s->users, who->uid))
        return true;
    for (size_t i = 0; i < who->n_gids; i++)
        if (has_id(&s->groups, who->gids[i]))
            return true;
    return false;
}

bool pool_is_admin(const struct pool *p, uid_t uid)
{
    return uid == 0 || has_id(&p->settings.admins, uid);
}

bool pool_may_use(const struct pool *p, const struct pool_client *who)
{
    return !p->is_retired && (pool_is_admin(p, who->uid) || is_member(p, who));
}

bool pools_are_for_others(const struct pools *pools)
{
    for (const struct pool *p = pools->first; p; p = p->next)
        if (!p->is_retired && (p->settings.users.n || p->settings.groups.n || p->settings.admins.n))
            return true;
    return false;
}

struct pool_client pool_client_of(const struct principal *who)
{
    return (struct pool_client){who->uid, who->gids ? who->gids : &who->gid,
                                who->gids ? who->n_gids : 1};
}

struct pool *pools_find(const struct pools *pools, const char *name)
{
    struct pool *p;

    for (p = pools->first; p && strcmp(p->name, name) != 0; p = p->next)
        ;
    return p;
}

struct pool *pools_find_or_retire(struct pools *pools, const char *name)
{
    struct pool *p = pools_find(pools, name);

    if (!p && (p = pools_add(pools, name, NULL, 0)))
        p->is_retired = true;
    return p;
}

struct pool *pools_find_for(const struct pools *pools, const struct pool_client *who,
                            const char *name)
{
    struct pool *p, *first = NULL;

    if (name) {
        p = pools_find(pools, name);
        return p && pool_may_use(p, who) ? p : NULL;
    }
    for (p = pools->first; p; p = p->next) {
        if (!pool_may_use(p, who))
            continue;
        if (is_member(p, who))
            return p;
        if (!first)
            first = p;
    }
    return first;
}

/* -- what is in use -- */

static struct pool_user *find_user(const struct pool *p, uid_t uid)
{
    struct pool_user *user;

    HASH_FIND(hh, p->users_in_use, &uid, sizeof uid, user);
    return user;
}

int64_t pool_n_of_uid(const struct pool *p, uid_t uid)
{
    const struct pool_user *user = find_user(p, uid);

    return user ? user->n_sockets : 0;
}

/* In use may be more than the limit: settings change. */
static bool fits(const char *limit, int64_t most, int64_t n_in_use, int64_t n_wanted,
                 struct pool_shortage *ret)
{
    if (n_wanted <= 0 || (n_in_use <= most && n_wanted <= most - n_in_use))
        return true;
    *ret = (struct pool_shortage){limit, most, n_in_use};
    return false;
}

bool pool_has_room(const struct pool *p, uid_t uid, int64_t n_in_session, int64_t n_wanted,
                   struct pool_shortage *ret)
{
    const struct pool_limits *most = &p->settings.limits;

    return fits("max-sockets-per-session", most->n_max_sockets_per_session, n_in_session, n_wanted,
                ret) &&
           fits("max-sockets-per-uid", most->n_max_sockets_per_uid, pool_n_of_uid(p, uid), n_wanted,
                ret) &&
           fits("max-sockets", most->n_max_sockets, p->n_sockets, n_wanted, ret);
}

static struct pool_user *make_user(struct pool *p, uid_t uid)
{
    struct pool_user *user = calloc(1, sizeof *user);

    if (!user)
        return NULL;
    user->uid = uid;
    HASH_ADD(hh, p->users_in_use, uid, sizeof user->uid, user);
    if (user->hh.tbl)
        return user;
    free(user);
    return NULL;
}

int pool_recharge(struct pool_charge *charge, struct pool *p, uid_t uid)
{
    struct pool_user *user = find_user(p, uid);

    if (!user && !(user = make_user(p, uid)))
        return -ENOMEM;
    user->n_sockets++;
    p->n_sockets++;
    *charge = (struct pool_charge){.pool = pool_ref(p), .user = user};
    return 0;
}

int pool_charge(struct pool_charge *charge, struct pool *p, uid_t uid, int64_t n_in_session,
                struct pool_shortage *ret)
{
    if (!pool_has_room(p, uid, n_in_session, 1, ret))
        return -EDQUOT;
    return pool_recharge(charge, p, uid);
}

int pool_name_opener(struct pool_charge *charge, struct principal *who)
{
    struct pool *p = charge->pool;
    struct pool_opener *opener;

    HASH_FIND_PTR(p->openers, &who, opener);
    if (!opener) {
        if (!(opener = calloc(1, sizeof *opener)))
            return -ENOMEM;
        opener->who = who;
        HASH_ADD_PTR(p->openers, who, opener);
        if (!opener->hh.tbl) {
            free(opener);
            return -ENOMEM;
        }
    }
    opener->n_sockets++;
    charge->opener = opener;
    return 0;
}

int pool_charge_buffer(struct pool_charge *charge, int64_t n_bytes, struct pool_shortage *ret)
{
    struct pool *p = charge->pool;
    int64_t n_more = n_bytes - charge->n_buffer_bytes;

    if (!fits("max-buffer", p->settings.limits.n_max_buffer_bytes, p->n_buffer_bytes, n_more, ret))
        return -EDQUOT;
    p->n_buffer_bytes += n_more;
    charge->n_buffer_bytes = n_bytes;
    return 0;
}

void pool_uncharge(struct pool_charge *charge)
{
    struct pool *p = charge->pool;
    struct pool_user *user = charge->user;

    if (!p)
        return;
    p->n_buffer_bytes -= charge->n_buffer_bytes;
    p->n_sockets--;
    if (--user->n_sockets == 0) {
        HASH_DEL(p->users_in_use, user);
        free(user);
    }
    if (charge->opener && --charge->opener->n_sockets == 0) {
        HASH_DEL(p->openers, charge->opener);
        free(charge->opener);
    }
    *charge = (struct pool_charge){0};
    pool_unref(p);
}

bool pool_grants_lease(const struct pool *p, int64_t lease_usec)
{
    int64_t most = p->settings.limits.max_lease_usec;

    if (lease_usec == LEASE_SESSION || most == LEASE_PERMANENT)
        return true;
    return lease_usec != LEASE_PERMANENT && lease_usec <= most;
}
