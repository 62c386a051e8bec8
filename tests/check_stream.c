/* check_stream.c — the pumped stream of a handle, from outside: its bytes, its ends, and what the
 * ledger tells of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "house.h"

/* -- tools -- */

static int stream_of(struct house_client *c, long long handle)
{
    int fd;

    ck_assert_int_eq(house_int(house_ask(c, "stream", "{'handle':%lld}", handle), "fds"), 1);
    fd = house_take_fd(c);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static json_t *row_of(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

static void expect_balance(struct house_client *c)
{
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "balance"), 0);
}

/* Waits for it; -errno, or what was read. */
static ssize_t read_once(int fd, char *room, size_t n)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t r;

    house_until(poll(&wait, 1, 0) == 1);
    r = recv(fd, room, n, 0);
    return r < 0 ? -errno : r;
}

static void expect_bytes(int fd, const char *text)
{
    char room[256];
    size_t n = 0;

    while (n < strlen(text)) {
        ssize_t r = read_once(fd, room + n, strlen(text) - n);

        ck_assert_int_gt(r, 0);
        n += (size_t)r;
    }
    ck_assert_int_eq(memcmp(room, text, n), 0);
}

static void expect_end(int fd)
{
    char room[1];

    ck_assert_int_eq(read_once(fd, room, 1), 0);
}

static void put(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void expect_text(struct house_client *c, long long handle, const char *text)
{
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'exactly':%zu}", handle, strlen(text)),
                   "text"),
        text);
}

static void expect_eof(struct house_client *c, long long handle)
{
    json_t *r = house_do(c, "recv", "{'handle':%lld}", handle);

    ck_assert(house_bool(r, "eof"));
    ck_assert_str_eq(house_text(r, "text"), "");
}

static void say(struct house_client *c, long long handle, const char *text)
{
    house_do(c, "sendall", "{'handle':%lld,'text':'%s'}", handle, text);
}

/* Whether the stream has ended: then the handle has its bytes again. */
static bool has_ended(struct house_client *c, long long handle)
{
    json_t *r = house_ask(c, "recv", "{'handle':%lld,'timeout':0}", handle);

    return !house_has(r, "error.data.name") ||
           strcmp(house_text(r, "error.data.name"), "STREAMED") != 0;
}

/* A TCP connection whose other end is a descriptor of the test's. */
static int foreign_peer(struct house_client *c, const char *more, long long *ret_handle)
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

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* -- bytes -- */

START_TEST(both_ways)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    put(fd, "hello");
    expect_text(c, ends[1], "hello");
    say(c, ends[1], "and back");
    expect_bytes(fd, "and back");
    close(fd);
    expect_eof(c, ends[1]);
    expect_balance(c);
}
END_TEST

START_TEST(what_was_read_ahead_comes_first)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    say(c, ends[1], "line\\nrest,");
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[0]), "text"),
        "line\n");
    fd = stream_of(c, ends[0]);
    say(c, ends[1], "more");
    expect_bytes(fd, "rest,more");
    close(fd);
}
END_TEST

START_TEST(one_direction_ends_alone)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    for (int i = 0; i < 2; i++) {
        house_connect(c, ends);
        fd = stream_of(c, ends[0]);
        if (i == 0) {
            put(fd, "question");
            ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
            expect_text(c, ends[1], "question");
            expect_eof(c, ends[1]);
            say(c, ends[1], "answer");
            expect_bytes(fd, "answer");
            house_do(c, "close", "{'handle':%lld}", ends[1]);
            expect_end(fd);
        } else {
            say(c, ends[1], "question");
            house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
            expect_bytes(fd, "question");
            expect_end(fd);
            put(fd, "answer");
            close(fd);
            fd = -1;
            expect_text(c, ends[1], "answer");
            expect_eof(c, ends[1]);
        }
        house_until(has_ended(c, ends[0]));
        ck_assert_str_eq(house_text(row_of(c, ends[0]), "state"), "half_closed");
        expect_eof(c, ends[0]);
        if (fd >= 0)
            close(fd);
    }
}
END_TEST

