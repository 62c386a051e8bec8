/* check_resolver.c — names that take their time, and names with many addresses. The C library's
 * resolver is replaced by one that knows some names of its own: SLOW ends when the test says so; a
 * name like "127.0.0.1+::1" has these addresses in this order. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "proto/limits.h"

static struct house_client *c;
static int hold[2];         /* while its writing end is open, SLOW does not end */
static atomic_int n_inside; /* workers that are inside of SLOW */

/* -- the resolver -- */

static struct addrinfo *one_address(const char *text, int port, int type)
{
    struct addrinfo *a = calloc(1, sizeof *a);
    struct sockaddr_in6 *to = calloc(1, sizeof *to);

    a->ai_socktype = type;
    a->ai_addr = (struct sockaddr *)to;
    a->ai_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    to->sin6_family = (sa_family_t)a->ai_family;
    to->sin6_port = htons((uint16_t)port); /* where sin_port is, too */
    a->ai_addrlen = a->ai_family == AF_INET6 ? sizeof *to : sizeof(struct sockaddr_in);
    if (a->ai_family == AF_INET6)
        inet_pton(AF_INET6, text, &to->sin6_addr);
    else
        inet_pton(AF_INET, text, &((struct sockaddr_in *)to)->sin_addr);
    return a;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    char text[1024], *rest = text, *word;
    struct addrinfo **end = ret;

    if (host && hints->ai_flags & AI_NUMERICHOST &&
        strspn(host, "0123456789abcdef:.") != strlen(host))
        return EAI_NONAME;
    if (host && strcmp(host, "SLOW") == 0) {
        n_inside++;
        while (read(hold[0], text, 1) > 0)
            ;
        n_inside--;
        return EAI_AGAIN;
    }
    if (!host || strspn(host, "0123456789abcdef:.+") != strlen(host))
        return EAI_NONAME;
    snprintf(text, sizeof text, "%s", host);
    *ret = NULL;
    while ((word = strsep(&rest, "+"))) {
        int family = strchr(word, ':') ? AF_INET6 : AF_INET;

        if (hints->ai_family != AF_UNSPEC && hints->ai_family != family)
            continue;
        *end = one_address(word, service ? atoi(service) : 0, hints->ai_socktype);
        end = &(*end)->ai_next;
    }
    return *ret ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *a)
{
    while (a) {
        struct addrinfo *next = a->ai_next;

        free(a->ai_addr);
        free(a);
        a = next;
    }
}

static void release(void)
{
    if (hold[1] >= 0)
        close(hold[1]);
    hold[1] = -1;
}

static void open_client(void)
{
    house_open();
    ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
}

static void close_client(void)
{
    release();
    house_close_but(1);
    close(hold[0]);
}

/* -- look-ups -- */

START_TEST(a_lookup_holds_nobody_up)
{
    struct house_client *other = house_client();
    long long s = house_make(c, "socket", "{}");

    house_begin(c, 1, "getaddrinfo", "{'host':'SLOW'}");
    house_begin(c, 2, "gethostbyname", "{'host':'SLOW'}");
    house_begin(c, 3, "create_connection", "{'host':'SLOW','port':1}");
    house_begin(c, 4, "connect", "{'handle':%lld,'address':['SLOW',1]}", s);
    house_do(c, "ping", "{}");
    house_do(other, "ping", "{}");
    ck_assert_str_eq(house_text(house_do(other, "getaddrinfo", "{'host':'127.0.0.1'}"),
                                "addresses.0.address.host"),
                     "127.0.0.1");
    house_expect_silence(c);
    release();
    for (int i = 0; i < 4; i++)
        house_expect_error(house_next(c), "gai", "EAI_AGAIN");
}
END_TEST

START_TEST(a_lookup_has_a_deadline)
{
    static const char *const calls[] = {"getaddrinfo", "gethostbyname"};

    house_begin(c, 1, calls[_i], "{'host':'SLOW','timeout':2}");
    house_begin(c, 2, "create_connection", "{'host':'SLOW','port':1,'timeout':2}");
    house_expect_silence(c);
    house_advance(2000000);
    for (int i = 0; i < 2; i++)
        house_expect_error(house_next(c), "timeout", "TIMEOUT");
}
END_TEST

START_TEST(a_lookup_can_be_cancelled)
{
    house_begin(c, 1, "getaddrinfo", "{'host':'SLOW'}");
    house_begin(c, 2, "cancel", "{'id':1}");
    for (int i = 0; i < 2; i++) {
        json_t *reply = house_next(c);

        if (house_int(reply, "id") == 1)
            house_expect_error(reply, "cancelled", "CANCELLED");
        else
            ck_assert(house_bool(reply, "result.cancelled"));
    }
}
END_TEST

