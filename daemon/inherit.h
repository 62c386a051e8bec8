/* inherit.h — descriptors that the service manager gave the daemon at its start
 * (sd_listen_fds(3)): the control socket, sockets of socket units, and what the fd store had kept.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct inherited_fd {
    int fd; /* -1: taken */
    char *name;
    int64_t cookie; /* of the kernel socket; 0: it is none */
};

struct inheritance {
    struct inherited_fd *items; /* by cookie */
    size_t n;
};

/* Takes all there are, and the variables that tell them out of the environment. Returns 0 or
 * -ENOMEM. */
int inherit_take(struct inheritance *in);

/* Closes what nobody has taken. */
void inherit_done(struct inheritance *in);

/* The control socket among them: one called berthd.socket, else a listening Unix stream socket
 * bound to `path`. Returns the descriptor (the caller's) or -1; *ret_path (malloc'ed) is where it
 * is bound. */
int inherit_take_control(struct inheritance *in, const char *path, char **ret_path);

/* The one of this cookie that is not taken, and of this name unless that is NULL; NULL: there is
 * none. */
struct inherited_fd *inherit_find(struct inheritance *in, int64_t cookie, const char *name);
