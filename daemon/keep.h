/* keep.h — sockets that the service manager keeps: its fd store (sd_notify(3), FDSTORE=) holds a
 * copy of each under the name of its handle, and gives it back to the daemon that comes next.
 *
 * The manager says neither yes nor no, so what it holds is counted here: what was sent to it, for
 * that outlives the daemon. Knows numbers and descriptors, no handles. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify.h"

struct keep {
    struct notify *notify;
    int64_t n_most, n_kept;
    int64_t n_done;  /* messages to the manager that are known to have been worked off */
    int64_t n_asked; /* the barrier that is on its way stands behind these */
    bool wants_barrier;
    bool is_stuck; /* something was not sent in this turn: the manager was busy */
    int epoll_fd, barrier_fd;
    uint32_t watched;
};

/* `notify` is borrowed. n_most: how many the manager keeps; 0: it keeps none. Returns 0 or -errno;
 * keep_close is due in any case. */
int keep_open(struct keep *k, struct notify *notify, int64_t n_most);
void keep_close(struct keep *k);

/* How many descriptors the manager keeps for this service: $FDSTORE, which a manager since version
 * 254 sets; else what it says when asked by D-Bus; else $BERTH_FDSTORE_MAX. Asks for at most a
 * second: for the start of the daemon alone. */
int64_t keep_find_most(const struct notify *notify);

/* Whether n more could be given to the manager now: 0; -EAGAIN when it is busy, -EXFULL when it
 * keeps as many as it may, -EOPNOTSUPP when it keeps none, or the -errno that says that it is gone.
 */
int keep_check(struct keep *k, int64_t n);

/* What such a result means, in words (static text). k NULL: there is no keep at all. */
const char *keep_obstacle(const struct keep *k, int error);

/* Gives the manager a copy of fd (borrowed) for handle `id`, now or not at all. Returns 0, what
 * keep_check returns, or -errno. */
int keep_add(struct keep *k, int64_t id, int fd);

/* The manager has a copy of one already: it came from there; and has it no more. */
void keep_note(struct keep *k);
void keep_note_gone(struct keep *k);

/* Takes it back. Its copy is gone when keep_is_done says so of this order; INT64_MAX: the order
 * could not be given, and the next daemon throws the copy away. */
int64_t keep_remove(struct keep *k, int64_t id);

/* Throws away what the manager holds under a name that is not of a handle, or not of one that
 * lives. */
void keep_forget(struct keep *k, const char *name);

/* Whether the manager has carried the order out; asks it to tell, if not. */
bool keep_is_done(struct keep *k, int64_t order);

/* A turn begins its attempts: what was not sent before says nothing any more. */
void keep_begin_turn(struct keep *k);

/* Sends what waits for the manager and takes in what the manager has told: when keep_fd is
 * readable, and at the end of a turn. Returns true when orders have become done. */
bool keep_work(struct keep *k);
int keep_fd(const struct keep *k);

/* What a handle's copy is called, and the handle that a name is of; 0: of none. */
enum { KEEP_NAME_BYTES = 32 };
void keep_make_name(int64_t id, char ret[KEEP_NAME_BYTES]);
int64_t keep_read_name(const char *name);
