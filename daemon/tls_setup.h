/* tls_setup.h — a connection's inside, and how it comes to be from a request. For tls.c only. */
#pragma once
#include "tls.h"
#include "tls_wire.h"

struct tls {
    SSL *ssl;
    struct tls_contexts *contexts; /* a reference */
    struct tls_wire wire;
    struct tls_link link;
    char *server_name; /* NULL: none */
    unsigned read_wants, write_wants;
    bool is_server, is_open, is_ended; /* handshake done; the peer said its end */
    bool is_shut;                      /* we said ours */
    struct error failure;              /* id ERROR_NONE: none */
};

/* Fills in a zeroed *t. On failure the caller calls tls_setup_done, too. Returns 0 or an error's
 * id. */
int tls_setup(struct tls *t, struct tls_contexts *contexts, const struct tls_request *request,
              struct error *e);

/* A session of TLS 1.2 may be resumed again, and OpenSSL tells of it the first time only. */
void tls_setup_keep_session(struct tls *t);

void tls_setup_done(struct tls *t);
