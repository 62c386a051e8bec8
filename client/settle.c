#include "client/settle.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/pending.h"

enum { FIRST_PAUSE_US = 500, LONGEST_PAUSE_US = 100000 };

static const double reset_seconds = 2; /* a stream that has failed is over soon */

/* 1: the stream runs, 0: it is over, -1: there was an error, which was told. */
static int look_at_row(struct cli *cli, berth_handle h, bool is_quiet)
{
    struct berth_row *row = berth_ledger_get(cli->session, h);
    int r = 0;

    if (!row) {
        if (!is_quiet)
            command_failed(cli);
        return -1;
    }
    if (*row->end_how) {
        if (!is_quiet)
            command_say_error("handle", "CLOSED", "the handle was closed under way",
                              row->end_reason, NULL);
        r = -1;
    } else if (strcmp(row->state, "connected") == 0) {
        r = 1;
    }
    berth_free_rows(row);
    return r;
}

/* Datagrams leave no trace in the row's state; but there is one stream at a time. */
static int look_at_packets(struct cli *cli, berth_handle h, bool is_quiet)
{
    int fd = berth_stream(cli->session, h);

    if (fd >= 0)
        return close(fd);
    if (strcmp(berth_last_error(cli->session)->name, "STREAMED") == 0)
        return 1;
    if (!is_quiet)
        command_failed(cli);
    return -1;
}

typedef int look_fn(struct cli *cli, berth_handle h, bool is_quiet);

/* The daemon tells nobody when a stream ends; mostly it has when it is asked first. */
static int wait_for_end(struct cli *cli, berth_handle h, look_fn *look, double timeout,
                        bool is_quiet)
{
    double end = pending_now() + timeout;
    long pause_us = FIRST_PAUSE_US;
    int r;

    while ((r = look(cli, h, is_quiet)) > 0 && (timeout == BERTH_FOREVER || pending_now() < end)) {
        nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
        pause_us = pause_us * 2 < LONGEST_PAUSE_US ? pause_us * 2 : LONGEST_PAUSE_US;
    }
    return r;
}

static int wait_and_tell(struct cli *cli, berth_handle h, look_fn *look, double timeout)
{
    int r = wait_for_end(cli, h, look, timeout, false);

    if (r > 0)
        return command_say_error("timeout", "TIMEOUT",
                                 "the peer did not take all in the time of --timeout", NULL, NULL);
    return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int settle_wait(struct cli *cli, berth_handle h, double timeout)
{
    return wait_and_tell(cli, h, look_at_row, timeout);
}

/* A datagram is sent off and forgotten, but the kernel can be told to keep those that come back. */
int settle_stream_packets(struct cli *cli, berth_handle h)
{
    const int on = 1;

    /* Of a Unix socket neither fits, of IPv6 both: it may have an IPv4 peer. */
    berth_setsockopt(cli->session, h, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    berth_setsockopt(cli->session, h, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    return berth_stream(cli->session, h);
}

/* Where the pool does not let it be asked, it is not known. */
static bool came_back(struct cli *cli, berth_handle h)
{
    char byte;

    return berth_settimeout(cli->session, h, 0) == 0 &&
           berth_recv(cli->session, h, &byte, 1, MSG_ERRQUEUE) >= 0;
}

int settle_wait_packets(struct cli *cli, berth_handle h, double timeout)
{
    int status = wait_and_tell(cli, h, look_at_packets, timeout);

    if (status == EXIT_OK && came_back(cli, h))
        return command_say_error("os", "ECONNREFUSED", "a datagram came back",
                                 "nobody takes it there, or there is no way", NULL);
    return status;
}

bool settle_knows_why(struct cli *cli, berth_handle h)
{
    int fd;

    wait_for_end(cli, h, look_at_row, reset_seconds, true);
    /* TLS keeps what it failed with, and says it again. */
    if ((fd = berth_stream(cli->session, h)) < 0)
        return strcmp(berth_last_error(cli->session)->kind, "tls") == 0;
    close(fd);
    return false;
}

int settle_tell_reset(struct cli *cli, berth_handle h, int error)
{
    if (settle_knows_why(cli, h))
        return command_failed(cli);
    if (error == EPIPE)
        return command_say_error("os", "EPIPE", "the peer ended before it took all that was sent",
                                 NULL, NULL);
    return command_say_error("os", strerrorname_np(error), "the connection", strerror(error),
                             error == ECONNRESET ? "the peer, or somebody on the way, broke it off"
                                                 : NULL);
}
