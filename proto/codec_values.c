/* The values that stand for themselves: numbers, texts, bytes, times, addresses, and plain lists of
 * them. */
#include "decoder.h"

#include <math.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "limits.h"
#include "option.h"
#include "utf8.h"

/* -- plain values -- */

static int decode_bool(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    enum json_type type = d->json->tokens[token].type;

    if (type != JSON_TRUE && type != JSON_FALSE)
        return decoder_wrong_type(d, field, token);
    *(struct wire_bool *)member = (struct wire_bool){true, type == JSON_TRUE};
    return 0;
}

static void encode_bool(const struct field *field, const void *member, struct buf *b)
{
    (void)field;
    buf_add_text(b, ((const struct wire_bool *)member)->v ? "true" : "false");
}

static int decode_int(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_int *v = member;

    if (!json_integer(d->json, token, &v->v))
        return decoder_wrong_type(d, field, token);
    v->set = true;
    return 0;
}

static void encode_int(const struct field *field, const void *member, struct buf *b)
{
    (void)field;
    json_write_integer(b, ((const struct wire_int *)member)->v);
}

static int decode_number(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_number *v = member;

    if (!json_number(d->json, token, &v->v))
        return decoder_wrong_type(d, field, token);
    v->set = true;
    return 0;
}

static void encode_number(const struct field *field, const void *member, struct buf *b)
{
    (void)field;
    json_write_number(b, ((const struct wire_number *)member)->v);
}

int decoder_text(struct decoder *d, const struct field *field, uint32_t token, const char **ret_s,
                 size_t *ret_n)
{
    const struct json_token *t = &d->json->tokens[token];
    char *s;

    if (t->type != JSON_STRING)
        return decoder_wrong_type(d, field, token);
    if (t->has_nul)
        return error_param(d->e, decoder_path(d), "must not contain \\u0000");
    if (!(s = json_string(d->json, token, d->arena, ret_n)))
        return error_memory(d->e);
    *ret_s = s;
    return 0;
}

static int decode_text(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_text *v = member;

    return decoder_text(d, field, token, &v->s, &v->n);
}

static void encode_text(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_text *v = member;

    (void)field;
    json_write_text(b, v->s, v->n);
}

static int decode_service(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    const struct json_token *t = &d->json->tokens[token];
    struct wire_service *v = member;

    if (t->type != JSON_INTEGER)
        return decoder_text(d, field, token, &v->s, &v->n);
    v->n = t->end - t->start;
    v->s = arena_copy(d->arena, d->json->text + t->start, v->n);
    return v->s ? 0 : error_memory(d->e);
}

static int decode_json(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    const struct json_token *t = &d->json->tokens[token];
    size_t quote = t->type == JSON_STRING;
    struct wire_json *v = member;

    (void)field;
    v->n = t->end - t->start + 2 * quote;
    v->s = arena_copy(d->arena, d->json->text + t->start - quote, v->n);
    return v->s ? 0 : error_memory(d->e);
}

static void encode_json(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_json *v = member;

    (void)field;
    buf_add(b, v->s, v->n);
}

/* -- bytes -- */

static int decode_base64(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_base64 *v = member;
    const char *s;
    bool bad;
    size_t n;
    int r;

    if ((r = decoder_text(d, field, token, &s, &n)))
        return r;
    if (!(v->data = json_from_base64(s, n, d->arena, &v->n, &bad)))
        return bad ? error_param(d->e, decoder_path(d),
                                 "is not base64 (RFC 4648, padded, no white space)")
                   : error_memory(d->e);
    return 0;
}

static void encode_base64(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_base64 *v = member;

    (void)field;
    json_write_base64(b, v->data, v->n);
}

static int decode_payload(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    struct wire_payload *v = member;
    struct wire_base64 bytes = {0};
    int r;

    if (v->data)
        return error_param(d->e, decoder_path(d), "give either text or base64, not both");
    if (d->is_base64) {
        if ((r = decode_base64(d, field, token, &bytes)))
            return r;
        *v = (struct wire_payload){bytes.data, bytes.n, FORM_BASE64};
        return 0;
    }
    if (d->json->tokens[token].type != JSON_STRING)
        return error_param(d->e, decoder_path(d), "must be a string, not %s",
                           json_type_name(d->json->tokens[token].type));
    if (!(v->data = json_string(d->json, token, d->arena, &v->n)))
        return error_memory(d->e);
    v->form = FORM_TEXT;
    return 0;
}

