/* Whichever allocation fails, ours or OpenSSL's: an error that says so, or none at all, never a
 * crash, never a wrong byte; and afterwards all is as before. */
#include <check.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/tls.h"
#include "dice.h"
#include "fault.h"
#include "fds.h"
#include "tls_pair.h"

/* OpenSSL's own, through the names that fault.c has put itself behind. */
static void *crypto_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

/* One try of a step, with faults on. */
#define with_faults(step) (fault_turn(true), r = (step), fault_turn(false), r)

static void check_result(int r, const struct error *e)
{
    if (r > 0)
        ck_each(e->id == (enum error_id)r && *e->message, "an error without a word");
}

static const char *ca_pem;

static int make(struct tls_contexts *contexts, struct tls_pair *p)
{
    static const char *const names[] = {"h2"};
    struct tls_request client = {.server_name = "localhost",
                                 .identity = "client",
                                 .ca_pem = ca_pem,
                                 .alpn = names,
                                 .n_alpn = 1,
                                 .fd = p->fds[0]};
    struct tls_request server = {.server_side = true,
                                 .identity = "guarded",
                                 .alpn = names,
                                 .n_alpn = 1,
                                 .ahead = "",
                                 .fd = p->fds[1]};
    int r;

    if (with_faults(tls_pair_new(contexts, &client, &p->ends[0], &p->errors[0])) == 0)
        r = with_faults(tls_pair_new(contexts, &server, &p->ends[1], &p->errors[1]));
    return r;
}

/* Steps that are done by turns until both ends are through or one has failed. */
static int shake(struct tls_pair *p)
{
    int results[2] = {-EAGAIN, -EAGAIN}, r = 0;

    while (results[0] == -EAGAIN || results[1] == -EAGAIN) {
        for (int i = 0; i < 2; i++) {
            results[i] = with_faults(tls_pair_step(p->ends[i], &p->errors[i]));
            check_result(results[i], &p->errors[i]);
            if (results[i] > 0)
                return results[i];
        }
    }
    return r;
}

static int talk(struct tls_pair *p)
{
    struct arena arena = {0};
    struct tls_info info;
    struct error e = {0};
    char room[100];
    size_t n;
    int r;

    if (with_faults(tls_send(p->ends[0], "hello", 5, &n, &e)) != 0)
        return r;
    while (with_faults(tls_recv(p->ends[1], room, sizeof room, &n, &e)) == -EAGAIN)
        tls_pair_wait(p->fds[1], POLLIN);
    if (r != 0)
        return r;
    ck_each(n == 5 && memcmp(room, "hello", 5) == 0, "other bytes");
    r = with_faults(tls_describe(p->ends[1], &arena, &info));
    ck_each(r == 0 || r == -ENOMEM, "%d", r);
    if (r == 0)
        ck_each(strcmp(info.peer.subject, "CN=client") == 0, "%s", info.peer.subject);
    arena_done(&arena);
    return with_faults(tls_shutdown(p->ends[0], &e));
}

/* All of it with the n-th allocation failing. Returns whether there was one. */
static bool try_all(size_t n)
{
    struct tls_pair p = {0};
    struct tls_contexts *contexts;

    tls_pair_connect(p.fds);
    fault_set((long)n);
    fault_turn(true);
    contexts = tls_contexts_new(tls_pair_identities());
    fault_turn(false);
    if (contexts && make(contexts, &p) == 0 && shake(&p) == 0)
        (void)talk(&p);
    tls_pair_close(&p);
    tls_contexts_unref(contexts);
    return fault_has_happened();
}

/* Some hundreds of them, in the long form all. */
START_TEST(whichever_allocation_fails)
{
    struct dice dice = dice_new();
    size_t n = 1, stride = dice_rounds(100, 1), n_tried = 0;

    (void)try_all(0); /* what OpenSSL keeps for ever it has from here on */
    for (; try_all(n); n += 1 + dice_below(&dice, stride), n_tried++)
        ck_each(n < 200000, "there is no end of allocations");
    printf("%zu of %zu allocations failed\n", n_tried, n);
    ck_assert_uint_gt(n, 1000);
    (void)try_all(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_fault");
    TCase *tests = fds_case(suite, "memory");
    int r;

    if (!fault_is_possible() ||
        !CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free)) {
        fputs("this program must be linked with --wrap=malloc and its like: see fault.h\n", stderr);
        return EXIT_FAILURE;
    }
    certificates_open();
    ca_pem = certificates_text("ca.pem");
    (void)tls_pair_identities();
    tcase_add_test(tests, whichever_allocation_fails);
    r = fds_run(suite);
    certificates_close();
    return r;
}
