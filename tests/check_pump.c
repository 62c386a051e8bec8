/* check_pump.c — streams as their owner sees them: begun, counted, many at once, stopped. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "pump_link.h"

enum { N_THREADS = 2, N_MANY = 1000, WAIT_MS = 1000, ENDLESS_BYTES = 64 << 20 };

static struct pump *p;
static struct link l;
static _Atomic bool is_held;
static pthread_t loop;

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

static void counts(int64_t sent, int64_t received)
{
    int64_t now_sent, now_received;

    pump_count(l.stream, &now_sent, &now_received);
    ck_assert_int_eq(now_sent, sent);
    ck_assert_int_eq(now_received, received);
}

START_TEST(both_ways)
{
    struct pump_end end;

    link_open(p, &l, LINK_TCP);
    for (int i = 0; i < 100; i++) {
        link_put(l.client, "question");
        link_expect(l.peer, "question");
        link_put(l.peer, "answer");
        link_expect(l.client, "answer");
    }
    counts(800, 600);
    link_drop(&l.client);
    link_drop(&l.peer);
    end = link_await_end(p);
    ck_assert_int_eq(end.how, PUMP_FINISHED);
    ck_assert_int_eq(end.sent, 800);
    ck_assert_int_eq(end.received, 600);
    ck_assert(!pump_next(p, &end));
}
END_TEST

START_TEST(what_was_read_ahead_comes_first)
{
    struct pump_request request = {.user = &l, .ahead = "ahead,", .n_ahead = 6};

    link_pair(LINK_TCP, &l.peer, &l.net);
    link_put(l.peer, "behind");
    request.net = pump_net_plain(l.net, true);
    link_open_net(p, &l, &request);
    link_expect(l.client, "ahead,behind");
    counts(0, 6);
}
END_TEST

/* Instead of the C library's: tells the loop, and lets the thread go on only when the loop has done
 * with it what it can. */
int eventfd_write(int fd, eventfd_t value)
{
    ssize_t r = write(fd, &value, sizeof value);

    for (int ms = 0; ms < WAIT_MS && is_held && !pthread_equal(pthread_self(), loop); ms++)
        poll(NULL, 0, 1);
    return r == sizeof value ? 0 : -1;
}

/* One that epoll does not take: the stream is over before it has begun. */
START_TEST(a_net_that_cannot_be_waited_for)
{
    struct pump_request request = {.user = &l};
    struct pump_end end;

    l.net = memfd_create("net", MFD_CLOEXEC);
    ck_assert_int_ge(l.net, 0);
    request.net = pump_net_plain(l.net, true);
    loop = pthread_self();
    is_held = true;
    link_open_net(p, &l, &request);
    end = link_await_end(p);
    is_held = false;
    ck_assert_int_eq(end.how, PUMP_FAILED);
    ck_assert_int_eq(end.error, EPERM);
}
END_TEST

/* -- many ------------------------------------------------------------------------------------- */

static void end_half(struct link *links)
{
    for (int i = 0; i < N_MANY; i += 2)
        pump_stop(links[i].stream, i % 4 == 0);
    for (int i = 1; i < N_MANY; i += 2) {
        link_drop(&links[i].client);
        link_drop(&links[i].peer);
    }
}

START_TEST(a_thousand_streams)
{
    struct rlimit limit = {4 * N_MANY + 100, 4 * N_MANY + 100};
    struct link *links = calloc(N_MANY, sizeof *links);
    int n_stopped = 0, n_finished = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        free(links);
        return; /* not allowed to have so many */
    }
    for (int i = 0; i < N_MANY; i++)
        link_open(p, &links[i], LINK_UNIX);
    for (int i = 0; i < N_MANY; i++) {
        link_put(links[i].client, "ping");
        link_put(links[i].peer, "pong");
    }
    for (int i = 0; i < N_MANY; i++) {
        link_expect(links[i].peer, "ping");
        link_expect(links[i].client, "pong");
    }
    end_half(links);
    for (int i = 0; i < N_MANY; i++) {
        enum pump_how how = link_await_end(p).how;

        n_stopped += how == PUMP_STOPPED;
        n_finished += how == PUMP_FINISHED;
    }
    ck_assert_int_eq(n_stopped, N_MANY / 2);
    ck_assert_int_eq(n_finished, N_MANY / 2);
    for (int i = 0; i < N_MANY; i++)
        link_close(&links[i]);
    free(links);
}
END_TEST

