/* check_stream_ends.c — how the stream of a handle ends: by its client, by its peer, with its
 * handle, with the daemon. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "streamed.h"

/* -- by one of the two -- */

START_TEST(one_direction_ends_alone)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    for (int i = 0; i < 2; i++) {
        house_connect(c, ends);
        fd = streamed_open(c, ends[0]);
        if (i == 0) {
            streamed_put(fd, "question");
            ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
            streamed_expect_text(c, ends[1], "question");
            streamed_expect_eof(c, ends[1]);
            streamed_say(c, ends[1], "answer");
            streamed_expect(fd, "answer");
            house_do(c, "close", "{'handle':%lld}", ends[1]);
            streamed_expect_end(fd);
        } else {
            streamed_say(c, ends[1], "question");
            house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
            streamed_expect(fd, "question");
            streamed_expect_end(fd);
            streamed_put(fd, "answer");
            close(fd);
            fd = -1;
            streamed_expect_text(c, ends[1], "answer");
            streamed_expect_eof(c, ends[1]);
        }
        house_until(streamed_has_ended(c, ends[0]));
        ck_assert_str_eq(house_text(streamed_row(c, ends[0]), "state"), "half_closed");
        streamed_expect_eof(c, ends[0]);
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
    int peer = streamed_with_peer(c, "", &h), fd = streamed_open(c, h);

    streamed_reset(peer);
    ck_assert_int_eq(streamed_read(fd, room, sizeof room), -ECONNRESET);
    close(fd);
    house_until(streamed_has_ended(c, h));
    house_expect_error(house_fail(c, "sendall", "{'handle':%lld,'text':'x'}", h), "os", "EPIPE");
    house_do(c, "close", "{'handle':%lld}", h);
    /* The other way: the client leaves something unread. */
    peer = streamed_with_peer(c, "", &h);
    fd = streamed_open(c, h);
    streamed_put(peer, "unread");
    ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
    close(fd);
    ck_assert_int_eq(streamed_read(peer, room, sizeof room), -ECONNRESET);
    close(peer);
    streamed_expect_balance(c);
}
END_TEST

/* -- with its handle -- */

START_TEST(closing_the_handle)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_connect(c, ends);
    fd = streamed_open(c, ends[0]);
    streamed_put(fd, "x");
    streamed_expect_text(c, ends[1], "x");
    ck_assert_str_eq(house_text(house_do(c, "close", "{'handle':%lld}", ends[0]), "end.how"),
                     "closed");
    streamed_expect_cut(fd);
    streamed_expect_balance(c);
}
END_TEST

