/* Handlers of the session itself. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "absent.h"
#include "handlers.h"
#include "proto/limits.h"
#include "proto/openrpc.h"
#include "version.h"

static struct identity *identity_of(struct call *c)
{
    const struct principal *who = c->session->who;
    struct identity *i = arena_alloc(&c->arena, sizeof *i);

    if (i)
        *i = (struct identity){
            .pid = wire_integer(who->pid),
            .uid = wire_integer(who->uid),
            .gid = wire_integer(who->gid),
            .exe = wire_borrow(who->exe),
        };
    return i;
}

static struct limits *limits_of(struct call *c)
{
    const struct config *config = c->core->config;
    struct limits *l = arena_alloc(&c->arena, sizeof *l);

    if (l)
        *l = (struct limits){
            .line_bytes = wire_integer(config->n_max_line_bytes),
            .depth = wire_integer(LIMIT_DEPTH),
            .values = wire_integer(LIMIT_VALUES),
            .id_bytes = wire_integer(LIMIT_ID_BYTES),
            .batch = wire_integer(LIMIT_BATCH_ENTRIES),
            .in_flight = wire_integer(LIMIT_IN_FLIGHT),
            .output_bytes = wire_integer(LIMIT_OUTPUT_BYTES),
            .recv_bytes = wire_integer(LIMIT_RECV_BYTES),
            .poll_handles = wire_integer(LIMIT_POLL_HANDLES),
            .list_rows = wire_integer(LIMIT_LIST_ROWS),
            .list_seen = wire_integer(LIMIT_LIST_SEEN),
            .lookups = wire_integer(LIMIT_LOOKUPS),
            .subscriptions = wire_integer(LIMIT_SUBSCRIPTIONS),
            .options = wire_integer(LIMIT_OPTIONS),
            .batch_reply_bytes = wire_integer(LIMIT_BATCH_REPLY_BYTES),
            .attempts = wire_integer(LIMIT_ATTEMPTS),
            .name_bytes = wire_integer(LIMIT_NAME_BYTES),
            .label_bytes = wire_integer(LIMIT_LABEL_BYTES),
            .fds = wire_integer(LIMIT_FDS_PER_MESSAGE),
            .fds_unread = wire_integer(c->core->n_max_fds_unread),
            .ca_pem_bytes = wire_integer(LIMIT_CA_PEM_BYTES),
            .alpn_names = wire_integer(LIMIT_ALPN_NAMES),
            .sessions = wire_integer(c->core->n_max_sessions),
            .sessions_per_uid = wire_integer(config->n_max_sessions_per_uid),
            .handles = wire_integer(c->core->n_max_handles),
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

/* Of some pool; of all, where there are no settings. */
static bool is_admin(const struct call *c)
{
    for (const struct pool *p = c->core->pools->first; p; p = p->next)
        if (pool_is_admin(p, c->session->who->uid) || !p->settings.path)
            return true;
    return c->session->is_admin;
}

/* The session of a token goes on in this one. */
static int resume(struct call *c, const char *token, bool *ret_resumed)
{
    struct absent *a = absent_find(c->core->absent, token, c->session->who->uid);

    *ret_resumed = false;
    if (!a || c->session->id == a->session.id)
        return 0;
    if (c->session->handles)
        return error_param(&c->error, "resume", "comes before the session opens anything");
    absent_resume(&c->core->absent, a, c->session);
    *ret_resumed = true;
    return 0;
}

/* Those that hold something already are told what proves them. */
static int give_token(struct call *c, struct hello_result *ret)
{
    char *text = arena_alloc(&c->arena, 2 * STATE_TOKEN_BYTES + 1);
    struct handle *h;
    int r;

    if (!text)
        return error_memory(&c->error);
    if ((r = absent_make_token(c->session, text)) < 0)
        return r;
    DL_FOREACH(c->session->handles, h)
    store_save(c->core->store, h);
    ret->token = wire_borrow(text);
    return 0;
}

int on_hello(struct call *c, const struct hello_params *p, struct hello_result *ret)
{
    static const char *features[] = {"message", "framed-recv", "unordered",
                                     "fd-in",   "resume",      "handoff"};
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
    ret->resumed.set = true;
    if (p->resume.s && (r = resume(c, p->resume.s, &ret->resumed.v)))
        return r;
    if ((r = give_token(c, ret)))
        return r;
    if (p->unordered.set)
        c->session->is_unordered = p->unordered.v;
    ret->server = wire_borrow("berthd " BERTH_VERSION);
    ret->protocol = wire_integer(1);
    ret->session = wire_integer(c->session->id);
    ret->role = wire_borrow(is_admin(c) ? "admin" : "user");
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
    struct handle *h;

    c->session->timeout = p->timeout;
    DL_FOREACH(c->session->handles, h)
    store_save(c->core->store, h);
    ret->timeout = p->timeout;
    return 0;
}
