#include "hand.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int server_add_client(struct server *s, int fd);

int hand_off(struct house_client *c, long long handle)
{
    int fd;

    ck_assert_int_eq(house_int(house_ask(c, "handoff", "{'handle':%lld}", handle), "fds"), 1);
    fd = house_take_fd(c);
    ck_assert_int_ge(fd, 0);
    return fd;
}

int hand_away(struct house_client *c, long long handle)
{
    int fd = hand_off(c, handle);

    house_do(c, "release", "{'handle':%lld}", handle);
    return fd;
}

json_t *hand_adopt_as(struct house_client *c, int fd, const char *params)
{
    char line[512];

    snprintf(line, sizeof line, "{'id':7,'method':'adopt','fds':1,'params':{%s}}", params);
    house_send_fds(c, line, &fd, 1);
    return house_next(c);
}

json_t *hand_adopt(struct house_client *c, int fd)
{
    return house_at(hand_adopt_as(c, fd, ""), "result");
}

json_t *hand_row(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

void hand_expect_audit(struct house_client *c, int opened, int live, int handed_off)
{
    json_t *r = house_do(c, "ledger.audit", "{}");

    ck_assert_int_eq(house_int(r, "opened"), opened);
    ck_assert_int_eq(house_int(r, "live"), live);
    ck_assert_int_eq(house_int(r, "handed_off"), handed_off);
    ck_assert_int_eq(house_int(r, "balance"), 0);
}

int hand_connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (void *)&to, sizeof to), 0);
    return fd;
}

int hand_listener(int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (void *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (void *)&at, &n), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

void hand_expect_state(struct house_client *c, long long handle, const char *state)
{
    ck_assert_str_eq(house_text(hand_row(c, handle), "state"), state);
}

void hand_unconnect(int fd)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    ck_assert_int_eq(connect(fd, &none, sizeof none), 0);
}

void hand_connect_elsewhere(int fd, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    ck_assert_int_eq(connect(fd, (void *)&to, sizeof to), 0);
}

bool hand_is_alive(struct house_client *c, long long handle)
{
    json_t *row;

    /* Between its end and the kernel's word of it nobody knows. */
    house_until((row = hand_row(c, handle), house_has(row, "alive")));
    return house_bool(row, "alive");
}

struct house_client *hand_client_of(uid_t uid)
{
    int fds[2];

    ck_assert_int_eq(seteuid(uid), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(server_add_client(house_server(), fds[1]), 0);
    return house_client_of(fds[0]);
}
