#include "dispatch.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "handlers.h"
#include "proto/codec.h"
#include "proto/limits.h"

static int call_handler(struct call *c)
{
    switch (c->method->id) {
#define M(id, name, P, R, ...)                                                                     \
    case METHOD_##id:                                                                              \
        return on_##id(c, c->params, c->result);
        METHODS(M)
#undef M
    case N_METHODS:
        break;
    }
    return -ENOSYS;
}

/* The handle that the parameters name, anew for each attempt. One that was closed while the call
 * waited cancels the call. */
static int find_handle(struct call *c)
{
    struct wire_handle wanted = {.set = true, .id = c->handle_id};
    int r;

    if (!c->method->handle)
        return 0;
    if (c->handle_id) {
        r = store_find(c->core->store, c->session, &wanted, &c->handle, &c->error);
        return r ? error_set(&c->error, ERROR_CANCELLED, NULL, "the handle was closed meanwhile")
                 : 0;
    }
    memcpy(&wanted, (const char *)c->params + c->method->handle->offset, sizeof wanted);
    if (c->method->flags & CLOSED_TOO)
        return store_find_row(c->core->store, c->session, &wanted, &c->handle, &c->error);
    if (c->method->flags & ADMIN_TOO)
        r = store_find_seen(c->core->store, c->session, &wanted, &c->handle, &c->error);
    else
        r = store_find(c->core->store, c->session, &wanted, &c->handle, &c->error);
    if (r)
        return r;
    c->handle_id = c->handle->id;
    return 0;
}

/* In force: the call's own, the handle's, the session's; else for ever. */
static void set_deadline(struct call *c)
{
    const struct wire_timeout none = {true, FOREVER}, *t = &none;
    const struct field *row = c->method->timeout;

    if (c->session->timeout.set)
        t = &c->session->timeout;
    if (c->handle && c->handle->timeout.set)
        t = &c->handle->timeout;
    if (row && *(const bool *)((const char *)c->params + row->offset))
        t = (const struct wire_timeout *)((const char *)c->params + row->offset);
    c->timeout_usec = t->usec;
    c->deadline = t->usec > 0 ? c->core->now.monotonic + t->usec : INT64_MAX;
}

static int timed_out(struct call *c)
{
    return error_set(&c->error, ERROR_TIMEOUT, NULL, "%s did not come to an end within %g s",
                     c->method->name, (double)c->timeout_usec / 1e6);
}

/* One attempt, if it is the call's turn in its lanes. */
static int attempt_in_turn(struct call *c)
{
    const struct point *point = c->handle ? &c->handle->point : NULL;

    if (c->method->lanes && !c->ticket.is_waiting && !wait_is_free(point, c->method->lanes))
        return call_wait(c, 0, "others wait before");
    if (c->ticket.is_waiting && !wait_is_first(&c->ticket))
        return LATER;
    return call_handler(c);
}

/* What waiting on means: a time to come up at, and an end when that has passed. */
static int wait_on(struct call *c)
{
    int64_t at = c->deadline;
    int r;

    if (c->session->no_waiting)
        return error_set(&c->error, ERROR_CANCELLED, c->session->no_waiting_name, "%s",
                         c->session->no_waiting);
    if (c->core->now.monotonic >= c->deadline)
        return timed_out(c);
    if (c->retry_at && c->retry_at < at)
        at = c->retry_at;
    if (at < INT64_MAX && (r = wait_until(c->core->wait, &c->ticket, at)) < 0)
        return call_os(c, r, "waiting");
    return LATER;
}

/* What an error says beside its kind and name. */
static void complete_error(struct call *c)
{
    c->error.op = c->method->name;
    if (!c->error.handle)
        c->error.handle = c->handle_id;
    /* Whoever looks in vain has not forgotten the socket either. */
    if (c->handle && c->handle->fd >= 0)
        store_note_use(c->core->store, c->handle, 0, 0);
    c->error.has_sent = c->method->result == shape_sent_result();
    c->error.sent = (int64_t)c->n_sent;
}

static int attempt(struct call *c)
{
    int r;

    c->retry_at = 0;
    r = attempt_in_turn(c);
    if (r == LATER)
        r = wait_on(c);
    if (r == LATER)
        return r;
    wait_leave(c->core->wait, &c->ticket);
    if (r < 0)
        r = call_os(c, r, c->method->name);
    if (r)
        complete_error(c);
    return r;
}

