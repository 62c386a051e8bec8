/* command_nc.c — a netcat through the daemon: standard input and output over a handle's stream. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/command.h"
#include "client/reach.h"
#include "client/relay.h"
#include "client/settle.h"

const char command_nc_help[] =
    "Connects through the daemon, sends what comes on standard input, and prints what comes back.\n"
    "The end of the input ends that direction alone. It ends when the peer does: a terminal at\n"
    "once, other input when it has ended too, or was silent for --linger seconds since.\n"
    "The daemon's rules hold, and the ledger counts the bytes.\n"
    "\n"
    "Options\n"
    "  -l, --listen         take one connection instead; HOST is the wildcard if not said, and\n"
    "                       port 0 a free one, which --verbose tells\n"
    "  -u, --udp            datagrams: a read from the input is one. There is no end to see; it\n"
    "                       ends after --timeout seconds of silence: with 0, or 1 if it was told\n"
    "                       of one that was refused\n"
    "  --linger SECS        how long the input may be silent once the peer has ended; "
    "2\n" REACH_HELP "\n"
    "Exit status\n"
    "  0 it ended well; 1 it did not: refused, reset, a bad certificate, silence; 2 wrong usage\n"
    "\n"
    "Examples\n"
    "  printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | berth nc localhost 80\n"
    "  berth nc --tls --alpn http/1.1 example.com 443\n"
    "  berth nc -l 127.0.0.1 7007 > file        berth nc 127.0.0.1 7007 < file\n"
    "  berth nc -l --tls --identity shop 8443\n"
    "  berth nc unix:/run/app.sock\n"
    "  echo ping | berth nc -u -w 1 127.0.0.1 7007\n";

enum { OPTION_LINGER = 256 };

static const struct option options[] = {{"listen", no_argument, NULL, 'l'},
                                        {"udp", no_argument, NULL, 'u'},
                                        {"linger", required_argument, NULL, OPTION_LINGER},
                                        REACH_OPTIONS,
                                        {0}};

struct nc {
    struct reach reach;
    bool is_listening, is_help;
    double linger; /* seconds */
};

/* -- words ------------------------------------------------------------------------------------- */

static int take_linger(struct nc *nc, const char *text)
{
    char *end;

    nc->linger = strtod(text, &end);
    if (!*text || *end || !(nc->linger >= 0 && nc->linger <= 1e6))
        return command_misused("nc: --linger %s: give seconds", text);
    return EXIT_OK;
}

static int take_options(struct nc *nc, int n, char **words)
{
    int option, status = EXIT_OK;

    optind = 0;
    while (status == EXIT_OK &&
           (option = getopt_long(n, words, "luN" REACH_SHORT, options, NULL)) != -1) {
        if (option == 'l')
            nc->is_listening = true;
        else if (option == 'u')
            nc->reach.is_udp = true;
        else if (option == OPTION_LINGER)
            status = take_linger(nc, optarg);
        else if (option == 'h')
            nc->is_help = true;
        else if (option != 'N') /* what others have to ask for is so here */
            status = reach_take_option(&nc->reach, "nc", option, optarg);
    }
    return status;
}

static int take_place(struct nc *nc, int n, char **words)
{
    static char wildcard[] = "";

    if (n == 2 && reach_take_port(&nc->reach, words[1])) {
        nc->reach.host = words[0];
        return EXIT_OK;
    }
    if (n == 1 && nc->is_listening && reach_take_port(&nc->reach, words[0])) {
        nc->reach.host = wildcard;
        return EXIT_OK;
    }
    if (n == 1 && reach_take_address(&nc->reach, words[0]))
        return EXIT_OK;
    if (n == 2)
        return command_misused("nc: %s is no port: 0 to 65535", words[1]);
    return command_misused(n == 0
                               ? "nc: where to? berth nc HOST PORT; `berth help nc` tells more"
                               : "nc: give HOST PORT, or unix:/PATH; `berth help nc` tells more");
}

/* -- the talk ---------------------------------------------------------------------------------- */

static int tell_local(const char *what, int error)
{
    return command_say_error("local", strerrorname_np(error), what, strerror(error), NULL);
}

/* How it came out, and what is still to be waited for. */
static int tell(struct cli *cli, const struct nc *nc, berth_handle h, enum relay_how how, int error)
{
    switch (how) {
    case RELAY_ENDED:
        return settle_wait(cli, h, nc->reach.timeout);
    case RELAY_LEFT:
        if (!isatty(STDIN_FILENO))
            fputs("berth: nc: the peer ended, and the input was silent since: no more of it is "
                  "sent\n",
                  stderr);
        return settle_wait(cli, h, nc->reach.timeout);
    case RELAY_RESET:
    case RELAY_UNSENT:
        return settle_tell_reset(cli, h, error);
    case RELAY_SILENT:
        return command_say_error("timeout", "TIMEOUT",
                                 "nothing came or went for as long as --timeout allows", NULL,
                                 NULL);
    case RELAY_IN_FAILED:
        return tell_local("standard input", error);
    case RELAY_OUT_FAILED:
    default:
        return tell_local("standard output", error);
    }
}

static int ms_of(double seconds)
{
    return seconds == BERTH_FOREVER ? -1 : (int)fmin(ceil(seconds * 1000), 2e9);
}

static int talk(struct cli *cli, const struct nc *nc, berth_handle h)
{
    struct relay relay = {
        .in = STDIN_FILENO,
        .out = STDOUT_FILENO,
        .is_packets = nc->reach.is_udp,
        .silence_ms = ms_of(nc->reach.timeout),
        .linger_ms = isatty(STDIN_FILENO) ? 0 : ms_of(nc->linger),
    };
    enum relay_how how;
    int error = 0;

    relay.fd = nc->reach.is_udp ? settle_stream_packets(cli, h) : berth_stream(cli->session, h);
    if (relay.fd < 0)
        return command_failed(cli);
    /* A daemon that comes back has another connection's handles at best. */
    berth_set_reconnect(cli->session, 0);
    how = relay_run(&relay, &error);
    if (nc->reach.is_udp && (how == RELAY_SILENT || how == RELAY_ENDED)) {
        close(relay.fd);
        return settle_wait_packets(cli, h, nc->reach.timeout);
    }
    return tell(cli, nc, h, how, error);
}

int command_nc(struct cli *cli, int n, char **words)
{
    struct nc nc = {.linger = 2};
    berth_handle h;
    int status;

    if (cli->in_shell)
        return command_misused("nc: it would read the shell's own input; run `berth nc`");
    reach_init(&nc.reach);
    status = take_options(&nc, n, words);
    if (status == EXIT_OK && nc.is_help)
        status = command_help(cli, 2, (char *[]){words[0], words[0], NULL});
    else if (status == EXIT_OK && (status = reach_check(&nc.reach, "nc")) == EXIT_OK &&
             (status = take_place(&nc, n - optind, words + optind)) == EXIT_OK) {
        h = nc.is_listening ? reach_accept(cli, &nc.reach) : reach_connect(cli, &nc.reach);
        status = h < 0 ? EXIT_FAILED : talk(cli, &nc, h);
    }
    reach_done(&nc.reach);
    return status;
}
