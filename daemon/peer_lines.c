#include "peer_lines.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "dispatch.h"
#include "log.h"
#include "peer.h"
#include "proto/limits.h"

enum { LOGGED_PER_SECOND = 20 };

/* A batch that is not all answered: its line, read once, and the replies so far. */
struct batch {
    char *line;
    struct json json;
    uint32_t next_entry, n_left;
    bool is_paused; /* it goes on when its peer has its next turn */
    struct buf replies;
    struct batch *prev, *next;
};

static void free_batch(struct peer *p, struct batch *b)
{
    DL_DELETE(p->batches, b);
    json_done(&b->json);
    buf_done(&b->replies);
    free(b->line);
    free(b);
}

/* -- replies -- */

static bool may_log(struct peer *p)
{
    int64_t second = p->core->now.monotonic / 1000000;

    if (second != p->log_window) {
        p->log_window = second;
        p->n_logged = 0;
    }
    return p->n_logged++ < LOGGED_PER_SECOND;
}

static void log_error(struct peer *p, const char *method, const struct error *e)
{
    if (may_log(p))
        log_client_error(p->session.who, method, e);
}

/* A reply that did not fit into memory is replaced by a short one that says so. */
static void mend(struct peer *p, struct buf *b, size_t mark, const char *id, size_t n_id)
{
    struct error e = {0};

    if (!b->failed)
        return;
    buf_truncate(b, mark);
    error_memory(&e);
    message_error(b, id, n_id, &e);
    if (b->failed) {
        buf_truncate(b, mark);
        p->is_broken = true;
    }
}

/* An answer to a line that became no call. */
static void answer_error(struct peer *p, struct buf *b, const char *id, size_t n_id,
                         const struct error *e)
{
    size_t mark = buf_len(b);

    message_error(b, id, n_id, e);
    mend(p, b, mark, id, n_id);
    log_error(p, "a request", e);
    p->is_closing |= e->id == ERROR_FD;
}

static void end_line(struct peer *p)
{
    buf_add_char(frame_out(&p->frame), '\n');
    /* A line without its end would swallow the next. */
    p->is_broken |= frame_out(&p->frame)->failed;
}

static void answer_line_error(struct peer *p, const struct error *e)
{
    answer_error(p, frame_out(&p->frame), "null", 4, e);
    end_line(p);
}

/* Where a reply of this batch goes, behind its comma. Without that the line would be no JSON. */
static struct buf *next_reply(struct peer *p, struct batch *b)
{
    buf_add_char(&b->replies, buf_len(&b->replies) ? ',' : '[');
    p->is_broken |= b->replies.failed;
    return &b->replies;
}

static void write_reply(struct peer *p, struct call *c, int r)
{
    struct batch *batch = c->batch;
    struct buf *b = batch ? next_reply(p, batch) : frame_out(&p->frame);
    size_t mark = buf_len(b);
    bool has_fd = !r && c->fd_out >= 0;

    if (has_fd && frame_give_fd(&p->frame, c->fd_out) < 0) {
        r = error_memory(&c->error);
        has_fd = false;
        c->fd_out = -1;
    }
    dispatch_reply(c, r, b);
    if (has_fd)
        c->fd_out = -1;
    if (has_fd && b->failed)
        frame_take_back_fd(&p->frame);
    mend(p, b, mark, c->id, c->n_id);
    if (!batch)
        end_line(p);
}

static void end_call(struct peer *p, struct call *c, int r)
{
    if (c->id)
        write_reply(p, c, r);
    p->core->n_errors += r != 0;
    if (r) {
        log_error(p, c->method ? c->method->name : "a request", &c->error);
        p->is_closing |= c->ends_session;
    }
    call_free(c);
}

/* -- requests -- */

/* Whether the descriptors that came are those that the message speaks of. Surplus shows when all
 * that came with them has been read. */
