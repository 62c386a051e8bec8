#include "unix_recv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discard.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* Descriptors in one message (unix(7), SCM_MAX_FD), and room for what comes before them: times, who
 * has sent it, and a security label. */
enum { MOST_FDS = 253, OTHER_BYTES = 1024 };

union control {
    struct cmsghdr align;
    char room[OTHER_BYTES + CMSG_SPACE(MOST_FDS * sizeof(int))];
};

static void discard_rights(const struct cmsghdr *c)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        discard_fd(fd);
    }
}

/* The kernel's own, of the sender's process (SO_PASSPIDFD). Nothing waits for it. */
static void close_pidfd(const struct cmsghdr *c)
{
    int fd;

    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    if (fd >= 0)
        close(fd);
}

static void discard_all(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS)
            discard_rights(c);
        else if (c->cmsg_type == SCM_PIDFD)
            close_pidfd(c);
    }
}

/* When too many files wait to be closed the kernel is to drop what comes, which does not wait for a
 * file's server: then there is room for the sender alone. */
static size_t room(bool is_sender_wanted)
{
    if (!discard_is_full())
        return sizeof(union control);
    return is_sender_wanted ? CMSG_SPACE(sizeof(struct ucred)) : 0;
}

ssize_t unix_recv(int fd, struct iovec *iov, size_t n_iov, int flags, bool *ret_is_bare)
{
    union control control;
    struct msghdr msg = {.msg_iov = iov,
                         .msg_iovlen = n_iov,
                         .msg_control = &control,
                         .msg_controllen = room(ret_is_bare)};
    ssize_t r = recvmsg(fd, &msg, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (r < 0)
        return -errno;
    if (ret_is_bare)
        *ret_is_bare = msg.msg_controllen == 0;
    discard_all(&msg);
    return r;
}

ssize_t unix_recv_bytes(int fd, void *data, size_t n, int flags, bool *ret_is_bare)
{
    struct iovec iov = {data, n};

    return unix_recv(fd, &iov, 1, flags, ret_is_bare);
}
