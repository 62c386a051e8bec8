/* store_inside.h — what the files of the store share, and nobody else may see. */
#pragma once
#include "owners.h"
#include "store.h"

/* The handles of one kernel socket: several users may have it. */
struct known {
    int64_t cookie;
    struct handle *handles; /* the shared, and the handed off that are not known to be dead */
    UT_hash_handle hh;
};

struct store {
    struct wait *wait;
    const struct now *now;
    struct state *state; /* borrowed, as is keep */
    struct keep *keep;
    int64_t first_id;     /* of this daemon's handles */
    struct owners owners; /* of the numbers from there on */
    int64_t n_history_rows, history_age_usec;
    struct handle *handles; /* by id, living and closed: closing one must not need memory */
    struct handle *names;   /* by key */
    struct known *known;    /* by cookie */
    int64_t n_followed;     /* whose deaths are told */
    struct handle *live;    /* ascending, as they were made */
    struct handle *history; /* the closed, by entry */
    struct handle *entries; /* the same by number, but for those that there was no memory for */
    int64_t next_entry;
    struct handle *oldest;  /* of them that the history may let go; NULL: none */
    int64_t n_overdue;      /* that stand before it: followed, and so not let go */
    struct handle *unkept;  /* that wait to be kept */
    struct heap expiries;   /* of timed leases */
    struct suspects by_use; /* of what belongs to no pool */
    struct pools *pools;    /* borrowed; NULL: none */
    struct tally tally;
    int64_t n_streams;
    int n_losses;   /* that were written down for the daemons to come */
    bool has_told;  /* that what is read ahead cannot be written down */
    bool is_ending; /* what the manager keeps is not closed any more, but left */
    struct events events;
};

/* The key that a name is kept under; malloc'ed, NULL when memory is out. `@c` of session 12 is kept
 * as `12@c`, so that each session has its own, and `web` of the pool front as `front/web`; nobody
 * can write either: a name has its @ in front or none, and no slash. */
char *store_make_key(const struct session *session, const struct pool *pool, const char *name);
struct handle *store_find_key(const struct store *s, const char *key);

/* Frees a handle that stands nowhere any more. */
void store_free_handle(struct store *s, struct handle *h);

/* Enters it where it is looked for. Returns 0 or -ENOMEM, and then it stands nowhere. */
int store_enter(struct store *s, struct handle *h);

/* Counts nothing yet, but makes the place to count, in the session, how many sockets it holds in
 * the pool; NULL when memory is out. store_uncount: its holder has one less. */
struct pool_count *store_count_in(struct session *session, struct pool *pool);
void store_uncount(struct handle *h);

/* Nobody holds it any more, for this reason: it is closed, or its lease begins to run; when the
 * daemon ends, it may be left to the next one. */
void store_end_hold(struct store *s, struct handle *h, const char *reason);

/* Takes it into the list of the living, and into its holder's. The place to count there is made
 * before, while memory can still be refused. */
int store_prepare_count(struct session *session, struct pool *pool);
void store_begin_life(struct store *s, struct handle *h, struct session *holder);

/* A place among the expiries for such a lease, at `at` (monotonic). Returns 0 or -ENOMEM. */
int store_reserve_expiry(struct store *s, struct handle *h, int64_t lease_usec, int64_t at);

/* Writes down how often and when it was used: each is one word. */
void store_save_counts(struct store *s, struct handle *h);

/* It is looked for by its cookie, or no more. Returns 0 or -ENOMEM. */
int store_enter_cookie(struct store *s, struct handle *h);
void store_leave_cookie(struct store *s, struct handle *h);

/* A row comes into the history, or goes; what has just ended elsewhere is kept as what has ended
 * here; and all are freed. */
void store_enter_history(struct store *s, struct handle *h);
void store_leave_history(struct store *s, struct handle *h);
void store_renew_history(struct store *s, struct handle *h);
void store_forget_history(struct store *s);

/* Whether it was handed off, and its end will be noticed. */
bool store_is_followed(const struct handle *h);

/* It is about to be handed off: from now on it is followed, or no more. */
void store_begin_following(struct store *s, struct follow *f, struct handle *h);
void store_end_following(struct store *s, struct handle *h);

/* Its state with the transition; nothing is written down yet. */
void store_set_state(struct store *s, struct handle *h, enum handle_state state);

/* The handle ends so: what stands between it and its bytes ends too. Returns whether its stream
 * goes on without it, to deliver what it owes. */
bool store_end_bytes(struct store *s, struct handle *h, enum ending_how how);
/* The handle has changed: what must be kept is given to the manager, or waits for that; what need
 * not is taken back. To be called when the state knows the change: the other way round it could
 * come back unknown. */
void store_update_keeping(struct store *s, struct handle *h);

/* It does not wait to be kept any more. */
void store_stop_waiting(struct store *s, struct handle *h);

/* The state is told that it lives no more. */
void store_drop_record(struct store *s, struct handle *h);

/* The list in which the handle stands by its use: each pool has its own idea of idle. */
struct suspects *store_by_use(struct store *s, const struct handle *h);

/* The handle comes under a suspicion, or is cleared of it; both are counted, once. */
void store_suspect(struct store *s, struct handle *h, enum suspicion_kind kind);
void store_clear(struct store *s, struct handle *h, enum suspicion_kind kind);