START_TEST(a_reset_is_a_reset)
{
    struct house_client *c = house_client();
    long long h;
    char room[8];
    int peer = foreign_peer(c, "", &h), fd = stream_of(c, h);

    reset(peer);
    ck_assert_int_eq(read_once(fd, room, sizeof room), -ECONNRESET);
    close(fd);
    house_until(has_ended(c, h));
    house_expect_error(house_fail(c, "sendall", "{'handle':%lld,'text':'x'}", h), "os", "EPIPE");
    house_do(c, "close", "{'handle':%lld}", h);
    /* The other way: the client leaves something unread. */
    peer = foreign_peer(c, "", &h);
    fd = stream_of(c, h);
    put(peer, "unread");
    ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
    close(fd);
    ck_assert_int_eq(read_once(peer, room, sizeof room), -ECONNRESET);
    close(peer);
    expect_balance(c);
}
END_TEST

static int udp_at(int port, int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof a;

    ck_assert_int_eq(bind(fd, (void *)&a, n), 0);
    ck_assert_int_eq(getsockname(fd, (void *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void send_to(int fd, int port, const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    ck_assert_int_eq(sendto(fd, text, strlen(text), 0, (void *)&a, sizeof a),
                     (ssize_t)strlen(text));
}

/* Datagrams stay what they are, empty ones too; and there is no way to anybody but the peer, by
 * whatever the client does with its descriptor. */
START_TEST(datagrams)
{
    struct house_client *c = house_client();
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int peer_port, other_port, peer = udp_at(0, &peer_port), stranger = udp_at(0, &other_port), fd,
                               port;
    long long h = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    char room[100];
    json_t *r;

    house_expect_error(house_fail(c, "stream", "{'handle':%lld}", h), "handle", "NOT_CONNECTED");
    r = house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", h, peer_port);
    port = (int)house_int(r, "address.port");
    fd = stream_of(c, h);
    put(fd, "one");
    put(fd, "");
    put(fd, "three");
    ck_assert_int_eq(read_once(peer, room, sizeof room), 3);
    ck_assert_int_eq(read_once(peer, room, sizeof room), 0);
    ck_assert_int_eq(read_once(peer, room, sizeof room), 5);
    send_to(stranger, port, "not for you");
    send_to(peer, port, "first");
    send_to(peer, port, "");
    send_to(peer, port, "second");
    ck_assert_int_eq(read_once(fd, room, sizeof room), 5);
    ck_assert_int_eq(read_once(fd, room, sizeof room), 0);
    ck_assert_int_eq(read_once(fd, room, sizeof room), 6);
    other.sin_port = htons((uint16_t)other_port);
    ck_assert_int_lt(connect(fd, &none, sizeof none), 0);
    ck_assert_int_lt(connect(fd, (void *)&other, sizeof other), 0);
    /* An address says nothing on a pair: it goes where all goes. */
    sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&other, sizeof other);
    ck_assert_int_eq(read_once(peer, room, sizeof room), 1);
    house_expect_error(
        house_fail(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", h, other_port),
        "handle", "STREAMED");
    put(fd, "last");
    ck_assert_int_eq(read_once(peer, room, sizeof room), 4);
    ck_assert_int_eq(recv(stranger, room, sizeof room, MSG_DONTWAIT), -1);
    r = row_of(c, h);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 13);
    ck_assert_int_eq(house_int(r, "received_bytes"), 11);
    /* When the client has closed, the handle goes on. */
    close(fd);
    house_until(has_ended(c, h));
    ck_assert_str_eq(house_text(row_of(c, h), "state"), "connected");
    say(c, h, "by message");
    ck_assert_int_eq(read_once(peer, room, sizeof room), 10);
    fd = stream_of(c, h);
    put(fd, "again");
    ck_assert_int_eq(read_once(peer, room, sizeof room), 5);
    close(fd);
    close(peer);
    close(stranger);
    expect_balance(c);
}
END_TEST

START_TEST(unix_sockets)
{
    static const char *const types[] = {"SOCK_STREAM", "SOCK_SEQPACKET", "SOCK_DGRAM"};
    struct house_client *c = house_client();
    long long ends[2];
    char room[100];
    int fd, type;

    house_pair(c, types[_i], ends);
    fd = stream_of(c, ends[0]);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}), 0);
    ck_assert_int_eq(type, _i ? SOCK_SEQPACKET : SOCK_STREAM);
    put(fd, "hello");
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"), "hello");
    say(c, ends[1], "one");
    say(c, ends[1], "two");
    if (_i) {
        ck_assert_int_eq(read_once(fd, room, sizeof room), 3);
        ck_assert_int_eq(read_once(fd, room, sizeof room), 3);
    } else {
        expect_bytes(fd, "onetwo");
    }
    close(fd);
    house_until(has_ended(c, ends[0]) || _i < 2);
    expect_balance(c);
}
END_TEST

