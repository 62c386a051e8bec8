/* The store's names, and how handles are found. */
#include "store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/limits.h"

char *store_make_key(const struct session *session, const struct pool *pool, const char *name)
{
    char *key;

    if (*name == '@')
        return asprintf(&key, "%lld%s", (long long)session->id, name) < 0 ? NULL : key;
    if (pool)
        return asprintf(&key, "%s/%s", pool->name, name) < 0 ? NULL : key;
    return strdup(name);
}

const char *store_name_of(const struct handle *h)
{
    const char *at = h->key ? strchr(h->key, '@') : NULL;
    const char *slash = h->key ? strchr(h->key, '/') : NULL;

    return at ? at : slash ? slash + 1 : h->key;
}

struct handle *store_find_key(const struct store *s, const char *key)
{
    struct handle *h;

    HASH_FIND(hh_name, s->names, key, strlen(key), h);
    return h;
}

static int check_syntax(const char *name, struct error *e)
{
    const char *rest = name + (*name == '@');
    size_t n = strlen(rest);

    if (n == 0 || strlen(name) > LIMIT_NAME_BYTES)
        return error_param(e, "name", "has 1 to %d bytes", LIMIT_NAME_BYTES);
    if (strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
        return error_param(e, "name",
                           "is made of letters, digits, dot, minus and underscore, with @ in "
                           "front for a name of this session");
    if (strspn(rest, "0123456789") == n && rest == name)
        return error_param(e, "name", "must not be a number: it would look like a handle");
    return 0;
}

int store_check_name(struct store *s, const struct session *session, const struct pool *pool,
                     const char *name, struct error *e)
{
    struct handle *taken;
    char *key;
    int r;

    if ((r = check_syntax(name, e)))
        return r;
    if (!(key = store_make_key(session, pool, name)))
        return error_memory(e);
    taken = store_find_key(s, key);
    free(key);
    if (!taken)
        return 0;
    if (!store_may_see(session, taken))
        return error_set(e, ERROR_HANDLE, "NAME_TAKEN", "the name %s is taken", name);
    e->handle = taken->id;
    return error_set(e, ERROR_HANDLE, "NAME_TAKEN",
                     "handle %lld is called %s already; close it first", (long long)taken->id,
                     name);
}

static bool is_called(const struct handle *h, const char *key)
{
    return h->key && strcmp(h->key, key) == 0;
}

/* Also takes the key away where there is no memory for it in the table. */
static bool enter_key(struct store *s, struct handle *h, char *key)
{
    h->key = key;
    if (key)
        HASH_ADD_KEYPTR(hh_name, s->names, h->key, strlen(h->key), h);
    if (!key || h->hh_name.tbl)
        return true;
    free(key);
    h->key = NULL;
    return false;
}

/* Takes the key. Returns 0 or -ENOMEM: then it is called as before. */
static int take_key(struct store *s, struct handle *h, char *key)
{
    char *before = h->key;

    if (before)
        HASH_DELETE(hh_name, s->names, h);
    if (!enter_key(s, h, key)) {
        enter_key(s, h, before);
        return -ENOMEM;
    }
    free(before);
    return 0;
}

int store_rename(struct store *s, const struct session *session, struct handle *h, const char *name,
                 const char *label, struct error *e)
{
    char *key = name ? store_make_key(session, h->pool, name) : NULL;
    char *text = label ? strdup(label) : NULL;
    int r = (name && !key) || (label && !text) ? error_memory(e) : 0;

    if (!r && key && !is_called(h, key)) {
        r = store_check_name(s, session, h->pool, name, e);
        if (!r) {
            r = take_key(s, h, key) < 0 ? error_memory(e) : 0;
            key = NULL;
        }
    }
    if (!r && text) {
        free(h->label);
        h->label = text;
        text = NULL;
    }
    free(key);
    free(text);
    if (!r)
        store_save(s, h);
    return r;
}

static int unknown(const struct wire_handle *wanted, struct error *e)
{
    if (wanted->name)
        return error_set(e, ERROR_HANDLE, "UNKNOWN", "no living handle is called %s", wanted->name);
    e->handle = wanted->id;
    return error_set(
        e, ERROR_HANDLE, "UNKNOWN", "there is no handle %lld%s", (long long)wanted->id,
        wanted->id < HANDLE_FIRST ? "; handles start at 16777217, this looks like an fd" : "");
}

static bool is_user_of(const struct pool *pool, const struct principal *who)
{
    const struct pool_client client = pool_client_of(who);

    return pool_may_use(pool, &client);
}

bool store_may_use(const struct session *session, const struct handle *h)
{
    if (session->who->uid == h->opener->uid || (h->session && h->session == session))
        return true;
    /* What the service manager has handed down is for whoever the pool is for. */
    return h->inherited == INHERITED_BY_POOL && h->pool && is_user_of(h->pool, session->who);
}

bool store_may_see(const struct session *session, const struct handle *h)
{
    return store_may_use(session, h) || session->is_admin ||
           (h->pool && pool_is_admin(h->pool, session->who->uid));
}

struct handle *store_find_named(const struct store *s, const struct session *session,
                                const struct pool *pool, const char *name)
{
    char *key = store_make_key(session, pool, name);
    struct handle *h = key ? store_find_key(s, key) : NULL;

    free(key);
    return h;
}

/* A durable name is looked for in the pools in the order of the files; what the client may use goes
 * before what it may only see. */
static struct handle *find_name(const struct store *s, const struct session *session,
                                const char *name)
{
    struct handle *h, *seen = NULL;

    /* A key, and no name. */
    if (strchr(name + (*name == '@'), '@') || strchr(name, '/'))
        return NULL;
    if (*name == '@' || !session->pools)
        return store_find_named(s, session, NULL, name);
    for (const struct pool *p = session->pools->first; p; p = p->next) {
        h = store_find_named(s, session, p, name);
        if (h && store_may_use(session, h))
            return h;
        if (h && !seen && store_may_see(session, h))
            seen = h;
    }
    return seen;
}

struct handle *store_find_number(const struct store *s, int64_t number)
{
    struct handle *h;

    HASH_FIND(hh, s->handles, &number, sizeof number, h);
    return h;
}

/* Whether the session may know that the forgotten number was given out. Of another user's it was
 * told before that there is none; those of the daemon before are nobody's. */
static bool may_know(const struct store *s, const struct session *session, int64_t number)
{
    return number < s->first_id || session->is_admin ||
           owners_has(&s->owners, number, session->who->uid);
}

int store_find_row(struct store *s, const struct session *session, const struct wire_handle *wanted,
                   struct handle **ret, struct error *e)
{
    struct handle *h = NULL;

    if (wanted->name)
        h = find_name(s, session, wanted->name);
    else
        h = store_find_number(s, wanted->id);
    if (h && store_may_see(session, h)) {
        *ret = h;
        return 0;
    }
    if (h || wanted->name || wanted->id < HANDLE_FIRST || wanted->id >= s->tally.next_handle ||
        !may_know(s, session, wanted->id))
        return unknown(wanted, e);
    e->handle = wanted->id;
    return error_set(e, ERROR_HANDLE, "CLOSED", "handle %lld is closed; the history has let it go",
                     (long long)wanted->id);
}

int store_find_seen(struct store *s, const struct session *session,
                    const struct wire_handle *wanted, struct handle **ret, struct error *e)
{
    struct handle *h;
    char at[32];
    time_t seconds;
    int r = store_find_row(s, session, wanted, &h, e);

    if (r)
        return r;
    if (h->fd >= 0) {
        *ret = h;
        return 0;
    }
    seconds = (time_t)(h->ended / 1000000);
    strftime(at, sizeof at, "%FT%TZ", gmtime(&seconds));
    e->handle = h->id;
    return error_set(e, ERROR_HANDLE, "CLOSED",
                     "handle %lld is closed since %s (%.1f s ago), how: %s%s%s", (long long)h->id,
                     at, (double)(s->now->real - h->ended) / 1e6, store_ending_name(h->how),
                     h->reason ? ", " : "", h->reason ? h->reason : "");
}

int store_find(struct store *s, const struct session *session, const struct wire_handle *wanted,
               struct handle **ret, struct error *e)
{
    struct handle *h;
    int r = store_find_seen(s, session, wanted, &h, e);

    if (r)
        return r;
    if (!store_may_use(session, h)) {
        e->handle = h->id;
        e->hint = "attach it first, where its session has ended";
        return error_set(e, ERROR_HANDLE, "NOT_YOURS", "handle %lld is of uid %u", (long long)h->id,
                         h->opener->uid);
    }
    *ret = h;
    return 0;
}

const char *store_state_name(enum handle_state state)
{
    static const char *const names[N_STATES] = {
        [STATE_CREATED] = "created",     [STATE_BOUND] = "bound",
        [STATE_LISTENING] = "listening", [STATE_CONNECTING] = "connecting",
        [STATE_CONNECTED] = "connected", [STATE_HALF_CLOSED] = "half_closed",
        [STATE_CLOSED] = "closed",
    };

    return names[state];
}

const char *store_ending_name(enum ending_how how)
{
    static const char *const names[N_ENDINGS] = {
        [END_CLOSED] = "closed",         [END_RECLAIMED] = "reclaimed", [END_EXPIRED] = "expired",
        [END_HANDED_OFF] = "handed_off", [END_LOST] = "lost",
    };

    return names[how];
}

const char *store_suspicion_name(enum suspicion_kind kind)
{
    static const char *const names[N_SUSPICIONS] = {
        [SUSPECT_CLOSE_WAIT] = "close_wait",
        [SUSPECT_IDLE] = "idle",
        [SUSPECT_UNREAD] = "unread",
        [SUSPECT_ORPHAN] = "orphan",
    };

    return names[kind];
}
