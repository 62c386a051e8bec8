/* check_dial.c — name servers that do not answer: who waits for them holds up nobody else, and
 * leaves nothing to be done when he has gone. The C library's resolver is replaced: SLOW ends when
 * the test says so, anything else is 127.0.0.1 at once. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "house.h"
#include "proto/limits.h"

static int hold[2];         /* while its writing end is open, SLOW does not end */
static atomic_int n_begun;  /* look-ups of SLOW that a worker has begun with */
static atomic_int n_inside; /* and has not ended */

/* -- the resolver -- */

static int look_up_slowly(void)
{
    char byte;

    n_begun++;
    n_inside++;
    while (read(hold[0], &byte, 1) > 0)
        ;
    n_inside--;
    return EAI_AGAIN;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } * found;
    bool is_number = host && strspn(host, "0123456789.") == strlen(host);

    if (hints->ai_flags & AI_NUMERICHOST && !is_number)
        return EAI_NONAME;
    if (host && strcmp(host, "SLOW") == 0)
        return look_up_slowly();
    if (!(found = calloc(1, sizeof *found)))
        return EAI_MEMORY;
    found->address.sin_family = AF_INET;
    found->address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
    found->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    found->info.ai_family = AF_INET;
    found->info.ai_socktype = hints->ai_socktype;
    found->info.ai_addr = (struct sockaddr *)&found->address;
    found->info.ai_addrlen = sizeof found->address;
    *ret = &found->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    free(a);
}

static void open_resolver(void)
{
    house_open();
    n_begun = 0;
    ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
}

static void release(void)
{
    if (hold[1] >= 0)
        close(hold[1]);
    hold[1] = -1;
}

static void close_resolver(void)
{
    release();
    house_close_but(1);
    close(hold[0]);
}

/* A session that asks for as many dead names as it may. */
static struct house_client *ask_for_dead_names(void)
{
    struct house_client *c = house_client();

    house_do(c, "hello", "{'unordered':true}");
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW'}");
    house_expect_silence(c);
    return c;
}

/* Names are still found by everybody else, while some are waited for. */
static void expect_names(void)
{
    struct house_client *c = house_client();
    int port;

    house_listen(c, &port);
    house_do(c, "getaddrinfo", "{'host':'name'}");
    house_do(c, "gethostbyname", "{'host':'name'}");
    house_do(c, "create_connection", "{'host':'name','port':%d}", port);
    house_do(c, "create_server", "{'address':['name',0]}");
    ck_assert_int_gt(n_inside, 0);
}

/* -- tests -- */

/* One who asks for much has his share of the workers, and no more. */
START_TEST(dead_names_of_one_session)
{
    ask_for_dead_names();
    house_until(n_inside > 0);
    expect_names();
    ck_assert_int_lt(n_begun, LIMIT_LOOKUPS);
}
END_TEST

START_TEST(dead_names_of_some_sessions)
{
    for (int i = 0; i < 4; i++)
        ask_for_dead_names();
    house_until(n_inside > 8);
    expect_names();
}
END_TEST

/* More dead names than there can be workers. What is numeric needs none. */
START_TEST(numbers_need_no_worker)
{
    struct house_client *c;
    int n = 0, port;

    for (int i = 0; i < 20; i++)
        ask_for_dead_names();
    house_until(n_inside > 0);
    while (n != n_inside) { /* until no more of them begin */
        n = n_inside;
        house_turn(100);
    }
    c = house_client();
    house_listen(c, &port);
    house_do(c, "getaddrinfo", "{'host':'127.0.0.1','service':80}");
    house_do(c, "getaddrinfo", "{'host':'127.0.0.1','service':'80'}");
    house_do(c, "gethostbyname", "{'host':'127.0.0.1'}");
    house_do(c, "getnameinfo",
             "{'address':['127.0.0.1',80],'flags':['NI_NUMERICHOST','NI_NUMERICSERV']}");
    house_do(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_do(c, "create_server", "{'address':['127.0.0.1',0]}");
}
END_TEST

/* Names that nobody waits for any more are not looked up: their session has gone. */
START_TEST(names_of_those_who_left)
{
    enum { N_SESSIONS = 20 };
    struct house_client *clients[N_SESSIONS], *c;

    for (int i = 0; i < N_SESSIONS; i++)
        clients[i] = ask_for_dead_names();
    house_until(n_inside > 0);
    for (int i = 0; i < N_SESSIONS; i++)
        house_leave(clients[i]);
    release();
    c = house_client();
    house_do(c, "getaddrinfo", "{'host':'name'}");
    house_until(n_inside == 0);
    ck_assert_int_lt(n_begun, N_SESSIONS * LIMIT_LOOKUPS);
}
END_TEST

/* Nor are those whose time is up. */
START_TEST(names_that_timed_out)
{
    struct house_client *c = house_client();

    house_do(c, "hello", "{'unordered':true}");
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_begin(c, i, "getaddrinfo", "{'host':'SLOW','timeout':1}");
    house_until(n_inside > 0);
    house_advance(1000000);
    for (int i = 0; i < LIMIT_LOOKUPS; i++)
        house_expect_error(house_next(c), "timeout", "TIMEOUT");
    release();
    house_until(n_inside == 0);
    house_do(c, "getaddrinfo", "{'host':'name'}");
    ck_assert_int_lt(n_begun, LIMIT_LOOKUPS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dial");
    TCase *tc = tcase_create("dead names");

    tcase_add_checked_fixture(tc, open_resolver, close_resolver);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, dead_names_of_one_session);
    tcase_add_test(tc, dead_names_of_some_sessions);
    tcase_add_test(tc, numbers_need_no_worker);
    tcase_add_test(tc, names_of_those_who_left);
    tcase_add_test(tc, names_that_timed_out);
    return house_run(suite);
}
