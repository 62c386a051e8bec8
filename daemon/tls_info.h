/* tls_info.h — what a connection has agreed on, and who its peer is, as texts. All texts are
 * printable ASCII, whatever a certificate holds. Knows OpenSSL's objects, no connection of ours. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"

struct tls_peer {
    const char *subject, *issuer;  /* RFC 2253: CN=example.com,O=Example */
    const char *serial, *sha256;   /* hexadecimal; the whole certificate's digest */
    int64_t not_before, not_after; /* Unix seconds */
    const char **names;            /* DNS:…, IP:…, email:…, URI:… */
    size_t n_names;
    bool is_verified; /* checked against a CA and, on the client's side, a name */
};

struct tls_info {
    const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
    const char *alpn;             /* NULL: none agreed */
    bool is_resumed, has_peer;
    struct tls_peer peer; /* where it showed a certificate */
};

/* After the handshake. Texts live in the arena. Returns 0 or -ENOMEM. */
int tls_info_of(const SSL *ssl, struct arena *arena, struct tls_info *ret);

/* Pieces of it for messages, cut to n bytes with their NUL; empty where nothing is known. */
void tls_info_name_text(const X509_NAME *name, char *room, size_t n);
void tls_info_time_text(const ASN1_TIME *time, char *room, size_t n);
void tls_info_names_text(X509 *cert, char *room, size_t n);
