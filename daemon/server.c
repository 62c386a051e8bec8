#include "server_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <utlist.h>

#include "absent.h"
#include "guard.h"
#include "log.h"
#include "socket.h"
#include "stream.h"
#include "subscription.h"
#include "tls_contexts.h"

enum {
    TURN_USEC = 2000, /* shared by all who have something to do */
    LEAST_USEC = 50,
    OTHER_SOURCES = 12, /* of events, beside two for each session */
};

struct core *server_core(struct server *s)
{
    return &s->core;
}

struct sd_event *server_event(struct server *s)
{
    return s->event;
}

int server_n_sessions(const struct server *s)
{
    return (int)s->core.n_sessions;
}

/* -- what the loop is told -- */

static int on_waits(sd_event_source *source, int fd, uint32_t events, void *user)
{
    (void)source;
    (void)fd;
    (void)events;
    guard_wake();
    ((struct server *)user)->has_waits = true;
    return 0;
}

/* A look-up, a piece of a file, a step of a handshake is there: its call comes up. */
static int on_workers(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct server *s = user;
    struct workers *w = source == s->lookups ? s->core.workers
                        : source == s->files ? s->core.file_workers
                                             : s->core.handshakes;
    struct job *job;

    (void)fd;
    (void)events;
    guard_wake();
    while ((job = workers_next(w)))
        wait_wake(s->core.wait, &((struct call *)job->owner)->ticket);
    return 0;
}

/* The manager takes orders again, or has carried some out; a socket has died elsewhere: looked at
 * in every turn. */
static int on_news(sd_event_source *source, int fd, uint32_t events, void *user)
{
    (void)source;
    (void)fd;
    (void)events;
    (void)user;
    guard_wake();
    return 0;
}

/* The time itself is looked at in every turn; this only ends the loop's sleep. */
static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    guard_wake();
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
        r = sd_event_add_io(s->event, &s->handshakes, workers_fd(s->core.handshakes), EPOLLIN,
                            on_workers, s);
    if (r >= 0 && s->core.keep)
        r = sd_event_add_io(s->event, &s->keep, keep_fd(s->core.keep), EPOLLIN, on_news, s);
    if (r >= 0 && follow_fd(s->core.follow) >= 0)
        r = sd_event_add_io(s->event, &s->deaths, follow_fd(s->core.follow), EPOLLIN, on_news, s);
    if (r >= 0)
        r = sd_event_add_time(s->event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
    if (r >= 0 && setup->listen_fd >= 0)
        r = sd_event_add_io(s->event, &s->listener, setup->listen_fd, EPOLLIN, server_on_listener,
                            s);
    return r;
}

struct server *server_new(const struct server_setup *setup)
{
    struct server *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return NULL;
    s->next_session = 1;
    s->timer_at = s->flush_again_at = INT64_MAX;
    r = core_open(&s->core, &setup->core);
    if (setup->listen_fd >= 0 && socket_name(setup->listen_fd, &s->core.control) < 0)
        s->core.control.len = 0;
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

void server_await_absent(struct server *s, int64_t next_session)
{
    int64_t now = s->core.clock().monotonic, grace = s->core.config->session_grace_usec;

    s->absent_until = grace < INT64_MAX - now ? now + grace : INT64_MAX;
    if (next_session > s->next_session)
        s->next_session = next_session;
    state_note_session(s->core.state, s->next_session);
}

/* What is wrong with an identity is told when the settings are read. One that was in service stays:
 * a certificate and its key are rarely replaced in the same moment. */
static void load_identity(struct server *s, struct tls_contexts *before, const char *name)
{
    struct error e = {0};
    bool is_old;

    if (tls_contexts_load(s->core.tls, before, name, &is_old, &e))
        log_line(LOG_WARNING, "[tls %s] %s: %s", name,
                 is_old ? "stays as it was" : "cannot be used", e.message);
}

static void apply_identities(struct server *s)
{
    const struct tls_identity *id = s->core.config->identities;
    struct tls_contexts *before = s->core.tls;

    s->core.tls = id ? tls_contexts_new(id) : NULL;
    for (; s->core.tls && id; id = id->next)
        load_identity(s, before, id->name);
    /* Connections keep those that they began with. */
    tls_contexts_unref(before);
}

void server_apply_settings(struct server *s)
{
    const struct config *config = s->core.config;

    apply_identities(s);
    core_share_out_fds(&s->core);
    store_set_history(s->core.store, config->n_history_rows, config->history_age_usec);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    guard_wake(); /* until the process ends */
    s->is_stopping = true;
    while (s->clients)
        server_remove_client(s->clients, "the daemon stopped");
    signals_close(&s->signals);
    sd_event_source_disable_unref(s->listener);
    sd_event_source_disable_unref(s->listener_pause);
    sd_event_source_disable_unref(s->timer);
    sd_event_source_disable_unref(s->waits);
    sd_event_source_disable_unref(s->lookups);
    sd_event_source_disable_unref(s->files);
    sd_event_source_disable_unref(s->handshakes);
    sd_event_source_disable_unref(s->keep);
    sd_event_source_disable_unref(s->streams);
    sd_event_source_disable_unref(s->deaths);
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
            server_touch(peer->user);
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
        if (c->peer->is_stuck && c->peer->stuck_until < s->flush_again_at)
            s->flush_again_at = c->peer->stuck_until;
        is_over = peer_is_over(c->peer);
        if (is_over && !server_awaits_end(c))
            server_remove_client(c, server_reason_of(c));
        else if (is_over || !c->has_more)
            server_untouch(c);
    }
}

