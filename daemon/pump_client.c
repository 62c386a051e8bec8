#include "pump_client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unix_recv.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* A writer is woken when its socket is three quarters empty, and one piece that it wrote, at most
 * 40 KiB, is held by the byte that stays. The default of 208 KiB is enough; a smaller one is
 * raised. */
enum { SEND_ROOM_BYTES = 256 << 10 };
enum { DISCARD_BYTES = 4096, DISCARD_ROUNDS = 4096 };

static int on(int fd, int option, int value)
{
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

/* Returns 0 or -errno. */
static int prepare(struct pump_client *c, int theirs)
{
    on(c->fd, SO_SNDBUF, SEND_ROOM_BYTES); /* as much of it as the system allows */
    on(theirs, SO_SNDBUF, SEND_ROOM_BYTES);
    fcntl(c->fd, F_SETFL, O_NONBLOCK); /* splice has no flag for it */
    on(c->fd, SO_PASSRIGHTS, 0); /* descriptors are not for us; older kernels do not know it */
    on(c->fd, SO_OOBINLINE, 1);  /* what is urgent has its place among the bytes */
    if (c->is_packets)
        return on(c->fd, SO_PASSCRED, 1) < 0 ? -errno : 0;
    c->keeps = true;
    return send(theirs, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int pump_client_open(struct pump_client *c, bool is_packets, int *ret_theirs)
{
    int type = is_packets ? SOCK_SEQPACKET : SOCK_STREAM, fds[2], r;

    *c = (struct pump_client){.fd = -1, .is_packets = is_packets};
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    c->fd = fds[0];
    r = prepare(c, fds[1]);
    if (r < 0) {
        close(fds[1]);
        pump_client_reset(c);
        return r;
    }
    *ret_theirs = fds[1];
    return 0;
}

void pump_client_fit(int theirs, int net_fd)
{
    int n; /* twice what was asked for, as socket(7) has it */

    if (getsockopt(net_fd, SOL_SOCKET, SO_SNDBUF, &n, &(socklen_t){sizeof n}) == 0)
        on(theirs, SO_SNDBUF, n / 2);
}

/* What is there but for its last byte is taken, with the one that had been kept; the last one is
 * read, and stays. */
static ssize_t read_bytes(struct pump_client *c, char *data, size_t n, bool is_done)
{
    char kept;
    struct iovec iov[] = {{&kept, c->keeps}, {data, n - 1}};
    int n_there;
    size_t n_new;
    ssize_t r = 0;

    if (ioctl(c->fd, SIOCINQ, &n_there) < 0)
        return -errno;
    n_new = (size_t)n_there - c->keeps;
    if (n_new == 0)
        return is_done ? -ENODATA : -EAGAIN;
    if (n_new < n)
        iov[1].iov_len = n_new - 1;
    if (c->keeps || n_new > 1)
        r = unix_recv(c->fd, iov, 2, 0, NULL);
    if (r < 0)
        return r;
    r -= c->keeps;
    if (recv(c->fd, data + r, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        return -EIO;
    c->keeps = true;
    c->keeps_much = true;
    c->has_more = (size_t)r + 1 < n_new;
    return r + 1;
}

/* An empty packet and the end are both 0 bytes, but only a packet has a sender (unix(7),
 * SO_PASSCRED). */
static ssize_t read_packet(struct pump_client *c, void *data, size_t n)
{
    bool is_end;
    ssize_t r = unix_recv_bytes(c->fd, data, n, 0, &is_end);

    c->has_more = true;
    if (r == -ECONNRESET && !c->was_reset) { /* said before what was sent is there */
        c->was_reset = true;
        r = unix_recv_bytes(c->fd, data, n, 0, &is_end);
    }
    return r == 0 && is_end ? -ENODATA : r;
}

ssize_t pump_client_read(struct pump_client *c, void *data, size_t n, bool is_done)
{
    return c->is_packets ? read_packet(c, data, n) : read_bytes(c, data, n, is_done);
}

void pump_client_let_go(struct pump_client *c)
{
    int n_there;
    char kept;

    if (!c->keeps || ioctl(c->fd, SIOCINQ, &n_there) < 0 || n_there != 1)
        return;
    c->keeps = unix_recv_bytes(c->fd, &kept, 1, 0, NULL) != 1;
}

static ssize_t try_write(struct pump_client *c, const void *data, size_t n)
{
    ssize_t r = send(c->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);

    return r < 0 ? -errno : r;
}

/* A packet that its sender's buffer had room for has it in one that is as large. */
ssize_t pump_client_write(struct pump_client *c, const void *data, size_t n)
{
    ssize_t r = try_write(c, data, n);

    if (r != -EMSGSIZE)
        return r;
    on(c->fd, SO_SNDBUF, (int)n);
    return try_write(c, data, n);
}

void pump_client_shut(struct pump_client *c)
{
    shutdown(c->fd, SHUT_WR);
}

void pump_client_deafen(struct pump_client *c)
{
    shutdown(c->fd, SHUT_RD);
}

/* After the shutdown nothing can be added to what is there. */
void pump_client_finish(struct pump_client *c)
{
    char nothing[DISCARD_BYTES];
    ssize_t r = 1;

    shutdown(c->fd, SHUT_RDWR);
    for (int i = 0; i < DISCARD_ROUNDS && r > 0; i++) {
        r = c->is_packets ? read_packet(c, nothing, sizeof nothing) + 1
                          : unix_recv_bytes(c->fd, nothing, sizeof nothing, 0, NULL);
    }
    pump_client_reset(c);
}

/* What is unread is the reset, so that it stays. Descriptors in it are closed with it, which may
 * wait, so they are looked at before (unix_recv); nothing can be added meanwhile. */
static void defuse(struct pump_client *c)
{
    char nothing[DISCARD_BYTES];
    ssize_t r = 1;

    shutdown(c->fd, SHUT_RD);
    if (on(c->fd, SO_PEEK_OFF, 0) < 0)
        return;
    for (int i = 0; i < DISCARD_ROUNDS && r > 0; i++)
        r = unix_recv_bytes(c->fd, nothing, sizeof nothing, MSG_PEEK, NULL);
}

void pump_client_reset(struct pump_client *c)
{
    defuse(c);
    close(c->fd);
    c->fd = -1;
}
