/* server.h — the event loop: the control socket, the sessions, the times, the signals. The one
 * place (with main) that knows sd-event. Everything below is asked what there is to do and never
 * calls up. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "call.h"

struct server;

struct server_setup {
    struct core_setup core;
    int listen_fd; /* the control socket, borrowed; -1: sessions are only added by hand */
};

/* NULL when memory or descriptors are out (errno). */
struct server *server_new(const struct server_setup *setup);

/* Ends every session and gives everything back. */
void server_free(struct server *s);

/* Adds a session for a connected AF_UNIX socket (taken). Returns 0 or -errno. */
int server_add_client(struct server *s, int fd);

/* The same for the daemon itself, whom no pool and no limit keeps out. */
int server_add_own(struct server *s, int fd);

/* Takes over what stands in the settings now. Sessions that are there keep what they began with. */
void server_apply_settings(struct server *s);

/* One turn of the loop: waits for at most timeout_usec (FOREVER: until something happens), does
 * what there is to do, sends what there is to send. Returns 0, or -errno of the loop itself. */
int server_turn(struct server *s, int64_t timeout_usec);

/* Sessions of the daemon before may come back from now on, for session-grace; sessions get numbers
 * from next_session on. */
void server_await_absent(struct server *s, int64_t next_session);

/* SIGTERM and SIGINT end server_run from here on, also those that come before it; SIGHUP calls
 * `reload`. Returns 0 or -errno. */
struct server_hooks {
    void (*reload)(void *user);
    int64_t (*turned)(void *user); /* after each turn; the longest that the next may wait */
    void *user;
};
int server_take_signals(struct server *s, const struct server_hooks *hooks);

/* Runs until a signal ends it. Returns 0 or -errno. */
int server_run(struct server *s, const struct server_hooks *hooks);

/* Answers what waits as cancelled, and sends what can be sent within timeout_usec. */
void server_stop(struct server *s, int64_t timeout_usec);

/* The loop itself, for whoever else waits for something; borrowed. */
struct sd_event *server_event(struct server *s);

/* For main and tests: what all requests share, and how many sessions there are. */
struct core *server_core(struct server *s);
int server_n_sessions(const struct server *s);
