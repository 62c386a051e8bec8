#include "client/words.h"

#include <string.h>

#include "client/value.h"
#include "proto/json.h"
#include "proto/nearest.h"
#include "proto/utf8.h"

/* One word, taken apart. */
struct word {
    const char *key, *value;
    size_t n_key, n_group; /* n_group: what stands before a dot in the key; 0: no dot */
    bool is_json;          /* KEY:=JSON */
};

static bool take_apart(const char *text, struct word *ret)
{
    const char *equals = strchr(text, '='), *dot;

    if (!equals || equals == text)
        return false;
    *ret = (struct word){.key = text, .value = equals + 1, .n_key = (size_t)(equals - text)};
    if (ret->n_key > 1 && equals[-1] == ':') {
        ret->is_json = true;
        ret->n_key--;
    }
    if ((dot = memchr(text, '.', ret->n_key)))
        ret->n_group = (size_t)(dot - text);
    return true;
}

/* -- what is wrong ----------------------------------------------------------------------------- */

static const char *key_of(const struct field *field)
{
    return field->type == FIELD_PAYLOAD ? "text" : field->name;
}

/* "It takes: handle size …" */
static void add_keys(struct buf *b, const struct shape *shape, const char *group, size_t n_group)
{
    buf_add_text(b, shape->n_fields ? "\nIt takes:" : "\nIt takes no parameters.");
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        buf_add_char(b, ' ');
        buf_add(b, group, n_group ? n_group + 1 : 0);
        buf_add_text(b, key_of(field));
        if (field->type == FIELD_PAYLOAD)
            buf_add_text(b, " base64");
    }
}

static const char *nearest_key(const struct shape *shape, const char *key, size_t n)
{
    struct nearest best = nearest_begin(n);

    for (size_t i = 0; i < shape->n_fields; i++)
        nearest_offer(&best, key, n, key_of(&shape->fields[i]));
    return best.word;
}

static int unknown_key(struct words *w, const struct shape *shape, const struct word *word,
                       size_t skip)
{
    const char *near = nearest_key(shape, word->key + skip, word->n_key - skip);

    buf_printf(&w->message, "there is no parameter %.*s", (int)word->n_key, word->key);
    if (near)
        buf_printf(&w->message, "; did you mean %.*s%s?", (int)skip, word->key, near);
    add_keys(&w->message, shape, word->key, skip ? skip - 1 : 0);
    return -1;
}

/* -- writing ----------------------------------------------------------------------------------- */

static void add_key(struct buf *b, const char *key, size_t n)
{
    buf_add(b, ",", b->data && b->data[b->end - 1] != '{');
    json_write_string(b, key, n);
    buf_add_char(b, ':');
}

/* The value of a word as JSON, or an error that names the key. */
static int add_value(struct words *w, const struct word *word, enum value_kind kind,
                     const struct field *field)
{
    size_t n = buf_len(&w->params);

    if (word->is_json)
        kind = VALUE_JSON;
    if (value_write(&w->params, kind, field, word->value))
        return 0;
    buf_truncate(&w->params, n);
    buf_printf(&w->message, "%.*s: \"%s\" is not %s", (int)word->n_key, word->key, word->value,
               value_expected(kind, field));
    return -1;
}

/* Bytes that are no text still travel, under the payload's other name. */
static int add_payload(struct words *w, const struct word *word, const struct field *field)
{
    bool nul, is_text = word->key[0] == 't';

    if (is_text && !word->is_json && !utf8_is_valid(word->value, strlen(word->value), &nul)) {
        add_key(&w->params, "base64", 6);
        json_write_base64(&w->params, word->value, strlen(word->value));
        return 0;
    }
    add_key(&w->params, word->key, word->n_key);
    return add_value(w, word, VALUE_TEXT, field);
}

static int add_member(struct words *w, const struct shape *shape, const struct word *word,
                      size_t skip)
{
    const char *key = word->key + skip;
    size_t n_key = word->n_key - skip;
    const struct field *field;

    if (!shape) { /* a socket option: the daemon knows its type */
        add_key(&w->params, key, n_key);
        return add_value(w, word, VALUE_ANY, NULL);
    }
    if (!(field = field_find(shape, key, n_key)))
        return unknown_key(w, shape, word, skip);
    if (field->type == FIELD_PAYLOAD)
        return add_payload(w, word, field);
    add_key(&w->params, key, n_key);
    return add_value(w, word, VALUE_OF_FIELD, field);
}

