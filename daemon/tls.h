/* tls.h — TLS 1.2 and 1.3 over one connected stream socket, by OpenSSL. Verification is on unless
 * it is switched off; compression, renegotiation and early data do not exist.
 *
 * Stands on tls_contexts (identities, CAs, sessions), tls_setup (from a request to OpenSSL's
 * object), tls_wire (the socket), tls_error and tls_info (texts). Knows no handles, sessions of
 * clients, JSON or loop.
 *
 * Nothing blocks, whatever flags the socket has. A connection is used by one thread at a time, and
 * that may be another one each time. Functions that try something return 0 when it is done, -EAGAIN
 * when the socket must become ready first, or an error's id: of kind `tls`, where its name is one
 * of tls_error.h's, or `os`. A TLS error ends the connection, and is what every later try answers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "proto/errors.h"
#include "proto/limits.h"
#include "tls_contexts.h"
#include "tls_info.h"

struct tls;

enum {
    TLS_CA_PEM_BYTES = LIMIT_CA_PEM_BYTES,
    TLS_ALPN_NAMES = LIMIT_ALPN_NAMES,
    TLS_ALPN_BYTES = 255,
    TLS_RECORD_BYTES = 16 << 10, /* what one record can carry */
};

/* On the client's side TLS_VERIFY_DEFAULT is on: the server's certificate must be signed by a CA
 * that is trusted, for this use, now, and for server_name. On the server's side it is on when there
 * is a ca_pem or the identity has a CA: then a client must show a certificate that this CA has
 * signed; otherwise none is asked for. */
enum tls_verify { TLS_VERIFY_DEFAULT, TLS_VERIFY_ON, TLS_VERIFY_OFF };

/* All of it is borrowed for the call, but the socket for the life of the connection. */
struct tls_request {
    int fd;
    bool server_side;
    enum tls_verify verify;
    const char *server_name; /* client: a host name or an IP address; goes out as SNI, if a name */
    const char *identity;    /* NULL: none. Whether its user may name it is the caller's business */
    const char *ca_pem;      /* trusted instead of the identity's CA or the system's; NULL: none */
    const char *const *alpn; /* protocols, the best first */
    size_t n_alpn;
    const char *scope; /* sessions are resumed inside of one scope only, say a pool; NULL: "" */
    const void *ahead; /* bytes that were read from the socket already */
    size_t n_ahead;
};

/* Makes a connection that has not begun yet. The request is copied, and looked at when the
 * handshake begins. Returns 0 or an error's id. */
int tls_new(struct tls_contexts *contexts, const struct tls_request *request, struct tls **ret,
            struct error *e);

/* Whether it was asked for by a request for the same. */
bool tls_was_asked_so(const struct tls *t, const struct tls_request *request);

/* Says nothing to the peer (tls_shutdown does) and leaves the socket open. One that is lent lives
 * on until it is given back. NULL is fine. */
void tls_free(struct tls *t);

/* The handshake goes on by turns. tls_handshake passes on and takes in what the socket has for it,
 * and returns, beside the usual, -EINPROGRESS: tls_compute is next; or -EALREADY: it is lent to a
 * thread that computes. What -EAGAIN waits for is in tls_read_wants. The deadline is the caller's.
 *
 * tls_compute sets the connection up, reading the identity's files when it is the first to use
 * them, and does what the peer's messages ask for: milliseconds, and far more for large keys, so it
 * belongs in another thread. It touches no socket. What came of it, the next tls_handshake tells;
 * that may be an error of kind `protocol` with the parameter at fault. */
int tls_handshake(struct tls *t, struct error *e);
void tls_compute(struct tls *t);
bool tls_is_open(const struct tls *t); /* whether it is done */

/* Whether the connection is set up, and not lent: before that the socket sees nothing of TLS. */
bool tls_has_begun(const struct tls *t);

/* Before a thread computes; tls_free gives it back. Until then only tls_handshake, tls_is_open,
 * tls_has_failed, tls_has_unsent, tls_is_readable and tls_free may be called. */
void tls_lend(struct tls *t);

/* From now on it goes by another descriptor of the same socket, borrowed as the first one was. */
void tls_move(struct tls *t, int fd);

/* -- once it is open; before, there is only -EAGAIN, and nothing to wait for -- */

/* Up to n bytes, n > 0. *ret_n 0 is the end, said by the peer: writing may go on. An end that was
 * not said is the error TRUNCATED. A peer that sends message upon message of TLS's own and no data
 * (KeyUpdate, RFC 8446, section 4.6.3) is ended as PROTOCOL. */
int tls_recv(struct tls *t, void *data, size_t n, size_t *ret_n, struct error *e);

/* Takes up to n bytes. What was taken counts as sent, but some of it may still be here: the caller
 * calls tls_flush until it is done before it forgets the connection, or others wait for it. */
int tls_send(struct tls *t, const void *data, size_t n, size_t *ret_n, struct error *e);

/* Passes on what is still here. */
bool tls_has_unsent(const struct tls *t);
int tls_flush(struct tls *t, struct error *e);

/* Tells the peer that no more will be sent (close_notify), behind all that was; reading goes on.
 * The socket itself is the caller's to shut down afterwards. Doing it again is harmless. */
int tls_shutdown(struct tls *t, struct error *e);

/* What must happen to the socket, EPOLLIN or EPOLLOUT or both, before it is worth trying again
 * after -EAGAIN: tls_handshake and tls_recv; tls_send, tls_flush and tls_shutdown. 0: nothing. */
unsigned tls_read_wants(const struct tls *t);
unsigned tls_write_wants(const struct tls *t);

/* Whether tls_recv has an answer, or has to be called to get on, while the socket says nothing:
 * poll(2) cannot know. */
bool tls_is_readable(const struct tls *t);

/* The same once TLS's own messages (tickets) have been taken in, which make the socket readable. */
bool tls_look(struct tls *t);

/* The TLS error that has ended the connection is copied to *e: true; or there is none. */
bool tls_has_failed(const struct tls *t, struct error *e);

/* What was agreed on, after the handshake. Texts live in the arena. Returns 0 or -ENOMEM. */
int tls_describe(const struct tls *t, struct arena *arena, struct tls_info *ret);

/* Whether the kernel itself encrypts and decrypts (kTLS), so that the socket carries plaintext for
 * whoever gets it. Never yet: a BIO of our own cannot, and Debian's OpenSSL is built without. */
bool tls_is_in_kernel(const struct tls *t);
