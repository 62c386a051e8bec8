/* tls_contexts.h — what TLS connections share: the settings' identities with their certificates and
 * keys, the system's CA, sessions to resume. Files are read by
 * tls_contexts_load, or when an identity is first used.
 *
 * A set belongs to one reading of the settings: after the next, make a new one; connections keep
 * the one they began with. Server tickets are made with keys that live as long as the set. Any
 * thread may call. Knows files and OpenSSL's contexts, no socket, no client. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>

#include "config.h"
#include "proto/errors.h"
#include "tls_sessions.h"

struct tls_contexts;

/* One identity, or none (`name` NULL: the system's CA and no certificate), in one role. */
struct tls_context {
    char *name, *cert, *key, *ca; /* key NULL: in the file of the certificate */
    SSL_CTX *client, *server;     /* NULL: not yet used so */
    struct tls_context *next;
};

/* What a context has to know of each connection: its SSL's app data. */
struct tls_link {
    struct tls_sessions *sessions;
    struct tls_session_key session_key; /* client */
    unsigned char *alpn;                /* protocols as they go over the wire; NULL: none */
    size_t n_alpn;
};

/* Whether users of this pool may name the identity; one without `pools` is for nobody. */
bool tls_identity_is_for_pool(const struct tls_identity *identity, const char *pool);

/* A set for these identities, which are copied; reads no file. NULL when memory is out. The
 * reference is the caller's. */
struct tls_contexts *tls_contexts_new(const struct tls_identity *identities);
struct tls_contexts *tls_contexts_ref(struct tls_contexts *c);
void tls_contexts_unref(struct tls_contexts *c); /* NULL is fine */

/* Reads the files of an identity. Where something is wrong with them the one of that name in
 * `before` (NULL: there is none) stays in service: *ret_is_old. Returns 0 or an error's id. */
int tls_contexts_load(struct tls_contexts *c, struct tls_contexts *before, const char *identity,
                      bool *ret_is_old, struct error *e);

/* -- for the connections -- */

/* A pem_password_cb that has none: OpenSSL's own asks on the terminal, and waits. */
int tls_contexts_no_passphrase(char *room, int n, int is_writing, void *argument);

/* The context of an identity (NULL: none) in a role, made when it is not there yet, which reads
 * small files; *ret_has_ca: it has a CA of its own. Both live as long as the set. Returns 0 or an
 * error's id. */
int tls_contexts_find(struct tls_contexts *c, const char *identity, bool server_side, SSL_CTX **ret,
                      bool *ret_has_ca, struct error *e);

struct tls_sessions *tls_contexts_sessions(struct tls_contexts *c);
const BIO_METHOD *tls_contexts_wire(const struct tls_contexts *c);
