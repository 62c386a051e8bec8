/* check_follow.c — what the ledger tells of sockets that others have: how they are, and whether. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand.h"

START_TEST(it_is_followed_until_it_dies)
{
    struct house_client *c = house_client();
    long long ends[2];
    char bytes[2000];
    json_t *row;
    int fd;

    house_connect(c, ends);
    fd = hand_away(c, ends[0]);
    memset(bytes, 'x', sizeof bytes);
    ck_assert_int_eq(write(fd, bytes, 1000), 1000);
    house_do(c, "recv", "{'handle':%lld,'exactly':1000}", ends[1]);
    house_do(c, "sendall", "{'handle':%lld,'text':'twelve bytes'}", ends[1]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 12);
    row = hand_row(c, ends[0]);
    ck_assert(house_bool(row, "alive"));
    ck_assert_str_eq(house_text(row, "state"), "connected");
    ck_assert_int_eq(house_int(row, "sent_bytes"), 1000);
    ck_assert_int_eq(house_int(row, "received_bytes"), 12);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
    house_until(strcmp(house_text(hand_row(c, ends[0]), "state"), "half_closed") == 0);
    ck_assert_int_eq(house_int(hand_row(c, ends[0]), "received_bytes"), 12);
    close(fd);
    house_until(!hand_is_alive(c, ends[0]));
    row = hand_row(c, ends[0]);
    ck_assert_str_eq(house_text(row, "state"), "closed");
    ck_assert_double_le(house_number(row, "died"), house_now());
    ck_assert_double_ge(house_number(row, "died"), house_number(row, "end.at"));
    ck_assert_int_eq(house_int(row, "sent_bytes"), 1000);
    ck_assert_int_eq(house_int(row, "received_bytes"), 12);
    ck_assert_str_eq(house_text(row, "transitions.2.state"), "closed");
}
END_TEST

/* Nobody asks: the kernel tells. */
START_TEST(a_death_is_told)
{
    struct house_client *c = house_client(), *watcher = house_client();
    long long ends[2];
    json_t *event;
    int fd;

    house_connect(c, ends);
    house_do(watcher, "subscribe", "{'events':['handed_off','died','adopted']}");
    fd = hand_away(c, ends[0]);
    ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "handed_off");
    ck_assert_int_eq(house_int(hand_adopt(c, fd), "handle"), ends[0]);
    ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "adopted");
    close(fd);
    fd = hand_away(c, ends[0]);
    ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "handed_off");
    close(fd);
    event = house_next(watcher);
    ck_assert_str_eq(house_text(event, "params.type"), "died");
    ck_assert_int_eq(house_int(event, "params.row.handle"), ends[0]);
}
END_TEST

static const struct kind {
    const char *params;
    bool is_told_fresh; /* the kernel finds one that has done nothing */
    int family;
} kinds[] = {
    {"'type':'SOCK_DGRAM'", false, AF_INET},
    {"'family':'AF_INET6','type':'SOCK_DGRAM'", false, AF_INET6},
    {"'family':'AF_INET6'", false, AF_INET6},
    {"'family':'AF_UNIX'", true, AF_UNIX},
    {"'family':'AF_UNIX','type':'SOCK_DGRAM'", true, AF_UNIX},
};

/* Also one that gets its address only after it has left. */
START_TEST(each_kind_is_followed)
{
    const struct kind *kind = &kinds[_i];
    struct house_client *c = house_client();
    char params[100];
    long long h;
    int fd;

    snprintf(params, sizeof params, "{%s}", kind->params);
    h = house_make(c, "socket", "%s", params);
    fd = hand_away(c, h);
    ck_assert_int_eq(house_has(hand_row(c, h), "alive"), kind->is_told_fresh);
    if (kind->family != AF_UNIX) {
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct sockaddr_in four = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        ck_assert_int_eq(bind(fd, kind->family == AF_INET ? (void *)&four : (void *)&six,
                              kind->family == AF_INET ? sizeof four : sizeof six),
                         0);
        listen(fd, 1);
        ck_assert(hand_is_alive(c, h));
        ck_assert_int_ne(house_int(hand_row(c, h), "address.port"), 0);
    }
    ck_assert(hand_is_alive(c, h));
    close(fd);
    house_until(!hand_is_alive(c, h));
}
END_TEST

