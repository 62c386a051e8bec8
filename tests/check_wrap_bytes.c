/* check_wrap_bytes.c — bytes over TLS on handles, and how they end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "wrap_ends.h"

/* -- bytes -- */

START_TEST(frames)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *r;

    wrap_both(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'line\\n12345rest','timeout':1}", e.ch);
    wrap_expect_text(e.s, e.sh, ",'until':'\\n'", "line\n");
    /* What TLS and the handle hold is ready, though the socket is empty. */
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in','out']}]}", e.sh);
    ck_assert_str_eq(house_text(r, "ready.0.events.0"), "in");
    ck_assert_str_eq(house_text(r, "ready.0.events.1"), "out");
    wrap_expect_text(e.s, e.sh, ",'exactly':5", "12345");
    wrap_expect_text(e.s, e.sh, ",'size':2", "re");
    wrap_expect_text(e.s, e.sh, "", "st");
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in']}],'timeout':0}", e.sh);
    ck_assert_uint_eq(house_size(r, "ready"), 0);
    house_do(e.c, "sendall", "{'handle':%lld,'base64':'AAAAAmhp'}", e.ch);
    wrap_expect_text(e.s, e.sh, ",'prefix':4", "hi");
    /* A part of one record, and the rest stays with TLS. */
    house_do(e.c, "sendall", "{'handle':%lld,'text':'abcdef'}", e.ch);
    wrap_expect_text(e.s, e.sh, ",'size':2", "ab");
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.sh);
    ck_assert_str_eq(house_text(r, "ready.0.events.0"), "in");
    wrap_expect_text(e.s, e.sh, ",'exactly':4", "cdef");
    /* A poll that waits is woken. */
    house_begin(e.s, 77, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.sh);
    house_expect_silence(e.s);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    ck_assert_str_eq(house_text(house_next(e.s), "result.ready.0.events.0"), "in");
    wrap_expect_text(e.s, e.sh, "", "x");
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld,'timeout':0}", e.sh), "os",
                       "EAGAIN");
}
END_TEST

START_TEST(flags)
{
    static const char *const wrong[] = {"MSG_PEEK", "MSG_OOB", "MSG_TRUNC", "MSG_ERRQUEUE"};
    struct wrap_ends e = wrap_connected("127.0.0.1");

    wrap_both(e);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        house_expect_error(
            house_fail(e.c, "recv", "{'handle':%lld,'flags':['%s']}", e.ch, wrong[i]), "protocol",
            "flags");
    house_expect_error(
        house_fail(e.c, "send", "{'handle':%lld,'text':'x','flags':['MSG_OOB']}", e.ch), "protocol",
        "flags");
    house_expect_error(house_fail(e.c, "recv", "{'handle':%lld,'flags':['MSG_DONTWAIT']}", e.ch),
                       "os", "EAGAIN");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'abc','flags':['MSG_NOSIGNAL']}", e.sh);
    house_do(e.s, "sendall", "{'handle':%lld,'text':'def'}", e.sh);
    wrap_expect_text(e.c, e.ch, ",'size':6,'flags':['MSG_WAITALL']", "abcdef");
    house_do(e.s, "sendall", "{'handle':%lld,'text':''}", e.sh);
    house_do(e.s, "send", "{'handle':%lld,'text':''}", e.sh);
    house_expect_error(house_fail(e.c, "recv", "{'handle':%lld,'timeout':0}", e.ch), "os",
                       "EAGAIN");
}
END_TEST

static char *pattern(size_t n)
{
    char *text = malloc(n + 1);

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i * 2654435761u % 4294967291u % 26);
    text[n] = '\0';
    return text;
}

enum { BIG = 900000 };

static void send_line(struct wrap_ends e, char *line, const char *text)
{
    int n = sprintf(line,
                    "{\"id\":1,\"method\":\"sendall\",\"params\":{\"handle\":%lld,\"text\":"
                    "\"%s\"}}\n",
                    e.ch, text);

    house_send_bytes(e.c, line, (size_t)n);
    house_turn(30);
}

/* Reads a little; n is where in the pattern. */
static size_t read_some(struct wrap_ends e, const char *text, size_t n)
{
    const char *got =
        house_text(house_do(e.s, "recv", "{'handle':%lld,'size':50000}", e.sh), "text");
    size_t len = strlen(got);

    for (size_t i = 0; i < len; i++)
        if (got[i] != text[(n + i) % BIG])
            ck_abort_msg("byte %zu is not what was sent", n + i);
    return n + len;
}

