#include "tls_contexts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tls_error.h"
#include "tls_wire.h"

struct tls_contexts {
    atomic_int n_refs;
    pthread_mutex_t lock; /* of the contexts being made */
    BIO_METHOD *wire;
    struct tls_sessions sessions;
    struct tls_context *first; /* the one of no identity */
};

bool tls_identity_is_for_pool(const struct tls_identity *id, const char *pool)
{
    for (size_t i = 0; i < id->pools.n; i++)
        if (strcmp(id->pools.items[i], pool) == 0)
            return true;
    return false;
}

/* -- the set -- */

static void free_context(struct tls_context *c)
{
    SSL_CTX_free(c->client);
    SSL_CTX_free(c->server);
    free(c->name);
    free(c->cert);
    free(c->key);
    free(c->ca);
    free(c);
}

static bool copy(char **ret, const char *s)
{
    return !s || (*ret = strdup(s));
}

/* identity NULL: the one of none. */
static struct tls_context *new_context(const struct tls_identity *id)
{
    struct tls_context *c = calloc(1, sizeof *c);

    if (c && id &&
        !(copy(&c->name, id->name) && copy(&c->cert, id->cert) &&
          copy(&c->key, id->key ? id->key : id->cert) && copy(&c->ca, id->ca))) {
        free_context(c);
        return NULL;
    }
    return c;
}

static bool add_all(struct tls_contexts *c, const struct tls_identity *id)
{
    struct tls_context **end = &c->first;

    if (!(*end = new_context(NULL)))
        return false;
    for (; id; id = id->next) {
        end = &(*end)->next;
        if (!(*end = new_context(id)))
            return false;
    }
    return true;
}

struct tls_contexts *tls_contexts_new(const struct tls_identity *identities)
{
    struct tls_contexts *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    atomic_init(&c->n_refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    tls_sessions_init(&c->sessions);
    if (!add_all(c, identities)) {
        tls_contexts_unref(c);
        return NULL;
    }
    return c;
}

struct tls_contexts *tls_contexts_ref(struct tls_contexts *c)
{
    atomic_fetch_add(&c->n_refs, 1);
    return c;
}

void tls_contexts_unref(struct tls_contexts *c)
{
    struct tls_context *next;

    if (!c || atomic_fetch_sub(&c->n_refs, 1) > 1)
        return;
    tls_sessions_done(&c->sessions);
    for (; c->first; c->first = next) {
        next = c->first->next;
        free_context(c->first);
    }
    BIO_meth_free(c->wire);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct tls_sessions *tls_contexts_sessions(struct tls_contexts *c)
{
    return &c->sessions;
}

const BIO_METHOD *tls_contexts_wire(const struct tls_contexts *c)
{
    return c->wire;
}

/* -- one context -- */

int tls_contexts_no_passphrase(char *room, int n, int is_writing, void *argument)
{
    (void)room;
    (void)n;
    (void)is_writing;
    (void)argument;
    return -1;
}

/* The certificate with its key. */
static int use_own(SSL_CTX *ctx, const struct tls_context *c, struct error *e)
{
    if (!c->cert)
        return 0;
    SSL_CTX_set_default_passwd_cb(ctx, tls_contexts_no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, c->cert) != 1)
        return tls_error_of_file(e, c->name, "cert", c->cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return tls_error_of_file(e, c->name, "key", c->key);
    return 0;
}

/* A server tells its clients whose signatures it would take. */
static bool name_cas(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    X509 *cert;

    for (int i = 0; i < sk_X509_OBJECT_num(all); i++)
        if ((cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i))) &&
            !SSL_CTX_add_client_CA(ctx, cert))
            return false;
    return true;
}

