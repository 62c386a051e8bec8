/* command_watch.c — what happens to sockets, one line an event, as it happens. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "client/cell.h"
#include "client/command.h"
#include "client/term.h"
#include "client/words.h"

/* -- what is asked for ------------------------------------------------------------------------- */

static const char *const event_names[] = {COMMAND_EVENTS};
enum { N_EVENTS = sizeof event_names / sizeof *event_names };

static bool is_event(const char *word)
{
    for (int i = 0; i < N_EVENTS; i++)
        if (strcmp(word, event_names[i]) == 0)
            return true;
    return false;
}

/* What the words say: names of events, and the keys that are left, for the filter. */
struct wish {
    const char *events[N_EVENTS];
    int n_events;
    long long since; /* -1: from now on */
    char **keys;
    int n_keys;
};

static int take_since(const char *text, struct wish *wish)
{
    char *end;

    errno = 0;
    wish->since = strtoll(text, &end, 10);
    if (errno || !*text || *end || wish->since < 0)
        return command_misused("watch: since=%s is no number of an event", text);
    return EXIT_OK;
}

static int take_event(const char *word, struct wish *wish)
{
    if (!is_event(word))
        return command_misused("watch: there is no event %s; there are: " COMMAND_EVENT_WORDS,
                               word);
    for (int i = 0; i < wish->n_events; i++)
        if (strcmp(wish->events[i], word) == 0)
            return EXIT_OK;
    wish->events[wish->n_events++] = word;
    return EXIT_OK;
}

/* Sorts the words; what is left in wish->keys is the filter's. */
static int take_words(int n, char **words, struct wish *wish)
{
    int status = EXIT_OK;

    wish->since = -1;
    wish->keys = words;
    for (int i = 0; i < n && status == EXIT_OK; i++) {
        if (!strchr(words[i], '='))
            status = take_event(words[i], wish);
        else if (strncmp(words[i], "since=", 6) == 0)
            status = take_since(words[i] + 6, wish);
        else
            wish->keys[wish->n_keys++] = words[i];
    }
    if (wish->n_events == 0) {
        memcpy(wish->events, event_names, sizeof event_names);
        wish->n_events = N_EVENTS;
    }
    return status;
}

static void write_params(const struct wish *wish, const char *filter, struct buf *b)
{
    buf_add_text(b, "{\"events\":[");
    for (int i = 0; i < wish->n_events; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : "", wish->events[i]);
    buf_printf(b, "],\"filter\":%s", filter);
    if (wish->since >= 0)
        buf_printf(b, ",\"since\":%lld", wish->since);
    buf_add(b, "}\0", 2);
}

/* -- lines ------------------------------------------------------------------------------------- */

/* "2026-01-31 23:59:59.123", local time. */
static void time_cell(const struct json *json, uint32_t event, const char *key, struct buf *b)
{
    uint32_t token = json_member(json, event, key);
    char text[32] = "";
    struct tm tm;
    double at;
    time_t s;

    if (!token || !json_get_number(json, token, &at) || at < 0 || at > 1e11)
        return;
    s = (time_t)at;
    if (localtime_r(&s, &tm) && strftime(text, sizeof text, "%F %T", &tm))
        buf_printf(b, "%s.%03d", text, (int)((at - (double)s) * 1000));
}

/* Event and row are told by the same line; a column is as wide as usual, and gives way to more. */
static const struct {
    const char *key;
    cell_fn *cell;
    bool of_row;
    int width;
} columns[] = {
    {"at", time_cell, false, 23},    {"type", cell_plain, false, 9},
    {"kind", cell_plain, false, 10}, {"handle", cell_plain, true, 8},
    {"name", cell_plain, true, 10},  {"state", cell_plain, true, 11},
    {NULL, cell_type, true, 11},     {"address", cell_plain, true, 21},
    {"owner", cell_owner, true, 16}, {"site", cell_plain, true, 0},
};

/* One event stays one line, whatever names it holds. */
static void blank_out_breaks(char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\r' || *text == '\t')
            *text = ' ';
}

static void add_columns(const struct json *json, struct buf *line)
{
    uint32_t row = json_member(json, 0, "row");
    struct buf cell = {0};

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        buf_truncate(&cell, 0);
        if (row || !columns[i].of_row)
            columns[i].cell(json, columns[i].of_row ? row : 0, columns[i].key, &cell);
        if (buf_len(&cell) == 0)
            buf_add_char(&cell, '-');
        buf_add_char(&cell, '\0');
        if (!cell.failed)
            buf_printf(line, "%s%-*s", i ? " " : "", columns[i].width, cell.data + cell.start);
    }
    buf_done(&cell);
}

