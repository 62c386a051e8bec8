/* check_berth_stream.c — berth_stream() and berth_wrap() with a real daemon: a descriptor for any
 * code that reads and writes one, and TLS with a peer that is OpenSSL itself. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "live.h"

enum { BIG = 3000000, PATIENCE_MS = 10000 };

/* A listener of the test's own. */
static int listen_here(uint16_t *ret_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (void *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, (void *)&in, &len), 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

/* A handle, and the peer's end. */
static berth_handle connect_here(int *ret_peer)
{
    uint16_t port;
    int listener = listen_here(&port);
    berth_handle h = OK(berth_create_connection(live, "127.0.0.1", port, 5, NULL));

    *ret_peer = accept(listener, NULL, NULL);
    ck_assert_int_ge(*ret_peer, 0);
    close(listener);
    return h;
}

static ssize_t read_some(int fd, void *data, size_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "nothing comes");
    return recv(fd, data, n, 0);
}

static char big[BIG];

static void *write_big(void *fd)
{
    for (size_t n = 0; n < BIG;) {
        ssize_t sent = send(*(int *)fd, big + n, BIG - n, MSG_NOSIGNAL);

        if (sent <= 0)
            return NULL;
        n += (size_t)sent;
    }
    shutdown(*(int *)fd, SHUT_WR);
    return NULL;
}

static void carry_big(int from, int to)
{
    static char data[BIG + 1];
    pthread_t thread;
    size_t n = 0;
    ssize_t got;

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 31 + i / 251);
    pthread_create(&thread, NULL, write_big, &from);
    while (n <= BIG && (got = read_some(to, data + n, BIG + 1 - n)) > 0)
        n += (size_t)got;
    pthread_join(thread, NULL);
    ck_assert_uint_eq(n, BIG);
    ck_assert_int_eq(memcmp(data, big, BIG), 0);
}

START_TEST(stream_carries_all_both_ways)
{
    int peer, fd, one = 0;
    berth_handle h = connect_here(&peer);
    struct berth_row *row;
    socklen_t len = sizeof one;

    fd = (int)OK(berth_stream(live, h));
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &one, &len), 0);
    ck_assert_int_eq(one, SOCK_STREAM);
    /* The handle's bytes have one way at a time. */
    FAILS(berth_send(live, h, "x", 1, 0), EBADF);
    FAILS(berth_stream(live, h), EBADF);
    carry_big(fd, peer);
    carry_big(peer, fd); /* the other direction lives on */
    row = berth_ledger_get(live, h);
    ck_assert_ptr_nonnull(row);
    ck_assert_int_eq(row->sent_bytes, BIG);
    ck_assert_int_eq(row->received_bytes, BIG);
    berth_free_rows(row);
    close(fd);
    close(peer);
}
END_TEST

START_TEST(reset_is_a_reset)
{
    struct linger hard = {1, 0};
    int peer, fd;
    berth_handle h = connect_here(&peer);
    char byte;

    fd = (int)OK(berth_stream(live, h));
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(peer);
    FAILS((int)read_some(fd, &byte, 1), ECONNRESET);
    close(fd);
}
END_TEST

