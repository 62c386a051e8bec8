#include "client/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/failure.h"
#include "client/patch.h"
#include "proto/codec.h"

/* -- hello ------------------------------------------------------------------------------------- */

static int keep_text(char **at, const char *s)
{
    char *copy = s ? strdup(s) : NULL;

    if (!s)
        return 0;
    free(*at);
    *at = copy;
    return copy ? 0 : -1;
}

int learn_hello(berth *b, const struct reply *reply)
{
    uint32_t token = reply->m.result ? json_member(&b->json, reply->m.result, "token") : 0;
    struct arena a = {0};
    const char *s;
    size_t n;
    int r = 0;

    if (token && b->json.tokens[token].type == JSON_STRING) {
        s = json_get_string(&b->json, token, &a, &n);
        r = s ? keep_text(&b->ride.learnt.token, s) : -1;
    }
    arena_done(&a);
    return r;
}

static int learn_introduction(struct learnt *l, const struct pending *p)
{
    struct hello_params hello = {0};
    struct arena a = {0};
    int r = 0;

    if (pending_read_params(p, &a, &hello)) {
        if (hello.unordered.set)
            l->is_unordered = hello.unordered.v;
        if (keep_text(&l->client, hello.client.s) < 0 || keep_text(&l->label, hello.label.s) < 0)
            r = -1;
    }
    arena_done(&a);
    return r;
}

void learn_write_hello(const berth *b, struct buf *params)
{
    const struct learnt *l = &b->ride.learnt;
    struct hello_params hello = {
        .client = wire_borrow(l->client),
        .label = wire_borrow(l->label),
        .unordered = {l->is_unordered, l->is_unordered},
        .resume = wire_borrow(l->token),
    };

    codec_encode(shape_hello_params(), &hello, params);
}

/* -- subscriptions ----------------------------------------------------------------------------- */

static bool read_number(const struct json *json, uint32_t object, const char *key, int64_t *ret)
{
    uint32_t token = object ? json_member(json, object, key) : 0;

    return token && json_get_integer(json, token, ret);
}

static struct sub *find_sub(const berth *b, int64_t now)
{
    struct sub *sub = b->ride.learnt.subs;

    while (sub && sub->now != now)
        sub = sub->next;
    return sub;
}

static int learn_subscribe(berth *b, const char *params, const struct reply *reply)
{
    struct sub **last = &b->ride.learnt.subs, *sub;
    size_t size = strlen(params) + 1;

    if (!(sub = calloc(1, sizeof *sub + size)))
        return -1;
    memcpy(sub->params, params, size);
    read_number(&b->json, reply->m.result, "seq", &sub->seq);
    read_number(&b->json, reply->m.result, "subscription", &sub->now);
    sub->told = sub->now;
    while (*last)
        last = &(*last)->next;
    *last = sub;
    return 0;
}

/* Writes `number` over the subscription of the reply's `object`. */
static int rename_sub(berth *b, struct reply *reply, uint32_t object, int64_t number)
{
    struct buf line = {0};
    char text[24], *copy;
    size_t n = reply->n_line;
    int fd = reply->fd, r;

    snprintf(text, sizeof text, "%lld", (long long)number);
    patch_member(&line, &b->json, n, object, "subscription", text);
    n = buf_len(&line);
    copy = line.failed ? NULL : arena_copy(&b->arena, line.data, n);
    buf_done(&line);
    if (!copy)
        return session_break(b, ENOMEM);
    r = reply_read(b, copy, n, reply);
    reply->fd = fd;
    return r < 0 ? -1 : 0;
}

static int forget_sub(berth *b, struct reply *reply)
{
    struct sub **at = &b->ride.learnt.subs, *sub;
    int64_t now, told;

    if (!read_number(&b->json, reply->m.result, "subscription", &now))
        return 0;
    while (*at && (*at)->now != now)
        at = &(*at)->next;
    if (!(sub = *at))
        return 0;
    *at = sub->next;
    told = sub->told;
    free(sub);
    return told == now ? 0 : rename_sub(b, reply, reply->m.result, told);
}

int learn_event(berth *b, struct reply *reply)
{
    struct sub *sub;
    int64_t now, seq;

    if (!read_number(&b->json, reply->m.params, "subscription", &now) || !(sub = find_sub(b, now)))
        return 0;
    if (read_number(&b->json, reply->m.params, "seq", &seq))
        sub->seq = seq;
    return sub->told == sub->now ? 0 : rename_sub(b, reply, reply->m.params, sub->told);
}

