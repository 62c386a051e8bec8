/* tls_error.h — what OpenSSL says, as an error that a client can use: a name to rely on, a sentence
 * with the reason, a hint. OpenSSL's queue of errors is empty afterwards, always. Knows no
 * connection.
 *
 * The names: CERTIFICATE_VERIFY_FAILED, CERTIFICATE_REQUIRED (a client showed none), HANDSHAKE (the
 * two have nothing in common, or one breaks the rules), PROTOCOL_VERSION, NO_APPLICATION_PROTOCOL,
 * NOT_TLS (the peer speaks something else), TRUNCATED (its end came unsaid), PROTOCOL (the rules
 * were broken later), IDENTITY (the settings' files), and ALERT_… as the peer's alert is called in
 * RFC 8446, section 6, where it is none of these. */
#pragma once
#include <openssl/x509_vfy.h>
#include <stdbool.h>

#include "proto/errors.h"

/* From the queue. in_handshake: it is not over yet. Returns the id. */
int tls_error_of_queue(struct error *e, bool in_handshake);

/* A file of an identity, from the queue: names the identity, the key of the settings and the file.
 */
int tls_error_of_file(struct error *e, const char *identity, const char *key, const char *path);

/* The n-th certificate of a request's ca_pem, from the queue. Returns the id. */
int tls_error_of_ca_pem(struct error *e, int n);

/* A certificate that was not accepted; `wanted` is the name it had to be of, or NULL. */
int tls_error_of_verify(struct error *e, X509_STORE_CTX *store, const char *wanted);

/* Only memory is short, when a call of OpenSSL fails that has no other reason to. */
int tls_error_memory(struct error *e);
