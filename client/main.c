/* main.c — the command `berth`: its options, then whatever the words say. */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "client/command.h"

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"file", required_argument, NULL, 'f'},
    {"stop", no_argument, NULL, 'e'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

/* How many of the words are ours: behind the name of a command with options of its own, none. */
static int count_ours(int n, char **words)
{
    const struct command *command;

    opterr = 0;
    while (getopt_long(n, words, "+s:jf:ehV", options, NULL) != -1)
        ;
    command = optind < n ? command_find(words[optind]) : NULL;
    n = command && command_has_options(command) ? optind : n;
    opterr = 1;
    optind = 0; /* from the beginning, and by other rules */
    return n;
}

/* Runs and returns the exit status. */
static int run(struct cli *cli, int n, char **words)
{
    char name[] = "help", *help[] = {name, NULL};
    int option, n_ours = count_ours(n, words);

    while ((option = getopt_long(n_ours, words, "s:jf:ehV", options, NULL)) != -1) {
        switch (option) {
        case 's':
            cli->socket = optarg;
            break;
        case 'j':
            cli->json = true;
            break;
        case 'f':
            cli->file = optarg;
            break;
        case 'e':
            cli->stop = true;
            break;
        case 'h':
            return command_help(cli, 1, help);
        case 'V':
            puts("berth " BERTH_VERSION);
            return EXIT_OK;
        default:
            return EXIT_USAGE; /* getopt has said what is wrong */
        }
    }
    if (optind == n)
        return command_misused("what is to be done? `berth --help` tells what can be");
    return command_run(cli, n - optind, words + optind);
}

/* A connection must not become standard input or output where those were closed. In their place
 * there is nothing to read, and writing still fails. */
static void fill_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int n, char **words)
{
    struct cli cli = {.json = !isatty(STDOUT_FILENO)};
    int status;

    fill_standard();
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* JSON's numbers have a point */
    status = run(&cli, n, words);
    berth_free(cli.session);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("berth: standard output");
        status = status ? status : EXIT_FAILED;
    }
    return status;
}
