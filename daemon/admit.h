/* admit.h — who is at the other end of a new connection, and how one is sent away. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "principal.h"
#include "proto/errors.h"

/* The client behind a connected AF_UNIX socket (unix(7), SO_PEERCRED: as it was when it connected),
 * as the principal of this session. NULL with errno. */
struct principal *admit_identify(int fd, int64_t session);

/* A pidfd of the client's process, the caller's to close; -1 where the kernel has none: then its
 * hang-up has to do. */
int admit_open_process(int fd, pid_t pid);

/* How the client's process ended, in words ("its process was killed by signal 9 (Killed)"), where
 * the kernel tells: PIDFD_GET_INFO for one that was reaped (Linux 6.15), /proc for one that was
 * not. False when it lives or nobody tells. */
bool admit_read_end(int pid_fd, const struct principal *who, char *ret_text, size_t n);

/* Whether the client's process is on its way out and cannot be asked yet: a socket is closed a
 * moment before that. False where nobody tells. Does not block. */
bool admit_is_ending(int pid_fd, const struct principal *who);

/* Tells the client why there will be no session, if the socket takes it at once, and hangs up (fd
 * is closed). Returns -errno for whoever wanted the session. */
int admit_refuse(int fd, const struct principal *who, enum error_id id, const char *name,
                 const char *why);