/* All words GROUP.KEY=VALUE as one object, from the first of them on. */
static int add_group(struct words *w, const struct field *field, int n, char *const *list)
{
    const struct shape *inner = field->type == FIELD_OBJECT ? field->of() : NULL;
    size_t n_group = strlen(field->name);
    struct word word;

    add_key(&w->params, field->name, n_group);
    buf_add_char(&w->params, '{');
    for (int i = 0; i < n; i++) {
        if (!take_apart(list[i], &word) || word.n_group != n_group ||
            memcmp(word.key, field->name, n_group) != 0)
            continue;
        if (add_member(w, inner, &word, n_group + 1) < 0)
            return -1;
    }
    buf_add_char(&w->params, '}');
    return 0;
}

/* -- the whole --------------------------------------------------------------------------------- */

static int given_twice(struct words *w, const struct word *word)
{
    buf_printf(&w->message, "%.*s is given twice", (int)word->n_key, word->key);
    return -1;
}

/* The word at list[0]; what `seen` holds, by row, came before: 1 by itself, 2 as a group. */
static int add_word(struct words *w, const struct shape *shape, unsigned char *seen, int n,
                    char *const *list)
{
    const struct field *field;
    struct word word;
    size_t at;

    if (!take_apart(list[0], &word)) {
        buf_printf(&w->message, "\"%s\" is not KEY=VALUE", list[0]);
        add_keys(&w->message, shape, NULL, 0);
        return -1;
    }
    field = field_find(shape, word.key, word.n_group ? word.n_group : word.n_key);
    if (!field)
        return unknown_key(w, shape, &word, 0);
    at = (size_t)(field - shape->fields);
    if (!word.n_group)
        return seen[at]++ ? given_twice(w, &word) : add_member(w, shape, &word, 0);
    if (field->type != FIELD_OBJECT && field->type != FIELD_OPTIONS)
        return unknown_key(w, shape, &word, 0);
    if (seen[at] == 2)
        return 0;
    if (seen[at])
        return given_twice(w, &word);
    seen[at] = 2;
    return add_group(w, field, n, list);
}

static int check_missing(struct words *w, const struct method *method, const unsigned char *seen)
{
    const struct shape *shape = method->params;

    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];

        if (field->need == REQUIRED && !seen[i]) {
            buf_printf(&w->message, "%s=%s is missing: %s", key_of(field),
                       words_placeholder(field->type), field->doc);
            add_keys(&w->message, shape, NULL, 0);
            return -1;
        }
    }
    if ((method->flags & FD_IN) && !w->file && !w->fd) {
        buf_add_text(&w->message, "file=PATH or fd=NUMBER is missing: what goes along");
        return -1;
    }
    return 0;
}

/* What is left to go wrong: a member given twice inside a group, an integer beyond what JSON keeps.
 */
static int check_json(struct words *w)
{
    struct json json = {0};
    struct error e = {0};
    int r = json_scan(&json, w->params.data + w->params.start, buf_len(&w->params), &e);

    json_done(&json);
    if (r)
        buf_printf(&w->message, "%s", e.message);
    return r ? -1 : 0;
}

static int parse(const struct method *method, int n, char *const *list, struct words *w)
{
    unsigned char seen[64] = {0};

    if (w->file && !(method->flags & FD_IN)) {
        buf_add_text(&w->message, "takes no file");
        return -1;
    }
    buf_add_char(&w->params, '{');
    for (int i = 0; i < n; i++) {
        if ((method->flags & FD_IN) && strncmp(list[i], "file=", 5) == 0)
            w->file = list[i] + 5;
        else if ((method->flags & FD_IN) && strncmp(list[i], "fd=", 3) == 0)
            w->fd = list[i] + 3;
        else if (add_word(w, method->params, seen, n - i, list + i) < 0)
            return -1;
    }
    buf_add_char(&w->params, '}');
    if (w->params.failed) {
        buf_add_text(&w->message, "out of memory");
        return -1;
    }
    return check_missing(w, method, seen) < 0 ? -1 : check_json(w);
}

int words_parse(const struct method *method, int n, char *const *list, const char *file,
                struct words *ret)
{
    int r;

    *ret = (struct words){.file = file};
    r = parse(method, n, list, ret);
    buf_add_char(&ret->params, '\0');
    buf_add_char(&ret->message, '\0');
    return r;
}

void words_done(struct words *w)
{
    buf_done(&w->params);
    buf_done(&w->message);
}

