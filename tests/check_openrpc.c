/* check_openrpc.c — the OpenRPC document: that it is one (spec.open-rpc.org, 1.x), and that it says
 * of every method what the table says. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/constants.h"
#include "proto/errors.h"
#include "proto/methods.h"
#include "proto/openrpc.h"
#include "tests/fds.h"

static json_t *document;

static void begin(void)
{
    char *text = openrpc_document();
    json_error_t error;

    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_null(strchr(text, '\n'));
    document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(document, "%s: %.200s", error.text, text);
    free(text);
}

static void end(void)
{
    json_decref(document);
}

static const char *text_at(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    ck_assert_msg(text && *text, "%s is no text", key);
    return text;
}

static json_t *method_entry(const struct method *m)
{
    return json_array_get(json_object_get(document, "methods"), m->id);
}

/* The parameter called so, or NULL. */
static json_t *find_param(json_t *method, const char *name)
{
    json_t *param;
    size_t i;

    json_array_foreach(json_object_get(method, "params"), i,
                       param) if (strcmp(text_at(param, "name"), name) == 0) return param;
    return NULL;
}

#define for_each_row(shape, row)                                                                   \
    for (const struct field *row = (shape)->fields; row < (shape)->fields + (shape)->n_fields;     \
         row++)
#define for_each_method(m)                                                                         \
    for (const struct method *m = method_at(0), *past = m + N_METHODS; m < past; m++)

/* -- what the specification asks for -- */

START_TEST(the_head)
{
    json_t *info = json_object_get(document, "info");

    ck_assert_msg(strncmp(text_at(document, "openrpc"), "1.", 2) == 0, "%s",
                  text_at(document, "openrpc"));
    ck_assert_str_eq(text_at(info, "title"), "berth");
    text_at(info, "version");
    ck_assert(json_is_array(json_object_get(document, "methods")));
}
END_TEST

START_TEST(every_method_has_its_members)
{
    ck_assert_uint_eq(json_array_size(json_object_get(document, "methods")), N_METHODS);
    for_each_method(m)
    {
        json_t *method = method_entry(m), *result = json_object_get(method, "result");

        ck_assert_str_eq(text_at(method, "name"), m->name);
        ck_assert_str_eq(text_at(method, "summary"), m->doc);
        ck_assert(json_is_array(json_object_get(method, "params")));
        text_at(result, "name");
        ck_assert(json_is_object(json_object_get(result, "schema")));
    }
}
END_TEST

/* Names are unique, and what may be left out stands behind what may not. */
START_TEST(every_parameter_has_its_members)
{
    for_each_method(m)
    {
        json_t *method = method_entry(m), *param, *required;
        bool is_optional = false;
        size_t i;

        json_array_foreach(json_object_get(method, "params"), i, param)
        {
            const char *name = text_at(param, "name");

            required = json_object_get(param, "required");
            ck_assert_msg(json_is_boolean(required), "%s.%s", m->name, name);
            ck_assert_msg(json_is_object(json_object_get(param, "schema")), "%s.%s", m->name, name);
            ck_assert_msg(find_param(method, name) == param, "%s has %s twice", m->name, name);
            ck_assert_msg(!is_optional || json_is_false(required), "%s.%s", m->name, name);
            is_optional |= json_is_false(required);
        }
    }
}
END_TEST

/* By position the list is what counts: there it must have one entry for each value that the method
 * takes. */
START_TEST(the_structure_of_parameters)
{
    for_each_method(m)
    {
        json_t *method = method_entry(m);
        const char *structure = text_at(method, "paramStructure");
        bool by_name = strcmp(structure, "by-name") == 0;

        ck_assert_msg(by_name || strcmp(structure, "either") == 0, "%s: %s", m->name, structure);
        ck_assert_msg(by_name ||
                          json_array_size(json_object_get(method, "params")) == m->params->n_fields,
                      "%s cannot be called by position as it is described", m->name);
    }
}
END_TEST

/* Every $ref of the document leads to something in it. */
static void check_refs(json_t *value, int *n_refs)
{
    const char *key;
    json_t *inner;
    size_t i;

    json_array_foreach(value, i, inner) check_refs(inner, n_refs);
    json_object_foreach(value, key, inner)
    {
        if (strcmp(key, "$ref") == 0) {
            const char *way = json_string_value(inner);

            ck_assert(way && strncmp(way, "#/components/schemas/", 21) == 0);
            ck_assert_msg(
                json_is_object(json_object_get(
                    json_object_get(json_object_get(document, "components"), "schemas"), way + 21)),
                "%s leads nowhere", way);
            ++*n_refs;
        }
        check_refs(inner, n_refs);
    }
}

START_TEST(references)
{
    int n_refs = 0;

    check_refs(document, &n_refs);
    ck_assert_int_gt(n_refs, 10);
}
END_TEST

/* JSON Schema knows these types and no others. */
static void check_types(json_t *value)
{
    static const char known[] = " null boolean object array number string integer ";
    json_t *type = json_object_get(value, "type"), *inner;
    const char *key;
    size_t i;

    if (json_is_string(type))
        ck_assert_msg(strstr(known, json_string_value(type)), "%s", json_string_value(type));
    json_array_foreach(type, i, inner) if (json_is_string(inner))
        ck_assert_msg(strstr(known, json_string_value(inner)), "%s", json_string_value(inner));
    json_object_foreach(value, key, inner) check_types(inner);
    json_array_foreach(value, i, inner) check_types(inner);
}

