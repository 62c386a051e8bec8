/* greet.h — who we are, said to a daemon: at the first request, and on each new connection, where
 * the session is resumed and all is asked and told that has to be before requests may go out. */
#pragma once
#include "client/reply.h"

/* Says hello. Returns 0, or -1 when the session is over. */
int greet_say_hello(berth *b);

/* Begins on a new connection; b->ride.state is RIDE_GREETING then. Returns as greet_say_hello(). */
int greet_begin(berth *b);

/* Whether the reply answers a request of the library's own. */
bool greet_owns(const struct reply *reply);

/* Takes such a reply. Returns 1 when it was the last: requests may go out now. 0: not yet, or this
 * was the first hello of a session; -1: the session is over. */
int greet_take(berth *b, const struct reply *reply);
