#include "tls_pair.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/tls_setup.h"
#include "fds.h"

/* -- identities -- */

struct plan {
    const char *name, *cert, *key, *ca;
};

static const struct plan plans[] = {
    {"good", "good.pem", "key.pem", NULL},
    {"chain", "chain.pem", "key.pem", NULL},
    {"leaf", "leaf.pem", "key.pem", NULL},
    {"expired", "expired.pem", "key.pem", NULL},
    {"future", "future.pem", "key.pem", NULL},
    {"self", "self.pem", "key.pem", NULL},
    {"foreign", "foreign.pem", "key.pem", NULL},
    {"nameless", "nameless.pem", "key.pem", NULL},
    {"client", "client.pem", "key.pem", NULL},
    {"foreign_client", "foreign_client.pem", "key.pem", NULL},
    {"guarded", "good.pem", "key.pem", "ca.pem"},
    {"private", "client.pem", "key.pem", "other_ca.pem"},
    {"no_file", "missing.pem", "key.pem", NULL},
    {"no_key", "good.pem", "missing.pem", NULL},
    {"wrong_key", "good.pem", "other_key.pem", NULL},
    {"locked", "good.pem", "locked_key.pem", NULL},
    {"empty", "empty.pem", "key.pem", NULL},
    {"broken", "broken.pem", "key.pem", NULL},
    {"bad_ca", "good.pem", "key.pem", "broken.pem"},
    {"no_cert", NULL, NULL, "ca.pem"},
};

enum { N_PLANS = sizeof plans / sizeof *plans };

static struct tls_contexts *contexts;

static char *path_of(const char *name)
{
    return name ? strdup(certificates_path(name)) : NULL;
}

const struct tls_identity *tls_pair_identities(void)
{
    static struct tls_identity list[N_PLANS];
    static char pool[] = "web", *pools[] = {pool};

    if (list[0].name)
        return list;
    for (size_t i = 0; i < N_PLANS; i++)
        list[i] = (struct tls_identity){
            .name = (char *)plans[i].name,
            .cert = path_of(plans[i].cert),
            .key = path_of(plans[i].key),
            .ca = path_of(plans[i].ca),
            .pools = {.set = true, .items = pools, .n = 1},
            .next = i + 1 < N_PLANS ? &list[i + 1] : NULL,
        };
    return list;
}

struct tls_contexts *tls_pair_contexts(void)
{
    if (!contexts)
        contexts = tls_contexts_new(tls_pair_identities());
    return contexts;
}

void tls_pair_done(void)
{
    tls_contexts_unref(contexts);
    contexts = NULL;
}

/* -- making -- */

void tls_pair_connect(int ret_fds[2])
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, n), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)!connect(ret_fds[0], (struct sockaddr *)&a, n);
    ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(ret_fds[1], 0);
    close(listener);
}

int tls_pair_step(struct tls *t, struct error *e)
{
    int r;

    while ((r = tls_handshake(t, e)) == -EINPROGRESS)
        tls_compute(t);
    return r;
}

int tls_pair_new(struct tls_contexts *set, const struct tls_request *request, struct tls **ret,
                 struct error *e)
{
    struct tls *t;
    int r = tls_new(set, request, &t, e);

    if (r != 0)
        return r;
    ck_each(!tls_has_begun(t), "set up before it is asked");
    r = tls_setup(t, e);
    t->is_set_up = r == 0;
    if (r != 0)
        tls_free(t);
    else
        *ret = t;
    return r;
}

void tls_pair_make(struct tls_pair *p, struct tls_request client, struct tls_request server)
{
    *p = (struct tls_pair){0};
    tls_pair_connect(p->fds);
    client.fd = p->fds[TLS_PAIR_CLIENT];
    if (!client.server_name)
        client.server_name = "localhost";
    server.fd = p->fds[TLS_PAIR_SERVER];
    server.server_side = true;
    if (!server.identity)
        server.identity = "good";
    ck_assert_msg(tls_pair_new(tls_pair_contexts(), &client, &p->ends[0], &p->errors[0]) == 0, "%s",
                  p->errors[0].message);
    ck_assert_msg(tls_pair_new(tls_pair_contexts(), &server, &p->ends[1], &p->errors[1]) == 0, "%s",
                  p->errors[1].message);
}

