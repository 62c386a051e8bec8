/* server_inside.h — what the files of the server share, and nobody else may see. */
#pragma once
#include <systemd/sd-event.h>

#include "peer.h"
#include "server.h"
#include "signals.h"

struct client {
    struct server *server;
    struct peer *peer;
    sd_event_source *io, *process;
    sd_event_source *last_wait; /* for its process to end; NULL: it has not begun */
    int pid_fd;
    bool is_own;        /* the daemon's, which takes nobody's seat */
    bool is_waited_for; /* that end */
    bool is_touched;    /* to be worked for in this turn */
    bool has_more;      /* and in the next */
    struct client *prev, *next;
    struct client *touched_prev, *touched_next;
};

struct server {
    struct core core;
    sd_event *event;
    sd_event_source *listener, *listener_pause, *timer, *waits, *lookups, *files, *handshakes,
        *keep, *streams, *deaths;
    struct signals signals;
    struct client *clients, *touched;
    int64_t next_session;
    int n_own; /* sessions of the daemon's own */
    int64_t timer_at;
    int64_t flush_again_at; /* to sessions that are stuck; INT64_MAX: there are none */
    int64_t absent_until;   /* monotonic microseconds */
    bool has_waits;
    bool is_stopping;
};

/* The client is worked for in this turn; or no more. */
void server_touch(struct client *c);
void server_untouch(struct client *c);

/* Whether new sessions are taken. */
void server_set_listening(struct server *s, bool on);

/* sd-event's handler of the control socket. */
int server_on_listener(sd_event_source *source, int fd, uint32_t events, void *user);

/* Whether a session that is over is kept for a moment, because its process is just ending: how is
 * to be told. */
bool server_awaits_end(struct client *c);

/* Why the client's sockets are reclaimed; the text lives as long as the rows that tell it. */
const char *server_reason_of(struct client *c);

/* Ends the session. */
void server_remove_client(struct client *c, const char *reason);
