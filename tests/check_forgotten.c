/* check_forgotten.c — sockets that look forgotten: what makes them suspect and what clears them,
 * and all that must never be suspected. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/server.h"
#include "house.h"

#define SECOND INT64_C(1000000)
#define STALE  (SUSPECTS_STALE_USEC)
#define RIPE   (SUSPECTS_RIPE_USEC)
#define IDLE   (600 * SECOND)

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Lets time pass, and the daemon look at what came of it. */
static void pass(int64_t usec)
{
    house_turn(4);
    house_advance(usec);
    house_turn(4);
}

/* Long enough for what has come to be noticed, and to look forgotten. */
static void forget(void)
{
    pass(STALE);
    pass(RIPE);
}

/* Since when the handle is suspect of this, Unix seconds; 0: it is not. */
static double suspect_since(long long handle, const char *kind)
{
    json_t *row = house_do(c, "ledger.get", "{'handle':%lld}", handle);
    char path[40];

    for (size_t i = 0; i < house_size(row, "suspect"); i++) {
        snprintf(path, sizeof path, "suspect.%zu.kind", i);
        if (strcmp(house_text(row, path), kind) == 0) {
            snprintf(path, sizeof path, "suspect.%zu.since", i);
            return house_number(row, path);
        }
    }
    return 0;
}

static bool is_suspect(long long handle, const char *kind)
{
    return suspect_since(handle, kind) > 0;
}

static bool is_clean(long long handle)
{
    return house_size(house_do(c, "ledger.get", "{'handle':%lld}", handle), "suspect") == 0;
}

static void expect_counts(int suspected, int cleared)
{
    json_t *r = house_do(c, "stats", "{}");

    ck_assert_int_eq(house_int(r, "suspected_total"), suspected);
    ck_assert_int_eq(house_int(r, "cleared_total"), cleared);
}

static void expect_listed(const char *kind, size_t n)
{
    json_t *r = house_do(c, "ledger.list", "{'filter':{'suspect':'%s'}}", kind);

    ck_assert_uint_eq(house_size(r, "rows"), n);
}

/* The daemon has nothing to do any more: what is forgotten must not keep it busy. */
static void expect_rest(void)
{
    struct pollfd p = {.fd = wait_fd(server_core(house_server())->wait), .events = POLLIN};

    house_turn(10);
    ck_assert_int_eq(poll(&p, 1, 0), 0);
}

/* -- close_wait -- */

static void expect_close_wait(long long open, long long closed)
{
    double noticed;

    house_do(c, "close", "{'handle':%lld}", closed);
    pass(STALE);
    noticed = house_now();
    pass(RIPE - 1);
    ck_assert(is_clean(open));
    pass(1);
    ck_assert(is_suspect(open, "close_wait"));
    ck_assert(!is_suspect(open, "unread"));
    ck_assert_double_eq_tol(suspect_since(open, "close_wait"), noticed, 1e-6);
    expect_listed("close_wait", 1);
    expect_listed("any", 1);
    expect_listed("unread", 0);
    expect_counts(1, 0);
    expect_rest();
    ck_assert_int_eq(house_bool(house_do(c, "recv", "{'handle':%lld,'timeout':0}", open), "eof"),
                     1);
    ck_assert(is_clean(open));
    expect_counts(1, 1);
    /* Its owner knows it now, and still has not closed. */
    forget();
    house_until(is_suspect(open, "close_wait"));
    expect_counts(2, 1);
    expect_rest();
}

START_TEST(a_peer_that_closed)
{
    long long ends[2];

    house_connect(c, ends);
    expect_close_wait(ends[0], ends[1]);
}
END_TEST

START_TEST(a_unix_peer_that_closed)
{
    long long ends[2];

    house_pair(c, _i ? "SOCK_SEQPACKET" : "SOCK_STREAM", ends);
    expect_close_wait(ends[0], ends[1]);
}
END_TEST

/* Long after it was used last. */
START_TEST(a_peer_that_closes_late)
{
    long long ends[2];

    house_connect(c, ends);
    pass(5 * SECOND);
    ck_assert(is_clean(ends[0]));
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    pass(RIPE - 1);
    ck_assert(is_clean(ends[0]));
    pass(1);
    ck_assert(is_suspect(ends[0], "close_wait"));
    expect_rest();
    house_do(c, "close", "{'handle':%lld}", ends[0]);
    expect_listed("any", 0);
}
END_TEST

