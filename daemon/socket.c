#include "socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unix_recv.h"

static int result(int r)
{
    return r < 0 ? -errno : r;
}

int socket_open(int family, int type, int protocol)
{
    return result(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int socket_open_pair(int type, int ret_fds[2])
{
    return result(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds));
}

static void end_lingering(int fd)
{
    struct linger linger = {0};
    socklen_t n = sizeof linger;

    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &n) < 0 || !linger.l_onoff ||
        linger.l_linger == 0)
        return;
    linger.l_onoff = 0;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void socket_close(int fd)
{
    end_lingering(fd);
    close(fd);
}

void socket_abandon(int fd)
{
    end_lingering(fd);
    shutdown(fd, SHUT_RDWR);
}

static int int_option(int fd, int number)
{
    int v = 0;
    socklen_t n = sizeof v;

    return getsockopt(fd, SOL_SOCKET, number, &v, &n) < 0 ? 0 : v;
}

void socket_identify(int fd, int *ret_family, int *ret_type)
{
    *ret_family = int_option(fd, SO_DOMAIN);
    *ret_type = int_option(fd, SO_TYPE);
}

bool socket_is_listening(int fd)
{
    return int_option(fd, SO_ACCEPTCONN);
}

int64_t socket_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n) < 0 ? 0 : (int64_t)cookie;
}

int64_t socket_inode(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 ? 0 : (int64_t)st.st_ino;
}

int socket_bind(int fd, const struct wire_sockaddr *address)
{
    return result(bind(fd, (const struct sockaddr *)&address->addr, address->len));
}

/* net.core.somaxconn of this network namespace. A file in /proc: never the disk. */
static int64_t somaxconn(void)
{
    FILE *f = fopen("/proc/sys/net/core/somaxconn", "re");
    long v;

    if (!f)
        return INT32_MAX;
    if (fscanf(f, "%ld", &v) != 1)
        v = INT32_MAX;
    fclose(f);
    return v;
}

int socket_listen(int fd, int64_t backlog)
{
    int64_t most = somaxconn();

    /* The kernel compares without sign, so that -1 asks for the most. */
    if (backlog < 0 || backlog > most)
        backlog = most;
    return listen(fd, (int)backlog) < 0 ? -errno : (int)backlog;
}

int socket_accept(int fd, struct wire_sockaddr *ret_peer)
{
    for (int i = 0; i < 64; i++) {
        int new_fd;

        ret_peer->len = sizeof ret_peer->addr;
        memset(&ret_peer->addr, 0, sizeof ret_peer->addr);
        new_fd = accept4(fd, (struct sockaddr *)&ret_peer->addr, &ret_peer->len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (new_fd >= 0)
            return new_fd;
        switch (errno) {
        case EINTR: /* it waited, for others have made it block: there was none (guard) */
            return -EAGAIN;
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
            continue;
        default:
            return -errno;
        }
    }
    return -EAGAIN;
}

int socket_connect(int fd, const struct wire_sockaddr *address)
{
    return result(connect(fd, (const struct sockaddr *)&address->addr, address->len));
}

int socket_connect_end(int fd, const struct wire_sockaddr *address)
{
    int r = socket_connect(fd, address);

    return r == -EISCONN ? 0 : r;
}

union credentials {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(struct ucred))];
};

static void add_credentials(struct msghdr *msg, union credentials *control, const struct ucred *as)
{
    memset(control, 0, sizeof *control);
    control->header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof *as), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&control->header), as, sizeof *as);
    msg->msg_control = control;
    msg->msg_controllen = sizeof *control;
}

ssize_t socket_send(int fd, const void *data, size_t n, int flags,
                    const struct wire_sockaddr *address, const struct ucred *as)
{
    struct wire_sockaddr to;
    struct iovec iov = {(void *)(uintptr_t)data, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union credentials control;
    ssize_t r;

    if (address) {
        to = *address;
        msg.msg_name = &to.addr;
        msg.msg_namelen = to.len;
    }
    if (as)
        add_credentials(&msg, &control, as);
    do
        r = sendmsg(fd, &msg, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

ssize_t socket_recv(int fd, void *data, size_t n, int flags, struct wire_sockaddr *ret_from,
                    size_t *ret_length)
{
    struct iovec iov = {data, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t r;

    if (ret_from) {
        *ret_from = (struct wire_sockaddr){0};
        msg.msg_name = &ret_from->addr;
        msg.msg_namelen = sizeof ret_from->addr;
    }
    do
        r = recvmsg(fd, &msg, flags | MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (ret_from)
        ret_from->len = msg.msg_namelen;
    if (ret_length)
        *ret_length = (size_t)r;
    return (size_t)r < n ? r : (ssize_t)n;
}

ssize_t socket_recv_packet(int fd, void *data, size_t n, int flags, bool *ret_end)
{
    int before = int_option(fd, SO_PASSCRED), on = 1;
    bool is_bare;
    ssize_t r;

    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    r = unix_recv_bytes(fd, data, n, flags, &is_bare);
    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &before, sizeof before);
    *ret_end = r == 0 && is_bare;
    return r < 0 || (size_t)r < n ? r : (ssize_t)n;
}

int socket_shutdown(int fd, int how)
{
    return result(shutdown(fd, how));
}

int socket_set_option(int fd, int level, int number, const void *data, size_t n)
{
    return result(setsockopt(fd, level, number, data, (socklen_t)n));
}

int socket_get_option(int fd, int level, int number, void *data, size_t *n)
{
    socklen_t length = (socklen_t)*n;
    int r = result(getsockopt(fd, level, number, data, &length));

    *n = length;
    return r;
}

int socket_set_options(int fd, const struct wire_options *options, size_t *ret_failed)
{
    for (size_t i = 0; i < options->n; i++) {
        const struct option_value *o = &options->items[i];
        int r = socket_set_option(fd, o->level, o->number, o->data, o->n);

        if (r < 0) {
            *ret_failed = i;
            return r;
        }
    }
    return 0;
}

int socket_name(int fd, struct wire_sockaddr *ret)
{
    *ret = (struct wire_sockaddr){.len = sizeof ret->addr};
    return result(getsockname(fd, (struct sockaddr *)&ret->addr, &ret->len));
}

int socket_peer(int fd, struct wire_sockaddr *ret)
{
    *ret = (struct wire_sockaddr){.len = sizeof ret->addr};
    return result(getpeername(fd, (struct sockaddr *)&ret->addr, &ret->len));
}

bool socket_is_bound(const struct wire_sockaddr *address)
{
    const struct sockaddr_in *inet = (const struct sockaddr_in *)&address->addr;

    if (address->addr.ss_family == AF_UNIX)
        return address->len > sizeof(sa_family_t);
    return inet->sin_port != 0; /* at the same place as sin6_port */
}

int socket_group(int fd, bool join, const struct wire_sockaddr *group, unsigned ifindex,
                 const struct wire_sockaddr *source)
{
    int level = group->addr.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    struct group_source_req with = {.gsr_interface = ifindex, .gsr_group = group->addr};
    struct group_req any = {.gr_interface = ifindex, .gr_group = group->addr};

    if (!source)
        return socket_set_option(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &any,
                                 sizeof any);
    with.gsr_source = source->addr;
    return socket_set_option(fd, level, join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
                             &with, sizeof with);
}

int socket_poll(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = (short)events};

    /* A signal that has just come is told when there is nothing else to tell. */
    return poll(&p, 1, 0) < 0 && errno != EINTR ? -errno : p.revents;
}