/* Writes until nobody takes more. */
static size_t fill(int fd)
{
    static char room[65536];
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    size_t n = 0;
    ssize_t r;

    while (poll(&wait, 1, 300) == 1)
        if ((r = send(fd, room, sizeof room, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
            n += (size_t)r;
    return n;
}

/* Reads to the end, or a reset: -errno. */
static ssize_t drain(int fd, size_t *ret_n)
{
    static char room[65536];
    ssize_t r = 1;

    for (*ret_n = 0; r > 0; *ret_n += r > 0 ? (size_t)r : 0) {
        ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
        r = recv(fd, room, sizeof room, 0);
    }
    return r < 0 ? -errno : 0;
}

/* As with the socket itself: closed by its owner or with its session, the descriptor closed before
 * or not. */
START_TEST(what_was_sent_before_is_delivered)
{
    bool keeps_fd = _i & 1, ends_session = _i & 2;
    struct house_client *c = house_client(), *other = house_client();
    long long h;
    int peer = streamed_with_peer(c, "", &h), fd = streamed_open(c, h);
    size_t n_sent = fill(fd), n_got;

    if (!keeps_fd)
        close(fd);
    if (ends_session)
        house_leave(c);
    else
        house_do(c, "close", "{'handle':%lld}", h);
    ck_assert_str_eq(house_text(streamed_row(other, h), "state"), "closed");
    ck_assert_int_le(house_int(streamed_row(other, h), "sent_bytes"), (long long)n_sent);
    ck_assert_int_eq(drain(peer, &n_got), 0);
    ck_assert_uint_eq(n_got, n_sent);
    if (keeps_fd)
        streamed_expect_cut(fd);
    close(peer);
    streamed_expect_balance(other);
}
END_TEST

/* As the kernel has it. */
START_TEST(what_was_not_read_makes_a_reset)
{
    struct house_client *c = house_client();
    long long h;
    int peer = streamed_with_peer(c, "", &h), fd = streamed_open(c, h);
    size_t n_sent = fill(fd), n_got;

    streamed_put(peer, "unread");
    ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
    close(fd);
    house_do(c, "close", "{'handle':%lld}", h);
    ck_assert_int_eq(drain(peer, &n_got), -ECONNRESET);
    ck_assert_uint_le(n_got, n_sent);
    close(peer);
    streamed_expect_balance(c);
}
END_TEST

/* The daemon waits for nobody when it ends: what is missing does not look like all. */
START_TEST(the_end_of_the_daemon_cuts)
{
    struct house_client *c = house_client();
    long long h;
    int peer = streamed_with_peer(c, "", &h), fd = streamed_open(c, h);
    size_t n_sent = fill(fd), n_got;

    close(fd);
    if (_i)
        house_do(c, "close", "{'handle':%lld}", h);
    house_reopen_with("");
    ck_assert_int_eq(drain(peer, &n_got), -ECONNRESET);
    ck_assert_uint_lt(n_got, n_sent);
    close(peer);
}
END_TEST

START_TEST(the_end_of_its_session)
{
    struct house_client *c = house_client(), *other = house_client();
    long long h;
    char room[10];
    int peer = streamed_with_peer(c, "", &h), fd = streamed_open(c, h);
    ssize_t r;

    house_leave(c);
    streamed_expect_cut(fd);
    r = streamed_read(peer, room, sizeof room);
    ck_assert(r == 0 || r == -ECONNRESET);
    ck_assert_str_eq(house_text(streamed_row(other, h), "end.how"), "reclaimed");
    close(peer);
    streamed_expect_balance(other);
}
END_TEST

/* A lasting one goes on: its client may have given the descriptor to others. */
START_TEST(a_lease_that_lasts)
{
    struct house_client *c = house_client(), *other = house_client();
    long long h;
    int peer = streamed_with_peer(c, ",'lease':60", &h), fd = streamed_open(c, h);
    char room[10];
    ssize_t r;

    house_leave(c);
    streamed_put(fd, "x");
    streamed_expect(peer, "x");
    house_do(other, "attach", "{'handle':%lld}", h);
    streamed_put(peer, "y");
    streamed_expect(fd, "y");
    house_expect_error(house_fail(other, "stream", "{'handle':%lld}", h), "handle", "STREAMED");
    close(fd);
    streamed_put(peer, "unread");
    shutdown(peer, SHUT_WR);
    house_until(streamed_has_ended(other, h));
    house_do(other, "close", "{'handle':%lld}", h);
    close(peer);
    /* And one that runs out. */
    c = house_client();
    peer = streamed_with_peer(c, ",'lease':60", &h);
    fd = streamed_open(c, h);
    house_leave(c);
    house_advance(61000000);
    ck_assert_str_eq(house_text(streamed_row(other, h), "end.how"), "expired");
    streamed_expect_cut(fd);
    r = streamed_read(peer, room, sizeof room);
    ck_assert(r == 0 || r == -ECONNRESET);
    close(peer);
    streamed_expect_balance(other);
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
        fds[i] = streamed_open(c, ends[0]);
    }
    house_reopen_with("");
    for (int i = 0; i < 5; i++)
        streamed_expect_cut(fds[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream_ends");
    TCase *tc;

    tc = house_case(suite, "sides");
    tcase_add_test(tc, one_direction_ends_alone);
    tcase_add_test(tc, a_reset_is_a_reset);
    tc = house_case(suite, "handle");
    tcase_add_test(tc, closing_the_handle);
    tcase_add_loop_test(tc, what_was_sent_before_is_delivered, 0, 4);
    tcase_add_test(tc, what_was_not_read_makes_a_reset);
    tcase_add_loop_test(tc, the_end_of_the_daemon_cuts, 0, 2);
    tcase_add_test(tc, the_end_of_its_session);
    tcase_add_test(tc, a_lease_that_lasts);
    tcase_add_test(tc, the_end_of_the_daemon);
    return house_run(suite);
}
