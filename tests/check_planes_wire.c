/* check_planes_wire.c — descriptors on their way out of the daemon: each with its own reply,
 * however the bytes are cut; and waiting, not lost, where the kernel takes no more. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dice.h"
#include "house.h"

int server_add_client(struct server *s, int fd);

static struct dice dice;

static int roll(int n)
{
    return (int)dice_below(&dice, (size_t)n);
}

static unsigned long long cookie_of(int fd)
{
    unsigned long long cookie = 0;
    socklen_t n = sizeof cookie;

    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
    return cookie;
}

static json_t *adopt(struct house_client *c, int fd)
{
    house_send_fds(c, "{'id':7,'method':'adopt','fds':1}", &fd, 1);
    return house_next(c);
}

static int hand_off(struct house_client *c, long long handle)
{
    house_do(c, "handoff", "{'handle':%lld}", handle);
    return house_take_fd(c);
}

/* -- in odd pieces -- */

enum { N_MESSAGES = 3000, N_SOCKETS = 8 };

static struct socket_known {
    long long handle;
    int fd;
    unsigned long long cookie;
} known[N_SOCKETS];

static struct reader {
    char in[65536];
    size_t n_in;
    int fds[64], n_fds;
} reader;

/* Reads n bytes at most of what is there. */
static bool read_piece(int fd, size_t n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec iov = {reader.in + reader.n_in, n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t got;

    ck_assert_uint_lt(reader.n_in + n, sizeof reader.in);
    got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0)
        return false;
    reader.n_in += (size_t)got;
    ck_assert(!(msg.msg_flags & MSG_CTRUNC));
    if (CMSG_FIRSTHDR(&msg)) {
        ck_assert_uint_eq(CMSG_FIRSTHDR(&msg)->cmsg_len, CMSG_LEN(sizeof(int)));
        ck_assert_int_lt(reader.n_fds, 64);
        memcpy(&reader.fds[reader.n_fds++], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    }
    return true;
}

/* A line of n bytes in pieces; a descriptor goes with the first. */
static void send_pieces(int to, const char *line, size_t n, int fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};

    memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
    for (size_t at = 0; at < n;) {
        size_t piece = 1 + (size_t)roll(60);
        struct iovec iov = {(char *)(size_t)(line + at), piece < n - at ? piece : n - at};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

        if (fd >= 0 && at == 0) {
            msg.msg_control = &control;
            msg.msg_controllen = sizeof control;
        }
        ck_assert_int_eq(sendmsg(to, &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
        at += iov.iov_len;
        if (roll(4) == 0)
            house_turn(1);
    }
}

/* The next whole reply that was read; NULL: there is none yet. */
static json_t *next_reply(void)
{
    char *end = memchr(reader.in, '\n', reader.n_in);
    json_t *reply;

    if (!end)
        return NULL;
    reply = json_loadb(reader.in, (size_t)(end - reader.in), 0, NULL);
    ck_assert_ptr_nonnull(reply);
    reader.n_in -= (size_t)(end + 1 - reader.in);
    memmove(reader.in, end + 1, reader.n_in);
    return reply;
}

static void expect_fd(unsigned long long cookie)
{
    ck_assert_int_gt(reader.n_fds, 0);
    ck_assert_uint_eq(cookie_of(reader.fds[0]), cookie);
    close(reader.fds[0]);
    memmove(reader.fds, reader.fds + 1, (size_t)--reader.n_fds * sizeof(int));
}

/* What message i was about: even numbers ask for the socket, odd ones give it, some neither. */
static int kinds[N_MESSAGES], subjects[N_MESSAGES];

static void send_message(int to, int i)
{
    const struct socket_known *k = &known[subjects[i] = roll(N_SOCKETS)];
    char line[256];
    int n;

    kinds[i] = roll(3);
    if (kinds[i] == 0)
        n = snprintf(line, sizeof line,
                     "{\"id\":%d,\"method\":\"handoff\",\"params\":{\"handle\":%lld}}\n", i,
                     k->handle);
    else if (kinds[i] == 1)
        n = snprintf(line, sizeof line, "{\"fds\":1,\"id\":%d,\"method\":\"adopt\"}\n", i);
    else
        n = snprintf(line, sizeof line, "{\"id\":%d,\"method\":\"ping\"}\n", i);
    send_pieces(to, line, (size_t)n, kinds[i] == 1 ? k->fd : -1);
}

static void check_reply(json_t *reply, int i)
{
    const struct socket_known *k = &known[subjects[i]];

    ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), i);
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "fds")), kinds[i] == 0);
    ck_assert(json_object_get(reply, "result") != NULL);
    if (kinds[i] == 0)
        expect_fd(k->cookie);
    if (kinds[i] == 1)
        ck_assert_int_eq(
            json_integer_value(json_object_get(json_object_get(reply, "result"), "handle")),
            k->handle);
    json_decref(reply);
}

