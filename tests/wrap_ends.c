#include "wrap_ends.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <unistd.h>

#include "certificates.h"

static char settings_room[8192];

const char *wrap_settings(const char *good)
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

struct wrap_ends wrap_connected(const char *host)
{
    struct wrap_ends e;
    int port;
    long long listener;

    house_reopen_with(wrap_settings("good.pem"));
    e.c = house_client();
    e.s = house_client();
    listener = house_listen(e.s, &port);
    e.ch = house_make(e.c, "create_connection", "{'host':'%s','port':%d}", host, port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    house_do(e.s, "close", "{'handle':%lld}", listener);
    return e;
}

struct wrap_ends wrap_again(struct wrap_ends e)
{
    int port;
    long long listener = house_listen(e.s, &port);

    e.ch = house_make(e.c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    e.sh = house_make(e.s, "accept", "{'handle':%lld}", listener);
    house_do(e.s, "close", "{'handle':%lld}", listener);
    return e;
}

struct wrap_replies wrap_shake(struct wrap_ends e, const char *client_more, const char *server_more)
{
    struct wrap_replies r;

    house_begin(e.s, 900, "wrap", "{'handle':%lld,'server_side':true%s}", e.sh, server_more);
    house_begin(e.c, 901, "wrap", "{'handle':%lld%s}", e.ch, client_more);
    r.c = house_next(e.c);
    r.s = house_next(e.s);
    return r;
}

struct wrap_replies wrap_both(struct wrap_ends e)
{
    struct wrap_replies r = wrap_shake(e, ",'server_name':'localhost'", ",'identity':'good'");

    ck_assert(house_has(r.c, "result.tls"));
    ck_assert(house_has(r.s, "result.tls"));
    return r;
}

void wrap_expect_text(struct house_client *c, long long handle, const char *more, const char *text)
{
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld%s}", handle, more), "text"),
                     text);
}

void wrap_expect_eof(struct house_client *c, long long handle)
{
    json_t *r = house_do(c, "recv", "{'handle':%lld}", handle);

    ck_assert(house_bool(r, "eof"));
    ck_assert_str_eq(house_text(r, "text"), "");
}

void wrap_expect_audit(struct house_client *c)
{
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "balance"), 0);
}

json_t *wrap_row(struct house_client *c, long long handle)
{
    return house_do(c, "ledger.get", "{'handle':%lld}", handle);
}

int wrap_foreign_peer(struct house_client *c, long long *ret_handle)
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

char *wrap_ca_pem(const char *file, int n)
{
    const char *text = certificates_text(file);
    char *more = malloc(strlen(text) * 2 * (size_t)n + 20),
         *to = more + sprintf(more, ",'ca_pem':'");

    for (; n > 0; n--)
        for (const char *from = text; *from; from++)
            to += *from == '\n' ? sprintf(to, "\\n") : sprintf(to, "%c", *from);
    sprintf(to, "'");
    return more;
}
