/* command_send_file.c — a file to a handle or a peer: the daemon reads it through the descriptor
 * itself, piece by piece, so that there is something to tell under way. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/command.h"
#include "client/pending.h"
#include "client/progress.h"
#include "client/reach.h"
#include "client/term.h"

const char command_send_file_help[] =
    "Sends a regular file, or a part of it. To HOST:PORT or unix:/PATH it connects first, then\n"
    "ends its direction and waits until the peer ends too; a HANDLE (a number or a name) stays as\n"
    "it is. What the peer answers is not shown: that is for `berth nc`. On a terminal it shows\n"
    "how far it has come. When it fails it tells how much went out, and how to go on from there.\n"
    "\n"
    "Options\n"
    "  --offset N           begin at byte N of the file\n"
    "  --count N            send N bytes; to the end of the file if not said\n"
    "  -q, --quiet          show no progress\n" REACH_HELP "\n"
    "Exit status\n"
    "  0 all went out; 1 it did not; 2 wrong usage\n"
    "\n"
    "Examples\n"
    "  berth send-file disk.img 192.0.2.7:7007\n"
    "  berth send-file --tls --ca ca.pem disk.img backup.example.com:7443\n"
    "  berth send-file --offset 1048576 disk.img 192.0.2.7:7007\n"
    "  berth send-file page.html @connection    in a `berth shell`\n";

enum { OPTION_OFFSET = 256, OPTION_COUNT };
enum { SMALLEST_PIECE = 64 << 10, LARGEST_PIECE = 4 << 20, DRAIN_BYTES = 64 << 10 };

/* What a piece is to take: so often there is something new to show. */
static const double piece_seconds = 0.2;

static const struct option options[] = {{"offset", required_argument, NULL, OPTION_OFFSET},
                                        {"count", required_argument, NULL, OPTION_COUNT},
                                        {"quiet", no_argument, NULL, 'q'},
                                        REACH_OPTIONS,
                                        {0}};

struct sending {
    struct reach reach;
    bool is_quiet, is_help;
    int64_t offset, count; /* count < 0: to the end */
    const char *path, *target;
    int fd;
    berth_handle h;
    bool is_ours; /* the connection was made for this */
    int64_t n_sent;
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
            status = take_number("offset", optarg, &s->offset);
        else if (option == OPTION_COUNT)
            status = take_number("count", optarg, &s->count);
        else if (option == 'q')
            s->is_quiet = true;
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
    s->path = words[0];
    s->target = words[1];
    s->is_ours = strchr(words[1], ':') != NULL;
    if (s->is_ours && !reach_take_address(&s->reach, words[1]))
        return command_misused("send-file: %s is no address: HOST:PORT or unix:/PATH", words[1]);
    if (!s->is_ours && (s->reach.is_tls || s->reach.pool || s->reach.label))
        return command_misused("send-file: --tls, --pool and --label are for a connection that is "
                               "made; %s is a handle",
                               s->target);
    return EXIT_OK;
}