/* The reader is slow: what is sent waits, and all of it comes. */
START_TEST(big_ones)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    char *text = pattern(BIG), *line = malloc(BIG + 200);
    size_t n = 0;
    int n_waits = 0;

    wrap_both(e);
    for (int i = 0; i < 8; i++) {
        send_line(e, line, text);
        n_waits += !house_is_answered(e.c);
        while (!house_is_answered(e.c))
            n = read_some(e, text, n);
        ck_assert_int_eq(house_int(house_next(e.c), "result.sent"), BIG);
    }
    ck_assert_int_gt(n_waits, 0);
    while (n < 8 * (size_t)BIG)
        n = read_some(e, text, n);
    free(line);
    free(text);
}
END_TEST

/* Who gives up is told how much went out, and that much arrives. */
/* Until the peer, who does not read, is waited for in vain. Returns what counts as sent. */
static long long send_until_full(struct wrap_ends e)
{
    char *text = pattern(BIG), *line = malloc(BIG + 200);
    long long n_sent = 0;
    json_t *r;

    house_do(e.c, "settimeout", "{'handle':%lld,'timeout':1}", e.ch);
    do {
        send_line(e, line, text);
        if (!house_is_answered(e.c))
            house_advance(1000000);
        r = house_next(e.c);
        n_sent += house_int(r, house_has(r, "error") ? "error.data.sent" : "result.sent");
    } while (!house_has(r, "error"));
    house_expect_error(r, "timeout", "TIMEOUT");
    free(line);
    free(text);
    return n_sent;
}

/* Receives until there are n bytes, or the end. Returns how many there were. */
static long long take(struct wrap_ends e, long long n)
{
    long long n_got = 0;
    json_t *r;

    do {
        r = house_do(e.s, "recv", "{'handle':%lld}", e.sh);
        n_got += (long long)strlen(house_text(r, "text"));
    } while (n_got < n && !house_bool(r, "eof"));
    return n_got;
}

START_TEST(sent_at_the_end_of_patience)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    long long n_sent;

    wrap_both(e);
    n_sent = send_until_full(e);
    house_begin(e.c, 5, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", e.ch);
    ck_assert_int_eq(take(e, LLONG_MAX), n_sent);
    house_next(e.c);
}
END_TEST

/* What was sent goes out as the peer reads, though nobody calls, or only to read. */
START_TEST(the_tail_goes_out_by_itself)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    long long n_sent;

    wrap_both(e);
    n_sent = send_until_full(e);
    if (_i)
        house_begin(e.c, 5, "recv", "{'handle':%lld,'timeout':null}", e.ch);
    ck_assert_int_eq(take(e, n_sent), n_sent);
    house_do(e.s, "sendall", "{'handle':%lld,'text':'thanks'}", e.sh);
    if (_i)
        ck_assert_str_eq(house_text(house_next(e.c), "result.text"), "thanks");
    else
        wrap_expect_text(e.c, e.ch, "", "thanks");
}
END_TEST

/* A server's tickets are nothing to read. */
START_TEST(tickets_are_no_data)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *r;

    wrap_both(e);
    r = house_do(e.c, "poll", "{'handles':[{'handle':%lld,'events':['in']}],'timeout':0}", e.ch);
    ck_assert_int_eq(house_size(r, "ready"), 0);
    for (int i = 0; i < 3; i++) {
        house_advance(1000000);
        house_turn(2);
    }
    ck_assert_int_eq(house_size(wrap_row(e.c, e.ch), "suspect"), 0);
    house_do(e.s, "sendall", "{'handle':%lld,'text':'x'}", e.sh);
    r = house_do(e.c, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.ch);
    ck_assert_int_eq(house_size(r, "ready"), 1);
    wrap_expect_text(e.c, e.ch, "", "x");
}
END_TEST

START_TEST(files)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    int fd = memfd_create("file", MFD_CLOEXEC);
    char *text = pattern(300000), line[200];
    size_t n = 0;
    json_t *r;

    wrap_both(e);
    ck_assert_int_eq(write(fd, text, 300000), 300000);
    snprintf(line, sizeof line,
             "{'id':1,'method':'sendfile','fds':1,'params':{'handle':%lld,'offset':7}}", e.ch);
    house_send_fds(e.c, line, &fd, 1);
    close(fd);
    while (n < 300000 - 7) {
        r = house_do(e.s, "recv", "{'handle':%lld}", e.sh);
        ck_assert_int_eq(memcmp(house_text(r, "text"), text + 7 + n, strlen(house_text(r, "text"))),
                         0);
        n += strlen(house_text(r, "text"));
    }
    ck_assert_int_eq(house_int(house_next(e.c), "result.sent"), 300000 - 7);
    free(text);
}
END_TEST

