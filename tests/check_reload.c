/* check_reload.c — settings that are read again while they are in use: pools that go while sockets
 * of theirs live on, and requests that wait meanwhile. Names are looked up by a resolver of the
 * test's own (the linker's --wrap, see CMakeLists.txt). */
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

/* -- a resolver -- */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);

static sem_t answer; /* "slow.example" waits for it */

/* "two.example" has two addresses; others are answered as ever. The C library frees each link of
 * the list on its own, so that two may be joined. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
    bool is_name = host && !(hints && hints->ai_flags & AI_NUMERICHOST),
         is_slow = is_name && strcmp(host, "slow.example") == 0;
    int r;

    if (!is_slow && (!is_name || strcmp(host, "two.example") != 0))
        return __real_getaddrinfo(host, service, hints, ret);
    if (is_slow)
        sem_wait(&answer);
    r = __real_getaddrinfo("127.0.0.1", service, hints, ret);
    return r || is_slow ? r : __real_getaddrinfo("127.0.0.2", service, hints, &(*ret)->ai_next);
}

/* -- tools -- */

static struct house_client *c;

static void open_with(const char *settings)
{
    house_reopen_with(settings);
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
}

/* A listener that does not accept: connections to it stay in progress. Returns its port. */
static int full_listener(int *ret_fd, int *ret_queued)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(*ret_fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(*ret_fd, 0), 0);
    ck_assert_int_eq(getsockname(*ret_fd, (struct sockaddr *)&a, &n), 0);
    *ret_queued = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(*ret_queued, (struct sockaddr *)&a, sizeof a), 0);
    return ntohs(a.sin_port);
}

static const char *pool_of(long long handle)
{
    return house_text(house_do(c, "ledger.get", "{'handle':%lld}", handle), "pool");
}

/* A server in the second pool, which is then no longer in the settings. */
static long long listener_of_a_gone_pool(const char *kept, int *ret_port)
{
    char both[256];
    json_t *r;

    snprintf(both, sizeof both, "%s[pool gone]\nbind = 127.0.0.1:0\nmax-sockets = 2\n", kept);
    open_with(both);
    r = house_do(c, "create_server", "{'address':['127.0.0.1',0],'pool':'gone'}");
    *ret_port = (int)house_int(r, "address.port");
    return house_int(r, "handle");
}

/* A create_connection, until its first address is in progress: it has a socket then. */
__attribute__((format(printf, 1, 2))) static void begin_in_progress(const char *params, ...)
{
    char text[256];
    va_list args;
    int n_fds;

    va_start(args, params);
    vsnprintf(text, sizeof text, params, args);
    va_end(args);
    house_do(c, "getaddrinfo", "{'host':'127.0.0.1'}"); /* the resolver has its descriptors */
    n_fds = house_count_fds();
    house_begin(c, 1, "create_connection", "%s", text);
    house_until(house_count_fds() == n_fds + 1);
    house_expect_silence(c);
}

static bool is_listed(const char *name)
{
    return house_size(house_do(c, "pool.list", "{'name':'%s'}", name), "pools");
}

/* Whether it is listed as one that the settings no longer have. */
static bool is_retired(const char *name)
{
    json_t *pools = house_do(c, "pool.list", "{'name':'%s'}", name);

    return house_has(pools, "pools.0.retired") && house_bool(pools, "pools.0.retired");
}

/* -- pools that go -- */

/* An accept that waits since before, and one that comes after: into the pool that is there. */
START_TEST(a_listener_of_a_pool_that_is_gone_accepts)
{
    static const char kept[] = "[pool kept]\n";
    int port;
    long long listener = listener_of_a_gone_pool(kept, &port), taken;
    json_t *reply;

    house_begin(c, 1, "accept", "{'handle':%lld}", listener);
    house_expect_silence(c);
    house_reload(kept);
    house_expect_silence(c);
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    reply = house_next(c);
    house_expect_id(reply, 1);
    ck_assert_str_eq(pool_of(house_int(reply, "result.handle")), "kept");
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    taken = house_make(c, "accept", "{'handle':%lld}", listener);
    ck_assert_str_eq(pool_of(taken), "kept");
    ck_assert_str_eq(pool_of(listener), "gone");
    house_expect_error(house_fail(c, "accept", "{'handle':%lld,'pool':'gone'}", listener),
                       "protocol", "pool");
    ck_assert(is_retired("gone"));
    ck_assert_int_eq(house_int(house_do(c, "pool.list", "{}"), "pools.0.in_use.sockets"), 4);
    ck_assert_int_eq(house_int(house_do(c, "pool.list", "{}"), "pools.1.in_use.sockets"), 1);
    house_do(c, "close", "{'handle':%lld}", listener);
    ck_assert(!is_listed("gone"));
}
END_TEST

