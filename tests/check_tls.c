/* The handshake: who is accepted, what is agreed on, and how it is told when not. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/tls_setup.h"
#include "fds.h"
#include "tls_pair.h"

static const char *const names_1[] = {"h2", "http/1.1"}, *const names_2[] = {"http/1.1"},
                         *const names_3[] = {"imap"};

/* -- verification -- */

/* A client, a server, and what becomes of the two. */
struct meeting {
    struct tls_request client, server;
    const char *client_error, *server_error; /* names; NULL: none */
    const char *words[4]; /* of the client's message, or the server's if it has none */
};

#define REFUSED "CERTIFICATE_VERIFY_FAILED"

static const struct meeting meetings[] = {
    {{0}, {0}, NULL, NULL, {0}},
    {{.server_name = "a.example.com"}, {0}, NULL, NULL, {0}},
    {{.server_name = "LOCALHOST."}, {0}, NULL, NULL, {0}},
    {{.server_name = "127.0.0.1"}, {0}, NULL, NULL, {0}},
    {{.server_name = "::1"}, {0}, NULL, NULL, {0}},
    {{0}, {.identity = "chain"}, NULL, NULL, {0}},
    /* the name */
    {{.server_name = "example.com"},
     {0},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"CN=good", "hostname mismatch", "DNS:localhost", "not of example.com"}},
    {{.server_name = "a.b.example.com"},
     {0},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"hostname mismatch"}},
    {{.server_name = "127.0.0.2"},
     {0},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"IP address mismatch", "IP:127.0.0.1", "not of 127.0.0.2"}},
    {{.server_name = "::2"},
     {0},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"IP address mismatch", "IP:::1"}},
    {{.server_name = "127.0.0.1"},
     {.identity = "nameless"},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"no name at all"}},
    /* the time */
    {{0},
     {.identity = "expired"},
     REFUSED,
     "ALERT_CERTIFICATE_EXPIRED",
     {"CN=expired", "has expired on 20"}},
    {{0},
     {.identity = "future"},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"CN=future", "not yet valid", "only from 20"}},
    /* the signature */
    {{0}, {.identity = "self"}, REFUSED, "ALERT_UNKNOWN_CA", {"CN=self", "self-signed"}},
    {{0},
     {.identity = "foreign"},
     REFUSED,
     "ALERT_UNKNOWN_CA",
     {"CN=foreign", "local issuer", "CN=another CA"}},
    {{0}, {.identity = "leaf"}, REFUSED, "ALERT_UNKNOWN_CA", {"CN=berth middle CA"}},
    {{0},
     {.identity = "client"},
     REFUSED,
     "ALERT_BAD_CERTIFICATE",
     {"CN=client", "hostname mismatch"}},
    /* the identity's own CA stands for the system's */
    {{.identity = "private"}, {0}, REFUSED, "ALERT_UNKNOWN_CA", {"CN=good"}},
    {{.identity = "private"}, {.identity = "foreign"}, NULL, NULL, {0}},
    {{.identity = "no_cert"}, {0}, NULL, NULL, {0}},
    /* without verification */
    {{.verify = TLS_VERIFY_OFF, .server_name = "x"}, {.identity = "self"}, NULL, NULL, {0}},
    {{.verify = TLS_VERIFY_OFF}, {.identity = "expired"}, NULL, NULL, {0}},
    /* clients */
    {{.identity = "client"}, {.identity = "guarded"}, NULL, NULL, {0}},
    {{0},
     {.identity = "guarded"},
     "ALERT_CERTIFICATE_REQUIRED",
     "CERTIFICATE_REQUIRED",
     {"certificate required"}},
    {{.identity = "foreign_client"},
     {.identity = "guarded"},
     "ALERT_UNKNOWN_CA",
     REFUSED,
     {"unknown CA"}},
    {{.identity = "expired"},
     {.identity = "guarded"},
     "ALERT_CERTIFICATE_EXPIRED",
     REFUSED,
     {"certificate expired"}},
    {{0}, {.identity = "guarded", .verify = TLS_VERIFY_OFF}, NULL, NULL, {0}},
    {{.identity = "client"}, {0}, NULL, NULL, {0}},
    /* protocols */
    {{.alpn = names_1, .n_alpn = 2}, {.alpn = names_2, .n_alpn = 1}, NULL, NULL, {0}},
    {{.alpn = names_1, .n_alpn = 2}, {0}, NULL, NULL, {0}},
    {{0}, {.alpn = names_1, .n_alpn = 2}, NULL, NULL, {0}},
    {{.alpn = names_1, .n_alpn = 2},
     {.alpn = names_3, .n_alpn = 1},
     "NO_APPLICATION_PROTOCOL",
     "NO_APPLICATION_PROTOCOL",
     {"no application protocol"}},
};

