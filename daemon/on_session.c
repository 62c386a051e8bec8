/* Handlers of the session itself. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "handlers.h"
#include "proto/limits.h"
#include "proto/openrpc.h"
#include "version.h"

static struct wire_int integer(int64_t v)
{
    return (struct wire_int){true, v};
}

static struct wire_text text(const char *s)
{
    return (struct wire_text){s, s ? strlen(s) : 0};
}

static struct identity *identity_of(struct call *c)
{
    const struct principal *who = c->session->who;
    struct identity *i = arena_alloc(&c->arena, sizeof *i);

    if (i)
        *i = (struct identity){
            .pid = integer(who->pid),
            .uid = integer(who->uid),
            .gid = integer(who->gid),
            .exe = text(who->exe),
        };
    return i;
}

static struct limits *limits_of(struct call *c)
{
    const struct config *config = c->core->config;
    struct limits *l = arena_alloc(&c->arena, sizeof *l);

    if (l)
        *l = (struct limits){
            .line_bytes = integer(config->n_max_line_bytes),
            .depth = integer(LIMIT_DEPTH),
            .values = integer(LIMIT_VALUES),
            .id_bytes = integer(LIMIT_ID_BYTES),
            .batch = integer(LIMIT_BATCH_ENTRIES),
            .in_flight = integer(LIMIT_IN_FLIGHT),
            .output_bytes = integer(LIMIT_OUTPUT_BYTES),
            .recv_bytes = integer(LIMIT_RECV_BYTES),
            .poll_handles = integer(LIMIT_POLL_HANDLES),
            .list_rows = integer(LIMIT_LIST_ROWS),
            .list_seen = integer(LIMIT_LIST_SEEN),
            .lookups = integer(LIMIT_LOOKUPS),
            .options = integer(LIMIT_OPTIONS),
            .batch_reply_bytes = integer(LIMIT_BATCH_REPLY_BYTES),
            .attempts = integer(LIMIT_ATTEMPTS),
            .name_bytes = integer(LIMIT_NAME_BYTES),
            .label_bytes = integer(LIMIT_LABEL_BYTES),
            .fds = integer(LIMIT_FDS_PER_MESSAGE),
            .sessions = integer(c->core->n_max_sessions),
            .sessions_per_uid = integer(config->n_max_sessions_per_uid),
            .handles = integer(c->core->n_max_handles),
        };
    return l;
}

/* What a session calls itself is kept by all that it opens. */
static int set_label(struct call *c, const char *label)
{
    struct principal *who = c->session->who;
    char *copy = strdup(label);

    if (!copy)
        return error_memory(&c->error);
    free(who->label);
    who->label = copy;
    return 0;
}

int on_hello(struct call *c, const struct hello_params *p, struct hello_result *ret)
{
    static const char *features[] = {"message", "framed-recv", "unordered", "fd-in"};
    const char *label = p->label.s ? p->label.s : p->client.s;
    int r;

    if (p->client.n > LIMIT_LABEL_BYTES || p->label.n > LIMIT_LABEL_BYTES)
        return error_param(&c->error, p->label.n > LIMIT_LABEL_BYTES ? "label" : "client",
                           "is longer than %d bytes", LIMIT_LABEL_BYTES);
    ret->peer = identity_of(c);
    ret->limits = limits_of(c);
    if (!ret->peer || !ret->limits)
        return error_memory(&c->error);
    if (label && (r = set_label(c, label)))
        return r;
    if (p->unordered.set)
        c->session->is_unordered = p->unordered.v;
    ret->server = text("berthd " BERTH_VERSION);
    ret->protocol = integer(1);
    ret->session = integer(c->session->id);
    ret->role = text(c->session->is_admin ? "admin" : "user");
    ret->features = (struct wire_texts){true, features, sizeof features / sizeof *features};
    return 0;
}

int on_ping(struct call *c, const struct ping_params *p, struct ping_result *ret)
{
    ret->echo = p->echo;
    ret->uptime =
        (struct wire_number){true, (double)(c->core->now.monotonic - c->core->started) / 1e6};
    return 0;
}

int on_cancel(struct call *c, const struct cancel_params *p, struct cancel_result *ret)
{
    struct call *other;

    DL_FOREACH(c->session->calls, other)
    {
        if (!other->id || other->n_id != p->id.n || memcmp(other->id, p->id.s, p->id.n) != 0)
            continue;
        call_cancel(other);
        ret->cancelled.v = true;
    }
    ret->cancelled.set = true;
    return 0;
}

int on_discover(struct call *c, const struct no_params *p, struct discover_result *ret)
{
    (void)p;
    if (!c->core->openrpc && !(c->core->openrpc = openrpc_document()))
        return error_memory(&c->error);
    ret->document = (struct wire_json){c->core->openrpc, strlen(c->core->openrpc)};
    return 0;
}

int on_setdefaulttimeout(struct call *c, const struct setdefaulttimeout_params *p,
                         struct timeout_result *ret)
{
    c->session->timeout = p->timeout;
    ret->timeout = p->timeout;
    return 0;
}
