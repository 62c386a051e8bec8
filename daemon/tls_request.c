#include "tls_request.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

static int copy_text(struct arena *arena, const char **text)
{
    if (*text && !(*text = arena_copy(arena, *text, strlen(*text))))
        return -ENOMEM;
    return 0;
}

static int copy_protocols(struct arena *arena, struct tls_request *q)
{
    const char **copies = arena_alloc(arena, (q->n_alpn + 1) * sizeof *copies);

    if (!copies)
        return -ENOMEM;
    for (size_t i = 0; i < q->n_alpn; i++) {
        copies[i] = q->alpn[i];
        if (copy_text(arena, &copies[i]) < 0)
            return -ENOMEM;
    }
    q->alpn = copies;
    return 0;
}

int tls_request_copy(const struct tls_request *from, struct arena *a, struct tls_request *q)
{
    *q = *from;
    q->ahead = NULL;
    if (copy_text(a, &q->server_name) < 0 || copy_text(a, &q->identity) < 0 ||
        copy_text(a, &q->ca_pem) < 0 || copy_text(a, &q->scope) < 0)
        return -ENOMEM;
    return copy_protocols(a, q);
}

int tls_request_check(const struct tls_request *q, struct error *e)
{
    if (q->ca_pem && strlen(q->ca_pem) > TLS_CA_PEM_BYTES)
        return error_param(e, "ca_pem", "at most %d bytes", TLS_CA_PEM_BYTES);
    if (q->n_alpn > TLS_ALPN_NAMES)
        return error_param(e, "alpn", "at most %d protocols", TLS_ALPN_NAMES);
    return 0;
}

static void add(EVP_MD_CTX *digest, const void *data, size_t n)
{
    EVP_DigestUpdate(digest, &n, sizeof n);
    EVP_DigestUpdate(digest, data, n);
}

static void add_text(EVP_MD_CTX *digest, const char *text)
{
    add(digest, text ? text : "", text ? strlen(text) : 0);
}

int tls_request_digest(const struct tls_request *q, struct tls_session_key *ret)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    const char how[] = {q->server_side, (char)q->verify};
    bool is_made = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);

    if (is_made) {
        add(digest, how, sizeof how);
        add_text(digest, q->server_name);
        add_text(digest, q->identity);
        add_text(digest, q->ca_pem);
        add_text(digest, q->scope);
        for (size_t i = 0; i < q->n_alpn; i++)
            add_text(digest, q->alpn[i]);
        is_made = EVP_DigestFinal_ex(digest, ret->bytes, NULL);
    }
    EVP_MD_CTX_free(digest);
    return is_made ? 0 : -ENOMEM;
}