START_TEST(each_with_its_own_message)
{
    struct house_client *c = house_client();
    int to = house_client_fd(c), n_answered = 0;
    json_t *reply;

    dice = dice_new();
    for (int i = 0; i < N_SOCKETS; i += 2) {
        long long ends[2];

        house_pair(c, "SOCK_STREAM", ends);
        for (int j = 0; j < 2; j++) {
            known[i + j].handle = ends[j];
            known[i + j].fd = hand_off(c, ends[j]);
            known[i + j].cookie = cookie_of(known[i + j].fd);
        }
    }
    for (int i = 0; i < N_MESSAGES; i++) {
        send_message(to, i);
        /* At most ten are on their way; more often it is fewer. */
        while (i - n_answered > 10 || (i == N_MESSAGES - 1 && n_answered < N_MESSAGES)) {
            house_turn(1);
            while (read_piece(to, 1 + (size_t)roll(200)) && roll(8))
                ;
            while ((reply = next_reply()))
                check_reply(reply, n_answered++);
        }
    }
    ck_assert_int_eq(reader.n_fds, 0);
    for (int i = 0; i < N_SOCKETS; i++)
        close(known[i].fd);
}
END_TEST

/* -- too many in flight -- */

enum { N_CLIENTS = 8, N_EACH = 15, NOBODY = 65534 };

/* Reads what is there now, each reply with its descriptor. Returns how many replies were there. */
static int take_some(struct house_client *c, int n_before)
{
    int n = n_before;

    for (; n < N_EACH && house_is_answered(c); n++) {
        json_t *r = house_next(c);
        int fd = house_take_fd(c);

        ck_assert_int_eq(house_int(r, "id"), n);
        ck_assert_int_eq(house_int(r, "fds"), 1);
        ck_assert_int_ge(fd, 0);
        close(fd);
    }
    return n - n_before;
}

/* For users without rights the kernel counts the descriptors that nobody has read; here are more
 * than it allows. They wait, until others are read. */
START_TEST(they_wait_for_room)
{
    struct house_client *c = house_client(), *clients[N_CLIENTS];
    struct rlimit limit, low;
    long long ends[2];
    int n_each[N_CLIENTS] = {0}, n_got = 0;

    house_pair(c, "SOCK_STREAM", ends);
    for (int i = 0; i < N_CLIENTS; i++)
        clients[i] = house_client();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = 100;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    /* The kernel counts by the real user: one whom no other test shares. */
    ck_assert_int_eq(setresuid(50000 + (uid_t)getpid() % 10000, NOBODY, 0), 0);
    for (int i = 0; i < N_CLIENTS; i++)
        for (int j = 0; j < N_EACH; j++)
            house_begin(clients[i], j, "handoff", "{'handle':%lld}", ends[0]);
    house_turn(50);
    for (int round = 0; round < 50 && n_got < N_CLIENTS * N_EACH; round++) {
        for (int i = 0; i < N_CLIENTS; i++) {
            int n = take_some(clients[i], n_each[i]);

            n_each[i] += n;
            n_got += n;
        }
        if (round == 0)
            ck_assert_int_lt(n_got, N_CLIENTS * N_EACH);
        /* No event tells that another client has made room. */
        house_advance(10000);
        house_turn(1);
    }
    ck_assert_int_eq(setresuid(0, 0, 0), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(n_got, N_CLIENTS * N_EACH);
}
END_TEST

/* -- another user -- */

enum { ALICE = 41000, BOB = 41001 };

static struct house_client *client_of(uid_t uid)
{
    int fds[2];

    ck_assert_int_eq(seteuid(uid), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(server_add_client(house_server(), fds[1]), 0);
    return house_client_of(fds[0]);
}

/* Who gets the socket from its owner has a handle of its own for it, and not the owner's. */
START_TEST(another_user_adopts_anew)
{
    struct house_client *alice, *bob;
    long long ends[2], h;
    json_t *r;
    int fd;

    house_reopen_with("[pool a]\nusers = root, 41000, 41001\n");
    alice = client_of(ALICE);
    bob = client_of(BOB);
    house_pair(alice, "SOCK_STREAM", ends);
    fd = hand_off(alice, ends[0]);
    r = adopt(bob, fd);
    ck_assert(!house_bool(r, "result.known"));
    h = house_int(r, "result.handle");
    ck_assert_int_ne(h, ends[0]);
    house_expect_error(house_fail(bob, "handoff", "{'handle':%lld}", ends[0]), "handle", "UNKNOWN");
    house_do(alice, "release", "{'handle':%lld}", ends[0]);
    ck_assert_int_eq(house_int(adopt(bob, fd), "result.handle"), h);
    r = adopt(alice, fd);
    ck_assert(house_bool(r, "result.known"));
    ck_assert_int_eq(house_int(r, "result.handle"), ends[0]);
    r = house_do(alice, "ledger.audit", "{}");
    ck_assert_int_eq(house_int(r, "opened"), 3);
    ck_assert_int_eq(house_int(r, "live"), 3);
    ck_assert_int_eq(house_int(r, "balance"), 0);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("planes_wire");
    TCase *tc = house_case(suite, "wire");

    tcase_add_test(tc, each_with_its_own_message);
    if (geteuid() == 0) {
        tcase_add_test(tc, they_wait_for_room);
        tcase_add_test(tc, another_user_adopts_anew);
    }
    return house_run(suite);
}