void tls_pair_wait(int fd, unsigned wants)
{
    struct pollfd wait = {.fd = fd, .events = (short)wants};

    ck_each(wants != 0, "it waits for nothing");
    ck_each(poll(&wait, 1, 10000) == 1, "what it waits for did not come");
}

/* Waits until one of them can go on. */
static void wait_for_one(struct tls_pair *p)
{
    struct pollfd waits[2];

    for (int i = 0; i < 2; i++)
        waits[i] = (struct pollfd){p->results[i] == -EAGAIN ? p->fds[i] : -1,
                                   (short)tls_read_wants(p->ends[i]), 0};
    ck_assert_int_gt(poll(waits, 2, 10000), 0);
}

void tls_pair_shake(struct tls_pair *p)
{
    char c;
    size_t n;

    p->results[0] = p->results[1] = -EAGAIN;
    for (;;) {
        for (int i = 0; i < 2; i++)
            if (p->results[i] == -EAGAIN)
                p->results[i] = tls_pair_step(p->ends[i], &p->errors[i]);
        if (p->results[0] != -EAGAIN && p->results[1] != -EAGAIN)
            break;
        wait_for_one(p);
    }
    if (p->results[0] == 0 && p->results[1] != 0)
        tls_pair_wait(p->fds[0], POLLIN);
    if (p->results[0] == 0) {
        int r = tls_recv(p->ends[0], &c, 1, &n, &p->errors[0]);

        p->results[0] = r == -EAGAIN ? 0 : r;
    }
}

void tls_pair_open(struct tls_pair *p, struct tls_request client, struct tls_request server)
{
    tls_pair_make(p, client, server);
    tls_pair_shake(p);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(p->results[i] == 0, "end %d: %s", i, p->errors[i].message);
}

void tls_pair_close(struct tls_pair *p)
{
    for (int i = 0; i < 2; i++) {
        tls_free(p->ends[i]);
        if (p->fds[i] >= 0)
            close(p->fds[i]);
    }
}

/* -- bytes -- */

size_t tls_pair_recv(struct tls_pair *p, int end, void *data, size_t n)
{
    struct error e = {0};
    size_t n_read = 0;
    int r;

    while ((r = tls_recv(p->ends[end], data, n, &n_read, &e)) == -EAGAIN)
        tls_pair_wait(p->fds[end], tls_read_wants(p->ends[end]));
    ck_each(r == 0, "%s", e.message);
    return n_read;
}

void tls_pair_send(struct tls_pair *p, int end, const void *data, size_t n)
{
    struct error e = {0};
    size_t n_now;
    int r = 0;

    while (r == -EAGAIN || n) {
        if ((r = n ? tls_send(p->ends[end], data, n, &n_now, &e) : tls_flush(p->ends[end], &e)) ==
            -EAGAIN) {
            tls_pair_wait(p->fds[end], tls_write_wants(p->ends[end]));
            continue;
        }
        ck_each(r == 0, "%s", e.message);
        data = (const char *)data + (n ? n_now : 0);
        n -= n ? n_now : 0;
        r = n ? 0 : tls_flush(p->ends[end], &e);
    }
}

void tls_pair_shut(struct tls_pair *p, int end)
{
    struct error e = {0};
    int r;

    while ((r = tls_shutdown(p->ends[end], &e)) == -EAGAIN)
        tls_pair_wait(p->fds[end], tls_write_wants(p->ends[end]));
    ck_each(r == 0, "%s", e.message);
}

void tls_pair_expect_error(const struct error *e, const char *kind, const char *name)
{
    ck_assert_msg(e->id != ERROR_NONE, "no error where %s was to come", name);
    ck_assert_msg(
        strcmp(error_info(e->id)->kind, kind) == 0 && e->name && strcmp(e->name, name) == 0,
        "%s %s in place of %s %s: %s", error_info(e->id)->kind, e->name, kind, name, e->message);
}

void tls_pair_expect_failure(struct tls_pair *p, int end, const char *name)
{
    struct error e = {0};
    char room[100];
    size_t n;
    int r;

    while ((r = tls_recv(p->ends[end], room, sizeof room, &n, &e)) == -EAGAIN)
        tls_pair_wait(p->fds[end], tls_read_wants(p->ends[end]));
    ck_assert_msg(r > 0, "%zu bytes in place of %s", n, name);
    tls_pair_expect_error(&e, "tls", name);
}
