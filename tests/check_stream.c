/* check_stream.c — the pumped stream of a handle, from outside: its bytes, what the ledger tells of
 * it, and who may have one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "streamed.h"

/* -- bytes -- */

START_TEST(both_ways)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = streamed_open(c, ends[0]);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    streamed_put(fd, "hello");
    streamed_expect_text(c, ends[1], "hello");
    streamed_say(c, ends[1], "and back");
    streamed_expect(fd, "and back");
    close(fd);
    streamed_expect_eof(c, ends[1]);
    streamed_expect_balance(c);
}
END_TEST

START_TEST(what_was_read_ahead_comes_first)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    streamed_say(c, ends[1], "line\\nrest,");
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[0]), "text"),
        "line\n");
    fd = streamed_open(c, ends[0]);
    streamed_say(c, ends[1], "more");
    streamed_expect(fd, "rest,more");
    close(fd);
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
    fd = streamed_open(c, h);
    streamed_put(fd, "one");
    streamed_put(fd, "");
    streamed_put(fd, "three");
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 3);
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 0);
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 5);
    send_to(stranger, port, "not for you");
    send_to(peer, port, "first");
    send_to(peer, port, "");
    send_to(peer, port, "second");
    ck_assert_int_eq(streamed_read(fd, room, sizeof room), 5);
    ck_assert_int_eq(streamed_read(fd, room, sizeof room), 0);
    ck_assert_int_eq(streamed_read(fd, room, sizeof room), 6);
    other.sin_port = htons((uint16_t)other_port);
    ck_assert_int_lt(connect(fd, &none, sizeof none), 0);
    ck_assert_int_lt(connect(fd, (void *)&other, sizeof other), 0);
    /* An address says nothing on a pair: it goes where all goes. */
    sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&other, sizeof other);
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 1);
    house_expect_error(
        house_fail(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d]}", h, other_port),
        "handle", "STREAMED");
    streamed_put(fd, "last");
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 4);
    ck_assert_int_eq(recv(stranger, room, sizeof room, MSG_DONTWAIT), -1);
    r = streamed_row(c, h);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 13);
    ck_assert_int_eq(house_int(r, "received_bytes"), 11);
    /* When the client has closed, the handle goes on. */
    close(fd);
    house_until(streamed_has_ended(c, h));
    ck_assert_str_eq(house_text(streamed_row(c, h), "state"), "connected");
    streamed_say(c, h, "by message");
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 10);
    fd = streamed_open(c, h);
    streamed_put(fd, "again");
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), 5);
    close(fd);
    close(peer);
    close(stranger);
    streamed_expect_balance(c);
}
END_TEST

