/* value.h — one value as people type it -> JSON: the types behind words.h. Knows no keys and no
 * methods. */
#pragma once
#include <stdbool.h>

#include "proto/buf.h"
#include "proto/field.h"

enum value_kind {
    VALUE_OF_FIELD, /* by the row's type */
    VALUE_TEXT,     /* always a string */
    VALUE_ANY,      /* numbers, booleans and null as such, all else a string */
    VALUE_JSON,     /* JSON as it stands */
};

/* Appends the value as JSON. False when it is not of its type; then what was appended is to be cut
 * off again. `field` is needed for VALUE_OF_FIELD alone. */
bool value_write(struct buf *b, enum value_kind kind, const struct field *field, const char *value);

/* What should have been there: "an integer", "an address: HOST:PORT, …" */
const char *value_expected(enum value_kind kind, const struct field *field);
