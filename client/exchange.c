#include "client/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/failure.h"
#include "client/ride.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "proto/utf8.h"

/* -- requests out ------------------------------------------------------------------------------ */

static int64_t begin_request(berth *b, const char *method)
{
    buf_truncate(&b->line, 0);
    message_begin_request(&b->line, ++b->last_id, method);
    return b->last_id;
}

/* Appends a JSON text of the caller's, checked here: what is broken could break the line. Line
 * breaks between values are white space; on the wire they would end the line. */
static int add_json(berth *b, const char *what, const char *json)
{
    struct error e = {0};
    size_t n = strlen(json);
    char *at;

    if (json_scan(&b->json, json, n, &e))
        return failure_local(b, e.sys_errno ? e.sys_errno : EINVAL, "give one JSON value", "%s: %s",
                             what, e.message);
    if (!(at = buf_reserve(&b->line, n)))
        return 0;
    for (size_t i = 0; i < n; i++)
        at[i] = json[i] == '\n' || json[i] == '\r' ? ' ' : json[i];
    b->line.end += n;
    return 0;
}

/* Puts a JSON value behind the members that were just written. */
static int add_raw(berth *b, const char *name, const char *json)
{
    struct buf *line = &b->line;

    if (line->failed || !json)
        return 0;
    buf_truncate(line, buf_len(line) - 1); /* the closing brace */
    buf_printf(line, "%s\"%s\":", line->data[line->end - 1] == '{' ? "" : ",", name);
    if (add_json(b, name, json) < 0)
        return -1;
    buf_add_char(line, '}');
    return 0;
}

static int check_line(berth *b)
{
    bool nul;

    if (b->line.failed)
        return failure_local(b, ENOMEM, NULL, "out of memory");
    if (buf_len(&b->line) > b->n_max_request)
        return failure_local(b, EMSGSIZE, "send it in pieces",
                             "the request has %zu bytes; the daemon takes %zu", buf_len(&b->line),
                             b->n_max_request);
    if (!utf8_is_valid(b->line.data + b->line.start, buf_len(&b->line), &nul))
        return failure_local(b, EILSEQ, NULL, "a text of the request is not UTF-8");
    return 0;
}

/* Queues the line that was begun. All or nothing. */
static int end_request(berth *b, const struct method *method, int fd, bool wait)
{
    message_end_request(&b->line, fd >= 0);
    if (check_line(b) < 0)
        return -1;
    buf_add_char(&b->line, '\n');
    if (b->line.failed)
        return failure_local(b, ENOMEM, NULL, "out of memory");
    return ride_send(b, b->last_id, method, fd, wait);
}

/* -- replies in -------------------------------------------------------------------------------- */

/* Waits until the reply to `id` is there. Replies to other requests are kept for later. There is no
 * end to it by time: the caller asked to wait for the daemon, the daemon keeps the deadlines, and
 * its death wakes us too. */
static int wait_for_reply(berth *b, int64_t id, struct reply *ret)
{
    int r;

    if (ride_traffic_out(b) < 0)
        return -1;
    for (;;) {
        while ((r = ride_next_line(b, ret)) > 0) {
            if (reply_answers(ret, id))
                return 0;
            if (reply_park(b, ret) < 0)
                return -1;
        }
        if (r < 0 || ride_wait(b) < 0)
            return -1;
    }
}

/* The same; then nothing is owed to this call any more. The reply is scanned into b->json. */
static int receive(berth *b, int64_t id, struct reply *ret)
{
    int r = wait_for_reply(b, id, ret);

    ride_forget(b, id);
    return r;
}

/* -- both -------------------------------------------------------------------------------------- */

static int take_result(berth *b, const struct method *method, const struct exchange *x,
                       const struct reply *reply)
{
    struct error e = {0};

    if (reply->m.error)
        return failure_reply(b, reply->m.error);
    if (x->ret_json && !(*x->ret_json = reply_json(b, reply->m.result)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    if (!x->result || !codec_decode(method->result, CODEC_LOOSE, &b->json, reply->m.result,
                                    &b->arena, x->result, &e))
        return 0;
    if (x->ret_json)
        free(*x->ret_json);
    return failure_local(b, e.sys_errno ? e.sys_errno : EPROTO, NULL, "%s: the daemon's answer: %s",
                         method->name, e.message);
}

int exchange_call(berth *b, enum method_id id, const struct exchange *x)
{
    const struct method *method = method_at(id);
    int64_t request = begin_request(b, method->name);
    struct reply reply;
    int r;

    codec_encode(method->params, x->params, &b->line);
    if (add_raw(b, x->raw_name, x->raw_json) < 0)
        return -1;
    if (end_request(b, method, x->fd ? *x->fd : -1, true) < 0 || receive(b, request, &reply) < 0)
        return -1;
    r = take_result(b, method, x, &reply);
    if (x->ret_fd && r == 0)
        *x->ret_fd = reply.fd;
    else if (reply.fd >= 0)
        close(reply.fd);
    return r;
}

int64_t exchange_send_text(berth *b, const char *method, const char *params, int fd, bool wait)
{
    int64_t id;
    bool nul;

    if (!utf8_is_valid(method, strlen(method), &nul))
        return failure_local(b, EILSEQ, NULL, "the method's name is not UTF-8");
    if (!wait &&
        (b->n_waiting >= SESSION_MAX_WAITING || frame_pending(&b->frame) >= SESSION_MAX_UNSENT ||
         b->ride.requests.n_bytes >= SESSION_MAX_KEPT))
        return failure_local(b, EAGAIN, "call berth_next_reply() until it returns 0",
                             "too many requests wait for an answer");
    id = begin_request(b, method);
    if (add_json(b, "params", params ? params : "{}") < 0 ||
        end_request(b, method_find(method, strlen(method)), fd, wait) < 0)
        return -1;
    if (wait)
        return id;
    b->n_waiting++;
    return ride_traffic_out(b) < 0 ? -1 : id;
}

char *exchange_receive_text(berth *b, int64_t id, int *ret_fd)
{
    struct reply reply;
    char *json = NULL;

    if (receive(b, id, &reply) < 0)
        return NULL;
    if (reply.m.error)
        failure_reply(b, reply.m.error);
    else if (!(json = reply_json(b, reply.m.result)))
        failure_local(b, ENOMEM, NULL, "out of memory");
    if (ret_fd && json)
        *ret_fd = reply.fd;
    else if (reply.fd >= 0)
        close(reply.fd);
    return json;
}
