/* check_limits.c — ceilings: lines, replies that nobody reads, sessions, look-ups; and replies of
 * awkward sizes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "proto/limits.h"
#include "proto/methods.h"

int server_add_client(struct server *s, int fd);

/* -- lines -- */

/* A ping whose line has n bytes without its newline. */
static void send_ping_of(struct house_client *c, size_t n)
{
    static const char head[] = "{\"id\":1,\"method\":\"ping\",\"params\":{\"echo\":\"",
                      tail[] = "\"}}";
    char *echo = malloc(n);

    memset(echo, 'e', n);
    house_send_bytes(c, head, strlen(head));
    house_send_bytes(c, echo, n - strlen(head) - strlen(tail));
    house_send_bytes(c, tail, strlen(tail));
    house_send_bytes(c, "\n", 1);
    free(echo);
}

START_TEST(a_line_may_be_as_long_as_the_limit)
{
    struct house_client *c;

    house_reopen((struct house_setup){.n_max_line_bytes = _i});
    c = house_client();
    ck_assert_int_eq(house_int(house_do(c, "hello", "{}"), "limits.line_bytes"), _i);
    send_ping_of(c, (size_t)_i);
    house_expect_id(house_next(c), 1);
    send_ping_of(c, (size_t)_i + 1);
    house_expect_error(house_next(c), "limit", "LINE");
    send_ping_of(c, (size_t)_i);
    house_expect_id(house_next(c), 1);
    send_ping_of(c, (size_t)_i * 5 + 3);
    send_ping_of(c, 100);
    house_expect_error(house_next(c), "limit", "LINE");
    house_expect_id(house_next(c), 1);
    house_expect_silence(c);
}
END_TEST

/* Refused as soon as it is too long, and never kept: no newline ever comes. */
START_TEST(a_line_without_end)
{
    static char x[65536];
    struct house_client *c = house_client();

    memset(x, 'x', sizeof x);
    for (int i = 0; i < 17; i++)
        house_send_bytes(c, x, sizeof x);
    house_expect_error(house_next(c), "limit", "LINE");
    for (int i = 0; i < 160; i++)
        house_send_bytes(c, x, sizeof x);
    house_expect_silence(c);
    house_send_bytes(c, "\n", 1);
    house_expect_silence(c);
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(a_line_too_long_that_ends_the_session)
{
    struct house_client *c;

    house_reopen((struct house_setup){.n_max_line_bytes = 1024});
    c = house_client();
    send_ping_of(c, 5000);
    shutdown(house_client_fd(c), SHUT_WR);
    house_expect_error(house_next(c), "limit", "LINE");
    house_expect_end(c);
}
END_TEST

START_TEST(line_ends)
{
    struct house_client *c = house_client();

    house_send(c, "\r\n\n{'id':1,'method':'ping'}\r\n\n\r\n{'id':2,'method':'ping'}\n");
    house_expect_id(house_next(c), 1);
    house_expect_id(house_next(c), 2);
    house_expect_silence(c);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    static const char line[] = "{\"id\":1,\"method\":\"ping\"}\r\n{\"id\":2,\"method\":\"ping\"}\n";
    struct house_client *c = house_client();

    for (size_t i = 0; i < strlen(line); i++) {
        house_send_bytes(c, line + i, 1);
        house_turn(2);
    }
    house_expect_id(house_next(c), 1);
    house_expect_id(house_next(c), 2);
}
END_TEST

/* -- replies -- */

START_TEST(replies_of_awkward_sizes)
{
    static const size_t sizes[] = {4094,  4095,  4096,  4097,  8192, 16383,
                                   16384, 16385, 65535, 65536, 65537};
    struct house_client *c = house_client();
    size_t n_empty;
    char *echo = malloc(70000);

    house_begin(c, 1, "ping", "{'echo':''}");
    n_empty = strlen(house_next_line(c)) + 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(echo, 'e', 70000);
        echo[sizes[i] - n_empty] = '\0';
        house_begin(c, 1, "ping", "{'echo':'%s'}", echo);
        ck_assert_uint_eq(strlen(house_next_line(c)) + 1, sizes[i]);
        house_do(c, "ping", "{}");
    }
    free(echo);
}
END_TEST