START_TEST(listed_by_custody)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    fd = hand_away(c, ends[0]);
    ck_assert_int_eq(house_int(house_do(c, "ledger.list", "{'filter':{'custody':'handed_off'}}"),
                               "rows.0.handle"),
                     ends[0]);
    ck_assert_int_eq(
        house_int(house_do(c, "ledger.list", "{'filter':{'custody':'daemon'}}"), "rows.0.handle"),
        ends[1]);
    house_expect_error(house_fail(c, "ledger.list", "{'filter':{'custody':'x'}}"), "protocol",
                       "filter");
    close(fd);
}
END_TEST

/* -- what its holder makes of it -- */

static void expect_state(struct house_client *c, long long handle, const char *state)
{
    ck_assert_str_eq(house_text(hand_row(c, handle), "state"), state);
}

/* connect(2) that makes a socket as if it had never been connected. */
static void unconnect(int fd)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    ck_assert_int_eq(connect(fd, &none, sizeof none), 0);
}

static void connect_elsewhere(int fd, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    ck_assert_int_eq(connect(fd, (void *)&to, sizeof to), 0);
}

START_TEST(a_shared_one_is_as_the_kernel_says)
{
    struct house_client *c = house_client();
    long long ends[2], server;
    int fd, port, elsewhere = hand_listener(&port);

    house_connect(c, ends);
    fd = hand_off(c, ends[0]);
    unconnect(fd);
    /* To the kernel it still has the port that it had by connecting. */
    expect_state(c, ends[0], "bound");
    ck_assert(!house_has(hand_row(c, ends[0]), "peer"));
    connect_elsewhere(fd, port);
    expect_state(c, ends[0], "connected");
    ck_assert_int_eq(house_int(hand_row(c, ends[0]), "peer.port"), port);
    ck_assert_str_eq(house_text(hand_row(c, ends[0]), "transitions.1.state"), "bound");
    close(fd);
    server = house_listen(c, &port);
    fd = hand_off(c, server);
    ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
    expect_state(c, server, "bound");
    ck_assert_int_eq(listen(fd, 1), 0);
    expect_state(c, server, "listening");
    close(fd);
    close(elsewhere);
}
END_TEST

/* To be connected no more is one thing, to have been connected to the end another. */
START_TEST(a_shared_one_comes_to_its_end)
{
    struct house_client *c = house_client();
    int port, elsewhere = hand_listener(&port), fd = hand_connect_to(port), peer;
    long long h = house_int(hand_adopt(c, fd), "handle");

    peer = accept(elsewhere, NULL, NULL);
    close(peer);
    house_until(strcmp(house_text(hand_row(c, h), "state"), "half_closed") == 0);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    house_turn(1);
    expect_state(c, h, "half_closed");
    ck_assert_int_eq(house_int(hand_row(c, h), "peer.port"), port);
    close(fd);
    close(elsewhere);
}
END_TEST

START_TEST(a_shared_one_without_a_connection)
{
    struct house_client *c = house_client();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long long h = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"), ends[2];
    int fd = hand_off(c, h);

    expect_state(c, h, "created");
    connect_elsewhere(fd, 9);
    expect_state(c, h, "connected");
    unconnect(fd);
    expect_state(c, h, "created");
    ck_assert_int_eq(bind(fd, (void *)&at, sizeof at), 0);
    expect_state(c, h, "bound");
    close(fd);
    house_pair(c, "SOCK_STREAM", ends);
    fd = hand_off(c, ends[0]);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[0]);
    expect_state(c, ends[0], "half_closed");
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    expect_state(c, ends[0], "half_closed");
    close(fd);
}
END_TEST

START_TEST(transitions_go_on)
{
    static const char *const states[] = {"connected", "half_closed", "closed"};
    struct house_client *c = house_client();
    long long ends[2];
    json_t *row;
    int fd;

    house_connect(c, ends);
    fd = hand_away(c, ends[0]);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect_state(c, ends[0], "half_closed");
    ck_assert(hand_is_alive(c, ends[0]));
    close(fd);
    house_until(!hand_is_alive(c, ends[0]));
    row = hand_row(c, ends[0]);
    ck_assert_uint_eq(house_size(row, "transitions"), 3);
    for (int i = 0; i < 3; i++) {
        char path[40];

        snprintf(path, sizeof path, "transitions.%d.state", i);
        ck_assert_str_eq(house_text(row, path), states[i]);
    }
}
END_TEST

