#include "client/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/utf8.h"

static bool write_string(struct buf *b, const char *s, size_t n)
{
    bool nul;

    if (!utf8_is_valid(s, n, &nul))
        return false;
    json_write_string(b, s, n);
    return true;
}

static bool write_text(struct buf *b, const char *s)
{
    return write_string(b, s, strlen(s));
}

/* The type of a JSON text, -1 when it is none. */
static int json_type_of(const char *s)
{
    struct json json = {0};
    struct error e;
    int type = json_scan(&json, s, strlen(s), &e) ? -1 : (int)json.tokens[0].type;

    json_done(&json);
    return type;
}

static bool write_json(struct buf *b, const char *s)
{
    if (json_type_of(s) < 0)
        return false;
    buf_add_text(b, s);
    return true;
}

static bool write_any(struct buf *b, const char *s)
{
    int type = json_type_of(s);

    if (type == JSON_NULL || type == JSON_FALSE || type == JSON_TRUE || type == JSON_INTEGER ||
        type == JSON_REAL) {
        buf_add_text(b, s);
        return true;
    }
    return write_text(b, s);
}

static bool write_bool(struct buf *b, const char *s)
{
    static const char *const words[][2] = {
        {"true", "false"},
        {"yes", "no"},
        {"on", "off"},
        {"1", "0"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(s, words[i][0]) != 0 && strcmp(s, words[i][1]) != 0)
            continue;
        buf_add_text(b, strcmp(s, words[i][0]) == 0 ? "true" : "false");
        return true;
    }
    return false;
}

static bool is_digits(const char *s, size_t n)
{
    return n > 0 && n < 16 && strspn(s, "0123456789") >= n;
}

static bool write_int(struct buf *b, const char *s)
{
    size_t minus = *s == '-';

    if (!is_digits(s + minus, strlen(s + minus)))
        return false;
    json_write_integer(b, strtoll(s, NULL, 10));
    return true;
}

static bool write_number(struct buf *b, const char *s)
{
    char *end;
    double v;

    if (!*s || strspn(s, "0123456789.eE+-") != strlen(s))
        return false;
    v = strtod(s, &end);
    if (*end || !isfinite(v))
        return false;
    json_write_number(b, v);
    return true;
}

/* A number stays one, all else is a name. */
static bool write_number_or_name(struct buf *b, const char *s)
{
    return is_digits(s, strlen(s)) ? write_int(b, s) : write_text(b, s);
}

static bool write_timeout(struct buf *b, const char *s)
{
    if (strcmp(s, "null") != 0)
        return write_number(b, s);
    buf_add_text(b, "null");
    return true;
}

static bool write_lease(struct buf *b, const char *s)
{
    return strcmp(s, "session") == 0 || strcmp(s, "permanent") == 0 ? write_text(b, s)
                                                                    : write_number(b, s);
}

/* -- addresses --------------------------------------------------------------------------------- */

static bool write_unix(struct buf *b, const char *s)
{
    bool is_abstract = *s == '@';

    buf_add_text(b, is_abstract ? "{\"abstract\":" : "{\"path\":");
    if (!write_text(b, s + is_abstract))
        return false;
    buf_add_char(b, '}');
    return true;
}

/* A host of n bytes, which may say its scope: fe80::1%eth0. */
static bool write_host(struct buf *b, const char *host, size_t n, const char *port)
{
    const char *scope = memchr(host, '%', n);
    size_t n_host = scope ? (size_t)(scope - host) : n;

    if (port && (!is_digits(port, strlen(port)) || strtol(port, NULL, 10) > 65535))
        return false;
    if (n_host == 1 && *host == '*') /* the wildcard, as ss writes it */
        n_host = 0;
    buf_add_text(b, "{\"host\":");
    if (!write_string(b, host, n_host))
        return false;
    buf_printf(b, ",\"port\":%ld", port ? strtol(port, NULL, 10) : 0);
    if (scope) {
        buf_add_text(b, ",\"scope\":");
        if (!write_string(b, scope + 1, n - n_host - 1))
            return false;
    }
    buf_add_char(b, '}');
    return true;
}

static bool is_bare_ipv6(const char *s)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    size_t n = strcspn(s, "%");

    if (n >= sizeof host)
        return false;
    memcpy(host, s, n);
    host[n] = '\0';
    return inet_pton(AF_INET6, host, &addr) == 1;
}

