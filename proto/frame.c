#include "frame.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limits.h"

/* There is room for as many descriptors as a message can carry (unix(7), SCM_MAX_FD): what has no
 * room is closed by the kernel right here, and a socket among it holds the caller up for its whole
 * linger time. */
enum { READ_BYTES = 64 << 10, KEPT_BYTES = 16 << 10, DRAINS = 16, MOST_FDS = 253 };

void frame_init(struct frame *f, int fd, size_t n_max_line)
{
    *f = (struct frame){.fd = fd, .n_max_line = n_max_line};
}

static void drop_fd(struct frame *f, int fd)
{
    if (fd >= 0 && f->discard)
        f->discard(fd);
    else if (fd >= 0)
        close(fd);
}

void frame_done(struct frame *f)
{
    for (int i = 0; i < f->n_fds_in; i++)
        drop_fd(f, f->fds_in[i]);
    frame_drop(f);
    free(f->fds_out);
    buf_done(&f->in);
    buf_done(&f->out);
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct frame){.fd = -1};
}

/* -- in -- */

/* Every descriptor that came is taken up, however many the control message says: one that is looked
 * over stays open for ever (CMSG_SPACE of one int has room for two on 64-bit machines). */
static void take_control(struct frame *f, struct msghdr *msg)
{
    size_t n_taken = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        const unsigned char *data = CMSG_DATA(c);
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n_taken += n;
        f->fds_broken |= n > LIMIT_FDS_PER_MESSAGE;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, data + i * sizeof fd, sizeof fd);
            if (f->n_fds_in < LIMIT_FDS_QUEUED) {
                f->fds_in[f->n_fds_in++] = fd;
            } else {
                drop_fd(f, fd);
                f->fds_broken = true;
            }
        }
    }
    if (!(msg->msg_flags & MSG_CTRUNC))
        return;
    /* Of one descriptor nothing is left. The next keeps its place behind it. */
    if (f->takes_losses && n_taken == 0 && f->n_fds_in < LIMIT_FDS_QUEUED)
        f->fds_in[f->n_fds_in++] = -1;
    else
        f->fds_broken = true;
}

int frame_read(struct frame *f)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * MOST_FDS)];
    } control;
    char *room = buf_reserve(&f->in, READ_BYTES);
    struct iovec iov = {room, room ? f->in.n_room - f->in.end : 0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n;

    if (!room) {
        f->in.failed = false;
        return -ENOMEM;
    }
    if (f->takes_no_fds)
        msg.msg_controllen = 0;
    do
        n = recvmsg(f->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        n = -errno;
        if (buf_len(&f->in) == 0)
            buf_done(&f->in); /* an idle session costs no buffer */
        return (int)n;
    }
    /* A message with descriptors ends a read, whatever is behind it. */
    f->is_drained = (size_t)n < iov.iov_len && msg.msg_controllen == 0;
    take_control(f, &msg);
    f->in.end += (size_t)n;
    f->eof |= n == 0;
    return (int)n;
}

/* Without room for descriptors: the kernel drops them, all at once. */
bool frame_drain(struct frame *f)
{
    char *room;
    ssize_t n = 0;

    buf_drop(&f->in, buf_len(&f->in));
    room = buf_reserve(&f->in, READ_BYTES);
    for (int i = 0; room && i < DRAINS; i++)
        if ((n = recv(f->fd, room, READ_BYTES, MSG_DONTWAIT)) <= 0)
            break;
    return n > 0;
}

int frame_take_socket(struct frame *f)
{
    int fd = f->fd;

    f->fd = -1;
    return fd;
}

/* What is to be given out next, up to a newline or the end; false when the line is not complete. */
static bool find_line(struct frame *f, size_t *ret_n, size_t *ret_used)
{
    size_t n = buf_len(&f->in);
    const char *from, *newline;

    if (n == 0)
        return false;
    from = f->in.data + f->in.start;
    newline = memchr(from + f->n_scanned, '\n', n - f->n_scanned);
    if (!newline && !f->eof) {
        f->n_scanned = n;
        return false;
    }
    *ret_n = newline ? (size_t)(newline - from) : n;
    *ret_used = *ret_n + (newline != NULL);
    f->n_scanned = 0;
    return true;
}

/* Bytes of a line that is too long are not kept. */
static void discard(struct frame *f)
{
    buf_drop(&f->in, buf_len(&f->in));
    f->n_scanned = 0;
}

