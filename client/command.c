#include "client/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/term.h"
#include "client/words.h"

static const struct command commands[] = {
    {"ls", "[state=STATE] [pool=POOL] [label=TEXT] [exe=PATH] [uid=UID] [suspect=KIND|any]",
     "Lists sockets as a table: who opened them, where, and how they are.", command_ls,
     FOLLOWS_FILTER, NULL},
    {"leaks", "[since=SECONDS]",
     "Shows who leaves sockets open, and where in the code: groups, the worst first. SECONDS is "
     "Unix time.",
     command_leaks, FOLLOWS_WORDS, "since="},
    {"watch", "[EVENT ...] [since=NUMBER] [state=STATE] [label=TEXT] [exe=PATH] [uid=UID] ...",
     "Prints what happens, one line an event: " COMMAND_EVENT_WORDS ". All if none is named.",
     command_watch, FOLLOWS_FILTER, COMMAND_EVENT_WORDS " since="},
    {"top", "[interval=SECONDS]",
     "Shows owners, sockets, rates and suspects, live. Press h there for its keys.", command_top,
     FOLLOWS_WORDS, "interval="},
    {"shell", "[--stop]",
     "Reads commands from standard input, one a line, and runs them in one session.", command_shell,
     FOLLOWS_WORDS, NULL},
    {"methods", "", "Lists the methods.", command_methods, FOLLOWS_WORDS, NULL},
    {"help", "[METHOD|COMMAND]", "Explains the command, or one method.", command_help, FOLLOWS_NAME,
     NULL},
    {"completion", "bash", "Prints the completion for a shell: source <(berth completion bash)",
     command_completion, FOLLOWS_WORDS, "bash"},
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

int command_failed(const struct cli *cli)
{
    const struct berth_error *e = berth_last_error(cli->session);

    fflush(stdout);
    fprintf(stderr, "%sberth:%s ", term_style(stderr, TERM_ERROR), term_style(stderr, TERM_PLAIN));
    term_put(stderr, e->kind, strlen(e->kind));
    fputc(' ', stderr);
    term_put(stderr, e->name, strlen(e->name));
    fputs(": ", stderr);
    term_put(stderr, e->message, strlen(e->message));
    fputc('\n', stderr);
    if (e->hint) {
        fprintf(stderr, "%shint:%s ", term_style(stderr, TERM_HINT),
                term_style(stderr, TERM_PLAIN));
        term_put(stderr, e->hint, strlen(e->hint));
        fputc('\n', stderr);
    }
    return EXIT_FAILED;
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
