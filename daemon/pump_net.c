#include "pump_net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "socket.h"
#include "unix_recv.h"

/* An ICMP error is told once and stands for a datagram long gone: passed over, some at a time. */
enum { ERRORS_PASSED_OVER = 16 };

static ssize_t bytes_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    ssize_t r = recv(net->fd, data, n, MSG_DONTWAIT);

    *wants = POLLIN;
    if (r == 0)
        return -ENODATA;
    return r < 0 ? -errno : r;
}

static ssize_t unix_bytes_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    ssize_t r = unix_recv_bytes(net->fd, data, n, 0, NULL);

    *wants = POLLIN;
    return r == 0 ? -ENODATA : r;
}

static ssize_t any_write(struct pump_net *net, const void *data, size_t n, unsigned *wants)
{
    ssize_t r = send(net->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);

    *wants = POLLOUT;
    return r < 0 ? -errno : r;
}

static int any_shut(struct pump_net *net, unsigned *wants)
{
    (void)wants;
    shutdown(net->fd, SHUT_WR); /* fails where the peer is gone: it needs no telling then */
    return 0;
}

static void shut_reset(struct pump_net *net)
{
    shutdown(net->fd, SHUT_RDWR);
}

/* TCP sends a reset when it is disconnected, and the descriptor stays. */
static void bytes_reset(struct pump_net *net)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    if (connect(net->fd, &none, sizeof none) < 0)
        shut_reset(net);
}

static ssize_t packets_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    bool is_end;
    ssize_t r = socket_recv_packet(net->fd, data, n, 0, &is_end);

    *wants = POLLIN;
    if (r == 0 && is_end)
        return -ENODATA;
    return r;
}

static ssize_t datagrams_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    ssize_t r = -1;

    *wants = POLLIN;
    for (int i = 0; r < 0 && i < ERRORS_PASSED_OVER; i++) {
        r = unix_recv_bytes(net->fd, data, n, 0, NULL);
        if (r == -EAGAIN)
            break;
    }
    return r < 0 ? -EAGAIN : r;
}

/* The first try may tell what became of an earlier one. */
static ssize_t datagrams_write(struct pump_net *net, const void *data, size_t n, unsigned *wants)
{
    ssize_t r = any_write(net, data, n, wants);

    return r < 0 && r != -EAGAIN ? any_write(net, data, n, wants) : r;
}

static int datagrams_shut(struct pump_net *net, unsigned *wants)
{
    (void)net;
    (void)wants;
    return 0;
}

static void datagrams_reset(struct pump_net *net)
{
    (void)net;
}

static const struct pump_net_ops bytes = {
    .reads_short = true,
    .read = bytes_read,
    .write = any_write,
    .shut = any_shut,
    .reset = bytes_reset,
};

/* A Unix socket says a reset only when it is closed with something unread in it; and a read stops
 * where descriptors came along, or another writer's bytes begin. */
static const struct pump_net_ops unix_bytes = {
    .has_no_reset = true,
    .read = unix_bytes_read,
    .write = any_write,
    .shut = any_shut,
    .reset = shut_reset,
};

static const struct pump_net_ops packets = {
    .is_packets = true,
    .has_no_reset = true,
    .read = packets_read,
    .write = any_write,
    .shut = any_shut,
    .reset = shut_reset,
};

static const struct pump_net_ops datagrams = {
    .is_packets = true,
    .is_endless = true,
    .has_no_reset = true,
    .read = datagrams_read,
    .write = datagrams_write,
    .shut = datagrams_shut,
    .reset = datagrams_reset,
};

struct pump_net pump_net_plain(int fd, bool is_shared)
{
    struct pump_net net = {.ops = &datagrams, .fd = fd};
    int family, type;

    socket_identify(fd, &family, &type);
    if (type == SOCK_STREAM) {
        net.ops = family == AF_UNIX ? &unix_bytes : &bytes;
        net.may_splice = family != AF_UNIX && !is_shared && fcntl(fd, F_GETFL) & O_NONBLOCK;
    } else if (type == SOCK_SEQPACKET)
        net.ops = &packets;
    return net;
}
