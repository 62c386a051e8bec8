/* tls_setup.h — a connection's inside, and how it comes to be from a request. For tls.c only. */
#pragma once
#include <stdatomic.h>
#include <sys/socket.h>

#include "tls.h"
#include "tls_wire.h"

struct tls {
    atomic_int n_users;            /* whose it is, and a thread that computes */
    struct tls_contexts *contexts; /* a reference */
    struct tls_session_key asked;  /* the request in short */
    struct tls_request request;    /* a copy, until it is set up */
    struct arena request_arena;
    struct sockaddr_storage peer; /* n_peer 0: it has no address */
    socklen_t n_peer;
    SSL *ssl;
    struct tls_wire wire;
    struct tls_link link;
    char *server_name; /* NULL: none */
    unsigned read_wants, write_wants;
    unsigned shake_wants;              /* why tls_compute came to no end */
    bool is_server, is_open, is_ended; /* handshake done; the peer said its end */
    bool is_set_up, is_shaken; /* OpenSSL has done its part of the handshake: some may be unsent */
    bool is_shut;              /* we said ours */
    int n_idle_messages;       /* of TLS's own, since the last data */
    struct error failure;      /* id ERROR_NONE: none */
};

/* Copies what a zeroed *t is to become; touches no file and computes nothing. Returns 0 or an
 * error's id; in any case the caller calls tls_setup_done some time. */
int tls_setup_later(struct tls *t, struct tls_contexts *contexts, const struct tls_request *request,
                    struct error *e);

/* Whether it was made from a request for the same. */
bool tls_setup_is_same(const struct tls *t, const struct tls_request *request);

/* Sets it up. Returns 0 or an error's id. */
int tls_setup(struct tls *t, struct error *e);

/* A session of TLS 1.2 may be resumed again, and OpenSSL tells of it the first time only. */
void tls_setup_keep_session(struct tls *t);

/* Frees a ca_pem's certificates: nobody is verified twice. */
void tls_setup_forget_ca(struct tls *t);

void tls_setup_done(struct tls *t);
