/* check_lease.c — how long a socket lives: with its session, for a span after it, or until it is
 * closed; and who takes over what was left behind. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

#define SECOND INT64_C(1000000)

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Holds what somebody has left to nobody, so that it ends with this session. */
static void take(long long handle)
{
    house_do(c, "attach", "{'handle':%lld,'lease':'session'}", handle);
}

static long long audit(const char *count)
{
    json_t *r = house_do(c, "ledger.audit", "{}");

    ck_assert_int_eq(house_int(r, "balance"), 0);
    return house_int(r, count);
}

static void expect_row(long long handle, const char *path, const char *text)
{
    ck_assert_str_eq(house_text(house_do(c, "ledger.get", "{'handle':%lld}", handle), path), text);
}

static bool is_orphan(long long handle)
{
    json_t *row = house_do(c, "ledger.get", "{'handle':%lld}", handle);
    char path[40];

    for (size_t i = 0; i < house_size(row, "suspect"); i++) {
        snprintf(path, sizeof path, "suspect.%zu.kind", i);
        if (strcmp(house_text(row, path), "orphan") == 0)
            return true;
    }
    return false;
}

/* A socket that a session has left behind. */
static long long leave_behind(const char *params)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "%s", params);

    house_leave(other);
    return handle;
}

/* -- the three leases -- */

START_TEST(the_session_is_the_usual_lease)
{
    long long said = leave_behind("{'lease':'session'}"), unsaid = leave_behind("{}");

    expect_row(said, "lease", "session");
    expect_row(unsaid, "lease", "session");
    expect_row(said, "end.how", "reclaimed");
    expect_row(unsaid, "end.how", "reclaimed");
    ck_assert_int_eq(audit("reclaimed"), 2);
    ck_assert_int_eq(audit("live"), 0);
}
END_TEST

START_TEST(a_span_runs_from_the_end_of_the_session)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "{'lease':2.5}");
    double left;

    house_advance(100 * SECOND);
    ck_assert_int_eq(audit("live"), 1);
    left = house_now();
    house_leave(other);
    ck_assert(is_orphan(handle));
    house_advance(5 * SECOND / 2 - 1);
    ck_assert_int_eq(audit("live"), 1);
    ck_assert_int_eq(audit("expired"), 0);
    house_advance(1);
    ck_assert_int_eq(audit("live"), 0);
    ck_assert_int_eq(audit("expired"), 1);
    expect_row(handle, "end.how", "expired");
    expect_row(handle, "state", "closed");
    ck_assert_double_eq_tol(
        house_number(house_do(c, "ledger.get", "{'handle':%lld}", handle), "end.at"), left + 2.5,
        1e-6);
    house_expect_error(house_fail(c, "attach", "{'handle':%lld}", handle), "handle", "CLOSED");
}
END_TEST

/* Out of order, so that the order of ending is not that of opening. */
START_TEST(each_expires_at_its_own_time)
{
    static const int spans[] = {7, 3, 9, 1, 5, 8, 2, 10, 6, 4};
    enum { N = sizeof spans / sizeof *spans };
    struct house_client *other = house_client();
    long long handles[N];

    for (int i = 0; i < N; i++)
        handles[i] = house_make(other, "socket", "{'lease':%d}", spans[i]);
    house_leave(other);
    for (int second = 1; second <= N; second++) {
        house_advance(SECOND);
        for (int i = 0; i < N; i++)
            expect_row(handles[i], "state", spans[i] <= second ? "closed" : "created");
        ck_assert_int_eq(audit("expired"), second);
    }
}
END_TEST

START_TEST(the_permanent_stays)
{
    long long handle = leave_behind("{'lease':'permanent','name':'p'}");

    house_advance(INT64_C(20) * 365 * 86400 * SECOND);
    expect_row(handle, "state", "created");
    expect_row(handle, "lease", "permanent");
    ck_assert(is_orphan(handle));
    house_do(c, "close", "{'handle':'p'}");
    ck_assert_int_eq(audit("closed"), 1);
}
END_TEST

