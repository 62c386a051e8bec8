/* check_pump_linger.c — peers and clients that send a stream descriptors which nobody asked for, of
 * sockets that linger: whoever closes the last one waits. The linger time is longer than anything
 * here has patience for. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/pump_client.h"
#include "daemon/tls_wire.h"
#include "fds.h"
#include "pump_link.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

enum { LINGER_S = 300, N_LINGERING = 5, ENDLESS_BYTES = 64 << 20, BULK_BYTES = 64 << 10 };

static struct pump *p;
static struct link l, other;
static struct link stuck[N_LINGERING];

static void set_up(void)
{
    p = pump_new(1, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
    l = other = (struct link){NULL, -1, -1, -1};
    for (int i = 0; i < N_LINGERING; i++)
        stuck[i] = l;
}

static void tear_down(void)
{
    pump_free(p);
    link_close(&l);
    link_close(&other);
    for (int i = 0; i < N_LINGERING; i++)
        link_close(&stuck[i]);
}

/* A socket with unsent bytes that its peer will never read. */
static void make_stuck(struct link *s)
{
    struct linger linger = {1, LINGER_S};

    link_pair(LINK_TCP, &s->peer, &s->net);
    ck_assert_uint_lt(link_fill(s->net, 0, ENDLESS_BYTES), ENDLESS_BYTES);
    ck_assert_int_eq(setsockopt(s->net, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
}

/* Sends "x" with n of them, which has the last descriptor of each then. */
static void send_stuck(int fd, int n)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * N_LINGERING)];
    } control = {.header = {CMSG_LEN(sizeof(int) * (size_t)n), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec iov = {(char[]){'x'}, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};

    for (int i = 0; i < n; i++) {
        make_stuck(&stuck[i]);
        memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &stuck[i].net, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(fd, &msg, MSG_NOSIGNAL), 1);
    for (int i = 0; i < n; i++)
        link_drop(&stuck[i].net);
}

/* -- of a net --------------------------------------------------------------------------------- */

/* One that the stream has for itself, and that does not block. */
static void open_unix(int type)
{
    struct pump_request request = {.user = &l};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    l.peer = fds[0];
    l.net = fds[1];
    request.net = pump_net_plain(l.net, false);
    link_open_net(p, &l, &request);
}

/* So much that a pipe would be worth it. */
static void warm_up(void)
{
    size_t n = link_fill(l.peer, 0, BULK_BYTES);

    for (size_t i = 0; i < n; i++) {
        char c;

        link_await(l.client, POLLIN);
        ck_each(recv(l.client, &c, 1, 0) == 1, "After %zu bytes: the end.", i);
    }
}

START_TEST(others_go_on)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM};

    open_unix(types[_i]);
    link_open(p, &other, LINK_TCP);
    if (_i == 3)
        warm_up();
    send_stuck(l.peer, N_LINGERING);
    link_expect(l.client, "x");
    link_put(other.client, "question");
    link_expect(other.peer, "question");
    link_put(l.peer, "more");
    link_expect(l.client, "more");
}
END_TEST

/* Its owner has asked for the sender's process with each message: that is a descriptor, too, and
 * none may be left behind. */
START_TEST(process_descriptors)
{
    int yes = 1;

    open_unix(_i ? SOCK_SEQPACKET : SOCK_STREAM);
    if (setsockopt(l.net, SOL_SOCKET, SO_PASSPIDFD, &yes, sizeof yes) < 0)
        return; /* an older kernel */
    link_put(l.peer, "x");
    link_expect(l.client, "x");
}
END_TEST

/* Through TLS: a record's head, the rest of one, and what is read to be kept. */
START_TEST(read_by_tls)
{
    static const int sizes[] = {5, 6, 0};
    BIO_METHOD *method = tls_wire_method_new();
    struct tls_wire wire = {0};
    char got[6];
    BIO *bio;

    link_pair(LINK_UNIX, &l.peer, &l.net);
    wire.fd = l.net;
    bio = tls_wire_open(method, &wire);
    ck_assert_ptr_nonnull(bio);
    send_stuck(l.peer, N_LINGERING);
    if (sizes[_i] > 0)
        ck_assert_int_eq(BIO_read(bio, got, sizes[_i]), 1);
    else
        ck_assert(tls_wire_fill(&wire) && tls_wire_n_ahead(&wire) == 1);
    BIO_free(bio);
    BIO_meth_free(method);
    tls_wire_done(&wire);
}
END_TEST

/* -- of a client ------------------------------------------------------------------------------ */

/* As kernels have it that do not know SO_PASSRIGHTS. */
static void open_client(struct pump_client *c, bool is_packets, int *ret_theirs)
{
    int yes = 1;

    ck_assert_int_eq(pump_client_open(c, is_packets, ret_theirs), 0);
    setsockopt(c->fd, SOL_SOCKET, SO_PASSRIGHTS, &yes, sizeof yes);
    send_stuck(*ret_theirs, N_LINGERING);
}

START_TEST(read_from_a_client)
{
    struct pump_client c;
    char got[2];
    int theirs;

    open_client(&c, _i, &theirs);
    ck_assert_int_eq(pump_client_read(&c, got, sizeof got, false), 1);
    pump_client_let_go(&c);
    pump_client_finish(&c);
    ck_assert_int_eq(link_read_end(theirs), 0);
    link_drop(&theirs);
}
END_TEST

START_TEST(left_unread_by_a_client)
{
    struct pump_client c;
    int theirs;

    open_client(&c, _i & 1, &theirs);
    if (_i & 2)
        pump_client_reset(&c);
    else
        pump_client_finish(&c);
    ck_assert_int_eq(link_read_end(theirs), _i & 2 ? ECONNRESET : 0);
    link_drop(&theirs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_linger");
    TCase *tc = fds_case(suite, "linger");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, others_go_on, 0, 4);
    tcase_add_loop_test(tc, process_descriptors, 0, 2);
    tcase_add_loop_test(tc, read_by_tls, 0, 3);
    tcase_add_loop_test(tc, read_from_a_client, 0, 2);
    tcase_add_loop_test(tc, left_unread_by_a_client, 0, 4);
    return fds_run(suite);
}
