#include "owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void owners_done(struct owners *o)
{
    free(o->runs);
    *o = (struct owners){0};
}

static int make_room(struct owners *o)
{
    size_t n_room = o->n_room ? 2 * o->n_room : 16;
    struct owners_run *more;

    if (o->n < o->n_room)
        return 0;
    if (o->n == OWNERS_RUNS) {
        o->n /= 2;
        memmove(o->runs, o->runs + OWNERS_RUNS - o->n, o->n * sizeof *o->runs);
        return 0;
    }
    if (!(more = realloc(o->runs, n_room * sizeof *more)))
        return -ENOMEM;
    o->runs = more;
    o->n_room = n_room;
    return 0;
}

int owners_add(struct owners *o, int64_t number, uid_t uid)
{
    if (o->n && o->runs[o->n - 1].uid == uid)
        return 0;
    if (make_room(o) < 0)
        return -ENOMEM;
    o->runs[o->n++] = (struct owners_run){number, uid};
    return 0;
}

bool owners_has(const struct owners *o, int64_t number, uid_t uid)
{
    size_t low = 0, high = o->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (o->runs[middle].first <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low && o->runs[low - 1].uid == uid;
}
