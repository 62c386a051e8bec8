#include "pump_link.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"

enum { WAIT_MS = 10000, QUIET_MS = 30, SMALL_BYTES = 32 << 10, PIECE_BYTES = 30011 };

static void make_small(int fd)
{
    int n = SMALL_BYTES;

    ck_each(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof n) == 0, "SO_SNDBUF");
    ck_each(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof n) == 0, "SO_RCVBUF");
}

static int bound(int type, struct sockaddr_in *ret)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof *ret;

    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_each(fd >= 0, "socket: %s", strerror(errno));
    ck_each(bind(fd, (struct sockaddr *)ret, n) == 0, "bind: %s", strerror(errno));
    ck_each(getsockname(fd, (struct sockaddr *)ret, &n) == 0, "getsockname");
    return fd;
}

static void join(int fd, const struct sockaddr_in *to)
{
    ck_each(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "connect: %s",
            strerror(errno));
}

static void pair_tcp(int fds[2])
{
    struct sockaddr_in address, own;
    int listener = bound(SOCK_STREAM, &address);

    make_small(listener);
    ck_each(listen(listener, 1) == 0, "listen: %s", strerror(errno));
    fds[0] = bound(SOCK_STREAM, &own);
    make_small(fds[0]);
    join(fds[0], &address);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_each(fds[1] >= 0, "accept: %s", strerror(errno));
    close(listener);
}

static void pair_udp(int fds[2])
{
    struct sockaddr_in a, b;

    fds[0] = bound(SOCK_DGRAM, &a);
    fds[1] = bound(SOCK_DGRAM, &b);
    join(fds[0], &b);
    join(fds[1], &a);
}

void link_pair(enum link_net kind, int *ret_peer, int *ret_net)
{
    int fds[2], type = kind == LINK_UNIX ? SOCK_STREAM : SOCK_SEQPACKET;

    if (kind == LINK_TCP)
        pair_tcp(fds);
    else if (kind == LINK_UDP)
        pair_udp(fds);
    else
        ck_each(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    *ret_peer = fds[0];
    *ret_net = fds[1];
}

void link_open_net(struct pump *p, struct link *link, const struct pump_request *request)
{
    int r = pump_open(p, request, &link->stream, &link->client);

    ck_each(r == 0, "pump_open: %s", strerror(-r));
}

void link_open(struct pump *p, struct link *link, enum link_net kind)
{
    struct pump_request request = {.user = link};

    link_pair(kind, &link->peer, &link->net);
    request.net = pump_net_plain(link->net, true);
    link_open_net(p, link, &request);
}

void link_open_spliced(struct pump *p, struct link *link, enum link_net kind)
{
    struct pump_request request = {.user = link};

    link_pair(kind, &link->peer, &link->net);
    ck_each(fcntl(link->net, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
    request.net = pump_net_plain(link->net, false);
    ck_each(request.net.may_splice == (kind == LINK_TCP), "It splices as it should not.");
    link_open_net(p, link, &request);
}

void link_drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void link_break(int *fd)
{
    struct linger linger = {1, 0};

    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    link_drop(fd);
}

void link_close(struct link *link)
{
    link_drop(&link->peer);
    link_drop(&link->net);
    link_drop(&link->client);
}

void link_await(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = (short)events};

    ck_each(poll(&p, 1, WAIT_MS) == 1, "Nothing came for ten seconds.");
}

struct pump_end link_await_end(struct pump *p)
{
    struct pump_end end;

    while (!pump_next(p, &end))
        link_await(pump_fd(p), POLLIN);
    return end;
}

void link_put(int fd, const char *text)
{
    ck_each(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text), "send: %s",
            strerror(errno));
}

void link_expect(int fd, const char *text)
{
    char got[256] = "";
    size_t n = 0;

    while (n < strlen(text)) {
        ssize_t r;

        link_await(fd, POLLIN);
        r = recv(fd, got + n, strlen(text) - n, MSG_DONTWAIT);
        ck_each(r > 0, "'%s' was awaited, %s came", text, r ? strerror(errno) : "the end");
        n += (size_t)r;
    }
    ck_assert_str_eq(got, text);
}

int link_read_end(int fd)
{
    char c;
    ssize_t r;

    link_await(fd, POLLIN);
    r = recv(fd, &c, 1, MSG_DONTWAIT);
    ck_each(r <= 0, "An end was awaited, a byte came.");
    return r < 0 ? errno : 0;
}

char link_byte(size_t at)
{
    return (char)((at * 2654435761u) >> 13);
}

size_t link_fill(int fd, size_t from, size_t limit)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    char piece[PIECE_BYTES];
    size_t n = 0;

    while (n < limit && poll(&p, 1, QUIET_MS) == 1) {
        size_t length = limit - n < sizeof piece ? limit - n : sizeof piece;
        ssize_t r;

        for (size_t i = 0; i < length; i++)
            piece[i] = link_byte(from + n + i);
        r = send(fd, piece, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r < 0 && errno == EAGAIN)
            continue;
        ck_each(r > 0, "send: %s", strerror(errno));
        n += (size_t)r;
    }
    return n;
}

size_t link_drain(int fd, size_t from, int *ret_end)
{
    char piece[PIECE_BYTES];
    size_t n = 0;
    ssize_t r;

    for (;;) {
        link_await(fd, POLLIN);
        r = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        if (r <= 0)
            break;
        for (ssize_t i = 0; i < r; i++)
            ck_each(piece[i] == link_byte(from + n + (size_t)i), "Byte %zu is wrong.",
                    from + n + (size_t)i);
        n += (size_t)r;
    }
    *ret_end = r < 0 ? errno : 0;
    return n;
}