static void expect_name(struct tls_pair *p, int end, const char *name)
{
    if (name)
        tls_pair_expect_error(&p->errors[end], "tls", name);
    else
        ck_assert_msg(p->results[end] == 0, "end %d: %s", end, p->errors[end].message);
}

START_TEST(who_meets_whom)
{
    const struct meeting *m = &meetings[_i];
    struct tls_pair p;

    tls_pair_make(&p, m->client, m->server);
    tls_pair_shake(&p);
    expect_name(&p, TLS_PAIR_CLIENT, m->client_error);
    expect_name(&p, TLS_PAIR_SERVER, m->server_error);
    for (size_t i = 0; i < 4 && m->words[i]; i++)
        ck_assert_msg(strstr(p.errors[0].message, m->words[i]), "no \"%s\" in \"%s\"", m->words[i],
                      p.errors[0].message);
    if (m->client_error) { /* and it stays so */
        tls_pair_expect_failure(&p, TLS_PAIR_CLIENT, m->client_error);
        tls_pair_expect_failure(&p, TLS_PAIR_SERVER, m->server_error);
    }
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* What the caller trusts stands for all else. */
START_TEST(own_ca)
{
    struct tls_pair p;

    tls_pair_open(&p, (struct tls_request){.ca_pem = certificates_text("other_ca.pem")},
                  (struct tls_request){.identity = "foreign"});
    tls_pair_close(&p);
    tls_pair_open(&p, (struct tls_request){.ca_pem = certificates_text("self.pem")},
                  (struct tls_request){.identity = "self"});
    tls_pair_close(&p);
    /* one in the middle of the chain is enough */
    tls_pair_open(&p, (struct tls_request){.ca_pem = certificates_text("middle.pem")},
                  (struct tls_request){.identity = "leaf"});
    tls_pair_close(&p);
    tls_pair_make(&p, (struct tls_request){.ca_pem = certificates_text("other_ca.pem")},
                  (struct tls_request){0});
    tls_pair_shake(&p);
    expect_name(&p, TLS_PAIR_CLIENT, REFUSED);
    tls_pair_close(&p);
    /* for clients, too */
    tls_pair_open(&p, (struct tls_request){.identity = "foreign_client"},
                  (struct tls_request){.ca_pem = certificates_text("other_ca.pem")});
    tls_pair_close(&p);
    tls_pair_make(
        &p, (struct tls_request){.identity = "client"},
        (struct tls_request){.identity = "guarded", .ca_pem = certificates_text("other_ca.pem")});
    tls_pair_shake(&p);
    expect_name(&p, TLS_PAIR_SERVER, REFUSED);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* -- what cannot begin -- */

struct refusal {
    struct tls_request request;
    const char *kind, *name, *words;
};

#define S .server_side = true

static const struct refusal refusals[] = {
    {{0}, "protocol", "server_name", "verify"},
    {{.server_name = ""}, "protocol", "server_name", "host name"},
    {{.server_name = "."}, "protocol", "server_name", "host name"},
    {{.server_name = "b\303\274cher.example"}, "protocol", "server_name", "xn--"},
    {{.server_name = "a b"}, "protocol", "server_name", "letters"},
    {{.server_name = ".example.org"}, "protocol", "server_name", "dots"},
    {{.server_name = "a..example.org"}, "protocol", "server_name", "dots"},
    {{.server_name = "*.example.org"}, "protocol", "server_name", "letters"},
    {{.server_name = "a", .ca_pem = "nonsense"}, "protocol", "ca_pem", "no certificate"},
    {{.server_name = "a", .ca_pem = ""}, "protocol", "ca_pem", "no certificate"},
    {{.server_name = "a",
      .ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
     "protocol",
     "ca_pem",
     "certificate 1"},
    {{.server_name = "a", /* nobody is asked for a passphrase */
      .ca_pem = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                "AAAA\n-----END CERTIFICATE-----\n"},
     "protocol",
     "ca_pem",
     "passphrase"},
    {{.server_name = "a", .alpn = (const char *const[]){""}, .n_alpn = 1},
     "protocol",
     "alpn",
     "1 to"},
    {{.server_name = "a", .identity = "nobody"}, "tls", "IDENTITY", "no identity nobody"},
    {{.server_name = "a", .identity = "wrong_key"}, "tls", "IDENTITY", "key values mismatch"},
    {{S}, "protocol", "identity", "needs one"},
    {{S, .identity = "good", .server_name = "a"}, "protocol", "server_name", "client's side"},
    {{S, .identity = "good", .verify = TLS_VERIFY_ON}, "protocol", "verify", "CA of your own"},
    {{S, .identity = "no_cert"}, "tls", "IDENTITY", "has no cert"},
    {{S, .identity = "no_file"}, "tls", "IDENTITY", "missing.pem: No such file"},
    {{S, .identity = "no_key"}, "tls", "IDENTITY", "its key"},
    {{S, .identity = "wrong_key"}, "tls", "IDENTITY", "key values mismatch"},
    {{S, .identity = "locked"}, "tls", "IDENTITY", "locked_key.pem"},
    {{S, .identity = "empty"}, "tls", "IDENTITY", "empty.pem: no start line"},
    {{S, .identity = "broken"}, "tls", "IDENTITY", "broken.pem: bad end line"},
    {{S, .identity = "bad_ca"}, "tls", "IDENTITY", "its ca"},
};

START_TEST(what_cannot_begin)
{
    const struct refusal *f = &refusals[_i];
    struct error e = {0};
    struct tls *t;

    ck_assert_int_gt(tls_pair_new(tls_pair_contexts(), &f->request, &t, &e), 0);
    tls_pair_expect_error(&e, f->kind, f->name);
    ck_assert_msg(strstr(e.message, f->words), "no \"%s\" in \"%s\"", f->words, e.message);
    tls_pair_done();
}
END_TEST

START_TEST(ceilings)
{
    static char name[300], pem[TLS_CA_PEM_BYTES + 2];
    const char *names[TLS_ALPN_NAMES + 1];
    struct tls_request q = {.server_name = "a", .alpn = names};
    struct error e = {0};
    struct tls *t;

    memset(name, 'x', sizeof name - 1);
    memset(pem, 'x', sizeof pem - 1);
    for (size_t i = 0; i <= TLS_ALPN_NAMES; i++)
        names[i] = name + sizeof name - 1 - TLS_ALPN_BYTES;
    q.n_alpn = TLS_ALPN_NAMES + 1;
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), ERROR_INVALID_PARAMS);
    q.n_alpn = TLS_ALPN_NAMES;
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), 0);
    tls_free(t);
    names[0]--;
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), ERROR_INVALID_PARAMS);
    q = (struct tls_request){.server_name = name};
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), ERROR_INVALID_PARAMS);
    q = (struct tls_request){.server_name = "a", .ca_pem = pem};
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), ERROR_INVALID_PARAMS);
    ck_assert_ptr_nonnull(strstr(e.message, "at most"));
    tls_pair_done();
}
END_TEST

