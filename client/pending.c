#include "client/pending.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/patch.h"
#include "proto/codec.h"

enum { MOST_SENDS = 3 }; /* a request that ends the daemon each time is not asked for ever */

double pending_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void pending_init(struct pending_list *list)
{
    *list = (struct pending_list){.last = &list->first};
}

static void release(struct pending *p)
{
    if (!p->is_sync)
        free((char *)p->line);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

void pending_done(struct pending_list *list)
{
    struct pending *p;

    while ((p = list->first)) {
        list->first = p->next;
        release(p);
    }
    pending_init(list);
}

struct pending *pending_add(struct pending_list *list, int64_t id, const struct method *method,
                            const char *line, size_t n_line, int fd, bool is_sync)
{
    struct pending *p = calloc(1, sizeof *p);
    char *copy = NULL;

    if (!p || (!is_sync && !(copy = malloc(n_line)))) {
        free(p);
        errno = ENOMEM;
        return NULL;
    }
    if (copy)
        memcpy(copy, line, n_line);
    *p = (struct pending){.id = id,
                          .method = method,
                          .line = copy ? copy : line,
                          .n_line = n_line,
                          .is_sync = is_sync,
                          .fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0),
                          .born = pending_now(),
                          .timeout = -1};
    if (fd >= 0 && p->fd < 0) {
        int saved = errno;

        release(p);
        errno = saved;
        return NULL;
    }
    list->n_bytes += is_sync ? 0 : n_line;
    *list->last = p;
    list->last = &p->next;
    return p;
}

struct pending *pending_find(const struct pending_list *list, int64_t id)
{
    struct pending *p = list->first;

    while (p && p->id != id)
        p = p->next;
    return p;
}

void pending_remove(struct pending_list *list, struct pending *p)
{
    struct pending **at = &list->first;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (!*at)
        list->last = at;
    list->n_bytes -= p->is_sync ? 0 : p->n_line;
    release(p);
}

/* -- what it says ------------------------------------------------------------------------------ */

uint32_t pending_scan(const struct pending *p, struct json *json)
{
    struct error e = {0};
    int r = json_scan(json, p->line, p->n_line, &e);

    if ((r && r != ERROR_INVALID_REQUEST) || json->n_tokens == 0)
        return 0;
    return json_member(json, 0, "params");
}

bool pending_read_params(const struct pending *p, struct arena *a, void *into)
{
    struct json json = {0};
    struct error e = {0};
    uint32_t params = pending_scan(p, &json);
    bool ok =
        params && codec_decode(p->method->params, CODEC_STRICT, &json, params, a, into, &e) == 0;

    json_done(&json);
    return ok;
}

char *pending_params(const struct pending *p)
{
    struct json json = {0};
    uint32_t params = pending_scan(p, &json);
    const struct json_token *t = &json.tokens[params];
    char *text = params ? strndup(p->line + t->start, t->end - t->start) : NULL;

    json_done(&json);
    return text;
}

/* What the method's row cannot say, because it depends on the parameters. */
static bool params_are_repeatable(const struct pending *p)
{
    union {
        struct accept_params accept;
        struct create_server_params server;
        struct getsockopt_params option;
        struct reap_params reap;
    } params = {0};
    struct arena a = {0};
    bool ok = pending_read_params(p, &a, &params);

    switch (p->method->id) {
    case METHOD_accept: /* a connection that nobody was told of died with the daemon */
        ok = ok && params.accept.lease.usec == LEASE_SESSION;
        break;
    case METHOD_create_server: /* the living one of that name is given back */
        ok = ok && params.server.name.s;
        break;
    case METHOD_getsockopt: /* SO_ERROR is forgotten by being read */
        ok = ok && !(params.option.option.s && strcmp(params.option.option.s, "SO_ERROR") == 0) &&
             !(params.option.number.set && params.option.number.v == SO_ERROR);
        break;
    case METHOD_ledger_reap:
        ok = ok && params.reap.dry_run.v;
        break;
    default:
        ok = false;
    }
    arena_done(&a);
    return ok;
}

bool pending_may_be_sent(const struct pending *p)
{
    if (!p->is_written || p->is_refused)
        return true;
    if (!p->method || p->n_sent >= MOST_SENDS)
        return false;
    if (p->method->flags & REPEATABLE && p->method->id != METHOD_getsockopt)
        return true;
    return params_are_repeatable(p);
}

/* -- its time ---------------------------------------------------------------------------------- */

static void write_value(struct buf *b, const struct json *json, uint32_t token)
{
    const struct json_token *t = &json->tokens[token];
    size_t quote = t->type == JSON_STRING;

    buf_add(b, json->text + t->start - quote, t->end - t->start + 2 * quote);
}

bool pending_find_timeout(struct pending *p, struct buf *ret_ask)
{
    struct json json = {0};
    uint32_t params, timeout, handle;
    bool asks = false;

    if (!p->method || !p->method->timeout || p->timeout >= 0)
        return false;
    params = pending_scan(p, &json);
    /* By position: as it is; the shape tells which is which, but nothing of ours writes so. */
    if (params && json.tokens[params].type == JSON_OBJECT) {
        timeout = json_member(&json, params, "timeout");
        handle = json_member(&json, params, "handle");
        if (timeout)
            json_get_number(&json, timeout, &p->timeout);
        asks = !timeout && handle;
        if (asks && ret_ask) {
            buf_add_text(ret_ask, "{\"handle\":");
            write_value(ret_ask, &json, handle);
            buf_add_char(ret_ask, '}');
        }
    }
    json_done(&json);
    return asks;
}

bool pending_is_late(const struct pending *p, double now)
{
    return p->timeout > 0 && now >= p->born + p->timeout;
}

void pending_write(const struct pending *p, double now, struct buf *out)
{
    struct json json = {0};
    struct buf left = {0};
    uint32_t params = 0;

    if (p->n_sent > 0 && p->timeout > 0)
        params = pending_scan(p, &json);
    if (params) {
        /* 0 would mean not to wait at all. */
        json_write_number(&left, fmax(p->born + p->timeout - now, 0.001));
        buf_add_char(&left, '\0');
    }
    if (params && !left.failed)
        patch_member(out, &json, p->n_line, params, "timeout", left.data + left.start);
    else
        buf_add(out, p->line, p->n_line);
    buf_done(&left);
    json_done(&json);
}