enum { ECHO_BYTES = 50000 };

/* Asks without reading until the daemon takes no more. Returns how many requests went out whole. */
static int flood(struct house_client *c)
{
    static char line[ECHO_BYTES + 100];
    char echo[ECHO_BYTES + 1];
    size_t n, n_sent = 0, n_most = 8 << 20;
    int n_whole = 0;

    memset(echo, 'e', ECHO_BYTES);
    echo[ECHO_BYTES] = '\0';
    for (n = 0; n_sent < n_most;) {
        size_t n_line = (size_t)snprintf(
            line, sizeof line, "{\"id\":%d,\"method\":\"ping\",\"params\":{\"echo\":\"%s\"}}\n",
            n_whole, echo);
        ssize_t r = send(house_client_fd(c), line + n, n_line - n, MSG_NOSIGNAL);

        if (r < 0)
            break;
        n += (size_t)r;
        n_sent += (size_t)r;
        if (n == n_line) {
            n = 0;
            n_whole++;
        }
        house_turn(4);
    }
    ck_assert_msg(n_sent < 4 << 20, "%zu bytes of requests were taken, and no reply read", n_sent);
    ck_assert_int_eq(errno, EAGAIN);
    return n_whole;
}

START_TEST(who_does_not_read_is_not_read)
{
    struct house_client *lazy = house_client(), *other = house_client();
    int n = flood(lazy);

    ck_assert_int_gt(n, LIMIT_OUTPUT_BYTES / ECHO_BYTES);
    for (int i = 0; i < 10; i++)
        house_do(other, "ping", "{}");
    ck_assert_int_eq(flood(lazy), 0);
    for (int i = 0; i < n; i++) {
        json_t *reply = house_next(lazy);

        house_expect_id(reply, i);
        ck_assert_uint_eq(strlen(house_text(reply, "result.echo")), ECHO_BYTES);
    }
}
END_TEST

START_TEST(who_does_not_read_can_leave)
{
    struct house_client *lazy = house_client(), *other = house_client();
    long long ends[2];

    house_pair(lazy, "SOCK_STREAM", ends);
    flood(lazy);
    house_leave(lazy);
    ck_assert_int_eq(house_int(house_do(other, "ledger.audit", "{}"), "reclaimed"), 2);
}
END_TEST

/* A call of a session that is held back takes nothing from those who wait behind it. */
START_TEST(who_does_not_read_is_passed_by)
{
    struct house_client *lazy = house_client(), *other = house_client(), *sender = house_client();
    long long ends[2];
    int n;

    house_do(lazy, "hello", "{'unordered':true}");
    house_pair(sender, "SOCK_STREAM", ends);
    house_begin(lazy, 77777, "recv", "{'handle':%lld,'size':1}", ends[0]);
    house_turn(2);
    n = flood(lazy);
    house_begin(other, 2, "recv", "{'handle':%lld,'size':1}", ends[0]);
    house_turn(2);
    house_do(sender, "send", "{'handle':%lld,'text':'a'}", ends[1]);
    ck_assert_str_eq(house_text(house_next(other), "result.text"), "a");
    for (int i = 0; i < n; i++)
        house_expect_id(house_next(lazy), i);
    house_do(sender, "send", "{'handle':%lld,'text':'b'}", ends[1]);
    ck_assert_str_eq(house_text(house_next(lazy), "result.text"), "b");
}
END_TEST

START_TEST(who_does_not_read_still_times_out)
{
    struct house_client *lazy = house_client();
    long long ends[2];
    int n;

    house_do(lazy, "hello", "{'unordered':true}");
    house_pair(lazy, "SOCK_STREAM", ends);
    house_begin(lazy, 77777, "recv", "{'handle':%lld,'timeout':5}", ends[0]);
    house_turn(2);
    n = flood(lazy);
    house_advance(5000000);
    for (int i = 0, seen = 0; i < n + 1; i++) {
        json_t *reply = house_next(lazy);

        if (house_int(reply, "id") == 77777)
            house_expect_error(reply, "timeout", "TIMEOUT");
        else
            house_expect_id(reply, seen++);
    }
}
END_TEST

