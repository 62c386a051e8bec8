/* tls_wire.h — where TLS meets the kernel socket: a BIO that never blocks, whatever flags the
 * socket has, and never fails to take a record.
 *
 * The second matters. A record that OpenSSL has encrypted and could not write is tied to the bytes
 * it was made of: offered others next time, OpenSSL would send the old ones and count the new ones
 * as sent. So what the socket does not take is kept here, and tls.c makes no record before it is
 * gone. Knows sockets and BIOs, nothing of TLS. */
#pragma once
#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    TLS_WIRE_UNSENT_BYTES = 256 << 10, /* a handshake's largest flight fits */
    TLS_WIRE_AHEAD_BYTES = 16 << 10,   /* read together with the head of a record */
};

struct tls_wire {
    int fd;               /* borrowed */
    char *ahead, *unsent; /* read, not yet used; written, not yet taken */
    size_t ahead_at, n_ahead, unsent_at, n_unsent;
    int read_errno, write_errno; /* how that direction ended; 0: it goes on */
    bool is_ended;               /* the peer's FIN has been read */
    bool is_bulk;                /* the last record was a large one */
    bool is_dry;                 /* the last read found nothing */
    bool is_offline; /* the socket is not touched: only what is here is read, and all is kept */
};

/* One method for many BIOs; BIO_meth_free frees it. NULL when memory is out. */
BIO_METHOD *tls_wire_method_new(void);

/* A BIO on `wire`, which must outlive it. NULL when memory is out. */
BIO *tls_wire_open(const BIO_METHOD *method, struct tls_wire *wire);

/* Bytes that were read from the socket before: read first. Returns 0 or -ENOMEM. */
int tls_wire_put_back(struct tls_wire *wire, const void *data, size_t n);

/* Takes in what the socket has, for reading offline. False: there is nothing to read, not even an
 * end or an error. */
bool tls_wire_fill(struct tls_wire *wire);

/* Sends what is kept. Returns 0 when nothing is left, -EAGAIN, or the -errno that ended the
 * direction; a BIO write after that is taken and dropped, so that reading goes on. */
int tls_wire_flush(struct tls_wire *wire);

/* Bytes kept; bytes read and not yet used. */
size_t tls_wire_n_unsent(const struct tls_wire *wire);
size_t tls_wire_n_ahead(const struct tls_wire *wire);

/* Frees what is kept. */
void tls_wire_done(struct tls_wire *wire);
