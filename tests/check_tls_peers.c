/* TLS with others: OpenSSL's command, curl, nginx, each where it is installed. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/tls.h"
#include "fds.h"
#include "tls_pair.h"

/* -- programs -- */

struct program {
    pid_t pid;
    int in, out; /* its standard input; its standard output and error */
};

static const char *find_program(const char *name)
{
    static const char *const folders[] = {"/usr/bin", "/usr/sbin", "/usr/local/bin"};
    static char path[64];

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    printf("%s is not installed: nothing is tried with it\n", name);
    return NULL;
}

/* argv[0] is the path. */
static struct program start(const char *const *argv)
{
    int in[2], out[2];
    struct program p;

    ck_assert_ptr_nonnull(argv[0]);
    ck_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    p = (struct program){fork(), in[1], out[0]};
    ck_assert_int_ge(p.pid, 0);
    if (p.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    return p;
}

/* Reads until `text` has come or the program has ended. */
static void await_text(const struct program *p, const char *text)
{
    char room[8192] = "";
    size_t n = 0;

    while (!strstr(room, text)) {
        struct pollfd wait = {.fd = p->out, .events = POLLIN};
        ssize_t r;

        ck_assert_msg(poll(&wait, 1, 10000) == 1, "no \"%s\" in \"%s\"", text, room);
        r = read(p->out, room + n, sizeof room - 1 - n);
        ck_assert_msg(r > 0, "no \"%s\" in \"%s\"", text, room);
        n += (size_t)r;
        room[n] = '\0';
    }
}

static int finish(struct program *p, int signal)
{
    int status;

    if (signal)
        kill(p->pid, signal);
    close(p->in);
    close(p->out);
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* -- sockets -- */

static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    socklen_t n = sizeof a;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ck_assert(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 5) == 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* A port that is free now. */
static const char *free_port(void)
{
    static char text[8];
    int port;

    close(listen_somewhere(&port));
    snprintf(text, sizeof text, "%d", port);
    return text;
}

/* Our end towards a listening program; handshake done or failed. */
static int call(struct tls_pair *p, const char *port, struct tls_request q)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
    int r;

    *p = (struct tls_pair){.fds = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1}};
    ck_assert_int_eq(connect(p->fds[0], (struct sockaddr *)&a, sizeof a), 0);
    q.fd = p->fds[0];
    if (!q.server_name)
        q.server_name = "localhost";
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &p->ends[0], &p->errors[0]), 0);
    while ((r = tls_pair_step(p->ends[0], &p->errors[0])) == -EAGAIN)
        tls_pair_wait(p->fds[0], tls_read_wants(p->ends[0]));
    return r;
}

/* Our end towards a program that calls. */
static int answer(struct tls_pair *p, int listener, struct tls_request q)
{
    int r;

    *p = (struct tls_pair){.fds = {-1, -1}};
    tls_pair_wait(listener, POLLIN);
    q.fd = p->fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    q.server_side = true;
    if (!q.identity)
        q.identity = "good";
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &p->ends[1], &p->errors[1]), 0);
    while ((r = tls_pair_step(p->ends[1], &p->errors[1])) == -EAGAIN)
        tls_pair_wait(p->fds[1], tls_read_wants(p->ends[1]));
    return r;
}

static struct tls_info describe(struct tls_pair *p, int end)
{
    static struct arena arena;
    struct tls_info info;

    arena_done(&arena);
    ck_assert_int_eq(tls_describe(p->ends[end], &arena, &info), 0);
    return info;
}

/* -- OpenSSL's server -- */

static void expect_echo(struct tls_pair *p)
{
    char room[10];
    size_t n = 0;

    tls_pair_send(p, 0, "abc\n", 4);
    while (n < 4)
        n += tls_pair_recv(p, 0, room + n, sizeof room - n);
    ck_assert_int_eq(memcmp(room, "cba\n", 4), 0);
}

START_TEST(s_server)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"}, *const names[] = {"x", "h2"};
    const char *openssl = find_program("openssl"), *port = free_port();
    struct tls_request q = {.alpn = names, .n_alpn = 2};
    struct tls_pair p;
    struct program server;

    if (!openssl)
        return;
    server = start((const char *[]){
        openssl, "s_server", "-accept", port, "-cert", certificates_path("good.pem"), "-key",
        certificates_path("key.pem"), "-rev", "-alpn", "h2", versions[_i], NULL});
    await_text(&server, "ACCEPT");
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(call(&p, port, q) == 0, "%s", p.errors[0].message);
        expect_echo(&p);
        ck_assert_str_eq(describe(&p, 0).version, _i ? "TLSv1.3" : "TLSv1.2");
        ck_assert_str_eq(describe(&p, 0).alpn, "h2");
        ck_assert_int_eq(describe(&p, 0).is_resumed, i);
        tls_pair_shut(&p, 0);
        ck_assert_uint_eq(tls_pair_recv(&p, 0, &(char){0}, 1), 0);
        tls_pair_close(&p);
    }
    q.server_name = "elsewhere.example";
    ck_assert_int_eq(call(&p, port, q), ERROR_TLS);
    tls_pair_expect_error(&p.errors[0], "tls", "CERTIFICATE_VERIFY_FAILED");
    tls_pair_close(&p);
    q = (struct tls_request){.alpn = names, .n_alpn = 1};
    ck_assert_int_eq(call(&p, port, q), ERROR_TLS);
    tls_pair_expect_error(&p.errors[0], "tls", "NO_APPLICATION_PROTOCOL");
    tls_pair_close(&p);
    /* killed in the middle: its kernel says FIN, TLS has said nothing */
    ck_assert_int_eq(call(&p, port, (struct tls_request){0}), 0);
    expect_echo(&p);
    finish(&server, SIGKILL);
    tls_pair_expect_failure(&p, 0, "TRUNCATED");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