/* -- what looks like a death -- */

/* A socket that is told the same as the daemon's, and has the same room for it. */
static int witness(void)
{
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    int group = SKNLGRP_INET_UDP_DESTROY, fd;

    fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ck_assert_int_eq(bind(fd, (void *)&any, sizeof any), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group), 0);
    return fd;
}

/* So many die that the kernel cannot tell of all: then nobody knows of which it has not told. */
static void die_en_masse(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd overrun = {.fd = witness()};

    for (int i = 0; i < 2000; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_int_eq(bind(fd, (void *)&at, sizeof at), 0);
        close(fd);
    }
    ck_assert_int_eq(poll(&overrun, 1, 10000), 1);
    close(overrun.fd);
}

/* It stands in no table of the kernel, and then again. _i: deaths were not told. */
START_TEST(an_escape_is_no_death)
{
    struct house_client *c = house_client();
    int port, fd, elsewhere = hand_listener(&port);
    long long ends[2];
    json_t *row;

    house_connect(c, ends);
    fd = hand_away(c, ends[0]);
    ck_assert(hand_is_alive(c, ends[0]));
    if (_i)
        die_en_masse();
    unconnect(fd);
    house_until(!_i || (house_advance(1000), house_has(hand_row(c, ends[0]), "died")));
    for (int i = 0; i < 3; i++) {
        house_advance(1000);
        row = hand_row(c, ends[0]);
        ck_assert_int_eq(house_has(row, "alive"), _i);
        ck_assert_int_eq(house_has(row, "died"), _i);
    }
    connect_elsewhere(fd, port);
    ck_assert(hand_is_alive(c, ends[0]));
    row = hand_row(c, ends[0]);
    ck_assert_str_eq(house_text(row, "state"), "connected");
    ck_assert_int_eq(house_int(row, "peer.port"), port);
    ck_assert(!house_has(row, "died"));
    unconnect(fd);
    house_advance(1000);
    hand_row(c, ends[0]);
    hand_expect_audit(c, 3, 1, 1);
    row = hand_adopt(c, fd);
    ck_assert(house_bool(row, "known"));
    ck_assert_int_eq(house_int(row, "handle"), ends[0]);
    hand_expect_audit(c, 3, 2, 0);
    row = hand_row(c, ends[0]);
    ck_assert(!house_has(row, "died"));
    ck_assert_str_eq(house_text(row, "state"), "bound");
    /* Followed as before. */
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    connect_elsewhere(fd, port);
    ck_assert(hand_is_alive(c, ends[0]));
    close(fd);
    house_until(!hand_is_alive(c, ends[0]));
    ck_assert_int_eq(house_has(hand_row(c, ends[0]), "died"), 1);
    hand_expect_audit(c, 3, 1, 1);
    close(elsewhere);
}
END_TEST

/* What the kernel remembers of a connection that has ended on both sides is not its socket, in
 * which something may be unread. _i as above. */
START_TEST(a_memory_is_no_socket)
{
    struct house_client *c = house_client();
    char bytes[8];
    long long ends[2];
    json_t *row;
    int fd;

    house_connect(c, ends);
    fd = hand_away(c, ends[0]);
    if (_i)
        die_en_masse();
    house_do(c, "sendall", "{'handle':%lld,'text':'unread'}", ends[1]);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    house_do(c, "recv", "{'handle':%lld}", ends[1]);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    /* Told without death: the socket itself is still somebody's. */
    house_until((house_advance(1000), row = hand_row(c, ends[0]),
                 _i ? house_has(row, "died") : !house_has(row, "alive")));
    ck_assert_int_eq(house_has(row, "died"), _i);
    row = hand_adopt(c, fd);
    ck_assert_int_eq(house_int(row, "handle"), ends[0]);
    ck_assert(house_bool(row, "known"));
    expect_state(c, ends[0], "half_closed");
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 6);
    close(fd);
    house_until(!hand_is_alive(c, ends[0]));
    hand_expect_audit(c, 3, 0, 1);
}
END_TEST

/* -- how long -- */

static void close_some(struct house_client *c, int n)
{
    for (int i = 0; i < n; i++)
        house_do(c, "close", "{'handle':%lld}", house_make(c, "socket", "{}"));
    house_turn(2);
}