START_TEST(a_peer_that_resets)
{
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[0]);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    forget();
    house_until(is_suspect(ends[0], "close_wait"));
    expect_rest();
}
END_TEST

/* -- half_closed -- */

START_TEST(a_peer_that_only_stops_sending)
{
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
    forget();
    house_until(is_suspect(ends[0], "close_wait"));
    /* The other one waits for what is still to come. */
    ck_assert(is_clean(ends[1]));
    house_do(c, "send", "{'handle':%lld,'text':'more'}", ends[0]);
    ck_assert(is_clean(ends[0]));
    forget();
    house_until(is_suspect(ends[1], "unread"));
    expect_rest();
}
END_TEST

/* The kernel tells of one's own end as of the peer's; it tells it for as long as it is asked. */
START_TEST(ones_own_end_gives_no_work)
{
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_RD'}", ends[0]);
    forget();
    pass(RIPE);
    ck_assert(!is_suspect(ends[0], "unread"));
    expect_rest();
}
END_TEST

/* -- unread -- */

static void expect_unread(long long handle)
{
    double noticed;

    pass(STALE);
    noticed = house_now();
    pass(RIPE - 1);
    ck_assert(is_clean(handle));
    pass(1);
    ck_assert(is_suspect(handle, "unread"));
    ck_assert_double_eq_tol(suspect_since(handle, "unread"), noticed, 1e-6);
    ck_assert(!is_suspect(handle, "close_wait"));
    expect_listed("unread", 1);
    expect_listed("any", 1);
    expect_counts(1, 0);
    expect_rest();
}

START_TEST(a_stream_with_something_in_it)
{
    long long ends[2];

    if (_i)
        house_pair(c, "SOCK_STREAM", ends);
    else
        house_connect(c, ends);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_unread(ends[0]);
    house_do(c, "recv", "{'handle':%lld}", ends[0]);
    ck_assert(is_clean(ends[0]));
    expect_counts(1, 1);
    /* Read empty, it stays clean; then it begins anew. */
    pass(10 * SECOND);
    ck_assert(is_clean(ends[0]));
    house_do(c, "send", "{'handle':%lld,'text':'y'}", ends[1]);
    pass(RIPE);
    ck_assert(is_suspect(ends[0], "unread"));
    expect_counts(2, 1);
}
END_TEST

START_TEST(what_is_left_unread_is_suspect_again)
{
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "send", "{'handle':%lld,'text':'xy'}", ends[1]);
    expect_unread(ends[0]);
    house_do(c, "recv", "{'handle':%lld,'size':1}", ends[0]);
    ck_assert(is_clean(ends[0]));
    forget();
    house_until(is_suspect(ends[0], "unread"));
    expect_counts(2, 1);
}
END_TEST

START_TEST(unread_and_then_closed)
{
    long long ends[2];

    house_connect(c, ends);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_unread(ends[0]);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    pass(RIPE - 1);
    ck_assert(!is_suspect(ends[0], "close_wait"));
    pass(1);
    ck_assert(is_suspect(ends[0], "close_wait"));
    ck_assert(is_suspect(ends[0], "unread"));
    expect_listed("any", 1);
    expect_counts(2, 0);
    expect_rest();
    house_do(c, "recv", "{'handle':%lld}", ends[0]);
    ck_assert(is_clean(ends[0]));
    expect_counts(2, 2);
}
END_TEST

START_TEST(a_datagram)
{
    long long to = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"),
              from = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    long long port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", to),
                               "address.port");

    house_do(c, "sendto", "{'handle':%lld,'address':['127.0.0.1',%lld],'text':'x'}", from, port);
    expect_unread(to);
    house_do(c, "recvfrom", "{'handle':%lld}", to);
    ck_assert(is_clean(to));
    expect_counts(1, 1);
}
END_TEST

/* The kernel binds who sends; an answer then comes to a socket that nobody has bound. */
START_TEST(an_answer_to_a_datagram)
{
    long long a = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"),
              b = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    long long port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", b),
                               "address.port");

    house_do(c, "sendto", "{'handle':%lld,'address':['127.0.0.1',%lld],'text':'x'}", a, port);
    port = house_int(house_do(c, "recvfrom", "{'handle':%lld}", b), "address.port");
    house_do(c, "sendto", "{'handle':%lld,'address':['127.0.0.1',%lld],'text':'y'}", b, port);
    forget();
    house_until(is_suspect(a, "unread"));
    ck_assert(is_clean(b));
    expect_rest();
}
END_TEST