static int find_method(struct call *c, const struct json *json, const struct message *m)
{
    size_t n;
    const char *name = json_get_string(json, m->method, &c->arena, &n);

    if (!name)
        return error_memory(&c->error);
    if ((c->method = method_find(name, n)))
        return 0;
    c->error.op = name;
    c->error.hint = "rpc.discover lists the methods";
    return error_set(&c->error, ERROR_METHOD_NOT_FOUND, NULL, "there is no method %.80s", name);
}

/* A descriptor that the method does not take. One that is missing is told after what else is wrong.
 */
static int check_uninvited(struct call *c)
{
    if (c->fd < 0 || c->method->flags & FD_IN)
        return 0;
    c->ends_session = true;
    return error_set(&c->error, ERROR_FD, "UNINVITED", "%s takes no descriptor; the session ends",
                     c->method->name);
}

static int check_missing(struct call *c)
{
    if (c->fd >= 0 || !(c->method->flags & FD_IN))
        return 0;
    c->ends_session = true;
    return error_set(&c->error, ERROR_FD, "MISSING",
                     "%s needs a descriptor: say \"fds\":1 and send it along; the session ends",
                     c->method->name);
}

/* Whether a descriptor could go with the reply. */
static int check_fd_out(struct call *c)
{
    if (!(c->method->flags & FD_OUT))
        return 0;
    if (c->batch || !c->id)
        return error_set(&c->error, ERROR_FD, "BATCH",
                         "no descriptor travels with a batch, or without a reply; ask alone");
    if (c->n_fds_unread < c->core->n_max_fds_unread)
        return 0;
    c->error.hint = "read the replies that carry them";
    return error_set(&c->error, ERROR_LIMIT, "FDS",
                     "%d descriptors are on their way to this session and unread", c->n_fds_unread);
}

static int read_request(struct call *c, const struct json *json, const struct message *m)
{
    int r;

    c->n_id = m->n_id;
    if (m->id && !(c->id = arena_copy(&c->arena, m->id, m->n_id))) {
        /* It was no notification: somebody waits for an answer. */
        c->id = "null";
        c->n_id = 4;
        return error_memory(&c->error);
    }
    if ((r = find_method(c, json, m)))
        return r;
    c->error.op = c->method->name;
    if ((r = check_uninvited(c)) || (r = check_fd_out(c)))
        return r;
    c->params = arena_alloc(&c->arena, c->method->params->n_bytes);
    c->result = arena_alloc(&c->arena, c->method->result->n_bytes);
    if (!c->params || !c->result)
        return error_memory(&c->error);
    return codec_decode(c->method->params, CODEC_STRICT, json, m->params, &c->arena, c->params,
                        &c->error);
}

int dispatch_begin(struct call *c, const struct json *json, const struct message *m)
{
    int r;

    c->core->n_requests++;
    r = read_request(c, json, m);

    if (r)
        return r;
    if ((r = find_handle(c)) || (r = check_missing(c)))
        return r;
    set_deadline(c);
    r = attempt(c);
    if (r == LATER)
        DL_APPEND(c->session->calls, c);
    return r;
}

int dispatch_again(struct call *c)
{
    int r;

    c->handle = NULL; /* of an earlier turn: the history may have let it go */
    if (c->is_cancelled)
        r = error_set(&c->error, ERROR_CANCELLED, c->session->no_waiting_name, "%s",
                      c->session->no_waiting ? c->session->no_waiting : "cancel was asked for");
    else
        r = find_handle(c);
    if (!r)
        return attempt(c);
    wait_leave(c->core->wait, &c->ticket);
    complete_error(c);
    return r;
}

void dispatch_reply(struct call *c, int r, struct buf *b)
{
    const struct field *first;

    if (!c->id)
        return;
    if (r) {
        message_error(b, c->id, c->n_id, &c->error);
        return;
    }
    message_begin_result(b, c->id, c->n_id);
    first = c->method->result->fields;
    if (c->method->flags & WHOLE_RESULT)
        codec_encode_member(first, c->result, b);
    else
        codec_encode(c->method->result, c->result, b);
    message_end_result(b, c->fd_out >= 0);
}
