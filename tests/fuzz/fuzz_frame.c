/* fuzz_frame.c — any sequence of writes, reads and flushes: the lines are those of the text,
 * however it was cut; all that is to be sent comes; and no descriptor is left open.
 *
 * The first byte is the length of the longest line; then each byte says what to do, the next one
 * how much. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_INPUT = 8192 };

struct run {
    struct frame frame;
    int other, null;
    const uint8_t *data;
    size_t n, at;
    char in[MAX_INPUT], out[2 * MAX_INPUT], got[2 * MAX_INPUT];
    size_t n_in, n_out, n_got;
    size_t n_sent, n_received; /* the other way */
};

/* What the lines of a text are, the plain way: each with its newline; too long ones as one "!". */
static size_t expected_lines(const char *text, size_t n, size_t max, char *ret)
{
    size_t used = 0;

    for (size_t n_all; n > 0; text += n_all, n -= n_all) {
        const char *newline = memchr(text, '\n', n);
        size_t n_line = newline ? (size_t)(newline - text) : n;

        n_all = n_line + (newline != NULL);
        n_line -= n_line && text[n_line - 1] == '\r';
        if (n_line == 0)
            continue;
        if (n_line > max)
            ret[used++] = '!';
        else
            memcpy(ret + used, text, n_line);
        used += n_line > max ? 0 : n_line;
        ret[used++] = '\n';
    }
    return used;
}

/* The next piece of the input, at most `max` bytes. */
static const uint8_t *take(struct run *run, size_t max, size_t *ret_n)
{
    const uint8_t *piece = run->data + run->at;

    *ret_n = run->n - run->at < max ? run->n - run->at : max;
    run->at += *ret_n;
    return piece;
}

/* What the other side writes, with or without descriptors. */
static void write_in(struct run *run, size_t n, int n_fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 3)];
    } control = {0};
    const uint8_t *piece = take(run, n, &n);
    struct iovec iov = {(void *)piece, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n_sent;

    if (n == 0)
        return;
    if (n_fds) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds);
        control.align =
            (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)n_fds), SOL_SOCKET, SCM_RIGHTS};
        for (int i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(&control.align) + (size_t)i * sizeof(int), &run->null, sizeof(int));
    }
    n_sent = sendmsg(run->other, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    MUST(n_sent == (ssize_t)n || errno == EAGAIN);
    if (n_sent < 0)
        return; /* so many pieces do not fit; the text goes on without this one */
    memcpy(run->in + run->n_in, piece, n);
    run->n_in += n;
}

static void take_lines(struct run *run)
{
    const char *line;
    size_t n;
    int r;

    while ((r = frame_next(&run->frame, &line, &n))) {
        MUST(r == 1 || r == -EMSGSIZE);
        MUST(r < 0 || (n > 0 && n <= run->frame.n_max_line));
        if (r < 0)
            run->got[run->n_got++] = '!';
        else
            memcpy(run->got + run->n_got, line, n);
        run->n_got += r < 0 ? 0 : n;
        run->got[run->n_got++] = '\n';
    }
}

/* The frame's own words, and a descriptor with them if so wanted. */
static void write_out(struct run *run, size_t n, bool with_fd)
{
    const uint8_t *piece = take(run, n, &n);

    if (n == 0)
        return;
    if (with_fd)
        MUST(frame_give_fd(&run->frame, fcntl(run->null, F_DUPFD_CLOEXEC, 0)) == 0);
    buf_add(frame_out(&run->frame), piece, n);
    memcpy(run->out + run->n_sent, piece, n);
    run->n_sent += n;
}

/* The other side reads a little; descriptors that come are too many for it, and closed by the
 * kernel. */
static void read_out(struct run *run, size_t n)
{
    char bytes[256];
    ssize_t got = recv(run->other, bytes, n, MSG_DONTWAIT);

    if (got <= 0)
        return;
    MUST(memcmp(bytes, run->out + run->n_received, (size_t)got) == 0);
    run->n_received += (size_t)got;
}

static void step(struct run *run)
{
    size_t n = run->data[run->at + 1];
    int r, fd;

    run->at += 2;
    switch (run->data[run->at - 2] % 8) {
    case 0:
        write_in(run, n, 0);
        break;
    case 1:
        write_in(run, n, 1 + (int)(n % 3));
        break;
    case 2:
        r = frame_read(&run->frame);
        MUST(r > 0 || r == -EAGAIN);
        break;
    case 3:
        take_lines(run);
        break;
    case 4:
        if ((fd = frame_take_fd(&run->frame)) >= 0)
            close(fd);
        break;
    case 5:
        write_out(run, n, n % 2);
        break;
    case 6:
        r = frame_flush(&run->frame);
        MUST(r == 0 || r == -EAGAIN);
        MUST((r == 0) == (frame_pending(&run->frame) == 0));
        break;
    default:
        read_out(run, n);
    }
}

/* The other side ends; what there is left of both ways arrives. */
static void finish(struct run *run)
{
    size_t n;
    int r;

    MUST(shutdown(run->other, SHUT_WR) == 0);
    do
        r = frame_read(&run->frame);
    while (r > 0);
    MUST(r == 0 && run->frame.eof);
    take_lines(run);
    n = expected_lines(run->in, run->n_in, run->frame.n_max_line, run->out + MAX_INPUT);
    MUST(n == run->n_got && memcmp(run->out + MAX_INPUT, run->got, n) == 0);
    MUST(!frame_has_input(&run->frame));
    while (run->n_received < run->n_sent) {
        r = frame_flush(&run->frame);
        MUST(r == 0 || r == -EAGAIN);
        n = run->n_received;
        read_out(run, 256);
        MUST(run->n_received > n);
    }
    MUST(frame_pending(&run->frame) == 0);
}

static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct run run;
    int ends[2], before = lowest_free();

    if (n < 2 || n > MAX_INPUT / 2)
        return 0;
    run = (struct run){
        .data = data, .n = n, .at = 1, .null = open("/dev/null", O_RDONLY | O_CLOEXEC)};
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    frame_init(&run.frame, ends[0], data[0]);
    run.other = ends[1];
    while (run.at + 1 < n)
        step(&run);
    finish(&run);
    frame_done(&run.frame);
    close(run.other);
    close(run.null);
    MUST(lowest_free() == before);
    return 0;
}