START_TEST(a_packet)
{
    long long ends[2];

    house_pair(c, _i ? "SOCK_SEQPACKET" : "SOCK_DGRAM", ends);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    expect_unread(ends[0]);
}
END_TEST

START_TEST(a_listener_with_a_guest)
{
    int port;
    long long listener = house_listen(c, &port), guest;

    guest = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    expect_unread(listener);
    ck_assert(is_clean(guest));
    house_do(c, "accept", "{'handle':%lld}", listener);
    ck_assert(is_clean(listener));
    expect_counts(1, 1);
    pass(10 * SECOND);
    ck_assert(is_clean(listener));
}
END_TEST

/* The peer ends before what it had sent looks forgotten: the end has a time of its own. */
START_TEST(closed_before_it_is_ripe)
{
    long long ends[2];
    double closed;

    house_connect(c, ends);
    pass(5 * SECOND);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    pass(RIPE / 2);
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    house_turn(4);
    closed = house_now();
    pass(RIPE - 1);
    ck_assert(is_clean(ends[0]));
    pass(1);
    ck_assert_double_eq_tol(suspect_since(ends[0], "close_wait"), closed, 1e-6);
    expect_counts(1, 0);
    expect_rest();
}
END_TEST

/* What came while the socket was in use is found when it is no more. */
START_TEST(it_came_while_in_use)
{
    long long ends[2];

    house_connect(c, ends);
    pass(5 * SECOND);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'y'}", ends[1]);
    pass(STALE / 2);
    house_do(c, "send", "{'handle':%lld,'text':'z'}", ends[0]);
    pass(STALE - 1);
    pass(RIPE);
    ck_assert(is_clean(ends[0]));
    pass(1);
    pass(RIPE);
    ck_assert(is_suspect(ends[0], "unread"));
}
END_TEST

/* A reader that has part of a frame and then gives up, or dies, leaves it lying. */
START_TEST(who_waited_has_left)
{
    struct house_client *reader = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(reader, 7, "recv", "{'handle':%lld,'exactly':4%s}", ends[0],
                _i == 0 ? ",'timeout':10" : "");
    house_turn(4);
    house_do(c, "send", "{'handle':%lld,'text':'ab'}", ends[1]);
    pass(9 * SECOND);
    ck_assert(is_clean(ends[0]));
    if (_i == 0) {
        pass(SECOND);
        house_expect_error(house_next(reader), "timeout", "TIMEOUT");
    } else {
        house_leave(reader);
    }
    pass(RIPE - 1);
    ck_assert(is_clean(ends[0]));
    forget();
    ck_assert(is_suspect(ends[0], "unread"));
    expect_rest();
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[0]), "text"), "ab");
    ck_assert(is_clean(ends[0]));
    pass(5 * SECOND);
    ck_assert(is_clean(ends[0]));
}
END_TEST

/* Fills a stream until nothing more goes in. */
static void fill(long long handle)
{
    static char text[65537];
    json_t *r;

    memset(text, 'x', sizeof text - 1);
    do
        r = house_ask(c, "send", "{'handle':%lld,'text':'%s','timeout':0}", handle, text);
    while (!house_has(r, "error"));
}

/* A poll that waits for something else, and is then called off. */
START_TEST(who_polled_has_left)
{
    struct house_client *poller = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    fill(ends[0]);
    house_begin(poller, 7, "poll", "{'handles':[{'handle':%lld,'events':['out']}]}", ends[0]);
    pass(5 * SECOND);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    pass(5 * SECOND);
    ck_assert(is_clean(ends[0]));
    house_leave(poller);
    pass(RIPE - 1);
    ck_assert(is_clean(ends[0]));
    forget();
    ck_assert(is_suspect(ends[0], "unread"));
    ck_assert(!is_suspect(ends[0], "idle"));
    expect_rest();
}
END_TEST

/* -- idle -- */