static int check_fds(struct peer *p, int n_fds, struct error *e)
{
    bool surplus = p->frame.n_fds_in > n_fds && !frame_has_input(&p->frame);

    if (p->frame.fds_broken)
        return error_set(
            e, ERROR_FD, "TRUNCATED",
            "more descriptors came than a message may carry or the daemon has room for; "
            "the session ends");
    if (p->frame.n_fds_in < n_fds)
        return error_set(e, ERROR_FD, "MISSING",
                         "the message says fds: %d, but none came; the session ends", n_fds);
    if (surplus)
        return error_set(e, ERROR_FD, "SURPLUS",
                         "a descriptor came that no message speaks of; the session ends");
    return 0;
}

/* Runs one request. Returns true when its call waits. */
static bool begin_call(struct peer *p, const struct json *json, const struct message *m,
                       struct batch *batch)
{
    struct call *c = call_new(p->core, &p->session);
    struct error e = {0};
    int r;

    if (!c) {
        error_memory(&e);
        if (m->id)
            answer_error(p, batch ? next_reply(p, batch) : frame_out(&p->frame), m->id, m->n_id,
                         &e);
        if (m->id && !batch)
            end_line(p);
        return false;
    }
    c->peer = p;
    c->batch = batch;
    c->fd = m->n_fds ? frame_take_fd(&p->frame) : -1;
    c->n_fds_unread = frame_fds_unread(&p->frame);
    r = dispatch_begin(c, json, m);
    if (r == LATER)
        return true;
    end_call(p, c, r);
    return false;
}

/* What comes when the daemon stops is answered, and not done. */
static int check_stopping(const struct peer *p, const struct json *json, uint32_t name,
                          struct error *e)
{
    const struct json_token *t = &json->tokens[name];
    const struct method *method;

    if (!p->is_stopping)
        return 0;
    method = method_find(json->text + t->start, t->end - t->start);
    e->op = method ? method->name : NULL;
    return error_set(e, ERROR_CANCELLED, p->session.no_waiting_name, "%s", p->session.no_waiting);
}

/* A line that is one request. Returns true when its call waits. */
static bool run_single(struct peer *p, const struct json *json, int scanned, struct error *e)
{
    struct message m;
    struct error envelope = {0};
    int r = message_parse(json, 0, &m, &envelope);

    /* What the scan found weighs more, but the id is worth having. */
    if (scanned && !m.id) {
        m.id = "null";
        m.n_id = 4;
    }
    if (!scanned && r)
        *e = envelope;
    if (!scanned && !r)
        r = check_fds(p, m.n_fds, e);
    if (!scanned && !r)
        r = check_stopping(p, json, m.method, e);
    if (!scanned && !r)
        return begin_call(p, json, &m, NULL);
    if (m.id) {
        answer_error(p, frame_out(&p->frame), m.id, m.n_id, e);
        end_line(p);
    }
    p->is_closing |= e->id == ERROR_FD;
    return false;
}

/* One entry of a batch. Returns true when its call waits. */
static bool run_entry(struct peer *p, struct batch *b, uint32_t entry)
{
    struct error e = {0};
    struct message m;
    int r = message_parse(&b->json, entry, &m, &e);

    if (!r && m.n_fds)
        r = error_set(&e, ERROR_FD, NULL,
                      "no entry of a batch may carry descriptors; the session ends");
    if (!r)
        r = check_stopping(p, &b->json, m.method, &e);
    if (!r && buf_len(&b->replies) > LIMIT_BATCH_REPLY_BYTES)
        r = error_set(&e, ERROR_LIMIT, "BATCH", "the replies before fill %d bytes; ask again alone",
                      LIMIT_BATCH_REPLY_BYTES);
    if (!r)
        return begin_call(p, &b->json, &m, b);
    if (m.id)
        answer_error(p, next_reply(p, b), m.id, m.n_id, &e);
    return false;
}

bool peer_has_time(const struct peer *p)
{
    return p->core->clock().monotonic < p->turn_ends;
}

/* Runs entries until one waits, time is up, or all are answered. Returns true when the batch has
 * not ended. */
static bool run_batch(struct peer *p, struct batch *b)
{
    struct buf *out = frame_out(&p->frame);

    b->is_paused = false;
    while (b->n_left) {
        uint32_t entry = b->next_entry;

        b->n_left--;
        b->next_entry = b->json.tokens[entry].next;
        if (run_entry(p, b, entry))
            return true;
        b->is_paused = b->n_left && !peer_has_time(p);
        if (b->is_paused)
            return true;
    }
    /* A batch of notifications alone is not answered. */
    if (buf_len(&b->replies)) {
        buf_add_char(&b->replies, ']');
        buf_add(out, b->replies.data + b->replies.start, buf_len(&b->replies));
        end_line(p);
        p->is_broken |= b->replies.failed || out->failed;
    }
    free_batch(p, b);
    return false;
}

