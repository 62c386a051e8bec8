/* inherit.h — descriptors that the service manager gave the daemon at its start
 * (sd_listen_fds(3)): the control socket, sockets of socket units, and what the fd store had kept.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inherited_fd {
    int fd;         /* -1: taken */
    char *name;     /* INHERIT_NO_NAME where nobody has said one */
    int64_t cookie; /* of the kernel socket; 0: it is none */
};

#define INHERIT_NO_NAME "unknown"

struct inheritance {
    struct inherited_fd *items; /* by cookie */
    size_t n;
};

/* Takes all there are, and the variables that tell them out of the environment. Where those are
 * wrong, that is logged, and what is open is taken: a socket that is known is known by its cookie.
 * To be called before anything else is opened. Returns 0 or -ENOMEM. */
int inherit_take(struct inheritance *in);

/* Closes what nobody has taken. */
void inherit_done(struct inheritance *in);

/* The control socket among them: one called berthd.socket, or the only
 * one and without a name, else a listening Unix stream socket
 * bound to `path`. Returns the descriptor (the caller's) or -1; *ret_path (malloc'ed) is where it
 * is bound. */
int inherit_take_control(struct inheritance *in, const char *path, char **ret_path);

/* Whether it is the same socket as another one among them that is taken already. */
bool inherit_is_copy(const struct inheritance *in, const struct inherited_fd *fd);

/* The one of this cookie that is not taken, and of this name unless that is NULL; NULL: there is
 * none. */
struct inherited_fd *inherit_find(struct inheritance *in, int64_t cookie, const char *name);
