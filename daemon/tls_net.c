#include "tls_net.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* An error of the system keeps its number. */
static int errno_of(int r, const struct error *e)
{
    if (r <= 0)
        return r;
    return e->id == ERROR_OS ? -e->sys_errno : -EPROTO;
}

/* Whoever does not wait will need what is usual next. EPOLLIN and EPOLLOUT are POLLIN and POLLOUT.
 */
static unsigned wants_of(int r, unsigned wants, unsigned usual)
{
    return r == -EAGAIN ? wants : usual;
}

static ssize_t net_read(struct pump_net *net, void *data, size_t n, unsigned *wants)
{
    struct error e = {0};
    size_t n_read = 0;
    int r = tls_recv(net->state, data, n, &n_read, &e);

    *wants = wants_of(r, tls_read_wants(net->state), POLLIN);
    if (r == 0 && n_read == 0)
        return -ENODATA;
    return r == 0 ? (ssize_t)n_read : errno_of(r, &e);
}

static ssize_t net_write(struct pump_net *net, const void *data, size_t n, unsigned *wants)
{
    struct error e = {0};
    size_t n_written = 0;
    int r = tls_send(net->state, data, n, &n_written, &e);

    *wants = wants_of(r, tls_write_wants(net->state), POLLOUT);
    return r == 0 ? (ssize_t)n_written : errno_of(r, &e);
}

static int net_flush(struct pump_net *net, unsigned *wants)
{
    struct error e = {0};
    int r = tls_flush(net->state, &e);

    *wants = wants_of(r, tls_write_wants(net->state), POLLOUT);
    return errno_of(r, &e);
}

/* TLS's own end alone: some take the end of the connection below for a request that was broken off. A
 * peer that is gone needs no telling. */
static int net_shut(struct pump_net *net, unsigned *wants)
{
    struct error e = {0};
    int r = tls_shutdown(net->state, &e);

    *wants = wants_of(r, tls_write_wants(net->state), POLLOUT);
    return r == -EAGAIN ? r : 0;
}

/* As a plain socket: TCP sends a reset when it is disconnected. */
static void net_reset(struct pump_net *net)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    if (connect(net->fd, &none, sizeof none) < 0)
        shutdown(net->fd, SHUT_RDWR);
}

static const struct pump_net_ops ops = {
    .says_end = true,
    .read = net_read,
    .write = net_write,
    .flush = net_flush,
    .shut = net_shut,
    .reset = net_reset,
};

struct pump_net tls_net(struct tls *tls, int fd)
{
    return (struct pump_net){.ops = &ops, .fd = fd, .state = tls};
}
