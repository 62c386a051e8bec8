/* check_wrap_shake.c — the handshake of handles: stalled, half-way, disturbed, abused. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "wrap_ends.h"

/* -- the handshake -- */

/* What was read before the wrap are records. */
START_TEST(read_ahead_is_part_of_it)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r;

    house_do(e.c, "sendall", "{'handle':%lld,'text':'STARTTLS\\n'}", e.ch);
    house_begin(e.c, 901, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    wrap_expect_text(e.s, e.sh, ",'until':'\\n'", "STARTTLS\n");
    house_begin(e.s, 900, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", e.sh);
    r.s = house_next(e.s);
    r.c = house_next(e.c);
    ck_assert(house_has(r.s, "result.tls"));
    ck_assert(house_has(r.c, "result.tls"));
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "x");
}
END_TEST

static void expect_half_way(struct wrap_ends e)
{
    static const char *const methods[] = {"recv", "stream"};

    for (size_t i = 0; i < 2; i++)
        house_expect_error(house_fail(e.c, methods[i], "{'handle':%lld}", e.ch), "handle",
                           "HANDSHAKE");
    house_expect_error(house_fail(e.c, "send", "{'handle':%lld,'text':'x'}", e.ch), "handle",
                       "HANDSHAKE");
}

/* A peer that says nothing; the handshake goes on where it was when it is asked for again. */
START_TEST(one_that_stalls)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r;

    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost','timeout':5}", e.ch);
    /* its first words are out */
    house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.sh);
    house_advance(5000000);
    house_expect_error(house_next(e.c), "timeout", "TIMEOUT");
    expect_half_way(e);
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'timeout':0}", e.ch), "os",
                       "EAGAIN");
    house_do(e.c, "hello", "{'unordered':true}");
    house_begin(e.c, 2, "wrap", "{'handle':%lld}", e.ch);
    house_turn(3);
    house_do(e.c, "cancel", "{'id':2}");
    house_expect_error(house_next(e.c), "cancelled", "CANCELLED");
    expect_half_way(e);
    /* It goes on as it was begun, and not as somebody else would have it. */
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'server_name':'other'}", e.ch),
                       "handle", "HANDSHAKE");
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'verify':true}", e.ch), "handle",
                       "HANDSHAKE");
    r = wrap_shake(e, _i ? ",'server_name':'localhost'" : "", ",'identity':'good'");
    ck_assert(house_has(r.c, "result.tls") && house_has(r.s, "result.tls"));
    house_do(e.s, "sendall", "{'handle':%lld,'text':'x'}", e.sh);
    wrap_expect_text(e.c, e.ch, "", "x");
}
END_TEST

START_TEST(closed_in_the_middle)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");

    house_do(e.c, "hello", "{'unordered':true}");
    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    house_begin(e.c, 2, "close", "{'handle':%lld}", e.ch);
    ck_assert_str_eq(house_text(house_next(e.c), "result.end.how"), "closed");
    house_expect_error(house_next(e.c), "cancelled", "CANCELLED");
    house_expect_error(
        house_fail(e.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", e.sh),
        "tls", "TRUNCATED");
    wrap_expect_audit(e.c);
}
END_TEST

START_TEST(its_client_dies_in_the_middle)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");

    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    house_leave(e.c);
    ck_assert_str_eq(house_text(wrap_row(e.s, e.ch), "end.how"), "reclaimed");
    wrap_expect_audit(e.s);
}
END_TEST

START_TEST(a_peer_that_speaks_otherwise)
{
    struct house_client *c;
    long long h;
    int fd;

    house_reopen_with(wrap_settings("good.pem"));
    c = house_client();
    fd = wrap_foreign_peer(c, &h);
    ck_assert_int_eq(write(fd, "220 smtp.example ESMTP\r\n", 24), 24);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "tls", "NOT_TLS");
    close(fd);
    fd = wrap_foreign_peer(c, &h);
    close(fd);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "tls", "TRUNCATED");
}
END_TEST

START_TEST(many_at_once)
{
    enum { N = 20 };
    struct wrap_ends e = wrap_connected("127.0.0.1"), all[N];
    char seen[2 * N] = "";

    house_do(e.c, "hello", "{'unordered':true}");
    for (int i = 0; i < N; i++) {
        all[i] = e = wrap_again((struct wrap_ends){e.c, e.c, 0, 0});
        house_begin(e.c, 2 * i, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    }
    for (int i = 0; i < N; i++)
        house_begin(e.c, 2 * i + 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}",
                    all[i].sh);
    for (int i = 0; i < 2 * N; i++) {
        json_t *r = house_next(e.c);

        ck_assert(house_has(r, "result.tls"));
        seen[house_int(r, "id")]++;
    }
    for (int i = 0; i < 2 * N; i++)
        ck_assert_int_eq(seen[i], 1);
    for (int i = 0; i < N; i++)
        house_do(e.c, "sendall", "{'handle':%lld,'text':'number %d'}", all[i].ch, i);
    for (int i = N - 1; i >= 0; i--) {
        char text[20];

        snprintf(text, sizeof text, "number %d", i);
        wrap_expect_text(e.c, all[i].sh, "", text);
    }
    wrap_expect_audit(e.c);
}
END_TEST

