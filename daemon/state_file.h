/* state_file.h — where the state lies: PATH.state beside the control socket, readable by the
 * daemon's user alone. What a daemon before has left stays there until all of it is taken over;
 * then the new state takes its place in one step. */
#pragma once
#include <stddef.h>

#include "state.h"

struct state_file {
    char *path, *fresh_path;
    int old_fd;             /* -1: there was none */
    struct remains remains; /* of the daemon before */
    int64_t first_handle;   /* no daemon before has given this number or one above */
};

/* Opens the state beside the control socket `path`, and a fresh one, *ret_state (the caller's).
 * was_served: a daemon has been here before, so there must be a state. Returns 0, or -errno with a
 * message. state_file_close is due only after success. */
int state_file_open(struct state_file *f, const char *path, bool was_served,
                    struct state **ret_state, char *ret_message, size_t n_message);

/* All is taken over: the fresh state is the state from now on. Returns 0, or -errno with a message.
 */
int state_file_commit(struct state_file *f, char *ret_message, size_t n_message);

/* Beyond all numbers that were ever counted up to, by the clock. */
int64_t state_file_clock_number(void);

/* Frees what the taking over needed. */
void state_file_close(struct state_file *f);
