/* check_pump_sockets.c — what kernels' sockets do that a stream must get past: writers with little
 * room, urgent bytes, reads that stop early, splices that take a part. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "pump_link.h"

enum {
    N_THREADS = 2,
    FLOW_BYTES = 1 << 20,
    MUCH_BYTES = 8 << 20,
    LITTLE_BYTES = 200,
    N_LITTLE = 300
};

static struct pump *p;
static struct link l;

static void set_up(void)
{
    l = (struct link){NULL, -1, -1, -1};
    p = pump_new(N_THREADS, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
}

static void tear_down(void)
{
    pump_free(p);
    link_close(&l);
}

/* -- little room ------------------------------------------------------------------------------ */

/* A writer is woken when its buffer is three quarters empty; what the stream keeps of a client's
 * bytes must not prevent that. */
START_TEST(a_writer_with_a_small_buffer)
{
    int n = 1;
    size_t n_sent = 0;
    static const int sizes[] = {1, 8 << 10, 32 << 10, 64 << 10, 128 << 10};

    link_open(p, &l, LINK_TCP);
    n = sizes[_i];
    ck_assert_int_eq(setsockopt(l.client, SOL_SOCKET, SO_SNDBUF, &n, sizeof n), 0);
    while (n_sent < FLOW_BYTES) {
        char piece[4096];
        size_t n_new;

        link_await(l.client, POLLOUT);
        n_new = link_fill(l.client, n_sent, FLOW_BYTES - n_sent);
        n_sent += n_new;
        while (recv(l.peer, piece, sizeof piece, MSG_DONTWAIT) > 0)
            ;
    }
}
END_TEST

/* The same when each piece is so small that its bookkeeping is most of it. */
START_TEST(a_writer_of_little)
{
    char piece[LITTLE_BYTES] = "";
    int n = 1;

    link_open(p, &l, LINK_TCP);
    ck_assert_int_eq(setsockopt(l.client, SOL_SOCKET, SO_SNDBUF, &n, sizeof n), 0);
    for (int i = 0; i < N_LITTLE; i++) {
        link_await(l.client, POLLOUT);
        ck_assert_int_eq(send(l.client, piece, sizeof piece, MSG_NOSIGNAL), sizeof piece);
        for (size_t n_got = 0; n_got < sizeof piece;) {
            link_await(l.peer, POLLIN);
            n_got += (size_t)recv(l.peer, piece, sizeof piece, 0);
        }
    }
}
END_TEST

/* -- urgent bytes ----------------------------------------------------------------------------- */