START_TEST(identities)
{
    const struct tls_identity *good = tls_pair_identities();
    struct tls_contexts *set = tls_pair_contexts();
    struct tls_identity lone = {0};
    struct error e = {0};
    bool is_old;

    ck_assert(tls_identity_is_for_pool(good, "web"));
    ck_assert(!tls_identity_is_for_pool(good, "mail"));
    ck_assert(!tls_identity_is_for_pool(&lone, "web"));
    ck_assert_int_eq(tls_contexts_load(set, NULL, "good", &is_old, &e), 0);
    ck_assert_int_eq(tls_contexts_load(set, NULL, "no_cert", &is_old, &e), 0);
    ck_assert_int_eq(tls_contexts_load(set, NULL, "wrong_key", &is_old, &e), ERROR_TLS);
    ck_assert(!is_old);
    tls_pair_expect_error(&e, "tls", "IDENTITY");
    tls_pair_done();
}
END_TEST

/* -- what is agreed on -- */

START_TEST(description)
{
    struct arena arena = {0};
    struct tls_info info;
    struct tls_pair p;

    tls_pair_open(&p, (struct tls_request){.alpn = names_1, .n_alpn = 2, .identity = "client"},
                  (struct tls_request){.alpn = names_2, .n_alpn = 1, .identity = "guarded"});
    ck_assert_int_eq(tls_describe(p.ends[0], &arena, &info), 0);
    ck_assert_str_eq(info.version, "TLSv1.3");
    ck_assert_ptr_nonnull(strstr(info.cipher, "TLS_"));
    ck_assert_str_eq(info.alpn, "http/1.1");
    ck_assert(info.has_peer && info.peer.is_verified && !info.is_resumed);
    ck_assert_str_eq(info.peer.subject, "CN=good");
    ck_assert_str_eq(info.peer.issuer, "CN=berth test CA");
    ck_assert_str_eq(info.peer.serial, "03eb");
    ck_assert_uint_eq(strlen(info.peer.sha256), 64);
    ck_assert_int_eq(info.peer.not_after - info.peer.not_before, 32 * 86400L);
    ck_assert_uint_eq(info.peer.n_names, 4);
    ck_assert_str_eq(info.peer.names[1], "DNS:*.example.com");
    ck_assert_str_eq(info.peer.names[3], "IP:::1");
    ck_assert_int_eq(tls_describe(p.ends[1], &arena, &info), 0);
    ck_assert_str_eq(info.peer.subject, "CN=client");
    ck_assert(info.peer.is_verified && info.peer.n_names == 0);
    ck_assert(!tls_is_in_kernel(p.ends[0]));
    tls_pair_close(&p);
    tls_pair_open(&p, (struct tls_request){.verify = TLS_VERIFY_OFF}, (struct tls_request){0});
    ck_assert_int_eq(tls_describe(p.ends[0], &arena, &info), 0);
    ck_assert(info.has_peer && !info.peer.is_verified && !info.alpn);
    ck_assert_int_eq(tls_describe(p.ends[1], &arena, &info), 0);
    ck_assert(!info.has_peer);
    tls_pair_close(&p);
    arena_done(&arena);
    tls_pair_done();
}
END_TEST

