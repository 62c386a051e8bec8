#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "utf8.h"

struct scanner {
    struct json *json;
    const unsigned char *at, *end;
    unsigned depth;
    int verdict; /* what to answer when the syntax holds to the end */
    struct error *e;
};

static int fault(struct scanner *s, const char *what)
{
    size_t at = (size_t)((const char *)s->at - s->json->text);

    return error_set(s->e, ERROR_PARSE, NULL, "not JSON at byte %zu: %s", at, what);
}

/* JSON, but not for berth: the scan goes on, for a syntax error further on weighs more. */
static void refuse(struct scanner *s, const char *what)
{
    if (s->verdict)
        return;
    s->verdict = error_set(s->e, ERROR_INVALID_REQUEST, NULL, "at byte %zu: %s",
                           (size_t)((const char *)s->at - s->json->text), what);
}

static int add_token(struct scanner *s, enum json_type type, uint32_t *ret)
{
    struct json *json = s->json;
    uint32_t n_room = json->n_room ? json->n_room * 2 : 64;
    struct json_token *tokens;

    if (json->n_tokens == LIMIT_VALUES) {
        json->n_tokens = 0;
        return error_set(s->e, ERROR_INVALID_REQUEST, NULL, "more than %d values in one line",
                         LIMIT_VALUES);
    }
    if (json->n_tokens == json->n_room) {
        if (!(tokens = realloc(json->tokens, n_room * sizeof *tokens)))
            return error_memory(s->e);
        json->tokens = tokens;
        json->n_room = n_room;
    }
    *ret = json->n_tokens++;
    json->tokens[*ret] =
        (struct json_token){.type = type, .start = (uint32_t)((const char *)s->at - json->text)};
    return 0;
}

static void end_token(struct scanner *s, uint32_t token)
{
    s->json->tokens[token].end = (uint32_t)((const char *)s->at - s->json->text);
    s->json->tokens[token].next = s->json->n_tokens;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static int scan_escape(struct scanner *s, struct json_token *t)
{
    int n, point;

    t->has_escape = true;
    if (s->end - s->at < 2)
        return fault(s, "the string does not end");
    if (s->at[1] != 'u') {
        if (!memchr("\"\\/bfnrt", s->at[1], 8))
            return fault(s, "no such escape");
        s->at += 2;
        return 0;
    }
    if ((point = json_code_point(s->at + 2, s->end, &n)) < 0)
        return fault(s, "\\u needs four hex digits, and surrogates come in pairs");
    t->has_nul |= point == 0;
    s->at += 2 + n;
    return 0;
}

/* `at` is behind the opening quote; the token's range leaves the quotes out. */
static int scan_string(struct scanner *s, uint32_t *ret)
{
    struct json_token *t;
    int r, length;

    s->at++;
    if ((r = add_token(s, JSON_STRING, ret)))
        return r;
    t = &s->json->tokens[*ret];
    for (;;) {
        s->at = utf8_skip_plain(s->at, s->end);
        if (s->at == s->end)
            return fault(s, "the string does not end");
        if (*s->at == '"')
            break;
        if (*s->at == '\\') {
            if ((r = scan_escape(s, t)))
                return r;
        } else if (*s->at < 0x20) {
            return fault(s, "a control character must be escaped");
        } else if ((length = utf8_length(s->at, s->end))) {
            s->at += length;
        } else {
            return fault(s, "invalid UTF-8");
        }
    }
    end_token(s, *ret);
    s->at++;
    return 0;
}

static size_t skip_digits(struct scanner *s)
{
    const unsigned char *from = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - from);
}

/* Whether the digits at `digits` stay within LIMIT_INTEGER; 16 digits fit into 64 bits by far. */
static bool is_exact(const unsigned char *digits, size_t n)
{
    uint64_t v = 0;

    if (n > 16)
        return false;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + digits[i] - '0';
    return v <= (uint64_t)LIMIT_INTEGER;
}

