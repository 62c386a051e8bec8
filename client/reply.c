#include "client/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/failure.h"

int reply_put(berth *b, const char *line, size_t n, int fd)
{
    struct buf *out = frame_out(&b->frame);
    int copy;

    if (!buf_reserve(out, n)) {
        buf_truncate(out, buf_len(out));
        return failure_local(b, ENOMEM, NULL, "out of memory");
    }
    if (fd >= 0) {
        if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
            return failure_local(b, errno, NULL, "descriptor %d: %s", fd, strerror(errno));
        if (frame_give_fd(&b->frame, copy) < 0)
            return failure_local(b, ENOMEM, NULL, "out of memory");
    }
    buf_add(out, line, n);
    return 0;
}

int reply_ask(berth *b, int64_t id, const char *method, const struct buf *params)
{
    struct buf line = {0};
    int r;

    message_begin_request(&line, id, method);
    buf_add(&line, params->data + params->start, buf_len(params));
    message_end_request(&line, 0);
    buf_add_char(&line, '\n');
    if (line.failed || params->failed || reply_put(b, line.data, line.end, -1) < 0)
        r = session_break(b, ENOMEM);
    else
        r = 0;
    buf_done(&line);
    return r;
}

/* A daemon that goes away may have answered before: what it sent is still read, and the end of that
 * is the end of the session. So a failed write alone is none. */
int reply_traffic_out(berth *b)
{
    int r = frame_flush(&b->frame);

    if (r == 0 || r == -EAGAIN || r == -EPIPE || r == -ECONNRESET)
        return 0;
    return session_break(b, -r);
}

int reply_traffic(berth *b)
{
    int r;

    if (reply_traffic_out(b) < 0)
        return -1;
    if (buf_len(&b->frame.in) > SESSION_REPLY_BYTES)
        return 0; /* replies that nobody takes wait in the daemon */
    r = b->frame.eof ? 0 : frame_read(&b->frame);
    if (b->frame.fds_broken)
        return session_break(b, EPROTO);
    if (r > 0 || r == -EAGAIN)
        return 0;
    return session_break(b, r == 0 ? ECONNRESET : -r);
}

static int take_fd(berth *b, int n_fds)
{
    return n_fds > 0 ? frame_take_fd(&b->frame) : -1;
}

/* Reads a line into b->json. A number that this side cannot keep exactly is no reason to refuse a
 * reply: its tokens are there. Returns 0 or the errno that ends the session. */
static int scan(berth *b, struct reply *reply)
{
    struct error e = {0};
    int r = json_scan(&b->json, reply->line, reply->n_line, &e);

    if (r == ERROR_OS)
        return e.sys_errno;
    if ((r && r != ERROR_INVALID_REQUEST) || b->json.n_tokens == 0)
        return EPROTO;
    return message_parse_reply(&b->json, 0, &reply->m, &e) ? EPROTO : 0;
}

int reply_next_line(berth *b, struct reply *ret)
{
    int r = frame_next(&b->frame, &ret->line, &ret->n_line);

    if (r == 0)
        return b->broken ? session_break(b, b->broken) : 0;
    if (r < 0)
        return session_break(b, -r);
    if ((r = scan(b, ret)))
        return session_break(b, r);
    ret->fd = take_fd(b, ret->m.n_fds);
    return 1;
}

bool reply_answers(const struct reply *reply, int64_t id)
{
    return reply->m.has_id ? reply->m.id == id : reply->m.error != 0;
}

static int park(berth *b, const char *line, size_t n, int fd)
{
    struct parked *parked = malloc(sizeof *parked + n), **last = &b->parked;

    if (!parked) {
        if (fd >= 0)
            close(fd);
        return session_break(b, ENOMEM);
    }
    *parked = (struct parked){.fd = fd, .n_line = n};
    memcpy(parked->line, line, n);
    while (*last)
        last = &(*last)->next;
    *last = parked;
    return 0;
}

int reply_park(berth *b, struct reply *reply)
{
    size_t n = 0;

    for (const struct parked *p = b->parked; p; p = p->next)
        n++;
    if (n < SESSION_MAX_WAITING && (reply->m.method || b->n_waiting))
        return park(b, reply->line, reply->n_line, reply->fd);
    /* A reply that nobody waits for answers a request that was given up. */
    if (reply->fd >= 0)
        close(reply->fd);
    return 0;
}

int reply_park_line(berth *b, const char *line, size_t n)
{
    return park(b, line, n, -1);
}

char *reply_json(berth *b, uint32_t token)
{
    const struct json_token *t = &b->json.tokens[token];
    size_t quote = t->type == JSON_STRING;

    if (!token)
        return strdup("null");
    return strndup(b->json.text + t->start - quote, t->end - t->start + 2 * quote);
}

int reply_read(berth *b, const char *line, size_t n, struct reply *ret)
{
    int r;

    *ret = (struct reply){.line = line, .n_line = n, .fd = -1};
    return (r = scan(b, ret)) ? session_break(b, r) : 1;
}

int reply_take_parked(berth *b, struct reply *ret)
{
    struct parked *parked = b->parked;
    char *line;
    int fd, r;

    if (!parked)
        return 0;
    if (!(line = arena_copy(&b->arena, parked->line, parked->n_line)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    b->parked = parked->next;
    fd = parked->fd;
    r = reply_read(b, line, parked->n_line, ret);
    ret->fd = fd;
    free(parked);
    if (r < 0 && fd >= 0)
        close(fd);
    return r;
}
