/* suspects.h — things in the order of their last use, so that what has not been used for a while is
 * found without looking at the rest: each use moves one thing to the end of a list, and two marks
 * wander up that list with the time, one behind what is stale, one behind what is idle. To what is
 * stale something may come that is noticed; when no use follows for a while it is ripe. All steps
 * cost the same however many things there are.
 *
 * Knows nothing of sockets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Not used for this long: worth a look whether somebody waits at the other end. */
#define SUSPECTS_STALE_USEC INT64_C(500000)

/* What came is left alone for this long: whoever is slow has not forgotten. */
#define SUSPECTS_RIPE_USEC  INT64_C(1000000)

struct suspects_item {
    int64_t used, noticed; /* monotonic microseconds */
    bool is_stale, is_idle;
    bool is_noticed; /* and not yet ripe */
    struct suspects_item *prev, *next;
    struct suspects_item *noticed_prev, *noticed_next;
};

struct suspects {
    struct suspects_item *items;       /* the longest unused first */
    struct suspects_item *first_fresh; /* all before it are stale; NULL: all are */
    struct suspects_item *first_busy;  /* all before it are idle; NULL: all are */
    struct suspects_item *noticed;     /* and not yet ripe; the earliest first */
    int64_t idle_usec;                 /* 0: nothing ever is */
};

/* A zeroed struct suspects is empty and ready. */

/* Adds an item that is used now, or notes that one is. It is neither stale nor idle then, and what
 * was noticed is forgotten. */
void suspects_add(struct suspects *s, struct suspects_item *item, int64_t now_usec);
void suspects_use(struct suspects *s, struct suspects_item *item, int64_t now_usec);

/* Takes it out. */
void suspects_remove(struct suspects *s, struct suspects_item *item);

/* Something came to the item now; when something had come before, the new one takes its place. */
void suspects_notice(struct suspects *s, struct suspects_item *item, int64_t now_usec);

/* An item that has become stale, or idle, or what came to it ripe, by now; NULL when there is no
 * further one. */
struct suspects_item *suspects_next_stale(struct suspects *s, int64_t now_usec);
struct suspects_item *suspects_next_idle(struct suspects *s, int64_t now_usec);
struct suspects_item *suspects_next_ripe(struct suspects *s, int64_t now_usec);

/* When there will be one (monotonic microseconds); INT64_MAX: never as it stands. */
int64_t suspects_next_time(const struct suspects *s);
