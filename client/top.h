/* top.h — what `berth top` shows: pictures of the daemon, taken without waiting, sorted and
 * filtered. Knows nothing of terminals. */
#pragma once
#include <stdbool.h>

#include "client/berth.h"
#include "proto/arena.h"
#include "proto/json.h"
#include "proto/methods.h"

/* The daemon at one moment. Its texts live in its arena. */
struct top_picture {
    struct arena arena;
    struct stats_result stats;
    double at;                /* CLOCK_MONOTONIC, seconds; 0: none was taken */
    struct ledger_row **rows; /* by owner */
    size_t n_rows, n_room, n_suspects;
};

/* Handles of one program of one user, in one pool. */
struct top_owner {
    const char *pool, *exe;
    int64_t uid, count, bytes, suspects;
};

struct top {
    berth *b;
    struct top_picture shown, coming;
    struct stats_result before; /* the stats of the picture before */
    double before_at;           /* 0: there was none */
    int64_t request;            /* that is under way; 0: none */
    struct json json;
    struct buf text; /* that json is of */

    struct ledger_row **list; /* those of the picture that pass the filter, sorted */
    size_t n_list;
    struct top_owner *owners; /* of the whole picture, the largest first */
    size_t n_owners;

    size_t sort; /* of top_sorts */
    char filter[64];
};

/* The keys to sort by, and their names. */
enum { TOP_SORTS = 6 };
extern const char *const top_sort_names[TOP_SORTS];

/* CLOCK_MONOTONIC in seconds. */
double top_now(void);

/* Asks for the next picture, unless one is under way. Returns 0, or -1 with the session's error
 * set. Does not wait. */
int top_ask(struct top *t);

/* Takes what has arrived. Returns 1 when there is a new picture, 0 when not yet, -1 with the
 * session's error set. Does not wait. */
int top_take(struct top *t);

/* Filters and sorts anew: `sort` or `filter` has changed. Returns 0, or -1 when memory is out. */
int top_arrange(struct top *t);

void top_done(struct top *t);

/* "" for an absent text. */
const char *top_text(const struct wire_text *text);
int64_t top_bytes(const struct ledger_row *row);