/* -- resumption -- */

/* One connection, to the same address as the one before where a listener is given. Returns whether
 * it resumed. */
static bool visit(int listener, int version, struct tls_request client, struct tls_request server)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;
    struct arena arena = {0};
    struct tls_info infos[2];
    struct tls_pair p = {0};

    getsockname(listener, (struct sockaddr *)&address, &n);
    client.fd = p.fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)!connect(p.fds[0], (struct sockaddr *)&address, n);
    server.fd = p.fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    server.server_side = true;
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &client, &p.ends[0], &p.errors[0]), 0);
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &server, &p.ends[1], &p.errors[1]), 0);
    SSL_set_max_proto_version(p.ends[0]->ssl, version);
    tls_pair_shake(&p);
    ck_assert_msg(p.results[0] == 0 && p.results[1] == 0, "%s; %s", p.errors[0].message,
                  p.errors[1].message);
    /* The tickets come before the first byte. */
    tls_pair_send(&p, 1, "x", 1);
    ck_assert_uint_eq(tls_pair_recv(&p, 0, &(char){0}, 1), 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(tls_describe(p.ends[i], &arena, &infos[i]), 0);
    ck_assert_int_eq(infos[0].is_resumed, infos[1].is_resumed);
    ck_assert(infos[0].has_peer && strcmp(infos[0].peer.subject, "CN=good") == 0);
    arena_done(&arena);
    tls_pair_close(&p);
    return infos[0].is_resumed;
}