START_TEST(closing_the_handle_ends_its_lookup)
{
    long long s = house_make(c, "socket", "{}");

    house_begin(c, 1, "connect", "{'handle':%lld,'address':['SLOW',1]}", s);
    house_expect_silence(c);
    house_begin(c, 2, "close", "{'handle':%lld}", s);
    for (int i = 0; i < 2; i++) {
        json_t *reply = house_next(c);

        if (house_int(reply, "id") == 1)
            house_expect_error(reply, "cancelled", "CANCELLED");
    }
}
END_TEST

/* Look-ups that a worker is inside of count until they have ended, also when nobody waits for them
 * any more. */
START_TEST(a_session_has_so_many_lookups)
{
    int n = 0;

    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW','timeout':1}");
    house_until(n_inside > 0);
    house_expect_error(house_fail(c, "getaddrinfo", "{'host':'127.0.0.1+::1'}"), "limit",
                       "LOOKUPS");
    house_advance(1000000);
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_expect_error(house_next(c), "timeout", "TIMEOUT");
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW'}");
    house_expect_error(house_next(c), "limit", "LOOKUPS");
    release();
    for (int i = 1; i < LIMIT_LOOKUPS; i++)
        n += strcmp(house_text(house_next(c), "error.data.kind"), "gai") == 0;
    ck_assert_int_gt(n, 0);
    house_until(house_has(house_ask(c, "getaddrinfo", "{'host':'127.0.0.1+::1'}"), "result"));
}
END_TEST

START_TEST(a_session_may_leave_its_lookups)
{
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW'}");
    house_expect_silence(c);
    house_leave(c);
}
END_TEST

/* Reading a file does not wait for a name. */
START_TEST(files_are_read_meanwhile)
{
    char path[] = "/tmp/berth_check_XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    long long ends[2];
    json_t *reply;

    unlink(path);
    ck_assert_int_eq(write(fd, "file", 4), 4);
    house_pair(c, "SOCK_STREAM", ends);
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW'}");
    house_turn(4);
    {
        char line[128];

        snprintf(line, sizeof line, "{'id':99,'method':'sendfile','fds':1,'params':[%lld]}",
                 ends[0]);
        house_send_fds(c, line, &fd, 1);
    }
    close(fd);
    reply = house_next(c);
    house_expect_id(reply, 99);
    ck_assert_int_eq(house_int(reply, "result.sent"), 4);
}
END_TEST

/* -- many addresses (RFC 8305) -- */

/* A listener of the test's own; with a full queue: connections to it stay in progress. */
static int listen_on(const char *host, int *port, bool full, int *ret_queued)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, host, &a.sin_addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, full ? 0 : 10), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    if (full) {
        *ret_queued = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(*ret_queued, (struct sockaddr *)&a, sizeof a), 0);
    }
    return fd;
}

START_TEST(the_next_is_tried_at_once_after_a_failure)
{
    int port = 0, listener = listen_on("127.0.0.3", &port, false, NULL);
    json_t *r = house_do(c, "create_connection",
                         "{'host':'127.0.0.1+127.0.0.2+127.0.0.3+127.0.0.4','port':%d}", port);

    ck_assert_str_eq(house_text(r, "peer.host"), "127.0.0.3");
    ck_assert_uint_eq(house_size(r, "attempts"), 3);
    ck_assert_str_eq(house_text(r, "attempts.0.address.host"), "127.0.0.1");
    ck_assert_str_eq(house_text(r, "attempts.0.error.kind"), "os");
    ck_assert_str_eq(house_text(r, "attempts.1.error.name"), "ECONNREFUSED");
    ck_assert(!house_has(r, "attempts.2.error"));
    close(listener);
}
END_TEST

/* One that does not answer is given 250 ms before the next is tried beside it. */
START_TEST(the_next_is_tried_after_a_while)
{
    int port = 0, queued, full = listen_on("127.0.0.1", &port, true, &queued);
    int listener = listen_on("127.0.0.2", &port, false, NULL);
    json_t *r;

    house_begin(c, 1, "create_connection", "{'host':'127.0.0.1+127.0.0.2','port':%d}", port);
    /* The worker tells when the name is found; then an attempt holds one more descriptor. */
    {
        int n = house_count_fds();

        house_until(house_count_fds() > n);
    }
    house_expect_silence(c);
    house_advance(249999);
    house_expect_silence(c);
    house_advance(1);
    r = house_next(c);
    ck_assert_str_eq(house_text(r, "result.peer.host"), "127.0.0.2");
    ck_assert_uint_eq(house_size(r, "result.attempts"), 2);
    ck_assert_str_eq(house_text(r, "result.attempts.0.error.kind"), "cancelled");
    close(full);
    close(queued);
    close(listener);
}
END_TEST