/* -- the end -- */

START_TEST(half_closed)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");

    wrap_both(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'last words'}", e.ch);
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "last words");
    wrap_expect_eof(e.s, e.sh);
    ck_assert_str_eq(house_text(wrap_row(e.s, e.sh), "state"), "half_closed");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'heard'}", e.sh);
    wrap_expect_text(e.c, e.ch, "", "heard");
    house_expect_error(house_fail(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch), "os",
                       "EPIPE");
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_RD'}", e.ch);
    wrap_expect_eof(e.c, e.ch);
}
END_TEST

/* A close says so inside of TLS; a client that dies says nothing. */
/* Who wants to hear no more can still speak, and end well. */
START_TEST(shut_for_reading)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *r;

    wrap_both(e);
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_RD'}", e.ch);
    r = house_do(e.c, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.ch);
    ck_assert_int_eq(house_size(r, "ready"), 1);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    wrap_expect_eof(e.c, e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "x");
    wrap_expect_eof(e.s, e.sh);
}
END_TEST

/* A session that ends has not read the server's tickets: they do not undo what it had sent. */
START_TEST(tickets_reset_nobody)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    long long n_sent;

    wrap_both(e);
    n_sent = send_until_full(e);
    house_leave(e.c);
    n_sent -= 16 << 10; /* the last record was not the kernel's yet */
    ck_assert_int_ge(take(e, n_sent), n_sent);
}
END_TEST

/* Closed by its owner it loses nothing of what counts as sent. */
START_TEST(the_tail_goes_out_behind_the_close)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    long long n_sent;

    wrap_both(e);
    n_sent = send_until_full(e);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    ck_assert_int_eq(take(e, LLONG_MAX), n_sent);
    wrap_expect_audit(e.s);
}
END_TEST

START_TEST(closed_or_cut_off)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");

    wrap_both(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "x");
    wrap_expect_eof(e.s, e.sh);
    e = wrap_again(e);
    wrap_both(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    /* Reads the tickets: what is unread would make a reset of the end. */
    house_expect_error(house_fail(e.c, "recv", "{'handle':%lld,'timeout':0}", e.ch), "os",
                       "EAGAIN");
    house_leave(e.c);
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld,'exactly':5}", e.sh), "tls",
                       "TRUNCATED");
    /* What did come can still be had. */
    wrap_expect_text(e.s, e.sh, "", "x");
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld}", e.sh), "tls", "TRUNCATED");
    wrap_expect_audit(e.s);
}
END_TEST

/* Tickets that the client never read are no reason for a reset. */
START_TEST(who_only_sends_closes_cleanly)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *r;

    wrap_both(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'only this'}", e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    r = house_do(e.s, "getsockopt", "{'handle':%lld,'option':'SO_ERROR'}", e.sh);
    ck_assert_int_eq(house_int(r, "value"), 0);
    wrap_expect_text(e.s, e.sh, ",'exactly':9", "only this");
    wrap_expect_eof(e.s, e.sh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrap_bytes");
    TCase *tc;
    int r;

    certificates_open();
    tc = house_case(suite, "bytes");
    tcase_add_test(tc, frames);
    tcase_add_test(tc, flags);
    tcase_add_test(tc, big_ones);
    tcase_add_test(tc, sent_at_the_end_of_patience);
    tcase_add_loop_test(tc, the_tail_goes_out_by_itself, 0, 2);
    tcase_add_test(tc, tickets_are_no_data);
    tcase_add_test(tc, files);
    tc = house_case(suite, "end");
    tcase_add_test(tc, half_closed);
    tcase_add_test(tc, shut_for_reading);
    tcase_add_test(tc, tickets_reset_nobody);
    tcase_add_test(tc, the_tail_goes_out_behind_the_close);
    tcase_add_test(tc, closed_or_cut_off);
    tcase_add_test(tc, who_only_sends_closes_cleanly);
    r = house_run(suite);
    certificates_close();
    return r;
}
