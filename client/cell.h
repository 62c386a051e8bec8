/* cell.h — cells of tables for people, made of the daemon's JSON: types, owners, ages, amounts.
 * Knows nothing of where they are shown. */
#pragma once
#include <stdbool.h>

#include "proto/buf.h"
#include "proto/json.h"

/* Appends the cell of the object `row`, made of its member `key`; nothing when it has none. */
typedef void cell_fn(const struct json *json, uint32_t row, const char *key, struct buf *b);

cell_fn cell_plain; /* as print_value() */
cell_fn cell_type;  /* "tcp6", "udp", "unix-dgram"; of the whole row, `key` is not used */
cell_fn cell_owner; /* "1234/nginx" */
cell_fn cell_exe;   /* "nginx" of /usr/sbin/nginx */
cell_fn cell_age;   /* of seconds: "45s", "12m03s" */
cell_fn cell_since; /* the same of a moment, in Unix seconds */
cell_fn cell_bytes; /* "1.5M" */

/* The same of numbers and texts that are no JSON. */
void cell_add_age(struct buf *b, double seconds);
void cell_add_bytes(struct buf *b, double n);
const char *cell_basename(const char *path);

/* One column of a table of objects. */
struct cell_column {
    const char *heading, *key;
    cell_fn *cell;
    bool align_right;
};

/* Prints the objects of the array at `list` as a table. Returns 0, or -1 when memory is out. */
int cell_print_table(const struct json *json, uint32_t list, const struct cell_column *columns,
                     size_t n_columns);
