/* house_client.c — the clients of the house: lines out, JSON in. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "house_private.h"

int server_add_client(struct server *s, int fd);

struct house_client {
    int fd; /* -1: it has left */
    char *in;
    size_t n_in, n_room, n_given; /* bytes of the line given out last */
    bool eof;
    int next_id;
    int fds[64], n_fds; /* that came */
    struct house_client *next;
};

static struct house_client *clients;
static json_t *replies; /* owns all that was given out */

struct house_client *house_client_of(int fd)
{
    struct house_client *c = calloc(1, sizeof *c);

    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    c->fd = fd;
    c->next_id = 1000;
    c->next = clients;
    clients = c;
    return c;
}

struct house_client *house_client(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(server_add_client(house_server(), fds[1]), 0);
    return house_client_of(fds[0]);
}

int house_client_fd(const struct house_client *c)
{
    return c->fd;
}

void house_leave(struct house_client *c)
{
    int n = house_n_sessions();

    close(c->fd);
    c->fd = -1;
    house_until(house_n_sessions() < n);
}

void house_private_end_clients(void)
{
    while (clients) {
        struct house_client *c = clients;

        clients = c->next;
        if (c->fd >= 0)
            close(c->fd);
        while (c->n_fds)
            close(house_take_fd(c));
        free(c->in);
        free(c);
    }
    json_decref(replies);
    replies = NULL;
}

void house_private_expect_audit(void)
{
    ck_assert_int_eq(house_int(house_do(house_client(), "ledger.audit", "{}"), "balance"), 0);
}

/* -- out -- */

void house_send_bytes(struct house_client *c, const void *bytes, size_t n)
{
    int64_t deadline = house_deadline();
    const char *at = bytes;

    while (n) {
        ssize_t sent = send(c->fd, at, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EPIPE)
            return; /* the daemon has ended the session; what is read next tells */
        if (sent < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            ck_assert_msg(house_wait(deadline), "the daemon does not read");
            continue;
        }
        at += sent;
        n -= (size_t)sent;
    }
}

/* A line's text with its quotes put right; to be freed. */
static char *quoted(const char *format, va_list args)
{
    char *text;

    ck_assert_int_ge(vasprintf(&text, format, args), 0);
    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    return text;
}

void house_send(struct house_client *c, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = quoted(format, args);
    va_end(args);
    house_send_bytes(c, text, strlen(text));
    house_send_bytes(c, "\n", 1);
    free(text);
}

void house_send_fds(struct house_client *c, const char *line, const int *fds, int n_fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 16)];
    } control = {0};
    char text[1024];
    struct iovec iov = {text, (size_t)snprintf(text, sizeof text, "%s\n", line)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds)};

    ck_assert_uint_lt(iov.iov_len, sizeof text);
    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)n_fds), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * (size_t)n_fds);
    ck_assert_int_eq(sendmsg(c->fd, &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
}

/* -- in -- */

int house_take_fd(struct house_client *c)
{
    int fd = c->n_fds ? c->fds[0] : -1;

    if (c->n_fds)
        memmove(c->fds, c->fds + 1, (size_t)--c->n_fds * sizeof *c->fds);
    return fd;
}

static ssize_t receive(struct house_client *c)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 16)];
    } control;
    struct iovec iov = {c->in + c->n_in, c->n_room - c->n_in};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);

    for (struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL; h; h = CMSG_NXTHDR(&msg, h)) {
        size_t n_bytes = h->cmsg_len - CMSG_LEN(0);

        ck_assert_int_lt(c->n_fds, 48);
        memcpy(c->fds + c->n_fds, CMSG_DATA(h), n_bytes);
        c->n_fds += (int)(n_bytes / sizeof(int));
    }
    return n;
}

/* Reads what is there. */
static void take_in(struct house_client *c)
{
    ssize_t n;

    do {
        if (c->n_room - c->n_in < 65536) {
            c->n_room = 2 * c->n_room + 131072;
            c->in = realloc(c->in, c->n_room);
            ck_assert_ptr_nonnull(c->in);
        }
        n = receive(c);
        if (n > 0)
            c->n_in += (size_t)n;
    } while (n > 0);
    /* A session that the daemon ended while something was unread is reset. */
    c->eof |= n == 0 || errno == ECONNRESET;
    ck_assert(n == 0 || errno == EAGAIN || errno == ECONNRESET);
}

