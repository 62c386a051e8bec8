/* check_wrap.c — TLS on handles, from outside: what two ends agree on, what is refused, settings.
 */
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

/* -- what is agreed on -- */

START_TEST(both_sides)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r = wrap_both(e);

    ck_assert_str_eq(house_text(r.c, "result.tls.version"), "TLSv1.3");
    ck_assert(house_has(r.c, "result.tls.cipher"));
    ck_assert(!house_has(r.c, "result.tls.alpn"));
    ck_assert(!house_bool(r.c, "result.tls.resumed"));
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=good");
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.issuer"), "CN=berth test CA");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.names.0"), "DNS:localhost");
    ck_assert(!house_has(r.s, "result.tls.peer"));
    house_do(e.c, "sendall", "{'handle':%lld,'text':'hello'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "hello");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'and back'}", e.sh);
    wrap_expect_text(e.c, e.ch, "", "and back");
    ck_assert_int_eq(house_int(wrap_row(e.c, e.ch), "sent_bytes"), 5);
    ck_assert_int_eq(house_int(wrap_row(e.c, e.ch), "received_bytes"), 8);
    wrap_expect_audit(e.c);
}
END_TEST

START_TEST(protocols)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r = wrap_shake(e, ",'server_name':'localhost','alpn':['h2','http/1.1']",
                                       ",'identity':'good','alpn':['http/1.1']");

    ck_assert_str_eq(house_text(r.c, "result.tls.alpn"), "http/1.1");
    ck_assert_str_eq(house_text(r.s, "result.tls.alpn"), "http/1.1");
    e = wrap_again(e);
    r = wrap_shake(e, ",'server_name':'localhost','alpn':['x']", ",'identity':'good','alpn':['y']");
    house_expect_error(r.c, "tls", "NO_APPLICATION_PROTOCOL");
    house_expect_error(r.s, "tls", "NO_APPLICATION_PROTOCOL");
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'alpn':['']}", wrap_again(e).ch),
                       "protocol", "alpn");
}
END_TEST

/* What the certificate must be for when the client says nothing. */
START_TEST(the_name_is_the_one_it_was_connected_by)
{
    struct wrap_ends e = wrap_connected("localhost");
    struct wrap_replies r = wrap_shake(e, "", ",'identity':'good'");

    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    /* By an address: the certificate is for 127.0.0.1, too; */
    e = wrap_again(e);
    r = wrap_shake(e, "", ",'identity':'good'");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    /* one without names is for neither. */
    e = wrap_again(e);
    r = wrap_shake(e, "", ",'identity':'nameless'");
    house_expect_error(r.c, "tls", "CERTIFICATE_VERIFY_FAILED");
    ck_assert_ptr_nonnull(strstr(house_text(r.c, "error.message"), "127.0.0.1"));
}
END_TEST

START_TEST(connect_remembers_the_name)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r;
    int port;
    long long listener = house_listen(e.s, &port);

    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    e.ch = house_make(e.c, "socket", "{}");
    house_do(e.c, "connect", "{'handle':%lld,'address':{'host':'localhost','port':%d}}", e.ch,
             port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    r = wrap_shake(e, "", ",'identity':'good'");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
}
END_TEST

START_TEST(it_is_resumed)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    int port;
    long long listener = house_listen(e.s, &port);

    for (int i = 0; i < 2; i++) {
        struct wrap_replies r;

        e.ch = house_make(e.c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
        e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
        r = wrap_both(e);
        ck_assert_int_eq(house_bool(r.c, "result.tls.resumed"), i);
        /* Who only sends has heard of the ticket, too, when it closes. */
        house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
        house_do(e.c, "close", "{'handle':%lld}", e.ch);
        wrap_expect_text(e.s, e.sh, "", "x");
        wrap_expect_eof(e.s, e.sh);
    }
}
END_TEST

/* -- what is refused -- */

static const struct refusal {
    const char *identity, *client_more, *word;
} refusals[] = {
    {"good", ",'server_name':'elsewhere.example'", "elsewhere.example"},
    {"expired", ",'server_name':'localhost'", "expired"},
    {"future", ",'server_name':'localhost'", "not yet valid"},
    {"self", ",'server_name':'localhost'", "self"},
    {"foreign", ",'server_name':'localhost'", "issuer"},
};

