#include "tls_error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "tls_info.h"

struct reason {
    int number;
    const char *name, *words, *hint;
};

#define HINT_NOT_TLS "the peer speaks something else there: is it the port that speaks TLS?"
#define HINT_VERSION "TLS 1.2 and 1.3 are spoken here, nothing older"
#define HINT_ALPN    "name one of the protocols that the other side speaks"
#define HINT_OURS                                                                                  \
    "the peer does not accept this side's certificate: see its trusted CAs, and the identity's "   \
    "files"
#define HINT_REQUIRED "name an identity whose certificate the peer accepts"

/* What this side has found. */
static const struct reason reasons[] = {
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "TRUNCATED",
     "the peer ended the connection without TLS's own end", "what came may not be all of it"},
    {SSL_R_WRONG_VERSION_NUMBER, "NOT_TLS", "what the peer sent is not TLS", HINT_NOT_TLS},
    {SSL_R_HTTP_REQUEST, "NOT_TLS", "the peer sent a plain HTTP request", HINT_NOT_TLS},
    {SSL_R_HTTPS_PROXY_REQUEST, "NOT_TLS", "the peer sent a plain CONNECT request", HINT_NOT_TLS},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "NOT_TLS", "what the peer sent is not TLS", HINT_NOT_TLS},
    {SSL_R_UNSUPPORTED_PROTOCOL, "PROTOCOL_VERSION", "no version of TLS in common", HINT_VERSION},
    {SSL_R_VERSION_TOO_LOW, "PROTOCOL_VERSION", "no version of TLS in common", HINT_VERSION},
    {SSL_R_WRONG_SSL_VERSION, "PROTOCOL_VERSION", "no version of TLS in common", HINT_VERSION},
    {SSL_R_NO_APPLICATION_PROTOCOL, "NO_APPLICATION_PROTOCOL",
     "the client offers no protocol of alpn", HINT_ALPN},
    {SSL_R_NO_SHARED_CIPHER, "HANDSHAKE", "no cipher in common", NULL},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "CERTIFICATE_REQUIRED",
     "the client showed no certificate",
     "the client must show one that the CA given here has signed"},
    {0},
};

