#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "discard.h"
#include "dispatch.h"
#include "peer_lines.h"
#include "subscription.h"
#include "proto/limits.h"

enum {
    LINES_PER_TURN = 256, /* at most, however quick they are */
    READS_PER_TURN = 16,
    STUCK_USEC = 10000,
};

struct peer *peer_new(struct core *core, int fd, struct principal *who, bool is_admin)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p) {
        close(fd);
        return NULL;
    }
    p->core = core;
    frame_init(&p->frame, fd, (size_t)core->config->n_max_line_bytes);
    p->frame.discard = discard_fd;
    p->session.id = who->session;
    p->session.who = principal_ref(who);
    p->session.is_admin = is_admin;
    p->session.pools = core->pools;
    p->n_grace_bytes = LIMIT_LINE_BYTES;
    return p;
}

void peer_free(struct peer *p, const char *reason)
{
    while (p->session.calls)
        call_free(p->session.calls);
    peer_free_batches(p);
    subscription_end_session(p->core, &p->session);
    store_end_session(p->core->store, &p->session, reason);
    store_forget_session(&p->session);
    principal_unref(p->session.who);
    if (frame_drain(&p->frame))
        discard_flooded(frame_take_socket(&p->frame));
    frame_done(&p->frame);
    free(p);
}

/* -- work -- */

/* As much waits to be sent as may. A descriptor is a copy that takes its place among the daemon's
 * own until it is sent, and when that will be is up to whoever reads (unix(7), ETOOMANYREFS). */
static bool is_full(const struct peer *p)
{
    return frame_pending(&p->frame) > LIMIT_OUTPUT_BYTES || p->frame.n_fds_out > 0;
}

static bool may_run(const struct peer *p)
{
    int n_most = p->session.is_unordered ? LIMIT_IN_FLIGHT : 1;

    return !p->is_closing && !p->is_broken && p->n_in_work < n_most && !is_full(p);
}

/* Reads once. Returns false when nothing more comes now. */
static bool read_more(struct peer *p)
{
    int n;

    p->frame.takes_no_fds = discard_is_full();
    n = frame_read(&p->frame);

    /* What is left at the end is a last line without its newline. */
    if (n == 0)
        return frame_has_input(&p->frame);
    if (n == -EAGAIN) {
        p->is_closing |= p->is_gone || p->is_stopping;
        return false;
    }
    if (n < 0) {
        p->is_closing = true;
        return false;
    }
    if ((p->is_gone || p->is_stopping) && (p->n_grace_bytes -= n) < 0)
        p->is_closing = true;
    return true;
}

/* Whether to read again after a read that took all there was: only for an end that has been told
 * already, for what comes from now on is told anew. */
static bool is_drained(const struct peer *p)
{
    return p->frame.is_drained && !p->is_half_closed && !p->is_gone && !p->is_stopping;
}

void peer_note_event(struct peer *p, bool half_closed)
{
    p->frame.is_drained = false;
    p->is_half_closed |= half_closed;
}

bool peer_work(struct peer *p, int64_t budget_usec)
{
    int n_lines = LINES_PER_TURN, n_reads = READS_PER_TURN;
    bool has_time = true; /* for one line at least */
    const char *line;
    size_t n;

    p->turn_ends = p->core->clock().monotonic + budget_usec;
    if (p->is_dead)
        return false;
    if (peer_resume(p))
        return true;
    for (; may_run(p) && n_lines && n_reads && has_time; has_time = peer_has_time(p)) {
        int r = frame_next(&p->frame, &line, &n);

        if (r == 1) {
            peer_run_line(p, line, n);
            n_lines--;
        } else if (r == -EMSGSIZE) {
            peer_refuse_line(p);
        } else if (peer_has_stray_fds(p) || p->frame.eof || is_drained(p) || !read_more(p)) {
            return false;
        } else {
            n_reads--;
        }
    }
    return may_run(p) || peer_has_paused(p);
}

/* Holds the session's calls back while its replies are not read, and lets them go when they are. */
static void hold(struct peer *p, bool held)
{
    struct call *c;

    if (p->is_held == held)
        return;
    p->is_held = held;
    if (!held)
        DL_FOREACH(p->session.calls, c)
    wait_park(p->core->wait, &c->ticket, false);
}

bool peer_flush(struct peer *p)
{
    bool was_full = is_full(p);
    int r;

    /* A failed attempt is an event of its own: the kernel has taken room and given it back. */
    if (p->is_stuck && !p->is_gone && p->core->now.monotonic < p->stuck_until)
        return false;
    r = frame_flush(&p->frame);

    p->is_stuck = r == -ETOOMANYREFS;
    p->stuck_until = p->core->now.monotonic + STUCK_USEC;
    if (r < 0 && r != -EAGAIN && !p->is_stuck)
        peer_set_gone(p, false);
    /* Nobody reads what is written for a client that has gone. */
    if (p->is_gone)
        frame_drop(&p->frame);
    hold(p, is_full(p));
    return was_full && !p->is_held;
}

bool peer_tell(struct peer *p, struct subscription *s)
{
    struct buf *out = frame_out(&p->frame);
    size_t mark = buf_len(out);
    bool told = false;

    while (!p->is_closing && !p->is_gone && buf_len(out) < LIMIT_EVENT_BYTES &&
           subscription_next(p->core, s, out))
        told = true;
    p->is_broken |= out->failed;
    /* What did not fit into memory would be no JSON. */
    if (p->is_broken)
        buf_truncate(out, mark);
    return told;
}

bool peer_is_over(const struct peer *p)
{
    bool all_read = p->is_closing || (p->frame.eof && !frame_has_input(&p->frame));

    if (p->is_broken)
        return true;
    if (p->is_closing && p->is_gone)
        return true;
    return all_read && !p->n_in_work && frame_pending(&p->frame) == 0;
}

/* From now on nothing of this session waits. */
static void cancel_all(struct peer *p, const char *name, const char *why)
{
    struct call *c;

    p->session.no_waiting = why;
    p->session.no_waiting_name = name;
    DL_FOREACH(p->session.calls, c)
    call_cancel(c);
}

void peer_set_gone(struct peer *p, bool is_dead)
{
    /* Nobody is there to whom what it had sent could matter. */
    p->is_dead |= is_dead;
    p->is_closing |= is_dead;
    if (p->is_gone)
        return;
    p->is_gone = true;
    cancel_all(p, NULL, "the client has gone");
}

bool peer_try_again(struct call *c)
{
    struct peer *p = c->peer;
    int r;

    p->is_held |= is_full(p);
    /* An answer that says it is too late is short, and must come in time. */
    if (p->is_held && !c->is_cancelled && p->core->now.monotonic < c->deadline) {
        wait_park(p->core->wait, &c->ticket, true);
        return false;
    }
    r = dispatch_again(c);
    if (r == LATER)
        return false;
    peer_end_call(p, c, r);
    return true;
}

void peer_stop(struct peer *p)
{
    p->is_stopping = true;
    /* The name tells a client that comes back that it may ask again. */
    cancel_all(p, "STOPPING", "the daemon stops, and has not done this");
}
