/* control.h — the control socket's place in the file system: whose it is, and which numbers were
 * given out under it.
 *
 * Beside the socket lies PATH.lock. Its flock says that a daemon lives, and it remembers up to
 * which number handles may have been given out, so that no number comes twice, also not after a
 * crash. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct control {
    char *path;
    int fd; /* listening */
    int lock_fd;
    dev_t device;
    ino_t inode;          /* of the socket that is ours */
    int64_t first_handle; /* nothing below was left unused */
    int64_t reserved;     /* numbers below may be given out */
};

/* Takes the path over from a daemon that is gone; refuses while one lives, or when something else
 * is there. Returns 0, or -errno with a message. */
int control_open(struct control *control, const char *path, char *ret_message, size_t n_message);

/* Lets everybody connect, or only the daemon's own user: what a client may then do is its pool's
 * policy. Returns 0 or -errno. */
int control_open_to(const struct control *control, bool everybody);

/* Makes sure that the numbers from `next` on may be given out for a good while. */
void control_reserve(struct control *control, int64_t next);

/* Removes the path if it is still ours, notes the next number, and closes. */
void control_close(struct control *control, int64_t next);