START_TEST(s_server_that_asks)
{
    const char *openssl = find_program("openssl"), *port = free_port();
    struct tls_pair p;
    struct program server;

    if (!openssl)
        return;
    server = start((const char *[]){
        openssl, "s_server", "-accept", port, "-cert", certificates_path("good.pem"), "-key",
        certificates_path("key.pem"), "-rev", "-Verify", "1", "-verify_return_error", "-CAfile",
        certificates_path("ca.pem"), NULL});
    await_text(&server, "ACCEPT");
    ck_assert_int_eq(call(&p, port, (struct tls_request){.identity = "client"}), 0);
    expect_echo(&p);
    tls_pair_close(&p);
    ck_assert_int_eq(call(&p, port, (struct tls_request){0}), 0);
    tls_pair_expect_failure(&p, 0, "ALERT_CERTIFICATE_REQUIRED");
    tls_pair_close(&p);
    ck_assert_int_eq(call(&p, port, (struct tls_request){.identity = "foreign_client"}), 0);
    tls_pair_expect_failure(&p, 0, "ALERT_UNKNOWN_CA");
    tls_pair_close(&p);
    finish(&server, SIGKILL);
    tls_pair_done();
}
END_TEST

/* -- OpenSSL's client -- */

static struct program s_client(int port, const char *a, const char *b, const char *c)
{
    const char *openssl = find_program("openssl");
    static char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    return start((const char *[]){openssl, "s_client", "-connect", address, "-servername",
                                  "localhost", "-CAfile", certificates_path("ca.pem"),
                                  "-verify_return_error", "-verify_hostname", "localhost", "-quiet",
                                  a, b, c, NULL});
}

START_TEST(openssl_client)
{
    static const char *const names[] = {"h2"};
    struct tls_pair p;
    struct program client;
    int port, listener;
    char room[10];

    if (!find_program("openssl"))
        return;
    listener = listen_somewhere(&port);
    client = s_client(port, _i ? "-tls1_3" : "-tls1_2", "-alpn", "h2");
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){.alpn = names, .n_alpn = 1}), 0);
    ck_assert_int_eq(write(client.in, "ask\n", 4), 4);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 4);
    tls_pair_send(&p, 1, "answered\n", 9);
    await_text(&client, "answered");
    ck_assert_str_eq(describe(&p, 1).alpn, "h2");
    tls_pair_shut(&p, 1);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 0);
    ck_assert_int_eq(finish(&client, 0), 0);
    tls_pair_close(&p);
    /* refused by the client; by us; by both */
    client = s_client(port, "-verify_hostname", "other.example", NULL);
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){0}), ERROR_TLS);
    tls_pair_expect_error(&p.errors[1], "tls", "ALERT_BAD_CERTIFICATE");
    finish(&client, SIGKILL);
    tls_pair_close(&p);
    client = s_client(port, "-tls1_1", "-cipher", "ALL@SECLEVEL=0");
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){0}), ERROR_TLS);
    tls_pair_expect_error(&p.errors[1], "tls", "PROTOCOL_VERSION");
    finish(&client, SIGKILL);
    tls_pair_close(&p);
    client = s_client(port, "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0");
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){0}), ERROR_TLS);
    tls_pair_expect_error(&p.errors[1], "tls", "HANDSHAKE");
    finish(&client, SIGKILL);
    tls_pair_close(&p);
    close(listener);
    tls_pair_done();
}
END_TEST

/* -- curl -- */

enum { BODY = 5 << 20 };

static char *new_body(void)
{
    char *body = malloc(BODY);

    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < BODY; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    return body;
}

static struct program curl(int port, const char *option, const char *value)
{
    static char url[64];

    snprintf(url, sizeof url, "https://localhost:%d/", port);
    return start(
        (const char *[]){find_program("curl"), "-sS4", "--noproxy", "*", option, value, url, NULL});
}