/* Whose signature is trusted. */
static int use_ca(SSL_CTX *ctx, const struct tls_context *c, bool server_side, struct error *e)
{
    if (!c->ca)
        return server_side || SSL_CTX_set_default_verify_paths(ctx) ? 0 : tls_error_memory(e);
    if (SSL_CTX_load_verify_file(ctx, c->ca) != 1)
        return tls_error_of_file(e, c->name, "ca", c->ca);
    if (server_side && !name_cas(ctx))
        return tls_error_memory(e);
    /* Whoever names a CA means it, also where it is itself signed by another. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

/* Forward secrecy by elliptic curves alone: with finite fields a peer chooses numbers as large as
 * it likes, and computing with them takes seconds. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!SHA1:!AESCCM"
#define GROUPS  "X25519:P-256:P-384:P-521"

static bool set_rules(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_security_level(ctx, 2);
    return SSL_CTX_set_cipher_list(ctx, CIPHERS) && SSL_CTX_set1_groups_list(ctx, GROUPS) &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
}

/* The server's choice among what the client offers. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned n_offered, void *argument)
{
    const struct tls_link *link = SSL_get_app_data(ssl);

    (void)argument;
    if (!link->alpn)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_select_next_proto((unsigned char **)ret, ret_n, link->alpn, (unsigned)link->n_alpn,
                                 offered, n_offered) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_link *link = SSL_get_app_data(ssl);

    tls_sessions_add(link->sessions, &link->session_key, session);
    return 1;
}

static int new_ssl_ctx(const struct tls_context *c, bool server_side, SSL_CTX **ret,
                       struct error *e)
{
    SSL_CTX *ctx = SSL_CTX_new(server_side ? TLS_server_method() : TLS_client_method());
    int r;

    if (!ctx)
        return tls_error_memory(e);
    /* Clients' sessions are kept by tls_sessions, servers' by their clients, in tickets. */
    SSL_CTX_set_session_cache_mode(
        ctx, server_side ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    r = set_rules(ctx) ? 0 : tls_error_memory(e);
    if (r == 0)
        r = use_own(ctx, c, e);
    if (r == 0)
        r = use_ca(ctx, c, server_side, e);
    if (r == 0)
        *ret = ctx;
    else
        SSL_CTX_free(ctx);
    return r;
}

/* -- finding one -- */

static int find(struct tls_contexts *c, const char *identity, bool server_side,
                struct tls_context **ret, struct error *e)
{
    struct tls_context *found = c->first;

    if (identity)
        for (found = found->next; found && strcmp(found->name, identity) != 0;)
            found = found->next;
    if (!found) {
        e->hint = "whoever runs the daemon names identities in its settings, as [tls NAME]";
        return error_set(e, ERROR_TLS, "IDENTITY", "there is no identity %.64s", identity);
    }
    if (server_side && !found->cert) {
        e->hint = "name an identity of the settings that has a certificate";
        return identity
                   ? error_set(e, ERROR_TLS, "IDENTITY", "identity %.64s has no cert", identity)
                   : error_param(e, "identity", "the server's side needs one");
    }
    *ret = found;
    return 0;
}

/* The first that needs OpenSSL starts it. Its threads may still be at work when the process ends,
 * so it must not tidy up then. */
static int begin(struct tls_contexts *c, struct error *e)
{
    if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL))
        return tls_error_memory(e);
    if (!c->wire && !(c->wire = tls_wire_method_new()))
        return tls_error_memory(e);
    return 0;
}

int tls_contexts_find(struct tls_contexts *c, const char *identity, bool server_side, SSL_CTX **ret,
                      bool *ret_has_ca, struct error *e)
{
    struct tls_context *found;
    SSL_CTX **ctx;
    int r = find(c, identity, server_side, &found, e);

    if (r != 0)
        return r;
    pthread_mutex_lock(&c->lock);
    ctx = server_side ? &found->server : &found->client;
    r = begin(c, e);
    if (r == 0 && !*ctx)
        r = new_ssl_ctx(found, server_side, ctx, e);
    if (r == 0) {
        *ret = *ctx;
        *ret_has_ca = found->ca;
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}

static int load(struct tls_context *found, struct error *e)
{
    int r = found->cert ? new_ssl_ctx(found, true, &found->server, e) : 0;

    return r ? r : new_ssl_ctx(found, false, &found->client, e);
}

static SSL_CTX *share(SSL_CTX *ctx)
{
    if (ctx)
        SSL_CTX_up_ref(ctx);
    return ctx;
}

static bool replace(char **text, const char *by)
{
    free(*text);
    *text = NULL;
    return copy(text, by);
}

/* All of it or nothing: a certificate of today and yesterday's CA were never meant together. */
static bool take_over(struct tls_context *found, struct tls_contexts *before)
{
    const struct tls_context *old = before ? before->first->next : NULL;
    bool is_there;

    SSL_CTX_free(found->server);
    found->server = NULL;
    while (old && strcmp(old->name, found->name) != 0)
        old = old->next;
    if (!old)
        return false;
    pthread_mutex_lock(&before->lock);
    is_there = (old->client || old->server) && replace(&found->cert, old->cert) &&
               replace(&found->key, old->key) && replace(&found->ca, old->ca);
    found->client = is_there ? share(old->client) : NULL;
    found->server = is_there ? share(old->server) : NULL;
    pthread_mutex_unlock(&before->lock);
    return is_there;
}

int tls_contexts_load(struct tls_contexts *c, struct tls_contexts *before, const char *identity,
                      bool *ret_is_old, struct error *e)
{
    struct tls_context *found = NULL;
    int r = find(c, identity, false, &found, e);

    *ret_is_old = false;
    if (r != 0)
        return r;
    pthread_mutex_lock(&c->lock);
    r = begin(c, e);
    if (r == 0 && (r = load(found, e)))
        *ret_is_old = take_over(found, before);
    pthread_mutex_unlock(&c->lock);
    return r;
}
