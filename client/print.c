#include "client/print.h"

#include <string.h>

#include "client/table.h"
#include "client/term.h"
#include "proto/arena.h"

/* -- values ------------------------------------------------------------------------------------ */

static void add_string(const struct json *json, uint32_t token, struct buf *b)
{
    struct arena a = {0};
    char *text;
    size_t n;

    if (json->tokens[token].has_escape) {
        if ((text = json_get_string(json, token, &a, &n)))
            term_add_visible(b, text, n);
        arena_done(&a);
    } else {
        term_add_visible(b, json->text + json->tokens[token].start,
                         json->tokens[token].end - json->tokens[token].start);
    }
}

/* Objects that mean an address are known by their members. */
static bool is_address(const struct json *json, uint32_t token)
{
    uint32_t host = json_member(json, token, "host");

    return json_member(json, token, "path") || json_member(json, token, "abstract") ||
           (host && json->tokens[host].type == JSON_STRING && json_member(json, token, "port"));
}

static void add_host(const struct json *json, uint32_t token, uint32_t host, struct buf *b)
{
    const struct json_token *t = &json->tokens[host];
    uint32_t scope = json_member(json, token, "scope");
    bool is_ipv6 = memchr(json->text + t->start, ':', t->end - t->start);

    buf_add(b, "[", is_ipv6);
    add_string(json, host, b);
    if (scope) {
        buf_add_char(b, '%');
        print_value(json, scope, b);
    }
    buf_add_text(b, is_ipv6 ? "]:" : ":");
    print_value(json, json_member(json, token, "port"), b);
}

static void add_address(const struct json *json, uint32_t token, struct buf *b)
{
    uint32_t path = json_member(json, token, "path"),
             abstract = json_member(json, token, "abstract");

    if (!path && !abstract) {
        add_host(json, token, json_member(json, token, "host"), b);
        return;
    }
    buf_add_text(b, path ? "unix:" : "unix:@");
    print_value(json, path ? path : abstract, b);
}

static void add_list(const struct json *json, uint32_t token, struct buf *b)
{
    uint32_t item = token + 1;

    for (uint32_t i = 0; i < json->tokens[token].n; i++, item = json->tokens[item].next) {
        buf_add(b, ", ", i ? 2 : 0);
        print_value(json, item, b);
    }
}

static void add_members(const struct json *json, uint32_t token, struct buf *b)
{
    uint32_t key = token + 1;

    for (uint32_t i = 0; i < json->tokens[token].n; i++, key = json->tokens[key + 1].next) {
        buf_add(b, " ", i > 0);
        add_string(json, key, b);
        buf_add_char(b, '=');
        print_value(json, key + 1, b);
    }
}

void print_value(const struct json *json, uint32_t token, struct buf *b)
{
    const struct json_token *t = &json->tokens[token];

    if (t->type == JSON_STRING)
        add_string(json, token, b);
    else if (t->type == JSON_ARRAY)
        add_list(json, token, b);
    else if (t->type != JSON_OBJECT)
        buf_add(b, json->text + t->start, t->end - t->start);
    else if (is_address(json, token))
        add_address(json, token, b);
    else
        add_members(json, token, b);
}

const char *print_cell(const struct json *json, uint32_t token, struct buf *b)
{
    buf_truncate(b, 0);
    if (token)
        print_value(json, token, b);
    buf_add_char(b, '\0');
    return b->failed ? "" : b->data + b->start;
}

/* -- shapes ------------------------------------------------------------------------------------ */

static bool is_table(const struct json *json, uint32_t token)
{
    const struct json_token *t = &json->tokens[token];

    return t->type == JSON_ARRAY && t->n && t[1].type == JSON_OBJECT &&
           !is_address(json, token + 1);
}

/* A list of objects: their members, in the order in which they first appear, are the columns. */
static int print_table(const struct json *json, uint32_t token)
{
    struct table *table = table_new(true);
    uint32_t item = token + 1;
    struct buf cell = {0}, name = {0};
    int r = table ? 0 : -1;

    for (uint32_t i = 0; i < json->tokens[token].n && !r; i++, item = json->tokens[item].next) {
        uint32_t key = item + 1;

        r = table_add_line(table);
        for (uint32_t j = 0; j < json->tokens[item].n && !r; j++, key = json->tokens[key + 1].next)
            r = table_set(table, print_cell(json, key, &name), print_cell(json, key + 1, &cell));
    }
    if (!r)
        r = table_print(table);
    table_free(table);
    buf_done(&cell);
    buf_done(&name);
    return r;
}

