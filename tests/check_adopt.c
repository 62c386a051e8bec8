/* check_adopt.c — sockets that come to the daemon: new ones, and those that it has known before. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand.h"

static const char *const with_planes = "[pool a]\nusers = root\nbind = 127.0.0.1:*\n"
                                       "connect = 127.0.0.2:*\nplanes = message, handoff\n"
                                       "max-sockets = 4\n"
                                       "[pool closed]\nusers = root\nplanes = message\n";

START_TEST(adopting_a_new_one)
{
    struct house_client *c = house_client();
    int port, fd = hand_listener(&port), peer;
    json_t *r = house_at(hand_adopt_as(c, fd, "'name':'web','label':'mine','site':'a.c:1'"),
                         "result"),
           *row;

    ck_assert(!house_bool(r, "known"));
    ck_assert_int_eq(house_int(r, "address.port"), port);
    row = hand_row(c, house_int(r, "handle"));
    ck_assert_str_eq(house_text(row, "state"), "listening");
    ck_assert_str_eq(house_text(row, "custody"), "shared");
    ck_assert_str_eq(house_text(row, "label"), "mine");
    ck_assert_str_eq(house_text(row, "site"), "a.c:1");
    close(fd);
    peer = hand_connect_to(port);
    house_do(c, "accept", "{'handle':'web'}");
    close(peer);
    hand_expect_audit(c, 2, 2, 0);
}
END_TEST

START_TEST(adopting_the_known)
{
    struct house_client *c = house_client(), *other = house_client();
    long long ends[2], h;
    json_t *row;
    int fd;

    house_connect(c, ends);
    fd = hand_off(c, ends[0]);
    /* While the daemon has it; another session of its user does not take it away. */
    ck_assert_int_eq(house_int(hand_adopt(c, fd), "handle"), ends[0]);
    ck_assert_int_eq(house_int(hand_adopt(other, fd), "handle"), ends[0]);
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    hand_expect_audit(c, 3, 1, 1);
    h = house_make(c, "socket", "{}");
    /* Into another session, with another label. */
    row = hand_adopt_as(other, fd, "'label':'again'");
    ck_assert_int_eq(house_int(row, "result.handle"), ends[0]);
    ck_assert(house_bool(row, "result.known"));
    hand_expect_audit(c, 4, 3, 0);
    row = hand_row(other, ends[0]);
    ck_assert_str_eq(house_text(row, "custody"), "shared");
    ck_assert_str_eq(house_text(row, "state"), "connected");
    ck_assert_str_eq(house_text(row, "label"), "again");
    ck_assert(!house_has(row, "end"));
    /* The living are listed by their numbers, it among them. */
    row = house_do(c, "ledger.list", "{}");
    for (size_t i = 1; i < house_size(row, "rows"); i++) {
        char one[40], before[40];

        snprintf(one, sizeof one, "rows.%zu.handle", i);
        snprintf(before, sizeof before, "rows.%zu.handle", i - 1);
        ck_assert_int_gt(house_int(row, one), house_int(row, before));
    }
    house_do(c, "sendall", "{'handle':%lld,'text':'x'}", ends[1]);
    ck_assert_str_eq(house_text(house_do(other, "recv", "{'handle':%lld}", ends[0]), "text"), "x");
    house_do(c, "close", "{'handle':%lld}", h);
    close(fd);
    /* It ends with the session that took it. */
    house_leave(other);
    ck_assert_str_eq(house_text(hand_row(c, ends[0]), "end.how"), "reclaimed");
    hand_expect_audit(c, 4, 1, 0);
}
END_TEST

