/* pool.h — a pool: a budget and a policy for a group of users, and what is in use of it.
 *
 * Settings come whole from the files and are replaced whole; what is in use stays. A pool's address
 * does not change when the settings are read again, so others may keep it: with pool_ref where it
 * has to outlive its last socket. Knows no handles and no sessions. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#define HASH_NONFATAL_OOM 1 /* who adds looks whether it came in */
#include <uthash.h>

#include "policy.h"
#include "principal.h"
#include "suspects.h"

#define POOL_UNLIMITED INT64_MAX

struct pool_limits {
    int64_t n_max_sockets, n_max_sockets_per_session, n_max_sockets_per_uid; /* POOL_UNLIMITED … */
    int64_t n_max_buffer_bytes;                                              /* … where absent */
    int64_t max_lease_usec;    /* LEASE_PERMANENT: any lease */
    int64_t idle_suspect_usec; /* 0: never */
};

/* Users or groups by number. `set` tells an empty list from an absent one. */
struct pool_ids {
    bool set;
    uint32_t *items;
    size_t n;
};

struct pool_names {
    bool set;
    char **items;
    size_t n;
};

struct pool_settings {
    struct policy *policy;
    struct pool_limits limits;
    bool keepalive;                        /* SO_KEEPALIVE on for its stream sockets */
    struct pool_ids users, groups, admins; /* neither users nor groups: the daemon's own user */
    struct pool_names adopt;               /* inherited descriptors that belong here */
    char *path;                            /* the file and line of its section; NULL: of none */
    int line;
};

struct pool_user; /* what one user has in use */

/* Who has opened sockets that are in use here, and how many. */
struct pool_opener {
    struct principal *who; /* borrowed: what was opened keeps it */
    int64_t n_sockets;
    UT_hash_handle hh; /* hh.next: the next one */
};

struct pool {
    int n_refs;
    char *name;
    struct pool_settings settings;
    int64_t n_sockets, n_buffer_bytes; /* in use */
    struct pool_user *users_in_use;
    struct pool_opener *openers;
    struct suspects by_use; /* its sockets in the order of their use; whoever owns them keeps it */
    bool is_retired; /* no longer in the settings: its sockets live on, nobody gets new ones */
    struct pool *next;
};

/* In the order of the files; retired ones, which something still speaks of, come last. */
struct pools {
    struct pool *first;
};

/* A client as far as pools are concerned. gids: its primary group and the others. */
struct pool_client {
    uid_t uid;
    const gid_t *gids;
    size_t n_gids;
};

/* The client that a principal is; good as long as the principal is. */
struct pool_client pool_client_of(const struct principal *who);

/* -- making -- */

struct pools *pools_new(void); /* NULL when memory is out */

/* One pool `default` for the daemon's own user, with everything allowed. NULL when memory is out.
 */
struct pools *pools_new_default(void);

/* The pool of this name; where the settings have none any more, a retired one. NULL when memory is
 * out. */
struct pool *pools_find_or_retire(struct pools *pools, const char *name);

/* Drops all of them; who holds a reference keeps his. NULL is fine. */
void pools_free(struct pools *pools);

/* Adds a pool behind the others, with everything allowed and no limit, idle after ten minutes,
 * keep-alive on. The name must be new. NULL when memory is out. */
struct pool *pools_add(struct pools *pools, const char *name, const char *path, int line);

/* Adds a user's or group's number by its name (getpwnam, getgrnam: may ask the network) or its
 * digits. Returns 0, -ENOENT (there is none), or another -errno. */
int pool_add_user(struct pool_ids *ids, const char *name);
int pool_add_group(struct pool_ids *ids, const char *name);

/* Copies a word. Returns 0 or -ENOMEM. */
int pool_add_name(struct pool_names *names, const char *name);

/* The settings of `fresh` (taken, and freed) become those of `living`. Pools of the same name keep
 * their address and what is in use; those that are gone retire, and leave once nobody has a
 * reference: should they come back, whoever speaks of them, and be it a closed row, goes by the new
 * settings. Cannot fail. */
void pools_renew(struct pools *living, struct pools *fresh);

/* A reference keeps the pool's name and counts, also when it has left the settings. */
struct pool *pool_ref(struct pool *p);
void pool_unref(struct pool *p); /* NULL is fine */

/* -- who may -- */

/* Whether the client may open sockets here: one of users or groups, an admin, root. Nobody in a
 * retired pool. */
bool pool_may_use(const struct pool *p, const struct pool_client *who);

/* Whether the client may list, attach and reap what others have opened here. root always. */
bool pool_is_admin(const struct pool *p, uid_t uid);

/* Whether a pool is for users other than the daemon's own. */
bool pools_are_for_others(const struct pools *pools);

/* The pool of this name, also a retired one; NULL: there is none. */
struct pool *pools_find(const struct pools *pools, const char *name);

/* Where a client's socket belongs: in the pool it names if it may use it; without a name (NULL) in
 * the first that has it among users or groups, else in the first that it may use as an admin. NULL
 * when there is none, or none for this client. */
struct pool *pools_find_for(const struct pools *pools, const struct pool_client *who,
                            const char *name);

/* -- what is in use -- */

/* Which limit is in the way: its key, its value, and what is in use of it. */
struct pool_shortage {
    const char *limit; /* "max-sockets", … static */
    int64_t most, n_in_use;
};

/* One socket's charge. It lives in what it pays for, zeroed before; giving it back twice is
 * harmless. */
struct pool_charge {
    struct pool *pool; /* a reference; NULL: nothing is charged */
    struct pool_user *user;
    struct pool_opener *opener; /* NULL: nobody is named */
    int64_t n_buffer_bytes;
};

/* Whether n_wanted further sockets fit. n_in_session: sockets that the session holds in this pool,
 * which the caller knows. False with *ret filled in. No side effect. */
bool pool_has_room(const struct pool *p, uid_t uid, int64_t n_in_session, int64_t n_wanted,
                   struct pool_shortage *ret);

/* Charges one socket of this user. Returns 0, -ENOMEM, or -EDQUOT with *ret filled in; then nothing
 * is charged. */
int pool_charge(struct pool_charge *charge, struct pool *p, uid_t uid, int64_t n_in_session,
                struct pool_shortage *ret);

/* The same for one that was charged to the pool by a daemon before: limits are for new ones. */
int pool_recharge(struct pool_charge *charge, struct pool *p, uid_t uid);

/* Names who opened the socket, once it is charged. Borrowed, until the charge is given back.
 * Returns 0 or -ENOMEM. */
int pool_name_opener(struct pool_charge *charge, struct principal *who);

/* The socket has so many bytes buffered now. Returns 0, or -EDQUOT with *ret filled in when that is
 * more than before and more than max-buffer; then the charge stays as it was. */
int pool_charge_buffer(struct pool_charge *charge, int64_t n_bytes, struct pool_shortage *ret);

/* Gives all of it back. */
void pool_uncharge(struct pool_charge *charge);

/* How many sockets this user has here. */
int64_t pool_n_of_uid(const struct pool *p, uid_t uid);

/* Whether the pool grants this lease (LEASE_SESSION always is). */
bool pool_grants_lease(const struct pool *p, int64_t lease_usec);
