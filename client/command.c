#include "client/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/reach.h"
#include "client/term.h"
#include "client/words.h"

static const struct command commands[] = {
    {"ls", "[state=STATE] [pool=POOL] [label=TEXT] [exe=PATH] [uid=UID] [suspect=KIND|any]",
     "Lists sockets as a table: who opened them, where, and how they are.", command_ls,
     FOLLOWS_FILTER, NULL, NULL},
    {"leaks", "[since=SECONDS]",
     "Shows who leaves sockets open, and where in the code: groups, the worst first. SECONDS is "
     "Unix time.",
     command_leaks, FOLLOWS_WORDS, "since=", NULL},
    {"watch", "[EVENT ...] [since=NUMBER] [state=STATE] [label=TEXT] [exe=PATH] [uid=UID] ...",
     "Prints what happens, one line an event: " COMMAND_EVENT_WORDS ". All if none is named.",
     command_watch, FOLLOWS_FILTER, COMMAND_EVENT_WORDS " since=", NULL},
    {"top", "[interval=SECONDS]",
     "Shows owners, sockets, rates and suspects, live. Press h there for its keys.", command_top,
     FOLLOWS_WORDS, "interval=", NULL},
    {"nc", "[OPTION ...] HOST PORT | unix:/PATH | -l [HOST] PORT",
     "A netcat through the daemon: standard input and output, plain or by TLS.", command_nc,
     FOLLOWS_OPTIONS, "--listen --udp --linger " REACH_WORDS, command_nc_help},
    {"send-file", "[OPTION ...] FILE HANDLE|HOST:PORT|unix:/PATH",
     "Sends a file, and shows how far it has come.", command_send_file, FOLLOWS_OPTIONS_AND_FILE,
     "--offset --count --quiet " REACH_WORDS, command_send_file_help},
    {"shell", "[--stop]",
     "Reads commands from standard input, one a line, and runs them in one session.", command_shell,
     FOLLOWS_WORDS, NULL, NULL},
    {"methods", "", "Lists the methods.", command_methods, FOLLOWS_WORDS, NULL, NULL},
    {"help", "[METHOD|COMMAND]", "Explains the command, or one method.", command_help, FOLLOWS_NAME,
     NULL, NULL},
    {"completion", "bash", "Prints the completion for a shell: source <(berth completion bash)",
     command_completion, FOLLOWS_WORDS, "bash", NULL},
};

const struct command *commands_all(size_t *ret_n)
{
    *ret_n = sizeof commands / sizeof *commands;
    return commands;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int command_unknown(const char *name)
{
    const struct method *near = words_nearest_method(name);

    if (near)
        return command_misused("there is no method %s; did you mean %s? `berth methods` lists them",
                               name, near->name);
    return command_misused("there is no method %s; `berth methods` lists them", name);
}

int command_run(struct cli *cli, int n, char **words)
{
    const struct command *command = command_find(strcmp(words[0], "-") == 0 ? "shell" : words[0]);

    if (command)
        return command->run(cli, n, words);
    if (!method_find(words[0], strlen(words[0])))
        return command_unknown(words[0]);
    return command_method(cli, n, words);
}

berth *command_session(struct cli *cli)
{
    if (!cli->session && !(cli->session = berth_new(cli->socket)))
        command_failed(cli);
    return cli->session;
}

void command_note_restart(struct cli *cli)
{
    int is_away;
    long long n = cli->session ? berth_reconnects(cli->session, &is_away) : 0;

    if (!cli->session)
        return;
    if (n != cli->n_reconnects)
        fputs("berth: the daemon was away; it is back, and this goes on\n", stderr);
    if (is_away && (!cli->is_away || n != cli->n_reconnects))
        fputs("berth: the daemon is away; waiting for it to come back\n", stderr);
    cli->is_away = is_away;
    cli->n_reconnects = n;
}

void command_put(const char *text)
{
    term_put(stderr, text, strlen(text));
}

int command_say_error(const char *kind, const char *name, const char *what, const char *why,
                      const char *hint)
{
    fflush(stdout);
    fprintf(stderr, "%sberth:%s ", term_style(stderr, TERM_ERROR), term_style(stderr, TERM_PLAIN));
    command_put(kind);
    fputc(' ', stderr);
    command_put(name);
    fputs(": ", stderr);
    command_put(what);
    if (why) {
        fputs(": ", stderr);
        command_put(why);
    }
    fputc('\n', stderr);
    if (hint) {
        fprintf(stderr, "%shint:%s ", term_style(stderr, TERM_HINT),
                term_style(stderr, TERM_PLAIN));
        command_put(hint);
        fputc('\n', stderr);
    }
    return EXIT_FAILED;
}

int command_failed(const struct cli *cli)
{
    const struct berth_error *e = berth_last_error(cli->session);

    return command_say_error(e->kind, e->name, e->message, NULL, e->hint);
}

bool command_has_options(const struct command *command)
{
    return command->follows == FOLLOWS_OPTIONS || command->follows == FOLLOWS_OPTIONS_AND_FILE;
}

int command_misused(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "%sberth:%s ", term_style(stderr, TERM_ERROR), term_style(stderr, TERM_PLAIN));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_USAGE;
}