/* Certificates are read beside the loop, which goes on meanwhile. */
START_TEST(computing_holds_up_nobody)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct house_client *other = house_client();
    char *more = wrap_ca_pem("other_ca.pem", 100);

    house_begin(e.c, 1, "wrap", "{'handle':%lld,'verify':true,'server_name':''%s}", e.ch, more);
    house_send(other, "{'method':'ping','id':1}");
    house_until(house_is_answered(other));
    ck_assert(!house_is_answered(e.c));
    house_next(other);
    house_expect_error(house_next(e.c), "protocol", "server_name");
    /* nothing was begun: the handle is as it was */
    house_do(e.c, "sendall", "{'handle':%lld,'text':'plain'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "plain");
    free(more);
}
END_TEST

/* Whoever has a ticket of a server that asks for nothing is a stranger to one that does. */
START_TEST(a_ticket_is_no_certificate)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    char *ca = wrap_ca_pem("ca.pem", 1), more[4096];
    int port;
    long long listener = house_listen(e.s, &port);
    const char *servers[] = {",'identity':'guarded','verify':false", ",'identity':'guarded'", more};

    snprintf(more, sizeof more, ",'identity':'guarded'%s", ca);
    free(ca);
    for (int i = 0; i < 3; i++) {
        struct wrap_replies r;

        e.ch = house_make(e.c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
        e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
        r = wrap_shake(e, ",'server_name':'localhost'", servers[i]);
        if (i)
            house_expect_error(r.s, "tls", "CERTIFICATE_REQUIRED");
        else
            house_do(e.s, "sendall", "{'handle':%lld,'text':'x'}", e.sh);
        if (!i)
            wrap_expect_text(e.c, e.ch, "", "x");
        house_do(e.c, "close", "{'handle':%lld}", e.ch);
        house_do(e.s, "close", "{'handle':%lld}", e.sh);
    }
}
END_TEST

/* Certificates that a request brings along are the pool's to pay for, until the handshake is over.
 */
START_TEST(memory_is_paid_for)
{
    struct wrap_ends e;
    char *more = wrap_ca_pem("ca.pem", 20), *one = wrap_ca_pem("ca.pem", 1), settings[1000];

    snprintf(
        settings, sizeof settings,
        "[pool a]\nusers = root\nmax-buffer = 32K\n[tls good]\ncert = %s\nkey = %s\npools = a\n",
        certificates_path("good.pem"), certificates_path("key.pem"));
    house_reopen_with(settings);
    e.c = house_client();
    e.s = house_client();
    e = wrap_again(e);
    house_expect_error(
        house_fail(e.c, "wrap", "{'handle':%lld,'server_name':'localhost'%s}", e.ch, more), "pool",
        "max-buffer");
    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'%s}", e.ch, one);
    house_turn(1);
    ck_assert_int_gt(house_int(house_do(e.s, "pool.list", "{}"), "pools.0.in_use.buffer"), 1000);
    house_begin(e.s, 2, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", e.sh);
    ck_assert(house_has(house_next(e.c), "result.tls"));
    ck_assert(house_has(house_next(e.s), "result.tls"));
    ck_assert_int_eq(house_int(house_do(e.s, "pool.list", "{}"), "pools.0.in_use.buffer"), 0);
    free(more);
    free(one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrap_shake");
    TCase *tc;
    int r;

    certificates_open();
    tc = house_case(suite, "handshake");
    tcase_add_test(tc, read_ahead_is_part_of_it);
    tcase_add_loop_test(tc, one_that_stalls, 0, 2);
    tcase_add_test(tc, closed_in_the_middle);
    tcase_add_test(tc, its_client_dies_in_the_middle);
    tcase_add_test(tc, a_peer_that_speaks_otherwise);
    tcase_add_test(tc, many_at_once);
    tcase_add_test(tc, computing_holds_up_nobody);
    tcase_add_test(tc, a_ticket_is_no_certificate);
    tcase_add_test(tc, memory_is_paid_for);
    r = house_run(suite);
    certificates_close();
    return r;
}
