/* guard.h — against system calls that wait although nothing here may: they end within milliseconds.
 * accept(2) and connect(2) on a socket that others have too: O_NONBLOCK belongs to what all its
 * descriptors share (open(2), "open file descriptions"), and there is no MSG_DONTWAIT for these
 * two. And whatever call drops the last descriptor of a socket with SO_LINGER, which waits for its
 * whole linger time: close(2) and recvmsg(2) drop those that others have put into a Unix socket
 * (unix(7), SCM_RIGHTS) and nobody will take.
 *
 * A signal ends such a wait, and all others of the same system call. For the loop's thread alone.
 */
#pragma once
#include "store.h"

/* Between the two a call that waits all the same ends with EINTR. Does nothing for a socket that
 * nobody else has. */
void guard_begin(const struct handle *h);
void guard_end(const struct handle *h);

/* From now on this thread's turns are guarded whole, each from its first guard_wake to guard_rest.
 * Any system call in them may say EINTR. The two cost nothing while turn follows turn: the timer
 * runs on, and stops when it finds the thread at rest. That ends the thread's sleep once more,
 * which is no reason for guard_wake: something has happened, or is to be done, is one. */
void guard_stand(void);
void guard_wake(void);
void guard_rest(void);