/* -- stopping --------------------------------------------------------------------------------- */

START_TEST(stopped_with_a_reset)
{
    int then;

    link_open(p, &l, LINK_TCP);
    link_fill(l.peer, 0, ENDLESS_BYTES);
    pump_stop(l.stream, true);
    pump_stop(l.stream, true); /* twice is once */
    ck_assert_int_eq(link_await_end(p).how, PUMP_STOPPED);
    link_drain(l.client, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
    link_drain(l.peer, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
}
END_TEST

/* The net is the caller's again. */
START_TEST(stopped_and_abandoned)
{
    int flags;

    link_open(p, &l, LINK_TCP);
    link_put(l.client, "by the stream");
    link_expect(l.peer, "by the stream");
    pump_stop(l.stream, false);
    ck_assert_int_eq(link_await_end(p).how, PUMP_STOPPED);
    ck_assert_int_eq(link_read_end(l.client), ECONNRESET);
    link_put(l.net, "by hand");
    link_expect(l.peer, "by hand");
    link_put(l.peer, "and back");
    link_expect(l.net, "and back");
    flags = fcntl(l.net, F_GETFL);
    ck_assert_int_eq(flags & O_NONBLOCK, 0);
}
END_TEST

/* Whoever stops a stream that has just ended by itself is told once. */
START_TEST(stopped_while_it_ends)
{
    struct pump_end end;

    for (int i = 0; i < 200; i++) {
        link_open(p, &l, LINK_UNIX);
        link_drop(&l.client);
        link_drop(&l.peer);
        if (i % 2)
            link_await(pump_fd(p), POLLIN);
        pump_stop(l.stream, true);
        end = link_await_end(p);
        ck_assert(end.how == PUMP_STOPPED || end.how == PUMP_FINISHED);
        ck_assert(!pump_next(p, &end));
        link_drop(&l.net);
    }
}
END_TEST

START_TEST(the_end_of_the_pump)
{
    int then;

    link_open(p, &l, LINK_TCP);
    link_put(l.peer, "something");
    link_await(l.client, POLLIN);
    link_expect(l.client, "something");
    pump_free(p);
    p = NULL;
    link_drain(l.client, 0, &then);
    ck_assert_int_eq(then, ECONNRESET);
    link_put(l.net, "by hand");
    link_expect(l.peer, "by hand");
}
END_TEST

START_TEST(the_end_without_a_stream)
{
    pump_free(NULL);
    pump_free(p);
    p = pump_new(0, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(p);
}
END_TEST

/* Descriptors that a client sends along go nowhere, and stay nowhere. */
START_TEST(descriptors_are_not_taken)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    char with[] = "with";
    struct iovec iov = {with, 4};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    int n_before;

    link_open(p, &l, LINK_TCP);
    link_put(l.client, "without");
    link_expect(l.peer, "without");
    n_before = fds_count();
    memcpy(CMSG_DATA(&control.header), &l.peer, sizeof l.peer);
    if (sendmsg(l.client, &msg, MSG_NOSIGNAL) < 0)
        ck_assert_int_eq(errno, EPERM); /* newer kernels let the receiver refuse */
    else
        link_expect(l.peer, "with");
    link_put(l.client, "after");
    link_expect(l.peer, "after");
    ck_assert_int_eq(fds_count(), n_before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pump");
    TCase *tc = fds_case(suite, "pump");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, both_ways);
    tcase_add_test(tc, what_was_read_ahead_comes_first);
    tcase_add_test(tc, a_net_that_cannot_be_waited_for);
    tcase_add_test(tc, a_thousand_streams);
    tcase_add_test(tc, stopped_with_a_reset);
    tcase_add_test(tc, stopped_and_abandoned);
    tcase_add_test(tc, stopped_while_it_ends);
    tcase_add_test(tc, the_end_of_the_pump);
    tcase_add_test(tc, the_end_without_a_stream);
    tcase_add_test(tc, descriptors_are_not_taken);
    return fds_run(suite);
}
