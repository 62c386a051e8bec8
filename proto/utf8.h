/* utf8.h — the bytes of JSON texts: which are plain, which begin a UTF-8 sequence (RFC 3629). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The first byte of [at, end) that is a control, a quote, a backslash or not ASCII; `end` when
 * there is none. */
const unsigned char *utf8_skip_plain(const unsigned char *at, const unsigned char *end);

/* The length of the sequence at `at` (at < end), 0 when it is not valid UTF-8. */
int utf8_length(const unsigned char *at, const unsigned char *end);

/* Writes the sequence of a code point (up to U+10FFFF) and returns its length, at most 4. */
int utf8_write(int point, unsigned char *bytes);

/* Whether n bytes are valid UTF-8, and in *ret_nul whether a NUL is among them. */
bool utf8_is_valid(const char *bytes, size_t n, bool *ret_nul);
