#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <syslog.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <utlist.h>

#include "admit.h"
#include "log.h"
#include "peer.h"
#include "signals.h"
#include "subscription.h"

enum {
    ACCEPTS_PER_TURN = 64,
    TURN_USEC = 2000, /* shared by all who have something to do */
    LEAST_USEC = 50,
    OTHER_SOURCES = 8,          /* of events, beside two for each session */
    ACCEPT_PAUSE_USEC = 100000, /* after the descriptors ran out */
    END_USEC = 200000,          /* for a process to end that is about to */
};

struct client {
    struct server *server;
    struct peer *peer;
    sd_event_source *io, *process;
    sd_event_source *last_wait; /* for its process to end; NULL: it has not begun */
    int pid_fd;
    bool is_waited_for; /* that end */
    bool is_touched;    /* to be worked for in this turn */
    bool has_more;      /* and in the next */
    struct client *prev, *next;
    struct client *touched_prev, *touched_next;
};

struct server {
    struct core core;
    sd_event *event;
    sd_event_source *listener, *listener_pause, *timer, *waits, *lookups, *files;
    struct signals signals;
    struct client *clients, *touched;
    int64_t next_session;
    int64_t timer_at;
    bool has_waits;
    bool is_stopping;
};

struct core *server_core(struct server *s)
{
    return &s->core;
}

int server_n_sessions(const struct server *s)
{
    return (int)s->core.n_sessions;
}

/* -- sessions -- */

static void touch(struct client *c)
{
    c->has_more = true;
    if (c->is_touched)
        return;
    c->is_touched = true;
    DL_APPEND2(c->server->touched, c, touched_prev, touched_next);
}

static void untouch(struct client *c)
{
    if (c->is_touched)
        DL_DELETE2(c->server->touched, c, touched_prev, touched_next);
    c->is_touched = false;
}

static void set_listening(struct server *s, bool on)
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
    touch(c);
    return 0;
}

/* Whether the session is kept a little longer: a process that is killed closes its sockets a moment
 * before it can be told how it ended. One that lives is not waited for. */
static bool awaits_end(struct client *c)
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
static const char *reason_of(struct client *c)
{
    struct principal *who = c->peer->session.who;
    char text[128];

    if (!who->end && admit_read_end(c->pid_fd, who, text, sizeof text))
        who->end = strdup(text);
    return who->end ? who->end : "its session ended";
}

static void remove_client(struct client *c, const char *reason)
{
    struct server *s = c->server;

    untouch(c);
    DL_DELETE(s->clients, c);
    s->core.n_sessions--;
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
    touch(c);
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
    touch(c);
    return 0;
}

static int count_of_uid(const struct server *s, uid_t uid)
{
    const struct client *c;
    int n = 0;

    DL_FOREACH(s->clients, c)
    n += c->peer->session.who->uid == uid;
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

static int add_known_client(struct server *s, int fd, struct principal *who)
{
    bool is_admin = who->uid == 0;
    struct client *c;
    int r;

    if (!may_enter(s, who))
        return admit_refuse(fd, who, ERROR_POLICY, NULL, "no pool of this daemon is for your user");
    if (s->core.n_sessions >= s->core.n_max_sessions)
        return admit_refuse(fd, who, ERROR_LIMIT, "SESSIONS",
                            "the daemon has as many sessions as it may (max-sessions); end one");
    if (count_of_uid(s, who->uid) >= s->core.config->n_max_sessions_per_uid)
        return admit_refuse(
            fd, who, ERROR_LIMIT, "SESSIONS",
            "your user has as many sessions as it may (max-sessions-per-uid); end one");
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
    s->next_session++;
    s->core.n_sessions++;
    s->core.n_sessions_total++;
    DL_APPEND(s->clients, c);
    if ((r = watch_client(s, c, fd)) < 0) {
        remove_client(c, "the session could not begin");
        return r;
    }
    return 0;
}

static int add_client(struct server *s, int fd, bool is_from_listener)
{
    struct principal *who = admit_identify(fd, s->next_session);
    int r = -errno;

    if (!who) {
        close(fd);
        return r;
    }
    /* A client that connects a handle to the daemon would be served as whoever connected it. */
    if (is_from_listener && who->pid == getpid())
        r = admit_refuse(fd, who, ERROR_POLICY, NULL, "the daemon's own sockets get no session");
    else
        r = add_known_client(s, fd, who);
    principal_unref(who);
    return r;
}

int server_add_client(struct server *s, int fd)
{
    return add_client(s, fd, false);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    set_listening(user, true);
    return 0;
}

/* Out of descriptors the listener stays readable; looking at it again at once would only burn the
 * processor. */
static void pause_listening(struct server *s, int r)
{
    log_line(LOG_WARNING, "no session can be taken now: %s", strerror(-r));
    set_listening(s, false);
    sd_event_source_disable_unref(s->listener_pause);
    s->listener_pause = NULL;
    sd_event_add_time_relative(s->event, &s->listener_pause, CLOCK_MONOTONIC, ACCEPT_PAUSE_USEC, 0,
                               on_pause_over, s);
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct server *s = user;

    (void)source;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client >= 0) {
            add_client(s, client, true);
            continue;
        }
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            pause_listening(s, -errno);
        return 0;
    }
    return 0;
}