static bool write_address(struct buf *b, const char *s)
{
    const char *end;

    if (strncmp(s, "unix:", 5) == 0)
        return write_unix(b, s + 5);
    if (*s == '/')
        return write_unix(b, s);
    if (*s == '[') {
        end = strchr(s, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        return write_host(b, s + 1, (size_t)(end - s - 1), end[1] ? end + 2 : NULL);
    }
    if (is_bare_ipv6(s))
        return write_host(b, s, strlen(s), NULL);
    end = strchrnul(s, ':');
    return write_host(b, s, (size_t)(end - s), *end ? end + 1 : NULL);
}

/* -- lists ------------------------------------------------------------------------------------- */

typedef bool write_item_fn(struct buf *b, const struct field *field, const char *item);

/* Each of the items between `separators` as an item of a JSON array. An empty text is an empty
 * list. */
static bool write_list(struct buf *b, const char *separators, write_item_fn *write,
                       const struct field *field, const char *s)
{
    char *copy = strdup(s), *rest = copy, *item;
    bool ok = copy != NULL, is_first = true;

    buf_add_char(b, '[');
    while (ok && *s && (item = strsep(&rest, separators))) {
        buf_add(b, ",", !is_first);
        is_first = false;
        ok = write(b, field, item);
    }
    buf_add_char(b, ']');
    free(copy);
    return ok;
}

static bool write_text_item(struct buf *b, const struct field *field, const char *item)
{
    (void)field;
    return write_text(b, item);
}

static bool write_int_item(struct buf *b, const struct field *field, const char *item)
{
    (void)field;
    return write_int(b, item);
}

/* An item of a list of objects: the values of its rows in order, A:B:C. */
static bool write_object_item(struct buf *b, const struct field *field, const char *item)
{
    const struct shape *inner = field->of();
    char *copy = strdup(item), *rest = copy, *part;
    bool ok = copy != NULL;

    buf_add_char(b, '{');
    for (size_t i = 0; ok && (part = strsep(&rest, ":")); i++) {
        if (!(ok = i < inner->n_fields))
            break;
        buf_printf(b, "%s\"%s\":", i ? "," : "", inner->fields[i].name);
        ok = value_write(b, VALUE_OF_FIELD, &inner->fields[i], part);
    }
    buf_add_char(b, '}');
    free(copy);
    return ok;
}

static bool write_flags(struct buf *b, const char *s)
{
    return is_digits(s, strlen(s)) ? write_int(b, s)
                                   : write_list(b, ",|", write_text_item, NULL, s);
}

static bool write_texts(struct buf *b, const char *s)
{
    return write_list(b, ",|", write_text_item, NULL, s);
}

static bool write_ints(struct buf *b, const char *s)
{
    return write_list(b, ",", write_int_item, NULL, s);
}

/* -- by type ----------------------------------------------------------------------------------- */

static const char address_form[] =
    "an address: HOST:PORT, [IPV6%SCOPE]:PORT, unix:PATH or unix:@NAME";

static const struct {
    bool (*write)(struct buf *b, const char *s);
    const char *expected;
} types[N_FIELD_TYPES] = {
    [FIELD_BOOL] = {write_bool, "true or false"},
    [FIELD_INT] = {write_int, "an integer"},
    [FIELD_NUMBER] = {write_number, "a number"},
    [FIELD_TEXT] = {write_text, "UTF-8 text"},
    [FIELD_SERVICE] = {write_number_or_name, "UTF-8 text"},
    [FIELD_JSON] = {write_any, "UTF-8 text"},
    [FIELD_PAYLOAD] = {write_text, "UTF-8 text"},
    [FIELD_BASE64] = {write_text, "UTF-8 text"},
    [FIELD_HANDLE] = {write_number_or_name, "a handle's number or name"},
    [FIELD_TIMEOUT] = {write_timeout, "a number of seconds, or null for ever"},
    [FIELD_LEASE] = {write_lease, "session, permanent or a number of seconds"},
    [FIELD_ADDRESS] = {write_address, address_form},
    [FIELD_SOCKADDR] = {write_address, address_form},
    [FIELD_FAMILY] = {write_text, "UTF-8 text"},
    [FIELD_SOCKTYPE] = {write_text, "UTF-8 text"},
    [FIELD_PROTOCOL] = {write_number_or_name, "UTF-8 text"},
    [FIELD_LEVEL] = {write_number_or_name, "UTF-8 text"},
    [FIELD_HOW] = {write_text, "UTF-8 text"},
    [FIELD_MSG_FLAGS] = {write_flags, "names of flags"},
    [FIELD_AI_FLAGS] = {write_flags, "names of flags"},
    [FIELD_NI_FLAGS] = {write_flags, "names of flags"},
    [FIELD_FORM] = {write_text, "UTF-8 text"},
    [FIELD_TEXTS] = {write_texts, "a list of texts, by commas"},
    [FIELD_INTS] = {write_ints, "a list of integers, by commas"},
};

/* Types without a short form: their members are given one by one, or the whole as JSON. */
static const char *long_form(enum field_type type)
{
    return type == FIELD_LIST ? "a list ITEM:…,ITEM:… (or give JSON with :=)"
                              : "an object: give KEY.MEMBER=VALUE for each member, or JSON with :=";
}

bool value_write(struct buf *b, enum value_kind kind, const struct field *field, const char *value)
{
    switch (kind) {
    case VALUE_TEXT:
        return write_text(b, value);
    case VALUE_ANY:
        return write_any(b, value);
    case VALUE_JSON:
        return write_json(b, value);
    case VALUE_OF_FIELD:
        break;
    }
    if (field->type == FIELD_LIST)
        return write_list(b, ",", write_object_item, field, value);
    return types[field->type].write && types[field->type].write(b, value);
}

const char *value_expected(enum value_kind kind, const struct field *field)
{
    if (kind == VALUE_JSON)
        return "JSON";
    if (kind != VALUE_OF_FIELD)
        return "UTF-8 text";
    return types[field->type].write ? types[field->type].expected : long_form(field->type);
}