START_TEST(datagrams_stay_apart)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    int peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd;
    berth_handle h = OK(berth_socket(live, AF_INET, SOCK_DGRAM, 0));
    char data[16];

    ck_assert_int_eq(bind(peer, (void *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(peer, (void *)&in, &len), 0);
    OK(berth_connect(live, h, (struct sockaddr *)&in, len));
    fd = (int)OK(berth_stream(live, h));
    ck_assert_int_eq(send(fd, "", 0, 0), 0);
    ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
    ck_assert_int_eq(read_some(peer, data, sizeof data), 0);
    ck_assert_int_eq(read_some(peer, data, sizeof data), 3);
    close(fd);
    close(peer);
}
END_TEST

START_TEST(no_room_for_the_descriptor)
{
    struct rlimit old, few;
    int peer, fd, filler[64], n = 0;
    berth_handle h = connect_here(&peer);

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 64 && (filler[n] = dup(peer)) >= 0)
        n++;
    FAILS(berth_stream(live, h), EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (n > 0)
        close(filler[--n]);
    /* Nothing has begun, and nothing was lost. */
    fd = (int)OK(berth_stream(live, h));
    ck_assert_int_eq(send(peer, "x", 1, 0), 1);
    ck_assert_int_eq(read_some(fd, &(char){0}, 1), 1);
    close(fd);
    close(peer);
}
END_TEST

START_TEST(stream_of_a_stranger)
{
    berth_handle h = OK(berth_socket(live, AF_INET, SOCK_STREAM, 0));

    FAILS(berth_stream(live, h), EBADF);
    ck_assert_str_eq(berth_last_error(live)->name, "NOT_CONNECTED");
    FAILS(berth_stream(live, 99), EBADF);
}
END_TEST

/* The descriptor comes with the reply, also without waiting. */
START_TEST(stream_without_waiting)
{
    struct berth_reply reply;
    char params[64];
    int peer, r;
    berth_handle h = connect_here(&peer);
    int64_t id;

    snprintf(params, sizeof params, "{\"handle\":%lld}", (long long)h);
    id = OK(berth_send_request(live, "stream", params, -1));
    while ((r = berth_next_reply(live, &reply)) == 0) {
        struct pollfd p = {.fd = berth_fd(live), .events = berth_events(live)};

        ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
        OK(berth_process(live));
    }
    ck_assert_int_eq(r, 1);
    ck_assert_int_eq(reply.id, id);
    ck_assert_int_ge(reply.fd, 0);
    ck_assert_int_eq(fcntl(reply.fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(send(reply.fd, "x", 1, 0), 1);
    ck_assert_int_eq(read_some(peer, &(char){0}, 1), 1);
    close(reply.fd);
    close(peer);
}
END_TEST

/* -- TLS ------------------------------------------------------------------------------------------
 */

struct server {
    int listener;
    uint16_t port;
    const char *certificate;
    bool ends_unsaid; /* closes without saying so by TLS */
    pthread_t thread;
};

static int choose(SSL *ssl, const unsigned char **out, unsigned char *n_out,
                  const unsigned char *in, unsigned n_in, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";

    (void)ssl;
    (void)context;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, n_out, ours, sizeof ours - 1, in,
                                 n_in) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

/* Gives back what comes, to its end. */
static void *serve_tls(void *context)
{
    struct server *s = context;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int fd = accept(s->listener, NULL, NULL), n;
    char data[4096];
    SSL *ssl;

    SSL_CTX_use_certificate_chain_file(ctx, certificates_path(s->certificate));
    SSL_CTX_use_PrivateKey_file(ctx, certificates_path("key.pem"), SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(ctx, choose, NULL);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        while ((n = SSL_read(ssl, data, sizeof data)) > 0) {
            SSL_write(ssl, data, n);
            if (s->ends_unsaid)
                break;
        }
        if (!s->ends_unsaid)
            SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return NULL;
}

static berth_handle connect_tls(struct server *s)
{
    s->listener = listen_here(&s->port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve_tls, s), 0);
    return OK(berth_create_connection(live, "127.0.0.1", s->port, 5, NULL));
}

static void end_tls(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
}

START_TEST(tls_tells_what_was_agreed_on)
{
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    struct server s = {.certificate = "good.pem"};
    berth_handle h = connect_tls(&s);
    struct berth_wrap_options options = {.server_name = "localhost",
                                         .ca_pem = certificates_text("ca.pem"),
                                         .alpn = alpn,
                                         .timeout = 5};
    struct berth_tls tls = {0};
    bool has_name = false;
    char data[8];

    OK(berth_wrap(live, h, &options, &tls));
    ck_assert_str_eq(tls.version, "TLSv1.3");
    ck_assert_str_ne(tls.cipher, "");
    ck_assert_str_eq(tls.alpn, "http/1.1");
    ck_assert_int_eq(tls.resumed, 0);
    ck_assert_ptr_nonnull(tls.peer);
    ck_assert_int_eq(tls.peer->verified, 1);
    ck_assert_uint_eq(strlen(tls.peer->sha256), 64);
    ck_assert_int_lt(tls.peer->not_before, tls.peer->not_after);
    for (int i = 0; tls.peer->names[i]; i++)
        has_name |= strcmp(tls.peer->names[i], "DNS:localhost") == 0;
    ck_assert(has_name);
    FAILS(berth_wrap(live, h, &options, &tls), EBADF);
    ck_assert_str_eq(berth_last_error(live)->name, "WRAPPED");
    OK(berth_sendall(live, h, "hello", 5, 0));
    ck_assert_int_eq(OK(berth_recv_exactly(live, h, data, 5, NULL)), 5);
    ck_assert_mem_eq(data, "hello", 5);
    OK(berth_close(live, h));
    end_tls(&s);
}
END_TEST

START_TEST(tls_through_a_stream)
{
    struct server s = {.certificate = "good.pem"};
    berth_handle h = connect_tls(&s);
    struct berth_wrap_options options = {.server_name = "127.0.0.1"};
    char data[8];
    int fd;

    /* The tests' authority is the system's. */
    OK(berth_wrap(live, h, &options, NULL));
    fd = (int)OK(berth_stream(live, h));
    ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
    ck_assert_int_eq(read_some(fd, data, sizeof data), 5);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(read_some(fd, data, sizeof data), 0);
    close(fd);
    end_tls(&s);
}
END_TEST

/* A cut is no end, and the next call says what it was. */
START_TEST(tls_that_is_cut_off)
{
    struct server s = {.certificate = "good.pem", .ends_unsaid = true};
    berth_handle h = connect_tls(&s);
    struct berth_wrap_options options = {.server_name = "localhost"};
    char data[8];
    int fd;

    OK(berth_wrap(live, h, &options, NULL));
    fd = (int)OK(berth_stream(live, h));
    ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
    ck_assert_int_eq(read_some(fd, data, sizeof data), 5);
    FAILS((int)read_some(fd, data, sizeof data), ECONNRESET);
    close(fd);
    end_tls(&s);
    while (berth_stream(live, h) < 0 && strcmp(berth_last_error(live)->name, "STREAMED") == 0)
        ;
    ck_assert_str_eq(berth_last_error(live)->kind, "tls");
    ck_assert_str_eq(berth_last_error(live)->name, "TRUNCATED");
}
END_TEST

static const struct {
    const char *certificate, *server_name;
    int verify;
    const char *kind, *message; /* NULL: it succeeds */
} wrong_rows[] = {
    {"good.pem", "localhost", BERTH_VERIFY, NULL, NULL},
    {"good.pem", "other.example", BERTH_VERIFY_DEFAULT, "tls", "other.example"},
    {"self.pem", "localhost", BERTH_VERIFY_DEFAULT, "tls", "self-signed"},
    {"expired.pem", "localhost", BERTH_VERIFY_DEFAULT, "tls", "expired"},
    {"foreign.pem", "localhost", BERTH_VERIFY_DEFAULT, "tls", ""},
    {"self.pem", NULL, BERTH_NO_VERIFY, NULL, NULL},
};

START_TEST(tls_verifies)
{
    struct server s = {.certificate = wrong_rows[_i].certificate};
    berth_handle h = connect_tls(&s);
    struct berth_wrap_options options = {.server_name = wrong_rows[_i].server_name,
                                         .verify = wrong_rows[_i].verify};
    struct berth_tls tls = {0};
    int r = berth_wrap(live, h, &options, &tls);

    if (!wrong_rows[_i].kind) {
        ck_assert_msg(r == 0, "%s", berth_last_error(live)->message);
        ck_assert_int_eq(tls.peer->verified, wrong_rows[_i].verify != BERTH_NO_VERIFY);
    } else {
        ck_assert_int_eq(r, -1);
        ck_assert_int_eq(errno, EPROTO);
        ck_assert_str_eq(berth_last_error(live)->kind, "tls");
        ck_assert_str_eq(berth_last_error(live)->name, "CERTIFICATE_VERIFY_FAILED");
        ck_assert_ptr_nonnull(strstr(berth_last_error(live)->message, wrong_rows[_i].message));
    }
    OK(berth_close(live, h));
    end_tls(&s);
}
END_TEST

START_TEST(wrap_misused)
{
    int peer;
    berth_handle h = connect_here(&peer);

    FAILS(berth_wrap(live, h, &(struct berth_wrap_options){.verify = 7}, NULL), EINVAL);
    FAILS(berth_wrap(live, h, &(struct berth_wrap_options){.timeout = -5}, NULL), EINVAL);
    FAILS(berth_wrap(live, h, &(struct berth_wrap_options){.server_side = 1, .identity = "nobody"},
                     NULL),
          EINVAL);
    /* Nobody answers; the same call would go on. */
    FAILS(
        berth_wrap(live, h, &(struct berth_wrap_options){.server_name = "x", .timeout = 0.1}, NULL),
        ETIMEDOUT);
    close(peer);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stream");

    /* A peer that hangs up in the middle is part of the test. */
    signal(SIGPIPE, SIG_IGN);
    tcase_add_unchecked_fixture(tests, certificates_open, certificates_close);
    tcase_add_test(tests, stream_carries_all_both_ways);
    tcase_add_test(tests, reset_is_a_reset);
    tcase_add_test(tests, datagrams_stay_apart);
    tcase_add_test(tests, no_room_for_the_descriptor);
    tcase_add_test(tests, stream_of_a_stranger);
    tcase_add_test(tests, stream_without_waiting);
    tcase_add_test(tests, tls_tells_what_was_agreed_on);
    tcase_add_test(tests, tls_through_a_stream);
    tcase_add_test(tests, tls_that_is_cut_off);
    tcase_add_loop_test(tests, tls_verifies, 0, sizeof wrong_rows / sizeof *wrong_rows);
    tcase_add_test(tests, wrap_misused);
    return live_run(tests);
}