/* -- over TLS -- */

static void wrap_pair(struct house_client *c, const char *identity, long long ends[2])
{
    struct house_client *s = house_client();
    int port;
    long long listener = house_listen(s, &port);

    ends[0] = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    ends[1] = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'%s'}", ends[1],
                identity);
    house_do(c, "wrap", "{'handle':%lld}", ends[0]);
    ck_assert(house_has(house_next(s), "result"));
}

static const char *tls_settings(void)
{
    static char text[1000];

    snprintf(text, sizeof text,
             "[pool a]\nusers = root\n[tls good]\ncert = %s\nkey = %s\npools = a\n",
             certificates_path("good.pem"), certificates_path("key.pem"));
    return text;
}

START_TEST(plaintext_of_tls)
{
    struct house_client *c;
    long long ends[2];
    int fd;

    house_reopen_with(tls_settings());
    c = house_client();
    wrap_pair(c, "good", ends);
    /* Both what the handle and what TLS has read. */
    say(c, ends[1], "line\\nahead,");
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld,'size':2}", ends[0]), "text"),
                     "li");
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'until':'\\n','size':8}", ends[0]), "text"),
        "ne\n");
    fd = stream_of(c, ends[0]);
    say(c, ends[1], "then");
    expect_bytes(fd, "ahead,then");
    put(fd, "back");
    expect_text(c, ends[1], "back");
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", ends[0]), "handle", "STREAMED");
    ck_assert_int_eq(house_int(row_of(c, ends[0]), "sent_bytes"), 4);
    shutdown(fd, SHUT_WR);
    expect_eof(c, ends[1]);
    say(c, ends[1], "last");
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
    expect_bytes(fd, "last");
    expect_end(fd);
    house_until(has_ended(c, ends[0]));
    close(fd);
    expect_balance(c);
}
END_TEST

