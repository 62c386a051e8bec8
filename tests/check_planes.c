/* check_planes.c — the kernel's socket itself: given away, acknowledged, followed and taken back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

static const char *const with_planes = "[pool a]\nusers = root\nbind = 127.0.0.1:*\n"
                                       "connect = 127.0.0.2:*\nplanes = message, handoff\n"
                                       "max-sockets = 4\n"
                                       "[pool closed]\nusers = root\nplanes = message\n";

/* -- tools -- */

static int hand_off(struct house_client *c, long long handle)
{
    int fd;

    ck_assert_int_eq(house_int(house_ask(c, "handoff", "{'handle':%lld}", handle), "fds"), 1);
    fd = house_take_fd(c);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static int give_away(struct house_client *c, long long handle)
{
    int fd = hand_off(c, handle);

    house_do(c, "release", "{'handle':%lld}", handle);
    return fd;
}

static json_t *adopt_as(struct house_client *c, int fd, const char *params)
{
    char line[512];

    snprintf(line, sizeof line, "{'id':7,'method':'adopt','fds':1,'params':{%s}}", params);
    house_send_fds(c, line, &fd, 1);
    return house_next(c);
}

static json_t *adopt(struct house_client *c, int fd)
{
    return house_at(adopt_as(c, fd, ""), "result");
}

static json_t *row_of(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

static void expect_audit(struct house_client *c, int opened, int live, int handed_off)
{
    json_t *r = house_do(c, "ledger.audit", "{}");

    ck_assert_int_eq(house_int(r, "opened"), opened);
    ck_assert_int_eq(house_int(r, "live"), live);
    ck_assert_int_eq(house_int(r, "handed_off"), handed_off);
    ck_assert_int_eq(house_int(r, "balance"), 0);
}

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (void *)&to, sizeof to), 0);
    return fd;
}

static int listener_of_ours(int port_back[1])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (void *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (void *)&at, &n), 0);
    *port_back = ntohs(at.sin_port);
    return fd;
}

/* Long tables are not looked through at the same time again and again. */
static bool is_alive(struct house_client *c, long long handle)
{
    house_advance(1000);
    return house_bool(row_of(c, handle), "alive");
}

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
    ck_assert_str_eq(house_text(row_of(c, ends[0]), "custody"), "shared");
    ck_assert(house_bool(row_of(c, ends[0]), "advisory"));
    ck_assert_str_eq(house_text(row_of(c, ends[1]), "custody"), "daemon");
    ck_assert(!house_has(row_of(c, ends[1]), "advisory"));
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
    ck_assert_str_eq(house_text(row_of(c, ends[0]), "custody"), "daemon");
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
    ck_assert_uint_eq(house_size(row_of(c, ends[0]), "suspect"), 0);
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
    expect_audit(c, 2, 1, 1);
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
    peer = connect_to(peer);
    close(accept(fd, NULL, NULL));
    close(peer);
    close(fd);
}
END_TEST

/* -- following -- */

