/* table.h — rows and columns on standard output, by libsmartcols. */
#pragma once
#include <stdbool.h>

struct table;

/* An empty table, with or without its headings; NULL when memory is out. */
struct table *table_new(bool with_headings);
void table_free(struct table *t);

/* Each returns 0, or -1 when memory is out. Columns come into being, in this order, when they are
 * first named; a column beyond the 64th is left out. Texts are copied. */
int table_add_column(struct table *t, const char *name, bool align_right);
int table_add_line(struct table *t);
int table_set(struct table *t, const char *column, const char *text); /* in the line added last */

int table_print(struct table *t);
