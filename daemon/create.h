/* create.h — what all methods share that make a socket: whether it may be made, and how it begins.
 */
#pragma once
#include "call.h"

/* Finds the pool (how->in) and looks at name, lease, pool, texts and the budget of descriptors
 * before anything is done. n_sockets: how many are about to be made. Returns 0 or an error. */
int create_check(struct call *c, struct creation *how, int n_sockets);

/* Looks at the texts, and finds the pool that pays (how->in): the one that is named, that of the
 * listener, else the client's first. Returns 0, ERROR_INVALID_PARAMS, ERROR_LEASE or ERROR_POLICY.
 */
int create_find_pool(struct call *c, struct creation *how);

/* Whether the session may take over a handle that nobody holds, with this lease if it is set: what
 * it may hold, and for how long, it may not exceed by attaching either. Returns 0, ERROR_POOL or
 * ERROR_LEASE. */
int create_check_attach(struct call *c, const struct handle *h, const struct wire_lease *lease);

/* Whether the pool lets a socket of this kind be made. Returns 0 or ERROR_POLICY. */
int create_check_kind(struct call *c, const struct creation *how, int family, int type);

/* socket(2) as the client's user, with what the pool sets on each. Returns 0 or an error. */
int create_socket(struct call *c, const struct creation *how, int family, int type, int protocol,
                  int *ret_fd);

/* bind(2) and listen(2) as the client's user; *ret_backlog is the one in force. Return 0 or an
 * error, also EADDRINUSE where SO_REUSEPORT would share another user's port: the kernel itself
 * forbids it where the daemon can act as others, else all sockets are the daemon's to it. */
int create_bind(struct call *c, int fd, const struct wire_sockaddr *address);
int create_listen(struct call *c, int fd, int64_t backlog, int *ret_backlog);

/* Sets the options; on failure closes fd and says which option it was. Returns 0 or an error. */
int create_with_options(struct call *c, const struct creation *how, int fd,
                        const struct wire_options *options);