START_TEST(a_lease_is_one_of_three)
{
    static const char *const wrong[] = {"0", "-1", "'for ever'", "true", "null", "[]", "''"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *e = house_fail(c, "socket", "{'lease':%s,'type':'SOCK_STREAM'}", wrong[i]);

        house_expect_error(e, "protocol", "lease");
    }
    ck_assert_int_eq(audit("opened"), 0);
}
END_TEST

START_TEST(nothing_can_be_made_to_survive)
{
    static const char *const makers[] = {"socket", "socketpair"};

    for (size_t i = 0; i < 2; i++)
        house_expect_error(house_fail(c, makers[i], "{'survive':true,'lease':'permanent'}"),
                           "lease", "CANNOT_KEEP");
    house_expect_error(house_fail(c, "create_server", "{'address':['127.0.0.1',0],'survive':true}"),
                       "lease", "CANNOT_KEEP");
    ck_assert_int_eq(audit("opened"), 0);
    ck_assert(!house_bool(
        house_do(c, "ledger.get", "{'handle':%lld}", house_make(c, "socket", "{'survive':false}")),
        "survives"));
}
END_TEST

/* -- changing it -- */

START_TEST(a_lease_can_be_changed)
{
    struct house_client *other = house_client();
    long long longer = house_make(other, "socket", "{}"),
              shorter = house_make(other, "socket", "{'lease':'permanent'}"),
              timed = house_make(other, "socket", "{'lease':5}");

    ck_assert_double_eq_tol(
        house_number(house_do(other, "lease", "{'handle':%lld,'lease':60}", longer), "lease"), 60,
        1e-9);
    ck_assert_str_eq(
        house_text(house_do(other, "lease", "{'handle':%lld,'lease':'session'}", shorter), "lease"),
        "session");
    house_do(other, "lease", "{'handle':%lld,'lease':'permanent'}", timed);
    house_leave(other);
    expect_row(shorter, "end.how", "reclaimed");
    house_advance(59 * SECOND);
    ck_assert_int_eq(audit("live"), 2);
    house_advance(2 * SECOND);
    expect_row(longer, "end.how", "expired");
    expect_row(timed, "state", "created");
    take(timed);
}
END_TEST

START_TEST(that_of_an_orphan_runs_from_now)
{
    long long a = leave_behind("{'lease':10}"), b = leave_behind("{'lease':'permanent'}"),
              d = leave_behind("{'lease':10}");

    house_advance(8 * SECOND);
    house_do(c, "lease", "{'handle':%lld,'lease':10}", a);
    house_do(c, "lease", "{'handle':%lld,'lease':3}", b);
    house_do(c, "lease", "{'handle':%lld,'lease':'permanent'}", d);
    house_advance(3 * SECOND);
    expect_row(a, "state", "created");
    expect_row(b, "end.how", "expired");
    house_advance(7 * SECOND);
    expect_row(a, "end.how", "expired");
    expect_row(d, "state", "created");
    take(d);
}
END_TEST

START_TEST(an_orphan_has_no_session)
{
    long long handle = leave_behind("{'lease':'permanent'}");

    house_expect_error(house_fail(c, "lease", "{'handle':%lld,'lease':'session'}", handle), "lease",
                       "NO_SESSION");
    expect_row(handle, "lease", "permanent");
    take(handle);
    expect_row(handle, "lease", "session");
}
END_TEST

/* A call for another's socket changes its lease, but takes it from nobody. */
START_TEST(another_session_changes_it_too)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "{}");

    house_do(c, "lease", "{'handle':%lld,'lease':5}", handle);
    house_advance(100 * SECOND);
    expect_row(handle, "state", "created");
    house_leave(other);
    house_advance(5 * SECOND);
    expect_row(handle, "end.how", "expired");
}
END_TEST

/* -- attaching -- */

START_TEST(an_orphan_is_attached)
{
    long long handle = leave_behind("{'lease':5}");
    json_t *row;

    house_advance(4 * SECOND);
    row = house_do(c, "attach", "{'handle':%lld}", handle);
    ck_assert_int_eq(house_int(row, "handle"), handle);
    ck_assert_uint_eq(house_size(row, "suspect"), 0);
    ck_assert_double_eq_tol(house_number(row, "lease"), 5, 1e-9);
    ck_assert(house_has(row, "transitions"));
    house_advance(1000 * SECOND);
    expect_row(handle, "state", "created");
    house_do(c, "attach", "{'handle':%lld}", handle);
    house_leave(c);
    c = house_client();
    house_advance(5 * SECOND - 1);
    expect_row(handle, "state", "created");
    house_advance(1);
    expect_row(handle, "end.how", "expired");
    ck_assert_int_eq(audit("opened"), 1);
}
END_TEST

