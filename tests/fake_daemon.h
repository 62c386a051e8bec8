/* fake_daemon.h — a daemon that only plays a script: for tests of the client library without the
 * real one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "client/berth.h"

/* One request and what is answered. `request` is "METHOD PARAMS" as it must stand on the wire, with
 * "*" for any rest, NULL when it does not matter; `reply` is the result, or "!" and an error
 * object, NULL: none. With "#" in front the reply goes out as it is, a whole line of its own
 * making. `sends_fd`: a descriptor goes with it; the line must say so. */
struct turn {
    const char *request, *reply;
    int sends_fd, takes_fd;
};

struct fake_daemon;

/* Starts the daemon in a thread and opens a session with it. After the last turn it ends the
 * session. */
struct fake_daemon *fake_daemon_start(const struct turn *turns, size_t n, berth **ret_session);

/* As above, for a caller that wants the client's end of the socket itself. */
struct fake_daemon *fake_daemon_start_fd(const struct turn *turns, size_t n, int *ret_fd);

/* One run of a daemon that is restarted: it takes one connection, answers the library's hello and
 * ping there by itself, and plays its turns; after the last it dies. */
struct life {
    const struct turn *turns;
    size_t n;
    const char *hello; /* the parameters that hello must have; NULL: any */
    bool is_resumed;   /* what hello answers */
    bool is_same;      /* it is the one of before: only the connection broke */
    bool is_partial;   /* dies in the middle of a line */
    bool refuses;      /* says that it has too many sessions, and hangs up */
};

/* Starts a daemon that listens at `path` and lives several times. Before it dies the last time the
 * path is gone. */
struct fake_daemon *fake_daemon_start_lives(const struct life *lives, size_t n, const char *path);

/* Waits for the daemon's end and fails the test when a turn was missing, or a request was not as
 * the script said. The session is to be freed before. */
void fake_daemon_stop(struct fake_daemon *fake);

/* The same, with the session. */
void fake_daemon_finish(berth *b, struct fake_daemon *fake);

/* A call of the library, and what it must ask. */
struct call_row {
    void (*call)(berth *b);
    struct turn turns[2];
};
#define ASKS(request_, ...)                                                                        \
    {                                                                                              \
        .request = request_, .reply = __VA_ARGS__                                                  \
    }

/* Runs it: it must ask just that, fail in nothing, and leave as many descriptors as there were. */
void fake_daemon_check_call(const struct call_row *row);

/* What the scripts speak of: an error, a handle, two addresses. */
#define ERROR(code, data) "!{\"code\":" #code ",\"message\":\"what and why\",\"data\":" data "}"

#define H                 INT64_C(16777217)
#define H_S               "16777217"
#define ON                "\"handle\":" H_S
#define LOCAL             "{\"family\":\"AF_INET\",\"host\":\"127.0.0.1\",\"port\":80}"
#define OTHER             "{\"family\":\"AF_INET\",\"host\":\"127.0.0.2\",\"port\":81}"

/* Fails the test when an address is not OTHER. */
void fake_daemon_check_other(const struct sockaddr_storage *got, socklen_t len);

/* Descriptors that this process has open. */
int fake_daemon_count_fds(void);
