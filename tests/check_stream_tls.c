/* check_stream_tls.c — the stream of a handle with TLS between: plaintext, and ends that TLS says
 * or does not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "streamed.h"

static void wrap_pair(struct house_client *c, const char *identity, long long ends[2])
{
    struct house_client *s = house_client();
    int port;
    long long listener = house_listen(s, &port);

    ends[0] = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    ends[1] = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'%s'}", ends[1],
                identity);
    house_do(c, "wrap", "{'handle':%lld}", ends[0]);
    ck_assert(house_has(house_next(s), "result"));
}

static const char *tls_settings(void)
{
    static char text[1000];

    snprintf(text, sizeof text,
             "[pool a]\nusers = root\n[tls good]\ncert = %s\nkey = %s\npools = a\n",
             certificates_path("good.pem"), certificates_path("key.pem"));
    return text;
}

START_TEST(plaintext_of_tls)
{
    struct house_client *c;
    long long ends[2];
    int fd;

    house_reopen_with(tls_settings());
    c = house_client();
    wrap_pair(c, "good", ends);
    /* Both what the handle and what TLS has read. */
    streamed_say(c, ends[1], "line\\nahead,");
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld,'size':2}", ends[0]), "text"),
                     "li");
    ck_assert_str_eq(
        house_text(house_do(c, "recv", "{'handle':%lld,'until':'\\n','size':8}", ends[0]), "text"),
        "ne\n");
    fd = streamed_open(c, ends[0]);
    streamed_say(c, ends[1], "then");
    streamed_expect(fd, "ahead,then");
    streamed_put(fd, "back");
    streamed_expect_text(c, ends[1], "back");
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", ends[0]), "handle", "STREAMED");
    ck_assert_int_eq(house_int(streamed_row(c, ends[0]), "sent_bytes"), 4);
    shutdown(fd, SHUT_WR);
    streamed_expect_eof(c, ends[1]);
    streamed_say(c, ends[1], "last");
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
    streamed_expect(fd, "last");
    streamed_expect_end(fd);
    house_until(streamed_has_ended(c, ends[0]));
    close(fd);
    streamed_expect_balance(c);
}
END_TEST

/* A send that did not come to its end has left a part of a record with TLS. */
START_TEST(what_tls_still_holds_goes_out)
{
    enum { N = 600000 };
    struct house_client *c;
    long long ends[2], n_sent = 0, n_got = 0;
    char *line = malloc(N + 200);
    json_t *r;
    int fd, n;

    house_reopen_with(tls_settings());
    c = house_client();
    wrap_pair(c, "good", ends);
    n = sprintf(line,
                "{\"id\":1,\"method\":\"sendall\",\"params\":{\"handle\":%lld,\"timeout\":1,"
                "\"text\":\"",
                ends[0]);
    memset(line + n, 'a', N);
    strcpy(line + n + N, "\"}}\n");
    do {
        house_send_bytes(c, line, strlen(line));
        house_turn(30);
        if (!house_is_answered(c))
            house_advance(1000000);
        r = house_next(c);
        n_sent += house_int(r, house_has(r, "error") ? "error.data.sent" : "result.sent");
    } while (!house_has(r, "error"));
    house_expect_error(r, "timeout", "TIMEOUT");
    fd = streamed_open(c, ends[0]);
    while (n_got < n_sent)
        n_got +=
            (long long)strlen(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "text"));
    ck_assert_int_eq(n_got, n_sent);
    streamed_put(fd, "and more");
    streamed_expect_text(c, ends[1], "and more");
    close(fd);
    free(line);
}
END_TEST

/* What is cut off does not look complete; and afterwards the handle knows why. */
START_TEST(tls_that_is_cut_off)
{
    struct house_client *c, *s;
    long long ch, sh, listener;
    char room[20];
    int fd, port;

    house_reopen_with(tls_settings());
    c = house_client();
    s = house_client();
    listener = house_listen(s, &port);
    ch = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    sh = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", sh);
    house_do(c, "wrap", "{'handle':%lld}", ch);
    house_next(s);
    fd = streamed_open(c, ch);
    streamed_say(s, sh, "part");
    streamed_expect(fd, "part");
    house_leave(s);
    ck_assert_int_eq(streamed_read(fd, room, sizeof room), -ECONNRESET);
    close(fd);
    house_until(streamed_has_ended(c, ch));
    house_expect_error(house_fail(c, "recv", "{'handle':%lld}", ch), "tls", "TRUNCATED");
    streamed_expect_balance(c);
}
END_TEST

