/* tls_pair.h — two ends of TLS on a TCP connection over loopback, in one process, for tests. The
 * identities are called as the files of certificates.h without ".pem"; and there are `guarded`
 * (good, with a CA for its clients), `private` (good, its CA the other one) and some whose files
 * are wrong: no_file, no_key, wrong_key, locked, empty, broken, bad_ca, no_cert. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/tls.h"

enum { TLS_PAIR_CLIENT, TLS_PAIR_SERVER };

struct tls_pair {
    int fds[2];
    struct tls *ends[2];
    int results[2]; /* of the handshake: 0 or an error's id */
    struct error errors[2];
};

const struct tls_identity *tls_pair_identities(void);

/* The set that all of a test share; freed by tls_pair_done. */
struct tls_contexts *tls_pair_contexts(void);
void tls_pair_done(void);

/* Two ends of a TCP connection, non-blocking. */
void tls_pair_connect(int ret_fds[2]);

/* Connects and makes both ends. `fd` and `server_side` need not be filled in; a client that says no
 * server_name says localhost, a server that says no identity is good. */
void tls_pair_make(struct tls_pair *p, struct tls_request client, struct tls_request server);

/* tls_new, set up at once, but its handshake not begun; on failure nothing is left. */
int tls_pair_new(struct tls_contexts *contexts, const struct tls_request *request, struct tls **ret,
                 struct error *e);

/* tls_handshake, computing at once. */
int tls_pair_step(struct tls *t, struct error *e);

/* Both handshakes to their ends; then the client reads once, for a server of TLS 1.3 refuses it
 * after its own end. */
void tls_pair_shake(struct tls_pair *p);

/* make and shake, and both must have come to a good end. */
void tls_pair_open(struct tls_pair *p, struct tls_request client, struct tls_request server);
void tls_pair_close(struct tls_pair *p);

/* Waits for what the end wants, at most ten seconds. */
void tls_pair_wait(int fd, unsigned wants);

/* Until it is done; the errors fail the test. */
size_t tls_pair_recv(struct tls_pair *p, int end, void *data, size_t n);
void tls_pair_send(struct tls_pair *p, int end, const void *data, size_t n);
void tls_pair_shut(struct tls_pair *p, int end);

/* As recv, for what must fail so. */
void tls_pair_expect_failure(struct tls_pair *p, int end, const char *name);
void tls_pair_expect_error(const struct error *e, const char *kind, const char *name);
