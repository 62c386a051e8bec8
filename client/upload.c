#include "client/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/pending.h"
#include "client/progress.h"
#include "client/settle.h"

enum { SMALLEST_PIECE = 64 << 10, LARGEST_PIECE = 4 << 20, BUFFER_BYTES = 256 << 10 };

/* What a piece is to take: so often there is something new to show. */
static const double piece_seconds = 0.2;

/* -- how it came out --------------------------------------------------------------------------- */

/* After the reason. What has left us lies in buffers on the way, which a reset throws away. */
static int tell_how_far(const struct upload *u)
{
    if (u->n_sent == 0)
        return EXIT_FAILED;
    if (u->n_sent < u->count)
        fprintf(stderr,
                "berth: %" PRId64 " of %" PRId64 " bytes went out; the peer may have fewer: ask it "
                "before you go on with --offset\n",
                u->n_sent, u->count);
    else
        fprintf(stderr,
                "berth: all %" PRId64 " bytes went out; whether the peer has them all, ask it\n",
                u->count);
    return EXIT_FAILED;
}

/* The kernel may have much to send when all has left us, and does so unseen: whether the peer has
 * taken something since this was asked last. */
static bool still_moves(struct cli *cli, struct upload *u)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    uint64_t before = u->n_acked;

    if (berth_getsockopt(cli->session, u->h, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        u->n_acked = info.tcpi_bytes_acked;
    return u->n_acked != before;
}

/* The session's last error. Many who speak TLS just hang up when they have all. */
static int tell_last(struct cli *cli, const struct upload *u)
{
    if (u->n_sent < u->count || strcmp(berth_last_error(cli->session)->name, "TRUNCATED") != 0)
        return command_failed(cli);
    fputs("berth: send-file: the peer has hung up without an end in TLS; all went out\n", stderr);
    return EXIT_OK;
}

/* What came of it: 0, or an errno of the stream; or one of these, which no errno is. */
enum {
    IS_SHORTER = -1, /* the file */
    IS_UNREAD = -2,  /* the file, for what `file_error` says */
    IS_SILENT = -3,
    IS_TOLD = -4, /* by the session */
};

static int tell(struct cli *cli, const struct upload *u, int error)
{
    int status = EXIT_OK;

    if (error == IS_SHORTER)
        status =
            command_say_error("local", "EIO", u->path, "it has become shorter under way", NULL);
    else if (error == IS_UNREAD)
        status = command_say_error("local", strerrorname_np(u->file_error), u->path,
                                   strerror(u->file_error), NULL);
    else if (error == IS_SILENT)
        status = command_say_error("timeout", "TIMEOUT",
                                   "nothing moved for as long as --timeout allows", NULL, NULL);
    else if (error == IS_TOLD)
        status = tell_last(cli, u);
    else if (error)
        status = settle_tell_reset(cli, u->h, error);
    return status == EXIT_OK ? status : tell_how_far(u);
}

/* -- by the daemon ----------------------------------------------------------------------------- */

/* As much as the way takes in a while, within bounds. */
static int64_t next_piece(int64_t piece, double seconds)
{
    if (seconds < piece_seconds / 2 && piece < LARGEST_PIECE)
        return piece * 2;
    return seconds > piece_seconds * 2 && piece > SMALLEST_PIECE ? piece / 2 : piece;
}

/* After a call that failed. 0: it only took too long, for something has moved; else as tell(). */
static int judge(struct cli *cli, struct upload *u)
{
    const struct berth_error *e = berth_last_error(cli->session);
    bool is_timeout = strcmp(e->kind, "timeout") == 0, has_sent = e->sent > 0, has_moved;

    if (has_sent)
        u->n_sent += e->sent;
    if (!is_timeout)
        return IS_TOLD;
    /* Is asked in any case: what the next call compares with. */
    has_moved = still_moves(cli, u);
    return has_sent || has_moved ? 0 : IS_SILENT;
}

static int send_pieces(struct cli *cli, struct upload *u, struct progress *progress)
{
    int64_t piece = SMALLEST_PIECE, left;
    double begun = pending_now(), now;
    ssize_t n;
    int r = 0;

    while (r == 0 && (left = u->count - u->n_sent) > 0) {
        n = berth_sendfile(cli->session, u->h, u->fd, u->offset + u->n_sent,
                           (size_t)(left < piece ? left : piece));
        if (n > 0)
            u->n_sent += n;
        else
            r = n == 0 ? IS_SHORTER : judge(cli, u);
        progress_show(progress, u->n_sent);
        now = pending_now();
        piece = next_piece(piece, now - begun);
        begun = now;
    }
    return r;
}

/* The peer's end says that it took all; a reset instead, that it did not. */
static int wait_for_peer(struct cli *cli, struct upload *u)
{
    char rest[BUFFER_BYTES];
    ssize_t n;
    int r = 0;

    while (r == 0 && (n = berth_shutdown(cli->session, u->h, SHUT_WR)) < 0)
        r = judge(cli, u);
    while (r == 0 && (n = berth_recv(cli->session, u->h, rest, sizeof rest, 0)) != 0)
        r = n < 0 ? judge(cli, u) : 0;
    return r;
}

/* -- through the stream ------------------------------------------------------------------------ */

/* What is not taken at once is read from the file again. Returns as tell(). */
static int write_stream(struct upload *u, int fd, char *buffer)
{
    int64_t left = u->count - u->n_sent;
    ssize_t n = pread(u->fd, buffer, left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES,
                      u->offset + u->n_sent);

    if (n == 0)
        return IS_SHORTER;
    if (n < 0) {
        u->file_error = errno;
        return errno == EINTR ? 0 : IS_UNREAD;
    }
    n = send(fd, buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : errno;
    u->n_sent += n;
    if (u->n_sent == u->count)
        shutdown(fd, SHUT_WR);
    return 0;
}

/* What the peer says is for nobody, but it must not stop it. Returns 0 or an errno. */
static int read_stream(int fd, char *buffer, bool *ret_ended)
{
    ssize_t n = recv(fd, buffer, BUFFER_BYTES, MSG_DONTWAIT);

    *ret_ended = n == 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR ? 0 : errno;
}

/* Returns as tell(). */
static int wait_for(struct cli *cli, struct upload *u, struct pollfd *p)
{
    int n, ms = u->timeout == BERTH_FOREVER ? -1 : (int)fmin(ceil(u->timeout * 1000), 2e9);

    do
        n = poll(p, 1, ms);
    while ((n < 0 && errno == EINTR) || (n == 0 && still_moves(cli, u)));
    return n > 0 ? 0 : n == 0 ? IS_SILENT : errno;
}

/* Until both directions have ended. Returns as tell(). */
static int carry(struct cli *cli, struct upload *u, int fd, struct progress *progress)
{
    struct pollfd p = {.fd = fd};
    char buffer[BUFFER_BYTES];
    bool has_ended = false;
    int r = 0;

    if (u->count == 0)
        shutdown(fd, SHUT_WR);
    while (r == 0 && (!has_ended || u->n_sent < u->count)) {
        p.events = (short)((has_ended ? 0 : POLLIN) | (u->n_sent < u->count ? POLLOUT : 0));
        r = wait_for(cli, u, &p);
        if (r == 0 && p.revents & ~POLLIN && u->n_sent < u->count)
            r = write_stream(u, fd, buffer);
        if (r == 0 && p.revents & ~POLLOUT && !has_ended)
            r = read_stream(fd, buffer, &has_ended);
        progress_show(progress, u->n_sent);
    }
    return r;
}

/* Of what the stream has taken, so much the net has. */
static void count_out(struct cli *cli, struct upload *u)
{
    struct berth_row *row = berth_ledger_get(cli->session, u->h);

    if (row)
        u->n_sent = row->sent_bytes;
    berth_free_rows(row);
}

/* Tells how the stream ended, as the daemon knows it. Returns an exit status. */
static int finish_stream(struct cli *cli, struct upload *u, int error)
{
    bool has_failed = error > 0;
    int status = error ? EXIT_OK : settle_wait(cli, u->h, u->timeout);

    if (has_failed)
        settle_knows_why(cli, u->h); /* and so the stream is over, and counted */
    count_out(cli, u);
    if (status != EXIT_OK)
        return tell_how_far(u);
    if (!error && u->n_sent < u->count)
        error = EPIPE;
    else if (has_failed && settle_knows_why(cli, u->h))
        error = IS_TOLD;
    return tell(cli, u, error);
}

/* -- either ------------------------------------------------------------------------------------ */

static int run_by_stream(struct cli *cli, struct upload *u, int fd)
{
    struct progress progress;
    int r;

    /* A daemon that comes back has another connection's handles at best. */
    if (!cli->in_shell)
        berth_set_reconnect(cli->session, 0);
    progress_begin(&progress, stderr, u->is_quiet, u->count);
    r = carry(cli, u, fd, &progress);
    progress_end(&progress, u->n_sent);
    r = finish_stream(cli, u, r);
    close(fd);
    return r;
}

static int run_by_daemon(struct cli *cli, struct upload *u)
{
    struct progress progress;
    int r;

    progress_begin(&progress, stderr, u->is_quiet, u->count);
    r = send_pieces(cli, u, &progress);
    progress_end(&progress, u->n_sent);
    if (r == 0 && u->is_ours)
        r = wait_for_peer(cli, u);
    return tell(cli, u, r);
}

int upload_run(struct cli *cli, struct upload *u)
{
    int fd;

    if (u->timeout != BERTH_FOREVER && berth_settimeout(cli->session, u->h, u->timeout) < 0)
        return command_failed(cli);
    still_moves(cli, u); /* what has moved up to now is none of the file */
    /* A stream hears the peer as well, who may want that before it takes more. But a handle that is
     * to stay has no stream: its end would be the connection's. */
    if (!u->is_ours)
        return run_by_daemon(cli, u);
    if ((fd = berth_stream(cli->session, u->h)) >= 0)
        return run_by_stream(cli, u, fd);
    if (strcmp(berth_last_error(cli->session)->kind, "policy") != 0)
        return command_failed(cli);
    return run_by_daemon(cli, u);
}