START_TEST(types_of_schemas)
{
    check_types(document);
}
END_TEST

/* -- what the table says -- */

START_TEST(every_row_of_parameters)
{
    for_each_method(m) for_each_row(m->params, row)
    {
        bool is_payload = row->type == FIELD_PAYLOAD;
        json_t *param = find_param(method_entry(m), is_payload ? "text" : row->name);

        ck_assert_msg(param, "%s.%s is not described", m->name, row->name);
        ck_assert_str_eq(text_at(param, "description"), row->doc);
        ck_assert_msg(json_is_true(json_object_get(param, "required")) ==
                          (row->need == REQUIRED && !is_payload),
                      "%s.%s", m->name, row->name);
        if (is_payload)
            ck_assert_ptr_nonnull(find_param(method_entry(m), "base64"));
    }
}
END_TEST

static bool is_listed(json_t *list, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (strcmp(json_string_value(item), text) == 0) return true;
    return false;
}

static void check_properties(json_t *schema, const struct shape *shape)
{
    json_t *properties = json_object_get(schema, "properties"),
           *required = json_object_get(schema, "required");
    size_t n = 0;

    ck_assert_str_eq(text_at(schema, "type"), "object");
    for_each_row(shape, row)
    {
        bool is_payload = row->type == FIELD_PAYLOAD;
        json_t *property = json_object_get(properties, is_payload ? "text" : row->name);

        ck_assert_msg(json_is_object(property), "%s.%s is not described", shape->name, row->name);
        ck_assert_str_eq(text_at(property, "description"), row->doc);
        ck_assert_msg(is_listed(required, row->name) == (row->need == REQUIRED && !is_payload),
                      "%s.%s", shape->name, row->name);
        if (is_payload)
            ck_assert(json_is_object(json_object_get(properties, "base64")));
        if (row->type == FIELD_OBJECT)
            check_properties(property, row->of());
        if (row->type == FIELD_LIST)
            check_properties(json_object_get(property, "items"), row->of());
        n += 1 + is_payload;
    }
    ck_assert_uint_eq(json_object_size(properties), n);
}

START_TEST(every_row_of_results)
{
    for_each_method(m) if (!(m->flags & WHOLE_RESULT)) check_properties(
        json_object_get(json_object_get(method_entry(m), "result"), "schema"), m->result);
}
END_TEST

/* Where descriptors travel, and nowhere else. */
START_TEST(descriptors)
{
    int n = 0;

    for_each_method(m)
    {
        json_t *fds = json_object_get(method_entry(m), "x-fds");

        if (!(m->flags & (FD_IN | FD_OUT))) {
            ck_assert_msg(!fds, "%s", m->name);
            continue;
        }
        ck_assert(json_is_object(fds));
        ck_assert_int_eq(json_integer_value(json_object_get(fds, "request")), !!(m->flags & FD_IN));
        ck_assert_int_eq(json_integer_value(json_object_get(fds, "reply")), !!(m->flags & FD_OUT));
        n++;
    }
    ck_assert_int_gt(n, 0);
}
END_TEST

START_TEST(names_of_constants)
{
    json_t *schema =
        json_object_get(find_param(method_entry(method_at(METHOD_socket)), "family"), "schema");
    const struct constant *rows;
    size_t n;

    rows = constants_of(CONSTANT_FAMILY, &n);
    ck_assert_uint_eq(json_array_size(json_object_get(schema, "enum")), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(is_listed(json_object_get(schema, "enum"), rows[i].name), "%s", rows[i].name);
}
END_TEST

START_TEST(every_error)
{
    json_t *errors = json_object_get(json_object_get(document, "components"), "errors");

    ck_assert_uint_eq(json_object_size(errors), N_ERRORS - 1);
    for (int id = ERROR_NONE + 1; id < N_ERRORS; id++) {
        const struct error_info *info = error_info((enum error_id)id);
        char key[16];
        json_t *error;

        snprintf(key, sizeof key, "%d", info->code);
        error = json_object_get(errors, key);
        ck_assert_int_eq(json_integer_value(json_object_get(error, "code")), info->code);
        ck_assert_str_eq(text_at(error, "message"), info->sentence);
        ck_assert_str_eq(text_at(json_object_get(error, "data"), "kind"), info->kind);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openrpc");
    TCase *tests = fds_case(suite, "openrpc");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, the_head);
    tcase_add_test(tests, every_method_has_its_members);
    tcase_add_test(tests, every_parameter_has_its_members);
    tcase_add_test(tests, the_structure_of_parameters);
    tcase_add_test(tests, references);
    tcase_add_test(tests, types_of_schemas);
    tcase_add_test(tests, every_row_of_parameters);
    tcase_add_test(tests, every_row_of_results);
    tcase_add_test(tests, descriptors);
    tcase_add_test(tests, names_of_constants);
    tcase_add_test(tests, every_error);
    return fds_run(suite);
}