/* A raw socket is connected to an address alone, and getpeername(2) knows no such peer. */
START_TEST(raw_sockets)
{
    struct house_client *c = house_client();
    unsigned char echo[8] = {8, 0, 0xf7, 0xff}, room[100]; /* RFC 792, with its checksum */
    long long h;
    int fd;

    if (geteuid() != 0)
        return;
    h = house_make(c, "socket", "{'type':'SOCK_RAW','protocol':1}");
    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',0]}", h);
    fd = streamed_open(c, h);
    ck_assert_int_eq(send(fd, echo, sizeof echo, 0), sizeof echo);
    do
        ck_assert_int_ge(recv(fd, room, sizeof room, 0), 28);
    while (room[20] != 0); /* the request comes by, too */
    close(fd);
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
    fd = streamed_open(c, ends[0]);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}), 0);
    ck_assert_int_eq(type, _i ? SOCK_SEQPACKET : SOCK_STREAM);
    streamed_put(fd, "hello");
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"), "hello");
    streamed_say(c, ends[1], "one");
    streamed_say(c, ends[1], "two");
    if (_i) {
        ck_assert_int_eq(streamed_read(fd, room, sizeof room), 3);
        ck_assert_int_eq(streamed_read(fd, room, sizeof room), 3);
    } else {
        streamed_expect(fd, "onetwo");
    }
    close(fd);
    house_until(streamed_has_ended(c, ends[0]) || _i < 2);
    streamed_expect_balance(c);
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
        fds[i] = streamed_open(c, ends[i][0]);
        snprintf(text, sizeof text, "number %d", i);
        streamed_put(fds[i], text);
    }
    for (int i = 0; i < N; i++) {
        char text[20];

        snprintf(text, sizeof text, "number %d", i);
        streamed_expect_text(c, ends[i][1], text);
        streamed_say(c, ends[i][1], text);
        streamed_expect(fds[i], text);
        close(fds[i]);
        streamed_expect_eof(c, ends[i][1]);
    }
    streamed_expect_balance(c);
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
    fd = streamed_open(c, ends[0]);
    streamed_put(fd, "12345");
    streamed_expect_text(c, ends[1], "12345");
    streamed_say(c, ends[1], "1234567");
    streamed_expect(fd, "1234567");
    r = house_do(c, "stats", "{}");
    ck_assert_int_eq(house_int(r, "sent_bytes_total"), 12);
    ck_assert_int_eq(house_int(r, "received_bytes_total"), 12);
    r = streamed_row(c, ends[0]);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 5);
    ck_assert_int_eq(house_int(r, "received_bytes"), 7);
    ck_assert_str_eq(house_text(r, "custody"), "daemon");
    ck_assert(!house_has(r, "advisory"));
    streamed_put(fd, "678");
    streamed_expect_text(c, ends[1], "678");
    r = house_do(c, "close", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(house_int(r, "sent_bytes"), 8);
    close(fd);
    ck_assert_int_eq(house_int(streamed_row(c, ends[0]), "sent_bytes"), 8);
    /* One that ends by itself. */
    house_connect(c, ends);
    fd = streamed_open(c, ends[0]);
    streamed_put(fd, "abc");
    close(fd);
    streamed_expect_text(c, ends[1], "abc");
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    house_until(streamed_has_ended(c, ends[0]));
    ck_assert_int_eq(house_int(streamed_row(c, ends[0]), "sent_bytes"), 3);
    ck_assert_int_eq(house_int(house_do(c, "stats", "{}"), "sent_bytes_total"), 18);
    streamed_expect_balance(c);
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
    fd = streamed_open(c, ends[0]);
    house_advance(6000000);
    streamed_put(fd, "x");
    streamed_expect_text(c, ends[1], "x");
    house_advance(6000000);
    ck_assert_uint_eq(house_size(streamed_row(c, ends[0]), "suspect"), 0);
    house_advance(11000000);
    ck_assert_str_eq(house_text(streamed_row(c, ends[0]), "suspect.0.kind"), "idle");
    streamed_put(fd, "y");
    streamed_expect_text(c, ends[1], "y");
    ck_assert_uint_eq(house_size(streamed_row(c, ends[0]), "suspect"), 0);
    /* Unread is what waits for nobody, and the pump is somebody. */
    streamed_say(c, ends[1], "z");
    house_advance(3000000);
    house_advance(3000000);
    ck_assert_uint_eq(house_size(streamed_row(c, ends[0]), "suspect"), 0);
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
        {"getsockopt", ",'option':'SO_ERROR'"}, /* it would take the reset away from the client */
        {"getsockopt", ",'level':1,'number':4"},
        {"shutdown", ",'how':'SHUT_WR'"},
        {"wrap", ",'verify':false"},
        {"sendto", ",'text':'x','address':['127.0.0.1',9]"},
    };
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = streamed_open(c, ends[0]);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        house_expect_error(
            house_fail(c, refused[i].method, "{'handle':%lld%s}", ends[0], refused[i].more),
            "handle", "STREAMED");
    ck_assert_int_eq(house_take_fd(c), -1);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'TCP_NODELAY','value':true}", ends[0]);
    house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_TYPE'}", ends[0]);
    house_do(c, "getpeername", "{'handle':%lld}", ends[0]);
    streamed_put(fd, "fine");
    streamed_expect_text(c, ends[1], "fine");
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

        streamed_expect(fd, "def");
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
    streamed_say(c, ends[0], "still there");
    streamed_expect_text(c, ends[1], "still there");
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
    fd = streamed_open(c, ends[0]);
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
    streamed_say(c, ends[1], "line\\nahead");
    house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[0]);
    close(streamed_open(c, house_make(c, "socketpair", "{}"))); /* the pump is there */
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
        streamed_expect(fd, "ahead");
        close(fd);
    }
    streamed_expect_balance(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc;

    tc = house_case(suite, "bytes");
    tcase_add_test(tc, both_ways);
    tcase_add_test(tc, what_was_read_ahead_comes_first);
    tcase_add_test(tc, datagrams);
    tcase_add_test(tc, raw_sockets);
    tcase_add_loop_test(tc, unix_sockets, 0, 3);
    tcase_add_test(tc, many);
    tc = house_case(suite, "ledger");
    tcase_add_test(tc, counted);
    tcase_add_test(tc, idle_by_its_stream);
    tc = house_case(suite, "rules");
    tcase_add_test(tc, the_handle_has_its_bytes_no_more);
    tcase_add_test(tc, in_its_turn);
    tcase_add_test(tc, what_has_no_stream);
    tcase_add_test(tc, policy_rules_it);
    tcase_add_test(tc, no_descriptor_left);
    return house_run(suite);
}