START_TEST(resumption)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tls_request client = {.server_name = "localhost"}, server = {.identity = "good"};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int version = _i ? TLS1_3_VERSION : TLS1_2_VERSION;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
    ck_assert(!visit(listener, version, client, server));
    for (int i = 0; i < 3; i++)
        ck_assert(visit(listener, version, client, server));
    /* Never a session that was agreed under other conditions. */
    client.verify = TLS_VERIFY_OFF;
    ck_assert(!visit(listener, version, client, server));
    ck_assert(visit(listener, version, client, server));
    client.verify = TLS_VERIFY_ON;
    client.server_name = "a.example.com";
    ck_assert(!visit(listener, version, client, server));
    client.ca_pem = certificates_text("ca.pem");
    ck_assert(!visit(listener, version, client, server));
    client.identity = "client";
    ck_assert(!visit(listener, version, client, server));
    client.scope = "mail";
    ck_assert(!visit(listener, version, client, server));
    /* A server that verifies takes the ticket of a client that it has verified. */
    server.identity = "guarded";
    ck_assert(!visit(listener, version, client, server));
    ck_assert(visit(listener, version, client, server));
    /* With the settings the keys go. */
    tls_pair_done();
    ck_assert(!visit(listener, version, client, server));
    close(listener);
    tls_pair_done();
}
END_TEST

START_TEST(sessions_are_bounded)
{
    struct tls_sessions *sessions = malloc(sizeof *sessions);
    struct tls_session_key first = {{1}}, other = {{2}};

    tls_sessions_init(sessions);
    tls_sessions_add(sessions, &first, SSL_SESSION_new());
    for (int i = 0; i < TLS_SESSIONS; i++)
        tls_sessions_add(sessions, &other, SSL_SESSION_new());
    ck_assert_ptr_null(tls_sessions_take(sessions, &first));
    for (int i = 0; i < TLS_SESSIONS; i++)
        ck_assert_ptr_null(tls_sessions_take(sessions, &other)); /* none of them can be resumed */
    tls_sessions_done(sessions);
    free(sessions);
}
END_TEST

/* Connections keep the settings that they began with. */
START_TEST(new_settings)
{
    struct tls_pair p;
    char c = 0;

    tls_pair_open(&p, (struct tls_request){0}, (struct tls_request){0});
    tls_pair_done();
    tls_pair_send(&p, 0, "x", 1);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, &c, 1), 1);
    ck_assert_int_eq(c, 'x');
    tls_pair_close(&p);
}
END_TEST

/* -- peers that do not speak it -- */

/* A TLS end on one side, `text` from the other. */
static void meet_text(bool server_side, const char *text, size_t n, bool then_close,
                      const char *name)
{
    struct tls_request q = {.server_side = server_side,
                            .identity = server_side ? "good" : NULL,
                            .server_name = server_side ? NULL : "localhost"};
    struct error e = {0};
    struct tls *t;
    int fds[2], r;

    tls_pair_connect(fds);
    q.fd = fds[0];
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), 0);
    ck_assert_int_eq(send(fds[1], text, n, MSG_NOSIGNAL), (ssize_t)n);
    if (then_close)
        shutdown(fds[1], SHUT_WR);
    while ((r = tls_pair_step(t, &e)) == -EAGAIN)
        tls_pair_wait(fds[0], tls_read_wants(t));
    ck_assert_int_eq(r, ERROR_TLS);
    tls_pair_expect_error(&e, "tls", name);
    tls_free(t);
    close(fds[0]);
    close(fds[1]);
    tls_pair_done();
}