static int scan_number(struct scanner *s)
{
    const unsigned char *digits;
    enum json_type type = JSON_INTEGER;
    uint32_t token;
    size_t n;
    int r;

    if ((r = add_token(s, JSON_INTEGER, &token)))
        return r;
    s->at += *s->at == '-';
    digits = s->at;
    n = skip_digits(s);
    if (n == 0 || (n > 1 && *digits == '0'))
        return fault(s, "not a number");
    if (s->at < s->end && *s->at == '.') {
        type = JSON_REAL;
        s->at++;
        if (skip_digits(s) == 0)
            return fault(s, "digits must follow the point");
    }
    if (s->at < s->end && (*s->at | 0x20) == 'e') {
        type = JSON_REAL;
        s->at++;
        s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
        if (skip_digits(s) == 0)
            return fault(s, "digits must follow the exponent");
    }
    if (type == JSON_INTEGER && !is_exact(digits, n))
        refuse(s, "an integer beyond 9007199254740991 is not exact in every reader");
    s->json->tokens[token].type = type;
    end_token(s, token);
    return 0;
}

static int scan_word(struct scanner *s, enum json_type type, const char *word, size_t n)
{
    uint32_t token;
    int r;

    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return fault(s, "not a JSON value");
    if ((r = add_token(s, type, &token)))
        return r;
    s->at += n;
    end_token(s, token);
    return 0;
}

static int scan_value(struct scanner *s);

/* Enters an array or object, whose bracket is at `at`. */
static int scan_open(struct scanner *s, enum json_type type, uint32_t *ret)
{
    int r = add_token(s, type, ret);

    if (r)
        return r;
    if (s->depth++ == LIMIT_DEPTH) {
        s->json->n_tokens = 0;
        return error_set(s->e, ERROR_INVALID_REQUEST, NULL, "nested deeper than %d", LIMIT_DEPTH);
    }
    s->at++;
    skip_space(s);
    return 0;
}

/* Leaves it. */
static void scan_close(struct scanner *s, uint32_t token)
{
    s->at++;
    s->depth--;
    end_token(s, token);
}

/* After an item: 0 when another follows (behind its comma), 1 at the closing bracket, else an
 * error. */
static int scan_separator(struct scanner *s, char closing, const char *what, bool *ret_more)
{
    skip_space(s);
    if (s->at == s->end || (*s->at != ',' && *s->at != closing))
        return fault(s, what);
    *ret_more = *s->at == ',';
    if (*ret_more) {
        s->at++;
        skip_space(s);
    }
    return 0;
}

static int scan_array(struct scanner *s)
{
    uint32_t token;
    bool more;
    int r;

    if ((r = scan_open(s, JSON_ARRAY, &token)))
        return r;
    more = s->at == s->end || *s->at != ']';
    while (more) {
        if ((r = scan_value(s)))
            return r;
        s->json->tokens[token].n++;
        if ((r = scan_separator(s, ']', "expected , or ]", &more)))
            return r;
    }
    scan_close(s, token);
    return 0;
}

/* -- keys given twice -- */

static bool is_same(const struct json *json, uint32_t a, uint32_t b)
{
    const struct json_token *ta = &json->tokens[a], *tb = &json->tokens[b];

    if (ta->has_escape || tb->has_escape)
        return json_compare(json, a, b) == 0;
    return ta->end - ta->start == tb->end - tb->start &&
           memcmp(json->text + ta->start, json->text + tb->start, ta->end - ta->start) == 0;
}

static int compare_keys(const void *a, const void *b, void *json)
{
    return json_compare(json, *(const uint32_t *)a, *(const uint32_t *)b);
}

enum { FEW_KEYS = 16 };

