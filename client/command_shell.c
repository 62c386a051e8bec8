/* command_shell.c — commands from standard input, one a line, in one session: so that a script can
 * use names like @c and handles that end with the session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/split.h"

static int run_line(struct cli *cli, char *line)
{
    char *words[SPLIT_MAX_WORDS + 1];
    int n = split_line(line, words);

    if (n == SPLIT_OPEN_QUOTE)
        return command_misused("a quote is not closed");
    if (n == SPLIT_TOO_MANY)
        return command_misused("more than %d words", SPLIT_MAX_WORDS);
    return n ? command_run(cli, n, words) : EXIT_OK;
}

/* Whether a session was there and is no more; nothing that follows can succeed. */
static bool is_over(const struct cli *cli)
{
    return cli->session && berth_process(cli->session) < 0;
}

int command_shell(struct cli *cli, int n, char **words)
{
    bool prompts = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int status = EXIT_OK;
    char *line = NULL;
    size_t room = 0;
    int r;

    if (cli->in_shell)
        return command_misused("this is a shell already");
    if (n > 1)
        return command_misused("%s: there is no parameter %s", words[0], words[1]);
    cli->in_shell = true;
    for (;;) {
        if (prompts)
            fputs("berth> ", stdout);
        fflush(stdout);
        if (getline(&line, &room, stdin) < 0)
            break;
        r = run_line(cli, line);
        command_note_restart(cli);
        if (r == EXIT_OK)
            continue;
        status = EXIT_FAILED;
        if (cli->stop || is_over(cli))
            break;
    }
    if (prompts)
        putchar('\n');
    free(line);
    return status;
}