/* The first may still win when the second was begun. */
START_TEST(whoever_answers_first_wins)
{
    int port = 0, queued[2], full[2], accepted;
    json_t *r;

    full[0] = listen_on("127.0.0.1", &port, true, &queued[0]);
    full[1] = listen_on("127.0.0.2", &port, true, &queued[1]);
    house_begin(c, 1, "create_connection", "{'host':'127.0.0.1+127.0.0.2','port':%d,'timeout':100}",
                port);
    {
        int n = house_count_fds();

        house_until(house_count_fds() > n);
        house_advance(250000);
        house_until(house_count_fds() == n + 2);
    }
    house_expect_silence(c);
    accepted = accept4(full[0], NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(accepted, 0);
    r = house_next(c); /* as soon as the kernel has sent its SYN again */
    ck_assert_str_eq(house_text(r, "result.peer.host"), "127.0.0.1");
    ck_assert_str_eq(house_text(r, "result.attempts.1.error.kind"), "cancelled");
    for (int i = 0; i < 2; i++) {
        close(full[i]);
        close(queued[i]);
    }
    close(accepted);
}
END_TEST

START_TEST(families_alternate)
{
    json_t *r;
    int port = 0, listener = listen_on("127.0.0.3", &port, false, NULL);
    static const char *const order[] = {"::1", "127.0.0.1", "::2", "127.0.0.2", "127.0.0.3"};

    r = house_do(c, "create_connection",
                 "{'host':'::1+::2+127.0.0.1+127.0.0.2+127.0.0.3','port':%d}", port);
    ck_assert_uint_eq(house_size(r, "attempts"), 5);
    for (int i = 0; i < 5; i++) {
        char path[40];

        snprintf(path, sizeof path, "attempts.%d.address.host", i);
        ck_assert_str_eq(house_text(r, path), order[i]);
    }
    r = house_do(c, "create_connection", "{'host':'::1+127.0.0.3','port':%d,'family':'AF_INET'}",
                 port);
    ck_assert_uint_eq(house_size(r, "attempts"), 1);
    close(listener);
}
END_TEST

START_TEST(when_all_fail_the_last_speaks)
{
    int port = 0;
    json_t *e;

    close(listen_on("127.0.0.1", &port, false, NULL));
    e = house_fail(c, "create_connection", "{'host':'127.0.0.1+127.0.0.2','port':%d}", port);
    house_expect_error(e, "os", "ECONNREFUSED");
    ck_assert_ptr_nonnull(strstr(house_text(e, "message"), "2 addresses tried"));
    ck_assert_int_eq(house_n_live(), 0);
}
END_TEST

START_TEST(there_is_a_ceiling_of_attempts)
{
    char host[2048] = "";
    int port = 0;
    json_t *e;

    close(listen_on("127.0.0.1", &port, false, NULL));
    for (int i = 1; i <= LIMIT_ATTEMPTS + 10; i++)
        snprintf(host + strlen(host), sizeof host - strlen(host), "%s127.0.1.%d", i == 1 ? "" : "+",
                 i);
    e = house_fail(c, "create_connection", "{'host':'%s','port':%d}", host, port);
    ck_assert_ptr_nonnull(strstr(house_text(e, "message"), "64 addresses tried"));
}
END_TEST

static TCase *client_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, open_client, close_client);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("resolver");
    TCase *lookups = client_case(suite, "look-ups"), *many = client_case(suite, "many addresses");

    tcase_add_test(lookups, a_lookup_holds_nobody_up);
    tcase_add_loop_test(lookups, a_lookup_has_a_deadline, 0, 2);
    tcase_add_test(lookups, a_lookup_can_be_cancelled);
    tcase_add_test(lookups, closing_the_handle_ends_its_lookup);
    tcase_add_test(lookups, a_session_has_so_many_lookups);
    tcase_add_test(lookups, a_session_may_leave_its_lookups);
    tcase_add_test(lookups, files_are_read_meanwhile);
    tcase_add_test(many, the_next_is_tried_at_once_after_a_failure);
    tcase_add_test(many, the_next_is_tried_after_a_while);
    tcase_add_test(many, whoever_answers_first_wins);
    tcase_add_test(many, families_alternate);
    tcase_add_test(many, when_all_fail_the_last_speaks);
    tcase_add_test(many, there_is_a_ceiling_of_attempts);
    return house_run(suite);
}