/* A send that did not come to its end has left a part of a record with TLS. */
START_TEST(what_tls_still_holds_goes_out)
{
    enum { N = 600000 };
    struct house_client *c;
    long long ends[2], n_sent = 0, n_got = 0;
    char *line = malloc(N + 200);
    json_t *r;
    int fd, n;

    house_reopen_with(tls_settings());
    c = house_client();
    wrap_pair(c, "good", ends);
    n = sprintf(line,
                "{\"id\":1,\"method\":\"sendall\",\"params\":{\"handle\":%lld,\"timeout\":1,"
                "\"text\":\"",
                ends[0]);
    memset(line + n, 'a', N);
    strcpy(line + n + N, "\"}}\n");
    do {
        house_send_bytes(c, line, strlen(line));
        house_turn(30);
        if (!house_is_answered(c))
            house_advance(1000000);
        r = house_next(c);
        n_sent += house_int(r, house_has(r, "error") ? "error.data.sent" : "result.sent");
    } while (!house_has(r, "error"));
    house_expect_error(r, "timeout", "TIMEOUT");
    fd = stream_of(c, ends[0]);
    while (n_got < n_sent)
        n_got +=
            (long long)strlen(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"));
    ck_assert_int_eq(n_got, n_sent);
    put(fd, "and more");
    expect_text(c, ends[1], "and more");
    close(fd);
    free(line);
}
END_TEST

/* What is cut off does not look complete; and afterwards the handle knows why. */
START_TEST(tls_that_is_cut_off)
{
    struct house_client *c, *s;
    long long ch, sh, listener;
    char room[20];
    int fd, port;

    house_reopen_with(tls_settings());
    c = house_client();
    s = house_client();
    listener = house_listen(s, &port);
    ch = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    sh = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", sh);
    house_do(c, "wrap", "{'handle':%lld}", ch);
    house_next(s);
    fd = stream_of(c, ch);
    say(s, sh, "part");
    expect_bytes(fd, "part");
    house_leave(s);
    ck_assert_int_eq(read_once(fd, room, sizeof room), -ECONNRESET);
    close(fd);
    house_until(has_ended(c, ch));
    house_expect_error(house_fail(c, "recv", "{'handle':%lld}", ch), "tls", "TRUNCATED");
    expect_balance(c);
}
END_TEST

START_TEST(it_ends_with_its_handle_over_tls)
{
    struct house_client *c;
    long long ends[2];
    char room[20];
    int fds[2];

    house_reopen_with(tls_settings());
    c = house_client();
    wrap_pair(c, "good", ends);
    fds[0] = stream_of(c, ends[0]);
    fds[1] = stream_of(c, ends[1]);
    put(fds[0], "x");
    expect_bytes(fds[1], "x");
    house_do(c, "close", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(read_once(fds[0], room, sizeof room), -ECONNRESET);
    /* Not told inside of TLS, for it may not have been all. */
    ck_assert_int_eq(read_once(fds[1], room, sizeof room), -ECONNRESET);
    close(fds[0]);
    close(fds[1]);
    expect_balance(c);
}
END_TEST

/* -- the ledger -- */

START_TEST(counted)
{
    struct house_client *c = house_client();
    long long ends[2];
    json_t *r;
    int fd;

    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    put(fd, "12345");
    expect_text(c, ends[1], "12345");
    say(c, ends[1], "1234567");
    expect_bytes(fd, "1234567");
    r = house_do(c, "stats", "{}");
    ck_assert_int_eq(house_int(r, "sent_bytes_total"), 12);
    ck_assert_int_eq(house_int(r, "received_bytes_total"), 12);
    r = row_of(c, ends[0]);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 5);
    ck_assert_int_eq(house_int(r, "received_bytes"), 7);
    ck_assert_str_eq(house_text(r, "custody"), "daemon");
    ck_assert(!house_has(r, "advisory"));
    put(fd, "678");
    expect_text(c, ends[1], "678");
    r = house_do(c, "close", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 8);
    close(fd);
    ck_assert_int_eq(house_int(row_of(c, ends[0]), "sent_bytes"), 8);
    /* One that ends by itself. */
    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    put(fd, "abc");
    close(fd);
    expect_text(c, ends[1], "abc");
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    house_until(has_ended(c, ends[0]));
    ck_assert_int_eq(house_int(row_of(c, ends[0]), "sent_bytes"), 3);
    ck_assert_int_eq(house_int(house_do(c, "stats", "{}"), "sent_bytes_total"), 18);
    expect_balance(c);
}
END_TEST

START_TEST(idle_by_its_stream)
{
    struct house_client *c;
    long long ends[2];
    int fd;

    house_reopen_with("[pool a]\nusers = root\nidle-suspect = 10\n");
    c = house_client();
    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    house_advance(6000000);
    put(fd, "x");
    expect_text(c, ends[1], "x");
    house_advance(6000000);
    ck_assert_uint_eq(house_size(row_of(c, ends[0]), "suspect"), 0);
    house_advance(11000000);
    ck_assert_str_eq(house_text(row_of(c, ends[0]), "suspect.0.kind"), "idle");
    put(fd, "y");
    expect_text(c, ends[1], "y");
    ck_assert_uint_eq(house_size(row_of(c, ends[0]), "suspect"), 0);
    /* Unread is what waits for nobody, and the pump is somebody. */
    say(c, ends[1], "z");
    house_advance(3000000);
    house_advance(3000000);
    ck_assert_uint_eq(house_size(row_of(c, ends[0]), "suspect"), 0);
    close(fd);
}
END_TEST

/* -- who may, and when -- */

START_TEST(the_handle_has_its_bytes_no_more)
{
    static const struct {
        const char *method, *more;
    } refused[] = {
        {"send", ",'text':'x'"},
        {"sendall", ",'text':'x'"},
        {"recv", ""},
        {"recv", ",'exactly':1"},
        {"recvfrom", ""},
        {"stream", ""},
        {"handoff", ""},
        {"shutdown", ",'how':'SHUT_WR'"},
        {"wrap", ",'verify':false"},
        {"sendto", ",'text':'x','address':['127.0.0.1',9]"},
    };
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        house_expect_error(
            house_fail(c, refused[i].method, "{'handle':%lld%s}", ends[0], refused[i].more),
            "handle", "STREAMED");
    ck_assert_int_eq(house_take_fd(c), -1);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'TCP_NODELAY','value':true}", ends[0]);
    house_do(c, "getpeername", "{'handle':%lld}", ends[0]);
    put(fd, "fine");
    expect_text(c, ends[1], "fine");
    close(fd);
}
END_TEST

