#include "message.h"

#include <string.h>

#include "limits.h"

/* Takes the id as it stands: it only has to come back. */
static int take_id(const struct json *json, uint32_t token, struct message *m, struct error *e)
{
    const struct json_token *t = &json->tokens[token];
    size_t quote = t->type == JSON_STRING;
    int64_t number;

    if (t->type != JSON_STRING && t->type != JSON_INTEGER && t->type != JSON_REAL &&
        t->type != JSON_NULL)
        return error_set(e, ERROR_INVALID_REQUEST, NULL,
                         "id must be a string, a number or null, not %s", json_type_name(t->type));
    if (t->type == JSON_INTEGER && !json_get_integer(json, token, &number))
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "id is beyond 9007199254740991");
    if (t->has_nul)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "id must not contain \\u0000");
    if (t->end - t->start + 2 * quote > LIMIT_ID_BYTES)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "id is longer than %d bytes",
                         LIMIT_ID_BYTES);
    m->id = json->text + t->start - quote;
    m->n_id = t->end - t->start + 2 * quote;
    return 0;
}

static int take_fds(const struct json *json, uint32_t token, int *ret, struct error *e)
{
    int64_t n;

    if (!json_get_integer(json, token, &n) || n < 0)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "fds must be the number of descriptors");
    if (n > LIMIT_FDS_PER_MESSAGE)
        return error_set(e, ERROR_FD, NULL, "at most %d descriptor travels with a message",
                         LIMIT_FDS_PER_MESSAGE);
    *ret = (int)n;
    return 0;
}

/* The members that say what to do. */
static int take_call(const struct json *json, uint32_t token, struct message *m, struct error *e)
{
    uint32_t version = json_member(json, token, "jsonrpc"),
             method = json_member(json, token, "method");
    uint32_t params = json_member(json, token, "params"), fds = json_member(json, token, "fds");
    enum json_type type;

    if (version && !json_equals(json, version, "2.0", 3))
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "jsonrpc must be \"2.0\", or left out");
    if (!method)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "method is missing");
    if (json->tokens[method].type != JSON_STRING)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "method must be a string, not %s",
                         json_type_name(json->tokens[method].type));
    if (json->tokens[method].has_nul)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "method must not contain \\u0000");
    type = params ? json->tokens[params].type : JSON_OBJECT;
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return error_set(e, ERROR_INVALID_REQUEST, NULL,
                         "params must be an object or an array, not %s", json_type_name(type));
    m->method = method;
    m->params = params;
    return fds ? take_fds(json, fds, &m->n_fds, e) : 0;
}

int message_parse(const struct json *json, uint32_t token, struct message *ret, struct error *e)
{
    uint32_t id = 0;
    int r = 0;

    *ret = (struct message){0};
    if (json->n_tokens == 0 || json->tokens[token].type != JSON_OBJECT)
        r = error_set(e, ERROR_INVALID_REQUEST, NULL, "a request is an object, not %s",
                      json->n_tokens ? json_type_name(json->tokens[token].type) : "this");
    else if ((id = json_member(json, token, "id")))
        r = take_id(json, id, ret, e);
    if (!r)
        r = take_call(json, token, ret, e);
    if (r && !ret->id) {
        ret->id = "null";
        ret->n_id = 4;
    }
    return r;
}

static void add_head(struct buf *b, const char *id, size_t n_id)
{
    buf_add_text(b, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_add(b, id, n_id);
}

static void add_fds(struct buf *b, int n_fds)
{
    if (n_fds)
        buf_printf(b, ",\"fds\":%d", n_fds);
}

void message_begin_result(struct buf *b, const char *id, size_t n_id)
{
    add_head(b, id, n_id);
    buf_add_text(b, ",\"result\":");
}

void message_end_result(struct buf *b, int n_fds)
{
    add_fds(b, n_fds);
    buf_add_char(b, '}');
}

static void add_text_member(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    json_write_text(b, text, strlen(text));
}

static void add_integer_member(struct buf *b, const char *key, int64_t v)
{
    buf_printf(b, ",\"%s\":", key);
    json_write_integer(b, v);
}

void message_error(struct buf *b, const char *id, size_t n_id, const struct error *e)
{
    const struct error_info *info = error_info(e->id);

    add_head(b, id, n_id);
    buf_printf(b, ",\"error\":{\"code\":%d", info->code);
    add_text_member(b, "message", e->message);
    buf_printf(b, ",\"data\":{\"kind\":\"%s\"", info->kind);
    add_text_member(b, "name", e->name ? e->name : info->name);
    if (e->sys_errno)
        add_integer_member(b, "errno", e->sys_errno);
    if (e->op)
        add_text_member(b, "op", e->op);
    if (e->handle)
        add_integer_member(b, "handle", e->handle);
    if (e->pool)
        add_text_member(b, "pool", e->pool);
    if (e->rule)
        add_text_member(b, "rule", e->rule);
    if (e->has_limit) {
        add_integer_member(b, "limit", e->limit);
        add_integer_member(b, "in_use", e->in_use);
    }
    if (e->holders) {
        buf_add_text(b, ",\"holders\":");
        buf_add_text(b, e->holders);
    }
    if (e->has_sent)
        add_integer_member(b, "sent", e->sent);
    if (e->hint)
        add_text_member(b, "hint", e->hint);
    buf_add_text(b, "}}}");
}

void message_begin_request(struct buf *b, int64_t id, const char *method)
{
    buf_add_text(b, "{\"jsonrpc\":\"2.0\"");
    if (id >= 0)
        add_integer_member(b, "id", id);
    add_text_member(b, "method", method);
    buf_add_text(b, ",\"params\":");
}

void message_end_request(struct buf *b, int n_fds)
{
    add_fds(b, n_fds);
    buf_add_char(b, '}');
}

int message_parse_reply(const struct json *json, uint32_t token, struct message_reply *ret,
                        struct error *e)
{
    uint32_t id, fds;

    *ret = (struct message_reply){0};
    if (json->tokens[token].type != JSON_OBJECT)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "a reply is an object");
    ret->result = json_member(json, token, "result");
    ret->error = json_member(json, token, "error");
    ret->method = json_member(json, token, "method");
    ret->params = json_member(json, token, "params");
    id = json_member(json, token, "id");
    fds = json_member(json, token, "fds");
    if (!ret->method && !ret->result == !ret->error)
        return error_set(e, ERROR_INVALID_REQUEST, NULL, "a reply has either a result or an error");
    ret->has_id = id && json_get_integer(json, id, &ret->id);
    return fds ? take_fds(json, fds, &ret->n_fds, e) : 0;
}
