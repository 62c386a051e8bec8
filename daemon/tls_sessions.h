/* tls_sessions.h — TLS sessions that a client may resume, found again by a key; a bounded number,
 * the oldest leave first. Any thread may call. Knows OpenSSL's sessions, nothing of connections. */
#pragma once
#include <openssl/ssl.h>
#include <pthread.h>
#include <stddef.h>

enum { TLS_SESSIONS = 128, TLS_SESSION_KEY_BYTES = 32 };

/* What a session was agreed under: only who asks for all the same may have it. */
struct tls_session_key {
    unsigned char bytes[TLS_SESSION_KEY_BYTES];
};

struct tls_sessions {
    pthread_mutex_t lock;
    size_t next; /* the place of the oldest */
    struct tls_session_place {
        struct tls_session_key key;
        SSL_SESSION *session; /* NULL: empty */
    } places[TLS_SESSIONS];
};

void tls_sessions_init(struct tls_sessions *s);
void tls_sessions_done(struct tls_sessions *s);

/* Takes the caller's reference. */
void tls_sessions_add(struct tls_sessions *s, const struct tls_session_key *key,
                      SSL_SESSION *session);

/* The newest session of this key that can be resumed, as a reference of the caller's, or NULL. It
 * is taken out: a ticket that is used twice lets others see that both are of one client (RFC 8446,
 * C.4). */
SSL_SESSION *tls_sessions_take(struct tls_sessions *s, const struct tls_session_key *key);