/* Whether the other side of what `end` is hears the end inside of TLS. */
static void expect_said(struct house_client *c, long long end, bool is_said)
{
    json_t *r = house_ask(c, "recv", "{'handle':%lld}", end);

    if (is_said)
        ck_assert(house_bool(r, "result.eof"));
    else
        ck_assert_str_eq(house_text(r, "error.data.name"), "TRUNCATED");
}

/* A descriptor that is closed says that its client is done; that it died is no such word, whichever
 * is seen first. */
START_TEST(who_is_done_says_so)
{
    enum { SHUTS, CLOSES, CLOSES_HANDLE, CLOSES_BOTH, DIES, DIES_AFTER_SHUT };
    struct house_client *c, *s;
    long long ch, sh, listener;
    int fd, port;

    house_reopen_with(tls_settings());
    c = house_client();
    s = house_client();
    listener = house_listen(s, &port);
    ch = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    sh = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", sh);
    house_do(c, "wrap", "{'handle':%lld}", ch);
    house_next(s);
    fd = streamed_open(c, ch);
    streamed_put(fd, "all");
    if (_i == SHUTS || _i == DIES_AFTER_SHUT)
        shutdown(fd, SHUT_WR);
    streamed_expect_text(s, sh, "all");
    if (_i == DIES_AFTER_SHUT) /* which has been seen, as it was answered */
        expect_said(s, sh, true);
    if (_i != SHUTS && _i != CLOSES_HANDLE)
        close(fd);
    if (_i == CLOSES_HANDLE || _i == CLOSES_BOTH)
        house_do(c, "close", "{'handle':%lld}", ch);
    if (_i == DIES || _i == DIES_AFTER_SHUT)
        house_leave(c);
    expect_said(s, sh, _i != DIES);
    if (_i == CLOSES_HANDLE)
        streamed_expect_cut(fd);
    else if (_i == SHUTS)
        close(fd);
    streamed_expect_balance(s);
}
END_TEST

/* All that was sent, and no word of an end. */
START_TEST(who_dies_is_cut_off)
{
    enum { N = 3000000 };
    static char room[N];
    struct house_client *c, *s;
    long long ch, sh, listener, n_got = 0;
    int fd, port;
    ssize_t n_sent;

    house_reopen_with(tls_settings());
    c = house_client();
    s = house_client();
    listener = house_listen(s, &port);
    ch = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    sh = house_make(s, "accept", "{'handle':%lld}", listener);
    house_begin(s, 1, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", sh);
    house_do(c, "wrap", "{'handle':%lld}", ch);
    house_next(s);
    fd = streamed_open(c, ch);
    memset(room, 'a', N);
    n_sent = send(fd, room, N, MSG_DONTWAIT | MSG_NOSIGNAL);
    ck_assert_int_gt(n_sent, 0);
    close(fd);
    house_leave(c);
    while (n_got < n_sent)
        n_got += (long long)strlen(house_text(house_do(s, "recv", "{'handle':%lld}", sh), "text"));
    ck_assert_int_eq(n_got, n_sent);
    expect_said(s, sh, false);
    streamed_expect_balance(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream_tls");
    TCase *tc;
    int r;

    certificates_open();
    tc = house_case(suite, "tls");
    tcase_add_test(tc, plaintext_of_tls);
    tcase_add_test(tc, what_tls_still_holds_goes_out);
    tcase_add_test(tc, tls_that_is_cut_off);
    tcase_add_loop_test(tc, who_is_done_says_so, 0, 6);
    tcase_add_test(tc, who_dies_is_cut_off);
    r = house_run(suite);
    certificates_close();
    return r;
}
