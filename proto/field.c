#include "field.h"

#include <string.h>

static bool is_called(const struct field *field, const char *name, size_t n)
{
    return strlen(field->name) == n && memcmp(field->name, name, n) == 0;
}

const struct field *field_find(const struct shape *shape, const char *name, size_t n)
{
    const struct field *field = shape->fields, *end = field + shape->n_fields;

    for (; field < end; field++) {
        if (field->type == FIELD_PAYLOAD) {
            if ((n == 4 && memcmp(name, "text", 4) == 0) ||
                (n == 6 && memcmp(name, "base64", 6) == 0))
                return field;
        } else if (is_called(field, name, n)) {
            return field;
        }
    }
    return NULL;
}

const char *field_type_name(enum field_type type)
{
    static const char *const names[N_FIELD_TYPES] = {
        [FIELD_BOOL] = "boolean",
        [FIELD_INT] = "integer",
        [FIELD_NUMBER] = "number",
        [FIELD_TEXT] = "text",
        [FIELD_SERVICE] = "text or number",
        [FIELD_JSON] = "any JSON",
        [FIELD_PAYLOAD] = "payload",
        [FIELD_BASE64] = "base64",
        [FIELD_HANDLE] = "handle",
        [FIELD_TIMEOUT] = "seconds or null",
        [FIELD_LEASE] = "\"session\", seconds or \"permanent\"",
        [FIELD_ADDRESS] = "address",
        [FIELD_SOCKADDR] = "address",
        [FIELD_FAMILY] = "AF_ name",
        [FIELD_SOCKTYPE] = "SOCK_ name",
        [FIELD_PROTOCOL] = "IPPROTO_ name or number",
        [FIELD_LEVEL] = "level name or number",
        [FIELD_HOW] = "SHUT_ name",
        [FIELD_MSG_FLAGS] = "MSG_ names",
        [FIELD_AI_FLAGS] = "AI_ names",
        [FIELD_NI_FLAGS] = "NI_ names",
        [FIELD_FORM] = "\"text\" or \"base64\"",
        [FIELD_OPTIONS] = "object of options",
        [FIELD_TEXTS] = "list of texts",
        [FIELD_INTS] = "list of integers",
        [FIELD_SOCKADDRS] = "list of addresses",
        [FIELD_LIST] = "list of objects",
        [FIELD_OBJECT] = "object",
    };

    return names[type];
}
