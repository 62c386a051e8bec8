/* admit.h — who is at the other end of a new connection, and how one is sent away. */
#pragma once
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

/* Tells the client why there will be no session, if the socket takes it at once, and hangs up (fd
 * is closed). Returns -errno for whoever wanted the session. */
int admit_refuse(int fd, const struct principal *who, enum error_id id, const char *name,
                 const char *why);