static int find_twice(struct scanner *s, uint32_t object)
{
    struct json *json = s->json;
    uint32_t n = json->tokens[object].n, few[FEW_KEYS], *keys = few, key = object + 1;
    bool twice = false;

    if (n > FEW_KEYS && !(keys = malloc(n * sizeof *keys)))
        return error_memory(s->e);
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = key;
        key = json->tokens[key + 1].next;
    }
    if (n <= FEW_KEYS) {
        for (uint32_t i = 1; i < n; i++)
            for (uint32_t j = 0; j < i; j++)
                twice |= is_same(json, keys[i], keys[j]);
    } else {
        qsort_r(keys, n, sizeof *keys, compare_keys, json);
        for (uint32_t i = 1; i < n; i++)
            twice |= is_same(json, keys[i - 1], keys[i]);
        free(keys);
    }
    if (twice)
        refuse(s, "the object that ends here has a key twice");
    return 0;
}

static int scan_member(struct scanner *s)
{
    uint32_t key;
    int r;

    if (s->at == s->end || *s->at != '"')
        return fault(s, "expected a key in quotes");
    if ((r = scan_string(s, &key)))
        return r;
    if (s->json->tokens[key].has_nul)
        refuse(s, "a key must not contain \\u0000");
    skip_space(s);
    if (s->at == s->end || *s->at != ':')
        return fault(s, "expected : after the key");
    s->at++;
    skip_space(s);
    return scan_value(s);
}

static int scan_object(struct scanner *s)
{
    uint32_t token;
    bool more;
    int r;

    if ((r = scan_open(s, JSON_OBJECT, &token)))
        return r;
    more = s->at == s->end || *s->at != '}';
    while (more) {
        if ((r = scan_member(s)))
            return r;
        s->json->tokens[token].n++;
        if ((r = scan_separator(s, '}', "expected , or }", &more)))
            return r;
    }
    if ((r = find_twice(s, token)))
        return r;
    scan_close(s, token);
    return 0;
}

static int scan_value(struct scanner *s)
{
    uint32_t token;

    if (s->at == s->end)
        return fault(s, "a value is missing");
    switch (*s->at) {
    case '{':
        return scan_object(s);
    case '[':
        return scan_array(s);
    case '"':
        return scan_string(s, &token);
    case 't':
        return scan_word(s, JSON_TRUE, "true", 4);
    case 'f':
        return scan_word(s, JSON_FALSE, "false", 5);
    case 'n':
        return scan_word(s, JSON_NULL, "null", 4);
    default:
        return *s->at == '-' || (*s->at >= '0' && *s->at <= '9') ? scan_number(s)
                                                                 : fault(s, "not a JSON value");
    }
}

/* Whether every bracket outside of strings has its partner. What is nested too deep is not taken
 * apart any further, and this is what tells a text that is refused from one that was cut off. One
 * bit for each level that is open: 1 for an object. */
static bool is_closed(const char *text, size_t n)
{
    unsigned char *levels = calloc(n / 8 + 1, 1);
    size_t depth = 0;
    bool in_string = false, good = levels;

    for (size_t i = 0; i < n && good; i++) {
        char c = text[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            levels[depth / 8] &= (unsigned char)~(1u << depth % 8);
            levels[depth / 8] |= (unsigned char)((c == '{') << depth % 8);
            depth++;
        } else if (c == ']' || c == '}') {
            good = depth > 0;
            depth -= good;
            good = good && (levels[depth / 8] >> depth % 8 & 1) == (c == '}');
        }
    }
    free(levels);
    return good && depth == 0 && !in_string;
}

int json_scan(struct json *json, const char *text, size_t n, struct error *e)
{
    struct scanner s = {
        .json = json,
        .at = (const unsigned char *)text,
        .end = (const unsigned char *)text + n,
        .e = e,
    };
    int r;

    json->text = text;
    json->n_tokens = 0;
    if (n > UINT32_MAX)
        return error_set(e, ERROR_LIMIT, NULL, "too long");
    skip_space(&s);
    r = scan_value(&s);
    if (r == ERROR_INVALID_REQUEST && !is_closed(text, n))
        return error_set(e, ERROR_PARSE, NULL, "not JSON: brackets do not close");
    if (r)
        return r;
    skip_space(&s);
    if (s.at < s.end)
        return fault(&s, "something follows the value");
    return s.verdict;
}
