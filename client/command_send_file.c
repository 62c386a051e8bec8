/* command_send_file.c — a file to a handle or a peer. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/command.h"
#include "client/reach.h"
#include "client/upload.h"

const char command_send_file_help[] =
    "Sends a regular file, or a part of it. To HOST:PORT or unix:/PATH it connects first, then\n"
    "ends its direction and waits until the peer ends too; a HANDLE (a number or a name) stays as\n"
    "it is. What the peer answers is not shown: that is for `berth nc`. On a terminal it shows\n"
    "how far it has come. When it fails it tells how much went out; the peer may have less of it,\n"
    "and has to be asked how much before --offset goes on from there.\n"
    "A connection that was made for the file takes it as a stream. To a HANDLE, or where the\n"
    "rules forbid streams (planes without stream), the daemon reads the file itself: then a peer\n"
    "that takes no more before its answers are read is waited for until --timeout.\n"
    "\n"
    "Options\n"
    "  --offset N           begin at byte N of the file\n"
    "  --count N            send N bytes; to the end of the file if not said\n"
    "  -q, --quiet          show no progress\n" REACH_HELP "\n"
    "Exit status\n"
    "  0 all went out, and the peer ended after it; 1 it did not; 2 wrong usage\n"
    "\n"
    "Examples\n"
    "  berth send-file disk.img 192.0.2.7:7007\n"
    "  berth send-file --tls --ca ca.pem disk.img backup.example.com:7443\n"
    "  berth send-file --offset 1048576 disk.img 192.0.2.7:7007    what comes behind 1 MiB\n"
    "  berth send-file page.html @connection    in a `berth shell`\n";

enum { OPTION_OFFSET = 256, OPTION_COUNT };

static const struct option options[] = {{"offset", required_argument, NULL, OPTION_OFFSET},
                                        {"count", required_argument, NULL, OPTION_COUNT},
                                        {"quiet", no_argument, NULL, 'q'},
                                        REACH_OPTIONS,
                                        {0}};

struct sending {
    struct reach reach;
    struct upload upload; /* count < 0: to the end */
    const char *target;
    bool is_help;
};

/* -- words ------------------------------------------------------------------------------------- */

static int take_number(const char *name, const char *text, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (errno || !*text || *end || *ret < 0)
        return command_misused("send-file: --%s %s: give a number of bytes", name, text);
    return EXIT_OK;
}

static int take_options(struct sending *s, int n, char **words)
{
    int option, status = EXIT_OK;

    optind = 0;
    while (status == EXIT_OK &&
           (option = getopt_long(n, words, "q" REACH_SHORT, options, NULL)) != -1) {
        if (option == OPTION_OFFSET)
            status = take_number("offset", optarg, &s->upload.offset);
        else if (option == OPTION_COUNT)
            status = take_number("count", optarg, &s->upload.count);
        else if (option == 'q')
            s->upload.is_quiet = true;
        else if (option == 'h')
            s->is_help = true;
        else
            status = reach_take_option(&s->reach, "send-file", option, optarg);
    }
    return status;
}

static int take_words(struct sending *s, int n, char **words)
{
    if (n != 2)
        return command_misused("send-file: which file, and where to? berth send-file FILE "
                               "HANDLE|HOST:PORT; `berth help send-file` tells more");
    s->upload.path = words[0];
    s->target = words[1];
    s->upload.is_ours = strchr(words[1], ':') != NULL;
    if (s->upload.is_ours && !reach_take_address(&s->reach, words[1]))
        return command_misused("send-file: %s is no address: HOST:PORT or unix:/PATH", words[1]);
    if (!s->upload.is_ours && (s->reach.is_tls || s->reach.pool || s->reach.label))
        return command_misused("send-file: --tls, --pool and --label are for a connection that is "
                               "made; %s is a handle",
                               s->target);
    return EXIT_OK;
}

/* How much there is to send comes to be known here. */
static int open_file(struct upload *u)
{
    struct stat st;
    int64_t left;

    if ((u->fd = open(u->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0 ||
        fstat(u->fd, &st) < 0)
        return command_say_error("local", strerrorname_np(errno), u->path, strerror(errno), NULL);
    if (!S_ISREG(st.st_mode))
        return command_say_error("local", "EINVAL", u->path, "it is no regular file",
                                 "`berth nc HOST PORT < FILE` sends whatever can be read");
    left = st.st_size - u->offset;
    if (left < 0 || (u->count > left))
        return command_misused("send-file: %s has %" PRId64 " bytes; --offset and --count go "
                               "beyond",
                               u->path, (int64_t)st.st_size);
    if (u->count < 0)
        u->count = left;
    return EXIT_OK;
}

/* -- sending ----------------------------------------------------------------------------------- */

static int find_target(struct cli *cli, struct sending *s)
{
    struct upload *u = &s->upload;
    char *end;

    if (u->is_ours)
        return (u->h = reach_connect(cli, &s->reach)) < 0 ? EXIT_FAILED : EXIT_OK;
    if (!command_session(cli))
        return EXIT_FAILED;
    u->h = strtoll(s->target, &end, 10);
    if (!*s->target || *end)
        u->h = berth_find(cli->session, s->target);
    return u->h < 0 ? command_failed(cli) : EXIT_OK;
}

static int send_it(struct cli *cli, struct sending *s)
{
    struct upload *u = &s->upload;
    int status = open_file(u);

    u->timeout = s->reach.timeout;
    if (status == EXIT_OK)
        status = find_target(cli, s);
    if (status == EXIT_OK)
        status = upload_run(cli, u);
    /* A shell's session lives on. */
    if (u->is_ours && u->h > 0)
        berth_close(cli->session, u->h);
    if (u->fd >= 0)
        close(u->fd);
    return status;
}

int command_send_file(struct cli *cli, int n, char **words)
{
    struct sending s = {.upload = {.count = -1, .fd = -1}};
    int status;

    reach_init(&s.reach);
    status = take_options(&s, n, words);
    if (status == EXIT_OK && s.is_help)
        status = command_help(cli, 2, (char *[]){words[0], words[0], NULL});
    else if (status == EXIT_OK && (status = reach_check(&s.reach, "send-file")) == EXIT_OK &&
             (status = take_words(&s, n - optind, words + optind)) == EXIT_OK)
        status = send_it(cli, &s);
    reach_done(&s.reach);
    return status;
}
