/* check_wrap.c — TLS on handles, from outside: both ends are the daemon's, a client's and a
 * server's, or one of them is a socket that speaks something else. */
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
#include "house.h"

/* -- tools -- */

static char settings_room[8192];

/* Identities are called as their files. */
static const char *settings_with(const char *good)
{
    static const char *const names[] = {"expired", "self",   "foreign", "chain",
                                        "client",  "future", "nameless"};
    size_t n = (size_t)snprintf(settings_room, sizeof settings_room,
                                "[pool a]\nusers = root\n[pool b]\nusers = root\n"
                                "[pool small]\nusers = root\nplanes = message, stream\n"
                                "[tls good]\ncert = %s\nkey = %s\npools = a, small\n",
                                certificates_path(good), certificates_path("key.pem"));

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char file[32];

        snprintf(file, sizeof file, "%s.pem", names[i]);
        n += (size_t)snprintf(settings_room + n, sizeof settings_room - n,
                              "[tls %s]\ncert = %s\nkey = %s\npools = a\n", names[i],
                              certificates_path(file), certificates_path("key.pem"));
    }
    snprintf(settings_room + n, sizeof settings_room - n,
             "[tls guarded]\ncert = %s\nkey = %s\nca = %s\npools = a\n"
             "[tls other]\ncert = %s\nkey = %s\npools = b\n"
             "[tls nobody]\ncert = %s\nkey = %s\n"
             "[tls no_file]\ncert = /nowhere/a.pem\nkey = /nowhere/b.pem\npools = a\n",
             certificates_path("good.pem"), certificates_path("key.pem"),
             certificates_path("ca.pem"), certificates_path("good.pem"),
             certificates_path("key.pem"), certificates_path("good.pem"),
             certificates_path("key.pem"));
    return settings_room;
}

/* Two sessions, each with its end of a TCP connection. */
struct ends {
    struct house_client *c, *s;
    long long ch, sh;
};

static struct ends connected(const char *host)
{
    struct ends e;
    int port;
    long long listener;

    house_reopen_with(settings_with("good.pem"));
    e.c = house_client();
    e.s = house_client();
    listener = house_listen(e.s, &port);
    e.ch = house_make(e.c, "create_connection", "{'host':'%s','port':%d}", host, port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    house_do(e.s, "close", "{'handle':%lld}", listener);
    return e;
}

static struct ends again(struct ends e)
{
    int port;
    long long listener = house_listen(e.s, &port);

    e.ch = house_make(e.c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    house_do(e.s, "close", "{'handle':%lld}", listener);
    return e;
}

struct replies {
    json_t *c, *s;
};

/* Both ends at once; `more` begins with a comma. */
static struct replies shake(struct ends e, const char *client_more, const char *server_more)
{
    struct replies r;

    house_begin(e.s, 900, "wrap", "{'handle':%lld,'server_side':true%s}", e.sh, server_more);
    house_begin(e.c, 901, "wrap", "{'handle':%lld%s}", e.ch, client_more);
    r.c = house_next(e.c);
    r.s = house_next(e.s);
    return r;
}

static struct replies wrapped(struct ends e)
{
    struct replies r = shake(e, ",'server_name':'localhost'", ",'identity':'good'");

    ck_assert(house_has(r.c, "result.tls"));
    ck_assert(house_has(r.s, "result.tls"));
    return r;
}

static void expect_text(struct house_client *c, long long handle, const char *more,
                        const char *text)
{
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld%s}", handle, more), "text"),
                     text);
}

static void expect_eof(struct house_client *c, long long handle)
{
    json_t *r = house_do(c, "recv", "{'handle':%lld}", handle);

    ck_assert(house_bool(r, "eof"));
    ck_assert_str_eq(house_text(r, "text"), "");
}

static void expect_audit(struct house_client *c)
{
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "balance"), 0);
}

