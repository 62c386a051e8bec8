#include "tls_info.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A copy of what the peer says, which may hold any byte anywhere. */
static char *text_of(const void *data, size_t n, struct arena *arena)
{
    char *text = arena_copy(arena, data, n);

    for (size_t i = 0; text && i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    return text;
}

/* -- pieces -- */

static char *name_of(const X509_NAME *name, struct arena *arena)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *data, *text = NULL;
    long n;

    if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(b, &data);
        text = text_of(data, (size_t)n, arena);
    }
    BIO_free(b);
    ERR_clear_error();
    return text;
}

static char *general_name(const GENERAL_NAME *g, struct arena *arena)
{
    char room[INET6_ADDRSTRLEN] = "?";
    const ASN1_STRING *s = g->d.ia5;
    const char *kind = g->type == GEN_DNS ? "DNS" : g->type == GEN_EMAIL ? "email" : "URI";
    const char *text;

    if (g->type == GEN_IPADD) {
        s = g->d.iPAddress;
        inet_ntop(ASN1_STRING_length(s) == 16 ? AF_INET6 : AF_INET, ASN1_STRING_get0_data(s), room,
                  sizeof room);
        return arena_printf(arena, "IP:%s", room);
    }
    text = text_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s), arena);
    return text ? arena_printf(arena, "%s:%s", kind, text) : NULL;
}

static bool is_shown(const GENERAL_NAME *g)
{
    int n;

    if (g->type == GEN_IPADD)
        return (n = ASN1_STRING_length(g->d.iPAddress)) == 4 || n == 16;
    return g->type == GEN_DNS || g->type == GEN_EMAIL || g->type == GEN_URI;
}

static int names_of(X509 *cert, struct arena *arena, struct tls_peer *ret)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = all ? sk_GENERAL_NAME_num(all) : 0, r = 0;

    ret->n_names = 0;
    ret->names = arena_alloc(arena, (size_t)(n ? n : 1) * sizeof *ret->names);
    if (!ret->names)
        r = -ENOMEM;
    for (int i = 0; i < n && r == 0; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

        if (is_shown(g) && !(ret->names[ret->n_names++] = general_name(g, arena)))
            r = -ENOMEM;
    }
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return r;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

static char *hex_of(const unsigned char *bytes, size_t n, struct arena *arena)
{
    char *text = arena_alloc(arena, 2 * n + 1);

    for (size_t i = 0; text && i < n; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    return text;
}

/* -- the whole -- */

static int peer_of(X509 *cert, struct arena *arena, struct tls_peer *ret)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;

    if (names_of(cert, arena, ret) < 0 || !X509_digest(cert, EVP_sha256(), digest, &n_digest))
        return -ENOMEM;
    ret->subject = name_of(X509_get_subject_name(cert), arena);
    ret->issuer = name_of(X509_get_issuer_name(cert), arena);
    ret->serial = hex_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), arena);
    ret->sha256 = hex_of(digest, n_digest, arena);
    ret->not_before = seconds_of(X509_get0_notBefore(cert));
    ret->not_after = seconds_of(X509_get0_notAfter(cert));
    return ret->subject && ret->issuer && ret->serial && ret->sha256 ? 0 : -ENOMEM;
}

int tls_info_of(const SSL *ssl, struct arena *arena, struct tls_info *ret)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    const unsigned char *alpn;
    unsigned n_alpn;
    int r = 0;

    *ret = (struct tls_info){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .is_resumed = SSL_session_reused(ssl),
        .has_peer = cert,
    };
    SSL_get0_alpn_selected(ssl, &alpn, &n_alpn);
    if (n_alpn && !(ret->alpn = text_of(alpn, n_alpn, arena)))
        return -ENOMEM;
    if (cert) {
        r = peer_of(cert, arena, &ret->peer);
        ret->peer.is_verified =
            SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK;
    }
    ERR_clear_error();
    return r;
}

/* -- for messages -- */

static void cut(const char *text, char *room, size_t n)
{
    snprintf(room, n, "%s", text ? text : "");
}

void tls_info_name_text(const X509_NAME *name, char *room, size_t n)
{
    struct arena arena = {0};

    cut(name_of(name, &arena), room, n);
    arena_done(&arena);
}

void tls_info_time_text(const ASN1_TIME *time, char *room, size_t n)
{
    struct tm tm;

    *room = '\0';
    if (ASN1_TIME_to_tm(time, &tm))
        strftime(room, n, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void tls_info_names_text(X509 *cert, char *room, size_t n)
{
    struct arena arena = {0};
    struct tls_peer peer = {0};
    size_t used = 0;

    *room = '\0';
    if (names_of(cert, &arena, &peer) == 0)
        for (size_t i = 0; i < peer.n_names && used < n; i++)
            used += (size_t)snprintf(room + used, n - used, "%s%s", i ? ", " : "", peer.names[i]);
    arena_done(&arena);
}
