/* command_ls.c — the ledger's rows as a table, as ss and lsblk show theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/command.h"
#include "client/words.h"

/* -- columns ----------------------------------------------------------------------------------- */

/* The kinds of suspicion, or how it ended. */
static void note_cell(const struct json *json, uint32_t row, const char *key, struct buf *b)
{
    uint32_t list = json_member(json, row, "suspect"), end = json_member(json, row, "end");
    uint32_t item = list + 1;

    (void)key;
    if (end)
        cell_plain(json, end, "how", b);
    for (uint32_t i = 0; list && i < json->tokens[list].n; i++, item = json->tokens[item].next) {
        buf_add(b, ",", i > 0);
        cell_plain(json, item, "kind", b);
    }
}

static const struct cell_column columns[] = {
    {"HANDLE", "handle", cell_plain, true},   {"NAME", "name", cell_plain, false},
    {"STATE", "state", cell_plain, false},    {"TYPE", NULL, cell_type, false},
    {"LOCAL", "address", cell_plain, false},  {"PEER", "peer", cell_plain, false},
    {"OWNER", "owner", cell_owner, false},    {"AGE", "age", cell_age, true},
    {"SENT", "sent_bytes", cell_bytes, true}, {"RECEIVED", "received_bytes", cell_bytes, true},
    {"SITE", "site", cell_plain, false},      {"NOTE", NULL, note_cell, false},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static int show(const struct cli *cli, struct buf *rows)
{
    struct json json = {0};
    struct error e = {0};
    int r;

    buf_add_text(rows, "]");
    buf_add_char(rows, '\0');
    if (rows->failed)
        return -1;
    if (cli->json)
        return puts(rows->data + rows->start) < 0 ? -1 : 0;
    r = json_scan(&json, rows->data + rows->start, buf_len(rows) - 1, &e);
    r = r && (r != ERROR_INVALID_REQUEST || json.n_tokens == 0)
            ? -1
            : cell_print_table(&json, 0, columns, N_COLUMNS);
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