START_TEST(the_reason_is_told)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    char more[64];
    struct wrap_replies r;
    json_t *error;

    snprintf(more, sizeof more, ",'identity':'%s'", refusals[_i].identity);
    r = wrap_shake(e, refusals[_i].client_more, more);
    house_expect_error(r.c, "tls", "CERTIFICATE_VERIFY_FAILED");
    ck_assert_int_eq(house_int(r.c, "error.code"), -32003);
    ck_assert_msg(strstr(house_text(r.c, "error.message"), refusals[_i].word), "%s",
                  house_text(r.c, "error.message"));
    ck_assert(house_has(r.c, "error.data.hint"));
    ck_assert_int_eq(house_int(r.c, "error.data.handle"), e.ch);
    ck_assert(house_has(r.s, "error"));
    /* It stays so, whatever is asked of it; but it can be closed. */
    error = house_fail(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    house_expect_error(error, "tls", "CERTIFICATE_VERIFY_FAILED");
    error = house_fail(e.c, "recv", "{'handle':%lld}", e.ch);
    house_expect_error(error, "tls", "CERTIFICATE_VERIFY_FAILED");
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'verify':false}", e.ch), "tls",
                       "CERTIFICATE_VERIFY_FAILED");
    house_expect_error(house_fail(e.c, "stream", "{'handle':%lld}", e.ch), "tls",
                       "CERTIFICATE_VERIFY_FAILED");
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_RDWR'}", e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    /* Not verified it would have gone on. */
    e = wrap_again(e);
    r = wrap_shake(e, ",'verify':false", more);
    ck_assert(!house_bool(r.c, "result.tls.peer.verified"));
    wrap_expect_audit(e.c);
}
END_TEST

START_TEST(an_own_ca)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    char *more = wrap_ca_pem("other_ca.pem", 1);
    struct wrap_replies r = wrap_shake(e, more, ",'identity':'foreign'");

    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    e = wrap_again(e);
    r = wrap_shake(e, more, ",'identity':'good'");
    house_expect_error(r.c, "tls", "CERTIFICATE_VERIFY_FAILED");
    free(more);
}
END_TEST

START_TEST(clients_show_theirs)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    struct wrap_replies r =
        wrap_shake(e, ",'server_name':'localhost','identity':'client'", ",'identity':'guarded'");

    ck_assert_str_eq(house_text(r.s, "result.tls.peer.subject"), "CN=client");
    ck_assert(house_bool(r.s, "result.tls.peer.verified"));
    e = wrap_again(e);
    r = wrap_shake(e, ",'server_name':'localhost'", ",'identity':'guarded'");
    house_expect_error(r.s, "tls", "CERTIFICATE_REQUIRED");
    /* TLS 1.3 tells the client afterwards. */
    house_expect_error(house_fail(e.c, "recv", "{'handle':%lld}", e.ch), "tls",
                       "ALERT_CERTIFICATE_REQUIRED");
}
END_TEST

/* A client names what its pool may name. */
START_TEST(identities)
{
    static const char *const wrong[] = {"other", "nobody", "no_such", "/etc/berth/shop.pem", ""};
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *error;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        error = house_fail(e.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'%s'}", e.sh,
                           wrong[i]);
        house_expect_error(error, "protocol", "identity");
        ck_assert_ptr_nonnull(strstr(house_text(error, "message"), "identity"));
    }
    error = house_fail(e.s, "wrap", "{'handle':%lld,'server_side':true}", e.sh);
    house_expect_error(error, "protocol", "identity");
    house_expect_error(
        house_fail(e.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'no_file'}", e.sh),
        "tls", "IDENTITY");
    /* Nothing has begun: what comes now is plaintext still. */
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "x");
}
END_TEST

START_TEST(handles_that_it_is_not_for)
{
    struct house_client *c;
    long long ends[2], h;
    int port, fd;

    house_reopen_with(wrap_settings("good.pem"));
    c = house_client();
    h = house_listen(c, &port);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "handle", "NOT_CONNECTED");
    h = house_make(c, "socket", "{}");
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "handle", "NOT_CONNECTED");
    h = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    house_do(c, "connect", "{'handle':%lld,'address':['127.0.0.1',9]}", h);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "handle", "NO_STREAM");
    house_pair(c, "SOCK_SEQPACKET", ends);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", ends[0]), "handle", "NO_STREAM");
    house_connect(c, ends);
    house_ask(c, "handoff", "{'handle':%lld}", ends[0]);
    fd = house_take_fd(c);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", ends[0]), "handle", "SHARED");
    close(fd);
    house_expect_error(house_fail(c, "wrap", "{'handle':16000000}"), "handle", "UNKNOWN");
    wrap_expect_audit(c);
}
END_TEST