START_TEST(attaching_can_change_the_lease)
{
    long long a = leave_behind("{'lease':5}"), b = leave_behind("{'lease':'permanent'}");

    ck_assert_str_eq(
        house_text(house_do(c, "attach", "{'handle':%lld,'lease':'permanent'}", a), "lease"),
        "permanent");
    house_do(c, "attach", "{'handle':%lld,'lease':3}", b);
    house_advance(6 * SECOND);
    ck_assert_int_eq(audit("live"), 2);
    house_leave(c);
    c = house_client();
    house_advance(3 * SECOND);
    expect_row(a, "state", "created");
    expect_row(b, "end.how", "expired");
    take(a);
}
END_TEST

START_TEST(what_is_held_is_not_attached)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "{'lease':5}");
    json_t *e = house_fail(c, "attach", "{'handle':%lld,'lease':'session'}", handle);

    house_expect_error(e, "handle", "HELD");
    ck_assert_int_eq(house_int(e, "data.handle"), handle);
    house_leave(other);
    /* It was refused as a whole. */
    ck_assert(is_orphan(handle));
    take(handle);
    house_expect_error(house_fail(house_client(), "attach", "{'handle':%lld}", handle), "handle",
                       "HELD");
}
END_TEST

/* A server in a pool with limits that was left behind with a lease of 50 seconds, and its port. */
static long long leave_server_behind(const char *settings, int *ret_port)
{
    struct house_client *other;
    json_t *r;

    house_reopen_with(settings);
    c = house_client();
    other = house_client();
    r = house_do(other, "create_server", "{'address':['127.0.0.1',0],'name':'web','lease':50}");
    *ret_port = (int)house_int(r, "address.port");
    house_leave(other);
    return house_int(r, "handle");
}

/* What is refused for its lease has not been attached either. */
START_TEST(a_lease_that_is_too_long_attaches_nothing)
{
    int port;
    long long handle = leave_server_behind("[pool a]\nmax-lease = 1h\n", &port);

    house_expect_error(house_fail(c, "attach", "{'handle':%lld,'lease':3601}", handle), "lease",
                       "TOO_LONG");
    ck_assert(is_orphan(handle));
    house_expect_error(house_fail(c, "create_server",
                                  "{'address':['127.0.0.1',%d],'name':'web','lease':3601}", port),
                       "lease", "TOO_LONG");
    ck_assert(is_orphan(handle));
    house_advance(51 * SECOND);
    expect_row(handle, "end.how", "expired");
}
END_TEST

/* A session's share is one, however it comes by its sockets. */
START_TEST(a_full_share_attaches_nothing)
{
    int port;
    long long handle = leave_server_behind("[pool a]\nmax-sockets-per-session = 1\n", &port), mine;
    json_t *r;

    mine = house_make(c, "socket", "{}");
    house_expect_error(house_fail(c, "attach", "{'handle':%lld}", handle), "pool",
                       "max-sockets-per-session");
    house_expect_error(
        house_fail(c, "create_server", "{'address':['127.0.0.1',%d],'name':'web'}", port), "pool",
        "max-sockets-per-session");
    ck_assert(is_orphan(handle));
    house_do(c, "close", "{'handle':%lld}", mine);
    for (int i = 0; i < 2; i++) { /* the second time it is held already */
        r = house_do(c, "create_server", "{'address':['127.0.0.1',%d],'name':'web'}", port);
        ck_assert(house_bool(r, "adopted"));
    }
    ck_assert(!is_orphan(handle));
    house_do(c, "close", "{'handle':%lld}", handle);
}
END_TEST