/* What the remaining pool does not allow costs no connection: it waits in the queue until it is. */
START_TEST(an_accept_that_is_denied_takes_nothing)
{
    static const char narrow[] = "[pool kept]\nfamilies = AF_UNIX\n",
                      wide[] = "[pool kept]\nfamilies = AF_UNIX, AF_INET\n";
    int port;
    long long listener = listener_of_a_gone_pool("[pool kept]\n", &port);
    json_t *error;

    house_begin(c, 1, "accept", "{'handle':%lld}", listener);
    house_expect_silence(c);
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_next(c); /* of the accept, or of the connection, whichever was first */
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_reload(narrow);
    error = house_fail(c, "accept", "{'handle':%lld,'timeout':0}", listener);
    house_expect_error(error, "policy", "DENIED");
    ck_assert_str_eq(house_text(error, "data.pool"), "kept");
    ck_assert_ptr_nonnull(strstr(house_text(error, "data.rule"), "families"));
    house_reload(wide);
    ck_assert_str_eq(pool_of(house_make(c, "accept", "{'handle':%lld,'timeout':0}", listener)),
                     "kept");
}
END_TEST

/* Its last rules hold for what lives on; its lease, its rows and its reaping go on. */
START_TEST(a_pool_that_is_gone_still_rules_its_own)
{
    static const char kept[] = "[pool kept]\n";
    struct house_client *other;
    long long s;
    json_t *error;

    open_with("[pool kept]\n[pool gone]\nbind = 127.0.0.1:0\nmax-lease = 1min\n");
    s = house_make(c, "socket", "{'pool':'gone','name':'durable','lease':60}");
    house_reload(kept);
    house_reload(kept);
    error = house_fail(c, "bind", "{'handle':%lld,'address':['127.0.0.1',1]}", s);
    house_expect_error(error, "policy", "DENIED");
    ck_assert_str_eq(house_text(error, "data.pool"), "gone");
    ck_assert_ptr_nonnull(strstr(house_text(error, "data.rule"), "bind"));
    house_expect_error(house_fail(c, "lease", "{'handle':%lld,'lease':61}", s), "lease",
                       "TOO_LONG");
    house_expect_error(house_fail(c, "socket", "{'pool':'gone'}"), "protocol", "pool");
    other = house_client();
    house_leave(c);
    c = other;
    house_do(c, "attach", "{'handle':%lld}", s);
    house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", s);
    ck_assert_int_eq(
        (int)house_size(house_do(c, "ledger.list", "{'filter':{'pool':'gone'}}"), "rows"), 1);
    ck_assert_int_eq(
        (int)house_size(house_do(c, "ledger.reap", "{'filter':{'pool':'gone'}}"), "rows"), 1);
    house_reload(kept);
    ck_assert_str_eq(pool_of(s), "gone"); /* the closed row still says so */
}
END_TEST

/* A pool that comes back has what it had. */
START_TEST(a_pool_that_comes_back)
{
    int port;

    listener_of_a_gone_pool("[pool kept]\n", &port);
    house_reload("[pool kept]\n");
    ck_assert(is_retired("gone"));
    house_reload("[pool gone]\nmax-sockets = 1\n[pool kept]\n");
    ck_assert(is_listed("gone") && !is_retired("gone"));
    house_expect_error(house_fail(c, "socket", "{'pool':'gone'}"), "pool", "max-sockets");
    house_make(c, "socket", "{'pool':'kept'}");
}
END_TEST

/* Who holds how much is told of each pool by itself. */
START_TEST(holders_are_counted_in_their_pool)
{
    struct house_client *other;
    long long handles[3];
    json_t *r;

    open_with("[pool a]\n[pool b]\nmax-sockets = 3\n");
    other = house_client();
    for (int i = 0; i < 3; i++)
        handles[i] = house_make(c, "socket", "{'pool':'a'}");
    house_make(c, "socket", "{'pool':'b'}");
    house_make(other, "socket", "{'pool':'b'}");
    house_make(other, "socket", "{'pool':'b'}");
    r = house_fail(c, "socket", "{'pool':'b'}");
    house_expect_error(r, "pool", "max-sockets");
    ck_assert_uint_eq(house_size(r, "data.holders"), 2);
    ck_assert_int_eq(house_int(r, "data.holders.0.sockets"), 2);
    ck_assert_int_eq(house_int(r, "data.holders.1.sockets"), 1);
    ck_assert_int_eq(house_int(r, "data.holders.1.session"),
                     house_int(house_do(c, "hello", "{}"), "session"));
    for (int i = 0; i < 3; i++)
        house_do(c, "close", "{'handle':%lld}", handles[i]);
    r = house_do(c, "pool.list", "{}");
    ck_assert_uint_eq(house_size(r, "pools.0.holders"), 0);
    ck_assert_uint_eq(house_size(r, "pools.1.holders"), 2);
}
END_TEST

