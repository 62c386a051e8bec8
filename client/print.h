/* print.h — results of the daemon for people: plain text and tables made of the result's own shape.
 */
#pragma once
#include <stdio.h>

#include "proto/buf.h"
#include "proto/json.h"
#include "proto/methods.h"

/* Prints a result to standard output: the JSON text and a newline, or, when `plain`, text for a
 * terminal: one key a line, lists of objects as tables, a payload as its bytes. Returns 0 or -1
 * (out of memory, or `json` is none). */
int print_result(const struct method *method, const char *json, bool plain);

/* Appends the value at `token` as one cell: texts without quotes, addresses as HOST:PORT, lists by
 * commas. */
void print_value(const struct json *json, uint32_t token, struct buf *b);

/* The text that print_value appends, NUL-terminated, in b (emptied before); "" for token 0. */
const char *print_cell(const struct json *json, uint32_t token, struct buf *b);
