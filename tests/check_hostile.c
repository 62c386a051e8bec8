/* check_hostile.c — clients that mean ill: descriptors without end, sockets that are never what
 * they say, lines behind the last. What one of them does is never felt by another. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/server.h"
#include "house.h"

/* -- descriptors -- */

/* Sends the text with n copies of one end of a pipe. Returns the other, which reads an end when all
 * of them are closed. */
static int send_pipes(struct house_client *c, const char *text, int n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 253)];
    } control = {0};
    struct iovec iov = {(void *)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)n), SOL_SOCKET, SCM_RIGHTS};
    for (int i = 0; i < n; i++)
        memcpy(CMSG_DATA(&control.align) + sizeof(int) * (size_t)i, &ends[1], sizeof(int));
    ck_assert_int_eq(sendmsg(house_client_fd(c), &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
    close(ends[1]);
    return ends[0];
}

/* All copies of the other end are closed. */
static void expect_closed(int watch)
{
    char byte;

    ck_assert_int_eq(read(watch, &byte, 1), 0);
    close(watch);
}

static void expect_fd_error(struct house_client *c)
{
    ck_assert_str_eq(house_text(house_next(c), "error.data.kind"), "fd");
    house_expect_end(c);
}

/* A line that has not ended can claim one descriptor; more are not kept until it does. */
START_TEST(descriptors_of_a_line_without_end)
{
    static const int counts[] = {2, 8, 253};
    struct house_client *c = house_client(), *other = house_client();
    int watch = send_pipes(c, "{", counts[_i]);

    expect_fd_error(c);
    expect_closed(watch);
    house_do(other, "ping", "{}");
}
END_TEST

START_TEST(one_descriptor_with_each_byte)
{
    struct house_client *c = house_client();
    int watches[2];

    watches[0] = send_pipes(c, " ", 1);
    house_expect_silence(c);
    watches[1] = send_pipes(c, " ", 1);
    expect_fd_error(c);
    for (int i = 0; i < 2; i++)
        expect_closed(watches[i]);
}
END_TEST

/* Nobody can be told, and the session ends all the same. */
START_TEST(a_notification_without_its_descriptor)
{
    struct house_client *c = house_client();

    house_make(c, "socketpair", "{'name':'s'}");
    house_send(c, "{'method':'sendfile','params':{'handle':'s'},'fds':1}");
    house_expect_end(c);
}
END_TEST

/* -- sockets that are never what they say -- */

/* The daemon waits for a fifth of a second, tries again now and then, and is not woken again and
 * again for nothing: after a few turns there is nothing more to do until time passes. */
static void expect_rest(void)
{
    struct wait *wait = server_core(house_server())->wait;
    struct pollfd p = {.fd = wait_fd(wait), .events = POLLIN};

    house_turn(8);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        ck_assert(!wait_has_next(wait));
        house_advance(1000);
    }
}

/* A datagram socket is ready to send, whoever it sends to; the receiver's queue is full. */
START_TEST(a_receiver_that_is_full)
{
    struct house_client *c = house_client(), *other = house_client();
    long long from = house_make(c, "socket", "{'family':'AF_UNIX','type':'SOCK_DGRAM'}");
    long long to = house_make(c, "socket", "{'family':'AF_UNIX','type':'SOCK_DGRAM'}");
    json_t *reply;
    char address[128];
    int n = 0;

    snprintf(address, sizeof address, "{'abstract':'berth-check-hostile-%d'}", getpid());
    house_do(c, "bind", "{'handle':%lld,'address':%s}", to, address);
    do {
        ck_assert_int_lt(n++, 10000);
        reply = house_ask(c, "sendto", "{'handle':%lld,'address':%s,'text':'x','timeout':0}", from,
                          address);
    } while (house_has(reply, "result"));
    house_expect_error(reply, "os", "EAGAIN");

    house_begin(c, 1, "sendto", "{'handle':%lld,'address':%s,'text':'last'}", from, address);
    expect_rest();
    house_do(other, "recv", "{'handle':%lld}", to);
    house_advance(1000000);
    house_expect_id(house_next(c), 1);
}
END_TEST

/* A datagram socket whose error queue nobody reads calls itself ready for ever. */
START_TEST(an_error_queue_that_is_not_read)
{
    static const char *const calls[] = {"recv", "recvfrom"};
    struct house_client *c = house_client(), *other = house_client();
    long long s = house_make(c, "socket", "{'type':'SOCK_DGRAM','options':{'IP_RECVERR':true}}");
    long long closed = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    long long port;

    port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", closed),
                     "address.port");
    house_do(c, "close", "{'handle':%lld}", closed);
    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%lld]}", s, port);
    house_do(c, "send", "{'handle':%lld,'text':'to nobody'}", s);
    house_expect_error(house_fail(c, "recv", "{'handle':%lld}", s), "os", "ECONNREFUSED");

    house_begin(c, 1, calls[_i], "{'handle':%lld}", s);
    expect_rest();
    /* What comes in the end is not missed. */
    closed = house_make(other, "socket", "{'type':'SOCK_DGRAM'}");
    house_do(other, "bind", "{'handle':%lld,'address':['127.0.0.1',%lld]}", closed, port);
    port = house_int(house_do(other, "getsockname", "{'handle':%lld}", s), "address.port");
    house_do(other, "sendto", "{'handle':%lld,'address':['127.0.0.1',%lld],'text':'late'}", closed,
             port);
    house_advance(1000000);
    ck_assert_str_eq(house_text(house_next(c), "result.text"), "late");
}
END_TEST

/* -- the end -- */

/* Reads the rest. A client must find an end behind it and no reset. */
static void expect_clean_end(struct house_client *c)
{
    char bytes[4096];
    ssize_t n;

    do
        n = recv(house_client_fd(c), bytes, sizeof bytes, MSG_DONTWAIT);
    while (n > 0);
    ck_assert_msg(n == 0, "no end: %m");
}

/* What the session's last line has left unread is taken in before the daemon hangs up. */
START_TEST(lines_behind_the_last)
{
    enum { N_BYTES = 150000 };
    struct house_client *c = house_client(), *other = house_client();
    char *rest = malloc(N_BYTES);

    ck_assert_ptr_nonnull(rest);
    memset(rest, '\n', N_BYTES);
    house_make(c, "socketpair", "{'name':'s'}");
    house_send(c, "{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}");
    house_send_bytes(c, rest, N_BYTES);
    free(rest);
    house_until(house_n_sessions() == 1);
    expect_clean_end(c);
    house_do(other, "ping", "{}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *fds = house_case(suite, "descriptors"), *ready = house_case(suite, "never ready");
    TCase *end = house_case(suite, "the end");

    tcase_add_loop_test(fds, descriptors_of_a_line_without_end, 0, 3);
    tcase_add_test(fds, one_descriptor_with_each_byte);
    tcase_add_test(fds, a_notification_without_its_descriptor);
    tcase_add_test(ready, a_receiver_that_is_full);
    tcase_add_loop_test(ready, an_error_queue_that_is_not_read, 0, 2);
    tcase_add_test(end, lines_behind_the_last);
    return house_run(suite);
}
