/* command_ls.c — the ledger's rows as a table, as ss and lsblk show theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/print.h"
#include "client/table.h"
#include "client/words.h"

/* -- columns ----------------------------------------------------------------------------------- */

/* Each appends the cell of a row. */
typedef void cell_fn(const struct json *json, uint32_t row, const char *key, struct buf *b);

static void plain_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
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

/* "tcp6", "udp", "unix-dgram": what people call them. */
static void type_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
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

/* "1234/nginx" */
static void owner_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t owner = json_member(json, row, key);
    struct buf exe = {0};
    const char *path, *slash;

    if (!owner)
        return;
    plain_cell(json, owner, "pid", b);
    path = print_cell(json, json_member(json, owner, "exe"), &exe);
    slash = strrchr(path, '/');
    if (*path) {
        buf_add_char(b, '/');
        buf_add_text(b, slash ? slash + 1 : path);
    }
    buf_done(&exe);
}

/* The two largest units: "45s", "12m03s", "5h20m", "3d04h". */
static void age_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, row, key);
    double seconds;
    long s;

    if (!token || !json_get_number(json, token, &seconds))
        return;
    s = seconds < 0 ? 0 : seconds > 1e10 ? (long)1e10 : (long)seconds;
    if (s < 60)
        buf_printf(b, "%lds", s);
    else if (s < 3600)
        buf_printf(b, "%ldm%02lds", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(b, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        buf_printf(b, "%ldd%02ldh", s / 86400, s / 3600 % 24);
}

/* "1.5M": three digits at most. */
static void bytes_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    static const char units[] = "KMGTPE";
    uint32_t token = json_member(json, row, key);
    int unit = -1;
    double n;

    if (!token || !json_get_number(json, token, &n))
        return;
    for (; n >= 1023.5; unit++)
        n /= 1024;
    buf_printf(b, unit >= 0 && n < 9.95 ? "%.1f" : "%.0f", n);
    if (unit >= 0)
        buf_add_char(b, units[unit]);
}

/* The kinds of suspicion, or how it ended. */
static void note_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t list = json_member(json, row, "suspect"), end = json_member(json, row, "end");
    uint32_t item = list + 1;

    (void)key;
    if (end)
        plain_cell(json, end, "how", b);
    for (uint32_t i = 0; list && i < json->tokens[list].n; i++, item = json->tokens[item].next) {
        buf_add(b, ",", i > 0);
        plain_cell(json, item, "kind", b);
    }
}

static const struct {
    const char *heading, *key;
    cell_fn *cell;
    bool align_right;
} columns[] = {
    {"HANDLE", "handle", plain_cell, true},   {"NAME", "name", plain_cell, false},
    {"STATE", "state", plain_cell, false},    {"TYPE", NULL, type_cell, false},
    {"LOCAL", "address", plain_cell, false},  {"PEER", "peer", plain_cell, false},
    {"OWNER", "owner", owner_cell, false},    {"AGE", "age", age_cell, true},
    {"SENT", "sent_bytes", bytes_cell, true}, {"RECEIVED", "received_bytes", bytes_cell, true},
    {"SITE", "site", plain_cell, false},      {"NOTE", NULL, note_cell, false},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* -- the table --------------------------------------------------------------------------------- */

static int add_row(struct table *table, const struct json *json, uint32_t row, struct buf *cell)
{
    int r = table_add_line(table);

    for (int i = 0; i < N_COLUMNS && !r; i++) {
        buf_truncate(cell, 0);
        columns[i].cell(json, row, columns[i].key, cell);
        buf_add_char(cell, '\0');
        r = cell->failed ? -1 : table_set(table, columns[i].heading, cell->data + cell->start);
    }
    return r;
}

static int print_table(const struct json *json)
{
    struct table *table = table_new(true);
    struct buf cell = {0};
    uint32_t row = 1;
    int r = table ? 0 : -1;

    for (int i = 0; i < N_COLUMNS && !r; i++)
        r = table_add_column(table, columns[i].heading, columns[i].align_right);
    for (uint32_t i = 0; i < json->tokens[0].n && !r; i++, row = json->tokens[row].next)
        r = add_row(table, json, row, &cell);
    if (!r)
        r = table_print(table);
    table_free(table);
    buf_done(&cell);
    return r;
}

static int show(const struct cli *cli, struct buf *rows)
{
    struct json json = {0};
    struct error e = {0};
    int r;

    buf_add_text(rows, "]");
    buf_add_char(rows, '\0');
    if (rows->failed)
        return -1;
    if (cli->wants_json)
        return puts(rows->data + rows->start) < 0 ? -1 : 0;
    r = json_scan(&json, rows->data + rows->start, buf_len(rows) - 1, &e);
    r = r && (r != ERROR_INVALID_REQUEST || json.n_tokens == 0) ? -1 : print_table(&json);
    json_done(&json);
    return r;
}

/* -- pages ------------------------------------------------------------------------------------- */

/* Adds the rows of a page to the array. Returns whether there are more; then *after is moved on. */
static bool add_page(const char *result, struct buf *rows, int64_t *after)
{
    struct json json = {0};
    struct error e = {0};
    uint32_t list = 0, next = 0;
    int64_t from = *after;
    int r = json_scan(&json, result, strlen(result), &e);

    if (!r || (r == ERROR_INVALID_REQUEST && json.n_tokens)) {
        list = json_member(&json, 0, "rows");
        next = json_member(&json, 0, "next");
    }
    if (list && json.tokens[list].type == JSON_ARRAY && json.tokens[list].n) {
        buf_add(rows, ",", buf_len(rows) > 1);
        buf_add(rows, result + json.tokens[list].start + 1,
                json.tokens[list].end - json.tokens[list].start - 2);
    }
    r = next && json_get_integer(&json, next, after) && *after != from;
    json_done(&json);
    return r;
}

enum { MOST_PAGES = 1000000 };

/* Asks for page after page of the rows that the filter (a JSON object) takes. */
static int collect(struct cli *cli, const char *filter, struct buf *rows)
{
    berth *b = command_session(cli);
    struct buf params = {0};
    int64_t after = 0;
    bool more = b;
    char *result;

    buf_add_char(rows, '[');
    /* A daemon that always has one more page is none. */
    for (int n_pages = 0; more && n_pages < MOST_PAGES; n_pages++) {
        buf_truncate(&params, 0);
        buf_printf(&params, "{\"filter\":%s,\"after\":%lld}", filter, (long long)after);
        buf_add_char(&params, '\0');
        if (!(result = berth_call(b, "ledger.list",
                                  params.failed ? "{}" : params.data + params.start))) {
            buf_done(&params);
            return command_failed(cli);
        }
        more = add_page(result, rows, &after) && !params.failed;
        free(result);
    }
    buf_done(&params);
    return b ? EXIT_OK : EXIT_FAILED;
}

int command_ls(struct cli *cli, int n, char **words)
{
    const struct method keys = {.name = "ls", .params = shape_ledger_filter()};
    struct words parsed;
    struct buf rows = {0};
    int status;

    if (words_parse(&keys, n - 1, words + 1, NULL, &parsed) < 0)
        status = command_misused("ls: %s", parsed.message.data + parsed.message.start);
    else
        status = collect(cli, parsed.params.data + parsed.params.start, &rows);
    if (status == EXIT_OK && show(cli, &rows) < 0) {
        fputs("berth: out of memory\n", stderr);
        status = EXIT_FAILED;
    }
    words_done(&parsed);
    buf_done(&rows);
    return status;
}
