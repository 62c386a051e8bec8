/* check_follow_doubt.c — what looks like the death of a socket that others have, and what is not
 * seen. */
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

/* For more deaths than the daemon takes in one turn. */
static void give_room(int fd)
{
    int n = 200 << 10;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof n), 0);
}

/* A socket that is told the same as the daemon's, and has no less room for it. */
static int witness(int group)
{
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    int fd;

    fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ck_assert_int_eq(bind(fd, (void *)&any, sizeof any), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group), 0);
    give_room(fd);
    return fd;
}

/* So many die that the kernel cannot tell of all: then nobody knows of which it has not told. */
static void die_en_masse(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd overrun = {.fd = witness(SKNLGRP_INET_UDP_DESTROY)};

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
    hand_unconnect(fd);
    house_until(!_i || (house_advance(1000), house_has(hand_row(c, ends[0]), "died")));
    for (int i = 0; i < 3; i++) {
        house_advance(1000);
        row = hand_row(c, ends[0]);
        ck_assert_int_eq(house_has(row, "alive"), _i);
        ck_assert_int_eq(house_has(row, "died"), _i);
    }
    hand_connect_elsewhere(fd, port);
    ck_assert(hand_is_alive(c, ends[0]));
    row = hand_row(c, ends[0]);
    ck_assert_str_eq(house_text(row, "state"), "connected");
    ck_assert_int_eq(house_int(row, "peer.port"), port);
    ck_assert(!house_has(row, "died"));
    hand_unconnect(fd);
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
    hand_connect_elsewhere(fd, port);
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
    hand_expect_state(c, ends[0], "half_closed");
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 6);
    close(fd);
    house_until(!hand_is_alive(c, ends[0]));
    hand_expect_audit(c, 3, 0, 1);
}
END_TEST

/* -- so many at once -- */

enum { MANY = 12 }; /* of each kind */

static const struct {
    const char *params;
    int family;
} kinds[] = {
    {"{'type':'SOCK_DGRAM'}", AF_INET},
    {"{}", AF_INET},
    {"{'family':'AF_INET6'}", AF_INET6},
    {"{'family':'AF_INET6','type':'SOCK_DGRAM'}", AF_INET6},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static void bind_to(int fd, int family, int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    ck_assert_int_eq(bind(fd, family == AF_INET ? (void *)&four : (void *)&six,
                          family == AF_INET ? sizeof four : sizeof six),
                     0);
    listen(fd, 1);
}

/* How many of the list say that they are alive, or are not. */
static int count_listed(struct house_client *c, bool is_alive)
{
    json_t *r = house_do(c, "ledger.list", "{'filter':{'custody':'handed_off'}}"), *row;
    char path[40];
    int n = 0;

    for (size_t i = 0; i < house_size(r, "rows"); i++) {
        snprintf(path, sizeof path, "rows.%zu", i);
        row = house_at(r, path);
        n += house_has(row, "alive") && house_bool(row, "alive") == is_alive;
    }
    return n;
}

/* Closes all but the first of each kind. The kernel tells a little later: waits until it has told a
 * witness, who hears of these kinds alone. */
static void close_but_first(int fds[][MANY])
{
    static const int groups[] = {0, SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY,
                                 SKNLGRP_INET6_UDP_DESTROY};
    char bytes[4096];

    for (int kind = 0; kind < N_KINDS; kind++) {
        struct pollfd told = {.fd = groups[kind] ? witness(groups[kind]) : -1, .events = POLLIN};

        for (int i = 1; i < MANY; i++)
            close(fds[kind][i]);
        for (int i = 1; i < MANY && groups[kind]; i++) {
            ck_assert_int_eq(poll(&told, 1, 10000), 1);
            ck_assert_int_gt(read(told.fd, bytes, sizeof bytes), 0);
        }
        if (groups[kind])
            close(told.fd);
    }
}

/* The kernel has told of none of them: they are noticed when somebody lists. */
START_TEST(all_untold_deaths_are_noticed)
{
    struct house_client *c = house_client(), *watcher = house_client();
    int fds[N_KINDS][MANY], n_died = 0;
    long long h;

    for (int kind = 0; kind < N_KINDS; kind++)
        for (int i = 0; i < MANY; i++) {
            h = house_make(c, "socket", "%s", kinds[kind].params);
            fds[kind][i] = hand_away(c, h);
            bind_to(fds[kind][i], kinds[kind].family, 0);
        }
    ck_assert_int_eq(count_listed(c, true), N_KINDS * MANY);
    house_do(watcher, "subscribe", "{'events':['died']}");
    die_en_masse();
    close_but_first(fds);
    house_until((house_advance(1000), count_listed(c, false) == N_KINDS * (MANY - 1)));
    ck_assert_int_eq(count_listed(c, true), N_KINDS);
    while (house_is_answered(watcher)) {
        ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "died");
        n_died++;
    }
    ck_assert_int_eq(n_died, N_KINDS * (MANY - 1));
    for (int kind = 0; kind < N_KINDS; kind++)
        close(fds[kind][0]);
}
END_TEST

static void give_daemon_room(void)
{
    for (int fd = 0; fd < 100; fd++) {
        int domain;
        socklen_t n = sizeof domain;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_NETLINK)
            give_room(fd);
    }
}

/* What happens before the rest of an overrun has been read is not told either. The daemon takes it
 * in one turn, with the request, that there was one; but not all of it. */
START_TEST(a_death_within_an_overrun)
{
    struct house_client *c = house_client();
    struct pollfd told = {.events = POLLIN};
    int fd, port;
    long long h = house_listen(c, &port);

    fd = hand_away(c, h);
    give_daemon_room();
    house_send(c, "{'id':1,'method':'ledger.get','params':{'handle':%lld}}", h);
    die_en_masse();
    house_turn(1);
    ck_assert(house_is_answered(c));
    ck_assert(house_bool(house_next(c), "result.alive"));
    told.fd = witness(SKNLGRP_INET_TCP_DESTROY);
    close(fd);
    ck_assert_int_eq(poll(&told, 1, 10000), 1);
    close(told.fd);
    ck_assert(!hand_is_alive(c, h));
}
END_TEST

/* By their address the kernel finds one of them. */
START_TEST(all_of_one_address_are_found)
{
    struct house_client *c = house_client();
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    int fds[MANY], one = 1, port = 0;

    for (int i = 0; i < MANY; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        bind_to(fds[i], AF_INET, port);
        ck_assert_int_eq(getsockname(fds[i], (void *)&at, &n), 0);
        port = ntohs(at.sin_port);
        house_do(c, "release", "{'handle':%lld}",
                 (long long)house_int(hand_adopt(c, fds[i]), "handle"));
    }
    ck_assert_int_eq(count_listed(c, true), MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    house_until(count_listed(c, false) == MANY);
}
END_TEST

/* -- elsewhere -- */

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
    Suite *suite = suite_create("follow_doubt");
    TCase *tc = house_case(suite, "doubt");

    tcase_add_loop_test(tc, an_escape_is_no_death, 0, 2);
    tcase_add_loop_test(tc, a_memory_is_no_socket, 0, 2);
    tcase_add_test(tc, all_untold_deaths_are_noticed);
    tcase_add_test(tc, a_death_within_an_overrun);
    tcase_add_test(tc, all_of_one_address_are_found);
    if (geteuid() == 0)
        tcase_add_loop_test(tc, elsewhere_is_not_looked, 0, 2);
    return house_run(suite);
}
