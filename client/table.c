#include "client/table.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/term.h"

enum { MAX_COLUMNS = 64 };

struct table {
    struct libscols_table *scols;
    struct libscols_line *line; /* the last; NULL: none */
    struct libscols_column *columns[MAX_COLUMNS];
    const char *names[MAX_COLUMNS]; /* owned by the columns */
    size_t n_columns;
};

struct table *table_new(bool with_headings)
{
    struct table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    scols_init_debug(0);
    if (!(t->scols = scols_new_table())) {
        free(t);
        return NULL;
    }
    scols_table_enable_noheadings(t->scols, !with_headings);
    scols_table_enable_colors(t->scols, term_has_colour(stdout));
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    scols_unref_table(t->scols);
    free(t);
}

int table_add_column(struct table *t, const char *name, bool align_right)
{
    struct libscols_column *column;

    if (t->n_columns == MAX_COLUMNS)
        return 0;
    column = scols_table_new_column(t->scols, name, 0, align_right ? SCOLS_FL_RIGHT : 0);
    if (!column)
        return -1;
    /* Without headings the first column is a heading itself. */
    if (scols_table_is_noheadings(t->scols) && t->n_columns == 0 && term_has_colour(stdout))
        scols_column_set_color(column, "bold");
    t->columns[t->n_columns] = column;
    t->names[t->n_columns++] = scols_cell_get_data(scols_column_get_header(column));
    return 0;
}

int table_add_line(struct table *t)
{
    t->line = scols_table_new_line(t->scols, NULL);
    return t->line ? 0 : -1;
}

static size_t find_column(const struct table *t, const char *name)
{
    size_t i = 0;

    while (i < t->n_columns && strcmp(t->names[i], name) != 0)
        i++;
    return i;
}

int table_set(struct table *t, const char *name, const char *text)
{
    size_t i = find_column(t, name);

    if (i == t->n_columns && table_add_column(t, name, false) < 0)
        return -1;
    if (i == MAX_COLUMNS)
        return 0;
    return scols_line_set_column_data(t->line, t->columns[i], text) ? -1 : 0;
}

int table_print(struct table *t)
{
    if (scols_table_get_nlines(t->scols) == 0)
        return 0;
    return scols_print_table(t->scols) ? -1 : 0;
}
