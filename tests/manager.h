/* manager.h — a stand-in for the service manager: it starts the real berthd, hears what
 * sd_notify(3) says, keeps descriptors for it as FileDescriptorStoreMax= allows, and gives them to
 * the next one. And clients of that daemon, which wait for it while the manager goes on working.
 *
 * Lines are written with ' in place of " so that C can hold them. Whatever is not as it must be
 * fails the test. */
#pragma once
#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MANAGER_ROOM = 256, MANAGER_UNITS = 8 };

struct manager_fd {
    int fd;
    char name[256];
};

struct manager {
    char dir[64], path[80]; /* of the control socket */
    char notify[80];        /* $NOTIFY_SOCKET */
    int notify_fd;
    pid_t pid; /* of the daemon; 0: none */
    int pidfd;
    size_t n_most;                         /* FileDescriptorStoreMax= */
    bool is_old;                           /* one that tells nothing of n_most */
    bool is_deaf;                          /* reads nothing now */
    const char *listen_fds, *listen_names; /* what it says of them; NULL: the truth */
    int64_t watchdog_usec;
    struct manager_fd store[MANAGER_ROOM], units[MANAGER_UNITS];
    size_t n_store, n_units;
    char status[512];                                                /* the last */
    int n_ready, n_reloading, n_stopping, n_fed, n_barriers, n_over; /* n_over: had no room */
};

/* A directory of its own with empty settings; n_most as above. manager_done ends a daemon that runs
 * (well), and removes all. */
void manager_init(struct manager *m, size_t n_most);
void manager_done(struct manager *m);

/* The settings file's text from now on. */
void manager_set_config(struct manager *m, const char *text);

/* A socket unit: `fd` is taken, and given at each start. */
void manager_add_unit(struct manager *m, const char *name, int fd);

/* Starts the daemon and waits until it is ready. The second returns false when it ended instead. */
void manager_start(struct manager *m);
bool manager_try_start(struct manager *m);

/* Ends it: by SIGTERM, which must go well, or by SIGKILL. What it has sent is taken in. */
void manager_stop(struct manager *m);
void manager_kill(struct manager *m);

/* Stop and start; `hard`: by SIGKILL. */
void manager_restart(struct manager *m, bool hard);

/* What an old manager does at `systemctl stop`; and names of two descriptors exchanged. */
void manager_empty_store(struct manager *m);
void manager_swap(struct manager *m, size_t i, size_t j);

/* Copies it into the store as the daemon might have. `fd` is taken. */
void manager_put(struct manager *m, const char *name, int fd);

/* Whether something is kept under this name. */
bool manager_has(const struct manager *m, const char *name);

/* What the daemon's log says; valid until the next call. */
const char *manager_log(const struct manager *m);

/* The manager works until one of the descriptors is readable, for at most so many milliseconds.
 * `fd` may be -1. Returns whether it is. */
bool manager_work(struct manager *m, int fd, int msec);

/* ... until the condition holds; for a bounded time. */
enum { MANAGER_PATIENCE_MS = 20000 };
#define manager_until(m, condition)                                                                \
    do {                                                                                           \
        int tries_left = MANAGER_PATIENCE_MS / 5;                                                  \
        while (!(condition) && tries_left-- > 0)                                                   \
            manager_work(m, -1, 5);                                                                \
        ck_assert_msg(condition, "this does not become true: %s", #condition);                     \
    } while (0)

/* -- clients ----------------------------------------------------------------------------------- */

struct talk {
    struct manager *manager;
    int fd, next_id;
    char *in;
    size_t n_in, n_room;
    json_t *replies; /* owns all that was given out */
};

/* A session. talk_end closes it (it may have broken before). */
struct talk talk_new(struct manager *m);
void talk_end(struct talk *t);

/* Sends a request, and returns its number. */
int talk_send(struct talk *t, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));

/* The next reply, whole; NULL: the daemon has closed the session. */
json_t *talk_next(struct talk *t);

/* Asks and returns the result; or the error, of which there must be one. */
json_t *talk_ask(struct talk *t, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
json_t *talk_fail(struct talk *t, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));

/* A member of a member ("owner.pid"); the test fails where there is none. */
json_t *talk_at(json_t *json, const char *path);
int64_t talk_int(json_t *json, const char *path);
const char *talk_text(json_t *json, const char *path);
bool talk_is(json_t *json, const char *path);

/* For a request without params. */
#define NOTHING "%s", ""

/* The audit; its balance must be 0. */
json_t *talk_audit(struct talk *t);

/* -- the other ends ---------------------------------------------------------------------------- */

/* A connection to this port of 127.0.0.1, and a listener on any. */
int manager_connect(int port);
int manager_listen(int *ret_port);
