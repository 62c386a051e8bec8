#include "client/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_CA_BYTES = 512 << 10 }; /* fits into a request */

void reach_init(struct reach *r)
{
    *r = (struct reach){.timeout = BERTH_FOREVER};
}

void reach_done(struct reach *r)
{
    free(r->ca_pem);
}

/* -- options ----------------------------------------------------------------------------------- */

/* The file is read here: the client's rights count, not the daemon's. */
static int read_ca(struct reach *r, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got = -1;

    free(r->ca_pem);
    r->ca_pem = calloc(1, MAX_CA_BYTES + 1);
    if (fd >= 0 && r->ca_pem)
        while (n < MAX_CA_BYTES && (got = read(fd, r->ca_pem + n, MAX_CA_BYTES - n)) > 0)
            n += (size_t)got;
    if (got < 0)
        command_misused("--ca %s: %s", path, strerror(errno));
    else if (n == 0 || n == MAX_CA_BYTES)
        command_misused("--ca %s: it %s", path, n ? "is too large" : "is empty");
    if (fd >= 0)
        close(fd);
    r->wrap.ca_pem = r->ca_pem;
    return got < 0 || n == 0 || n == MAX_CA_BYTES ? EXIT_USAGE : EXIT_OK;
}

static int take_alpn(struct reach *r, char *names)
{
    int n = 0;
    char *rest;

    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (n == REACH_MAX_ALPN)
            return command_misused("--alpn: at most %d protocols", REACH_MAX_ALPN);
        r->alpn[n++] = name;
    }
    r->wrap.alpn = r->alpn;
    return n ? EXIT_OK : command_misused("--alpn: name a protocol: --alpn h2,http/1.1");
}

static int take_timeout(struct reach *r, const char *text)
{
    char *end;

    r->timeout = strtod(text, &end);
    if (!*text || *end || !(r->timeout > 0 && r->timeout <= 1e9))
        return command_misused("--timeout %s: give seconds, more than 0", text);
    return EXIT_OK;
}

int reach_take_option(struct reach *r, const char *command, int option, const char *value)
{
    switch (option) {
    case 't':
        r->is_tls = true;
        return EXIT_OK;
    case 'S':
        r->wrap.server_name = value;
        return EXIT_OK;
    case 'C':
        return read_ca(r, value);
    case 'K':
        r->wrap.verify = BERTH_NO_VERIFY;
        return EXIT_OK;
    case 'A':
        return take_alpn(r, (char *)(intptr_t)value);
    case 'I':
        r->wrap.identity = value;
        return EXIT_OK;
    case 'w':
        return take_timeout(r, value);
    case 'P':
        r->pool = value;
        return EXIT_OK;
    case 'L':
        r->label = value;
        return EXIT_OK;
    case 'v':
        r->is_verbose = true;
        return EXIT_OK;
    default:
        /* getopt has said what is wrong. */
        fprintf(stderr, "More: berth help %s\n", command);
        return EXIT_USAGE;
    }
}

int reach_check(const struct reach *r, const char *command)
{
    const struct berth_wrap_options *w = &r->wrap;

    if (!r->is_tls && (w->server_name || w->ca_pem || w->verify || w->alpn || w->identity))
        return command_misused("%s: --server-name, --ca, --no-verify, --alpn and --identity go "
                               "with --tls",
                               command);
    if (r->is_tls && r->is_udp)
        return command_misused("%s: TLS is for streams; --udp and --tls do not go together",
                               command);
    if (w->verify == BERTH_NO_VERIFY && w->ca_pem)
        return command_misused("%s: --ca says whom to trust, --no-verify trusts everyone", command);
    return EXIT_OK;
}

/* -- addresses --------------------------------------------------------------------------------- */

bool reach_take_port(struct reach *r, const char *word)
{
    size_t n = strlen(word);
    long port = strtol(word, NULL, 10);

    if (n == 0 || n > 5 || strspn(word, "0123456789") != n || port > 65535)
        return false;
    r->port = (uint16_t)port;
    return true;
}

bool reach_take_address(struct reach *r, char *word)
{
    char *colon = strrchr(word, ':');

    if (strncmp(word, "unix:", 5) == 0) {
        r->path = word + 5;
        return *r->path && strlen(r->path) < sizeof((struct sockaddr_un *)0)->sun_path;
    }
    if (!colon || !reach_take_port(r, colon + 1))
        return false;
    *colon = '\0';
    if (*word == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        word++;
    }
    r->host = word;
    return true;
}

static socklen_t unix_address(const struct reach *r, struct sockaddr_un *un)
{
    size_t n = strlen(r->path);

    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(un->sun_path, r->path, n);
    if (*r->path == '@')
        *un->sun_path = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*r->path != '@'));
}

/* -- making ------------------------------------------------------------------------------------ */

static struct berth_options options_of(const struct reach *r)
{
    return (struct berth_options){.label = r->label, .pool = r->pool};
}

static void say_certificate(const struct berth_certificate *c)
{
    fputs("berth: the peer is ", stderr);
    command_put(c->subject);
    fputs(", signed by ", stderr);
    command_put(c->issuer);
    fputs(c->verified ? ", verified\n" : ", not verified\n", stderr);
}

static void say_tls(const struct berth_tls *tls)
{
    fprintf(stderr, "berth: %s, %s", tls->version, tls->cipher);
    if (tls->alpn) {
        fputs(", ", stderr);
        command_put(tls->alpn);
    }
    fputs(tls->resumed ? ", resumed\n" : "\n", stderr);
    if (tls->peer)
        say_certificate(tls->peer);
}

