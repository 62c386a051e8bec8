#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
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
    r = tls_setup_later(t, contexts, request, e);
    if (r == 0)
        *ret = t;
    else
        tls_free(t);
    return r;
}

bool tls_was_asked_so(const struct tls *t, const struct tls_request *request)
{
    return tls_setup_is_same(t, request);
}

void tls_free(struct tls *t)
{
    if (!t || atomic_fetch_sub(&t->n_users, 1) > 1)
        return;
    tls_setup_done(t);
    free(t);
}

void tls_move(struct tls *t, int fd)
{
    t->wire.fd = fd;
}

void tls_lend(struct tls *t)
{
    atomic_fetch_add(&t->n_users, 1);
}

static bool is_lent(const struct tls *t)
{
    return atomic_load(&t->n_users) > 1;
}

enum {
    MAX_IDLE_MESSAGES = 64, /* in a row; two tickets and a KeyUpdate are usual */
    MAX_RECORDS = 64,       /* for one tls_recv: with one byte in each it takes long enough */
};

/* -- failures -- */

/* Only what says what went wrong: the rest of *e is the caller's. */
static int tell(struct error *e, const struct error *what)
{
    e->hint = what->hint;
    if (what->id == ERROR_OS)
        e->sys_errno = what->sys_errno;
    error_set(e, what->id, what->name, "%s", what->message);
    if (what->name == what->name_room)
        e->name = memcpy(e->name_room, what->name_room, sizeof e->name_room);
    return (int)what->id;
}

bool tls_has_failed(const struct tls *t, struct error *e)
{
    if (is_lent(t) || t->failure.id == ERROR_NONE)
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

/* What there is to do while tls_compute's result is not yet an end. */
static int shake(struct tls *t, struct error *e)
{
    struct error unheard;
    int r = SSL_do_handshake(t->ssl);

    t->is_shaken = r == 1;
    unheard = (struct error){0};
    r = t->is_shaken ? 0 : explain(t, r, &t->shake_wants, &unheard);
    if (r != -EAGAIN)
        tls_setup_forget_ca(t);
    return r > 0 ? tell(e, &unheard) : r;
}

void tls_compute(struct tls *t)
{
    int r = 0;

    ERR_clear_error();
    t->wire.is_offline = true;
    if (!t->is_set_up)
        r = tls_setup(t, &t->failure);
    if (r == 0) {
        t->is_set_up = true;
        shake(t, &t->failure);
    }
    t->wire.is_offline = false;
    OPENSSL_thread_stop(); /* the thread may not compute again for long, or ever */
}

/* What the handshake leaves behind goes out before anything is sent or read. */
static int finish(struct tls *t, int flushed, struct error *e)
{
    if (flushed == -EAGAIN) {
        t->read_wants = t->write_wants = EPOLLOUT;
        return flushed;
    }
    if (flushed < 0)
        return error_os(e, -flushed, "TLS handshake");
    t->is_open = true;
    tls_setup_keep_session(t);
    return 0;
}

int tls_handshake(struct tls *t, struct error *e)
{
    int flushed;

    t->read_wants = t->write_wants = 0;
    if (is_lent(t))
        return -EALREADY;
    flushed = tls_wire_flush(&t->wire); /* a failure's alert, too, if there is room for it */
    if (tls_has_failed(t, e))
        return (int)t->failure.id;
    if (t->is_open)
        return 0;
    if (!t->is_set_up)
        return -EINPROGRESS;
    if (t->is_shaken)
        return finish(t, flushed, e);
    if (t->shake_wants == EPOLLIN ? tls_wire_fill(&t->wire) : flushed != -EAGAIN)
        return -EINPROGRESS;
    t->read_wants = t->write_wants =
        (t->shake_wants & EPOLLIN) | (flushed == -EAGAIN ? EPOLLOUT : 0);
    return -EAGAIN;
}

bool tls_has_begun(const struct tls *t)
{
    return !is_lent(t) && t->is_set_up;
}

bool tls_is_open(const struct tls *t)
{
    return t->is_open;
}

/* Returns as tls_recv. */
static int check_open(const struct tls *t, struct error *e)
{
    if (tls_has_failed(t, e))
        return (int)t->failure.id;
    return t->is_open ? 0 : -EAGAIN;
}

/* -- reading -- */

/* SSL_read_ex or SSL_peek_ex. */
typedef int reader(SSL *ssl, void *data, size_t n, size_t *ret_n);

static int fail_of_idle_talk(struct tls *t, struct error *e)
{
    error_set(&t->failure, ERROR_TLS, "PROTOCOL", "TLS: %d messages in a row without any data",
              MAX_IDLE_MESSAGES);
    return fail(t, e);
}

/* One record's worth. Returns as tls_recv. OpenSSL comes back after each message of TLS's own, as
 * if it had to wait (SSL_MODE_AUTO_RETRY is off): a peer could keep it busy for ever. */
static int read_some(struct tls *t, reader *read, void *data, size_t n, size_t *ret_n,
                     struct error *e)
{
    int r;

    do {
        ERR_clear_error();
        if (read(t->ssl, data, n, ret_n)) {
            t->n_idle_messages = 0;
            return 0;
        }
        *ret_n = 0;
        if (SSL_get_error(t->ssl, 0) == SSL_ERROR_ZERO_RETURN) {
            t->is_ended = true;
            return 0;
        }
        r = explain(t, 0, &t->read_wants, e);
        if (r != -EAGAIN || t->wire.is_dry || t->read_wants != EPOLLIN)
            return r;
    } while (++t->n_idle_messages <= MAX_IDLE_MESSAGES);
    return fail_of_idle_talk(t, e);
}

int tls_recv(struct tls *t, void *data, size_t n, size_t *ret_n, struct error *e)
{
    size_t n_done = 0, n_now = 0;
    int r = check_open(t, e), n_records = 0;

    if (r != 0)
        return r;
    /* A record that is not full was mostly the last that the peer had to say for now: the socket is
     * not asked in vain. */
    do {
        r = read_some(t, SSL_read_ex, (char *)data + n_done, n - n_done, &n_now, e);
        n_done += n_now;
    } while (r == 0 && n_now && n_done < n && ++n_records < MAX_RECORDS &&
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
    if (!t->is_open)
        return !is_lent(t) && t->failure.id != ERROR_NONE;
    return SSL_pending(t->ssl) || tls_wire_n_ahead(&t->wire) || t->is_ended ||
           t->failure.id != ERROR_NONE;
}

bool tls_look(struct tls *t)
{
    struct error unheard = {0};
    size_t n;
    char c;

    if (tls_is_readable(t))
        return true;
    return check_open(t, &unheard) == 0 &&
           read_some(t, SSL_peek_ex, &c, 1, &n, &unheard) != -EAGAIN;
}

/* -- writing -- */

bool tls_has_unsent(const struct tls *t)
{
    return t->is_open && tls_wire_n_unsent(&t->wire) > 0;
}

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
    int r = check_open(t, e);

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
    int r = check_open(t, e);

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
    return t->is_open && BIO_get_ktls_send(SSL_get_wbio(t->ssl)) &&
           BIO_get_ktls_recv(SSL_get_rbio(t->ssl));
}
