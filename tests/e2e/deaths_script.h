/* deaths_script.h — what a client does before it is killed: random requests, and something left on
 * its way. */
#pragma once
#include <stdbool.h>

/* What is on its way when the script is at its end. */
enum tail { TAIL_NONE, TAIL_HALF_LINE, TAIL_HALF_LINE_WITH_FD, TAIL_LINE_WITH_FD, N_TAILS };

enum { SCRIPT_MAX_STEPS = 150 };

struct script_plan {
    unsigned seed;
    int n_steps;
    int dies_at; /* kills the process before this step; -1: never */
    bool is_unordered;
    bool is_read;    /* the replies are, in between */
    bool has_leases; /* some sockets shall outlive it: they have durable names, and leases */
    enum tail tail;
};

/* Runs it on the connection `fd`. Abstract sockets are named after `path`; nobody accepts from
 * 127.0.0.1:full_port. Ends early when the daemon has gone. Blocks only while the daemon does not
 * read, at most WAIT_MS. */
void deaths_script_run(int fd, const struct script_plan *plan, const char *path, int full_port);
