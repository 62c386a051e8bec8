#include "frame_pair.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame_pair frame_pair;

void frame_pair_open(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    frame_init(&frame_pair.frame, ends[0], FRAME_PAIR_MAX_LINE);
    frame_pair.other = ends[1];
}

void frame_pair_close(void)
{
    frame_done(&frame_pair.frame);
    frame_pair_end_other();
}

void frame_pair_set_max(size_t n_max_line)
{
    frame_pair.frame.n_max_line = n_max_line;
}

void frame_pair_end_other(void)
{
    if (frame_pair.other >= 0)
        close(frame_pair.other);
    frame_pair.other = -1;
}

void frame_pair_shutdown(void)
{
    ck_assert_int_eq(shutdown(frame_pair.other, SHUT_WR), 0);
}

void frame_pair_write(const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t n_written = send(frame_pair.other, at, n, MSG_NOSIGNAL);

        if (n_written < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            ck_assert_int_gt(frame_read(&frame_pair.frame), 0);
            continue;
        }
        at += n_written;
        n -= (size_t)n_written;
    }
}

void frame_pair_write_text(const char *text)
{
    frame_pair_write(text, strlen(text));
}

void frame_pair_write_fds(const void *bytes, size_t n, const int *fds, int n_fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 253)];
    } control = {0};
    struct iovec iov = {(void *)bytes, n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds)};

    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)n_fds), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * (size_t)n_fds);
    ck_assert_int_eq(sendmsg(frame_pair.other, &msg, MSG_NOSIGNAL), (ssize_t)n);
}

const char *frame_pair_letters(size_t n, const char *end)
{
    static char text[FRAME_PAIR_MAX_LINE + 16];

    ck_assert_uint_lt(n + strlen(end), sizeof text);
    memset(text, 'x', n);
    memcpy(text + n, end, strlen(end) + 1);
    return text;
}

int frame_pair_read(void)
{
    int r;

    do
        r = frame_read(&frame_pair.frame);
    while (r > 0);
    return r;
}

void frame_pair_line(const char *line)
{
    const char *got = NULL;
    size_t n = 0;

    ck_assert_int_eq(frame_next(&frame_pair.frame, &got, &n), 1);
    ck_assert_msg(n == strlen(line) && memcmp(got, line, n) == 0, "the line is %.*s, not %s",
                  (int)n, got, line);
}

void frame_pair_too_long(void)
{
    const char *got;
    size_t n;

    ck_assert_int_eq(frame_next(&frame_pair.frame, &got, &n), -EMSGSIZE);
}

void frame_pair_nothing(void)
{
    const char *got;
    size_t n;

    ck_assert_int_eq(frame_next(&frame_pair.frame, &got, &n), 0);
}