START_TEST(not_used_for_long)
{
    long long handle = house_make(c, "socket", "{}");

    pass(IDLE - 1);
    ck_assert(is_clean(handle));
    pass(1);
    ck_assert(is_suspect(handle, "idle"));
    ck_assert_double_eq_tol(suspect_since(handle, "idle"), house_now(), 1e-6);
    expect_listed("idle", 1);
    expect_counts(1, 0);
    pass(10 * IDLE);
    expect_counts(1, 0);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_REUSEADDR','value':true}", handle);
    ck_assert(is_clean(handle));
    expect_counts(1, 1);
    pass(IDLE);
    ck_assert(is_suspect(handle, "idle"));
    expect_counts(2, 1);
    house_do(c, "close", "{'handle':%lld}", handle);
    expect_listed("any", 0);
}
END_TEST

START_TEST(use_puts_it_off)
{
    long long used = house_make(c, "socket", "{}"), unused = house_make(c, "socket", "{}");

    for (int i = 0; i < 5; i++) {
        house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_REUSEADDR','value':1}", used);
        pass(IDLE / 2);
    }
    ck_assert(is_clean(used));
    ck_assert(is_suspect(unused, "idle"));
    expect_counts(1, 0);
}
END_TEST

/* To look at a socket is not to use it. */
START_TEST(a_look_is_no_use)
{
    long long handle = house_make(c, "socket", "{'name':'looked_at'}");

    for (int i = 0; i < 4; i++) {
        pass(IDLE / 4);
        house_do(c, "ledger.list", "{}");
        house_do(c, "ledger.get", "{'handle':'looked_at'}");
    }
    ck_assert(is_suspect(handle, "idle"));
}
END_TEST

/* -- orphan -- */

START_TEST(left_behind)
{
    struct house_client *other = house_client();
    long long handle = house_make(other, "socket", "{'lease':100}");
    double left;

    pass(5 * SECOND);
    left = house_now();
    house_leave(other);
    ck_assert_double_eq_tol(suspect_since(handle, "orphan"), left, 1e-6);
    pass(50 * SECOND);
    ck_assert_double_eq_tol(suspect_since(handle, "orphan"), left, 1e-6);
    expect_listed("orphan", 1);
    expect_counts(1, 0);
    /* Another session's use does not give it a holder. */
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_REUSEADDR','value':1}", handle);
    ck_assert(is_suspect(handle, "orphan"));
    house_do(c, "attach", "{'handle':%lld,'lease':'session'}", handle);
    ck_assert(is_clean(handle));
    expect_counts(1, 1);
}
END_TEST

START_TEST(forgotten_in_every_way)
{
    struct house_client *other = house_client();
    json_t *r = house_do(other, "socketpair", "{'lease':'permanent'}");
    long long a = house_int(r, "handles.0"), b = house_int(r, "handles.1");

    house_do(other, "send", "{'handle':%lld,'text':'x'}", b);
    forget();
    house_do(other, "close", "{'handle':%lld}", b);
    forget();
    house_until(is_suspect(a, "close_wait"));
    house_leave(other);
    pass(IDLE);
    ck_assert_uint_eq(house_size(house_do(c, "ledger.get", "{'handle':%lld}", a), "suspect"), 4);
    expect_counts(4, 0);
    expect_listed("any", 1);
    house_do(c, "attach", "{'handle':%lld,'lease':'session'}", a);
    house_do(c, "recv", "{'handle':%lld}", a);
    ck_assert(is_clean(a));
    expect_counts(4, 4);
}
END_TEST

/* -- the innocent -- */

START_TEST(who_waits_to_read_has_not_forgotten)
{
    struct house_client *reader = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(reader, 1, "recv", "{'handle':%lld}", ends[0]);
    for (int i = 0; i < 4; i++) {
        pass(IDLE);
        ck_assert(is_clean(ends[0]));
        ck_assert(is_suspect(ends[1], "idle"));
    }
    house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
    house_expect_id(house_next(reader), 1);
    ck_assert(is_clean(ends[0]));
    pass(IDLE - 1);
    ck_assert(is_clean(ends[0]));
    pass(1);
    ck_assert(is_suspect(ends[0], "idle"));
}
END_TEST

START_TEST(who_waits_to_accept_has_not_forgotten)
{
    struct house_client *server = house_client();
    int port;
    long long listener = house_listen(server, &port);

    house_begin(server, 1, "accept", "{'handle':%lld}", listener);
    pass(3 * IDLE);
    ck_assert(is_clean(listener));
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_expect_id(house_next(server), 1);
    forget();
    ck_assert(is_clean(listener));
    expect_counts(0, 0);
}
END_TEST

