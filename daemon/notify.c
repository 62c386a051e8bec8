#include "notify.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

enum { MOST_WAITING = 1 << 16 };

struct notify_message {
    char *text;
    struct notify_message *prev, *next;
};

/* sd_notify(3): a path, or an abstract name with @ for its first byte. */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int fd;

    if ((*name != '/' && *name != '@') || strlen(name) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, name);
    if (*name == '@')
        *address.sun_path = '\0';
    else
        n++;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, n) == 0)
        return fd;
    close(fd);
    return -1;
}

void notify_open(struct notify *n)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *n = (struct notify){.fd = name ? connect_to(name) : -1};
    unsetenv("NOTIFY_SOCKET");
}

static void drop_first(struct notify *n)
{
    struct notify_message *m = n->waiting;

    DL_DELETE(n->waiting, m);
    n->n_waiting--;
    free(m->text);
    free(m);
}

void notify_close(struct notify *n)
{
    while (n->waiting)
        drop_first(n);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

/* A manager that has closed its end is not there again under the same connection. */
static int note_gone(struct notify *n, int r)
{
    if (r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE)
        n->gone = r;
    return r;
}

/* One attempt. */
static int send_now(struct notify *n, const char *text, int fd)
{
    struct iovec bytes = {.iov_base = (char *)text, .iov_len = strlen(text)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control;
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    if (sendmsg(n->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    /* In-flight descriptors count against a limit of ours (unix(7)); the manager will take them. */
    return errno == EAGAIN || errno == ETOOMANYREFS || errno == ENOBUFS ? -EAGAIN
                                                                        : note_gone(n, -errno);
}

static int let_wait(struct notify *n, const char *text)
{
    struct notify_message *m;

    if (n->n_waiting == MOST_WAITING)
        return -ENOBUFS;
    if (!(m = calloc(1, sizeof *m)))
        return -ENOMEM;
    if (!(m->text = strdup(text))) {
        free(m);
        return -ENOMEM;
    }
    DL_APPEND(n->waiting, m);
    n->n_waiting++;
    return 0;
}

int notify_send(struct notify *n, const char *text)
{
    int r;

    if (n->fd < 0)
        return -EOPNOTSUPP;
    r = n->waiting ? -EAGAIN : send_now(n, text, -1);
    if (r == 0)
        n->n_sent++;
    if (r == -EAGAIN)
        r = let_wait(n, text);
    if (r == 0)
        n->n_given++;
    return r;
}

int notify_send_fd(struct notify *n, const char *text, int fd)
{
    int r;

    if (n->fd < 0)
        return -EOPNOTSUPP;
    notify_flush(n);
    r = n->waiting ? -EAGAIN : send_now(n, text, fd);
    if (r == 0) {
        n->n_sent++;
        n->n_given++;
    }
    return r;
}

bool notify_is_ready(struct notify *n, bool all)
{
    struct pollfd p = {.fd = n->fd, .events = POLLOUT};
    int n_bytes = 0;

    notify_flush(n);
    return !n->waiting && poll(&p, 1, 0) == 1 && p.revents & POLLOUT &&
           (!all || (ioctl(n->fd, SIOCOUTQ, &n_bytes) == 0 && n_bytes == 0));
}

bool notify_is_busy(const struct notify *n)
{
    return n->waiting;
}

void notify_flush(struct notify *n)
{
    while (n->waiting && send_now(n, n->waiting->text, -1) != -EAGAIN) {
        n->n_sent++;
        drop_first(n);
    }
}