/* -- what the loop is told -- */

static int on_waits(sd_event_source *source, int fd, uint32_t events, void *user)
{
    (void)source;
    (void)fd;
    (void)events;
    ((struct server *)user)->has_waits = true;
    return 0;
}

/* A look-up or a piece of a file is there: its call comes up. */
static int on_workers(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct server *s = user;
    struct workers *w = source == s->lookups ? s->core.workers : s->core.file_workers;
    struct job *job;

    (void)fd;
    (void)events;
    while ((job = workers_next(w)))
        wait_wake(s->core.wait, &((struct call *)job->owner)->ticket);
    return 0;
}

/* The time itself is looked at in every turn; this only ends the loop's sleep. */
static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    ((struct server *)user)->timer_at = INT64_MAX;
    return 0;
}

/* -- life -- */

static int open_loop(struct server *s, const struct server_setup *setup)
{
    int r = sd_event_new(&s->event);

    if (r >= 0)
        r = sd_event_add_io(s->event, &s->waits, wait_fd(s->core.wait), EPOLLIN, on_waits, s);
    if (r >= 0)
        r = sd_event_add_io(s->event, &s->lookups, workers_fd(s->core.workers), EPOLLIN, on_workers,
                            s);
    if (r >= 0)
        r = sd_event_add_io(s->event, &s->files, workers_fd(s->core.file_workers), EPOLLIN,
                            on_workers, s);
    if (r >= 0)
        r = sd_event_add_time(s->event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
    if (r >= 0 && setup->listen_fd >= 0)
        r = sd_event_add_io(s->event, &s->listener, setup->listen_fd, EPOLLIN, on_listener, s);
    return r;
}

struct server *server_new(const struct server_setup *setup)
{
    struct server *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return NULL;
    s->next_session = 1;
    s->timer_at = INT64_MAX;
    r = core_open(&s->core, setup->config, setup->clock, setup->first_handle);
    if (r >= 0)
        r = open_loop(s, setup);
    if (r < 0) {
        server_free(s);
        errno = -r;
        return NULL;
    }
    server_apply_settings(s);
    if (s->core.n_max_sessions < 1) {
        server_free(s);
        errno = EMFILE;
        return NULL;
    }
    return s;
}

void server_apply_settings(struct server *s)
{
    const struct config *config = s->core.config;

    core_share_out_fds(&s->core);
    store_set_history(s->core.store, config->n_history_rows, config->history_age_usec);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    s->is_stopping = true;
    while (s->clients)
        remove_client(s->clients, "the daemon stopped");
    signals_close(&s->signals);
    sd_event_source_disable_unref(s->listener);
    sd_event_source_disable_unref(s->listener_pause);
    sd_event_source_disable_unref(s->timer);
    sd_event_source_disable_unref(s->waits);
    sd_event_source_disable_unref(s->lookups);
    sd_event_source_disable_unref(s->files);
    call_free_spares(&s->core);
    core_close(&s->core);
    sd_event_unref(s->event);
    free(s);
}

/* -- a turn -- */

static void run_tickets(struct server *s)
{
    struct ticket *t;

    if (s->has_waits)
        wait_collect(s->core.wait);
    s->has_waits = false;
    wait_expire(s->core.wait, s->core.now.monotonic);
    while ((t = wait_next(s->core.wait))) {
        struct call *call = (struct call *)((char *)t - offsetof(struct call, ticket));
        struct peer *peer = call->peer;

        if (peer_try_again(call))
            touch(peer->user);
    }
}

/* Sends what this turn brought, and sees who is done. Who has more to do stays touched for the next
 * turn. */
static void flush_touched(struct server *s)
{
    struct client *c, *next;

    DL_FOREACH_SAFE2(s->touched, c, next, touched_next)
    {
        bool is_over;

        c->has_more |= peer_flush(c->peer);
        is_over = peer_is_over(c->peer);
        if (is_over && !awaits_end(c))
            remove_client(c, reason_of(c));
        else if (is_over || !c->has_more)
            untouch(c);
    }
}

/* What happened in this turn, to whoever wants to know, as far as they read. */
static void tell_subscribers(struct server *s)
{
    struct subscription *sub;

    DL_FOREACH(s->core.subscriptions, sub)
    if (peer_tell(sub->peer, sub))
        touch(((struct peer *)sub->peer)->user);
}

static void set_timer(struct server *s)
{
    int64_t wake = wait_next_time(s->core.wait), expiry = store_next_time(s->core.store);
    int64_t at = wake < expiry ? wake : expiry;

    /* One that is set too early is let fire: most times are called off long before they come. */
    if (at >= s->timer_at)
        return;
    s->timer_at = at;
    sd_event_source_set_time(s->timer, (uint64_t)at);
    sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

int server_turn(struct server *s, int64_t timeout_usec)
{
    bool at_once = s->touched || wait_has_next(s->core.wait);
    struct client *c;
    int n_touched, r;

    r = sd_event_run(s->event, at_once                   ? 0
                               : timeout_usec == FOREVER ? UINT64_MAX
                                                         : (uint64_t)timeout_usec);
    /* The loop hands out one event at a time. When turns are long, for somebody is busy, all that
     * has come meanwhile is taken notice of at once. */
    for (int i = 0; at_once && r > 0 && i < 2 * s->core.n_sessions + OTHER_SOURCES; i++)
        r = sd_event_run(s->event, 0);
    if (r < 0)
        return r;
    s->core.now = s->core.clock();
    store_expire(s->core.store);
    run_tickets(s);
    store_look(s->core.store);
    DL_COUNT2(s->touched, c, n_touched, touched_next);
    DL_FOREACH2(s->touched, c, touched_next)
    c->has_more =
        peer_work(c->peer, n_touched < TURN_USEC / LEAST_USEC ? TURN_USEC / n_touched : LEAST_USEC);
    run_tickets(s); /* what this work has made ready */
    flush_touched(s);
    tell_subscribers(s);
    store_trim(s->core.store);
    set_timer(s);
    return 0;
}

/* -- running -- */

int server_run(struct server *s, const struct server_hooks *hooks)
{
    int r;

    s->signals = (struct signals){.reload = hooks->reload, .user = hooks->user};
    if ((r = signals_open(&s->signals, s->event)) < 0)
        return r;
    while (!s->signals.end) {
        if ((r = server_turn(s, FOREVER)) < 0)
            return r;
        hooks->reserve(hooks->user, store_next_number(s->core.store));
    }
    return 0;
}

void server_stop(struct server *s, int64_t timeout_usec)
{
    int64_t until = s->core.clock().monotonic + timeout_usec;
    struct client *c;

    s->is_stopping = true;
    set_listening(s, false);
    DL_FOREACH(s->clients, c)
    {
        peer_stop(c->peer);
        touch(c);
    }
    while (s->clients && s->core.clock().monotonic < until)
        if (server_turn(s, until - s->core.clock().monotonic) < 0)
            return;
}