static void drop_given(struct house_client *c)
{
    c->n_in -= c->n_given;
    if (c->n_given)
        memmove(c->in, c->in + c->n_given, c->n_in);
    c->n_given = 0;
}

static char *find_line(struct house_client *c)
{
    take_in(c);
    return memchr(c->in, '\n', c->n_in);
}

bool house_is_answered(struct house_client *c)
{
    drop_given(c);
    return find_line(c) || c->eof;
}

/* NULL: the session has ended. */
static const char *next_line(struct house_client *c)
{
    char *end;

    drop_given(c);
    house_until((end = find_line(c)) || c->eof);
    if (!end)
        return NULL;
    *end = '\0';
    c->n_given = (size_t)(end - c->in) + 1;
    return c->in;
}

const char *house_next_line(struct house_client *c)
{
    const char *line = next_line(c);

    ck_assert_msg(line, "the session has ended; a line was expected");
    return line;
}

static json_t *parse(const char *line)
{
    json_error_t e;
    json_t *v = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

    ck_assert_msg(v, "no JSON (%s): %.300s", e.text, line);
    if (!replies)
        replies = json_array();
    ck_assert_int_eq(json_array_append_new(replies, v), 0);
    return v;
}

json_t *house_next(struct house_client *c)
{
    return parse(house_next_line(c));
}

json_t *house_next_or_end(struct house_client *c)
{
    const char *line = next_line(c);

    return line ? parse(line) : NULL;
}

void house_expect_silence(struct house_client *c)
{
    drop_given(c);
    house_turn(8);
    take_in(c);
    ck_assert_msg(c->n_in == 0, "silence was expected, not %.*s", (int)c->n_in, c->in);
    ck_assert_msg(!c->eof, "the session has ended");
}

void house_expect_end(struct house_client *c)
{
    drop_given(c);
    house_until((take_in(c), c->eof || c->n_in));
    ck_assert_msg(c->n_in == 0, "the end was expected, not %.*s", (int)c->n_in, c->in);
}

/* -- asking -- */

static void begin(struct house_client *c, int id, const char *method, const char *params,
                  va_list args)
{
    char *text = quoted(params, args);

    house_send(c, "{'jsonrpc':'2.0','id':%d,'method':'%s','params':%s}", id, method, text);
    free(text);
}

void house_begin(struct house_client *c, int id, const char *method, const char *params, ...)
{
    va_list args;

    va_start(args, params);
    begin(c, id, method, params, args);
    va_end(args);
}

static json_t *ask(struct house_client *c, const char *method, const char *params, va_list args)
{
    int id = c->next_id++;
    json_t *reply;

    begin(c, id, method, params, args);
    reply = house_next(c);
    house_expect_id(reply, id);
    return reply;
}

json_t *house_ask(struct house_client *c, const char *method, const char *params, ...)
{
    va_list args;
    json_t *reply;

    va_start(args, params);
    reply = ask(c, method, params, args);
    va_end(args);
    return reply;
}

/* The member of a reply that is expected, "result" or "error". */
static json_t *expect(json_t *reply, const char *method, const char *member)
{
    json_t *v = json_object_get(reply, member);
    char *text = v ? NULL : json_dumps(reply, JSON_COMPACT);

    ck_assert_msg(v, "%s: no %s in %s", method, member, text);
    return v;
}

json_t *house_do(struct house_client *c, const char *method, const char *params, ...)
{
    va_list args;
    json_t *reply;

    va_start(args, params);
    reply = ask(c, method, params, args);
    va_end(args);
    return expect(reply, method, "result");
}

json_t *house_fail(struct house_client *c, const char *method, const char *params, ...)
{
    va_list args;
    json_t *reply;

    va_start(args, params);
    reply = ask(c, method, params, args);
    va_end(args);
    return expect(reply, method, "error");
}

long long house_make(struct house_client *c, const char *method, const char *params, ...)
{
    va_list args;
    json_t *result;

    va_start(args, params);
    result = expect(ask(c, method, params, args), method, "result");
    va_end(args);
    return house_int(result, house_at(result, "handle") ? "handle" : "handles.0");
}
