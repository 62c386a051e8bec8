/* guard.h — around accept(2) and connect(2) on a socket that others have too: O_NONBLOCK belongs to
 * what all its descriptors share (open(2), "open file descriptions"), and there is no MSG_DONTWAIT
 * for these two, so another process could make them wait for ever, and the daemon with them. */
#pragma once
#include "store.h"

/* Between the two a call that waits all the same ends within milliseconds, with EINTR. Does nothing
 * for a socket that nobody else has. For the loop's thread alone. */
void guard_begin(const struct handle *h);
void guard_end(const struct handle *h);
