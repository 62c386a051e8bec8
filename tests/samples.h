/* samples.h — a good JSON value for every row of the method table, so that tests can loop over the
 * table. */
#pragma once
#include "proto/buf.h"
#include "proto/field.h"

enum { SAMPLES_MAX_SHAPES = 128 };

/* Every shape of the table: parameters, results, and those inside of them. Returns how many. */
size_t samples_shapes(const struct shape *ret_shapes[SAMPLES_MAX_SHAPES]);

/* Appends a value that the row takes. A list has three items. */
void samples_add_value(const struct field *field, struct buf *b);

/* Appends an object with all members of the shape but one (NULL: with all). */
void samples_add_object(const struct shape *shape, const struct field *but, struct buf *b);

/* The key by which a row is asked for when it is missing. */
const char *samples_key(const struct field *field);

/* Whether all rows may be left out. */
bool samples_is_optional(const struct shape *shape);