static void put_urgent(int fd)
{
    ck_assert_int_eq(send(fd, "U", 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

/* The client's are bytes like all others: it has no other net than this. */
START_TEST(an_urgent_byte_of_the_client)
{
    link_open(p, &l, _i ? LINK_UNIX : LINK_TCP);
    link_put(l.client, "abc");
    link_expect(l.peer, "abc");
    put_urgent(l.client);
    link_put(l.client, "def");
    link_expect(l.peer, "Udef");
    put_urgent(l.client);
    link_expect(l.peer, "U");
}
END_TEST

/* The net's is passed over, as a plain read does it, and does not hold up what comes behind. */
START_TEST(an_urgent_byte_of_the_net)
{
    bool has_end = _i & 1, splices = _i & 2;
    enum link_net kind = _i & 4 ? LINK_UNIX : LINK_TCP;
    size_t n, n_more, n_got = 0;

    if (splices)
        link_open_spliced(p, &l, kind);
    else
        link_open(p, &l, kind);
    n = link_fill(l.peer, 0, MUCH_BYTES);
    while (!poll(&(struct pollfd){.fd = l.peer, .events = POLLOUT}, 1, 0)) {
        char piece[4096];
        ssize_t r;

        link_await(l.client, POLLIN);
        r = recv(l.client, piece, sizeof piece, 0);
        ck_assert_int_gt(r, 0);
        n_got += (size_t)r;
    }
    put_urgent(l.peer);
    n_more = link_fill(l.peer, n, 1000);
    ck_assert_uint_eq(n_more, 1000);
    if (has_end)
        ck_assert_int_eq(shutdown(l.peer, SHUT_WR), 0);
    for (; n_got < n + n_more; n_got++) {
        char c;

        link_await(l.client, POLLIN);
        ck_each(recv(l.client, &c, 1, 0) == 1, "After %zu of %zu bytes: the end.", n_got,
                n + n_more);
        ck_each(c == link_byte(n_got), "Byte %zu is wrong.", n_got);
    }
    if (has_end)
        ck_assert_int_eq(link_read_end(l.client), 0);
}
END_TEST

/* The same in the middle of bulk, which splice(2) moves and cannot move past the mark. */
enum { N_PIECES = 20, BULK_PIECE_BYTES = 200000 };

static char bulk[N_PIECES * BULK_PIECE_BYTES];

static void *write_bulk(void *argument)
{
    bool has_end = *(bool *)argument;

    for (size_t i = 0; i < N_PIECES; i++) {
        if (i == N_PIECES / 2)
            send(l.peer, "U", 1, MSG_OOB | MSG_NOSIGNAL);
        send(l.peer, bulk + i * BULK_PIECE_BYTES, BULK_PIECE_BYTES, MSG_NOSIGNAL);
    }
    if (has_end)
        shutdown(l.peer, SHUT_WR);
    return NULL;
}

static void expect_bulk(void)
{
    char piece[50000];
    ssize_t r;

    for (size_t n = 0; n < sizeof bulk; n += (size_t)r) {
        link_await(l.client, POLLIN);
        r = recv(l.client, piece, sizeof piece, 0);
        ck_each(r > 0, "After %zu bytes: the end.", n);
        ck_each(memcmp(piece, bulk + n, (size_t)r) == 0, "Of the bytes from %zu on some are wrong.",
                n);
    }
}

START_TEST(an_urgent_byte_in_bulk)
{
    bool has_end = _i & 1;
    pthread_t writer;

    for (size_t i = 0; i < sizeof bulk; i++)
        bulk[i] = link_byte(i);
    link_open_spliced(p, &l, _i & 2 ? LINK_UNIX : LINK_TCP);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_bulk, &has_end), 0);
    expect_bulk();
    pthread_join(writer, NULL);
    if (has_end)
        ck_assert_int_eq(link_read_end(l.client), 0);
}
END_TEST

/* -- reads that stop early -------------------------------------------------------------------- */

/* At each message that brought a descriptor, which nobody gets. */
START_TEST(descriptors_of_a_unix_peer)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    char text[] = "with";
    struct iovec iov = {text, 4};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};

    if (_i)
        link_open_spliced(p, &l, LINK_UNIX);
    else
        link_open(p, &l, LINK_UNIX);
    memcpy(CMSG_DATA(&control.header), &l.peer, sizeof l.peer);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sendmsg(l.peer, &msg, MSG_NOSIGNAL), 4);
    link_expect(l.client, "withwithwithwithwith");
}
END_TEST

/* -- splices that take a part ----------------------------------------------------------------- */

/* A client that has room for a part of what is in the pipe, again and again: the peer's buffer
 * holds more than the client's has room for. */
START_TEST(a_client_with_little_room)
{
    char piece[1000];
    size_t n, n_got = 0;
    int room = 1 << 20;

    link_open_spliced(p, &l, LINK_TCP);
    ck_assert_int_eq(setsockopt(l.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    n = link_fill(l.peer, 0, MUCH_BYTES);
    while (n_got < n) {
        ssize_t r;

        link_await(l.client, POLLIN);
        r = recv(l.client, piece, sizeof piece, 0);
        ck_assert_int_gt(r, 0);
        for (ssize_t i = 0; i < r; i++)
            ck_each(piece[i] == link_byte(n_got + (size_t)i), "Byte %zu is wrong.",
                    n_got + (size_t)i);
        n_got += (size_t)r;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump_sockets");
    TCase *tc = fds_case(suite, "sockets");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_writer_with_a_small_buffer, 0, 5);
    tcase_add_test(tc, a_writer_of_little);
    tcase_add_loop_test(tc, an_urgent_byte_of_the_client, 0, 2);
    tcase_add_loop_test(tc, an_urgent_byte_of_the_net, 0, 8);
    tcase_add_loop_test(tc, an_urgent_byte_in_bulk, 0, 4);
    tcase_add_loop_test(tc, descriptors_of_a_unix_peer, 0, 2);
    tcase_add_test(tc, a_client_with_little_room);
    return fds_run(suite);
}
