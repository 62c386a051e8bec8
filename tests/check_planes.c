/* check_planes.c — the kernel's socket itself: given away, acknowledged, and used by several. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand.h"

static const char *const with_planes = "[pool a]\nusers = root\nbind = 127.0.0.1:*\n"
                                       "connect = 127.0.0.2:*\nplanes = message, handoff\n"
                                       "max-sockets = 4\n"
                                       "[pool closed]\nusers = root\nplanes = message\n";

/* -- handoff -- */

START_TEST(the_socket_itself)
{
    struct house_client *c = house_client();
    long long ends[2];
    char bytes[8];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    fd = hand_off(c, ends[0]);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"), "hello");
    /* The daemon has it still. */
    house_do(c, "sendall", "{'handle':%lld,'text':'and I'}", ends[0]);
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"), "and I");
    house_do(c, "sendall", "{'handle':%lld,'text':'back'}", ends[1]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 4);
    ck_assert_str_eq(house_text(hand_row(c, ends[0]), "custody"), "shared");
    ck_assert(house_bool(hand_row(c, ends[0]), "advisory"));
    ck_assert_str_eq(house_text(hand_row(c, ends[1]), "custody"), "daemon");
    ck_assert(!house_has(hand_row(c, ends[1]), "advisory"));
    close(fd);
}
END_TEST

START_TEST(a_batch_carries_none)
{
    struct house_client *c = house_client();
    long long ends[2];
    json_t *r;

    house_pair(c, "SOCK_STREAM", ends);
    house_send(c, "[{'id':1,'method':'handoff','params':{'handle':%lld}},{'id':2,'method':'ping'}]",
               ends[0]);
    r = house_next(c);
    ck_assert_str_eq(house_text(r, "0.error.data.kind"), "fd");
    ck_assert(house_has(r, "1.result"));
    /* Nobody would get what a notification asks for. */
    house_send(c, "{'method':'handoff','params':{'handle':%lld}}", ends[0]);
    house_expect_silence(c);
    ck_assert_str_eq(house_text(hand_row(c, ends[0]), "custody"), "daemon");
    ck_assert_int_eq(house_take_fd(c), -1);
}
END_TEST

START_TEST(nothing_read_ahead_is_lost)
{
    struct house_client *c = house_client();
    long long ends[2];
    char bytes[8];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    house_do(c, "sendall", "{'handle':%lld,'text':'a\\nbc'}", ends[0]);
    house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[1]);
    house_expect_error(house_fail(c, "handoff", "{'handle':%lld}", ends[1]), "handle",
                       "READ_AHEAD");
    house_do(c, "recv", "{'handle':%lld}", ends[1]);
    fd = hand_off(c, ends[1]);
    /* Nor what is read ahead later. */
    house_do(c, "sendall", "{'handle':%lld,'text':'d\\nef'}", ends[0]);
    house_do(c, "recv", "{'handle':%lld,'until':'\\n'}", ends[1]);
    house_expect_error(house_fail(c, "release", "{'handle':%lld}", ends[1]), "handle",
                       "READ_AHEAD");
    house_do(c, "recv", "{'handle':%lld}", ends[1]);
    house_do(c, "release", "{'handle':%lld}", ends[1]);
    house_do(c, "sendall", "{'handle':%lld,'text':'g'}", ends[0]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 1);
    close(fd);
}
END_TEST

/* Replies that nobody reads carry no more descriptors than a few; who reads may have any number. */
START_TEST(unread_ones_are_few)
{
    struct house_client *c = house_client();
    long long ends[2];
    int n_given = 0;

    house_pair(c, "SOCK_STREAM", ends);
    for (int i = 0; i < 70; i++)
        house_begin(c, i, "handoff", "{'handle':%lld}", ends[0]);
    house_turn(70);
    for (int i = 0; i < 70; i++) {
        json_t *r = house_next(c);

        n_given += house_has(r, "result");
        if (house_has(r, "error"))
            house_expect_error(r, "limit", "FDS");
        else
            close(house_take_fd(c));
    }
    ck_assert_int_eq(n_given, 16);
    for (int i = 0; i < 100; i++)
        close(hand_off(c, ends[0]));
}
END_TEST

START_TEST(policy_rules_it)
{
    struct house_client *c;
    long long h;
    json_t *e;

    house_reopen_with(with_planes);
    c = house_client();
    h = house_make(c, "socket", "{'pool':'closed'}");
    e = house_fail(c, "handoff", "{'handle':%lld}", h);
    house_expect_error(e, "policy", "DENIED");
    ck_assert(house_has(e, "data.hint"));
    ck_assert(!house_bool(house_do(c, "why", "{'method':'handoff','pool':'closed'}"), "allowed"));
    ck_assert(!house_has(house_do(c, "why", "{'method':'recv','pool':'closed'}"), "advisory"));
    ck_assert(house_bool(house_do(c, "why", "{'method':'handoff','pool':'a'}"), "allowed"));
    ck_assert(house_bool(house_do(c, "why", "{'method':'recv','pool':'a'}"), "advisory"));
    close(hand_off(c, house_make(c, "socket", "{'pool':'a'}")));
}
END_TEST

