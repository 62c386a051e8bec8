/* command_method.c — any method of the table as a command: words in, parameters out, the result
 * printed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/print.h"
#include "client/words.h"

/* The descriptor that goes along; -1: none, -2: it cannot be opened, and the user was told. */
static int open_file(const struct method *method, const char *path)
{
    int fd;

    if (!(method->flags & FD_IN) || !path)
        return -1;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
        return fd;
    command_misused("%s: %s", path, strerror(errno));
    return -2;
}

/* A copy of one that the shell gave: `fd=3 3<>…`. Same results. */
static int copy_fd(const char *number)
{
    char *end;
    long fd = strtol(number, &end, 10);
    int copy = *number && !*end && fd >= 0 && fd <= INT_MAX ? fcntl((int)fd, F_DUPFD_CLOEXEC, 0)
                                                            : (errno = EBADF, -1);

    if (copy >= 0)
        return copy;
    command_misused("fd=%s: %s", number, strerror(errno));
    return -2;
}

static int call(struct cli *cli, const struct method *method, const char *params, int fd)
{
    berth *b = command_session(cli);
    char *result;
    int r;

    if (!b)
        return EXIT_FAILED;
    result = berth_call_fd(b, method->name, params, fd, NULL);
    if (!result)
        return command_failed(cli);
    r = print_result(method, result, !cli->json);
    free(result);
    if (r < 0)
        fputs("berth: out of memory\n", stderr);
    return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int command_method(struct cli *cli, int n, char **words)
{
    const struct method *method = method_find(words[0], strlen(words[0]));
    struct words parsed;
    int fd, status;

    if (method->flags & FD_OUT)
        return command_misused("%s: its answer is a descriptor, and a shell has no place for that; "
                               "a program gets it by libberth: berth_%s()",
                               method->name, method->name);
    if (words_parse(method, n - 1, words + 1, cli->file, &parsed) < 0) {
        status = command_misused("%s: %s\nMore: berth help %s", method->name,
                                 parsed.message.data + parsed.message.start, method->name);
    } else {
        fd = parsed.fd ? copy_fd(parsed.fd) : open_file(method, parsed.file);
        status = fd == -2 ? EXIT_FAILED
                          : call(cli, method, parsed.params.data + parsed.params.start, fd);
        if (fd >= 0)
            close(fd);
    }
    words_done(&parsed);
    return status;
}
