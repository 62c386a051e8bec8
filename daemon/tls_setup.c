#include "tls_setup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_error.h"
#include "tls_request.h"

enum { MAX_HOST_BYTES = 253 }; /* RFC 1035, without its last dot */

/* -- the name -- */

static bool is_ip(const char *name)
{
    unsigned char room[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* What OpenSSL would take for more than a name (a dot in front means all below) is none. */
static bool is_host(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] == '.' ? i == 0 || name[i - 1] == '.'
                           : !isascii(name[i]) || !(isalnum(name[i]) || strchr("-_", name[i])))
            return false;
    return true;
}

static int copy_name(struct tls *t, const char *name, struct error *e)
{
    size_t n = strlen(name);

    if (n && name[n - 1] == '.')
        n--;
    if (n == 0 || n > MAX_HOST_BYTES)
        return error_param(e, "server_name", "a host name or an IP address");
    if (!is_ip(name) && !is_host(name, n))
        return error_param(e, "server_name",
                           "letters, digits, - and _ between single dots; other letters as xn--…");
    t->server_name = strndup(name, n);
    return t->server_name ? 0 : error_memory(e);
}

/* SNI is for names only (RFC 6066, section 3). */
static int set_name(struct tls *t, const char *name, bool verify, struct error *e)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    int r;

    if (!name && !verify)
        return 0;
    if (!name) {
        e->hint = "say whom you want to speak with; or verify:false, where that does not matter";
        return error_param(e, "server_name", "needed to verify the server's certificate");
    }
    if ((r = copy_name(t, name, e)))
        return r;
    if (is_ip(t->server_name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, t->server_name) ? 0 : tls_error_memory(e);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!X509_VERIFY_PARAM_set1_host(param, t->server_name, 0) ||
        !SSL_set_tlsext_host_name(t->ssl, t->server_name))
        return tls_error_memory(e);
    return 0;
}

/* -- verification -- */

static struct tls *tls_of(struct tls_link *link)
{
    return (struct tls *)((char *)link - offsetof(struct tls, link));
}

/* Remembers the first reason with its certificate: OpenSSL itself keeps the number alone. */
static int on_certificate(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = tls_of(SSL_get_app_data(ssl));

    if (!is_good && t->failure.id == ERROR_NONE)
        tls_error_of_verify(&t->failure, store, t->server_name);
    return is_good;
}

static int add_ca(struct tls *t, X509_STORE *store, X509 *cert)
{
    return X509_STORE_add_cert(store, cert) && (!t->is_server || SSL_add_client_CA(t->ssl, cert));
}

/* Reads until there is no further certificate. Returns 0 with their number, or an error's id. */
static int read_all(struct tls *t, BIO *pem, X509_STORE *store, int *ret_n, struct error *e)
{
    X509 *cert;
    int is_good = 1;

    while (is_good && (cert = PEM_read_bio_X509(pem, NULL, tls_contexts_no_passphrase, NULL))) {
        is_good = add_ca(t, store, cert);
        X509_free(cert);
        ++*ret_n;
    }
    if (!is_good)
        return tls_error_of_ca_pem(e, *ret_n);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return tls_error_of_ca_pem(e, *ret_n + 1);
    ERR_clear_error();
    return 0;
}

static int read_ca_pem(struct tls *t, const char *text, X509_STORE *store, struct error *e)
{
    BIO *pem = BIO_new_mem_buf(text, -1);
    int n = 0;
    int r = pem ? read_all(t, pem, store, &n, e) : tls_error_memory(e);

    BIO_free(pem);
    if (r == 0 && n == 0)
        return error_param(e, "ca_pem",
                           "there is no certificate in it (-----BEGIN CERTIFICATE-----)");
    return r;
}

static int use_ca_pem(struct tls *t, const char *text, struct error *e)
{
    X509_STORE *store;
    int r;

    if (!(store = X509_STORE_new()))
        return tls_error_memory(e);
    if (t->is_server)
        SSL_set_client_CA_list(t->ssl, sk_X509_NAME_new_null());
    r = read_ca_pem(t, text, store, e);
    if (r == 0 && !SSL_set1_verify_cert_store(t->ssl, store))
        r = tls_error_memory(e);
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(t->ssl), X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_free(store);
    return r;
}

/* Whether the peer is verified at all, or 0 with the reason why that cannot be. */
static int decide(const struct tls_request *q, bool has_ca, bool *ret, struct error *e)
{
    bool can = !q->server_side || has_ca || q->ca_pem;

    *ret = q->verify != TLS_VERIFY_OFF && can;
    if (q->verify != TLS_VERIFY_ON || can)
        return 0;
    e->hint = "give ca_pem, or name an identity that has a ca";
    return error_param(e, "verify", "clients can only be verified by a CA of your own");
}