/* "connected to 127.0.0.1:80", of whatever kind the address is. */
static void say_address(const char *what, const struct sockaddr_storage *address, socklen_t len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    const struct sockaddr_un *un = (const void *)address;

    fprintf(stderr, "berth: %s ", what);
    if (address->ss_family != AF_UNIX &&
        getnameinfo((const void *)address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        fprintf(stderr, strchr(host, ':') ? "[%s]:%s\n" : "%s:%s\n", host, port);
    else if (address->ss_family == AF_UNIX && len > offsetof(struct sockaddr_un, sun_path)) {
        fputs("unix:", stderr);
        command_put(*un->sun_path ? un->sun_path : "@");
        fputc('\n', stderr);
    } else {
        fputs("a nameless Unix socket\n", stderr);
    }
}

static void say_where(struct cli *cli, const struct reach *r, const char *what, berth_handle h,
                      int (*ask)(berth *, berth_handle, struct sockaddr *, socklen_t *))
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (r->is_verbose && ask(cli->session, h, (struct sockaddr *)&address, &len) == 0)
        say_address(what, &address, len);
}

/* Connected, and now TLS. */
static berth_handle finish(struct cli *cli, struct reach *r, berth_handle h, bool is_server)
{
    struct berth_tls tls;

    say_where(cli, r, is_server ? "a connection of" : "connected to", h, berth_getpeername);
    if (!r->is_tls)
        return h;
    r->wrap.server_side = is_server;
    r->wrap.timeout = r->timeout;
    if (!is_server && !r->wrap.server_name && r->host)
        r->wrap.server_name = r->host;
    if (berth_wrap(cli->session, h, &r->wrap, &tls) < 0) {
        command_failed(cli);
        return -1;
    }
    if (r->is_verbose)
        say_tls(&tls);
    return h;
}

static berth_handle connect_unix(berth *b, const struct reach *r)
{
    struct berth_options options = options_of(r);
    struct sockaddr_un un;
    socklen_t len = unix_address(r, &un);
    berth_handle h =
        berth_socket_at(NULL, b, AF_UNIX, r->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0, &options);

    if (h < 0 || berth_settimeout(b, h, r->timeout) < 0 ||
        berth_connect(b, h, (const struct sockaddr *)&un, len) < 0)
        return -1;
    return h;
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

/* A datagram goes to the first address: nobody answers a connect by which others could be tried. */
static berth_handle make_udp(berth *b, const struct reach *r, int flags,
                             int (*then)(berth *, berth_handle, const struct sockaddr *, socklen_t))
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = flags}, *list;
    struct berth_options options = options_of(r);
    berth_handle h;

    if (berth_getaddrinfo(b, *r->host ? r->host : NULL, "0", &hints, &list) != 0)
        return -1;
    set_port(list->ai_addr, r->port);
    h = berth_socket_at(NULL, b, list->ai_family, SOCK_DGRAM, 0, &options);
    if (h >= 0 &&
        (berth_settimeout(b, h, r->timeout) < 0 || then(b, h, list->ai_addr, list->ai_addrlen) < 0))
        h = -1;
    berth_freeaddrinfo(list);
    return h;
}

berth_handle reach_connect(struct cli *cli, struct reach *r)
{
    struct berth_options options = options_of(r);
    berth *b = command_session(cli);
    berth_handle h;

    if (!b)
        return -1;
    if (!r->host)
        h = connect_unix(b, r);
    else if (r->is_udp)
        h = make_udp(b, r, 0, berth_connect);
    else
        h = berth_create_connection_at(NULL, b, r->host, r->port, r->timeout, &options);
    if (h < 0) {
        command_failed(cli);
        return -1;
    }
    return finish(cli, r, h, false);
}

static berth_handle listen_somewhere(berth *b, const struct reach *r)
{
    struct berth_options options = options_of(r);
    struct sockaddr_un un;
    socklen_t len;
    berth_handle h;

    if (r->host)
        return r->is_udp ? make_udp(b, r, AI_PASSIVE, berth_bind)
                         : berth_create_server_host_at(NULL, b, r->host, r->port, &options);
    len = unix_address(r, &un);
    if (!r->is_udp)
        return berth_create_server_at(NULL, b, (const struct sockaddr *)&un, len, &options);
    h = berth_socket_at(NULL, b, AF_UNIX, SOCK_DGRAM, 0, &options);
    return h >= 0 && berth_bind(b, h, (const struct sockaddr *)&un, len) < 0 ? -1 : h;
}

/* Connects the socket to whoever has sent the first datagram. */
static berth_handle take_sender(berth *b, berth_handle h)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    char byte;

    if (berth_recvfrom(b, h, &byte, 1, MSG_PEEK, (struct sockaddr *)&from, &len) < 0 ||
        berth_connect(b, h, (const struct sockaddr *)&from, len) < 0)
        return -1;
    return h;
}

static berth_handle take_connection(berth *b, const struct reach *r, berth_handle listener)
{
    struct berth_options options = options_of(r);
    berth_handle h = berth_accept_at(NULL, b, listener, NULL, NULL, &options);

    return h >= 0 && berth_close(b, listener) < 0 ? -1 : h;
}

berth_handle reach_accept(struct cli *cli, struct reach *r)
{
    berth *b = command_session(cli);
    berth_handle h = b ? listen_somewhere(b, r) : -1;

    if (!b)
        return -1;
    if (h >= 0)
        say_where(cli, r, "listening on", h, berth_getsockname);
    if (h >= 0 && berth_settimeout(b, h, r->timeout) < 0)
        h = -1;
    if (h >= 0)
        h = r->is_udp ? take_sender(b, h) : take_connection(b, r, h);
    if (h < 0) {
        command_failed(cli);
        return -1;
    }
    return finish(cli, r, h, true);
}