/* What the peer says it has found (RFC 8446, 6.2). */
static const struct reason alerts[] = {
    {SSL_AD_UNEXPECTED_MESSAGE, "ALERT_UNEXPECTED_MESSAGE", "unexpected message", NULL},
    {SSL_AD_BAD_RECORD_MAC, "ALERT_BAD_RECORD_MAC", "bad record MAC", NULL},
    {SSL_AD_RECORD_OVERFLOW, "ALERT_RECORD_OVERFLOW", "record overflow", NULL},
    {SSL_AD_HANDSHAKE_FAILURE, "HANDSHAKE", "handshake failure",
     "it may want a certificate, or a cipher that is not spoken here"},
    {SSL_AD_BAD_CERTIFICATE, "ALERT_BAD_CERTIFICATE", "bad certificate", HINT_OURS},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "ALERT_UNSUPPORTED_CERTIFICATE", "unsupported certificate",
     HINT_OURS},
    {SSL_AD_CERTIFICATE_REVOKED, "ALERT_CERTIFICATE_REVOKED", "certificate revoked", HINT_OURS},
    {SSL_AD_CERTIFICATE_EXPIRED, "ALERT_CERTIFICATE_EXPIRED", "certificate expired", HINT_OURS},
    {SSL_AD_CERTIFICATE_UNKNOWN, "ALERT_CERTIFICATE_UNKNOWN", "certificate unknown", HINT_OURS},
    {SSL_AD_ILLEGAL_PARAMETER, "ALERT_ILLEGAL_PARAMETER", "illegal parameter", NULL},
    {SSL_AD_UNKNOWN_CA, "ALERT_UNKNOWN_CA", "unknown CA", HINT_OURS},
    {SSL_AD_ACCESS_DENIED, "ALERT_ACCESS_DENIED", "access denied", HINT_OURS},
    {SSL_AD_DECODE_ERROR, "ALERT_DECODE_ERROR", "decode error", NULL},
    {SSL_AD_DECRYPT_ERROR, "ALERT_DECRYPT_ERROR", "decrypt error", NULL},
    {SSL_AD_PROTOCOL_VERSION, "PROTOCOL_VERSION", "no version of TLS in common", HINT_VERSION},
    {SSL_AD_INSUFFICIENT_SECURITY, "ALERT_INSUFFICIENT_SECURITY", "insufficient security", NULL},
    {SSL_AD_INTERNAL_ERROR, "ALERT_INTERNAL_ERROR", "internal error", NULL},
    {SSL_AD_INAPPROPRIATE_FALLBACK, "ALERT_INAPPROPRIATE_FALLBACK", "inappropriate fallback", NULL},
    {SSL_AD_USER_CANCELLED, "ALERT_USER_CANCELED", "user canceled", NULL},
    {SSL_AD_MISSING_EXTENSION, "ALERT_MISSING_EXTENSION", "missing extension", NULL},
    {SSL_AD_UNSUPPORTED_EXTENSION, "ALERT_UNSUPPORTED_EXTENSION", "unsupported extension", NULL},
    {SSL_AD_UNRECOGNIZED_NAME, "ALERT_UNRECOGNIZED_NAME", "unrecognized name",
     "the server has no such server_name"},
    {SSL_AD_UNKNOWN_PSK_IDENTITY, "ALERT_UNKNOWN_PSK_IDENTITY", "unknown PSK identity", NULL},
    {SSL_AD_CERTIFICATE_REQUIRED, "ALERT_CERTIFICATE_REQUIRED", "certificate required",
     HINT_REQUIRED},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "NO_APPLICATION_PROTOCOL", "no application protocol in common",
     HINT_ALPN},
    {0},
};

/* What must be known of a queue to explain it. */
struct queue {
    unsigned long first, tls; /* the cause; the last that is TLS's own; 0: none */
    bool is_memory;
};

static struct queue empty_queue(void)
{
    struct queue q = {0};
    unsigned long code;

    while ((code = ERR_get_error())) {
        q.is_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
        if (!q.first)
            q.first = code;
        if (ERR_GET_LIB(code) == ERR_LIB_SSL)
            q.tls = code;
    }
    return q;
}

static const struct reason *find(const struct reason *list, int number)
{
    while (list->name && list->number != number)
        list++;
    return list->name ? list : NULL;
}

/* Nobody gave one; each reader of PEM says that in its own way. */
static bool is_passphrase(unsigned long code)
{
    int reason = ERR_GET_REASON(code);

    return (ERR_GET_LIB(code) == ERR_LIB_PEM &&
            (reason == PEM_R_BAD_PASSWORD_READ || reason == PEM_R_PROBLEMS_GETTING_PASSWORD)) ||
           reason == ERR_R_INTERRUPTED_OR_CANCELLED;
}

static const char *words_of(unsigned long code)
{
    const char *words;

    if (ERR_SYSTEM_ERROR(code))
        return strerrordesc_np(ERR_GET_REASON(code));
    if (is_passphrase(code))
        return "it wants a passphrase";
    words = ERR_reason_error_string(code);
    return words ? words : "no reason given";
}

static int found_by_peer(struct error *e, int alert)
{
    const struct reason *r = find(alerts, alert);

    if (!r)
        return error_set(e, ERROR_TLS, "ALERT", "the peer ended TLS by alert %d", alert);
    e->hint = r->hint;
    return error_set(e, ERROR_TLS, r->name, "the peer ended TLS by an alert: %s", r->words);
}

