/* check_follow.c — what the ledger tells of sockets that others have: how they are, and whether. */
#include <netinet/in.h>
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

START_TEST(a_shared_one_is_as_the_kernel_says)
{
    struct house_client *c = house_client();
    long long ends[2], server;
    int fd, port, elsewhere = hand_listener(&port);

    house_connect(c, ends);
    fd = hand_off(c, ends[0]);
    hand_unconnect(fd);
    /* To the kernel it still has the port that it had by connecting. */
    hand_expect_state(c, ends[0], "bound");
    ck_assert(!house_has(hand_row(c, ends[0]), "peer"));
    hand_connect_elsewhere(fd, port);
    hand_expect_state(c, ends[0], "connected");
    ck_assert_int_eq(house_int(hand_row(c, ends[0]), "peer.port"), port);
    ck_assert_str_eq(house_text(hand_row(c, ends[0]), "transitions.1.state"), "bound");
    close(fd);
    server = house_listen(c, &port);
    fd = hand_off(c, server);
    ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
    hand_expect_state(c, server, "bound");
    ck_assert_int_eq(listen(fd, 1), 0);
    hand_expect_state(c, server, "listening");
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
    hand_expect_state(c, h, "half_closed");
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

    hand_expect_state(c, h, "created");
    hand_connect_elsewhere(fd, 9);
    hand_expect_state(c, h, "connected");
    hand_unconnect(fd);
    hand_expect_state(c, h, "created");
    ck_assert_int_eq(bind(fd, (void *)&at, sizeof at), 0);
    hand_expect_state(c, h, "bound");
    close(fd);
    house_pair(c, "SOCK_STREAM", ends);
    fd = hand_off(c, ends[0]);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[0]);
    hand_expect_state(c, ends[0], "half_closed");
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    hand_expect_state(c, ends[0], "half_closed");
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
    hand_expect_state(c, ends[0], "half_closed");
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
    tc = house_case(suite, "history");
    tcase_add_loop_test(tc, it_is_followed_beyond_the_history, 0, 2);
    tcase_add_test(tc, only_so_many_are_followed);
    return house_run(suite);
}
