/* The values that travel as BSD names. */
#include "constants.h"
#include "decoder.h"

#include <string.h>

static enum constant_space space_of(enum field_type type)
{
    static const enum constant_space spaces[N_FIELD_TYPES] = {
        [FIELD_FAMILY] = CONSTANT_FAMILY,     [FIELD_SOCKTYPE] = CONSTANT_SOCKTYPE,
        [FIELD_PROTOCOL] = CONSTANT_PROTOCOL, [FIELD_LEVEL] = CONSTANT_LEVEL,
        [FIELD_HOW] = CONSTANT_HOW,           [FIELD_MSG_FLAGS] = CONSTANT_MSG,
        [FIELD_AI_FLAGS] = CONSTANT_AI,       [FIELD_NI_FLAGS] = CONSTANT_NI,
        [FIELD_FORM] = CONSTANT_FORM,
    };

    return spaces[type];
}

static int find_constant(struct decoder *d, const struct field *field, const char *name, size_t n,
                         int *ret)
{
    enum constant_space space = space_of(field->type);
    const char *near;

    if (constant_find(space, name, n, ret))
        return 0;
    near = constant_nearest(space, name, n);
    return error_param(d->e, decoder_path(d), "%.*s is not a known %s%s%s", (int)(n > 60 ? 60 : n),
                       name, field_type_name(field->type), near ? "; did you mean " : "",
                       near ? near : "");
}

/* Every constant's struct has the layout of wire_family. */
static int decode_constant(struct decoder *d, const struct field *field, uint32_t token,
                           void *member)
{
    bool takes_number = field->type == FIELD_PROTOCOL || field->type == FIELD_LEVEL;
    struct wire_family *v = member;
    const char *name;
    int64_t number;
    size_t n;
    int r;

    v->set = true;
    if (takes_number && json_get_integer(d->json, token, &number)) {
        if (number < 0 || number > INT32_MAX)
            return error_param(d->e, decoder_path(d), "is out of range");
        v->v = (int)number;
        return 0;
    }
    if ((r = decoder_text(d, field, token, &name, &n)))
        return r;
    return find_constant(d, field, name, n, &v->v);
}

static void encode_constant(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_family *v = member;
    const char *name = constant_name(space_of(field->type), v->v);

    if (name)
        json_write_string(b, name, strlen(name));
    else
        json_write_integer(b, v->v);
}

/* Names in one text, separated by |, as C programs write them. */
static int add_flags(struct decoder *d, const struct field *field, uint32_t token, int *flags)
{
    const char *name, *end;
    size_t n, length;
    int r, one;

    if ((r = decoder_text(d, field, token, &name, &n)))
        return r;
    for (; *name; name = *end ? end + 1 : end) {
        while (*name == ' ')
            name++;
        end = strchrnul(name, '|');
        for (length = (size_t)(end - name); length && name[length - 1] == ' '; length--)
            ;
        if ((r = find_constant(d, field, name, length, &one)))
            return r;
        *flags |= one;
    }
    return 0;
}

static int decode_flags(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    const struct json_token *t = &d->json->tokens[token];
    struct wire_family *v = member;
    uint32_t item = token + 1;
    int64_t number;
    int r;

    v->set = true;
    if (t->type == JSON_STRING)
        return add_flags(d, field, token, &v->v);
    if (json_get_integer(d->json, token, &number) && number >= 0 && number <= INT32_MAX) {
        v->v = (int)number;
        return 0;
    }
    if (t->type != JSON_ARRAY)
        return decoder_wrong_type(d, field, token);
    for (uint32_t i = 0; i < t->n; i++, item = d->json->tokens[item].next)
        if ((r = add_flags(d, field, item, &v->v)))
            return r;
    return 0;
}

static void encode_flags(const struct field *field, const void *member, struct buf *b)
{
    json_write_integer(b, ((const struct wire_family *)member)->v);
    (void)field;
}

const struct codec codec_constants = {decode_constant, encode_constant};
const struct codec codec_flags = {decode_flags, encode_flags};