/* Writes the key too, for the bytes decide which it is. */
static void encode_payload(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_payload *v = member;
    bool nul, is_text;

    (void)field;
    is_text = v->form != FORM_BASE64 && utf8_is_valid(v->data, v->n, &nul) &&
              (!nul || v->form == FORM_TEXT);
    buf_add_text(b, is_text ? "\"text\":" : "\"base64\":");
    if (is_text)
        json_write_string(b, v->data, v->n);
    else
        json_write_base64(b, v->data, v->n);
}

/* -- handles, times -- */

static int decode_handle(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_handle *v = member;
    size_t n;
    int r;

    if (d->json->tokens[token].type == JSON_STRING) {
        if ((r = decoder_text(d, field, token, &v->name, &n)))
            return r;
        if (n == 0 || n > LIMIT_NAME_BYTES)
            return error_param(d->e, decoder_path(d), "a name has 1 to %d bytes", LIMIT_NAME_BYTES);
    } else if (!json_integer(d->json, token, &v->id)) {
        return error_param(d->e, decoder_path(d), "must be a handle's number or name, not %s",
                           json_type_name(d->json->tokens[token].type));
    }
    v->set = true;
    return 0;
}

static void encode_handle(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_handle *v = member;

    (void)field;
    if (v->name)
        json_write_text(b, v->name, strlen(v->name));
    else
        json_write_integer(b, v->id);
}

/* Seconds as whole microseconds, never rounded down to "not at all". */
static bool take_seconds(const struct json *json, uint32_t token, int64_t *ret_usec)
{
    double v;

    if (!json_number(json, token, &v) || v < 0 || v > 1e9)
        return false;
    *ret_usec = (int64_t)ceil(v * 1e6);
    return true;
}

static int decode_timeout(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    struct wire_timeout *v = member;

    (void)field;
    v->set = true;
    if (d->json->tokens[token].type == JSON_NULL)
        v->usec = FOREVER;
    else if (!take_seconds(d->json, token, &v->usec))
        return error_param(d->e, decoder_path(d),
                           "must be seconds from 0 to 1e9, or null to wait for ever");
    return 0;
}

static void encode_timeout(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_timeout *v = member;

    (void)field;
    if (v->usec == FOREVER)
        buf_add_text(b, "null");
    else
        json_write_number(b, (double)v->usec / 1e6);
}

static int decode_lease(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_lease *v = member;

    (void)field;
    v->set = true;
    if (json_equals(d->json, token, "session", 7))
        v->usec = LEASE_SESSION;
    else if (json_equals(d->json, token, "permanent", 9))
        v->usec = LEASE_PERMANENT;
    else if (!take_seconds(d->json, token, &v->usec) || v->usec == 0)
        return error_param(d->e, decoder_path(d),
                           "must be \"session\", \"permanent\" or seconds above 0");
    return 0;
}

static void encode_lease(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_lease *v = member;

    (void)field;
    if (v->usec == LEASE_SESSION || v->usec == LEASE_PERMANENT)
        buf_add_text(b, v->usec == LEASE_SESSION ? "\"session\"" : "\"permanent\"");
    else
        json_write_number(b, (double)v->usec / 1e6);
}

/* -- addresses -- */

static int decode_address(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    (void)field;
    return address_decode(d->json, token, decoder_path(d), d->arena, member, d->e);
}

static void encode_address(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_address *v = member;

    (void)field;
    buf_add_text(b, v->kind == ADDRESS_INET   ? "{\"host\":"
                    : v->kind == ADDRESS_PATH ? "{\"path\":"
                                              : "{\"abstract\":");
    json_write_text(b, v->text, v->n);
    if (v->kind == ADDRESS_INET) {
        buf_printf(b, ",\"port\":%u", v->port);
        if (v->flowinfo)
            buf_printf(b, ",\"flowinfo\":%u", v->flowinfo);
        if (v->scope) {
            buf_add_text(b, ",\"scope\":");
            json_write_text(b, v->scope, strlen(v->scope));
        }
    }
    buf_add_char(b, '}');
}

static int decode_sockaddr(struct decoder *d, const struct field *field, uint32_t token,
                           void *member)
{
    uint32_t path = json_member(d->json, token, "path");
    struct wire_sockaddr *v = member;
    struct wire_address address = {0};
    int r;

    (void)field;
    if (path && json_equals(d->json, path, "", 0)) {
        v->addr.ss_family = AF_UNIX; /* unnamed: unix(7) */
        v->len = sizeof(sa_family_t);
        return 0;
    }
    if ((r = address_decode(d->json, token, decoder_path(d), d->arena, &address, d->e)))
        return r;
    r = address_numeric(&address, address_family(&address), decoder_path(d), v, d->e);
    return r == ADDRESS_IS_NAME ? error_param(d->e, decoder_path(d), "must be a numeric address")
                                : r;
}

