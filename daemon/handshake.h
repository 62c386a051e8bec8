/* handshake.h — what a TLS handshake computes, in a worker: signatures and chains of certificates
 * take milliseconds, a peer's large keys far more, and an identity's files lie on a disk. */
#pragma once
#include <stdbool.h>

#include "tls.h"
#include "workers.h"

struct handshake;

/* Lends the connection to a worker, which computes once (tls_compute), in the turn of user `uid`;
 * `owner` waits for it. Returns 0 or -errno. */
int handshake_start(struct workers *w, struct tls *tls, uid_t uid, void *owner,
                    struct handshake **ret);

/* Whether the worker has done: what came of it, tls_handshake tells after handshake_free. */
bool handshake_is_done(const struct handshake *h);

/* Gives the connection back, now or when the worker has done with it. NULL is fine. */
void handshake_free(void *handshake);
