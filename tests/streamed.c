#include "streamed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int streamed_open(struct house_client *c, long long handle)
{
    int fd;

    ck_assert_int_eq(house_int(house_ask(c, "stream", "{'handle':%lld}", handle), "fds"), 1);
    fd = house_take_fd(c);
    ck_assert_int_ge(fd, 0);
    return fd;
}

json_t *streamed_row(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

void streamed_expect_balance(struct house_client *c)
{
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "balance"), 0);
}

/* Waits for it; -errno, or what was read. */
ssize_t streamed_read(int fd, char *room, size_t n)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t r;

    house_until(poll(&wait, 1, 0) == 1);
    r = recv(fd, room, n, 0);
    return r < 0 ? -errno : r;
}

void streamed_expect(int fd, const char *text)
{
    char room[256];
    size_t n = 0;

    while (n < strlen(text)) {
        ssize_t r = streamed_read(fd, room + n, strlen(text) - n);

        ck_assert_int_gt(r, 0);
        n += (size_t)r;
    }
    ck_assert_int_eq(memcmp(room, text, n), 0);
}

void streamed_expect_end(int fd)
{
    char room[1];

    ck_assert_int_eq(streamed_read(fd, room, 1), 0);
}

void streamed_put(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

void streamed_expect_text(struct house_client *c, long long handle, const char *text)
{
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'exactly':%zu}", handle, strlen(text)),
                   "text"),
        text);
}

void streamed_expect_eof(struct house_client *c, long long handle)
{
    json_t *r = house_do(c, "recv", "{'handle':%lld}", handle);

    ck_assert(house_bool(r, "eof"));
    ck_assert_str_eq(house_text(r, "text"), "");
}

void streamed_say(struct house_client *c, long long handle, const char *text)
{
    house_do(c, "sendall", "{'handle':%lld,'text':'%s'}", handle, text);
}

/* Whether the stream has ended: then the handle has its bytes again. */
bool streamed_has_ended(struct house_client *c, long long handle)
{
    json_t *r = house_ask(c, "recv", "{'handle':%lld,'timeout':0}", handle);

    return !house_has(r, "error.data.name") ||
           strcmp(house_text(r, "error.data.name"), "STREAMED") != 0;
}

/* A TCP connection whose other end is a descriptor of the test's. */
int streamed_with_peer(struct house_client *c, const char *more, long long *ret_handle)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    socklen_t n = sizeof a;

    ck_assert(bind(listener, (void *)&a, n) == 0 && listen(listener, 1) == 0);
    ck_assert_int_eq(getsockname(listener, (void *)&a, &n), 0);
    *ret_handle = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d%s}",
                             ntohs(a.sin_port), more);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    close(listener);
    return fd;
}

void streamed_reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

void streamed_expect_cut(int fd)
{
    char room[20];
    ssize_t r = streamed_read(fd, room, sizeof room);

    ck_assert(r == 0 || r == -ECONNRESET);
    ck_assert_int_lt(send(fd, "x", 1, MSG_NOSIGNAL), 0);
    close(fd);
}