static void expect_body(const struct program *p, const char *body)
{
    char *room = malloc(BODY);
    size_t n = 0;
    ssize_t r;

    while ((r = read(p->out, room + n, BODY - n)) > 0)
        n += (size_t)r;
    ck_assert_uint_eq(n, BODY);
    ck_assert_int_eq(memcmp(room, body, BODY), 0);
    free(room);
}

/* In a child, for curl's output has to be read meanwhile. */
static void serve(struct tls_pair *p, const char *body)
{
    static const char head[] = "HTTP/1.0 200 OK\r\nContent-Length: 5242880\r\n\r\n";

    tls_pair_send(p, 1, head, sizeof head - 1);
    tls_pair_send(p, 1, body, BODY);
    tls_pair_shut(p, 1);
}

START_TEST(curl_client)
{
    char *body, request[1000];
    struct tls_pair p;
    struct program client;
    int port, listener;
    pid_t child;

    if (!find_program("curl"))
        return;
    listener = listen_somewhere(&port);
    body = new_body();
    client = curl(port, "--cacert", certificates_path("ca.pem"));
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){0}), 0);
    ck_assert_uint_gt(tls_pair_recv(&p, 1, request, sizeof request), 10);
    if ((child = fork()) == 0) {
        serve(&p, body);
        _exit(0);
    }
    close(p.fds[1]);
    p.fds[1] = -1;
    expect_body(&client, body);
    ck_assert_int_eq(finish(&client, 0), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    tls_pair_close(&p);
    client = curl(port, "--cacert", certificates_path("other_ca.pem"));
    ck_assert_int_eq(answer(&p, listener, (struct tls_request){0}), ERROR_TLS);
    tls_pair_expect_error(&p.errors[1], "tls", "ALERT_UNKNOWN_CA");
    ck_assert_int_eq(finish(&client, 0), 60);
    tls_pair_close(&p);
    close(listener);
    free(body);
    tls_pair_done();
}
END_TEST

/* -- nginx -- */

static void write_file(const char *name, const char *data, size_t n)
{
    FILE *f = fopen(certificates_path(name), "we");

    ck_assert_ptr_nonnull(f);
    fwrite(data, 1, n, f);
    fclose(f);
}

static void write_settings(const char *port)
{
    char text[2000];
    const char *folder = certificates_path("");
    int n =
        snprintf(text, sizeof text,
                 "daemon off;\nmaster_process off;\npid %snginx.pid;\nerror_log stderr notice;\n"
                 "events {}\nhttp {\n access_log off;\n client_body_temp_path %s;\n"
                 " proxy_temp_path %s;\n fastcgi_temp_path %s;\n uwsgi_temp_path %s;\n"
                 " scgi_temp_path %s;\n server {\n  listen 127.0.0.1:%s ssl;\n"
                 "  ssl_certificate %schain.pem;\n  ssl_certificate_key %skey.pem;\n"
                 "  root %s;\n }\n}\n",
                 folder, folder, folder, folder, folder, folder, port, folder, folder, folder);

    write_file("nginx.conf", text, (size_t)n);
}

START_TEST(nginx_server)
{
    static const char ask[] = "GET /body HTTP/1.0\r\nHost: localhost\r\n\r\n";
    const char *nginx = find_program("nginx"), *port = free_port();
    char *body, *room, *at;
    struct program server;
    struct tls_pair p;
    size_t n = 0, n_now;

    if (!nginx)
        return;
    body = new_body();
    room = malloc(BODY + 2000);
    write_file("body", body, BODY);
    write_settings(port);
    server = start((const char *[]){nginx, "-e", "stderr", "-c", certificates_path("nginx.conf"),
                                    "-p", certificates_path(""), NULL});
    await_text(&server, "getrlimit");
    ck_assert_msg(call(&p, port, (struct tls_request){0}) == 0, "%s", p.errors[0].message);
    tls_pair_send(&p, 0, ask, sizeof ask - 1);
    while ((n_now = tls_pair_recv(&p, 0, room + n, BODY + 1999 - n)))
        n += n_now;
    room[n] = '\0';
    ck_assert_ptr_nonnull(at = strstr(room, "\r\n\r\n"));
    ck_assert_uint_eq((size_t)(room + n - at - 4), BODY);
    ck_assert_int_eq(memcmp(at + 4, body, BODY), 0);
    tls_pair_close(&p);
    finish(&server, SIGKILL);
    unlink(certificates_path("nginx.pid"));
    free(body);
    free(room);
    tls_pair_done();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_peers");
    TCase *tests = fds_case(suite, "peers");
    int r;

    certificates_open();
    (void)tls_pair_identities();
    signal(SIGPIPE, SIG_IGN);
    tcase_add_loop_test(tests, s_server, 0, 2);
    tcase_add_test(tests, s_server_that_asks);
    tcase_add_loop_test(tests, openssl_client, 0, 2);
    tcase_add_test(tests, curl_client);
    tcase_add_test(tests, nginx_server);
    r = fds_run(suite);
    certificates_close();
    return r;
}