START_TEST(a_name_comes_back_if_it_is_free)
{
    struct house_client *c = house_client();
    json_t *r = house_do(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    long long h = house_int(r, "handle"), second;
    int fd = hand_away(c, h);

    second = house_make(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    ck_assert_int_eq(house_int(hand_adopt(c, fd), "handle"), h);
    ck_assert(!house_has(hand_row(c, h), "name"));
    house_do(c, "release", "{'handle':%lld}", h);
    house_expect_error(hand_adopt_as(c, fd, "'name':'web'"), "handle", "NAME_TAKEN");
    house_do(c, "close", "{'handle':%lld}", second);
    ck_assert_int_eq(house_int(hand_adopt_as(c, fd, "'name':'web'"), "result.handle"), h);
    house_do(c, "release", "{'handle':'web'}");
    ck_assert_int_eq(house_int(hand_adopt(c, fd), "handle"), h);
    ck_assert_str_eq(house_text(hand_row(c, h), "name"), "web");
    close(fd);
}
END_TEST

/* An end of a pair has a peer, though neither has a name. */
START_TEST(adopting_an_end_of_a_pair)
{
    struct house_client *c = house_client();
    int ends[2];
    long long h;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    h = house_int(hand_adopt(c, ends[0]), "handle");
    house_do(c, "stream", "{'handle':%lld}", h);
    close(house_take_fd(c));
    house_do(c, "close", "{'handle':%lld}", h);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(adopting_what_is_no_socket)
{
    struct house_client *c = house_client();
    int fds[2], fd;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    house_expect_error(hand_adopt_as(c, fds[0], ""), "fd", "NOT_A_SOCKET");
    close(fds[0]);
    close(fds[1]);
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    house_expect_error(hand_adopt_as(c, fd, ""), "fd", "FAMILY");
    close(fd);
    hand_expect_audit(c, 0, 0, 0); /* and the session goes on */
}
END_TEST

/* A socket that could not be had here does not come in by the back door. */
START_TEST(adoption_is_under_the_policy)
{
    struct house_client *c;
    int port, fd, peer, ours;

    house_reopen_with("[pool a]\nusers = root\ntypes = SOCK_STREAM\nbind = 127.0.0.1:1-2\n"
                      "connect = 127.0.0.2:*\n");
    c = house_client();
    fd = hand_listener(&port);
    house_expect_error(hand_adopt_as(c, fd, ""), "policy", "DENIED");
    peer = hand_connect_to(port);
    house_expect_error(hand_adopt_as(c, peer, ""), "policy", "DENIED");
    ours = accept(fd, NULL, NULL);
    house_expect_error(hand_adopt_as(c, ours, ""), "policy", "DENIED");
    close(ours);
    ours = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    house_expect_error(hand_adopt_as(c, ours, ""), "policy", "DENIED");
    close(ours);
    ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(house_has(hand_adopt_as(c, ours, ""), "result"));
    close(ours);
    house_reload("[pool a]\nusers = root\nbind = 127.0.0.1:*\nconnect =\n");
    ck_assert(house_has(hand_adopt_as(c, fd, ""), "result"));
    close(peer);
    close(fd);
}
END_TEST

START_TEST(adoption_is_paid_for)
{
    struct house_client *c;
    long long h;
    int fd, more[4], n = 4;

    house_reopen_with(with_planes);
    c = house_client();
    h = house_make(c, "socket", "{}");
    fd = hand_away(c, h);
    for (int i = 0; i < n; i++) {
        more[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(house_has(hand_adopt_as(c, more[i], ""), "result"));
        close(more[i]);
    }
    house_expect_error(hand_adopt_as(c, fd, ""), "pool", "max-sockets");
    hand_expect_audit(c, 5, 4, 1);
    ck_assert(!house_has(hand_row(c, h), "died"));
    close(fd);
}
END_TEST

/* -- of several users -- */

enum { ALICE = 41000, BOB = 41001 };

static const char *const two_users = "[pool a]\nusers = 41000\nplanes = message, handoff\n"
                                     "[pool b]\nusers = 41001\nplanes = message, handoff\n"
                                     "[pool more]\nusers = 41001\nplanes = message, handoff\n";

/* Each has one handle for a socket, whatever others have. */
START_TEST(each_user_has_one_handle)
{
    struct house_client *alice, *bob, *root;
    long long of_alice, of_bob;
    int fd, port;
    json_t *r;

    house_reopen_with(two_users);
    root = house_client();
    alice = hand_client_of(ALICE);
    bob = hand_client_of(BOB);
    of_alice = house_listen(alice, &port);
    fd = hand_off(alice, of_alice);
    r = hand_adopt(bob, fd);
    of_bob = house_int(r, "handle");
    ck_assert(!house_bool(r, "known"));
    ck_assert_int_ne(of_bob, of_alice);
    for (int i = 0; i < 3; i++) {
        r = hand_adopt(bob, fd);
        ck_assert_int_eq(house_int(r, "handle"), of_bob);
        ck_assert(house_bool(r, "known"));
    }
    ck_assert_int_eq(house_int(hand_adopt(alice, fd), "handle"), of_alice);
    house_do(bob, "release", "{'handle':%lld}", of_bob);
    ck_assert_int_eq(house_int(hand_adopt(bob, fd), "handle"), of_bob);
    house_do(bob, "release", "{'handle':%lld}", of_bob);
    house_do(alice, "release", "{'handle':%lld}", of_alice);
    hand_expect_audit(root, 2, 0, 2);
    /* It dies for both, though only one is asked about. */
    house_do(root, "subscribe", "{'events':['died']}");
    close(fd);
    ck_assert_str_eq(house_text(house_next(root), "params.type"), "died");
    ck_assert_str_eq(house_text(house_next(root), "params.type"), "died");
    ck_assert(!hand_is_alive(bob, of_bob));
    ck_assert(!hand_is_alive(alice, of_alice));
}
END_TEST

/* Who has closed it has no handle that it could get back. */
START_TEST(the_other_one_stays)
{
    struct house_client *alice, *bob;
    long long of_alice, of_bob;
    int fd, port;

    house_reopen_with(two_users);
    alice = hand_client_of(ALICE);
    bob = hand_client_of(BOB);
    of_alice = house_listen(alice, &port);
    fd = hand_off(alice, of_alice);
    of_bob = house_int(hand_adopt(bob, fd), "handle");
    house_do(alice, "close", "{'handle':%lld}", of_alice);
    ck_assert_int_eq(house_int(hand_adopt(bob, fd), "handle"), of_bob);
    ck_assert_int_gt(house_int(hand_adopt(alice, fd), "handle"), of_bob);
    close(fd);
}
END_TEST

/* -- what the living are given -- */

START_TEST(a_living_one_gets_a_name_and_a_label)
{
    struct house_client *c = house_client(), *other = house_client();
    long long h, more;
    json_t *row;
    int fd, port;

    h = house_listen(c, &port);
    more = house_make(c, "socket", "{'name':'taken'}");
    fd = hand_off(c, h);
    ck_assert_int_eq(house_int(hand_adopt_as(c, fd, "'name':'web','label':'mine','site':'b.c:2'"),
                               "result.handle"),
                     h);
    row = house_do(c, "ledger.get", "{'handle':'web'}");
    ck_assert_int_eq(house_int(row, "handle"), h);
    ck_assert_str_eq(house_text(row, "label"), "mine");
    ck_assert(!house_has(row, "site"));
    hand_adopt_as(c, fd, "'name':'other'");
    house_expect_error(house_fail(c, "ledger.get", "{'handle':'web'}"), "handle", "UNKNOWN");
    row = house_do(c, "ledger.get", "{'handle':'other'}");
    ck_assert_str_eq(house_text(row, "label"), "mine");
    ck_assert(house_has(hand_adopt_as(c, fd, "'name':'other'"), "result"));
    /* Refused, nothing has changed. */
    house_expect_error(hand_adopt_as(c, fd, "'name':'taken','label':'x'"), "handle", "NAME_TAKEN");
    house_expect_error(hand_adopt_as(c, fd, "'name':'a/b','label':'x'"), "protocol", "name");
    house_expect_error(hand_adopt_as(c, fd, "'pool':'none','label':'x'"), "protocol", "pool");
    house_expect_error(hand_adopt_as(other, fd, "'label':'x'"), "handle", "HELD");
    house_expect_error(hand_adopt_as(other, fd, "'name':'@c'"), "handle", "HELD");
    ck_assert_str_eq(house_text(hand_row(c, h), "name"), "other");
    ck_assert_str_eq(house_text(hand_row(c, h), "label"), "mine");
    house_do(c, "close", "{'handle':'other'}");
    house_do(c, "close", "{'handle':%lld}", more);
    close(fd);
}
END_TEST

/* Nobody keeps sockets for this daemon: what is asked for besides is not done either. */
START_TEST(a_living_one_that_cannot_be_kept_stays_as_it_is)
{
    struct house_client *c = house_client(), *other = house_client();
    const char *all = "'survive':true,'name':'web','label':'mine','lease':7";
    long long h;
    json_t *row;
    int fd, port;

    h = house_listen(c, &port);
    house_do(c, "lease", "{'handle':%lld,'lease':'permanent'}", h);
    fd = hand_off(c, h);
    house_expect_error(hand_adopt_as(c, fd, all), "lease", "CANNOT_KEEP");
    house_leave(c);
    house_expect_error(hand_adopt_as(other, fd, all), "lease", "CANNOT_KEEP");
    row = hand_row(other, h);
    ck_assert(!house_has(row, "name"));
    ck_assert(!house_has(row, "label"));
    ck_assert_str_eq(house_text(row, "lease"), "permanent");
    ck_assert_str_eq(house_text(row, "suspect.0.kind"), "orphan");
    ck_assert_int_eq(house_int(hand_adopt_as(other, fd, "'name':'@mine'"), "result.handle"), h);
    ck_assert_str_eq(house_text(hand_row(other, h), "name"), "@mine");
    house_do(other, "close", "{'handle':'@mine'}");
    close(fd);
}
END_TEST

START_TEST(a_living_one_stays_in_its_pool)
{
    struct house_client *bob;
    int fd, port;
    long long h;

    house_reopen_with("[pool a]\nusers = root\n[pool b]\nusers = 41001\nmax-lease = 10\n"
                      "planes = handoff, message\n[pool more]\nusers = 41001\n");
    bob = hand_client_of(BOB);
    h = house_listen(bob, &port);
    fd = hand_off(bob, h);
    house_expect_error(hand_adopt_as(bob, fd, "'pool':'more'"), "handle", "KNOWN");
    ck_assert_int_eq(house_int(hand_adopt_as(bob, fd, "'pool':'b'"), "result.handle"), h);
    house_expect_error(hand_adopt_as(bob, fd, "'lease':100"), "lease", "TOO_LONG");
    house_do(bob, "release", "{'handle':%lld}", h);
    ck_assert_int_eq(house_int(hand_adopt_as(bob, fd, "'pool':'more'"), "result.handle"), h);
    ck_assert_str_eq(house_text(hand_row(bob, h), "pool"), "more");
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adopt");
    TCase *tc = house_case(suite, "adopt");

    tcase_add_test(tc, adopting_a_new_one);
    tcase_add_test(tc, adopting_the_known);
    tcase_add_test(tc, a_name_comes_back_if_it_is_free);
    tcase_add_test(tc, adopting_an_end_of_a_pair);
    tcase_add_test(tc, adopting_what_is_no_socket);
    tcase_add_test(tc, adoption_is_under_the_policy);
    tcase_add_test(tc, adoption_is_paid_for);
    tcase_add_test(tc, a_living_one_gets_a_name_and_a_label);
    tcase_add_test(tc, a_living_one_that_cannot_be_kept_stays_as_it_is);
    if (geteuid() == 0) {
        tcase_add_test(tc, each_user_has_one_handle);
        tcase_add_test(tc, the_other_one_stays);
        tcase_add_test(tc, a_living_one_stays_in_its_pool);
    }
    return house_run(suite);
}
