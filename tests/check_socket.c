/* check_socket.c — one attempt of one system call: what is added to what the kernel does by itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/socket.h"
#include "house.h"

static int n_fds;

static void set_up(void)
{
    n_fds = house_count_fds();
}

static void tear_down(void)
{
    ck_assert_int_eq(house_count_fds(), n_fds);
}

static struct wire_sockaddr loopback(int port)
{
    struct wire_sockaddr a = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&a.addr;

    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

/* A listener and where it is. */
static int listen_here(struct wire_sockaddr *ret)
{
    int fd = socket_open(AF_INET, SOCK_STREAM, 0);

    *ret = loopback(0);
    ck_assert_int_eq(socket_bind(fd, ret), 0);
    ck_assert_int_gt(socket_listen(fd, 5), 0);
    ck_assert_int_eq(socket_name(fd, ret), 0);
    return fd;
}

static void await(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    ck_assert_int_eq(poll(&p, 1, 10000), 1);
}

/* Two ends of a TCP connection. */
static void connect_tcp(int ends[2])
{
    struct wire_sockaddr a, peer;
    int listener = listen_here(&a), r;

    ends[0] = socket_open(AF_INET, SOCK_STREAM, 0);
    r = socket_connect(ends[0], &a);
    ck_assert(r == 0 || r == -EINPROGRESS);
    await(listener, POLLIN);
    ends[1] = socket_accept(listener, &peer);
    ck_assert_int_ge(ends[1], 0);
    await(ends[0], POLLOUT);
    close(listener);
}

START_TEST(all_are_born_non_blocking_and_close_on_exec)
{
    struct wire_sockaddr a;
    int fds[5];

    fds[0] = listen_here(&a);
    ck_assert_int_eq(socket_open_pair(SOCK_SEQPACKET, &fds[1]), 0);
    connect_tcp(&fds[3]);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(fcntl(fds[i], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        ck_assert_int_eq(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        socket_close(fds[i]);
    }
}
END_TEST

START_TEST(errors_are_negative)
{
    struct wire_sockaddr a = loopback(1), from;
    int fds[2];
    char c;

    ck_assert_int_eq(socket_open(AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
    ck_assert_int_eq(socket_open_pair(SOCK_RAW + 90, fds), -EINVAL);
    ck_assert_int_eq(socket_open_pair(SOCK_STREAM, fds), 0);
    ck_assert_int_eq(socket_bind(fds[0], &a), -EINVAL);
    ck_assert_int_eq(socket_recv(fds[0], &c, 1, 0, NULL, NULL), -EAGAIN);
    ck_assert_int_eq(socket_accept(fds[0], &from), -EINVAL);
    socket_close(fds[1]);
    ck_assert_int_eq(socket_send(fds[0], "x", 1, 0, NULL, NULL), -EPIPE); /* and no SIGPIPE */
    socket_close(fds[0]);
}
END_TEST

/* T7: close(2) itself would wait for the linger time, on non-blocking sockets too. */
START_TEST(closing_never_lingers)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 20};
    static char data[1 << 20];
    struct timespec before, after;
    int ends[2];

    connect_tcp(ends);
    ck_assert_int_eq(socket_set_option(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    while (socket_send(ends[0], data, sizeof data, 0, NULL, NULL) > 0)
        ;
    clock_gettime(CLOCK_MONOTONIC, &before);
    socket_close(ends[0]);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_int_lt(after.tv_sec - before.tv_sec, 5);
    socket_close(ends[1]);
}
END_TEST

START_TEST(a_linger_of_0_resets)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    int ends[2];
    char c;

    connect_tcp(ends);
    ck_assert_int_eq(socket_set_option(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    socket_close(ends[0]);
    await(ends[1], POLLIN);
    ck_assert_int_eq(socket_recv(ends[1], &c, 1, 0, NULL, NULL), -ECONNRESET);
    socket_close(ends[1]);
}
END_TEST

/* T24: listen(2) itself does not tell that it clamps. */
START_TEST(the_backlog_in_force_is_told)
{
    struct wire_sockaddr a;
    int fd = listen_here(&a), most = socket_listen(fd, 2000000000);

    ck_assert_int_eq(socket_listen(fd, 5), 5);
    ck_assert_int_gt(most, 5);
    ck_assert_int_lt(most, 2000000000);
    ck_assert_int_eq(socket_listen(fd, -1), most);
    ck_assert_int_eq(socket_listen(fd, INT64_MAX), most);
    socket_close(fd);
}
END_TEST

/* T29, T30 */
START_TEST(a_datagram_tells_its_true_length)
{
    struct wire_sockaddr from;
    char data[8];
    size_t length = 0;
    int fds[2];

    ck_assert_int_eq(socket_open_pair(SOCK_DGRAM, fds), 0);
    ck_assert_int_eq(socket_send(fds[0], "0123456789", 10, 0, NULL, NULL), 10);
    ck_assert_int_eq(socket_send(fds[0], "", 0, 0, NULL, NULL), 0);
    ck_assert_int_eq(socket_recv(fds[1], data, 4, MSG_TRUNC, &from, &length), 4);
    ck_assert_uint_eq(length, 10);
    ck_assert_int_eq(socket_recv(fds[1], data, 4, MSG_TRUNC, &from, &length), 0);
    ck_assert_uint_eq(length, 0);
    ck_assert_int_eq(socket_recv(fds[1], data, 4, MSG_TRUNC, &from, &length), -EAGAIN);
    socket_close(fds[0]);
    socket_close(fds[1]);
}
END_TEST

/* A Unix peer may send descriptors along; they are not taken, and not kept open either. */
START_TEST(descriptors_of_peers_are_not_taken)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(char[]){'x'}, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    int fds[2], n;
    char c;

    ck_assert_int_eq(socket_open_pair(SOCK_STREAM, fds), 0);
    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &fds[0], sizeof(int));
    ck_assert_int_eq(sendmsg(fds[0], &msg, 0), 1);
    n = house_count_fds();
    ck_assert_int_eq(socket_recv(fds[1], &c, 1, 0, NULL, NULL), 1);
    ck_assert_int_eq(house_count_fds(), n);
    socket_close(fds[0]);
    socket_close(fds[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket");
    TCase *tc = tcase_create("socket");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, all_are_born_non_blocking_and_close_on_exec);
    tcase_add_test(tc, errors_are_negative);
    tcase_add_test(tc, closing_never_lingers);
    tcase_add_test(tc, a_linger_of_0_resets);
    tcase_add_test(tc, the_backlog_in_force_is_told);
    tcase_add_test(tc, a_datagram_tells_its_true_length);
    tcase_add_test(tc, descriptors_of_peers_are_not_taken);
    return house_run(suite);
}
