#include "json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "utf8.h"

static void write_escape(struct buf *b, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        buf_add(b, (char[]){'\\', to[at - from]}, 2);
    else
        buf_printf(b, "\\u%04x", c);
}

void json_write_string(struct buf *b, const char *text, size_t n)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + n, *from = at;

    buf_add_char(b, '"');
    while ((at = utf8_skip_plain(at, end)) < end) {
        if (*at >= 0x80) {
            at++;
            continue;
        }
        buf_add(b, from, (size_t)(at - from));
        write_escape(b, *at);
        from = ++at;
    }
    buf_add(b, from, (size_t)(end - from));
    buf_add_char(b, '"');
}

void json_write_text(struct buf *b, const char *s, size_t n)
{
    const unsigned char *at = (const unsigned char *)s, *end = at + n;
    struct buf clean = {0};
    bool nul;
    int length;

    if (utf8_is_valid(s, n, &nul)) {
        json_write_string(b, s, n);
        return;
    }
    for (; at < end; at += length ? length : 1) {
        length = utf8_length(at, end);
        buf_add(&clean, length ? (const char *)at : "\xef\xbf\xbd", length ? (size_t)length : 3);
    }
    json_write_string(b, clean.data + clean.start, buf_len(&clean));
    b->failed |= clean.failed;
    buf_done(&clean);
}

void json_write_integer(struct buf *b, int64_t v)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do {
        *--at = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        *--at = '-';
    buf_add(b, at, (size_t)(digits + sizeof digits - at));
}

void json_write_number(struct buf *b, double v)
{
    char digits[64], *end;

    if (!isfinite(v)) {
        buf_add_text(b, "null");
        return;
    }
    if (v == floor(v) && fabs(v) <= (double)LIMIT_INTEGER) {
        json_write_integer(b, (int64_t)v);
        return;
    }
    end = digits + snprintf(digits, sizeof digits, fabs(v) < 1e15 ? "%.6f" : "%.16e", v);
    /* Trailing zeros of a fraction say nothing. */
    while (strchr(digits, '.') && !strchr(digits, 'e') && (end[-1] == '0' || end[-1] == '.')) {
        if (*--end == '.') {
            *end = '\0';
            break;
        }
        *end = '\0';
    }
    buf_add_text(b, digits);
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void json_write_base64(struct buf *b, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    char *to = buf_reserve(b, (n + 2) / 3 * 4 + 2);
    size_t i;

    if (!to)
        return;
    *to++ = '"';
    for (i = 0; i + 2 < n; i += 3) {
        uint32_t v = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];

        *to++ = base64_digits[v >> 18];
        *to++ = base64_digits[v >> 12 & 63];
        *to++ = base64_digits[v >> 6 & 63];
        *to++ = base64_digits[v & 63];
    }
    if (i < n) {
        uint32_t v = (uint32_t)from[i] << 16 | (i + 1 < n ? (uint32_t)from[i + 1] << 8 : 0);

        *to++ = base64_digits[v >> 18];
        *to++ = base64_digits[v >> 12 & 63];
        *to++ = i + 1 < n ? base64_digits[v >> 6 & 63] : '=';
        *to++ = '=';
    }
    *to++ = '"';
    b->end = (size_t)(to - b->data);
}

static signed char base64_values[256]; /* 0..63, or -1 */

__attribute__((constructor)) static void base64_init(void)
{
    memset(base64_values, -1, sizeof base64_values);
    for (int i = 0; i < 64; i++)
        base64_values[(unsigned char)base64_digits[i]] = (signed char)i;
}

/* Four digits as 24 bits; negative when one is none. */
static int32_t take_digits(const char *s)
{
    const unsigned char *digits = (const unsigned char *)s;
    int32_t a = base64_values[digits[0]], b = base64_values[digits[1]];
    int32_t c = base64_values[digits[2]], d = base64_values[digits[3]];

    return (a | b | c | d) < 0 ? -1 : a << 18 | b << 12 | c << 6 | d;
}

/* The last four, of which n_pad are padding. The bits behind the last byte must be zero: one text
 * for each value. */
static int32_t take_last_digits(const char *s, size_t n_pad)
{
    const char last[4] = {s[0], s[1], n_pad > 1 ? 'A' : s[2], n_pad ? 'A' : s[3]};
    int32_t v = take_digits(last), unused = n_pad == 2 ? 0xffff : n_pad == 1 ? 0xff : 0;

    return v & unused ? -1 : v;
}

static char *put_bytes(char *to, int32_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *to++ = (char)(v >> (16 - 8 * i));
    return to;
}

char *json_from_base64(const char *s, size_t n, struct arena *a, size_t *ret_n, bool *ret_bad)
{
    size_t n_pad = n && s[n - 1] == '=' ? 1 + (n > 1 && s[n - 2] == '=') : 0;
    int32_t bad = 0, v;
    char *data, *to;

    *ret_bad = n % 4 != 0;
    if (*ret_bad || !(data = to = arena_alloc(a, n / 4 * 3 + 1)))
        return NULL;
    for (size_t i = 0; i + 4 < n; i += 4) {
        bad |= v = take_digits(s + i);
        to = put_bytes(to, v, 3);
    }
    if (n) {
        bad |= v = take_last_digits(s + n - 4, n_pad);
        to = put_bytes(to, v, 3 - n_pad);
    }
    *ret_n = (size_t)(to - data);
    *ret_bad = bad < 0;
    return *ret_bad ? NULL : data;
}
