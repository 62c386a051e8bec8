/* principal.h — who opened something: kept as long as anything speaks of it, which is longer than
 * the session. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

struct principal {
    int n_refs;
    int64_t session;
    uid_t uid;
    gid_t gid;
    pid_t pid;
    gid_t *gids; /* the primary one and the others, as far as the kernel tells; NULL: gid alone */
    size_t n_gids;
    int64_t n_sockets;     /* alive, that it has opened */
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

/* The calling thread reaches for files and makes sockets as this user, where the daemon may; and as
 * itself again (setfsuid(2), which needs CAP_SETUID: what the kernel asks for a path's permissions,
 * and whose a socket is, so that two users never share a port by SO_REUSEPORT). Harmless for
 * others. */
void principal_assume(const struct principal *p);
void principal_resume(const struct principal *p);

/* Reads the path of a process's program from /proc. Returns 0 or -errno; does not block. */
int principal_read_exe(pid_t pid, char *ret_exe, size_t n);
