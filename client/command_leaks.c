/* command_leaks.c — who leaves sockets open, and where in the code: groups as a table, the worst
 * first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/command.h"
#include "client/words.h"

static int64_t number_of(const struct json *json, uint32_t group, const char *key)
{
    uint32_t token = json_member(json, group, key);
    int64_t n = 0;

    if (token)
        json_get_integer(json, token, &n);
    return n;
}

static void count_cell(const struct json *json, uint32_t group, const char *key, struct buf *b)
{
    (void)key;
    buf_printf(
        b, "%lld",
        (long long)(number_of(json, group, "reclaimed") + number_of(json, group, "suspects")));
}

/* A few of the handles: enough to ask `berth ledger.get` about one. */
static void handles_cell(const struct json *json, uint32_t group, const char *key, struct buf *b)
{
    enum { A_FEW = 3 };
    uint32_t list = json_member(json, group, key), n = list ? json->tokens[list].n : 0;
    int64_t handle;

    for (uint32_t i = 0; i < n && i < A_FEW; i++)
        if (json_get_integer(json, list + 1 + i, &handle))
            buf_printf(b, "%s%lld", i ? "," : "", (long long)handle);
    if (n > A_FEW)
        buf_add_text(b, ",…");
}

static const struct cell_column columns[] = {
    {"COUNT", NULL, count_cell, true},           {"SUSPECTS", "suspects", cell_plain, true},
    {"SITE", "site", cell_plain, false},         {"EXE", "exe", cell_exe, false},
    {"LABEL", "label", cell_plain, false},       {"UID", "uid", cell_plain, true},
    {"AGE", "oldest", cell_since, true},         {"BYTES", "bytes", cell_bytes, true},
    {"HANDLES", "handles", handles_cell, false},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* Returns 0, or -1 when memory is out or `result` is no answer to ledger.leaks. */
static int show(const struct cli *cli, const char *result)
{
    struct json json = {0};
    struct error e = {0};
    int r = json_scan(&json, result, strlen(result), &e);
    uint32_t list = r ? 0 : json_member(&json, 0, "groups");

    if (!list || json.tokens[list].type != JSON_ARRAY)
        r = -1;
    else if (cli->json)
        r = printf("%.*s\n", (int)(json.tokens[list].end - json.tokens[list].start),
                   result + json.tokens[list].start) < 0
                ? -1
                : 0;
    else if (json.tokens[list].n == 0)
        r = puts("No leaks: nothing was left open, and nothing alive looks forgotten.") < 0 ? -1
                                                                                            : 0;
    else
        r = cell_print_table(&json, list, columns, N_COLUMNS);
    json_done(&json);
    return r;
}

static int ask(struct cli *cli, const char *params)
{
    berth *b = command_session(cli);
    char *result;
    int r;

    if (!b)
        return EXIT_FAILED;
    if (!(result = berth_call(b, method_at(METHOD_ledger_leaks)->name, params)))
        return command_failed(cli);
    r = show(cli, result);
    free(result);
    if (r < 0)
        fputs("berth: out of memory, or the daemon's answer cannot be read\n", stderr);
    return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int command_leaks(struct cli *cli, int n, char **words)
{
    struct words parsed;
    int status;

    if (words_parse(method_at(METHOD_ledger_leaks), n - 1, words + 1, NULL, &parsed) < 0)
        status = command_misused("leaks: %s", parsed.message.data + parsed.message.start);
    else
        status = ask(cli, parsed.params.data + parsed.params.start);
    words_done(&parsed);
    return status;
}