/* As long as it lives, whatever ends meanwhile; but not every one that there has been. _i: it goes
 * by its age. */
START_TEST(it_is_followed_beyond_the_history)
{
    struct house_setup few = {.n_history_rows = 3}, short_while = {.history_age_usec = 1000000};
    struct house_client *c;
    long long h, other;
    int fd, port;

    house_reopen(_i ? short_while : few);
    c = house_client();
    h = house_listen(c, &port);
    fd = hand_away(c, h);
    for (int i = 0; i < 3; i++) {
        other = house_make(c, "socket", "{}");
        house_do(c, "close", "{'handle':%lld}", other);
        close_some(c, 3);
        house_advance(2000000);
        house_turn(2);
        house_expect_error(house_fail(c, "ledger.get", "{'handle':%lld}", other), "handle",
                           "CLOSED");
        ck_assert(hand_is_alive(c, h));
    }
    ck_assert_int_eq(house_int(house_do(c, "ledger.list", "{'filter':{'custody':'handed_off'}}"),
                               "rows.0.handle"),
                     h);
    ck_assert_int_eq(house_int(hand_adopt(c, fd), "handle"), h);
    house_do(c, "release", "{'handle':%lld}", h);
    close_some(c, 5);
    house_advance(2000000);
    house_turn(2);
    /* And from its end on as every other. */
    close(fd);
    house_until(!hand_is_alive(c, h));
    close_some(c, 5);
    house_advance(2000000);
    house_turn(2);
    house_expect_error(house_fail(c, "ledger.get", "{'handle':%lld}", h), "handle", "CLOSED");
}
END_TEST

START_TEST(only_so_many_are_followed)
{
    struct house_client *c;
    long long handles[5];
    int fds[5], port;

    house_reopen((struct house_setup){.n_history_rows = 2});
    c = house_client();
    for (int i = 0; i < 5; i++) {
        handles[i] = house_listen(c, &port);
        fds[i] = hand_away(c, handles[i]);
    }
    house_turn(2);
    house_expect_error(house_fail(c, "ledger.get", "{'handle':%lld}", handles[0]), "handle",
                       "CLOSED");
    ck_assert(hand_is_alive(c, handles[1]));
    hand_expect_audit(c, 5, 0, 5);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}
END_TEST

static int go_to_another_netns(void)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(here, 0);
    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    return here;
}

static void come_back_from(int here)
{
    ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
    close(here);
}

/* _i: of which family. */
START_TEST(elsewhere_is_not_looked)
{
    struct house_client *c = house_client();
    int fd, here = go_to_another_netns(), family = _i ? AF_INET : AF_UNIX;
    json_t *row;
    long long h;

    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(family == AF_UNIX || listen(fd, 1) == 0);
    come_back_from(here);
    h = house_int(hand_adopt(c, fd), "handle");
    house_do(c, "release", "{'handle':%lld}", h);
    for (int i = 0; i < 3; i++) {
        house_advance(1000);
        row = hand_row(c, h);
        ck_assert(!house_has(row, "alive"));
        ck_assert(!house_has(row, "died"));
    }
    row = hand_adopt(c, fd);
    ck_assert_int_eq(house_int(row, "handle"), h);
    hand_expect_audit(c, 1, 1, 0);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("follow");
    TCase *tc = house_case(suite, "following");

    tcase_add_test(tc, it_is_followed_until_it_dies);
    tcase_add_test(tc, a_death_is_told);
    tcase_add_test(tc, listed_by_custody);
    tcase_add_loop_test(tc, each_kind_is_followed, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(tc, a_shared_one_is_as_the_kernel_says);
    tcase_add_test(tc, a_shared_one_comes_to_its_end);
    tcase_add_test(tc, a_shared_one_without_a_connection);
    tcase_add_test(tc, transitions_go_on);
    tc = house_case(suite, "doubt");
    tcase_add_loop_test(tc, an_escape_is_no_death, 0, 2);
    tcase_add_loop_test(tc, a_memory_is_no_socket, 0, 2);
    if (geteuid() == 0)
        tcase_add_loop_test(tc, elsewhere_is_not_looked, 0, 2);
    tc = house_case(suite, "history");
    tcase_add_loop_test(tc, it_is_followed_beyond_the_history, 0, 2);
    tcase_add_test(tc, only_so_many_are_followed);
    return house_run(suite);
}
