/* The values that stand for themselves: numbers, texts, bytes, handles, times. */
#include "decoder.h"

#include <math.h>
#include <string.h>

#include "limits.h"
#include "utf8.h"

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

    if (!json_get_integer(d->json, token, &v->v))
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

    if (!json_get_number(d->json, token, &v->v))
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
    if (!(s = json_get_string(d->json, token, d->arena, ret_n)))
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
    for (uint32_t i = token; i < t->next; i++)
        if (d->json->tokens[i].has_nul)
            return error_param(d->e, decoder_path(d), "must not contain \\u0000");
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
    const char *s = NULL;
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
    if (!(v->data = json_get_string(d->json, token, d->arena, &v->n)))
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
    } else if (!json_get_integer(d->json, token, &v->id)) {
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

/* Seconds as the nearest whole microsecond, but never as "not at all". */
static bool take_seconds(const struct json *json, uint32_t token, int64_t *ret_usec)
{
    double v;

    if (!json_get_number(json, token, &v) || v < 0 || v > 1e9)
        return false;
    *ret_usec = llround(v * 1e6);
    *ret_usec += *ret_usec == 0 && v > 0;
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

const struct codec codec_bool = {decode_bool, encode_bool};
const struct codec codec_int = {decode_int, encode_int};
const struct codec codec_number = {decode_number, encode_number};
const struct codec codec_text = {decode_text, encode_text};
const struct codec codec_service = {decode_service, encode_text};
const struct codec codec_json = {decode_json, encode_json};
const struct codec codec_payload = {decode_payload, encode_payload};
const struct codec codec_base64 = {decode_base64, encode_base64};
const struct codec codec_handle = {decode_handle, encode_handle};
const struct codec codec_timeout = {decode_timeout, encode_timeout};
const struct codec codec_lease = {decode_lease, encode_lease};