/* Takes the line over: its entries may wait. */
static struct batch *new_batch(struct peer *p, struct json *json, const char *line, size_t n)
{
    struct batch *b = calloc(1, sizeof *b);

    if (!b || !(b->line = malloc(n))) {
        free(b);
        return NULL;
    }
    memcpy(b->line, line, n);
    b->json = *json;
    b->json.text = b->line;
    *json = (struct json){0};
    b->next_entry = 1;
    b->n_left = b->json.tokens[0].n;
    DL_APPEND(p->batches, b);
    return b;
}

static bool begin_batch(struct peer *p, struct json *json, const char *line, size_t n)
{
    uint32_t n_entries = json->tokens[0].n;
    struct error e = {0};
    struct batch *b = NULL;

    if (n_entries == 0)
        error_set(&e, ERROR_INVALID_REQUEST, NULL, "a batch has at least one entry");
    else if (n_entries > LIMIT_BATCH_ENTRIES)
        error_set(&e, ERROR_LIMIT, "BATCH", "a batch has at most %d entries, not %u",
                  LIMIT_BATCH_ENTRIES, n_entries);
    else if (check_fds(p, 0, &e) == 0 && !(b = new_batch(p, json, line, n)))
        error_memory(&e);
    if (!e.id)
        return run_batch(p, b);
    answer_line_error(p, &e);
    return false;
}

void peer_run_line(struct peer *p, const char *line, size_t n)
{
    struct json *json = &p->core->json;
    struct error e = {0};
    int r = json_scan(json, line, n, &e);
    bool waits;

    if (r && (r != ERROR_INVALID_REQUEST || json->n_tokens == 0 ||
              json->tokens[0].type != JSON_OBJECT)) {
        answer_line_error(p, &e);
        return;
    }
    if (json->tokens[0].type == JSON_ARRAY)
        waits = begin_batch(p, json, line, n);
    else
        waits = run_single(p, json, r, &e);
    p->n_in_work += waits;
}

/* -- what a session does with its lines -- */

/* No whole line is left: what came with it cannot be told from what came for nothing, but the line
 * that is still to come can claim no more than one descriptor. */
bool peer_has_stray_fds(struct peer *p)
{
    int n_allowed = frame_has_input(&p->frame) ? LIMIT_FDS_PER_MESSAGE : 0;
    struct error e = {0};

    if (p->frame.n_fds_in <= n_allowed && !p->frame.fds_broken)
        return false;
    check_fds(p, 0, &e);
    if (!e.id)
        error_set(&e, ERROR_FD, "SURPLUS",
                  "more descriptors came than a message may carry; the session ends");
    answer_line_error(p, &e);
    return true;
}

void peer_refuse_line(struct peer *p)
{
    struct error e = {0};

    error_set(&e, ERROR_LIMIT, "LINE", "a line has at most %zu bytes; this one is discarded",
              p->frame.n_max_line);
    answer_line_error(p, &e);
}

bool peer_has_paused(const struct peer *p)
{
    struct batch *b;

    DL_FOREACH(p->batches, b)
    if (b->is_paused)
        return true;
    return false;
}

/* Batches that were cut off go on first. Returns whether one is cut off again. */
bool peer_resume(struct peer *p)
{
    struct batch *b, *next;

    DL_FOREACH_SAFE(p->batches, b, next)
    if (b->is_paused && !run_batch(p, b))
        p->n_in_work--;
    return peer_has_paused(p);
}

void peer_end_call(struct peer *p, struct call *c, int r)
{
    struct batch *batch = c->batch;

    end_call(p, c, r);
    if (batch)
        batch->is_paused = true;
    else
        p->n_in_work--;
}

void peer_free_batches(struct peer *p)
{
    while (p->batches)
        free_batch(p, p->batches);
}