START_TEST(it_is_followed_until_it_dies)
{
    struct house_client *c = house_client();
    long long ends[2];
    char bytes[2000];
    json_t *row;
    int fd;

    house_connect(c, ends);
    fd = give_away(c, ends[0]);
    memset(bytes, 'x', sizeof bytes);
    ck_assert_int_eq(write(fd, bytes, 1000), 1000);
    house_do(c, "recv", "{'handle':%lld,'exactly':1000}", ends[1]);
    house_do(c, "sendall", "{'handle':%lld,'text':'twelve bytes'}", ends[1]);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 12);
    row = row_of(c, ends[0]);
    ck_assert(house_bool(row, "alive"));
    ck_assert_str_eq(house_text(row, "state"), "connected");
    ck_assert_int_eq(house_int(row, "sent_bytes"), 1000);
    ck_assert_int_eq(house_int(row, "received_bytes"), 12);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
    house_until(strcmp(house_text(row_of(c, ends[0]), "state"), "half_closed") == 0);
    ck_assert_int_eq(house_int(row_of(c, ends[0]), "received_bytes"), 12);
    close(fd);
    house_until(!is_alive(c, ends[0]));
    row = row_of(c, ends[0]);
    ck_assert_str_eq(house_text(row, "state"), "closed");
    ck_assert_double_le(house_number(row, "died"), house_now());
    ck_assert_double_ge(house_number(row, "died"), house_number(row, "end.at"));
    ck_assert_int_eq(house_int(row, "sent_bytes"), 1000);
    ck_assert_int_eq(house_int(row, "received_bytes"), 12);
    ck_assert_str_eq(house_text(row, "transitions.1.state"), "closed");
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
    fd = give_away(c, ends[0]);
    ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "handed_off");
    ck_assert_int_eq(house_int(adopt(c, fd), "handle"), ends[0]);
    ck_assert_str_eq(house_text(house_next(watcher), "params.type"), "adopted");
    close(fd);
    fd = give_away(c, ends[0]);
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
    fd = give_away(c, h);
    ck_assert_int_eq(house_has(row_of(c, h), "alive"), kind->is_told_fresh);
    if (kind->family != AF_UNIX) {
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct sockaddr_in four = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        ck_assert_int_eq(bind(fd, kind->family == AF_INET ? (void *)&four : (void *)&six,
                              kind->family == AF_INET ? sizeof four : sizeof six),
                         0);
        listen(fd, 1);
        ck_assert(is_alive(c, h));
        ck_assert_int_ne(house_int(row_of(c, h), "address.port"), 0);
    }
    ck_assert(is_alive(c, h));
    close(fd);
    house_until(!is_alive(c, h));
}
END_TEST

/* -- adopt -- */

START_TEST(adopting_a_new_one)
{
    struct house_client *c = house_client();
    int port, fd = listener_of_ours(&port), peer;
    json_t *r = house_at(adopt_as(c, fd, "'name':'web','label':'mine','site':'a.c:1'"), "result"),
           *row;

    ck_assert(!house_bool(r, "known"));
    ck_assert_int_eq(house_int(r, "address.port"), port);
    row = row_of(c, house_int(r, "handle"));
    ck_assert_str_eq(house_text(row, "state"), "listening");
    ck_assert_str_eq(house_text(row, "custody"), "shared");
    ck_assert_str_eq(house_text(row, "label"), "mine");
    ck_assert_str_eq(house_text(row, "site"), "a.c:1");
    close(fd);
    peer = connect_to(port);
    house_do(c, "accept", "{'handle':'web'}");
    close(peer);
    expect_audit(c, 2, 2, 0);
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
    ck_assert_int_eq(house_int(adopt(c, fd), "handle"), ends[0]);
    ck_assert_int_eq(house_int(adopt(other, fd), "handle"), ends[0]);
    house_do(c, "release", "{'handle':%lld}", ends[0]);
    expect_audit(c, 3, 1, 1);
    h = house_make(c, "socket", "{}");
    /* Into another session, with another label. */
    row = adopt_as(other, fd, "'label':'again'");
    ck_assert_int_eq(house_int(row, "result.handle"), ends[0]);
    ck_assert(house_bool(row, "result.known"));
    expect_audit(c, 4, 3, 0);
    row = row_of(other, ends[0]);
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
    ck_assert_str_eq(house_text(row_of(c, ends[0]), "end.how"), "reclaimed");
    expect_audit(c, 4, 1, 0);
}
END_TEST

