#include "tls_sessions.h"

#include <string.h>

void tls_sessions_init(struct tls_sessions *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
}

void tls_sessions_done(struct tls_sessions *s)
{
    for (size_t i = 0; i < TLS_SESSIONS; i++)
        SSL_SESSION_free(s->places[i].session);
    pthread_mutex_destroy(&s->lock);
}

void tls_sessions_add(struct tls_sessions *s, const struct tls_session_key *key,
                      SSL_SESSION *session)
{
    SSL_SESSION *oldest;

    pthread_mutex_lock(&s->lock);
    oldest = s->places[s->next].session;
    s->places[s->next] = (struct tls_session_place){*key, session};
    s->next = (s->next + 1) % TLS_SESSIONS;
    pthread_mutex_unlock(&s->lock);
    SSL_SESSION_free(oldest);
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *s, const struct tls_session_key *key)
{
    SSL_SESSION *found = NULL;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 1; i <= TLS_SESSIONS && !found; i++) {
        struct tls_session_place *p = &s->places[(s->next + TLS_SESSIONS - i) % TLS_SESSIONS];

        if (p->session && memcmp(&p->key, key, sizeof *key) == 0) {
            found = p->session;
            p->session = NULL;
        }
    }
    pthread_mutex_unlock(&s->lock);
    if (found && !SSL_SESSION_is_resumable(found)) {
        SSL_SESSION_free(found);
        return NULL;
    }
    return found;
}