static int add_line(struct table *table, const char *key, const char *value)
{
    if (table_add_line(table) < 0 || table_set(table, "KEY", key) < 0)
        return -1;
    return table_set(table, "VALUE", value);
}

static bool is_payload(const struct shape *shape, const struct json *json, uint32_t key)
{
    const struct json_token *t = &json->tokens[key];
    const struct field *field =
        shape ? field_find(shape, json->text + t->start, t->end - t->start) : NULL;

    return field && field->type == FIELD_PAYLOAD;
}

/* One key a line; an object's members as KEY.MEMBER. What print_tables and print_payload print is
 * left out. */
static int add_lines(const struct json *json, uint32_t object, const char *prefix,
                     struct table *table, const struct shape *shape)
{
    uint32_t key = object + 1;
    struct buf name = {0}, cell = {0};
    int r = 0;

    for (uint32_t i = 0; i < json->tokens[object].n && !r; i++, key = json->tokens[key + 1].next) {
        bool is_inner = json->tokens[key + 1].type == JSON_OBJECT && !is_address(json, key + 1);

        if (is_payload(shape, json, key) || is_table(json, key + 1))
            continue;
        buf_truncate(&name, 0);
        buf_add_text(&name, prefix);
        add_string(json, key, &name);
        buf_add(&name, is_inner ? ".\0" : "\0", 1 + is_inner);
        if (name.failed)
            r = -1;
        else if (is_inner)
            r = add_lines(json, key + 1, name.data + name.start, table, NULL);
        else
            r = add_line(table, name.data + name.start, print_cell(json, key + 1, &cell));
    }
    buf_done(&name);
    buf_done(&cell);
    return r;
}

static int print_lines(const struct json *json, uint32_t object, const struct shape *shape)
{
    struct table *table = table_new(false);
    int r = table ? add_lines(json, object, "", table, shape) : -1;

    if (!r)
        r = table_print(table);
    table_free(table);
    return r;
}

/* The lists of objects among the members, each under its name. */
static int print_tables(const struct json *json, uint32_t object)
{
    uint32_t key = object + 1;
    struct buf name = {0};
    int r = 0;

    for (uint32_t i = 0; i < json->tokens[object].n && !r; i++, key = json->tokens[key + 1].next) {
        if (!is_table(json, key + 1))
            continue;
        printf("%s%s:%s\n", term_style(stdout, TERM_KEY), print_cell(json, key, &name),
               term_style(stdout, TERM_PLAIN));
        r = print_table(json, key + 1);
    }
    buf_done(&name);
    return r;
}

static int print_payload(const struct json *json, uint32_t object)
{
    uint32_t text = json_member(json, object, "text"), base64 = json_member(json, object, "base64");
    uint32_t token = text ? text : base64;
    struct arena a = {0};
    bool bad = false;
    size_t n = 0;
    char *bytes;

    if (!token || json->tokens[token].type != JSON_STRING)
        return 0;
    bytes = json_get_string(json, token, &a, &n);
    if (bytes && base64)
        bytes = json_from_base64(bytes, n, &a, &n, &bad);
    if (bytes) {
        term_put(stdout, bytes, n);
        if (n && bytes[n - 1] != '\n')
            putchar('\n');
    }
    arena_done(&a);
    return bytes ? 0 : -1;
}

static bool has_payload(const struct shape *shape)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].type == FIELD_PAYLOAD)
            return true;
    return false;
}

static int print_plain(const struct method *method, const struct json *json)
{
    bool is_data = has_payload(method->result);
    int r = print_lines(json, 0, is_data ? method->result : NULL);

    if (!r)
        r = print_tables(json, 0);
    if (!r && is_data)
        r = print_payload(json, 0);
    return r;
}

int print_result(const struct method *method, const char *text, bool plain)
{
    struct json json = {0};
    struct error e = {0};
    int r;

    r = plain && !(method->flags & WHOLE_RESULT) ? json_scan(&json, text, strlen(text), &e) : 0;
    if ((r && r != ERROR_INVALID_REQUEST) || json.n_tokens == 0 ||
        json.tokens[0].type != JSON_OBJECT)
        r = puts(text) < 0 ? -1 : 0;
    else
        r = print_plain(method, &json);
    json_done(&json);
    return r;
}