START_TEST(the_unknown_is_not_attached)
{
    house_expect_error(house_fail(c, "attach", "{'handle':16777217}"), "handle", "UNKNOWN");
    house_expect_error(house_fail(c, "attach", "{'handle':'web'}"), "handle", "UNKNOWN");
    house_expect_error(house_fail(c, "lease", "{'handle':'web','lease':1}"), "handle", "UNKNOWN");
    house_expect_error(house_fail(c, "lease", "{'handle':1}"), "protocol", "lease");
}
END_TEST

/* Left and taken many times over: each holder is told of once, and nothing is counted twice. */
START_TEST(it_goes_from_hand_to_hand)
{
    long long handle = leave_behind("{'lease':5,'name':'relay'}");

    for (int i = 0; i < 50; i++) {
        struct house_client *next = house_client();

        ck_assert_int_eq(house_int(house_do(next, "attach", "{'handle':'relay'}"), "handle"),
                         handle);
        house_advance(6 * SECOND);
        house_leave(next);
        house_advance(4 * SECOND);
    }
    house_advance(SECOND);
    expect_row(handle, "end.how", "expired");
    ck_assert_int_eq(audit("opened"), 1);
    ck_assert_int_eq(audit("expired"), 1);
}
END_TEST

/* -- names -- */

START_TEST(a_durable_name_outlives_its_session)
{
    struct house_client *other = house_client();
    long long kept = house_make(other, "socket", "{'name':'kept','lease':5}"),
              gone = house_make(other, "socket", "{'name':'gone'}"),
              mine = house_make(other, "socket", "{'name':'@mine','lease':5}");

    house_leave(other);
    ck_assert_int_eq(house_int(house_do(c, "ledger.get", "{'handle':'kept'}"), "handle"), kept);
    house_expect_error(house_fail(c, "socket", "{'name':'kept'}"), "handle", "NAME_TAKEN");
    house_expect_error(house_fail(c, "ledger.get", "{'handle':'gone'}"), "handle", "UNKNOWN");
    ck_assert(!house_has(house_do(c, "ledger.get", "{'handle':%lld}", mine), "name"));
    expect_row(gone, "name", "gone");
    house_make(c, "socket", "{'name':'@mine'}");
    house_advance(5 * SECOND);
    house_make(c, "socket", "{'name':'kept'}");
    ck_assert_int_eq(audit("expired"), 2);
}
END_TEST

/* The name of another's handle is its own session's, also when it changes hands. */
START_TEST(an_attached_handle_has_no_private_name)
{
    long long handle = leave_behind("{'name':'@c','lease':5}");

    house_do(c, "attach", "{'handle':%lld}", handle);
    house_expect_error(house_fail(c, "ledger.get", "{'handle':'@c'}"), "handle", "UNKNOWN");
    ck_assert(!house_has(house_do(c, "close", "{'handle':%lld}", handle), "name"));
}
END_TEST

/* -- servers that come again -- */

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

START_TEST(a_server_comes_again_and_has_its_port)
{
    struct house_client *other = house_client();
    json_t *first =
        house_do(other, "create_server", "{'address':['127.0.0.1',0],'name':'web','lease':10}");
    long long handle = house_int(first, "handle");
    int port = (int)house_int(first, "address.port"), fd;
    json_t *again;

    ck_assert(!house_bool(first, "adopted"));
    house_leave(other);
    ck_assert(is_orphan(handle));
    /* Nobody holds it, and still it listens. */
    fd = dial(port);
    house_advance(9 * SECOND);
    again =
        house_do(c, "create_server", "{'address':['127.0.0.1',%d],'name':'web','lease':10}", port);
    ck_assert(house_bool(again, "adopted"));
    ck_assert_int_eq(house_int(again, "handle"), handle);
    ck_assert_int_eq(house_int(again, "address.port"), port);
    ck_assert(!is_orphan(handle));
    house_advance(1000 * SECOND);
    ck_assert_str_eq(house_text(house_do(c, "accept", "{'handle':'web','timeout':0}"), "peer.host"),
                     "127.0.0.1");
    close(fd);
    house_leave(c);
    c = house_client();
    house_advance(10 * SECOND);
    expect_row(handle, "end.how", "expired");
}
END_TEST

