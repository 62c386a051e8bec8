/* real.h — a real berthd on a private socket in a directory of its own, and the questions every
 * test asks it in the end: does the ledger balance, are all sockets gone, are all descriptors
 * closed? */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "lines.h"

struct json_t; /* jansson's own name */

struct real {
    pid_t pid;
    int pidfd;
    char directory[32];
    char path[64]; /* of the control socket */
    int oracle;    /* a session of our own, open all the time: the others are counted against it */
    struct lines oracle_lines;
    int n_fds; /* of the daemon with the oracle alone */
};

/* Starts `berthd` and waits until it says that it is ready. What it logs goes to the file "log" of
 * its directory. Returns 0; on failure says why on standard error and returns -1. */
int real_start(struct real *real, const char *berthd);

/* A new connection to it. Returns the descriptor, or -1 after saying why. */
int real_connect(const struct real *real);

/* Asks the oracle's session a line, with its newline. Returns the reply's "result", to be freed
 * with json_decref, or NULL after saying what was asked. */
struct json_t *real_ask(struct real *real, const char *request);

/* The daemon's descriptors, counted in /proc; -1 after saying why. */
int real_count_fds(const struct real *real);

/* Waits until the daemon's ledger has nothing alive and its descriptors are as many as in the
 * beginning. Returns 0, or -1 after saying what is left. */
int real_check_clean(struct real *real);

/* Ends the daemon by SIGTERM: it must exit with 0 and leave no socket. Removes the directory.
 * `show_log`: print what it logged. Returns 0, or -1 after saying what was wrong. */
int real_stop(struct real *real, int show_log);