const struct method *words_nearest_method(const char *name)
{
    size_t n = strlen(name);
    struct nearest best = nearest_begin(n);

    for (int i = 0; i < N_METHODS; i++)
        nearest_offer(&best, name, n, method_at((enum method_id)i)->name);
    return best.word ? method_find(best.word, strlen(best.word)) : NULL;
}

const char *words_placeholder(enum field_type type)
{
    static const char *const names[N_FIELD_TYPES] = {
        [FIELD_BOOL] = "true|false",
        [FIELD_INT] = "NUMBER",
        [FIELD_NUMBER] = "NUMBER",
        [FIELD_TEXT] = "TEXT",
        [FIELD_SERVICE] = "NAME|NUMBER",
        [FIELD_JSON] = "VALUE",
        [FIELD_PAYLOAD] = "TEXT",
        [FIELD_BASE64] = "BASE64",
        [FIELD_HANDLE] = "HANDLE|NAME",
        [FIELD_TIMEOUT] = "SECONDS|null",
        [FIELD_LEASE] = "session|SECONDS|permanent",
        [FIELD_ADDRESS] = "ADDRESS",
        [FIELD_SOCKADDR] = "ADDRESS",
        [FIELD_FAMILY] = "AF_…",
        [FIELD_SOCKTYPE] = "SOCK_…",
        [FIELD_PROTOCOL] = "IPPROTO_…|NUMBER",
        [FIELD_LEVEL] = "LEVEL|NUMBER",
        [FIELD_HOW] = "SHUT_…",
        [FIELD_MSG_FLAGS] = "MSG_…|…",
        [FIELD_AI_FLAGS] = "AI_…|…",
        [FIELD_NI_FLAGS] = "NI_…|…",
        [FIELD_FORM] = "text|base64",
        [FIELD_OPTIONS] = "{OPTION…}",
        [FIELD_TEXTS] = "TEXT,…",
        [FIELD_INTS] = "NUMBER,…",
        [FIELD_SOCKADDRS] = "ADDRESS,…",
        [FIELD_LIST] = "ITEM,…",
        [FIELD_OBJECT] = "{KEY…}",
    };

    return names[type];
}

const char *words_sample(const struct field *field)
{
    static const char *const by_type[N_FIELD_TYPES] = {
        [FIELD_BOOL] = "true",
        [FIELD_INT] = "80",
        [FIELD_NUMBER] = "2.5",
        [FIELD_TEXT] = "example",
        [FIELD_SERVICE] = "http",
        [FIELD_JSON] = "1",
        [FIELD_PAYLOAD] = "hello",
        [FIELD_BASE64] = "fwAAAQ==",
        [FIELD_HANDLE] = "@c",
        [FIELD_TIMEOUT] = "2.5",
        [FIELD_LEASE] = "session",
        [FIELD_ADDRESS] = "127.0.0.1:8080",
        [FIELD_SOCKADDR] = "[::1]:80",
        [FIELD_FAMILY] = "AF_INET",
        [FIELD_SOCKTYPE] = "SOCK_DGRAM",
        [FIELD_PROTOCOL] = "IPPROTO_TCP",
        [FIELD_LEVEL] = "SOL_SOCKET",
        [FIELD_HOW] = "SHUT_WR",
        [FIELD_MSG_FLAGS] = "MSG_PEEK",
        [FIELD_AI_FLAGS] = "AI_PASSIVE",
        [FIELD_NI_FLAGS] = "NI_NUMERICHOST",
        [FIELD_FORM] = "text",
        [FIELD_OPTIONS] = "TCP_NODELAY=true",
        [FIELD_TEXTS] = "opened,closed",
        [FIELD_INTS] = "1,2",
        [FIELD_SOCKADDRS] = "127.0.0.1:80",
        [FIELD_LIST] = "@a:in,@b:in|out",
        [FIELD_OBJECT] = "state=listening",
    };
    /* Texts that the type says too little about. */
    static const char *const by_name[][2] = {
        {"host", "localhost"},      {"group", "239.1.2.3"}, {"text", "127.0.0.1"},
        {"option", "SO_REUSEADDR"}, {"name", "@c"},         {"source", "127.0.0.1"},
        {"method", "socket"},
    };

    if (field->type == FIELD_TEXT)
        for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
            if (strcmp(by_name[i][0], field->name) == 0)
                return by_name[i][1];
    return by_type[field->type];
}
