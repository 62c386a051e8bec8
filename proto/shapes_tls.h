/* shapes_tls.h — parameters and results of `wrap`. */
#pragma once
#include "shapes_common.h"

#define wrap_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "a connected stream socket")                                   \
    FIELD(bool, server_side, OPTIONAL, "true: it is the server that shows its certificate")        \
    FIELD(text, server_name, OPTIONAL, "host name or IP address that the certificate must be for") \
    FIELD(text, identity, OPTIONAL, "a [tls NAME] of the settings: certificate, key, CA")          \
    FIELD(text, ca_pem, OPTIONAL, "trust these certificates (PEM) and no others")                  \
    FIELD(texts, alpn, OPTIONAL, "protocols to agree on, the best first")                          \
    FIELD(bool, verify, OPTIONAL, "false: take any certificate; a client verifies by default")     \
    FIELD(timeout, timeout, OPTIONAL, "seconds for the handshake")
SHAPE(wrap_params)

#define tls_certificate_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(text, subject, REQUIRED, "whose it is: CN=example.com,O=Example")                        \
    FIELD(text, issuer, REQUIRED, "who has signed it")                                             \
    FIELD(text, serial, REQUIRED, "its number, hexadecimal")                                       \
    FIELD(text, sha256, REQUIRED, "digest of the whole certificate, hexadecimal")                  \
    FIELD(int, not_before, REQUIRED, "valid from, Unix seconds")                                   \
    FIELD(int, not_after, REQUIRED, "valid until, Unix seconds")                                   \
    FIELD(texts, names, REQUIRED, "DNS:…, IP:…, email:…, URI:…")                                   \
    FIELD(bool, verified, REQUIRED, "whether it was checked against a CA")
SHAPE(tls_certificate)

#define tls_agreement_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(text, version, REQUIRED, "TLSv1.3 or TLSv1.2")                                           \
    FIELD(text, cipher, REQUIRED, "as OpenSSL calls it")                                           \
    FIELD(text, alpn, OPTIONAL, "the protocol that was agreed on")                                 \
    OBJECT(tls_certificate, peer, OPTIONAL, "the certificate that the peer has shown")             \
    FIELD(bool, resumed, REQUIRED, "true: an earlier session went on")
SHAPE(tls_agreement)
#define wrap_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    OBJECT(tls_agreement, tls, REQUIRED, "what was agreed on")
SHAPE(wrap_result)