/* What others do with it the daemon does not see. */
START_TEST(a_shared_one_is_not_forgotten)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    house_do(c, "sendall", "{'handle':%lld,'text':'x'}", ends[1]);
    fd = hand_off(c, ends[0]);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    for (int i = 0; i < 5; i++) {
        house_advance(1000000);
        house_turn(3);
    }
    house_advance(3600000000);
    house_turn(3);
    ck_assert_uint_eq(house_size(hand_row(c, ends[0]), "suspect"), 0);
    close(fd);
}
END_TEST

/* -- release -- */

START_TEST(release_comes_after)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    house_expect_error(house_fail(c, "release", "{'handle':%lld}", ends[0]), "handle",
                       "NOT_HANDED_OFF");
    fd = hand_off(c, ends[0]);
    house_expect_error(house_fail(other, "release", "{'handle':%lld}", ends[0]), "handle", "HELD");
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    house_expect_error(house_fail(c, "release", "{'handle':%lld}", ends[0]), "handle", "CLOSED");
    hand_expect_audit(c, 2, 1, 1);
    close(fd);
}
END_TEST

/* Its socket lives on, a request that waited for it does not, and neither its name nor its pool
 * knows it. */
START_TEST(what_release_gives_back)
{
    struct house_client *c, *waiting;
    json_t *row;
    long long h;
    int fd, peer;

    house_reopen_with(with_planes);
    c = house_client();
    waiting = house_client();
    row = house_do(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    h = house_int(row, "handle");
    peer = (int)house_int(row, "address.port");
    fd = hand_off(c, h);
    house_begin(waiting, 1, "accept", "{'handle':%lld}", h);
    house_turn(3);
    row = house_do(c, "release", "{'handle':'web'}");
    house_expect_error(house_next(waiting), "cancelled", "CANCELLED");
    ck_assert_str_eq(house_text(row, "name"), "web");
    ck_assert_str_eq(house_text(row, "end.how"), "handed_off");
    ck_assert_str_eq(house_text(row, "custody"), "handed_off");
    ck_assert_str_eq(house_text(row, "state"), "listening");
    ck_assert_int_eq(house_int(house_do(c, "pool.list", "{'name':'a'}"), "pools.0.in_use.sockets"),
                     0);
    house_make(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    peer = hand_connect_to(peer);
    close(accept(fd, NULL, NULL));
    close(peer);
    close(fd);
}
END_TEST

/* Closing the daemon's copy is no end for who has another. */
START_TEST(a_session_that_ends)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2], h;
    char bytes[4];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    fd = hand_off(c, ends[0]);
    h = house_int(hand_adopt_as(other, fd, "'lease':1"), "result.handle");
    ck_assert_int_eq(h, ends[0]);
    house_do(c, "lease", "{'handle':%lld,'lease':1}", ends[1]);
    house_leave(c);
    ck_assert_str_eq(house_text(hand_row(other, ends[0]), "end.how"), "reclaimed");
    house_do(other, "attach", "{'handle':%lld}", ends[1]);
    house_do(other, "sendall", "{'handle':%lld,'text':'abcd'}", ends[1]);
    ck_assert_int_eq(read(fd, bytes, 4), 4);
    house_do(other, "close", "{'handle':%lld}", ends[1]);
    close(fd);
}
END_TEST

/* Another holder makes it block, and takes the connection: the daemon does not wait for the next.
 */
START_TEST(a_blocking_listener_does_not_block)
{
    struct house_client *c = house_client();
    long long h;
    int port, fd, peer, other;

    h = house_listen(c, &port);
    fd = hand_off(c, h);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
        peer = hand_connect_to(port);
        house_begin(c, i, "accept", "{'handle':%lld,'timeout':0}", h);
        other = accept(fd, NULL, NULL);
        house_expect_error(house_next(c), "os", "EAGAIN");
        close(other);
        close(peer);
    }
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("planes");
    TCase *tc = house_case(suite, "handoff");

    tcase_add_test(tc, the_socket_itself);
    tcase_add_test(tc, a_batch_carries_none);
    tcase_add_test(tc, nothing_read_ahead_is_lost);
    tcase_add_test(tc, unread_ones_are_few);
    tcase_add_test(tc, policy_rules_it);
    tcase_add_test(tc, a_shared_one_is_not_forgotten);
    tcase_add_test(tc, release_comes_after);
    tcase_add_test(tc, what_release_gives_back);
    tcase_add_test(tc, a_session_that_ends);
    tcase_add_test(tc, a_blocking_listener_does_not_block);
    return house_run(suite);
}
