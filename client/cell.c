#include "client/cell.h"

#include <string.h>
#include <time.h>

#include "client/print.h"
#include "client/table.h"

void cell_plain(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, row, key);

    if (token)
        print_value(json, token, b);
}

static bool member_equals(const struct json *json, uint32_t row, const char *key, const char *text)
{
    uint32_t token = json_member(json, row, key);

    return token && json_equals(json, token, text, strlen(text));
}

void cell_type(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    static const char *const types[][3] = {
        {"SOCK_STREAM", "tcp", "stream"},
        {"SOCK_DGRAM", "udp", "dgram"},
        {"SOCK_SEQPACKET", "seqpacket", "seqpacket"},
        {"SOCK_RAW", "raw", "raw"},
    };
    bool is_unix = member_equals(json, row, "family", "AF_UNIX");

    (void)key;
    if (is_unix)
        buf_add_text(b, "unix-");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (member_equals(json, row, "type", types[i][0]))
            buf_add_text(b, types[i][1 + is_unix]);
    if (member_equals(json, row, "family", "AF_INET6"))
        buf_add_text(b, "6");
}

const char *cell_basename(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void cell_exe(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    struct buf exe = {0};

    buf_add_text(b, cell_basename(print_cell(json, json_member(json, row, key), &exe)));
    buf_done(&exe);
}

void cell_owner(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t owner = json_member(json, row, key);

    if (!owner)
        return;
    cell_plain(json, owner, "pid", b);
    if (json_member(json, owner, "exe")) {
        buf_add_char(b, '/');
        cell_exe(json, owner, "exe", b);
    }
}

/* The two largest units: "45s", "12m03s", "5h20m", "3d04h". */
void cell_add_age(struct buf *b, double seconds)
{
    long s = seconds < 0 ? 0 : seconds > 1e10 ? (long)1e10 : (long)seconds;

    if (s < 60)
        buf_printf(b, "%lds", s);
    else if (s < 3600)
        buf_printf(b, "%ldm%02lds", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(b, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        buf_printf(b, "%ldd%02ldh", s / 86400, s / 3600 % 24);
}

void cell_age(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, row, key);
    double seconds;

    if (token && json_get_number(json, token, &seconds))
        cell_add_age(b, seconds);
}

void cell_since(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, row, key);
    double since;

    if (token && json_get_number(json, token, &since))
        cell_add_age(b, (double)time(NULL) - since);
}

/* "1.5M": three digits at most. */
void cell_add_bytes(struct buf *b, double n)
{
    static const char units[] = "KMGTPE";
    int unit = -1;

    for (; n >= 1023.5; unit++)
        n /= 1024;
    buf_printf(b, unit >= 0 && n < 9.95 ? "%.1f" : "%.0f", n);
    if (unit >= 0)
        buf_add_char(b, units[unit]);
}

void cell_bytes(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, row, key);
    double n;

    if (token && json_get_number(json, token, &n))
        cell_add_bytes(b, n);
}

/* -- tables ------------------------------------------------------------------------------------ */

static int add_row(struct table *table, const struct json *json, uint32_t row,
                   const struct cell_column *columns, size_t n_columns)
{
    struct buf cell = {0};
    int r = table_add_line(table);

    for (size_t i = 0; i < n_columns && !r; i++) {
        buf_truncate(&cell, 0);
        columns[i].cell(json, row, columns[i].key, &cell);
        buf_add_char(&cell, '\0');
        r = cell.failed ? -1 : table_set(table, columns[i].heading, cell.data + cell.start);
    }
    buf_done(&cell);
    return r;
}

int cell_print_table(const struct json *json, uint32_t list, const struct cell_column *columns,
                     size_t n_columns)
{
    struct table *table = table_new(true);
    uint32_t row = list + 1;
    int r = table ? 0 : -1;

    for (size_t i = 0; i < n_columns && !r; i++)
        r = table_add_column(table, columns[i].heading, columns[i].align_right);
    for (uint32_t i = 0; i < json->tokens[list].n && !r; i++, row = json->tokens[row].next)
        r = add_row(table, json, row, columns, n_columns);
    if (!r)
        r = table_print(table);
    table_free(table);
    return r;
}
