/* principal.h — who opened something: kept as long as anything speaks of it, which is longer than
 * the session. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct principal {
    atomic_int n_refs; /* jobs of workers may give theirs back when the daemon ends */
    int64_t session;
    uid_t uid;
    gid_t gid;
    pid_t pid;
    int64_t started; /* its process: real microseconds; 0: unknown */
    gid_t *gids; /* the primary one and the others, as far as the kernel tells; NULL: gid alone */
    size_t n_gids;
    char *exe, *label;     /* may be NULL */
    char *end;             /* how its process ended; NULL: it lives, or nobody has told */
    int n_lookups;         /* look-ups it pays for, also those nobody waits for any more */
    int n_running_lookups; /* of them, in a worker; the workers' own */
};

/* A principal with one reference; exe is copied, NULL: unknown. NULL when memory is out. */
struct principal *principal_new(int64_t session, uid_t uid, gid_t gid, pid_t pid, const char *exe);

struct principal *principal_ref(struct principal *p);

/* Frees it with the last reference. NULL is fine. */
void principal_unref(struct principal *p);

/* -- acting as a client -- */

/* How much of the client the calling thread becomes. */
enum principal_part {
    PRINCIPAL_OWNER, /* whose a socket is (setfsuid(2)): by that the kernel keeps two users from one
                        port. The daemon's capabilities stay, so that a port below 1024 may be
                        bound. For AF_INET and AF_INET6. */
    PRINCIPAL_RIGHTS, /* no capability of the daemon's: for what only capabilities guard */
    PRINCIPAL_WHOLE,  /* user, groups, no capability: for AF_UNIX, where the kernel shows the other
                         side who it is and looks at a path's permissions */
};

/* Root and the daemon's own user: what the daemon may, they may. */
bool principal_is_trusted(const struct principal *p);

/* Whether the daemon may act as other users (CAP_SETUID and CAP_SETGID). Where it may not, all its
 * sockets are one user's to the kernel. */
bool principal_can_be_others(void);

/* Whether the client is another user than the daemon, or root where the daemon cannot be root: then
 * it acts as the daemon, which is less. */
bool principal_is_other(const struct principal *p);

/* The calling thread, and no other one, acts as the client until principal_resume with the same
 * arguments; nothing but the system calls in question belongs between the two. Costs nothing for a
 * client who is the daemon's own user in the same groups. Returns 0, or -errno and nothing has
 * changed: -EPERM for PRINCIPAL_WHOLE when the daemon may not act as others; PRINCIPAL_OWNER does
 * without then. principal_resume ends the daemon when there is no way back: it must not run on as
 * somebody else. For the thread of the loop alone. */
int principal_assume(const struct principal *p, enum principal_part part);
void principal_resume(const struct principal *p, enum principal_part part);

/* Reads the path of a process's program from /proc. Returns 0 or -errno; does not block. */
int principal_read_exe(pid_t pid, char *ret_exe, size_t n);
