#include "codec.h"

#include <stdio.h>
#include <string.h>

#include "decoder.h"

const char *decoder_path(struct decoder *d)
{
    size_t n = 0;

    *d->path = '\0';
    for (int i = 0; i < d->n_steps && i < (int)(sizeof d->steps / sizeof *d->steps); i++) {
        const struct decoder_step *step = &d->steps[i];
        char *to = d->path + n;
        size_t room = sizeof d->path - n;

        if (step->name)
            snprintf(to, room, "%s%.*s", i ? "." : "", (int)(step->n < 64 ? step->n : 64),
                     step->name);
        else
            snprintf(to, room, "[%zu]", step->n);
        n += strlen(to);
    }
    return d->path;
}

int decoder_wrong_type(struct decoder *d, const struct field *field, uint32_t token)
{
    return error_param(d->e, decoder_path(d), "expected %s, not %s", field_type_name(field->type),
                       json_type_name(d->json->tokens[token].type));
}

int decoder_open_list(struct decoder *d, const struct field *field, uint32_t token,
                      size_t n_item_bytes, struct wire_list *list)
{
    const struct json_token *t = &d->json->tokens[token];

    if (t->type != JSON_ARRAY)
        return decoder_wrong_type(d, field, token);
    list->set = true;
    list->n = t->n;
    list->items = arena_alloc(d->arena, t->n * n_item_bytes);
    return list->items ? 0 : error_memory(d->e);
}

static int decode_struct(struct decoder *d, const struct shape *shape, uint32_t token, void *into);

static int decode_object(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    const struct shape *inner = field->of();
    void *into;

    if (d->json->tokens[token].type != JSON_OBJECT)
        return decoder_wrong_type(d, field, token);
    if (!(into = arena_alloc(d->arena, inner->n_bytes)))
        return error_memory(d->e);
    *(void **)member = into;
    return decode_struct(d, inner, token, into);
}

static void encode_object(const struct field *field, const void *member, struct buf *b)
{
    codec_encode(field->of(), *(void *const *)member, b);
}

static int decode_list(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    const struct shape *inner = field->of();
    struct wire_list *v = member;
    uint32_t item = token + 1;
    int r;

    if ((r = decoder_open_list(d, field, token, inner->n_bytes, v)))
        return r;
    for (size_t i = 0; i < v->n && !r; i++, item = d->json->tokens[item].next) {
        decoder_enter_item(d, i);
        r = d->json->tokens[item].type == JSON_OBJECT
                ? decode_struct(d, inner, item, (char *)v->items + i * inner->n_bytes)
                : error_param(d->e, decoder_path(d), "must be an object, not %s",
                              json_type_name(d->json->tokens[item].type));
        if (!r)
            decoder_leave(d);
    }
    return r;
}

static void encode_list(const struct field *field, const void *member, struct buf *b)
{
    const struct shape *inner = field->of();
    const struct wire_list *v = member;

    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        codec_encode(inner, (const char *)v->items + i * inner->n_bytes, b);
    }
    buf_add_char(b, ']');
}

static const struct codec codec_list = {decode_list, encode_list},
                          codec_object = {decode_object, encode_object};

static const struct codec *const codecs[N_FIELD_TYPES] = {
    [FIELD_BOOL] = &codec_bool,          [FIELD_INT] = &codec_int,
    [FIELD_NUMBER] = &codec_number,      [FIELD_TEXT] = &codec_text,
    [FIELD_SERVICE] = &codec_service,    [FIELD_JSON] = &codec_json,
    [FIELD_PAYLOAD] = &codec_payload,    [FIELD_BASE64] = &codec_base64,
    [FIELD_HANDLE] = &codec_handle,      [FIELD_TIMEOUT] = &codec_timeout,
    [FIELD_LEASE] = &codec_lease,        [FIELD_ADDRESS] = &codec_address,
    [FIELD_SOCKADDR] = &codec_sockaddr,  [FIELD_FAMILY] = &codec_constants,
    [FIELD_SOCKTYPE] = &codec_constants, [FIELD_PROTOCOL] = &codec_constants,
    [FIELD_LEVEL] = &codec_constants,    [FIELD_HOW] = &codec_constants,
    [FIELD_MSG_FLAGS] = &codec_flags,    [FIELD_AI_FLAGS] = &codec_flags,
    [FIELD_NI_FLAGS] = &codec_flags,     [FIELD_FORM] = &codec_constants,
    [FIELD_OPTIONS] = &codec_options,    [FIELD_TEXTS] = &codec_texts,
    [FIELD_INTS] = &codec_ints,          [FIELD_SOCKADDRS] = &codec_sockaddrs,
    [FIELD_LIST] = &codec_list,          [FIELD_OBJECT] = &codec_object,
};