START_TEST(a_held_server_stays_with_its_holder)
{
    struct house_client *other = house_client();
    json_t *first =
        house_do(other, "create_server", "{'address':['127.0.0.1',0],'name':'web','lease':10}");
    int port = (int)house_int(first, "address.port");
    json_t *shared =
        house_do(c, "create_server", "{'address':['127.0.0.1',%d],'name':'web'}", port);

    ck_assert(house_bool(shared, "adopted"));
    house_leave(other);
    ck_assert(is_orphan(house_int(first, "handle")));
    house_advance(10 * SECOND);
    expect_row(house_int(first, "handle"), "end.how", "expired");
    ck_assert_int_eq(audit("opened"), 1);
}
END_TEST

START_TEST(another_address_is_another_server)
{
    struct house_client *other = house_client();
    long long handle =
        house_make(other, "create_server", "{'address':['127.0.0.1',0],'name':'web','lease':10}");

    house_leave(other);
    house_expect_error(house_fail(c, "create_server", "{'address':['127.0.0.2',0],'name':'web'}"),
                       "handle", "NAME_TAKEN");
    house_expect_error(house_fail(c, "create_server", "{'address':['::1',0],'name':'web'}"),
                       "handle", "NAME_TAKEN");
    ck_assert(is_orphan(handle));
    take(handle);
}
END_TEST

START_TEST(an_expired_server_is_made_anew)
{
    struct house_client *other = house_client();
    json_t *first =
        house_do(other, "create_server", "{'address':['127.0.0.1',0],'name':'web','lease':10}");
    json_t *again;

    house_leave(other);
    house_advance(10 * SECOND);
    again = house_do(c, "create_server", "{'address':['127.0.0.1',%lld],'name':'web'}",
                     house_int(first, "address.port"));
    ck_assert(!house_bool(again, "adopted"));
    ck_assert_int_gt(house_int(again, "handle"), house_int(first, "handle"));
}
END_TEST

/* -- those who wait on it -- */

START_TEST(who_waits_goes_on_when_the_holder_leaves)
{
    struct house_client *other = house_client();
    long long ends[2];
    json_t *r = house_do(other, "socketpair", "{'lease':10}");

    ends[0] = house_int(r, "handles.0");
    ends[1] = house_int(r, "handles.1");
    house_begin(c, 7, "recv", "{'handle':%lld}", ends[0]);
    house_turn(4);
    house_leave(other);
    house_turn(4);
    ck_assert(!house_is_answered(c));
    house_do(house_client(), "send", "{'handle':%lld,'text':'late'}", ends[1]);
    r = house_next(c);
    house_expect_id(r, 7);
    ck_assert_str_eq(house_text(r, "result.text"), "late");
    house_advance(10 * SECOND);
    ck_assert_int_eq(audit("expired"), 2);
}
END_TEST

START_TEST(who_waits_is_told_when_it_is_reclaimed)
{
    struct house_client *other = house_client();
    long long ends[2];

    house_pair(other, "SOCK_STREAM", ends);
    house_begin(c, 7, "recv", "{'handle':%lld}", ends[0]);
    house_turn(4);
    house_leave(other);
    house_expect_error(house_next(c), "cancelled", "CANCELLED");
    ck_assert_int_eq(audit("reclaimed"), 2);
}
END_TEST

START_TEST(who_waits_is_told_when_it_expires)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "create_server", "{'address':['127.0.0.1',0],'lease':10}");

    house_begin(c, 7, "accept", "{'handle':%lld}", handle);
    house_turn(4);
    house_leave(other);
    house_advance(10 * SECOND - 1);
    ck_assert(!house_is_answered(c));
    house_advance(1);
    house_expect_error(house_next(c), "cancelled", "CANCELLED");
    ck_assert_int_eq(audit("expired"), 1);
}
END_TEST

/* What the holder itself waits for ends with it; the socket does not. */
START_TEST(a_holder_that_waits_may_leave)
{
    struct house_client *other = house_client();
    json_t *r = house_do(other, "socketpair", "{'lease':10}");
    long long handle = house_int(r, "handles.0"), peer = house_int(r, "handles.1");

    house_begin(other, 7, "recv", "{'handle':%lld}", handle);
    house_turn(4);
    /* Closing alone only says that no more requests come. */
    shutdown(house_client_fd(other), SHUT_RDWR);
    house_leave(other);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", peer);
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld,'timeout':0}", handle), "text"),
                     "x");
    take(handle);
    take(peer);
}
END_TEST

