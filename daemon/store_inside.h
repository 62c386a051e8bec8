/* store_inside.h — what the files of the store share, and nobody else may see. */
#pragma once
#include "owners.h"
#include "store.h"

struct store {
    struct wait *wait;
    const struct now *now;
    int64_t first_id, next_id; /* of this daemon's handles, and of the next */
    struct owners owners;      /* of the numbers between them */
    int64_t n_history_rows, history_age_usec;
    struct handle *handles; /* by id, living and closed: closing one must not need memory */
    struct handle *names;   /* by key */
    struct handle *live;    /* ascending, as they were made */
    struct handle *history; /* the closed, by end */
    struct heap expiries;   /* of timed leases */
    struct suspects by_use; /* of what belongs to no pool */
    struct pools *pools;    /* borrowed; NULL: none */
    struct tally tally;
    struct events events;
};

/* The key that a name is kept under; malloc'ed, NULL when memory is out. `@c` of session 12 is kept
 * as `12@c`, so that each session has its own, and `web` of the pool front as `front/web`; nobody
 * can write either: a name has its @ in front or none, and no slash. */
char *store_make_key(const struct session *session, const struct pool *pool, const char *name);
struct handle *store_find_key(const struct store *s, const char *key);

/* The list in which the handle stands by its use: each pool has its own idea of idle. */
struct suspects *store_by_use(struct store *s, const struct handle *h);

/* The handle comes under a suspicion, or is cleared of it; both are counted, once. */
void store_suspect(struct store *s, struct handle *h, enum suspicion_kind kind);
void store_clear(struct store *s, struct handle *h, enum suspicion_kind kind);
