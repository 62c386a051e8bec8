#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10, MAX_LINE_BYTES = 1 << 20, EVENTS = 256 };

/* An idle client costs this and nothing else: a buffer exists only while half a line waits in it.
 */
struct client {
    int fd;
    size_t n_rest;
    char *rest;
};

static char input[MAX_LINE_BYTES + READ_BYTES];

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
    _exit(1);
}

void out_add(struct out *out, const char *bytes, size_t n)
{
    if (out->n_room - out->n < n) {
        out->n_room = (out->n_room + n) * 2;
        out->data = realloc(out->data, out->n_room);
        if (!out->data)
            give_up("memory");
    }
    memcpy(out->data + out->n, bytes, n);
    out->n += n;
}

static void write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

        if (sent < 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* Answers the whole lines of input[0..n). Returns where the last of them ends. */
static size_t answer_lines(answer_fn *answer, size_t n, struct out *out)
{
    size_t at = 0;
    char *newline;

    while ((newline = memchr(input + at, '\n', n - at))) {
        size_t end = (size_t)(newline - input) + 1;

        answer(input + at, end - at, out);
        at = end;
    }
    return at;
}

static void keep_rest(struct client *c, const char *bytes, size_t n)
{
    free(c->rest);
    c->rest = NULL;
    c->n_rest = n;
    if (n == 0)
        return;
    if (n > MAX_LINE_BYTES || !(c->rest = malloc(n)))
        give_up("a line");
    memcpy(c->rest, bytes, n);
}

static void drop(struct client *c)
{
    close(c->fd);
    free(c->rest);
    free(c);
}

static void work(struct client *c, answer_fn *answer)
{
    static struct out out;
    size_t n_done;
    ssize_t n;

    if (c->n_rest)
        memcpy(input, c->rest, c->n_rest);
    n = read(c->fd, input + c->n_rest, READ_BYTES);
    if (n <= 0) {
        drop(c);
        return;
    }
    if (!answer) {
        write_all(c->fd, input, (size_t)n);
        return;
    }
    out.n = 0;
    n_done = answer_lines(answer, c->n_rest + (size_t)n, &out);
    write_all(c->fd, out.data, out.n);
    keep_rest(c, input + n_done, c->n_rest + (size_t)n - n_done);
}

static void take_client(int epoll, int listen_fd)
{
    struct client *c = calloc(1, sizeof *c);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    if (!c || (c->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
        give_up("accept");
}

void serve(int listen_fd, answer_fn *answer)
{
    struct epoll_event e = {.events = EPOLLIN}, events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listen_fd, &e) < 0)
        give_up("epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                work(events[i].data.ptr, answer);
            else
                take_client(epoll, listen_fd);
        }
    }
}
