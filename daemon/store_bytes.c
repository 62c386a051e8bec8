/* What stands between a handle and its bytes: TLS, and a stream. */
#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utlist.h>

#include "stream.h"
#include "tls.h"

void store_begin_stream(struct store *s, struct handle *h, struct stream *stream)
{
    h->stream = stream;
    s->n_streams++;
    buf_done(&h->ahead);
    store_save_ahead(s, h);
    store_note_use(s, h, 0, 0);
}

void store_end_stream(struct store *s, struct handle *h, const struct stream_end *end)
{
    h->stream = NULL;
    s->n_streams--;
    store_note_use(s, h, end->sent, end->received);
    /* Datagrams have no end: its peer can be reached as before. */
    if (h->state == STATE_CONNECTED && h->type != SOCK_DGRAM && h->type != SOCK_RAW)
        store_note_state(s, h, STATE_HALF_CLOSED);
}

void store_count_stream(struct store *s, struct handle *h)
{
    int64_t n_sent = 0, n_received = 0;

    if (h->stream)
        stream_take_counts(h->stream, &n_sent, &n_received);
    if (n_sent || n_received)
        store_note_use(s, h, n_sent, n_received);
}

void store_count_streams(struct store *s)
{
    struct handle *h;

    if (s->n_streams == 0)
        return;
    DL_FOREACH2(s->live, h, live_next)
    store_count_stream(s, h);
}

void store_flush(struct store *s, struct handle *h)
{
    struct error unheard;

    if (h->tls && !h->stream && tls_is_open(h->tls) && tls_flush(h->tls, &unheard) == -EAGAIN)
        wait_watch(s->wait, &h->point, h->point.watched | EPOLLOUT);
}

void store_note_host(struct handle *h, const char *host)
{
    free(h->host);
    h->host = host ? strdup(host) : NULL;
}

bool store_end_bytes(struct store *s, struct handle *h, enum ending_how how)
{
    /* The end of one that others have copies of is theirs to tell. */
    bool goes_on = h->stream && !s->is_ending && h->custody == CUSTODY_DAEMON;

    store_count_stream(s, h);
    if (h->stream) {
        if (goes_on)
            stream_leave(h->stream, h->tls, h->opener->uid, how != END_CLOSED);
        else
            stream_abandon(h->stream, h->tls);
        s->n_streams--;
    } else {
        /* A server's tickets are nobody's: unread they would make a reset of the end. */
        if (h->tls && tls_is_open(h->tls))
            tls_look(h->tls);
        tls_free(h->tls);
    }
    h->stream = NULL;
    h->tls = NULL;
    store_note_host(h, NULL);
    return goes_on;
}
