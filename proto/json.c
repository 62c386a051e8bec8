#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "utf8.h"

void json_done(struct json *json)
{
    free(json->tokens);
    *json = (struct json){0};
}

/* The value of four hex digits, -1 when they are not. */
static int hex4(const unsigned char *at, const unsigned char *end)
{
    int v = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = at[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v * 16 + (c | 0x20) - 'a' + 10;
        else
            return -1;
    }
    return v;
}

int json_code_point(const unsigned char *at, const unsigned char *end, int *ret_n)
{
    int high = hex4(at, end), low;

    *ret_n = 4;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || end - at < 6 || at[4] != '\\' || at[5] != 'u')
        return -1;
    low = hex4(at + 6, end);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    *ret_n = 10;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Reads a string byte by byte with its escapes resolved; an escape gives the bytes of its UTF-8. */
struct reader {
    const unsigned char *at, *end;
    unsigned char bytes[4];
    int i, n;
};

/* The next byte, -1 at the end. */
static int reader_next(struct reader *r)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *letter;
    int n;

    if (r->i < r->n)
        return r->bytes[r->i++];
    if (r->at == r->end)
        return -1;
    if (*r->at != '\\')
        return *r->at++;
    r->at++;
    if (*r->at == 'u') {
        r->n = utf8_write(json_code_point(r->at + 1, r->end, &n), r->bytes);
        r->i = 1;
        r->at += 1 + n;
        return r->bytes[0];
    }
    letter = strchr(from, *r->at);
    n = letter ? to[letter - from] : *r->at;
    r->at++;
    return n;
}

static struct reader read_string(const struct json *json, uint32_t token)
{
    const struct json_token *t = &json->tokens[token];
    const unsigned char *text = (const unsigned char *)json->text;

    return (struct reader){.at = text + t->start, .end = text + t->end};
}

int json_compare(const struct json *json, uint32_t a, uint32_t b)
{
    struct reader ra = read_string(json, a), rb = read_string(json, b);
    int ca, cb;

    do {
        ca = reader_next(&ra);
        cb = reader_next(&rb);
    } while (ca == cb && ca >= 0);
    return ca - cb;
}

bool json_equals(const struct json *json, uint32_t token, const char *text, size_t n)
{
    const struct json_token *t = &json->tokens[token];
    struct reader r;

    if (t->type != JSON_STRING)
        return false;
    if (!t->has_escape)
        return t->end - t->start == n && memcmp(json->text + t->start, text, n) == 0;
    r = read_string(json, token);
    for (size_t i = 0; i < n; i++)
        if (reader_next(&r) != (unsigned char)text[i])
            return false;
    return reader_next(&r) < 0;
}

uint32_t json_member(const struct json *json, uint32_t object, const char *key)
{
    const struct json_token *t = &json->tokens[object];
    uint32_t at = object + 1;
    size_t n_key = strlen(key);

    if (t->type != JSON_OBJECT)
        return 0;
    for (uint32_t i = 0; i < t->n; i++) {
        if (json_equals(json, at, key, n_key))
            return at + 1;
        at = json->tokens[at + 1].next;
    }
    return 0;
}

char *json_get_string(const struct json *json, uint32_t token, struct arena *a, size_t *ret_n)
{
    const struct json_token *t = &json->tokens[token];
    struct reader r;
    char *s;

    s = arena_copy(a, json->text + t->start, t->end - t->start);
    if (!s)
        return NULL;
    *ret_n = t->end - t->start;
    if (!t->has_escape)
        return s;
    /* What an escape stands for is never longer than the escape. */
    r = read_string(json, token);
    *ret_n = 0;
    for (;;) {
        const unsigned char *escape = memchr(r.at, '\\', (size_t)(r.end - r.at));
        size_t n_plain = (size_t)((escape ? escape : r.end) - r.at);

        memcpy(s + *ret_n, r.at, n_plain);
        *ret_n += n_plain;
        r.at += n_plain;
        if (!escape)
            break;
        do
            s[(*ret_n)++] = (char)reader_next(&r);
        while (r.i < r.n);
    }
    s[*ret_n] = '\0';
    return s;
}

bool json_get_integer(const struct json *json, uint32_t token, int64_t *ret)
{
    const struct json_token *t = &json->tokens[token];
    double v;

    if (t->type == JSON_INTEGER) {
        const char *at = json->text + t->start, *end = json->text + t->end;
        bool minus = *at == '-';
        int64_t n = 0;

        if (end - at > 17)
            return false;
        for (at += minus; at < end; at++)
            n = n * 10 + *at - '0';
        *ret = minus ? -n : n;
        return n <= LIMIT_INTEGER;
    }
    if (t->type != JSON_REAL || !json_get_number(json, token, &v) || v != floor(v) ||
        fabs(v) > (double)LIMIT_INTEGER)
        return false;
    *ret = (int64_t)v;
    return true;
}

bool json_get_number(const struct json *json, uint32_t token, double *ret)
{
    const struct json_token *t = &json->tokens[token];
    size_t n = t->end - t->start;
    char room[64], *digits = n < sizeof room ? room : malloc(n + 1);

    /* strtod needs an end, and the text goes on behind the number. */
    if ((t->type != JSON_INTEGER && t->type != JSON_REAL) || !digits) {
        *ret = NAN;
    } else {
        memcpy(digits, json->text + t->start, n);
        digits[n] = '\0';
        *ret = strtod(digits, NULL);
    }
    if (digits != room)
        free(digits);
    return isfinite(*ret);
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",          [JSON_FALSE] = "false",      [JSON_TRUE] = "true",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number",    [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",     [JSON_OBJECT] = "an object",
    };

    return names[type];
}
