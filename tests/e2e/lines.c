#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_LINE_BYTES = 16 << 20, READ_BYTES = 64 << 10, MAX_FDS = 8 };

void lines_init(struct lines *l, int fd)
{
    *l = (struct lines){.fd = fd};
}

void lines_done(struct lines *l)
{
    free(l->data);
    *l = (struct lines){.fd = -1};
}

static int wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, WAIT_MS);

    return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

static int make_room(struct lines *l)
{
    char *more;

    memmove(l->data, l->data + l->start, l->end - l->start);
    l->end -= l->start;
    l->start = 0;
    if (l->n_room - l->end >= READ_BYTES)
        return 0;
    if (l->n_room >= MAX_LINE_BYTES)
        return -EMSGSIZE;
    more = realloc(l->data, l->n_room * 2 + READ_BYTES);
    if (!more)
        return -ENOMEM;
    l->data = more;
    l->n_room = l->n_room * 2 + READ_BYTES;
    return 0;
}

static int read_more(struct lines *l)
{
    ssize_t n;
    int r = wait_for(l->fd, POLLIN);

    if (r == 0 && (!l->data || l->n_room - l->end < READ_BYTES))
        r = l->data ? make_room(l) : ((l->data = malloc(l->n_room = READ_BYTES)) ? 0 : -ENOMEM);
    if (r < 0)
        return r;
    n = read(l->fd, l->data + l->end, READ_BYTES);
    if (n < 0)
        return -errno;
    l->end += (size_t)n;
    l->eof = n == 0;
    return 0;
}

int lines_next(struct lines *l, const char **ret_line, size_t *ret_n)
{
    size_t scanned = 0;
    char *newline = NULL;
    int r;

    for (;;) {
        if (l->end - l->start > scanned)
            newline = memchr(l->data + l->start + scanned, '\n', l->end - l->start - scanned);
        if (newline || l->eof)
            break;
        scanned = l->end - l->start;
        r = read_more(l);
        if (r < 0)
            return r;
    }
    if (!newline && l->end == l->start)
        return 0;
    *ret_line = l->data + l->start;
    *ret_n = newline ? (size_t)(newline - *ret_line) : l->end - l->start;
    l->start += *ret_n + (newline ? 1 : 0);
    return 1;
}

static ssize_t send_some(int fd, const void *bytes, size_t n, int passed, int n_fds)
{
    char control[CMSG_SPACE(MAX_FDS * sizeof(int))] = {0};
    struct iovec iov = {(void *)bytes, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *c;

    if (n_fds > 0) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
        for (int i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &passed, sizeof passed);
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int lines_write_fds(int fd, const void *bytes, size_t n, int passed, int n_fds)
{
    const char *next = bytes;

    if (n_fds > MAX_FDS)
        return -EINVAL;
    while (n > 0) {
        ssize_t sent = send_some(fd, next, n, passed, n_fds);
        int r = sent >= 0 ? 0 : errno == EAGAIN ? wait_for(fd, POLLOUT) : -errno;

        if (r < 0)
            return r;
        if (sent > 0) {
            next += sent;
            n -= (size_t)sent;
            n_fds = 0;
        }
    }
    return 0;
}

int lines_write(int fd, const void *bytes, size_t n)
{
    return lines_write_fds(fd, bytes, n, -1, 0);
}