/* What waits comes first, in an unordered session. */
START_TEST(in_its_turn)
{
    struct house_client *c = house_client();
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "hello", "{'unordered':true}");
    house_begin(c, 1, "recv", "{'handle':%lld,'exactly':3}", ends[0]);
    house_begin(c, 2, "stream", "{'handle':%lld}", ends[0]);
    house_turn(5);
    ck_assert(!house_is_answered(c));
    house_begin(c, 3, "sendall", "{'handle':%lld,'text':'abcdef'}", ends[1]);
    for (int i = 0; i < 3; i++)
        house_next(c);
    {
        int fd = house_take_fd(c);

        expect_bytes(fd, "def");
        close(fd);
    }
}
END_TEST

START_TEST(what_has_no_stream)
{
    struct house_client *c = house_client();
    long long ends[2], h;
    json_t *r;
    int port;

    h = house_listen(c, &port);
    house_expect_error(house_fail(c, "stream", "{'handle':%lld}", h), "handle", "NOT_CONNECTED");
    h = house_make(c, "socket", "{}");
    house_expect_error(house_fail(c, "stream", "{'handle':%lld}", h), "handle", "NOT_CONNECTED");
    house_connect(c, ends);
    house_send(c, "[{'id':1,'method':'stream','params':{'handle':%lld}}]", ends[0]);
    r = house_next(c);
    ck_assert_str_eq(house_text(r, "0.error.data.kind"), "fd");
    house_send(c, "{'method':'stream','params':{'handle':%lld}}", ends[0]);
    house_expect_silence(c);
    ck_assert_int_eq(house_take_fd(c), -1);
    say(c, ends[0], "still there");
    expect_text(c, ends[1], "still there");
}
END_TEST

START_TEST(policy_rules_it)
{
    struct house_client *c;
    long long ends[2];
    json_t *e;
    int fd;

    house_reopen_with("[pool a]\nusers = root\nplanes = message\n"
                      "[pool b]\nusers = root\nplanes = stream\n");
    c = house_client();
    house_connect(c, ends);
    e = house_fail(c, "stream", "{'handle':%lld}", ends[0]);
    house_expect_error(e, "policy", "DENIED");
    ck_assert_str_eq(house_text(e, "data.pool"), "a");
    ck_assert(house_has(e, "data.rule"));
    ck_assert(house_has(e, "data.hint"));
    ck_assert(!house_bool(house_do(c, "why", "{'method':'stream','pool':'a'}"), "allowed"));
    ck_assert(house_bool(house_do(c, "why", "{'method':'stream','pool':'b'}"), "allowed"));
    ck_assert(!house_has(house_do(c, "why", "{'method':'stream','pool':'b'}"), "advisory"));
    e = house_do(c, "socketpair", "{'pool':'b'}");
    ends[0] = house_int(e, "handles.0");
    house_expect_error(house_fail(c, "send", "{'handle':%lld,'text':'x'}", ends[0]), "policy",
                       "DENIED");
    fd = stream_of(c, ends[0]);
    close(fd);
}
END_TEST