static void encode_sockaddr(const struct field *field, const void *member, struct buf *b)
{
    (void)field;
    address_encode(b, member);
}

/* -- lists -- */

static int decode_texts(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_texts *v = member;
    uint32_t item = token + 1;
    size_t n;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n && !r; i++, item = d->json->tokens[item].next) {
        decoder_enter_item(d, i);
        r = decoder_text(d, field, item, &v->items[i], &n);
        if (!r)
            decoder_leave(d);
    }
    return r;
}

static void encode_texts(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_texts *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        json_write_text(b, v->items[i], strlen(v->items[i]));
    }
    buf_add_char(b, ']');
}

static int decode_ints(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_ints *v = member;
    uint32_t item = token + 1;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n; i++, item = d->json->tokens[item].next)
        if (!json_integer(d->json, item, &v->items[i]))
            return decoder_wrong_type(d, field, token);
    return 0;
}

static void encode_ints(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_ints *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        json_write_integer(b, v->items[i]);
    }
    buf_add_char(b, ']');
}

static int decode_sockaddrs(struct decoder *d, const struct field *field, uint32_t token,
                            void *member)
{
    struct wire_sockaddrs *v = member;
    uint32_t item = token + 1;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n && !r; i++, item = d->json->tokens[item].next)
        r = decode_sockaddr(d, field, item, &v->items[i]);
    return r;
}

static void encode_sockaddrs(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_sockaddrs *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        address_encode(b, &v->items[i]);
    }
    buf_add_char(b, ']');
}

static int decode_option_member(struct decoder *d, uint32_t key, struct option_value *ret)
{
    const struct option *option;
    const char *near;
    size_t n;
    char *name = json_string(d->json, key, d->arena, &n);

    if (!name)
        return error_memory(d->e);
    if (!(option = option_find(name, n))) {
        near = option_nearest(name, n);
        return error_param(d->e, decoder_path(d), "no option %.60s%s%s", name,
                           near ? "; did you mean " : "", near ? near : "");
    }
    return option_decode(option, d->json, key + 1, decoder_path(d), d->arena, ret, d->e);
}

static int decode_options(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    const struct json_token *t = &d->json->tokens[token];
    struct wire_options *v = member;
    uint32_t key = token + 1;
    int r;

    if (t->type != JSON_OBJECT)
        return decoder_wrong_type(d, field, token);
    if (t->n > LIMIT_OPTIONS)
        return error_param(d->e, decoder_path(d), "more than %d options", LIMIT_OPTIONS);
    if (!(v->items = arena_alloc(d->arena, t->n * sizeof *v->items)))
        return error_memory(d->e);
    for (; v->n < t->n; v->n++, key = d->json->tokens[key + 1].next)
        if ((r = decode_option_member(d, key, &v->items[v->n])))
            return r;
    return 0;
}

static void encode_options(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_options *v = member;

    (void)field;
    buf_add_char(b, '{');
    for (size_t i = 0; i < v->n; i++) {
        const struct option_value *o = &v->items[i];

        buf_add(b, ",", i > 0);
        json_write_string(b, o->name, strlen(o->name));
        buf_add_char(b, ':');
        option_encode(b, option_find(o->name, strlen(o->name)), o->data, o->n);
    }
    buf_add_char(b, '}');
}

const struct codec codec_values[N_FIELD_TYPES] = {
    [FIELD_BOOL] = {decode_bool, encode_bool},
    [FIELD_INT] = {decode_int, encode_int},
    [FIELD_NUMBER] = {decode_number, encode_number},
    [FIELD_TEXT] = {decode_text, encode_text},
    [FIELD_SERVICE] = {decode_service, encode_text},
    [FIELD_JSON] = {decode_json, encode_json},
    [FIELD_PAYLOAD] = {decode_payload, encode_payload},
    [FIELD_BASE64] = {decode_base64, encode_base64},
    [FIELD_HANDLE] = {decode_handle, encode_handle},
    [FIELD_TIMEOUT] = {decode_timeout, encode_timeout},
    [FIELD_LEASE] = {decode_lease, encode_lease},
    [FIELD_ADDRESS] = {decode_address, encode_address},
    [FIELD_SOCKADDR] = {decode_sockaddr, encode_sockaddr},
    [FIELD_OPTIONS] = {decode_options, encode_options},
    [FIELD_TEXTS] = {decode_texts, encode_texts},
    [FIELD_INTS] = {decode_ints, encode_ints},
    [FIELD_SOCKADDRS] = {decode_sockaddrs, encode_sockaddrs},
};