static void add_overflow(const struct json *json, struct buf *line)
{
    buf_printf(line, "%-23s overflow  ", "-");
    cell_plain(json, 0, "missed", line);
    buf_add_text(line, " events are lost: the daemon keeps only the newest");
}

/* Prints the event whose parameters are `text`. Returns 0, or -1 when memory is out or the output
 * is closed. */
static int print_event(const struct cli *cli, const char *text, struct json *json)
{
    struct buf line = {0};
    struct error e = {0};
    int r;

    if (cli->json) {
        printf("{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":%s}\n", text);
        return fflush(stdout);
    }
    if (json_scan(json, text, strlen(text), &e))
        return -1;
    if (json_member(json, 0, "missed"))
        add_overflow(json, &line);
    else
        add_columns(json, &line);
    buf_add_char(&line, '\0');
    if (!line.failed) {
        blank_out_breaks(line.data + line.start);
        term_put(stdout, line.data + line.start, buf_len(&line) - 1);
        putchar('\n');
    }
    r = fflush(stdout) || line.failed ? -1 : 0;
    buf_done(&line);
    return r;
}

/* -- waiting ----------------------------------------------------------------------------------- */

/* Prints what has arrived. The one reply that may be among it is that to the subscription. Returns
 * 0, or -1 after telling the user why. */
static int print_arrived(struct cli *cli, struct json *json)
{
    struct berth_reply reply;
    int r;

    while ((r = berth_next_reply(cli->session, &reply)) > 0) {
        if (reply.error) {
            command_failed(cli);
            return -1;
        }
        if (!reply.method || strcmp(reply.method, "event") != 0)
            continue;
        if (print_event(cli, reply.json, json) < 0) {
            fputs("berth: watch: cannot print an event\n", stderr);
            return -1;
        }
    }
    if (r < 0)
        command_failed(cli);
    return r;
}

/* Until a signal comes at `fd`, the output is closed, or the daemon is gone for good. It is the
 * user who ends this: there is no other end to it. */
static int follow(struct cli *cli, int fd)
{
    struct pollfd p[] = {
        {.fd = berth_fd(cli->session)}, {.fd = fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    struct json json = {0};
    int r;

    while ((r = print_arrived(cli, &json)) == 0) {
        p[0].events = berth_events(cli->session);
        if (poll(p, sizeof p / sizeof *p, -1) < 0 && errno != EINTR) {
            perror("berth: poll");
            break;
        }
        if (p[1].revents || p[2].revents & (POLLERR | POLLHUP))
            break;
        /* When it fails, what came before is printed first; then there is the reason. */
        berth_process(cli->session);
        command_note_restart(cli);
    }
    json_done(&json);
    return r ? EXIT_FAILED : EXIT_OK;
}

static int subscribe(struct cli *cli, const char *params)
{
    berth *b = command_session(cli);
    int fd, status;
    sigset_t set;

    if (!b)
        return EXIT_FAILED;
    /* From here on nothing may wait but follow(): who waits elsewhere cannot be interrupted. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if ((fd = signalfd(-1, &set, SFD_CLOEXEC)) < 0) {
        perror("berth: signalfd");
        return EXIT_FAILED;
    }
    if (berth_send_request(b, method_at(METHOD_subscribe)->name, params, -1) < 0 ||
        berth_process(b) < 0)
        status = command_failed(cli);
    else
        status = follow(cli, fd);
    close(fd);
    return status;
}

int command_watch(struct cli *cli, int n, char **words)
{
    const struct method keys = {.name = "watch", .params = shape_ledger_filter()};
    struct wish wish = {.n_events = 0};
    struct words parsed;
    struct buf params = {0};
    int status;

    if (cli->in_shell)
        return command_misused("watch: it has no end, and a shell would wait for it");
    if ((status = take_words(n - 1, words + 1, &wish)) != EXIT_OK)
        return status;
    if (words_parse(&keys, wish.n_keys, wish.keys, NULL, &parsed) < 0) {
        status = command_misused("watch: %s", parsed.message.data + parsed.message.start);
    } else {
        write_params(&wish, parsed.params.data + parsed.params.start, &params);
        status = params.failed ? EXIT_FAILED : subscribe(cli, params.data + params.start);
    }
    words_done(&parsed);
    buf_done(&params);
    return status;
}