/* Without a descriptor to spare nothing begins, and nothing is lost. */
START_TEST(no_descriptor_left)
{
    struct house_client *c = house_client();
    struct rlimit old, low;
    long long ends[2];
    int fd, n_refused = 0;

    house_connect(c, ends);
    say(c, ends[1], "line\\nahead");
    house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[0]);
    close(stream_of(c, house_make(c, "socketpair", "{}"))); /* the pump is there */
    getrlimit(RLIMIT_NOFILE, &old);
    for (int n_more = 0; n_more < 12; n_more++) {
        json_t *r;

        fd = dup(0);
        low = (struct rlimit){(rlim_t)(fd + n_more), old.rlim_max};
        close(fd);
        setrlimit(RLIMIT_NOFILE, &low);
        r = house_ask(c, "stream", "{'handle':%lld}", ends[0]);
        setrlimit(RLIMIT_NOFILE, &old);
        if (house_has(r, "result"))
            break;
        n_refused++;
        house_expect_error(r, "os", "EMFILE");
    }
    ck_assert_int_gt(n_refused, 1);
    fd = house_take_fd(c);
    if (fd >= 0) {
        expect_bytes(fd, "ahead");
        close(fd);
    }
    expect_balance(c);
}
END_TEST

/* -- the end of the handle -- */

static void expect_cut(int fd)
{
    char room[20];
    ssize_t r = read_once(fd, room, sizeof room);

    ck_assert(r == 0 || r == -ECONNRESET);
    ck_assert_int_lt(send(fd, "x", 1, MSG_NOSIGNAL), 0);
    close(fd);
}

START_TEST(closing_the_handle)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = stream_of(c, ends[0]);
    put(fd, "x");
    expect_text(c, ends[1], "x");
    ck_assert_str_eq(house_text(house_do(c, "close", "{'handle':%lld}", ends[0]), "end.how"),
                     "closed");
    expect_cut(fd);
    expect_balance(c);
}
END_TEST