void learn_translate(const berth *b, const struct pending *p, struct buf *line)
{
    struct json json = {0};
    uint32_t params = pending_scan(p, &json);
    const struct sub *sub = b->ride.learnt.subs;
    char text[24];
    int64_t told;

    if (read_number(&json, params, "subscription", &told))
        while (sub && sub->told != told)
            sub = sub->next;
    else
        sub = NULL;
    if (sub) {
        snprintf(text, sizeof text, "%lld", (long long)sub->now);
        patch_member(line, &json, p->n_line, params, "subscription", text);
    } else {
        buf_add(line, p->line, p->n_line);
    }
    json_done(&json);
}

/* -- all --------------------------------------------------------------------------------------- */

int learn_reply(berth *b, const struct pending *p, struct reply *reply)
{
    struct learnt *l = &b->ride.learnt;
    char *params;
    int r = 0;

    switch (p->method ? p->method->id : N_METHODS) {
    case METHOD_hello:
        return learn_hello(b, reply) < 0 ? -1 : learn_introduction(l, p);
    case METHOD_unsubscribe:
        return forget_sub(b, reply);
    case METHOD_subscribe:
    case METHOD_setdefaulttimeout:
        if (!(params = pending_params(p)))
            return -1;
        if (p->method->id == METHOD_subscribe)
            r = learn_subscribe(b, params, reply);
        else
            r = keep_text(&l->default_timeout, params);
        free(params);
        return r;
    default:
        return 0;
    }
}

/* Events of another daemon are counted anew: all that it has are new to us. */
static int subscribe(berth *b, const struct sub *sub, int64_t id)
{
    const struct method *method = method_at(METHOD_subscribe);
    struct json json = {0};
    struct buf params = {0};
    struct error e = {0};
    char since[24];
    int r;

    snprintf(since, sizeof since, "%lld", (long long)sub->seq);
    r = json_scan(&json, sub->params, strlen(sub->params), &e);
    if (json.n_tokens && json.tokens[0].type == JSON_OBJECT)
        patch_member(&params, &json, strlen(sub->params), 0, "since", since);
    else
        buf_add_text(&params, sub->params);
    json_done(&json);
    r = r == ERROR_OS ? session_break(b, ENOMEM) : reply_ask(b, id, method->name, &params);
    buf_done(&params);
    return r;
}

/* A session that was held may hold its subscriptions too; nobody is to be told things twice. */
static int unsubscribe(berth *b, const struct sub *sub)
{
    struct buf params = {0};
    int r;

    buf_printf(&params, "{\"subscription\":%lld}", (long long)sub->now);
    r = reply_ask(b, -1, method_at(METHOD_unsubscribe)->name, &params);
    buf_done(&params);
    return r;
}

int learn_tell(berth *b)
{
    struct learnt *l = &b->ride.learnt;
    struct buf params = {0};
    int n = 0, r = 0;

    if (l->default_timeout) {
        buf_add_text(&params, l->default_timeout);
        r = reply_ask(b, -1, method_at(METHOD_setdefaulttimeout)->name, &params);
        buf_done(&params);
    }
    for (struct sub *sub = l->subs; sub && r == 0; sub = sub->next) {
        sub->is_retried = false;
        if (b->ride.is_restarted)
            sub->seq = 0;
        if (b->ride.is_resumed)
            r = unsubscribe(b, sub);
        if (r == 0)
            r = subscribe(b, sub, LEARN_FIRST_ID + n++);
    }
    return r < 0 ? -1 : n;
}

int learn_told(berth *b, const struct reply *reply)
{
    struct sub *sub = b->ride.learnt.subs;

    for (int64_t i = LEARN_FIRST_ID; sub && i < reply->m.id; i++)
        sub = sub->next;
    if (!sub)
        return 0;
    if (!reply->m.error) {
        read_number(&b->json, reply->m.result, "subscription", &sub->now);
        return 0;
    }
    /* The number of its last event is not known there. */
    if (sub->is_retried)
        return 0;
    sub->is_retried = true;
    sub->seq = 0;
    return subscribe(b, sub, reply->m.id) < 0 ? -1 : 1;
}

void learn_done(struct learnt *l)
{
    struct sub *sub;

    while ((sub = l->subs)) {
        l->subs = sub->next;
        free(sub);
    }
    free(l->token);
    free(l->client);
    free(l->label);
    free(l->default_timeout);
    *l = (struct learnt){0};
}
