#include "streams_tools.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct real streams_daemon;

void streams_wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    real_stop(&streams_daemon, 1);
    exit(1);
}

void await(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    if (poll(&p, 1, WAIT_MS) != 1)
        streams_wrong("descriptor %d: it never came to be", fd);
}

/* -- sessions -- */

enum { ROOM = 1 << 20 };

struct session *session_open(void)
{
    struct session *s = calloc(1, sizeof *s);

    if (!s || !(s->in = malloc(ROOM)) || (s->fd = real_connect(&streams_daemon)) < 0)
        streams_wrong("no session");
    s->fd_in = -1;
    return s;
}

void session_close(struct session *s)
{
    close(s->fd);
    free(s->in);
    free(s);
}

static void begin(struct session *s, const char *method, const char *params, va_list args)
{
    char line[8192], *text = line + snprintf(line, sizeof line,
                                             "{\"id\":1,\"method\":\"%s\",\"params\":", method);
    int n = vsnprintf(text, sizeof line - 1000, params, args);

    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    memcpy(text + n, "}\n", 3);
    if (lines_write(s->fd, line, strlen(line)) < 0)
        streams_wrong("%s: the daemon does not read", method);
}

void session_begin(struct session *s, const char *method, const char *params, ...)
{
    va_list args;

    va_start(args, params);
    begin(s, method, params, args);
    va_end(args);
}

static void receive(struct session *s)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {s->in + s->n_in, ROOM - s->n_in};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n;

    await(s->fd, POLLIN);
    n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        streams_wrong("the session has ended");
    if (m.msg_controllen)
        memcpy(&s->fd_in, CMSG_DATA(&control.head), sizeof(int));
    s->n_in += (size_t)n;
}

json_t *session_next(struct session *s)
{
    json_t *reply, *result;
    char *end;

    while (!(end = memchr(s->in, '\n', s->n_in)))
        receive(s);
    reply = json_loadb(s->in, (size_t)(end - s->in), 0, NULL);
    s->n_in -= (size_t)(end + 1 - s->in);
    memmove(s->in, end + 1, s->n_in);
    if (!json_object_get(reply, "result"))
        streams_wrong("no result: %s", json_dumps(reply, JSON_COMPACT));
    result = json_incref(json_object_get(reply, "result"));
    json_decref(reply);
    return result;
}

json_t *session_ask(struct session *s, const char *method, const char *params, ...)
{
    va_list args;

    va_start(args, params);
    begin(s, method, params, args);
    va_end(args);
    return session_next(s);
}

long long session_make(struct session *s, const char *method, const char *params, ...)
{
    json_t *result;
    long long handle;
    va_list args;

    va_start(args, params);
    begin(s, method, params, args);
    va_end(args);
    result = session_next(s);
    handle = json_integer_value(json_object_get(result, "handle"));
    json_decref(result);
    return handle;
}

int session_stream(struct session *s, long long handle)
{
    int fd;

    json_decref(session_ask(s, "stream", "{'handle':%lld}", handle));
    fd = s->fd_in;
    s->fd_in = -1;
    if (fd < 0)
        streams_wrong("stream: no descriptor came");
    return fd;
}

/* -- bytes -- */

static char pattern(uint32_t seed, size_t i)
{
    uint32_t x = seed * 2654435761u + (uint32_t)(i >> 2) * 2246822519u;

    return (char)(x >> (8 * (i & 3)));
}

void put_pattern(int fd, uint32_t seed, size_t n)
{
    char room[65536];

    for (size_t at = 0; at < n;) {
        size_t len = n - at < sizeof room ? n - at : sizeof room;
        ssize_t r;

        for (size_t i = 0; i < len; i++)
            room[i] = pattern(seed, at + i);
        await(fd, POLLOUT);
        r = send(fd, room, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (r < 0 && errno != EAGAIN)
            streams_wrong("send: %s", strerror(errno));
        at += r > 0 ? (size_t)r : 0;
    }
}

size_t take_pattern(int fd, uint32_t seed, size_t n, int *ret_error)
{
    char room[65536];
    size_t at = 0;

    *ret_error = -1;
    while (at < n) {
        ssize_t r;

        await(fd, POLLIN);
        r = recv(fd, room, n - at < sizeof room ? n - at : sizeof room, MSG_DONTWAIT);
        if (r <= 0) {
            *ret_error = r < 0 ? errno : 0;
            return at;
        }
        for (ssize_t i = 0; i < r; i++)
            if (room[i] != pattern(seed, at + (size_t)i))
                streams_wrong("byte %zu is not what was sent", at + (size_t)i);
        at += (size_t)r;
    }
    return at;
}

int listen_here(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof a;

    if (bind(fd, (void *)&a, n) < 0 || listen(fd, 100) < 0 || getsockname(fd, (void *)&a, &n) < 0)
        streams_wrong("listen: %s", strerror(errno));
    *ret_port = ntohs(a.sin_port);
    return fd;
}
