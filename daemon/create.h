/* create.h — what all methods share that make a socket: whether it may be made, and how it begins.
 */
#pragma once
#include "call.h"

/* Looks at name, lease, pool, texts and the budget of descriptors before anything is done.
 * n_sockets: how many are about to be made. Returns 0 or an error. */
int create_check(struct call *c, const struct creation *how, int n_sockets);

/* Sets the options; on failure closes fd and says which option it was. Returns 0 or an error. */
int create_with_options(struct call *c, int fd, const struct wire_options *options);
