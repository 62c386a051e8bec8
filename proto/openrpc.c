#include "openrpc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "errors.h"
#include "methods.h"

/* Every json_… that fails gives NULL, and every json_…_new takes it in as a failure: one look at
 * the end is enough. */

static json_t *schema_of_shape(const struct shape *shape);

/* "enum" of a space of constants. */
static json_t *schema_of_constants(enum constant_space space)
{
    size_t n;
    const struct constant *rows = constants_of(space, &n);
    json_t *names = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(names, json_string(rows[i].name));
    return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

static json_t *schema_of_list(json_t *items)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *schema_ref(const char *name)
{
    json_t *path = json_sprintf("#/components/schemas/%s", name);

    return json_pack("{s:o}", "$ref", path);
}

static json_t *schema_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case FIELD_INT:
        return json_pack("{s:s}", "type", "integer");
    case FIELD_NUMBER:
        return json_pack("{s:s}", "type", "number");
    case FIELD_TEXT:
    case FIELD_PAYLOAD:
        return json_pack("{s:s}", "type", "string");
    case FIELD_BASE64:
        return json_pack("{s:s, s:s}", "type", "string", "contentEncoding", "base64");
    case FIELD_SERVICE:
        return json_pack("{s:[s,s]}", "type", "string", "integer");
    case FIELD_JSON:
        return json_object();
    case FIELD_HANDLE:
        return json_pack("{s:[s,s]}", "type", "integer", "string");
    case FIELD_TIMEOUT:
        return json_pack("{s:[s,s], s:i}", "type", "number", "null", "minimum", 0);
    case FIELD_LEASE:
        return json_pack("{s:[{s:[s,s]}, {s:s, s:i}]}", "oneOf", "enum", "session", "permanent",
                         "type", "number", "exclusiveMinimum", 0);
    case FIELD_ADDRESS:
    case FIELD_SOCKADDR:
        return schema_ref("address");
    case FIELD_SOCKADDRS:
        return schema_of_list(schema_ref("address"));
    case FIELD_FAMILY:
        return schema_of_constants(CONSTANT_FAMILY);
    case FIELD_SOCKTYPE:
        return schema_of_constants(CONSTANT_SOCKTYPE);
    case FIELD_HOW:
        return schema_of_constants(CONSTANT_HOW);
    case FIELD_FORM:
        return schema_of_constants(CONSTANT_FORM);
    case FIELD_PROTOCOL:
    case FIELD_LEVEL:
        return json_pack("{s:[s,s]}", "type", "string", "integer");
    case FIELD_MSG_FLAGS:
    case FIELD_AI_FLAGS:
    case FIELD_NI_FLAGS:
        return json_pack("{s:[s,s,s]}", "type", "string", "array", "integer");
    case FIELD_OPTIONS:
        return json_pack("{s:s}", "type", "object");
    case FIELD_TEXTS:
        return schema_of_list(json_pack("{s:s}", "type", "string"));
    case FIELD_INTS:
        return schema_of_list(json_pack("{s:s}", "type", "integer"));
    case FIELD_LIST:
        return schema_of_list(schema_of_shape(field->of()));
    case FIELD_OBJECT:
        return schema_of_shape(field->of());
    case N_FIELD_TYPES:
        break;
    }
    return NULL;
}

/* A payload is two members of which one must be there. */
static void add_property(json_t *properties, json_t *required, const struct field *field)
{
    json_t *schema = schema_of(field), *base64;

    json_object_set_new(schema, "description", json_string(field->doc));
    if (field->type == FIELD_PAYLOAD) {
        base64 = json_pack("{s:s, s:s, s:s}", "type", "string", "contentEncoding", "base64",
                           "description", field->doc);
        json_object_set_new(properties, "text", schema);
        json_object_set_new(properties, "base64", base64);
        return;
    }
    json_object_set_new(properties, field->name, schema);
    if (field->need == REQUIRED)
        json_array_append_new(required, json_string(field->name));
}

