#include "samples.h"

#include <string.h>

#include "proto/methods.h"

static void add_shape(const struct shape *shape, const struct shape **shapes, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (shapes[i] == shape)
            return;
    if (*n == SAMPLES_MAX_SHAPES)
        return;
    shapes[(*n)++] = shape;
    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].of)
            add_shape(shape->fields[i].of(), shapes, n);
}

size_t samples_shapes(const struct shape *ret_shapes[SAMPLES_MAX_SHAPES])
{
    size_t n = 0;

    for (int id = 0; id < N_METHODS; id++) {
        add_shape(method_at((enum method_id)id)->params, ret_shapes, &n);
        add_shape(method_at((enum method_id)id)->result, ret_shapes, &n);
    }
    return n;
}

/* In the form in which berth itself writes them. */
static const char *const values[N_FIELD_TYPES] = {
    [FIELD_BOOL] = "true",
    [FIELD_INT] = "16777217",
    [FIELD_NUMBER] = "2.5",
    [FIELD_TEXT] = "\"some text\"",
    [FIELD_SERVICE] = "\"http\"",
    [FIELD_JSON] = "{\"any\":[1,null,\"x\"]}",
    [FIELD_PAYLOAD] = "\"bytes\"",
    [FIELD_BASE64] = "\"AAEC/w==\"",
    [FIELD_HANDLE] = "16777218",
    [FIELD_TIMEOUT] = "2.5",
    [FIELD_LEASE] = "\"session\"",
    [FIELD_ADDRESS] = "{\"host\":\"127.0.0.1\",\"port\":80}",
    [FIELD_SOCKADDR] = "{\"family\":\"AF_INET\",\"host\":\"127.0.0.1\",\"port\":80}",
    [FIELD_FAMILY] = "\"AF_INET\"",
    [FIELD_SOCKTYPE] = "\"SOCK_STREAM\"",
    [FIELD_PROTOCOL] = "\"IPPROTO_TCP\"",
    [FIELD_LEVEL] = "\"SOL_SOCKET\"",
    [FIELD_HOW] = "\"SHUT_WR\"",
    [FIELD_MSG_FLAGS] = "2",
    [FIELD_AI_FLAGS] = "1",
    [FIELD_NI_FLAGS] = "1",
    [FIELD_FORM] = "\"base64\"",
    [FIELD_OPTIONS] = "{\"SO_KEEPALIVE\":true}",
    [FIELD_TEXTS] = "[\"in\",\"out\"]",
    [FIELD_INTS] = "[16777217,16777218]",
    [FIELD_SOCKADDRS] = "[{\"family\":\"AF_INET\",\"host\":\"127.0.0.1\",\"port\":80}]",
};

void samples_add_value(const struct field *field, struct buf *b)
{
    if (field->type == FIELD_OBJECT) {
        samples_add_object(field->of(), NULL, b);
    } else if (field->type == FIELD_LIST) {
        for (int i = 0; i < 3; i++) {
            buf_add_char(b, i ? ',' : '[');
            samples_add_object(field->of(), NULL, b);
        }
        buf_add_char(b, ']');
    } else {
        buf_add_text(b, values[field->type]);
    }
}

const char *samples_key(const struct field *field)
{
    return field->type == FIELD_PAYLOAD ? "text" : field->name;
}

void samples_add_object(const struct shape *shape, const struct field *but, struct buf *b)
{
    const char *separator = "";

    buf_add_char(b, '{');
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        if (field == but)
            continue;
        buf_printf(b, "%s\"%s\":", separator, samples_key(field));
        samples_add_value(field, b);
        separator = ",";
    }
    buf_add_char(b, '}');
}

bool samples_is_optional(const struct shape *shape)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].need == REQUIRED)
            return false;
    return true;
}
