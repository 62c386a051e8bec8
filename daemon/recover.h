/* recover.h — a daemon begins where the one before ended: each record it has left is joined with
 * the descriptor that the service manager kept for it, and what cannot be joined is told. For the
 * start of the daemon alone. */
#pragma once
#include "core.h"
#include "inherit.h"
#include "state_file.h"

struct recovered {
    int n_back;    /* sockets of the daemon before */
    int n_lost;    /* that did not come back */
    int n_given;   /* by socket units, for a pool */
    int n_unknown; /* descriptors that nobody has said anything of */
};

/* The first number that no daemon before has given: beyond those in the state, and in the names of
 * what it had kept. */
int64_t recover_first_handle(const struct state_file *file, const struct inheritance *in);

/* Takes over all that is there; each loss and each unknown descriptor is logged. Returns 0 or
 * -ENOMEM. */
int recover(struct core *core, struct state_file *file, struct inheritance *in,
            struct recovered *ret);
