#include "client/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/failure.h"
#include "client/learn.h"
#include "client/reply.h"
#include "proto/message.h"

static int put(berth *b, struct pending *p)
{
    bool is_unsubscribe = p->method && p->method->id == METHOD_unsubscribe;
    struct buf line = {0};
    int r;

    if (p->n_sent == 0 && !(is_unsubscribe && b->ride.learnt.subs)) {
        r = reply_put(b, p->line, p->n_line, p->fd);
    } else {
        if (is_unsubscribe)
            learn_translate(b, p, &line);
        else
            pending_write(p, pending_now(), &line);
        r = line.failed ? session_break(b, ENOMEM) : reply_put(b, line.data, line.end, p->fd);
        buf_done(&line);
    }
    if (r < 0)
        return -1;
    p->n_sent++;
    p->is_written = p->is_refused = false;
    p->end_at = b->frame.n_flushed + frame_pending(&b->frame);
    return 0;
}

int queue_add(berth *b, int64_t id, const struct method *method, int fd, bool is_sync)
{
    const char *line = b->line.data + b->line.start;
    struct pending *p;

    p = pending_add(&b->ride.requests, id, method, line, buf_len(&b->line), fd, is_sync);
    if (!p && errno == ENOMEM)
        return failure_local(b, ENOMEM, NULL, "out of memory");
    if (!p)
        return failure_local(b, errno, NULL, "descriptor %d: %s", fd, strerror(errno));
    if (b->ride.state != RIDE_HOME || put(b, p) == 0)
        return 0;
    pending_remove(&b->ride.requests, p);
    return -1;
}

void queue_forget(berth *b, int64_t id)
{
    struct pending *p = pending_find(&b->ride.requests, id);

    b->ride.made = NULL;
    if (p)
        pending_remove(&b->ride.requests, p);
}

/* -- a break ----------------------------------------------------------------------------------- */

void queue_break(berth *b)
{
    for (struct pending *p = b->ride.requests.first; p; p = p->next) {
        /* A line that lacks more than its newline is no request. */
        p->is_written = p->n_sent > 0 && p->end_at <= b->frame.n_flushed + 1;
        pending_find_timeout(p, NULL);
    }
}

/* Answers a request in the daemon's stead. */
static int end(berth *b, struct pending *p, struct error *e)
{
    struct buf line = {0};
    char id[24];
    int r = 0;

    e->op = p->method ? p->method->name : NULL;
    message_error(&line, id, (size_t)snprintf(id, sizeof id, "%lld", (long long)p->id), e);
    if (!line.failed && !p->is_sync)
        r = reply_park_line(b, line.data, line.end);
    else if (line.failed || !(b->ride.made = arena_copy(&b->arena, line.data, line.end)))
        r = session_break(b, ENOMEM);
    buf_done(&line);
    pending_remove(&b->ride.requests, p);
    return r;
}

static int end_restarted(berth *b, struct pending *p)
{
    struct error e = {0};

    error_set(&e, ERROR_CANCELLED, "RESTARTED",
              "berthd was restarted while this call was in flight; it may or may not have had an "
              "effect");
    e.hint = "look what has become of it before you ask again";
    return end(b, p, &e);
}

int queue_end_late(berth *b)
{
    struct pending *p, *next;
    struct error e = {0};
    double now = pending_now();
    int r = 0;

    for (p = b->ride.requests.first; p && r == 0; p = next) {
        next = p->next;
        if (!pending_is_late(p, now) || !pending_may_be_sent(p))
            continue;
        error_set(&e, ERROR_TIMEOUT, NULL, "timed out while berthd was restarted");
        r = end(b, p, &e);
    }
    return r;
}

int queue_resume(berth *b)
{
    struct pending *p, *next;
    int r = queue_end_late(b);

    for (p = b->ride.requests.first; p && r == 0; p = next) {
        next = p->next;
        r = pending_may_be_sent(p) ? put(b, p) : end_restarted(b, p);
    }
    return r;
}