int frame_next(struct frame *f, const char **ret_line, size_t *ret_n)
{
    size_t n, n_used;

    for (;;) {
        const char *line;

        if (!find_line(f, &n, &n_used)) {
            /* One byte more than the limit may be the carriage return. */
            bool too_long = buf_len(&f->in) > f->n_max_line + 1;

            if (!f->discarding && !too_long)
                return 0;
            discard(f);
            if (f->discarding)
                return 0;
            f->discarding = true;
            return -EMSGSIZE;
        }
        line = f->in.data + f->in.start;
        buf_drop(&f->in, n_used);
        if (f->discarding) {
            f->discarding = false;
            continue;
        }
        n -= n && line[n - 1] == '\r';
        if (n > f->n_max_line)
            return -EMSGSIZE;
        if (n == 0)
            continue;
        *ret_line = line;
        *ret_n = n;
        return 1;
    }
}

bool frame_has_input(const struct frame *f)
{
    return buf_len(&f->in) > 0;
}

int frame_take_fd(struct frame *f)
{
    int fd;

    if (f->n_fds_in == 0)
        return -1;
    fd = f->fds_in[0];
    memmove(f->fds_in, f->fds_in + 1, (size_t)--f->n_fds_in * sizeof *f->fds_in);
    return fd;
}

/* -- out -- */

struct buf *frame_out(struct frame *f)
{
    return &f->out;
}

size_t frame_pending(const struct frame *f)
{
    return buf_len(&f->out);
}

int frame_give_fd(struct frame *f, int fd)
{
    if (f->n_fds_out == f->n_fds_out_room) {
        int n_room = f->n_fds_out_room ? f->n_fds_out_room * 2 : 4;
        struct frame_fd_out *room = realloc(f->fds_out, (size_t)n_room * sizeof *room);

        if (!room) {
            close(fd);
            return -ENOMEM;
        }
        f->fds_out = room;
        f->n_fds_out_room = n_room;
    }
    f->fds_out[f->n_fds_out++] = (struct frame_fd_out){fd, f->n_flushed + buf_len(&f->out)};
    return 0;
}

void frame_take_back_fd(struct frame *f)
{
    close(f->fds_out[--f->n_fds_out].fd);
}

void frame_drop(struct frame *f)
{
    buf_drop(&f->out, buf_len(&f->out));
    while (f->n_fds_out)
        frame_take_back_fd(f);
}

/* Those beyond the room are as good as read: whoever asks gives no more than that. */
static void note_sent(struct frame *f)
{
    if (f->n_fds_sent == LIMIT_FDS_UNREAD)
        memmove(f->fds_sent, f->fds_sent + 1, (size_t)--f->n_fds_sent * sizeof *f->fds_sent);
    f->fds_sent[f->n_fds_sent++] = f->n_sends;
}

/* The kernel tells how much memory is held by what is unread, and each message of the socket has
 * one buffer or more, of no less than this with its head. */
#define BUFFER_BYTES (64 * sizeof(void *))

int frame_fds_unread(struct frame *f)
{
    int n_bytes = 0, n_read = 0;

    if (f->n_fds_sent && ioctl(f->fd, SIOCOUTQ, &n_bytes) < 0)
        return f->n_fds_sent + f->n_fds_out;
    while (n_read < f->n_fds_sent &&
           f->fds_sent[n_read] + (size_t)n_bytes / BUFFER_BYTES <= f->n_sends)
        n_read++;
    f->n_fds_sent -= n_read;
    memmove(f->fds_sent, f->fds_sent + n_read, (size_t)f->n_fds_sent * sizeof *f->fds_sent);
    return f->n_fds_sent + f->n_fds_out;
}

/* One sendmsg: up to the next descriptor, or beginning with one. */
static ssize_t send_some(struct frame *f)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {f->out.data + f->out.start, buf_len(&f->out)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    const struct frame_fd_out *first = f->fds_out;
    bool with_fd = f->n_fds_out && first->at == f->n_flushed;
    ssize_t n;

    if (f->n_fds_out > with_fd)
        iov.iov_len = first[with_fd].at - f->n_flushed;
    if (with_fd) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), &first->fd, sizeof(int));
    }
    do
        n = sendmsg(f->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    f->n_sends += n >= 0;
    if (n >= 0 && with_fd) {
        note_sent(f);
        close(first->fd);
        memmove(f->fds_out, f->fds_out + 1, (size_t)--f->n_fds_out * sizeof *f->fds_out);
    }
    return n;
}

int frame_flush(struct frame *f)
{
    while (buf_len(&f->out)) {
        ssize_t n = send_some(f);

        if (n < 0)
            return -errno;
        f->n_flushed += (size_t)n;
        buf_drop(&f->out, (size_t)n);
    }
    if (f->out.n_room > KEPT_BYTES)
        buf_done(&f->out); /* a large reply was the exception */
    return 0;
}