START_TEST(who_polls_has_not_forgotten)
{
    struct house_client *server = house_client();
    int port;
    long long listener = house_listen(server, &port);

    house_begin(server, 1, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", listener);
    pass(2 * IDLE);
    ck_assert(is_clean(listener));
    house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    house_expect_id(house_next(server), 1);
}
END_TEST

/* Whoever is held up at one end is there, also if it does not read meanwhile. */
START_TEST(who_waits_to_write_has_not_forgotten)
{
    enum { N = 800000 };
    static char text[N + 1];
    struct house_client *writer = house_client();
    long long ends[2];

    memset(text, 'x', N);
    house_pair(c, "SOCK_STREAM", ends);
    house_begin(writer, 1, "sendall", "{'handle':%lld,'text':'%s'}", ends[0], text);
    forget();
    house_do(c, "send", "{'handle':%lld,'text':'answer'}", ends[1]);
    forget();
    ck_assert(!house_is_answered(writer));
    ck_assert(is_clean(ends[0]));
    for (size_t n = 0; n < N;)
        n += strlen(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"));
    house_expect_id(house_next(writer), 1);
    forget();
    house_until(is_suspect(ends[0], "unread"));
}
END_TEST

/* It reads well within the second, though never at once. */
START_TEST(the_slow_are_clean)
{
    long long ends[2];

    house_connect(c, ends);
    for (int i = 0; i < 10; i++) {
        pass((i + 1) * STALE);
        house_do(c, "send", "{'handle':%lld,'text':'x'}", ends[1]);
        pass(RIPE - 1);
        house_do(c, "recv", "{'handle':%lld}", ends[0]);
    }
    expect_counts(0, 0);
}
END_TEST

/* A frame that is not complete: its reader waits, though there is something. */
START_TEST(half_a_frame_is_not_unread)
{
    struct house_client *reader = house_client();
    long long ends[2];

    house_pair(c, "SOCK_STREAM", ends);
    house_begin(reader, 1, "recv", "{'handle':%lld,'exactly':4}", ends[0]);
    house_do(c, "send", "{'handle':%lld,'text':'ab'}", ends[1]);
    pass(5 * SECOND);
    ck_assert(is_clean(ends[0]));
    house_do(c, "send", "{'handle':%lld,'text':'cd'}", ends[1]);
    ck_assert_str_eq(house_text(house_next(reader), "result.text"), "abcd");
    expect_counts(0, 0);
}
END_TEST

START_TEST(the_busy_are_clean)
{
    long long ends[2];

    house_connect(c, ends);
    for (int i = 0; i < 20; i++) {
        house_do(c, "send", "{'handle':%lld,'text':'ping'}", ends[i % 2]);
        pass(STALE / 4);
        house_do(c, "recv", "{'handle':%lld}", ends[1 - i % 2]);
        pass(STALE / 4);
    }
    expect_counts(0, 0);
}
END_TEST

/* Whatever has not had anything sent to it, a second later and nine minutes later. */
START_TEST(the_fresh_are_clean)
{
    static const char *const sockets[] = {
        "{}",
        "{'type':'SOCK_DGRAM'}",
        "{'family':'AF_INET6'}",
        "{'family':'AF_UNIX'}",
        "{'family':'AF_UNIX','type':'SOCK_DGRAM'}",
        "{'family':'AF_UNIX','type':'SOCK_SEQPACKET'}",
    };
    int port;
    long long ends[2], bound;

    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
        house_make(c, "socket", "%s", sockets[i]);
    bound = house_make(c, "socket", "{}");
    house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", bound);
    house_listen(c, &port);
    house_connect(c, ends);
    house_pair(c, "SOCK_DGRAM", ends);
    house_pair(c, "SOCK_SEQPACKET", ends);
    expect_listed("any", 0);
    forget();
    expect_listed("any", 0);
    pass(IDLE - 2 * STALE - RIPE);
    expect_listed("any", 0);
    expect_counts(0, 0);
    expect_rest();
}
END_TEST

/* The kernel says of a Unix socket with a name and no peer that it is hung up. */
START_TEST(the_bound_are_clean)
{
    static const char *const types[] = {"SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"};
    long long handle = house_make(c, "socket", "{'family':'AF_UNIX','type':'%s'}", types[_i]);

    house_do(c, "bind", "{'handle':%lld,'address':{'abstract':'berth-forgotten-%lld-%lld'}}",
             handle, handle, (long long)getpid());
    forget();
    ck_assert(is_clean(handle));
    expect_rest();
}
END_TEST

/* A queue that is full holds up whoever connects. */
START_TEST(the_connecting_are_clean)
{
    int port;
    long long listener = house_int(
        house_do(c, "create_server", "{'address':['127.0.0.1',0],'backlog':0}"), "handle");
    long long handle = 0;
    json_t *r;

    port = (int)house_int(house_do(c, "getsockname", "{'handle':%lld}", listener), "address.port");
    for (int i = 0; i < 8; i++) {
        handle = house_make(c, "socket", "{}");
        r = house_ask(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%d],'timeout':0}",
                      handle, port);
        if (house_has(r, "error"))
            house_expect_error(r, "os", "EINPROGRESS");
    }
    ck_assert_str_eq(house_text(house_do(c, "ledger.get", "{'handle':%lld}", handle), "state"),
                     "connecting");
    forget();
    ck_assert(is_clean(handle));
    ck_assert(is_suspect(listener, "unread"));
    expect_rest();
}
END_TEST