/* -- the end -- */

/* The daemon's own end closes what nobody holds; the fixture counts the descriptors. */
START_TEST(the_daemons_end_closes_the_lasting)
{
    leave_behind("{'lease':'permanent','name':'web'}");
    leave_behind("{'lease':1000}");
    house_make(c, "socket", "{'lease':'permanent'}");
    ck_assert_int_eq(audit("live"), 3);
    house_leave(c);
    ck_assert_int_eq(house_n_live(), 3);
    house_reopen((struct house_setup){0});
    c = house_client();
    ck_assert_int_eq(audit("opened"), 0);
    house_make(c, "socket", "{'name':'web'}");
}
END_TEST

START_TEST(the_law_holds_at_every_step)
{
    static const char *const leases[] = {"'session'", "1", "2", "'permanent'"};
    long long permanent[10];

    for (int i = 0; i < 40; i++) {
        struct house_client *other = house_client();
        long long handle = house_make(other, "socket", "{'lease':%s}", leases[i % 4]);

        if (i % 4 == 3)
            permanent[i / 4] = handle;
        ck_assert_int_eq(audit("opened"), i + 1);
        house_leave(other);
        ck_assert_int_eq(audit("reclaimed"), i / 4 + 1);
    }
    house_advance(SECOND);
    ck_assert_int_eq(audit("expired"), 10);
    house_advance(SECOND);
    ck_assert_int_eq(audit("expired"), 20);
    ck_assert_int_eq(audit("live"), 10);
    for (int i = 0; i < 10; i++)
        house_do(c, "close", "{'handle':%lld}", permanent[i]);
    ck_assert_int_eq(audit("closed"), 10);
    ck_assert_int_eq(audit("live"), 0);
}
END_TEST

static TCase *client_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

static void add_leases(Suite *suite)
{
    TCase *tc = client_case(suite, "leases");

    tcase_add_test(tc, the_session_is_the_usual_lease);
    tcase_add_test(tc, a_span_runs_from_the_end_of_the_session);
    tcase_add_test(tc, each_expires_at_its_own_time);
    tcase_add_test(tc, the_permanent_stays);
    tcase_add_test(tc, a_lease_is_one_of_three);
    tcase_add_test(tc, nothing_can_be_made_to_survive);
    tcase_add_test(tc, a_lease_can_be_changed);
    tcase_add_test(tc, that_of_an_orphan_runs_from_now);
    tcase_add_test(tc, an_orphan_has_no_session);
    tcase_add_test(tc, another_session_changes_it_too);
    tcase_add_test(tc, the_daemons_end_closes_the_lasting);
    tcase_add_test(tc, the_law_holds_at_every_step);
}

static void add_attaching(Suite *suite)
{
    TCase *tc = client_case(suite, "attaching");

    tcase_add_test(tc, an_orphan_is_attached);
    tcase_add_test(tc, attaching_can_change_the_lease);
    tcase_add_test(tc, what_is_held_is_not_attached);
    tcase_add_test(tc, a_lease_that_is_too_long_attaches_nothing);
    tcase_add_test(tc, a_full_share_attaches_nothing);
    tcase_add_test(tc, the_unknown_is_not_attached);
    tcase_add_test(tc, it_goes_from_hand_to_hand);
    tcase_add_test(tc, a_durable_name_outlives_its_session);
    tcase_add_test(tc, an_attached_handle_has_no_private_name);
    tcase_add_test(tc, a_server_comes_again_and_has_its_port);
    tcase_add_test(tc, a_held_server_stays_with_its_holder);
    tcase_add_test(tc, another_address_is_another_server);
    tcase_add_test(tc, an_expired_server_is_made_anew);
    tcase_add_test(tc, who_waits_goes_on_when_the_holder_leaves);
    tcase_add_test(tc, who_waits_is_told_when_it_is_reclaimed);
    tcase_add_test(tc, who_waits_is_told_when_it_expires);
    tcase_add_test(tc, a_holder_that_waits_may_leave);
}

int main(void)
{
    Suite *suite = suite_create("lease");

    add_leases(suite);
    add_attaching(suite);
    return house_run(suite);
}