static json_t *row_of(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

/* A listener of the test's own, and a handle that is connected to what it gives back. */
static int foreign_peer(struct house_client *c, long long *ret_handle)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    socklen_t n = sizeof a;

    ck_assert(bind(listener, (void *)&a, n) == 0 && listen(listener, 1) == 0);
    ck_assert_int_eq(getsockname(listener, (void *)&a, &n), 0);
    *ret_handle =
        house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", ntohs(a.sin_port));
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    close(listener);
    return fd;
}

/* -- what is agreed on -- */

START_TEST(both_sides)
{
    struct ends e = connected("127.0.0.1");
    struct replies r = wrapped(e);

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
    expect_text(e.s, e.sh, "", "hello");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'and back'}", e.sh);
    expect_text(e.c, e.ch, "", "and back");
    ck_assert_int_eq(house_int(row_of(e.c, e.ch), "sent_bytes"), 5);
    ck_assert_int_eq(house_int(row_of(e.c, e.ch), "received_bytes"), 8);
    expect_audit(e.c);
}
END_TEST

START_TEST(protocols)
{
    struct ends e = connected("127.0.0.1");
    struct replies r = shake(e, ",'server_name':'localhost','alpn':['h2','http/1.1']",
                             ",'identity':'good','alpn':['http/1.1']");

    ck_assert_str_eq(house_text(r.c, "result.tls.alpn"), "http/1.1");
    ck_assert_str_eq(house_text(r.s, "result.tls.alpn"), "http/1.1");
    e = again(e);
    r = shake(e, ",'server_name':'localhost','alpn':['x']", ",'identity':'good','alpn':['y']");
    house_expect_error(r.c, "tls", "NO_APPLICATION_PROTOCOL");
    house_expect_error(r.s, "tls", "NO_APPLICATION_PROTOCOL");
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld,'alpn':['']}", again(e).ch),
                       "protocol", "alpn");
}
END_TEST

/* What the certificate must be for when the client says nothing. */
START_TEST(the_name_is_the_one_it_was_connected_by)
{
    struct ends e = connected("localhost");
    struct replies r = shake(e, "", ",'identity':'good'");

    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    /* By an address: the certificate is for 127.0.0.1, too; */
    e = again(e);
    r = shake(e, "", ",'identity':'good'");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    /* one without names is for neither. */
    e = again(e);
    r = shake(e, "", ",'identity':'nameless'");
    house_expect_error(r.c, "tls", "CERTIFICATE_VERIFY_FAILED");
    ck_assert_ptr_nonnull(strstr(house_text(r.c, "error.message"), "127.0.0.1"));
}
END_TEST