/* Whether a member was given: each type says so in its first word. */
static bool is_present(const struct field *field, const void *member)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_SERVICE:
    case FIELD_JSON:
    case FIELD_PAYLOAD:
    case FIELD_BASE64:
    case FIELD_OPTIONS:
    case FIELD_OBJECT:
        return *(void *const *)member;
    case FIELD_ADDRESS:
        return ((const struct wire_address *)member)->kind != ADDRESS_NONE;
    case FIELD_SOCKADDR:
        return ((const struct wire_sockaddr *)member)->len > 0;
    default:
        return *(const bool *)member;
    }
}

static int decode_member(struct decoder *d, const struct field *field, uint32_t token, void *into)
{
    return codecs[field->type]->decode(d, field, token, (char *)into + field->offset);
}

/* The key that a missing member is asked for by. */
static const char *name_of(const struct field *field)
{
    return field->type == FIELD_PAYLOAD ? "text" : field->name;
}

static int decode_by_name(struct decoder *d, const struct shape *shape, uint32_t token, void *into)
{
    uint32_t key = token + 1, n = d->json->tokens[token].n;

    for (; n; n--, key = d->json->tokens[key + 1].next) {
        const struct json_token *t = &d->json->tokens[key];
        const char *name = d->json->text + t->start;
        size_t n_name = t->end - t->start;
        const struct field *field;
        int r;

        if (t->has_escape && !(name = json_get_string(d->json, key, d->arena, &n_name)))
            return error_memory(d->e);
        field = field_find(shape, name, n_name);
        if (!field && d->mode == CODEC_LOOSE)
            continue;
        decoder_enter(d, name, n_name);
        if (!field)
            return error_param(d->e, decoder_path(d), "there is no such parameter");
        d->is_base64 = *name == 'b';
        if ((r = decode_member(d, field, key + 1, into)))
            return r;
        decoder_leave(d);
    }
    return 0;
}

static int decode_by_position(struct decoder *d, const struct shape *shape, uint32_t token,
                              void *into)
{
    uint32_t item = token + 1, n = d->json->tokens[token].n;
    int r;

    if (n > shape->n_fields)
        return error_param(d->e, "params", "at most %zu by position, not %u", shape->n_fields, n);
    d->is_base64 = false;
    for (uint32_t i = 0; i < n; i++, item = d->json->tokens[item].next) {
        const struct field *field = &shape->fields[i];

        const char *name = name_of(field);

        decoder_enter(d, name, strlen(name));
        if ((r = decode_member(d, field, item, into)))
            return r;
        decoder_leave(d);
    }
    return 0;
}

static int check_required(struct decoder *d, const struct shape *shape, void *into)
{
    const struct field *field = shape->fields, *end = field + shape->n_fields;

    for (; field < end; field++) {
        if (field->need == OPTIONAL || is_present(field, (char *)into + field->offset))
            continue;
        decoder_enter(d, name_of(field), strlen(name_of(field)));
        return error_param(d->e, decoder_path(d),
                           field->type == FIELD_PAYLOAD ? "text or base64 is missing"
                                                        : "is missing");
    }
    return 0;
}

static int decode_struct(struct decoder *d, const struct shape *shape, uint32_t token, void *into)
{
    bool by_position = token && d->json->tokens[token].type == JSON_ARRAY;
    int r = 0;

    if (token)
        r = by_position ? decode_by_position(d, shape, token, into)
                        : decode_by_name(d, shape, token, into);
    if (!r && d->mode == CODEC_STRICT)
        r = check_required(d, shape, into);
    return r;
}

int codec_decode(const struct shape *shape, enum codec_mode mode, const struct json *json,
                 uint32_t token, struct arena *a, void *into, struct error *e)
{
    struct decoder d = {.json = json, .arena = a, .e = e, .mode = mode};

    return decode_struct(&d, shape, token, into);
}

void codec_encode_member(const struct field *field, const void *from, struct buf *b)
{
    const void *member = (const char *)from + field->offset;

    if (is_present(field, member))
        codecs[field->type]->encode(field, member, b);
}

void codec_encode(const struct shape *shape, const void *from, struct buf *b)
{
    const struct field *field = shape->fields, *end = field + shape->n_fields;
    const char *separator = "";

    buf_add_char(b, '{');
    for (; field < end; field++) {
        const void *member = (const char *)from + field->offset;

        if (!is_present(field, member))
            continue;
        buf_add_text(b, separator);
        separator = ",";
        if (field->type != FIELD_PAYLOAD) {
            buf_add_char(b, '"');
            buf_add_text(b, field->name);
            buf_add_text(b, "\":");
        }
        codecs[field->type]->encode(field, member, b);
    }
    buf_add_char(b, '}');
}
