/* real_daemon.h — the real berthd as a child of the test, and the real command `berth`: for tests
 * of the client against what users run. Both are found beside the test, in the build directory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Starts a daemon with a socket of its own, waits until it is ready, and puts the path into
 * $BERTH_SOCKET. Its log is standard error. To be used as a checked fixture, with real_daemon_stop.
 */
void real_daemon_start(void);

/* Ends it with a signal and starts it anew at the same path. */
void real_daemon_restart(int signal_number);

/* The same in two halves. */
void real_daemon_end(int signal_number);
void real_daemon_start_again(void);

/* Ends it. Fails the test when it did not end well. */
void real_daemon_stop(void);

struct run {
    int status;                        /* exit status; -1: a signal */
    char out[64 << 10], err[16 << 10]; /* terminated; what is more is cut off */
};

/* Whether this machine can make terminals: a root without devpts has none. */
bool real_daemon_has_terminals(void);

/* Runs `sh -c COMMAND`, where $berth is the command's path, with `in` (NULL: nothing) as its
 * standard input. With `on_terminal` standard output is a terminal. Fails the test when it takes
 * more than 20 seconds. */
void real_daemon_run(const char *command, const char *in, bool on_terminal, struct run *ret);