static json_t *schema_of_shape(const struct shape *shape)
{
    json_t *properties = json_object(), *required = json_array();

    for (size_t i = 0; i < shape->n_fields; i++)
        add_property(properties, required, &shape->fields[i]);
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

static json_t *parameter(const char *name, const struct field *field, bool required, json_t *schema)
{
    return json_pack("{s:s, s:s, s:b, s:o}", "name", name, "description", field->doc, "required",
                     required, "schema", schema);
}

static json_t *parameters_of(const struct shape *shape)
{
    json_t *list = json_array();

    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        if (field->type == FIELD_PAYLOAD) {
            json_array_append_new(list, parameter("text", field, false, schema_of(field)));
            json_array_append_new(list, parameter("base64", field, false,
                                                  json_pack("{s:s, s:s}", "type", "string",
                                                            "contentEncoding", "base64")));
        } else {
            json_array_append_new(
                list, parameter(field->name, field, field->need == REQUIRED, schema_of(field)));
        }
    }
    return list;
}

static json_t *result_of(const struct method *m)
{
    json_t *schema = m->flags & WHOLE_RESULT ? json_object() : schema_of_shape(m->result);

    return json_pack("{s:s, s:o}", "name", m->result->name, "schema", schema);
}

static json_t *describe(const struct method *m)
{
    /* By position a payload is one value, but here it is two entries. */
    bool has_payload = field_find(m->params, "text", 4) && field_find(m->params, "base64", 6);
    json_t *method = json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", m->name, "summary", m->doc,
                               "paramStructure", has_payload ? "by-name" : "either", "params",
                               parameters_of(m->params), "result", result_of(m));

    if (m->flags & (FD_IN | FD_OUT))
        json_object_set_new(method, "x-fds",
                            json_pack("{s:i, s:i}", "request", m->flags & FD_IN ? 1 : 0, "reply",
                                      m->flags & FD_OUT ? 1 : 0));
    if (m->flags & REPEATABLE)
        json_object_set_new(method, "x-repeatable", json_true());
    return method;
}

static json_t *errors(void)
{
    json_t *list = json_object();

    for (int id = ERROR_NONE + 1; id < N_ERRORS; id++) {
        const struct error_info *info = error_info((enum error_id)id);
        json_t *key = json_sprintf("%d", info->code);

        json_object_set_new(list, json_string_value(key),
                            json_pack("{s:i, s:s, s:{s:s}}", "code", info->code, "message",
                                      info->sentence, "data", "kind", info->kind));
        json_decref(key);
    }
    return list;
}

static json_t *address_schema(void)
{
    json_t *object = json_pack(
        "{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s, s:i, s:i}, s:{s:[s,s]}, s:{s:s}, s:{s:s}, s:{s:s}}}",
        "type", "object", "properties", "family", "type", "string", "host", "type", "string",
        "port", "type", "integer", "minimum", 0, "maximum", 65535, "scope", "type", "string",
        "integer", "flowinfo", "type", "integer", "path", "type", "string", "abstract", "type",
        "string");

    return json_pack("{s:s, s:[o, {s:s, s:i, s:i}, {s:s}]}", "description",
                     "host and port, or path, or abstract; [host, port] and, for a Unix socket, a "
                     "path are taken too",
                     "oneOf", object, "type", "array", "minItems", 2, "maxItems", 4, "type",
                     "string");
}

char *openrpc_document(void)
{
    json_t *methods = json_array(), *document;
    char *text;

    for (int id = 0; id < N_METHODS; id++)
        json_array_append_new(methods, describe(method_at((enum method_id)id)));
    document = json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:o}, s:o}}", "openrpc", "1.3.2",
                         "info", "title", "berth", "version", "1", "description",
                         "Sockets owned by a daemon, spoken to in lines of JSON-RPC 2.0.",
                         "methods", methods, "components", "schemas", "address", address_schema(),
                         "errors", errors());
    text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}