START_TEST(connect_remembers_the_name)
{
    struct ends e = connected("127.0.0.1");
    struct replies r;
    int port;
    long long listener = house_listen(e.s, &port);

    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    e.ch = house_make(e.c, "socket", "{}");
    house_do(e.c, "connect", "{'handle':%lld,'address':{'host':'localhost','port':%d}}", e.ch,
             port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    r = shake(e, "", ",'identity':'good'");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
}
END_TEST

START_TEST(it_is_resumed)
{
    struct ends e = connected("127.0.0.1");
    int port;
    long long listener = house_listen(e.s, &port);

    for (int i = 0; i < 2; i++) {
        struct replies r;

        e.ch = house_make(e.c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
        e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
        r = wrapped(e);
        ck_assert_int_eq(house_bool(r.c, "result.tls.resumed"), i);
        /* Who only sends has heard of the ticket, too, when it closes. */
        house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
        house_do(e.c, "close", "{'handle':%lld}", e.ch);
        expect_text(e.s, e.sh, "", "x");
        expect_eof(e.s, e.sh);
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
    struct ends e = connected("127.0.0.1");
    char more[64];
    struct replies r;
    json_t *error;

    snprintf(more, sizeof more, ",'identity':'%s'", refusals[_i].identity);
    r = shake(e, refusals[_i].client_more, more);
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
    e = again(e);
    r = shake(e, ",'verify':false", more);
    ck_assert(!house_bool(r.c, "result.tls.peer.verified"));
    expect_audit(e.c);
}
END_TEST

START_TEST(an_own_ca)
{
    struct ends e = connected("127.0.0.1");
    const char *from = certificates_text("other_ca.pem");
    char *more = malloc(65536), *to = more + sprintf(more, ",'ca_pem':'");
    struct replies r;

    for (; *from; from++)
        to += *from == '\n' ? sprintf(to, "\\n") : sprintf(to, "%c", *from);
    sprintf(to, "'");
    r = shake(e, more, ",'identity':'foreign'");
    ck_assert(house_bool(r.c, "result.tls.peer.verified"));
    e = again(e);
    r = shake(e, more, ",'identity':'good'");
    house_expect_error(r.c, "tls", "CERTIFICATE_VERIFY_FAILED");
    free(more);
}
END_TEST

START_TEST(clients_show_theirs)
{
    struct ends e = connected("127.0.0.1");
    struct replies r =
        shake(e, ",'server_name':'localhost','identity':'client'", ",'identity':'guarded'");

    ck_assert_str_eq(house_text(r.s, "result.tls.peer.subject"), "CN=client");
    ck_assert(house_bool(r.s, "result.tls.peer.verified"));
    e = again(e);
    r = shake(e, ",'server_name':'localhost'", ",'identity':'guarded'");
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
    struct ends e = connected("127.0.0.1");
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
    expect_text(e.s, e.sh, "", "x");
}
END_TEST

START_TEST(handles_that_it_is_not_for)
{
    struct house_client *c;
    long long ends[2], h;
    int port, fd;

    house_reopen_with(settings_with("good.pem"));
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
    expect_audit(c);
}
END_TEST

/* A Unix socket has no name to check: it is asked for. */
START_TEST(unix_sockets)
{
    struct ends e = connected("127.0.0.1");
    long long ends[2];
    struct replies r;

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
    expect_text(e.c, ends[1], "", "x");
}
END_TEST

START_TEST(once_is_enough)
{
    struct ends e = connected("127.0.0.1");
    json_t *error;

    wrapped(e);
    house_expect_error(house_fail(e.c, "wrap", "{'handle':%lld}", e.ch), "handle", "WRAPPED");
    error = house_fail(e.c, "sendto", "{'handle':%lld,'address':['127.0.0.1',9],'text':'x'}", e.ch);
    house_expect_error(error, "handle", "WRAPPED");
    error = house_fail(e.c, "connect", "{'handle':%lld,'address':['127.0.0.1',9]}", e.ch);
    house_expect_error(error, "handle", "WRAPPED");
    error = house_fail(e.c, "handoff", "{'handle':%lld}", e.ch);
    house_expect_error(error, "unavailable", "KTLS");
    ck_assert(house_has(error, "data.hint"));
    ck_assert_str_eq(house_text(row_of(e.c, e.ch), "custody"), "daemon");
}
END_TEST

/* -- the handshake -- */

/* What was read before the wrap are records. */
START_TEST(read_ahead_is_part_of_it)
{
    struct ends e = connected("127.0.0.1");
    struct replies r;

    house_do(e.c, "sendall", "{'handle':%lld,'text':'STARTTLS\\n'}", e.ch);
    house_begin(e.c, 901, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    expect_text(e.s, e.sh, ",'until':'\\n'", "STARTTLS\n");
    house_begin(e.s, 900, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", e.sh);
    r.s = house_next(e.s);
    r.c = house_next(e.c);
    ck_assert(house_has(r.s, "result.tls"));
    ck_assert(house_has(r.c, "result.tls"));
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    expect_text(e.s, e.sh, "", "x");
}
END_TEST

static void expect_half_way(struct ends e)
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
    struct ends e = connected("127.0.0.1");
    struct replies r;

    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost','timeout':5}", e.ch);
    house_turn(3);
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
    r = shake(e, "", ",'identity':'good'");
    ck_assert(house_has(r.c, "result.tls") && house_has(r.s, "result.tls"));
    house_do(e.s, "sendall", "{'handle':%lld,'text':'x'}", e.sh);
    expect_text(e.c, e.ch, "", "x");
}
END_TEST

START_TEST(closed_in_the_middle)
{
    struct ends e = connected("127.0.0.1");

    house_do(e.c, "hello", "{'unordered':true}");
    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    house_begin(e.c, 2, "close", "{'handle':%lld}", e.ch);
    ck_assert_str_eq(house_text(house_next(e.c), "result.end.how"), "closed");
    house_expect_error(house_next(e.c), "cancelled", "CANCELLED");
    house_expect_error(
        house_fail(e.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", e.sh),
        "tls", "TRUNCATED");
    expect_audit(e.c);
}
END_TEST

START_TEST(its_client_dies_in_the_middle)
{
    struct ends e = connected("127.0.0.1");

    house_begin(e.c, 1, "wrap", "{'handle':%lld,'server_name':'localhost'}", e.ch);
    house_turn(3);
    house_leave(e.c);
    ck_assert_str_eq(house_text(row_of(e.s, e.ch), "end.how"), "reclaimed");
    expect_audit(e.s);
}
END_TEST

START_TEST(a_peer_that_speaks_otherwise)
{
    struct house_client *c;
    long long h;
    int fd;

    house_reopen_with(settings_with("good.pem"));
    c = house_client();
    fd = foreign_peer(c, &h);
    ck_assert_int_eq(write(fd, "220 smtp.example ESMTP\r\n", 24), 24);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "tls", "NOT_TLS");
    close(fd);
    fd = foreign_peer(c, &h);
    close(fd);
    house_expect_error(house_fail(c, "wrap", "{'handle':%lld}", h), "tls", "TRUNCATED");
}
END_TEST

START_TEST(many_at_once)
{
    enum { N = 20 };
    struct ends e = connected("127.0.0.1"), all[N];
    char seen[2 * N] = "";

    house_do(e.c, "hello", "{'unordered':true}");
    for (int i = 0; i < N; i++) {
        all[i] = e = again((struct ends){e.c, e.c, 0, 0});
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
        expect_text(e.c, all[i].sh, "", text);
    }
    expect_audit(e.c);
}
END_TEST

/* -- bytes -- */

START_TEST(frames)
{
    struct ends e = connected("127.0.0.1");
    json_t *r;

    wrapped(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'line\\n12345rest','timeout':1}", e.ch);
    expect_text(e.s, e.sh, ",'until':'\\n'", "line\n");
    /* What TLS and the handle hold is ready, though the socket is empty. */
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in','out']}]}", e.sh);
    ck_assert_str_eq(house_text(r, "ready.0.events.0"), "in");
    ck_assert_str_eq(house_text(r, "ready.0.events.1"), "out");
    expect_text(e.s, e.sh, ",'exactly':5", "12345");
    expect_text(e.s, e.sh, ",'size':2", "re");
    expect_text(e.s, e.sh, "", "st");
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in']}],'timeout':0}", e.sh);
    ck_assert_uint_eq(house_size(r, "ready"), 0);
    house_do(e.c, "sendall", "{'handle':%lld,'base64':'AAAAAmhp'}", e.ch);
    expect_text(e.s, e.sh, ",'prefix':4", "hi");
    /* A part of one record, and the rest stays with TLS. */
    house_do(e.c, "sendall", "{'handle':%lld,'text':'abcdef'}", e.ch);
    expect_text(e.s, e.sh, ",'size':2", "ab");
    r = house_do(e.s, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.sh);
    ck_assert_str_eq(house_text(r, "ready.0.events.0"), "in");
    expect_text(e.s, e.sh, ",'exactly':4", "cdef");
    /* A poll that waits is woken. */
    house_begin(e.s, 77, "poll", "{'handles':[{'handle':%lld,'events':['in']}]}", e.sh);
    house_expect_silence(e.s);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    ck_assert_str_eq(house_text(house_next(e.s), "result.ready.0.events.0"), "in");
    expect_text(e.s, e.sh, "", "x");
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld,'timeout':0}", e.sh), "os",
                       "EAGAIN");
}
END_TEST

START_TEST(flags)
{
    static const char *const wrong[] = {"MSG_PEEK", "MSG_OOB", "MSG_TRUNC", "MSG_ERRQUEUE"};
    struct ends e = connected("127.0.0.1");

    wrapped(e);
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
    expect_text(e.c, e.ch, ",'size':6,'flags':['MSG_WAITALL']", "abcdef");
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

static void send_line(struct ends e, char *line, const char *text)
{
    int n = sprintf(line,
                    "{\"id\":1,\"method\":\"sendall\",\"params\":{\"handle\":%lld,\"text\":"
                    "\"%s\"}}\n",
                    e.ch, text);

    house_send_bytes(e.c, line, (size_t)n);
    house_turn(30);
}

/* Reads a little; n is where in the pattern. */
static size_t read_some(struct ends e, const char *text, size_t n)
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
    struct ends e = connected("127.0.0.1");
    char *text = pattern(BIG), *line = malloc(BIG + 200);
    size_t n = 0;
    int n_waits = 0;

    wrapped(e);
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
START_TEST(sent_at_the_end_of_patience)
{
    struct ends e = connected("127.0.0.1");
    char *text = pattern(BIG), *line = malloc(BIG + 200);
    long long n_sent = 0, n_got = 0;
    json_t *r;

    wrapped(e);
    house_do(e.c, "settimeout", "{'handle':%lld,'timeout':1}", e.ch);
    do {
        send_line(e, line, text);
        if (!house_is_answered(e.c))
            house_advance(1000000);
        r = house_next(e.c);
        n_sent += house_int(r, house_has(r, "error") ? "error.data.sent" : "result.sent");
    } while (!house_has(r, "error"));
    house_expect_error(r, "timeout", "TIMEOUT");
    house_begin(e.c, 5, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", e.ch);
    do {
        r = house_do(e.s, "recv", "{'handle':%lld}", e.sh);
        n_got += (long long)strlen(house_text(r, "text"));
    } while (!house_bool(r, "eof"));
    ck_assert_int_eq(n_got, n_sent);
    house_next(e.c);
    free(line);
    free(text);
}
END_TEST

START_TEST(files)
{
    struct ends e = connected("127.0.0.1");
    int fd = memfd_create("file", MFD_CLOEXEC);
    char *text = pattern(300000), line[200];
    size_t n = 0;
    json_t *r;

    wrapped(e);
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
    struct ends e = connected("127.0.0.1");

    wrapped(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'last words'}", e.ch);
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", e.ch);
    expect_text(e.s, e.sh, "", "last words");
    expect_eof(e.s, e.sh);
    ck_assert_str_eq(house_text(row_of(e.s, e.sh), "state"), "half_closed");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'heard'}", e.sh);
    expect_text(e.c, e.ch, "", "heard");
    house_expect_error(house_fail(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch), "os",
                       "EPIPE");
    house_do(e.c, "shutdown", "{'handle':%lld,'how':'SHUT_RD'}", e.ch);
    expect_eof(e.c, e.ch);
}
END_TEST

/* A close says so inside of TLS; a client that dies says nothing. */
START_TEST(closed_or_cut_off)
{
    struct ends e = connected("127.0.0.1");

    wrapped(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    expect_text(e.s, e.sh, "", "x");
    expect_eof(e.s, e.sh);
    e = again(e);
    wrapped(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'x'}", e.ch);
    /* Reads the tickets: what is unread would make a reset of the end. */
    house_expect_error(house_fail(e.c, "recv", "{'handle':%lld,'timeout':0}", e.ch), "os",
                       "EAGAIN");
    house_leave(e.c);
    expect_text(e.s, e.sh, "", "x");
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld}", e.sh), "tls", "TRUNCATED");
    house_expect_error(house_fail(e.s, "recv", "{'handle':%lld,'exactly':5}", e.sh), "tls",
                       "TRUNCATED");
    expect_audit(e.s);
}
END_TEST

/* Tickets that the client never read are no reason for a reset. */
START_TEST(who_only_sends_closes_cleanly)
{
    struct ends e = connected("127.0.0.1");
    json_t *r;

    wrapped(e);
    house_do(e.c, "sendall", "{'handle':%lld,'text':'only this'}", e.ch);
    house_do(e.c, "close", "{'handle':%lld}", e.ch);
    r = house_do(e.s, "getsockopt", "{'handle':%lld,'option':'SO_ERROR'}", e.sh);
    ck_assert_int_eq(house_int(r, "value"), 0);
    expect_text(e.s, e.sh, ",'exactly':9", "only this");
    expect_eof(e.s, e.sh);
}
END_TEST

/* -- settings -- */

/* New wraps show the new certificate; what goes on, goes on. */
START_TEST(a_new_certificate)
{
    struct ends e = connected("127.0.0.1"), f;
    struct replies r = wrapped(e);

    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=good");
    house_reload(settings_with("chain.pem"));
    f = again(e);
    r = wrapped(f);
    ck_assert_str_eq(house_text(r.c, "result.tls.peer.subject"), "CN=leaf");
    house_do(e.c, "sendall", "{'handle':%lld,'text':'still there'}", e.ch);
    expect_text(e.s, e.sh, "", "still there");
    house_reload("[pool a]\nusers = root\n");
    f = again(f);
    house_expect_error(
        house_fail(f.s, "wrap", "{'handle':%lld,'server_side':true,'identity':'good'}", f.sh),
        "protocol", "identity");
    house_do(e.s, "sendall", "{'handle':%lld,'text':'yes'}", e.sh);
    expect_text(e.c, e.ch, "", "yes");
}
END_TEST

/* Where no pool is set up, there is one all the same. */
START_TEST(the_default_pool)
{
    struct ends e = {0};
    char settings[1000];

    snprintf(settings, sizeof settings, "[tls good]\ncert = %s\nkey = %s\npools = default\n",
             certificates_path("good.pem"), certificates_path("key.pem"));
    house_reopen_with(settings);
    e.c = house_client();
    e.s = house_client();
    e = again(e);
    wrapped(e);
}
END_TEST

START_TEST(ceilings_are_told)
{
    json_t *r = house_do(house_client(), "hello", "{}");

    ck_assert_int_eq(house_int(r, "limits.ca_pem_bytes"), 131072);
    ck_assert_int_eq(house_int(r, "limits.alpn_names"), 16);
}
END_TEST

/* -- */

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
    tc = house_case(suite, "handshake");
    tcase_add_test(tc, read_ahead_is_part_of_it);
    tcase_add_test(tc, one_that_stalls);
    tcase_add_test(tc, closed_in_the_middle);
    tcase_add_test(tc, its_client_dies_in_the_middle);
    tcase_add_test(tc, a_peer_that_speaks_otherwise);
    tcase_add_test(tc, many_at_once);
    tc = house_case(suite, "bytes");
    tcase_add_test(tc, frames);
    tcase_add_test(tc, flags);
    tcase_add_test(tc, big_ones);
    tcase_add_test(tc, sent_at_the_end_of_patience);
    tcase_add_test(tc, files);
    tc = house_case(suite, "end");
    tcase_add_test(tc, half_closed);
    tcase_add_test(tc, closed_or_cut_off);
    tcase_add_test(tc, who_only_sends_closes_cleanly);
    tc = house_case(suite, "settings");
    tcase_add_test(tc, a_new_certificate);
    tcase_add_test(tc, the_default_pool);
    tcase_add_test(tc, ceilings_are_told);
    r = house_run(suite);
    certificates_close();
    return r;
}
