/* The server's sessions: how they come, why they are turned away, how they end. */
#include "server_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>
#include <utlist.h>

#include "admit.h"
#include "guard.h"
#include "log.h"

enum {
    ACCEPTS_PER_TURN = 64,
    ACCEPT_PAUSE_USEC = 100000, /* after the descriptors ran out */
    END_USEC = 200000,          /* for a process to end that is about to */
};

void server_touch(struct client *c)
{
    guard_wake();
    c->has_more = true;
    if (c->is_touched)
        return;
    c->is_touched = true;
    DL_APPEND2(c->server->touched, c, touched_prev, touched_next);
}

void server_untouch(struct client *c)
{
    if (c->is_touched)
        DL_DELETE2(c->server->touched, c, touched_prev, touched_next);
    c->is_touched = false;
}

void server_set_listening(struct server *s, bool on)
{
    if (s->listener)
        sd_event_source_set_enabled(s->listener, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_last_wait_over(sd_event_source *source, uint64_t usec, void *user)
{
    struct client *c = user;

    (void)source;
    (void)usec;
    c->is_waited_for = false;
    server_touch(c);
    return 0;
}

/* Whether the session is kept a little longer: a process that is killed closes its sockets a moment
 * before it can be told how it ended. One that lives is not waited for. */
bool server_awaits_end(struct client *c)
{
    struct server *s = c->server;

    if (c->last_wait)
        return c->is_waited_for && !s->is_stopping;
    c->is_waited_for = !s->is_stopping && admit_is_ending(c->pid_fd, c->peer->session.who) &&
                       sd_event_add_time_relative(s->event, &c->last_wait, CLOCK_MONOTONIC,
                                                  END_USEC, 1, on_last_wait_over, c) >= 0;
    return c->is_waited_for;
}

/* Why the client's sockets are reclaimed; the text lives as long as the rows that tell it. */
const char *server_reason_of(struct client *c)
{
    struct principal *who = c->peer->session.who;
    char text[128];

    if (!who->end && admit_read_end(c->pid_fd, who, text, sizeof text))
        who->end = strdup(text);
    return who->end ? who->end : "its session ended";
}

void server_remove_client(struct client *c, const char *reason)
{
    struct server *s = c->server;

    server_untouch(c);
    DL_DELETE(s->clients, c);
    s->core.n_sessions--;
    s->n_own -= c->is_own;
    sd_event_source_disable_unref(c->io);
    sd_event_source_disable_unref(c->process);
    sd_event_source_disable_unref(c->last_wait);
    if (c->pid_fd >= 0)
        close(c->pid_fd);
    peer_free(c->peer, reason);
    free(c);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct client *c = user;

    (void)source;
    (void)fd;
    /* Both directions are shut: whoever it was can hear no answer. One that is killed closes its
     * sockets a moment before its process is told to have ended. */
    if (events & (EPOLLHUP | EPOLLERR))
        peer_set_gone(c->peer, admit_is_ending(c->pid_fd, c->peer->session.who));
    peer_note_event(c->peer, events & EPOLLRDHUP);
    server_touch(c);
    return 0;
}

/* The process that opened the session ended; a child that has inherited the socket does not keep it
 * alive. */
static int on_process(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct client *c = user;

    (void)fd;
    (void)events;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    c->is_waited_for = false;
    peer_set_gone(c->peer, true);
    server_touch(c);
    return 0;
}

static int count_of_uid(const struct server *s, uid_t uid)
{
    const struct client *c;
    int n = 0;

    DL_FOREACH(s->clients, c)
    n += !c->is_own && c->peer->session.who->uid == uid;
    return n;
}

static int watch_client(struct server *s, struct client *c, int fd)
{
    int r = sd_event_add_io(s->event, &c->io, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                            on_client, c);

    if (r < 0)
        return r;
    c->pid_fd = admit_open_process(fd, c->peer->session.who->pid);
    if (c->pid_fd < 0) {
        /* It ended before it was let in; where the kernel does not tell processes, none is dead. */
        if (errno == ESRCH)
            peer_set_gone(c->peer, true);
        return 0;
    }
    r = sd_event_add_io(s->event, &c->process, c->pid_fd, EPOLLIN, on_process, c);
    /* Before its lines: nothing is begun for a client that is dead. */
    return r < 0 ? r : sd_event_source_set_priority(c->process, SD_EVENT_PRIORITY_IMPORTANT);
}

/* Who has no pool has no business here. */
static bool may_enter(const struct server *s, const struct principal *who)
{
    const struct pool_client client = pool_client_of(who);

    return who->uid == 0 || pools_find_for(s->core.pools, &client, NULL);
}

/* Returns 0, or what the refused client was told, as -errno; then fd is closed. */
static int check_entry(const struct server *s, int fd, const struct principal *who)
{
    if (!may_enter(s, who))
        return admit_refuse(fd, who, ERROR_POLICY, NULL, "no pool of this daemon is for your user");
    if (s->core.n_sessions - s->n_own >= s->core.n_max_sessions)
        return admit_refuse(fd, who, ERROR_LIMIT, "SESSIONS",
                            "the daemon has as many sessions as it may (max-sessions); end one");
    if (count_of_uid(s, who->uid) >= s->core.config->n_max_sessions_per_uid)
        return admit_refuse(
            fd, who, ERROR_LIMIT, "SESSIONS",
            "your user has as many sessions as it may (max-sessions-per-uid); end one");
    return 0;
}

static int begin_session(struct server *s, int fd, struct principal *who, bool is_own)
{
    bool is_admin = who->uid == 0;
    struct client *c;
    int r;

    if (!(c = calloc(1, sizeof *c))) {
        close(fd);
        return -ENOMEM;
    }
    c->server = s;
    c->pid_fd = -1;
    if (!(c->peer = peer_new(&s->core, fd, who, is_admin))) {
        free(c);
        return -ENOMEM;
    }
    c->peer->user = c;
    state_note_session(s->core.state, ++s->next_session);
    c->is_own = is_own;
    s->n_own += is_own;
    s->core.n_sessions++;
    s->core.n_sessions_total++;
    DL_APPEND(s->clients, c);
    if ((r = watch_client(s, c, fd)) < 0) {
        server_remove_client(c, "the session could not begin");
        return r;
    }
    return 0;
}

/* Where a client's socket comes from. */
enum origin { FROM_LISTENER, BY_HAND, OF_OUR_OWN };

static int add_client(struct server *s, int fd, enum origin origin)
{
    struct principal *who = admit_identify(fd, s->next_session);
    int r = -errno;

    if (!who) {
        close(fd);
        return r;
    }
    /* A client that connects a handle to the daemon would be served as whoever connected it. */
    if (origin == FROM_LISTENER && who->pid == getpid())
        r = admit_refuse(fd, who, ERROR_POLICY, NULL, "the daemon's own sockets get no session");
    else
        r = origin == OF_OUR_OWN ? 0 : check_entry(s, fd, who);
    if (r == 0)
        r = begin_session(s, fd, who, origin == OF_OUR_OWN);
    principal_unref(who);
    return r;
}

int server_add_client(struct server *s, int fd)
{
    return add_client(s, fd, BY_HAND);
}

int server_add_own(struct server *s, int fd)
{
    return add_client(s, fd, OF_OUR_OWN);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    server_set_listening(user, true);
    return 0;
}

/* Out of descriptors the listener stays readable; looking at it again at once would only burn the
 * processor. */
static void pause_listening(struct server *s, int r)
{
    log_line(LOG_WARNING, "no session can be taken now: %s", strerror(-r));
    server_set_listening(s, false);
    sd_event_source_disable_unref(s->listener_pause);
    s->listener_pause = NULL;
    sd_event_add_time_relative(s->event, &s->listener_pause, CLOCK_MONOTONIC, ACCEPT_PAUSE_USEC, 0,
                               on_pause_over, s);
}

int server_on_listener(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct server *s = user;

    (void)source;
    (void)events;
    guard_wake();
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client >= 0) {
            add_client(s, client, FROM_LISTENER);
            continue;
        }
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            pause_listening(s, -errno);
        return 0;
    }
    return 0;
}
