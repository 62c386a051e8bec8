/* server.h — the servers that are compared, each a child process on a socket in the run's
 * directory: the limit (an echo that looks at nothing), the usual way (libjansson and epoll), and
 * the real berthd. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct server {
    pid_t pid;     /* -1: not running */
    clockid_t cpu; /* of the process */
    char path[64]; /* of its socket */
};

/* Starts one of ours, "echo" or "jansson", with its socket in `directory`: this program once more,
 * with the arguments --serve, its name and the descriptor it listens on, for which main calls
 * server_be_own. Returns 0 when it can be connected to, or -1 after saying why on standard error.
 */
int server_start_own(struct server *s, const char *directory, const char *which);
_Noreturn void server_be_own(const char *which, int listen_fd);

/* Starts a berthd, with settings that allow `n_sessions`. Returns the same. */
int server_start_berthd(struct server *s, const char *directory, const char *name,
                        const char *berthd, int n_sessions);

/* Kills and reaps it, and removes its files. Does nothing when it does not run. */
void server_stop(struct server *s);

/* A blocking connection that gives up after some seconds of silence. Returns the descriptor, or -1
 * after saying why. */
int server_connect(const struct server *s);

/* Nanoseconds of processor time that it has used. */
int64_t server_cpu_ns(const struct server *s);

/* Its resident memory in bytes, counted page by page; -1 where the kernel does not tell. */
int64_t server_resident_bytes(const struct server *s);

/* How many handles and sessions a berthd allows. Returns 0, or -1 after saying why. */
int server_ask_limits(const struct server *s, int64_t *ret_handles, int64_t *ret_sessions);
