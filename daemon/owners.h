/* owners.h — whose the numbers were, also when all else about them is forgotten: so that others are
 * told the same of a socket whatever became of it. Numbers ascend, and one user's mostly come one
 * after another: what is kept are runs of them. Knows no handles. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { OWNERS_RUNS = 65536 }; /* that are kept; then the older half is let go */

/* Zeroed, it is empty and ready. */
struct owners {
    struct owners_run {
        int64_t first; /* the numbers from here to the next run */
        uid_t uid;
    } * runs;
    size_t n, n_room;
};

void owners_done(struct owners *o);

/* This number, and those behind it until somebody else has one, are this user's. Numbers ascend;
 * the last may be given again when it came to nothing. Returns 0 or -ENOMEM. */
int owners_add(struct owners *o, int64_t number, uid_t uid);

/* Whether the number, which has been given, is known to be this user's. */
bool owners_has(const struct owners *o, int64_t number, uid_t uid);