START_TEST(a_name_comes_back_if_it_is_free)
{
    struct house_client *c = house_client();
    json_t *r = house_do(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    long long h = house_int(r, "handle"), second;
    int fd = give_away(c, h);

    second = house_make(c, "create_server", "{'address':['127.0.0.1',0],'name':'web'}");
    ck_assert_int_eq(house_int(adopt(c, fd), "handle"), h);
    ck_assert(!house_has(row_of(c, h), "name"));
    house_do(c, "release", "{'handle':%lld}", h);
    house_expect_error(adopt_as(c, fd, "'name':'web'"), "handle", "NAME_TAKEN");
    house_do(c, "close", "{'handle':%lld}", second);
    ck_assert_int_eq(house_int(adopt_as(c, fd, "'name':'web'"), "result.handle"), h);
    house_do(c, "release", "{'handle':'web'}");
    ck_assert_int_eq(house_int(adopt(c, fd), "handle"), h);
    ck_assert_str_eq(house_text(row_of(c, h), "name"), "web");
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
    h = house_int(adopt(c, ends[0]), "handle");
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
    house_expect_error(adopt_as(c, fds[0], ""), "fd", "NOT_A_SOCKET");
    close(fds[0]);
    close(fds[1]);
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    house_expect_error(adopt_as(c, fd, ""), "fd", "FAMILY");
    close(fd);
    expect_audit(c, 0, 0, 0); /* and the session goes on */
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
    fd = listener_of_ours(&port);
    house_expect_error(adopt_as(c, fd, ""), "policy", "DENIED");
    peer = connect_to(port);
    house_expect_error(adopt_as(c, peer, ""), "policy", "DENIED");
    ours = accept(fd, NULL, NULL);
    house_expect_error(adopt_as(c, ours, ""), "policy", "DENIED");
    close(ours);
    ours = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    house_expect_error(adopt_as(c, ours, ""), "policy", "DENIED");
    close(ours);
    ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(house_has(adopt_as(c, ours, ""), "result"));
    close(ours);
    house_reload("[pool a]\nusers = root\nbind = 127.0.0.1:*\nconnect =\n");
    ck_assert(house_has(adopt_as(c, fd, ""), "result"));
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
    fd = give_away(c, h);
    for (int i = 0; i < n; i++) {
        more[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(house_has(adopt_as(c, more[i], ""), "result"));
        close(more[i]);
    }
    house_expect_error(adopt_as(c, fd, ""), "pool", "max-sockets");
    expect_audit(c, 5, 4, 1);
    ck_assert(!house_has(row_of(c, h), "died"));
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
        peer = connect_to(port);
        house_begin(c, i, "accept", "{'handle':%lld,'timeout':0}", h);
        other = accept(fd, NULL, NULL);
        house_expect_error(house_next(c), "os", "EAGAIN");
        close(other);
        close(peer);
    }
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
    h = house_int(adopt_as(other, fd, "'lease':1"), "result.handle");
    ck_assert_int_eq(h, ends[0]);
    house_do(c, "lease", "{'handle':%lld,'lease':1}", ends[1]);
    house_leave(c);
    ck_assert_str_eq(house_text(row_of(other, ends[0]), "end.how"), "reclaimed");
    house_do(other, "attach", "{'handle':%lld}", ends[1]);
    house_do(other, "sendall", "{'handle':%lld,'text':'abcd'}", ends[1]);
    ck_assert_int_eq(read(fd, bytes, 4), 4);
    house_do(other, "close", "{'handle':%lld}", ends[1]);
    close(fd);
}
END_TEST

START_TEST(listed_by_custody)
{
    struct house_client *c = house_client();
    long long ends[2];
    int fd;

    house_pair(c, "SOCK_STREAM", ends);
    fd = give_away(c, ends[0]);
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
    tc = house_case(suite, "following");
    tcase_add_test(tc, it_is_followed_until_it_dies);
    tcase_add_test(tc, a_death_is_told);
    tcase_add_loop_test(tc, each_kind_is_followed, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(tc, listed_by_custody);
    tc = house_case(suite, "adopt");
    tcase_add_test(tc, adopting_a_new_one);
    tcase_add_test(tc, adopting_the_known);
    tcase_add_test(tc, a_name_comes_back_if_it_is_free);
    tcase_add_test(tc, adopting_an_end_of_a_pair);
    tcase_add_test(tc, adopting_what_is_no_socket);
    tcase_add_test(tc, adoption_is_under_the_policy);
    tcase_add_test(tc, adoption_is_paid_for);
    return house_run(suite);
}
