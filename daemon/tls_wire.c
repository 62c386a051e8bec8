#include "tls_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "unix_recv.h"

enum { HEAD_BYTES = 5 }; /* of a record (RFC 8446, 5.1) */

size_t tls_wire_n_unsent(const struct tls_wire *w)
{
    return w->n_unsent - w->unsent_at;
}

size_t tls_wire_n_ahead(const struct tls_wire *w)
{
    return w->n_ahead - w->ahead_at;
}

/* How many of the bytes the socket took; a failure ends the direction. */
static size_t push(struct tls_wire *w, const char *data, size_t n)
{
    ssize_t r;

    if (w->is_offline)
        return 0;
    r = send(w->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r >= 0)
        return (size_t)r;
    if (errno != EAGAIN && errno != EINTR)
        w->write_errno = errno;
    return 0;
}

static void drop_unsent(struct tls_wire *w)
{
    free(w->unsent);
    w->unsent = NULL;
    w->unsent_at = w->n_unsent = 0;
}

int tls_wire_flush(struct tls_wire *w)
{
    if (!w->write_errno && tls_wire_n_unsent(w))
        w->unsent_at += push(w, w->unsent + w->unsent_at, tls_wire_n_unsent(w));
    if (!w->write_errno && tls_wire_n_unsent(w))
        return -EAGAIN;
    drop_unsent(w);
    return -w->write_errno;
}

/* Bytes that the peer can no longer miss must not be lost: without memory the direction ends. */
static void keep(struct tls_wire *w, const char *data, size_t n)
{
    char *room = realloc(w->unsent, w->n_unsent + n);

    if (!room) {
        w->write_errno = ENOMEM;
        return;
    }
    w->unsent = room;
    memcpy(room + w->n_unsent, data, n);
    w->n_unsent += n;
}

static int write_wire(BIO *b, const char *data, int n)
{
    struct tls_wire *w = BIO_get_data(b);
    size_t n_taken = 0;

    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (tls_wire_flush(w) == -EAGAIN && w->n_unsent + (size_t)n > TLS_WIRE_UNSENT_BYTES) {
        BIO_set_retry_write(b);
        return -1;
    }
    if (!w->write_errno && tls_wire_n_unsent(w) == 0)
        n_taken = push(w, data, (size_t)n);
    if (!w->write_errno && n_taken < (size_t)n)
        keep(w, data + n_taken, (size_t)n - n_taken);
    return n;
}

static void drop_ahead(struct tls_wire *w)
{
    free(w->ahead);
    w->ahead = NULL;
    w->ahead_at = w->n_ahead = 0;
}

static ssize_t read_ahead(struct tls_wire *w, char *data, size_t n)
{
    size_t n_left = tls_wire_n_ahead(w);

    if (n > n_left)
        n = n_left;
    memcpy(data, w->ahead + w->ahead_at, n);
    w->ahead_at += n;
    if (n == n_left)
        drop_ahead(w);
    return (ssize_t)n;
}

/* As recv(2) says it. */
static ssize_t as_errno(ssize_t r)
{
    if (r >= 0)
        return r;
    errno = (int)-r;
    return -1;
}

/* A record's head is asked for by itself; the rest of it, and the records behind it where they are
 * small, come along in the same call. Returns as recv(2). */
static ssize_t read_head(struct tls_wire *w, char *data, size_t n)
{
    struct iovec parts[2] = {{data, n}, {NULL, TLS_WIRE_AHEAD_BYTES}};
    ssize_t r;

    w->ahead = parts[1].iov_base = malloc(TLS_WIRE_AHEAD_BYTES);
    r = as_errno(unix_recv(w->fd, parts, w->ahead ? 2 : 1, 0, NULL));
    if (r > (ssize_t)n) {
        w->n_ahead = (size_t)r - n;
        return (ssize_t)n;
    }
    drop_ahead(w);
    return r;
}

/* What was read ahead comes first. Only small records are worth being read together: of large ones
 * it is the copying that costs. */
static ssize_t read_any(struct tls_wire *w, char *data, size_t n)
{
    if (tls_wire_n_ahead(w))
        return read_ahead(w, data, n);
    if (w->is_offline) {
        errno = EAGAIN;
        return w->is_ended ? 0 : -1;
    }
    if (n == HEAD_BYTES && !w->is_bulk)
        return read_head(w, data, n);
    return as_errno(unix_recv_bytes(w->fd, data, n, 0, NULL));
}

bool tls_wire_fill(struct tls_wire *w)
{
    ssize_t r;

    if (tls_wire_n_ahead(w) || w->is_ended || w->read_errno)
        return true;
    if (!(w->ahead = malloc(TLS_WIRE_AHEAD_BYTES))) {
        w->read_errno = ENOMEM;
        return true;
    }
    r = as_errno(unix_recv_bytes(w->fd, w->ahead, TLS_WIRE_AHEAD_BYTES, 0, NULL));
    if (r > 0) {
        w->n_ahead = (size_t)r;
        return true;
    }
    drop_ahead(w);
    if (r == 0)
        w->is_ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        w->read_errno = errno;
    return w->is_ended || w->read_errno;
}

static bool is_large(const unsigned char *head)
{
    return (head[3] << 8 | head[4]) > TLS_WIRE_AHEAD_BYTES / 4;
}

static int read_wire(BIO *b, char *data, int n)
{
    struct tls_wire *w = BIO_get_data(b);
    ssize_t r;

    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (w->read_errno) /* the kernel says it once, and then speaks of an end */
        return -1;
    r = read_any(w, data, (size_t)n);
    w->is_dry = r < 0;
    if (n == HEAD_BYTES && r == n)
        w->is_bulk = is_large((const unsigned char *)data);
    if (r == 0)
        w->is_ended = true;
    else if (r < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(b);
    else if (r < 0)
        w->read_errno = errno;
    return (int)r;
}

static long control_wire(BIO *b, int command, long number, void *argument)
{
    const struct tls_wire *w = BIO_get_data(b);

    (void)number;
    (void)argument;
    switch (command) {
    case BIO_CTRL_FLUSH: /* what is kept is tls_wire_flush's */
        return 1;
    case BIO_CTRL_EOF:
        return w->is_ended;
    default:
        return 0;
    }
}

BIO_METHOD *tls_wire_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "berth's wire");

    if (m) {
        BIO_meth_set_write(m, write_wire);
        BIO_meth_set_read(m, read_wire);
        BIO_meth_set_ctrl(m, control_wire);
    }
    return m;
}

BIO *tls_wire_open(const BIO_METHOD *method, struct tls_wire *w)
{
    BIO *b = BIO_new(method);

    if (b) {
        BIO_set_data(b, w);
        BIO_set_init(b, 1);
    }
    return b;
}

int tls_wire_put_back(struct tls_wire *w, const void *data, size_t n)
{
    if (n == 0)
        return 0;
    if (!(w->ahead = malloc(n)))
        return -ENOMEM;
    memcpy(w->ahead, data, n);
    w->n_ahead = n;
    return 0;
}

void tls_wire_done(struct tls_wire *w)
{
    drop_ahead(w);
    drop_unsent(w);
}
