#include "client/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/failure.h"

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

int reply_park(berth *b, struct reply *reply)
{
    struct parked *parked, **last = &b->parked;
    size_t n = 0;

    for (; *last; last = &(*last)->next)
        n++;
    /* A reply that nobody waits for answers a request that was given up. */
    if (n >= SESSION_MAX_WAITING || (!reply->m.method && !b->n_waiting)) {
        if (reply->fd >= 0)
            close(reply->fd);
        return 0;
    }
    if (!(parked = malloc(sizeof *parked + reply->n_line))) {
        if (reply->fd >= 0)
            close(reply->fd);
        return session_break(b, ENOMEM);
    }
    *parked = (struct parked){.fd = reply->fd, .n_line = reply->n_line};
    memcpy(parked->line, reply->line, reply->n_line);
    *last = parked;
    return 0;
}

char *reply_json(berth *b, uint32_t token)
{
    const struct json_token *t = &b->json.tokens[token];
    size_t quote = t->type == JSON_STRING;

    if (!token)
        return strdup("null");
    return strndup(b->json.text + t->start - quote, t->end - t->start + 2 * quote);
}

int reply_take(berth *b, struct reply *ret)
{
    struct parked *parked = b->parked;
    char *line;
    int r;

    if (!parked)
        return reply_next_line(b, ret);
    if (!(line = arena_copy(&b->arena, parked->line, parked->n_line)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    *ret = (struct reply){.line = line, .n_line = parked->n_line, .fd = parked->fd};
    b->parked = parked->next;
    free(parked);
    if (!(r = scan(b, ret)))
        return 1;
    if (ret->fd >= 0)
        close(ret->fd);
    return session_break(b, r);
}
