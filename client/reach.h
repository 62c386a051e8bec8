/* reach.h — what the commands that carry bytes have in common: where to, with which options, and
 * how a handle comes of it that is connected, and wrapped in TLS if that was asked for.
 *
 * Knows nothing of standard input and output. Whatever fails is told to the user here. */
#pragma once
#include <getopt.h>

#include "client/command.h"

enum { REACH_MAX_ALPN = 8 };

struct reach {
    const char *host; /* NULL: it is a path */
    uint16_t port;
    const char *path; /* of a Unix socket; "@name": an abstract one */

    bool is_udp, is_tls, is_verbose;
    double timeout; /* seconds for each step; BERTH_FOREVER */
    const char *pool, *label;
    struct berth_wrap_options wrap;
    const char *alpn[REACH_MAX_ALPN + 1];
    char *ca_pem; /* owned */
};

/* Their long options, to be put into a command's own; and how completion and help show them. */
#define REACH_OPTIONS                                                                              \
    {"tls", no_argument, NULL, 't'}, {"server-name", required_argument, NULL, 'S'},                \
        {"ca", required_argument, NULL, 'C'}, {"no-verify", no_argument, NULL, 'K'},               \
        {"alpn", required_argument, NULL, 'A'}, {"identity", required_argument, NULL, 'I'},        \
        {"timeout", required_argument, NULL, 'w'}, {"pool", required_argument, NULL, 'P'},         \
        {"label", required_argument, NULL, 'L'}, {"verbose", no_argument, NULL, 'v'},              \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }
#define REACH_SHORT "tw:vh"
#define REACH_WORDS                                                                                \
    "--tls --server-name --ca --no-verify --alpn --identity --timeout --pool --label --verbose "   \
    "--help"
#define REACH_HELP                                                                                 \
    "  -t, --tls            speak TLS; the daemon does it, and verifies the peer\n"                \
    "  --server-name NAME   what the peer's certificate must be for; HOST if not said\n"           \
    "  --ca FILE            trust the certificates in FILE (PEM), and no others\n"                 \
    "  --no-verify          take any certificate\n"                                                \
    "  --alpn NAME,NAME     protocols to agree on, the best first\n"                               \
    "  --identity NAME      a [tls NAME] of the daemon's settings: our own certificate\n"          \
    "  -w, --timeout SECS   for each step: connecting, the TLS handshake, silence\n"               \
    "  --pool NAME          the pool that pays for the socket\n"                                   \
    "  --label TEXT         what it is for; the ledger shows it\n"                                 \
    "  -v, --verbose        say on standard error what was connected\n"

void reach_init(struct reach *r);
void reach_done(struct reach *r);

/* Takes one option as getopt gave it. EXIT_OK or another exit status, after telling the user. */
int reach_take_option(struct reach *r, const char *command, int option, const char *value);

/* What does not go together. To be called when all options are there. Same result. */
int reach_check(const struct reach *r, const char *command);

/* Reads one word: "HOST:PORT", "unix:/path", "unix:@name". False: it is none of them. */
bool reach_take_address(struct reach *r, char *word);

/* Reads a port. False: it is none. */
bool reach_take_port(struct reach *r, const char *word);

/* Connects, by TLS if that is asked for. The handle, or -1. */
berth_handle reach_connect(struct cli *cli, struct reach *r);

/* Listens, takes one connection and closes the listener; of UDP, waits for the first datagram,
 * which stays to be read, and connects to whoever has sent it. Same result. */
berth_handle reach_accept(struct cli *cli, struct reach *r);
