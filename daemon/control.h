/* control.h — the control socket's place in the file system, and whose it is. Beside the socket
 * lies PATH.lock: its flock says that a daemon lives. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct control {
    char *path;
    int fd; /* listening */
    int lock_fd;
    bool is_inherited; /* the service manager made it, and will remove it */
    bool was_served;   /* a daemon has been here before */
    dev_t device;
    ino_t inode; /* of the socket that is ours */
};

/* Takes the path over from a daemon that is gone; refuses while one lives, or when something else
 * is there. inherited_fd: the socket that the service manager has bound there (taken on success),
 * or -1. Returns 0, or -errno with a message. */
int control_open(struct control *control, const char *path, int inherited_fd, char *ret_message,
                 size_t n_message);

/* Lets everybody connect, or only the daemon's own user: what a client may then do is its pool's
 * policy. Of an inherited socket the manager says that. Returns 0 or -errno. */
int control_open_to(const struct control *control, bool everybody);

/* Removes the path if it is still ours, and closes. */
void control_close(struct control *control);