/* A Unix socket has no name to check: it is asked for. */
START_TEST(unix_sockets)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    long long ends[2];
    struct wrap_replies r;

    house_pair(e.c, "SOCK_STREAM", ends);
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld}", ends[0]), "protocol",
                       "server_name");
    house_do(e.c, "hello", "{'unordered':true}");
    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'}", ends[0]);
    house_begin(e.c, 2, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", ends[1]);
    r.c = house_next(e.c);
    r.s = house_next(e.c);
    ck_assert(house_has(r.c, "result") && house_has(r.s, "result"));
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", ends[0]);
    wrap_expect_text(e.c, ends[1], "", "x");
}
END_TEST

START_TEST(once_is_enough)
{
    struct wrap_ends e = wrap_connected("127.0.0.1");
    json_t *error;

    wrap_both(e);
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld}", e.ch), "handle", "WRAPPED");
    error = house_fail(e.c, "sendto", "{'handle':%lld,'address':['127.0.0.1',9],'text':'x'}", e.ch);
    house_expect_error(error, "handle", "WRAPPED");
    error = house_fail(e.c, "connect", "{'handle':%lld,'address':['127.0.0.1',9]}", e.ch);
    house_expect_error(error, "handle", "WRAPPED");
    error = house_fail(e.c, "handoff", "{'handle':%lld}", e.ch);
    house_expect_error(error, "unavailable", "KTLS");
    ck_assert(house_has(error, "data.hint"));
    ck_assert_str_eq(house_text(wrap_row(e.c, e.ch), "custody"), "daemon");
}
END_TEST

/* -- settings -- */

/* New wraps show the new certificate; what goes on, goes on. */
START_TEST(a_new_certificate)
{
    struct wrap_ends e = wrap_connected("127.0.0.1"), f;
    struct wrap_replies r = wrap_both(e);

    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=good");
    house_reload(wrap_settings("chain.pem"));
    f = wrap_again(e);
    r = wrap_both(f);
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=leaf");
    house_do(e.c, "sendall", "{'handle':%lld,'text':'still there'}", e.ch);
    wrap_expect_text(e.s, e.sh, "", "still there");
    /* One that cannot be read changes nothing. */
    house_reload(wrap_settings("wrong.pem"));
    f = wrap_again(f);
    r = wrap_both(f);
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=leaf");
    house_reload("[pool a]\nusers = root\n");
    f = wrap_again(f);
    house_expect_error(
        house_fail(f.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", f.sh),
        "protocol", "identity");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'yes'}", e.sh);
    wrap_expect_text(e.c, e.ch, "", "yes");
}
END_TEST

/* Where no pool is set up, there is one all the same. */
START_TEST(the_default_pool)
{
    struct wrap_ends e = {0};
    char settings[1000];

    snprintf(settings, sizeof settings, "[tls good]\ncert = %s\nkey = %s\n%s",
             certificates_path("good.pem"), certificates_path("key.pem"),
             _i ? "" : "pools = default\n");
    house_reopen_with(settings);
    e.c = house_client();
    e.s = house_client();
    e = wrap_again(e);
    wrap_both(e);
}
END_TEST

START_TEST(ceilings_are_told)
{
    json_t *r = house_do(house_client(), "hello", "{}");

    ck_assert_int_eq(house_int(r, "limits.ca_pem_bytes"), 131072);
    ck_assert_int_eq(house_int(r, "limits.alpn_names"), 16);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrap");
    TCase *tc;
    int r;

    certificates_open();
    tc = house_case(suite, "agreement");
    tcase_add_test(tc, both_sides);
    tcase_add_test(tc, protocols);
    tcase_add_test(tc, the_name_is_the_one_it_was_connected_by);
    tcase_add_test(tc, connect_remembers_the_name);
    tcase_add_test(tc, it_is_resumed);
    tc = house_case(suite, "refusals");
    tcase_add_loop_test(tc, the_reason_is_told, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(tc, an_own_ca);
    tcase_add_test(tc, clients_show_theirs);
    tcase_add_test(tc, identities);
    tcase_add_test(tc, handles_that_it_is_not_for);
    tcase_add_test(tc, unix_sockets);
    tcase_add_test(tc, once_is_enough);
    tc = house_case(suite, "settings");
    tcase_add_test(tc, a_new_certificate);
    tcase_add_loop_test(tc, the_default_pool, 0, 2);
    tcase_add_test(tc, ceilings_are_told);
    r = house_run(suite);
    certificates_close();
    return r;
}