int tls_error_of_queue(struct error *e, bool in_handshake)
{
    const char *when = in_handshake ? "TLS handshake" : "TLS";
    struct queue q = empty_queue();
    const struct reason *r = find(reasons, ERR_GET_REASON(q.tls));

    if (q.is_memory)
        return error_memory(e);
    if (q.tls && ERR_GET_REASON(q.tls) >= SSL_AD_REASON_OFFSET)
        return found_by_peer(e, ERR_GET_REASON(q.tls) - SSL_AD_REASON_OFFSET);
    if (in_handshake && ERR_GET_REASON(q.tls) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        e->hint = "it may not speak TLS, or not want to with this side";
        return error_set(e, ERROR_TLS, "TRUNCATED",
                         "the peer closed in the middle of the handshake");
    }
    if (q.tls && r) {
        e->hint = r->hint;
        return error_set(e, ERROR_TLS, r->name, "%s: %s", when, r->words);
    }
    return error_set(e, ERROR_TLS, in_handshake ? "HANDSHAKE" : "PROTOCOL", "%s: %s", when,
                     words_of(q.tls ? q.tls : q.first));
}

int tls_error_of_file(struct error *e, const char *identity, const char *key, const char *path)
{
    struct queue q = empty_queue();

    if (q.is_memory)
        return error_memory(e);
    e->hint = "it is for whoever runs the daemon to mend: [tls] in its settings";
    return error_set(e, ERROR_TLS, "IDENTITY", "identity %.40s: its %s %.120s: %s", identity, key,
                     path, words_of(q.first));
}

int tls_error_of_ca_pem(struct error *e, int n)
{
    struct queue q = empty_queue();

    if (q.is_memory)
        return error_memory(e);
    return error_param(e, "ca_pem", "its certificate %d: %s", n, words_of(q.first));
}

int tls_error_memory(struct error *e)
{
    ERR_clear_error();
    return error_memory(e);
}

/* -- certificates -- */

static const char *verify_hint(int code)
{
    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "give a name that the certificate is of as server_name";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "its owner must renew it";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "look at the clocks of both machines";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "if you trust it, give its CA's certificate as ca_pem";
    default:
        return NULL;
    }
}

/* What else helps to see why; empty where the words say all. */
static void add_detail(char *room, size_t n, int code, X509 *cert, const char *wanted)
{
    char text[100];

    *room = '\0';
    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        tls_info_names_text(cert, text, sizeof text);
        snprintf(room, n, ": it is of %s, not of %.60s", *text ? text : "no name at all",
                 wanted ? wanted : "the one asked for");
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        tls_info_time_text(X509_get0_notAfter(cert), text, sizeof text);
        snprintf(room, n, " on %s", text);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        tls_info_time_text(X509_get0_notBefore(cert), text, sizeof text);
        snprintf(room, n, ", only from %s", text);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        tls_info_name_text(X509_get_issuer_name(cert), text, sizeof text);
        snprintf(room, n, ": none that is trusted is %.80s", text);
        break;
    }
}

int tls_error_of_verify(struct error *e, X509_STORE_CTX *store, const char *wanted)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    int code = X509_STORE_CTX_get_error(store);
    char subject[80] = "", detail[180] = "";

    if (code == X509_V_ERR_OUT_OF_MEM)
        return tls_error_memory(e);
    e->hint = verify_hint(code);
    if (!cert)
        return error_set(e, ERROR_TLS, "CERTIFICATE_VERIFY_FAILED", "the peer's certificate: %s",
                         X509_verify_cert_error_string(code));
    tls_info_name_text(X509_get_subject_name(cert), subject, sizeof subject);
    add_detail(detail, sizeof detail, code, cert, wanted);
    return error_set(e, ERROR_TLS, "CERTIFICATE_VERIFY_FAILED", "%s certificate %s: %s%s",
                     X509_STORE_CTX_get_error_depth(store) ? "the chain's" : "the peer's",
                     *subject ? subject : "(no subject)", X509_verify_cert_error_string(code),
                     detail);
}
