#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "tls_error.h"
#include "tls_setup.h"

int tls_new(struct tls_contexts *contexts, const struct tls_request *request, struct tls **ret,
            struct error *e)
{
    struct tls *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return error_memory(e);
    ERR_clear_error();
    r = tls_setup(t, contexts, request, e);
    ERR_clear_error();
    if (r == 0)
        *ret = t;
    else
        tls_free(t);
    return r;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    tls_setup_done(t);
    free(t);
}

/* -- failures -- */

/* Only what says what went wrong: the rest of *e is the caller's. */
static int tell(struct error *e, const struct error *what)
{
    e->hint = what->hint;
    if (what->id == ERROR_OS)
        e->sys_errno = what->sys_errno;
    return error_set(e, what->id, what->name, "%s", what->message);
}

bool tls_has_failed(const struct tls *t, struct error *e)
{
    if (t->failure.id == ERROR_NONE)
        return false;
    tell(e, &t->failure);
    return true;
}

/* OpenSSL's own: the connection is over. What on_certificate has found says more than the queue. */
static int fail(struct tls *t, struct error *e)
{
    if (t->failure.id == ERROR_NONE)
        tls_error_of_queue(&t->failure, !t->is_open);
    else
        ERR_clear_error();
    tls_wire_flush(&t->wire); /* the alert, if there is room for it */
    return tell(e, &t->failure);
}

/* Why a call of OpenSSL came to nothing; *wants what it waits for. */
static int explain(struct tls *t, int result, unsigned *wants, struct error *e)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *wants = EPOLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wants = EPOLLOUT;
        return -EAGAIN;
    case SSL_ERROR_SYSCALL:
        if (t->wire.read_errno) {
            ERR_clear_error();
            return error_os(e, t->wire.read_errno, t->is_open ? "TLS" : "TLS handshake");
        }
        return fail(t, e);
    default:
        return fail(t, e);
    }
}

/* -- the handshake -- */

/* What the handshake leaves behind goes out before anything is sent or read. */
static int finish(struct tls *t, struct error *e)
{
    int r = tls_wire_flush(&t->wire);

    if (r == -EAGAIN) {
        t->read_wants = t->write_wants = EPOLLOUT;
        return r;
    }
    if (r < 0)
        return error_os(e, -r, "TLS handshake");
    t->is_open = true;
    tls_setup_keep_session(t);
    return 0;
}

int tls_handshake(struct tls *t, struct error *e)
{
    int r;

    t->read_wants = t->write_wants = 0;
    if (tls_has_failed(t, e))
        return (int)t->failure.id;
    if (t->is_open)
        return 0;
    ERR_clear_error();
    r = SSL_do_handshake(t->ssl);
    if (r == 1)
        return finish(t, e);
    r = explain(t, r, &t->read_wants, e);
    if (r == -EAGAIN && tls_wire_flush(&t->wire) == -EAGAIN)
        t->read_wants |= EPOLLOUT;
    t->write_wants = t->read_wants;
    return r;
}

bool tls_is_open(const struct tls *t)
{
    return t->is_open;
}

/* -- reading -- */

/* One record's worth. Returns as tls_recv. */
static int read_some(struct tls *t, void *data, size_t n, size_t *ret_n, struct error *e)
{
    int r;

    ERR_clear_error();
    if (SSL_read_ex(t->ssl, data, n, ret_n))
        return 0;
    *ret_n = 0;
    if (SSL_get_error(t->ssl, 0) == SSL_ERROR_ZERO_RETURN) {
        t->is_ended = true;
        return 0;
    }
    r = explain(t, 0, &t->read_wants, e);
    return r;
}

int tls_recv(struct tls *t, void *data, size_t n, size_t *ret_n, struct error *e)
{
    size_t n_done = 0, n_now = 0;
    int r = tls_handshake(t, e);

    if (r != 0)
        return r;
    /* A record that is not full was mostly the last that the peer had to say for now: the socket is
     * not asked in vain. */
    do {
        r = read_some(t, (char *)data + n_done, n - n_done, &n_now, e);
        n_done += n_now;
    } while (r == 0 && n_now && n_done < n &&
             (n_now == TLS_RECORD_BYTES || SSL_pending(t->ssl) || tls_wire_n_ahead(&t->wire)));
    if (n_done == 0 && r != 0)
        return r;
    /* Behind some bytes comes what stopped them: when it is asked for again. */
    t->read_wants = 0;
    *ret_n = n_done;
    return 0;
}

bool tls_is_readable(const struct tls *t)
{
    return SSL_pending(t->ssl) || tls_wire_n_ahead(&t->wire) || t->is_ended ||
           t->failure.id != ERROR_NONE;
}

size_t tls_n_pending(const struct tls *t)
{
    return (size_t)SSL_pending(t->ssl);
}

/* -- writing -- */

int tls_flush(struct tls *t, struct error *e)
{
    int r = tls_wire_flush(&t->wire);

    t->write_wants = r == -EAGAIN ? EPOLLOUT : 0;
    return r < 0 && r != -EAGAIN ? error_os(e, -r, "TLS") : r;
}

/* One record. Returns as tls_send. */
static int write_some(struct tls *t, const void *data, size_t n, size_t *ret_n, struct error *e)
{
    int r = tls_flush(t, e);

    if (r != 0)
        return r;
    ERR_clear_error();
    if (SSL_write_ex(t->ssl, data, n < TLS_RECORD_BYTES ? n : TLS_RECORD_BYTES, ret_n))
        return 0;
    *ret_n = 0;
    return explain(t, 0, &t->write_wants, e);
}

int tls_send(struct tls *t, const void *data, size_t n, size_t *ret_n, struct error *e)
{
    size_t n_done = 0, n_now;
    int r = tls_handshake(t, e);

    if (r != 0)
        return r;
    if (t->is_shut)
        return error_os(e, EPIPE, "TLS");
    while (n_done < n &&
           (r = write_some(t, (const char *)data + n_done, n - n_done, &n_now, e)) == 0)
        n_done += n_now;
    if (n_done == 0 && r != 0)
        return r;
    t->write_wants = 0;
    *ret_n = n_done;
    return 0;
}

int tls_shutdown(struct tls *t, struct error *e)
{
    int r = tls_handshake(t, e);

    if (r != 0)
        return r;
    if (!t->is_shut) {
        ERR_clear_error();
        if ((r = SSL_shutdown(t->ssl)) < 0)
            return explain(t, r, &t->write_wants, e);
        t->is_shut = true;
    }
    return tls_flush(t, e);
}

unsigned tls_read_wants(const struct tls *t)
{
    return t->read_wants;
}

unsigned tls_write_wants(const struct tls *t)
{
    return t->write_wants;
}

/* -- what it is -- */

int tls_describe(const struct tls *t, struct arena *arena, struct tls_info *ret)
{
    return tls_info_of(t->ssl, arena, ret);
}

bool tls_is_in_kernel(const struct tls *t)
{
    return BIO_get_ktls_send(SSL_get_wbio(t->ssl)) && BIO_get_ktls_recv(SSL_get_rbio(t->ssl));
}