/* The replies of one batch have a ceiling of their own. */
START_TEST(a_batch_of_large_replies)
{
    static char echo[15001];
    struct house_client *c = house_client();
    json_t *reply;

    memset(echo, 'e', sizeof echo - 1);
    house_send_bytes(c, "[", 1);
    for (int i = 0; i < 64; i++) {
        char line[16000];
        int n = snprintf(line, sizeof line,
                         "%s{\"id\":%d,\"method\":\"ping\",\"params\":{\"echo\":\"%s\"}}",
                         i ? "," : "", i, echo);

        house_send_bytes(c, line, (size_t)n);
    }
    house_send_bytes(c, "]\n", 2);
    reply = house_next(c);
    ck_assert_uint_eq(house_size(reply, ""), 64);
    ck_assert_int_eq(house_int(reply, "63.id"), 63);
}
END_TEST

/* -- numbers -- */

START_TEST(hello_tells_every_ceiling)
{
    static const struct {
        const char *name;
        long long v;
    } rows[] = {
        {"line_bytes", LIMIT_LINE_BYTES},
        {"depth", LIMIT_DEPTH},
        {"values", LIMIT_VALUES},
        {"id_bytes", LIMIT_ID_BYTES},
        {"batch", LIMIT_BATCH_ENTRIES},
        {"in_flight", LIMIT_IN_FLIGHT},
        {"output_bytes", LIMIT_OUTPUT_BYTES},
        {"recv_bytes", LIMIT_RECV_BYTES},
        {"poll_handles", LIMIT_POLL_HANDLES},
        {"list_rows", LIMIT_LIST_ROWS},
        {"lookups", LIMIT_LOOKUPS},
        {"attempts", LIMIT_ATTEMPTS},
        {"name_bytes", LIMIT_NAME_BYTES},
        {"label_bytes", LIMIT_LABEL_BYTES},
        {"fds", LIMIT_FDS_PER_MESSAGE},
        {"sessions_per_uid", LIMIT_SESSIONS_PER_UID},
        {"options", LIMIT_OPTIONS},
        {"batch_reply_bytes", LIMIT_BATCH_REPLY_BYTES},
    };
    const struct shape *shape = shape_limits();
    json_t *limits = house_at(house_do(house_client(), "hello", "{}"), "limits");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(house_int(limits, rows[i].name), rows[i].v);
    for (size_t i = 0; i < shape->n_fields; i++)
        ck_assert_int_gt(house_int(limits, shape->fields[i].name), 0);
}
END_TEST

/* Half of what may lie unread in all sockets is the most that one client can have. */
START_TEST(few_descriptors_few_unread)
{
    struct rlimit few = {400, 400}; /* this test is a process of its own */
    json_t *limits;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    house_reopen((struct house_setup){0});
    limits = house_do(house_client(), "hello", "{}");
    ck_assert_int_ge(house_int(limits, "limits.fds_unread"), 1);
    ck_assert_int_le(house_int(limits, "limits.fds_unread"), 2);
    house_reopen((struct house_setup){.n_max_sessions_per_uid = 10});
    limits = house_do(house_client(), "hello", "{}");
    ck_assert_int_eq(house_int(limits, "limits.fds_unread"), 16);
}
END_TEST

START_TEST(a_user_has_so_many_sessions)
{
    struct house_client *c[4], *refused;
    int fds[2];

    house_reopen((struct house_setup){.n_max_sessions_per_uid = 4});
    for (int i = 0; i < 4; i++)
        c[i] = house_client();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_lt(server_add_client(house_server(), fds[1]), 0);
    refused = house_client_of(fds[0]);
    house_expect_error(house_next(refused), "limit", "SESSIONS");
    house_expect_end(refused);
    house_do(c[3], "ping", "{}");
    house_leave(c[0]);
    house_leave(c[1]);
    house_do(house_client(), "ping", "{}");
}
END_TEST