/* An error that nobody fetches must not keep the daemon awake. */
START_TEST(an_error_that_waits)
{
    long long closed = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"),
              handle = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    long long port = house_int(
        house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", closed), "address.port");

    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',%lld]}", handle, port);
    house_do(c, "close", "{'handle':%lld}", closed);
    house_do(c, "send", "{'handle':%lld,'text':'x'}", handle);
    forget();
    expect_rest();
    house_expect_error(house_fail(c, "recv", "{'handle':%lld,'timeout':0}", handle), "os",
                       "ECONNREFUSED");
    ck_assert(is_clean(handle));
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

static void add_suspects(Suite *suite)
{
    TCase *tc = client_case(suite, "suspects");

    tcase_add_test(tc, a_peer_that_closed);
    tcase_add_loop_test(tc, a_unix_peer_that_closed, 0, 2);
    tcase_add_test(tc, a_peer_that_closes_late);
    tcase_add_test(tc, a_peer_that_resets);
    tcase_add_test(tc, a_peer_that_only_stops_sending);
    tcase_add_loop_test(tc, a_stream_with_something_in_it, 0, 2);
    tcase_add_test(tc, what_is_left_unread_is_suspect_again);
    tcase_add_test(tc, unread_and_then_closed);
    tcase_add_test(tc, closed_before_it_is_ripe);
    tcase_add_test(tc, it_came_while_in_use);
    tcase_add_loop_test(tc, who_waited_has_left, 0, 2);
    tcase_add_test(tc, who_polled_has_left);
    tcase_add_test(tc, a_datagram);
    tcase_add_test(tc, an_answer_to_a_datagram);
    tcase_add_loop_test(tc, a_packet, 0, 2);
    tcase_add_test(tc, a_listener_with_a_guest);
    tcase_add_test(tc, not_used_for_long);
    tcase_add_test(tc, use_puts_it_off);
    tcase_add_test(tc, a_look_is_no_use);
    tcase_add_test(tc, left_behind);
    tcase_add_test(tc, forgotten_in_every_way);
}

static void add_innocent(Suite *suite)
{
    TCase *tc = client_case(suite, "innocent");

    tcase_add_test(tc, who_waits_to_read_has_not_forgotten);
    tcase_add_test(tc, who_waits_to_accept_has_not_forgotten);
    tcase_add_test(tc, who_polls_has_not_forgotten);
    tcase_add_test(tc, who_waits_to_write_has_not_forgotten);
    tcase_add_test(tc, the_slow_are_clean);
    tcase_add_test(tc, half_a_frame_is_not_unread);
    tcase_add_test(tc, the_busy_are_clean);
    tcase_add_test(tc, the_fresh_are_clean);
    tcase_add_loop_test(tc, the_bound_are_clean, 0, 3);
    tcase_add_test(tc, the_connecting_are_clean);
    tcase_add_test(tc, an_error_that_waits);
    tcase_add_test(tc, ones_own_end_gives_no_work);
}

int main(void)
{
    Suite *suite = suite_create("forgotten");

    add_suspects(suite);
    add_innocent(suite);
    return house_run(suite);
}