/* -- requests that wait meanwhile -- */

/* The first address is in progress, the second was denied by settings that are no more when the
 * first fails: the second's error is the answer. */
START_TEST(a_denial_outlives_its_settings)
{
    int listener, queued, port = full_listener(&listener, &queued);
    char settings[128];
    json_t *reply;

    snprintf(settings, sizeof settings, "[pool tight]\nconnect = 127.0.0.1:%d\n", port);
    open_with(settings);
    begin_in_progress("{'host':'two.example','port':%d}", port);
    house_advance(250000);
    house_expect_silence(c);
    house_reload("[pool loose]\n[pool tight]\n");
    close(queued);
    close(listener); /* the kernel's next try is refused */
    reply = house_next(c);
    house_expect_id(reply, 1);
    house_expect_error(reply, "policy", "DENIED");
    ck_assert_str_eq(house_text(reply, "error.data.pool"), "tight");
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.rule"), "connect = 127"));
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.hint"), "127.0.0.1"));
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.message"), "127.0.0.2"));
}
END_TEST

/* Its pool goes while it is on its way: the answer says so, and no descriptor is left. */
START_TEST(a_connection_whose_pool_goes)
{
    int listener, queued, port = full_listener(&listener, &queued);
    json_t *reply;

    open_with("[pool kept]\n[pool gone]\n");
    begin_in_progress("{'host':'127.0.0.1','port':%d,'pool':'gone'}", port);
    house_reload("[pool kept]\n");
    close(queued);
    close(listener);
    reply = house_next(c);
    house_expect_id(reply, 1);
    house_expect_error(reply, "protocol", "pool");
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "opened"), 0);
}
END_TEST

/* Settings are those of the moment when the name has been found. */
START_TEST(a_look_up_across_new_settings)
{
    json_t *reply;

    open_with("[pool before]\n");
    ck_assert_int_eq(sem_init(&answer, 0, 0), 0);
    house_begin(c, 1, "create_connection", "{'host':'slow.example','port':1}");
    house_begin(c, 2, "why", "{'method':'connect','address':['slow.example',1]}");
    house_expect_silence(c);
    house_reload("[pool after]\nconnect = 10.0.0.0/8:5432, other.example:1\n");
    house_expect_silence(c);
    sem_post(&answer);
    sem_post(&answer);
    for (int i = 0; i < 2; i++) {
        reply = house_next(c);
        if (house_int(reply, "id") == 1) {
            house_expect_error(reply, "policy", "DENIED");
            ck_assert_str_eq(house_text(reply, "error.data.pool"), "after");
            ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.rule"), "connect = 10"));
        } else {
            ck_assert(!house_bool(reply, "result.allowed"));
            ck_assert_str_eq(house_text(reply, "result.pool"), "after");
        }
    }
}
END_TEST

/* -- one bad line -- */

START_TEST(bad_settings_change_nothing)
{
    int port;
    long long listener = listener_of_a_gone_pool("[pool kept]\n", &port);

    house_reload_badly("[pool other]\nbind = nonsense:\n");
    ck_assert(is_listed("kept") && is_listed("gone") && !is_listed("other"));
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d,'pool':'gone'}", port);
    ck_assert_str_eq(pool_of(house_make(c, "accept", "{'handle':%lld,'pool':'kept'}", listener)),
                     "kept");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *pools = house_case(suite, "pools"), *waiting = house_case(suite, "waiting");

    tcase_add_test(pools, a_listener_of_a_pool_that_is_gone_accepts);
    tcase_add_test(pools, an_accept_that_is_denied_takes_nothing);
    tcase_add_test(pools, a_pool_that_is_gone_still_rules_its_own);
    tcase_add_test(pools, a_pool_that_comes_back);
    tcase_add_test(pools, holders_are_counted_in_their_pool);
    tcase_add_test(pools, bad_settings_change_nothing);
    tcase_add_test(waiting, a_denial_outlives_its_settings);
    tcase_add_test(waiting, a_connection_whose_pool_goes);
    tcase_add_test(waiting, a_look_up_across_new_settings);
    return house_run(suite);
}