/* A part that was not delivered does not look like all. */
START_TEST(closing_before_all_is_delivered)
{
    struct house_client *c = house_client();
    static char room[65536];
    long long h;
    int peer = foreign_peer(c, "", &h), fd = stream_of(c, h), size = 8192;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    size_t n_sent = 0, n_got = 0;
    ssize_t r;

    setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    while (poll(&wait, 1, 300) == 1)
        if ((r = send(fd, room, sizeof room, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
            n_sent += (size_t)r;
    if (_i)
        close(fd);
    house_do(c, "close", "{'handle':%lld}", h);
    while ((r = read_once(peer, room, sizeof room)) > 0)
        n_got += (size_t)r;
    ck_assert_int_eq(r, -ECONNRESET);
    ck_assert_uint_lt(n_got, n_sent);
    if (!_i)
        expect_cut(fd);
    close(peer);
    expect_balance(c);
}
END_TEST

START_TEST(the_end_of_its_session)
{
    struct house_client *c = house_client(), *other = house_client();
    long long h;
    char room[10];
    int peer = foreign_peer(c, "", &h), fd = stream_of(c, h);
    ssize_t r;

    house_leave(c);
    expect_cut(fd);
    r = read_once(peer, room, sizeof room);
    ck_assert(r == 0 || r == -ECONNRESET);
    ck_assert_str_eq(house_text(row_of(other, h), "end.how"), "reclaimed");
    close(peer);
    expect_balance(other);
}
END_TEST

/* A lasting one goes on: its client may have given the descriptor to others. */
START_TEST(a_lease_that_lasts)
{
    struct house_client *c = house_client(), *other = house_client();
    long long h;
    int peer = foreign_peer(c, ",'lease':60", &h), fd = stream_of(c, h);
    char room[10];
    ssize_t r;

    house_leave(c);
    put(fd, "x");
    expect_bytes(peer, "x");
    house_do(other, "attach", "{'handle':%lld}", h);
    put(peer, "y");
    expect_bytes(fd, "y");
    house_expect_error(house_fail(other, "stream", "{'handle':%lld}", h), "handle", "STREAMED");
    close(fd);
    put(peer, "unread");
    shutdown(peer, SHUT_WR);
    house_until(has_ended(other, h));
    house_do(other, "close", "{'handle':%lld}", h);
    close(peer);
    /* And one that runs out. */
    c = house_client();
    peer = foreign_peer(c, ",'lease':60", &h);
    fd = stream_of(c, h);
    house_leave(c);
    house_advance(61000000);
    ck_assert_str_eq(house_text(row_of(other, h), "end.how"), "expired");
    expect_cut(fd);
    r = read_once(peer, room, sizeof room);
    ck_assert(r == 0 || r == -ECONNRESET);
    close(peer);
    expect_balance(other);
}
END_TEST

/* The daemon goes, and the streams with it. */
START_TEST(the_end_of_the_daemon)
{
    struct house_client *c = house_client();
    int fds[5];
    long long ends[2];

    for (int i = 0; i < 5; i++) {
        house_connect(c, ends);
        fds[i] = stream_of(c, ends[0]);
    }
    house_reopen_with("");
    for (int i = 0; i < 5; i++)
        expect_cut(fds[i]);
}
END_TEST

START_TEST(many)
{
    enum { N = 100 };
    struct house_client *c = house_client();
    int fds[N];
    long long ends[N][2];

    for (int i = 0; i < N; i++) {
        char text[20];

        house_pair(c, "SOCK_STREAM", ends[i]);
        fds[i] = stream_of(c, ends[i][0]);
        snprintf(text, sizeof text, "number %d", i);
        put(fds[i], text);
    }
    for (int i = 0; i < N; i++) {
        char text[20];

        snprintf(text, sizeof text, "number %d", i);
        expect_text(c, ends[i][1], text);
        say(c, ends[i][1], text);
        expect_bytes(fds[i], text);
        close(fds[i]);
        expect_eof(c, ends[i][1]);
    }
    expect_balance(c);
}
END_TEST

/* -- */

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc;
    int r;

    certificates_open();
    tc = house_case(suite, "bytes");
    tcase_add_test(tc, both_ways);
    tcase_add_test(tc, what_was_read_ahead_comes_first);
    tcase_add_test(tc, one_direction_ends_alone);
    tcase_add_test(tc, a_reset_is_a_reset);
    tcase_add_test(tc, datagrams);
    tcase_add_loop_test(tc, unix_sockets, 0, 3);
    tcase_add_test(tc, many);
    tc = house_case(suite, "tls");
    tcase_add_test(tc, plaintext_of_tls);
    tcase_add_test(tc, what_tls_still_holds_goes_out);
    tcase_add_test(tc, tls_that_is_cut_off);
    tcase_add_test(tc, it_ends_with_its_handle_over_tls);
    tc = house_case(suite, "ledger");
    tcase_add_test(tc, counted);
    tcase_add_test(tc, idle_by_its_stream);
    tc = house_case(suite, "rules");
    tcase_add_test(tc, the_handle_has_its_bytes_no_more);
    tcase_add_test(tc, in_its_turn);
    tcase_add_test(tc, what_has_no_stream);
    tcase_add_test(tc, policy_rules_it);
    tcase_add_test(tc, no_descriptor_left);
    tc = house_case(suite, "end");
    tcase_add_test(tc, closing_the_handle);
    tcase_add_loop_test(tc, closing_before_all_is_delivered, 0, 2);
    tcase_add_test(tc, the_end_of_its_session);
    tcase_add_test(tc, a_lease_that_lasts);
    tcase_add_test(tc, the_end_of_the_daemon);
    r = house_run(suite);
    certificates_close();
    return r;
}