/* How much there is to send comes to be known here. */
static int open_file(struct sending *s)
{
    struct stat st;
    int64_t left;

    if ((s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0 ||
        fstat(s->fd, &st) < 0)
        return command_say_error("local", strerrorname_np(errno), s->path, strerror(errno), NULL);
    if (!S_ISREG(st.st_mode))
        return command_say_error("local", "EINVAL", s->path, "it is no regular file",
                                 "`berth nc HOST PORT < FILE` sends whatever can be read");
    left = st.st_size - s->offset;
    if (left < 0 || (s->count > left))
        return command_misused("send-file: %s has %" PRId64 " bytes; --offset and --count go "
                               "beyond",
                               s->path, (int64_t)st.st_size);
    if (s->count < 0)
        s->count = left;
    return EXIT_OK;
}

/* -- sending ----------------------------------------------------------------------------------- */

static int find_target(struct cli *cli, struct sending *s)
{
    char *end;

    if (s->is_ours)
        return (s->h = reach_connect(cli, &s->reach)) < 0 ? EXIT_FAILED : EXIT_OK;
    if (!command_session(cli))
        return EXIT_FAILED;
    s->h = strtoll(s->target, &end, 10);
    if (!*s->target || *end)
        s->h = berth_find(cli->session, s->target);
    if (s->h < 0)
        return command_failed(cli);
    if (s->reach.timeout != BERTH_FOREVER &&
        berth_settimeout(cli->session, s->h, s->reach.timeout) < 0)
        return command_failed(cli);
    return EXIT_OK;
}

/* After the reason: where to go on. */
static int tell_how_far(const struct sending *s)
{
    fprintf(stderr, "berth: %" PRId64 " of %" PRId64 " bytes went out; --offset %" PRId64,
            s->n_sent, s->count, s->offset + s->n_sent);
    if (s->n_sent < s->count)
        fprintf(stderr, " --count %" PRId64, s->count - s->n_sent);
    fputs(" goes on from there\n", stderr);
    return EXIT_FAILED;
}

/* As much as the way takes in a while, within bounds. */
static int64_t next_piece(int64_t piece, double seconds)
{
    if (seconds < piece_seconds / 2 && piece < LARGEST_PIECE)
        return piece * 2;
    return seconds > piece_seconds * 2 && piece > SMALLEST_PIECE ? piece / 2 : piece;
}

static int send_pieces(struct cli *cli, struct sending *s)
{
    struct progress progress;
    int64_t piece = SMALLEST_PIECE;
    double begun = pending_now(), now;
    ssize_t n = 1;

    progress_begin(&progress, stderr, s->is_quiet, s->count);
    while (s->n_sent < s->count && n > 0) {
        int64_t left = s->count - s->n_sent;

        n = berth_sendfile(cli->session, s->h, s->fd, s->offset + s->n_sent,
                           (size_t)(left < piece ? left : piece));
        if (n > 0)
            s->n_sent += n;
        else if (n < 0 && berth_last_error(cli->session)->sent > 0)
            s->n_sent += berth_last_error(cli->session)->sent;
        progress_show(&progress, s->n_sent);
        now = pending_now();
        piece = next_piece(piece, now - begun);
        begun = now;
    }
    progress_end(&progress, s->n_sent);
    if (n < 0)
        command_failed(cli);
    else if (n == 0)
        command_say_error("local", "EIO", s->path, "it has become shorter under way", NULL);
    return n <= 0 ? tell_how_far(s) : EXIT_OK;
}

/* The peer's end says that it took all; a reset instead, that it did not. */
static int wait_for_peer(struct cli *cli, struct sending *s)
{
    char *rest = malloc(DRAIN_BYTES);
    ssize_t n = rest ? berth_shutdown(cli->session, s->h, SHUT_WR) : -1;

    if (n == 0)
        while ((n = berth_recv(cli->session, s->h, rest, DRAIN_BYTES, 0)) > 0)
            ;
    free(rest);
    if (n == 0)
        return EXIT_OK;
    command_failed(cli);
    return tell_how_far(s);
}

static int send_it(struct cli *cli, struct sending *s)
{
    int status = open_file(s);

    if (status == EXIT_OK)
        status = find_target(cli, s);
    if (status == EXIT_OK && s->is_ours && s->reach.timeout != BERTH_FOREVER &&
        berth_settimeout(cli->session, s->h, s->reach.timeout) < 0)
        status = command_failed(cli);
    if (status == EXIT_OK)
        status = send_pieces(cli, s);
    if (status == EXIT_OK && s->is_ours)
        status = wait_for_peer(cli, s);
    /* A shell's session lives on. */
    if (s->is_ours && s->h > 0)
        berth_close(cli->session, s->h);
    if (s->fd >= 0)
        close(s->fd);
    return status;
}

int command_send_file(struct cli *cli, int n, char **words)
{
    struct sending s = {.count = -1, .fd = -1};
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