/* Names, labels and the rest of what a client may choose the length of. */
START_TEST(texts_have_ceilings)
{
    static const struct {
        const char *method, *key;
        int n_good;
    } rows[] = {
        {"socket", "name", LIMIT_NAME_BYTES},  {"socket", "label", LIMIT_LABEL_BYTES},
        {"socket", "site", LIMIT_LABEL_BYTES}, {"hello", "client", LIMIT_LABEL_BYTES},
        {"hello", "label", LIMIT_LABEL_BYTES},
    };
    struct house_client *c = house_client();
    char text[LIMIT_LABEL_BYTES + 2];

    memset(text, 'n', sizeof text);
    text[rows[_i].n_good] = '\0';
    house_do(c, rows[_i].method, "{'%s':'%s'}", rows[_i].key, text);
    text[rows[_i].n_good] = 'n';
    text[rows[_i].n_good + 1] = '\0';
    house_expect_error(house_fail(c, rows[_i].method, "{'%s':'%s'}", rows[_i].key, text),
                       "protocol", rows[_i].key);
}
END_TEST

START_TEST(so_many_lookups_at_once)
{
    struct house_client *c = house_client();
    int n_good = 0, n_refused = 0;

    house_do(c, "hello", "{'unordered':true}");
    for (int i = 0; i < LIMIT_LOOKUPS + 3; i++)
        house_begin(c, i, "getnameinfo", "{'address':['127.0.0.1',80]}");
    for (int i = 0; i < LIMIT_LOOKUPS + 3; i++) {
        json_t *reply = house_next(c);

        if (house_has(reply, "error.data.kind") &&
            strcmp(house_text(reply, "error.data.kind"), "limit") == 0) {
            house_expect_error(reply, "limit", "LOOKUPS");
            n_refused++;
        } else {
            n_good++;
        }
    }
    ck_assert_int_eq(n_good, LIMIT_LOOKUPS);
    ck_assert_int_eq(n_refused, 3);
    house_do(c, "getnameinfo", "{'address':['127.0.0.1',80]}");
}
END_TEST

START_TEST(ids_have_a_ceiling)
{
    struct house_client *c = house_client();
    char id[LIMIT_ID_BYTES];

    memset(id, 'i', sizeof id);
    id[LIMIT_ID_BYTES - 2] = '\0';
    house_send(c, "{'id':'%s','method':'ping'}", id);
    ck_assert_str_eq(house_text(house_next(c), "id"), id);
    house_send(c, "{'id':'%sx','method':'ping'}", id);
    ck_assert_int_eq(house_int(house_next(c), "error.code"), -32600);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("limits");
    TCase *lines = house_case(suite, "lines"), *replies = house_case(suite, "replies");
    TCase *numbers = house_case(suite, "numbers");

    tcase_add_loop_test(lines, a_line_may_be_as_long_as_the_limit, 1024, 1027);
    tcase_add_loop_test(lines, a_line_may_be_as_long_as_the_limit, 16383, 16386);
    tcase_add_loop_test(lines, a_line_may_be_as_long_as_the_limit, 1 << 20, (1 << 20) + 1);
    tcase_add_test(lines, a_line_without_end);
    tcase_add_test(lines, a_line_too_long_that_ends_the_session);
    tcase_add_test(lines, line_ends);
    tcase_add_test(lines, one_byte_at_a_time);
    tcase_add_test(replies, replies_of_awkward_sizes);
    tcase_add_test(replies, who_does_not_read_is_not_read);
    tcase_add_test(replies, who_does_not_read_can_leave);
    tcase_add_test(replies, who_does_not_read_is_passed_by);
    tcase_add_test(replies, who_does_not_read_still_times_out);
    tcase_add_test(replies, a_batch_of_large_replies);
    tcase_add_test(numbers, hello_tells_every_ceiling);
    tcase_add_test(numbers, few_descriptors_few_unread);
    tcase_add_test(numbers, a_user_has_so_many_sessions);
    tcase_add_loop_test(numbers, texts_have_ceilings, 0, 5);
    tcase_add_test(numbers, so_many_lookups_at_once);
    tcase_add_test(numbers, ids_have_a_ceiling);
    return suite;
}

int main(void)
{
    return house_run(make_suite());
}