START_TEST(no_tls_at_all)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n", reply[] = "HTTP/1.0 400 no\r\n\r\n",
                      noise[] = "\x90\x01\x02\x03\x04\x05\x06\x07\x08\x09\x10\x11";

    meet_text(true, http, sizeof http - 1, false, "NOT_TLS");
    meet_text(true, noise, sizeof noise - 1, false, "NOT_TLS");
    meet_text(true, "x", 1, true, "TRUNCATED");
    meet_text(true, "", 0, true, "TRUNCATED");
    meet_text(false, reply, sizeof reply - 1, false, "NOT_TLS");
    meet_text(false, "220 hello\r\n", 11, false, "NOT_TLS");
    meet_text(false, "", 0, true, "TRUNCATED");
}
END_TEST

/* Finite fields cost as much as the peer likes: there are none. */
START_TEST(no_finite_fields)
{
    struct tls_pair p;

    tls_pair_make(&p, (struct tls_request){0}, (struct tls_request){0});
    SSL_set_max_proto_version(p.ends[0]->ssl, TLS1_2_VERSION);
    ck_assert_int_eq(SSL_set_cipher_list(p.ends[0]->ssl, "DHE-RSA-AES128-GCM-SHA256"), 1);
    tls_pair_shake(&p);
    tls_pair_expect_error(&p.errors[1], "tls", "HANDSHAKE");
    tls_pair_close(&p);
    tls_pair_make(&p, (struct tls_request){0}, (struct tls_request){0});
    ck_assert_int_eq(SSL_set1_groups_list(p.ends[0]->ssl, "ffdhe2048"), 1);
    tls_pair_shake(&p);
    tls_pair_expect_error(&p.errors[1], "tls", "HANDSHAKE");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* A ClientHello that offers TLS 1.1 and nothing newer. */
START_TEST(too_old)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new(BIO_s_mem());
    SSL *ssl = SSL_new(ctx);
    char *hello;
    long n;

    SSL_set_security_level(ssl, 0);
    SSL_set_min_proto_version(ssl, TLS1_1_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
    SSL_set_bio(ssl, in, out);
    SSL_connect(ssl);
    n = BIO_get_mem_data(out, &hello);
    ck_assert_int_gt(n, 50);
    meet_text(true, hello, (size_t)n, false, "PROTOCOL_VERSION");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
END_TEST

/* Who stalls is waited for, and it is the caller who has the clock. */
START_TEST(a_stalling_peer)
{
    struct tls_request q = {.server_side = true, .identity = "good"};
    struct error e = {0};
    struct tls *t;
    int fds[2];

    tls_pair_connect(fds);
    q.fd = fds[0];
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &t, &e), 0);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(tls_pair_step(t, &e), -EAGAIN);
        ck_assert_uint_eq(tls_read_wants(t), EPOLLIN);
        ck_assert_int_eq(send(fds[1], &"\x16\x03\x01\x02\x00\x01\x00\x01"[i], 1, 0), 1);
        tls_pair_wait(fds[0], POLLIN);
    }
    ck_assert(!tls_is_open(t) && !tls_is_readable(t));
    tls_free(t);
    close(fds[0]);
    close(fds[1]);
    tls_pair_done();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");
    TCase *tests = fds_case(suite, "handshake");
    int r;

    certificates_open();
    (void)tls_pair_identities();
    tcase_add_loop_test(tests, who_meets_whom, 0, sizeof meetings / sizeof *meetings);
    tcase_add_test(tests, own_ca);
    tcase_add_loop_test(tests, what_cannot_begin, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(tests, ceilings);
    tcase_add_test(tests, identities);
    tcase_add_test(tests, description);
    tcase_add_loop_test(tests, resumption, 0, 2);
    tcase_add_test(tests, sessions_are_bounded);
    tcase_add_test(tests, new_settings);
    tcase_add_test(tests, no_tls_at_all);
    tcase_add_test(tests, no_finite_fields);
    tcase_add_test(tests, too_old);
    tcase_add_test(tests, a_stalling_peer);
    r = fds_run(suite);
    certificates_close();
    return r;
}