/* No event tells when the kernel takes descriptors again. */
static void touch_stuck(struct server *s)
{
    struct client *c;

    if (s->core.now.monotonic < s->flush_again_at)
        return;
    s->flush_again_at = INT64_MAX;
    DL_FOREACH(s->clients, c)
    if (c->peer->is_stuck)
        server_touch(c);
}

/* Sockets that were handed off and have died. */
static void take_deaths(struct server *s)
{
    store_take_deaths(s->core.store, s->core.follow);
    follow_listen(s->core.follow, store_n_followed(s->core.store) > 0);
}

/* What happened in this turn, to whoever wants to know, as far as they read. */
static void tell_subscribers(struct server *s)
{
    struct subscription *sub;

    DL_FOREACH(s->core.subscriptions, sub)
    if (peer_tell(sub->peer, sub))
        server_touch(((struct peer *)sub->peer)->user);
}

/* Who has not come back by now does not. */
static void end_absent(struct server *s)
{
    if (s->core.absent && s->core.now.monotonic >= s->absent_until)
        absent_end(&s->core.absent, s->core.store,
                   "its session ended with the daemon before, and did not come back");
}

/* Streams of living handles that have come to their end. */
static void end_streams(struct server *s)
{
    struct streams *all = s->core.streams;
    struct stream_end end;

    if (all && !s->streams)
        sd_event_add_io(s->event, &s->streams, streams_fd(all), EPOLLIN, on_news, s);
    while (all && stream_next(all, &end))
        store_end_stream(s->core.store, store_find_number(s->core.store, end.handle), &end);
}

static void set_timer(struct server *s)
{
    int64_t wake = wait_next_time(s->core.wait), expiry = store_next_time(s->core.store);
    int64_t at = wake < expiry ? wake : expiry;

    if (s->core.absent && s->absent_until < at)
        at = s->absent_until;
    if (s->flush_again_at < at)
        at = s->flush_again_at;
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

    guard_rest();
    r = sd_event_run(s->event, at_once                   ? 0
                               : timeout_usec == FOREVER ? UINT64_MAX
                                                         : (uint64_t)timeout_usec);
    if (at_once)
        guard_wake();
    /* The loop hands out one event at a time. When turns are long, for somebody is busy, all that
     * has come meanwhile is taken notice of at once. */
    for (int i = 0; at_once && r > 0 && i < 2 * s->core.n_sessions + OTHER_SOURCES; i++)
        r = sd_event_run(s->event, 0);
    if (r < 0)
        return r;
    s->core.now = s->core.clock();
    store_expire(s->core.store);
    end_absent(s);
    touch_stuck(s);
    take_deaths(s);
    run_tickets(s);
    store_look(s->core.store);
    DL_COUNT2(s->touched, c, n_touched, touched_next);
    DL_FOREACH2(s->touched, c, touched_next)
    c->has_more =
        peer_work(c->peer, n_touched < TURN_USEC / LEAST_USEC ? TURN_USEC / n_touched : LEAST_USEC);
    run_tickets(s); /* what this work has made ready */
    end_streams(s);
    /* Before anybody is told that a socket is there: then it is there after a crash too. */
    store_keep_more(s->core.store);
    if (s->core.keep)
        keep_work(s->core.keep);
    flush_touched(s);
    tell_subscribers(s);
    follow_forget(s->core.follow);
    store_trim(s->core.store);
    set_timer(s);
    return 0;
}

/* -- running -- */

int server_take_signals(struct server *s, const struct server_hooks *hooks)
{
    s->signals = (struct signals){.reload = hooks->reload, .user = hooks->user};
    return signals_open(&s->signals, s->event);
}

int server_run(struct server *s, const struct server_hooks *hooks)
{
    int64_t timeout_usec = FOREVER;
    int r;

    guard_stand();
    while (!s->signals.end) {
        /* Said since the last turn, or before the first: nobody else would go on with it. */
        if (s->core.keep && notify_is_busy(s->core.keep->notify))
            keep_work(s->core.keep);
        if ((r = server_turn(s, timeout_usec)) < 0)
            return r;
        timeout_usec = hooks->turned(hooks->user);
    }
    return 0;
}

void server_stop(struct server *s, int64_t timeout_usec)
{
    int64_t until = s->core.clock().monotonic + timeout_usec, half = until - timeout_usec / 2, left;
    struct client *c;

    /* What a busy manager has not taken yet would end here: it has half of the time for that. */
    while (store_is_unkept(s->core.store) && (left = half - s->core.clock().monotonic) > 0)
        if (server_turn(s, left) < 0)
            return;
    s->is_stopping = true;
    store_end(s->core.store);
    server_set_listening(s, false);
    DL_FOREACH(s->clients, c)
    {
        peer_stop(c->peer);
        server_touch(c);
    }
    while (s->clients && s->core.clock().monotonic < until)
        if (server_turn(s, until - s->core.clock().monotonic) < 0)
            return;
}
