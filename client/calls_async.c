/* calls_async.c — requests and replies for programs with an event loop of their own. Nothing here
 * waits. */
#include <errno.h>

#include "client/exchange.h"
#include "client/failure.h"
#include "client/origin.h"
#include "client/ride.h"

static const char *json_in_arena(berth *b, uint32_t token)
{
    const struct json_token *t = &b->json.tokens[token];
    size_t quote = t->type == JSON_STRING;

    if (!token)
        return "null";
    return arena_copy(&b->arena, b->json.text + t->start - quote, t->end - t->start + 2 * quote);
}

static int give(berth *b, const struct reply *reply, struct berth_reply *ret)
{
    size_t n;

    *ret = (struct berth_reply){.id = reply->m.has_id ? reply->m.id : 0, .fd = reply->fd};
    if (reply->m.method) {
        ret->method = json_get_string(&b->json, reply->m.method, &b->arena, &n);
        ret->json = reply->m.params ? json_in_arena(b, reply->m.params) : "{}";
        return ret->method && ret->json ? 1 : failure_local(b, ENOMEM, NULL, "out of memory");
    }
    b->n_waiting -= b->n_waiting > 0;
    if (reply->m.error) {
        failure_reply(b, reply->m.error);
        ret->error = &b->error;
    } else if (!(ret->json = json_in_arena(b, reply->m.result))) {
        failure_local(b, ENOMEM, NULL, "out of memory");
        ret->error = &b->error;
    }
    return 1;
}

int berth_next_reply(berth *b, struct berth_reply *ret_reply)
{
    struct reply reply;
    int r = session_begin(b);

    /* What came before the end can still be taken. */
    if (r < 0 && (!b || !origin_is_here(&b->origin)))
        return -1;
    r = reply_take_parked(b, &reply);
    if (r == 0)
        r = ride_next_line(b, &reply);
    if (r <= 0)
        return r;
    failure_clear(b);
    return give(b, &reply, ret_reply);
}

int berth_process(berth *b)
{
    if (session_begin(b) < 0)
        return -1;
    return ride_traffic(b);
}

int64_t berth_send_request(berth *b, const char *method, const char *params, int fd)
{
    if (session_begin(b) < 0)
        return -1;
    return exchange_send_text(b, method, params, fd, false);
}
