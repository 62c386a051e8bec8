/* json.h — JSON text: read strictly and in one pass, written directly. Nothing is copied while
 * reading: the result is a flat list of tokens that point into the text. This is the hot path of
 * every request, which is why it is not left to libjansson (ten times the cost); documents that are
 * built, not streamed, are jansson's (openrpc.c), and a test holds this reader against it.
 *
 * Knows nothing of requests or methods. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "errors.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER, /* no fraction, no exponent; within ±LIMIT_INTEGER */
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_token {
    enum json_type type : 8;
    bool has_escape : 1; /* STRING: contains a backslash */
    bool has_nul : 1;    /* STRING: contains \u0000 */
    uint32_t start, end; /* in the text; a string's quotes are not part of it */
    uint32_t n;          /* ARRAY: items; OBJECT: members (each a key token and its value's) */
    uint32_t next;       /* index of the token after this one and all it contains */
};

/* A scanned text. Zero it once; json_scan may be called again and again and reuses the memory. */
struct json {
    const char *text;
    struct json_token
        *tokens; /* [0] is the whole value; an ARRAY's items and an OBJECT's keys follow it */
    uint32_t n_tokens, n_room;
};

/* Reads one JSON value of n bytes (RFC 8259; white space around it is allowed). `text` is borrowed
 * and must outlive the use of the tokens. Returns 0; ERROR_PARSE for what is not JSON (bad syntax,
 * bad UTF-8, lone surrogate, NUL byte); ERROR_INVALID_REQUEST for JSON beyond the limits (depth, a
 * key twice, integers beyond ±(2^53-1)) — then the tokens are complete all the same, unless the
 * depth or the number of values was the reason (n_tokens is 0 then); ERROR_OS (ENOMEM). Does not
 * block. */
int json_scan(struct json *json, const char *text, size_t n, struct error *e);

/* Gives the memory of the tokens back. */
void json_done(struct json *json);

/* The token of the value of member `key` of the object at `object`, or 0 when there is none (a
 * value is never token 0). */
uint32_t json_member(const struct json *json, uint32_t object, const char *key);

/* Whether the string at `token` reads `text` (n bytes) after its escapes are resolved. */
bool json_equals(const struct json *json, uint32_t token, const char *text, size_t n);

/* The string at `token` with its escapes resolved: a copy in the arena, NUL-terminated, its length
 * in *ret_n. NULL when memory is out. */
char *json_get_string(const struct json *json, uint32_t token, struct arena *a, size_t *ret_n);

/* An INTEGER, or a REAL without fraction within ±LIMIT_INTEGER. False for all else. */
bool json_get_integer(const struct json *json, uint32_t token, int64_t *ret);

/* Any number. False for all else. */
bool json_get_number(const struct json *json, uint32_t token, double *ret);

/* The order of two strings, by their bytes after escapes are resolved: < 0, 0 (the same) or > 0. */
int json_compare(const struct json *json, uint32_t a, uint32_t b);

/* The code point of a \u escape at `at` (behind its u), a surrogate pair being one; *ret_n how many
 * bytes it takes. -1: it is none. */
int json_code_point(const unsigned char *at, const unsigned char *end, int *ret_n);

/* What a token's type is called in messages: "a string", … */
const char *json_type_name(enum json_type type);

/* -- writing: each appends to b -- */

/* A string of n bytes of valid UTF-8, with its quotes. */
void json_write_string(struct buf *b, const char *s, size_t n);

/* A text of the system, or one that was cut off: it need not be UTF-8. What is not becomes U+FFFD.
 */
void json_write_text(struct buf *b, const char *s, size_t n);

void json_write_integer(struct buf *b, int64_t v);

/* A finite number, shortest form that keeps microseconds; others become null. */
void json_write_number(struct buf *b, double v);

/* n bytes as base64 (RFC 4648, section 4), with quotes. */
void json_write_base64(struct buf *b, const void *bytes, size_t n);

/* Decodes base64 strictly (RFC 4648, section 4: padding required, no white space) into the arena.
 * NULL and *ret_bad set when it is not base64; NULL and *ret_bad clear when memory is out. */
char *json_from_base64(const char *s, size_t n, struct arena *a, size_t *ret_n, bool *ret_bad);