static int set_verify(struct tls *t, const struct tls_request *q, bool has_ca, struct error *e)
{
    bool verify;
    int r = decide(q, has_ca, &verify, e);

    if (r == 0 && !q->server_side)
        r = set_name(t, q->server_name, verify, e);
    if (r == 0 && q->ca_pem)
        r = use_ca_pem(t, q->ca_pem, e);
    if (verify)
        SSL_set_verify(t->ssl,
                       SSL_VERIFY_PEER | (t->is_server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       on_certificate);
    else
        SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
    return r;
}

/* -- ALPN -- */

/* As it goes over the wire: each with its length before it (RFC 7301). */
static int encode_alpn(struct tls *t, const struct tls_request *q, struct error *e)
{
    if (q->n_alpn && !(t->link.alpn = malloc(q->n_alpn * (TLS_ALPN_BYTES + 1))))
        return error_memory(e);
    for (size_t i = 0; i < q->n_alpn; i++) {
        size_t n = strlen(q->alpn[i]);

        if (n == 0 || n > TLS_ALPN_BYTES)
            return error_param(e, "alpn", "each has 1 to %d bytes", TLS_ALPN_BYTES);
        t->link.alpn[t->link.n_alpn++] = (unsigned char)n;
        memcpy(t->link.alpn + t->link.n_alpn, q->alpn[i], n);
        t->link.n_alpn += n;
    }
    return 0;
}

static int set_alpn(struct tls *t, const struct tls_request *q, struct error *e)
{
    int r = encode_alpn(t, q, e);

    if (r == 0 && t->link.n_alpn && !t->is_server &&
        SSL_set_alpn_protos(t->ssl, t->link.alpn, (unsigned)t->link.n_alpn) != 0)
        r = tls_error_memory(e);
    return r;
}

/* -- sessions -- */

/* All that a session was agreed under, so that nobody resumes what he would not have accepted: one
 * without verification, of another CA, of another's client certificate. A client comes back to the
 * same address; where there is none (a Unix socket) the name is what tells servers apart. A
 * server's clients come from anywhere. */
static int make_session_key(struct tls *t)
{
    struct {
        struct tls_session_key asked;
        struct sockaddr_storage peer;
    } all;

    memset(&all, 0, sizeof all);
    all.asked = t->asked;
    if (!t->is_server)
        memcpy(&all.peer, &t->peer, t->n_peer);
    return EVP_Digest(&all, sizeof all, t->link.session_key.bytes, NULL, EVP_sha256(), NULL)
               ? 0
               : -ENOMEM;
}

static int resume(struct tls *t, struct error *e)
{
    struct tls_session_key *key = &t->link.session_key;
    SSL_SESSION *session;
    int r = 0;

    if (make_session_key(t) < 0)
        return tls_error_memory(e);
    if (t->is_server)
        return SSL_set_session_id_context(t->ssl, key->bytes, sizeof key->bytes)
                   ? 0
                   : tls_error_memory(e);
    session = tls_sessions_take(t->link.sessions, key);
    if (session && !SSL_set_session(t->ssl, session))
        r = tls_error_memory(e);
    SSL_SESSION_free(session);
    return r;
}

void tls_setup_keep_session(struct tls *t)
{
    if (!t->is_server && SSL_session_reused(t->ssl) && SSL_version(t->ssl) == TLS1_2_VERSION)
        tls_sessions_add(t->link.sessions, &t->link.session_key, SSL_get1_session(t->ssl));
}

/* -- the whole -- */

int tls_setup_later(struct tls *t, struct tls_contexts *contexts, const struct tls_request *q,
                    struct error *e)
{
    int r = tls_request_check(q, e);

    atomic_init(&t->n_users, 1);
    t->contexts = tls_contexts_ref(contexts);
    if (r != 0)
        return r;
    t->is_server = q->server_side;
    t->wire.fd = q->fd;
    t->n_peer = sizeof t->peer;
    if (getpeername(q->fd, (struct sockaddr *)&t->peer, &t->n_peer) < 0 ||
        t->n_peer > sizeof t->peer)
        t->n_peer = 0;
    if (tls_request_digest(q, &t->asked) < 0 ||
        tls_request_copy(q, &t->request_arena, &t->request) < 0 ||
        tls_wire_put_back(&t->wire, q->ahead, q->n_ahead) < 0)
        return tls_error_memory(e);
    return 0;
}

bool tls_setup_is_same(const struct tls *t, const struct tls_request *q)
{
    struct tls_session_key key;

    return tls_request_digest(q, &key) == 0 && memcmp(&key, &t->asked, sizeof key) == 0;
}

static int set_wire(struct tls *t, struct error *e)
{
    BIO *bio = tls_wire_open(tls_contexts_wire(t->contexts), &t->wire);

    if (!bio)
        return tls_error_memory(e);
    SSL_set_bio(t->ssl, bio, bio);
    return 0;
}

int tls_setup(struct tls *t, struct error *e)
{
    const struct tls_request *q = &t->request;
    SSL_CTX *ctx;
    bool has_ca;
    int r = tls_contexts_find(t->contexts, q->identity, q->server_side, &ctx, &has_ca, e);

    if (r != 0)
        return r;
    if (q->server_side && q->server_name)
        return error_param(e, "server_name", "the client's side says it");
    t->link.sessions = tls_contexts_sessions(t->contexts);
    if (!(t->ssl = SSL_new(ctx)) || !SSL_set_app_data(t->ssl, &t->link))
        return tls_error_memory(e);
    if ((r = set_wire(t, e)) || (r = set_verify(t, q, has_ca, e)) || (r = set_alpn(t, q, e)) ||
        (r = resume(t, e)))
        return r;
    if (t->is_server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    arena_done(&t->request_arena);
    return 0;
}

void tls_setup_forget_ca(struct tls *t)
{
    SSL_set0_verify_cert_store(t->ssl, NULL);
    SSL_set_client_CA_list(t->ssl, NULL);
}

void tls_setup_done(struct tls *t)
{
    /* OpenSSL resumes no session whose connection ended without a word; but who is behind a
     * handle may do that at any time. */
    if (t->ssl && t->failure.id == ERROR_NONE)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    tls_wire_done(&t->wire);
    tls_contexts_unref(t->contexts);
    arena_done(&t->request_arena);
    free(t->server_name);
    free(t->link.alpn);
    ERR_clear_error();
}
