/* Handlers that receive. What is read from the kernel beyond what a call asked for stays with the
 * handle, and the next call begins with it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "call_io.h"
#include "handlers.h"
#include "proto/limits.h"
#include "socket.h"
#include "tls.h"

/* A read that wants a frame. */
enum framing { FRAME_NONE, FRAME_EXACTLY, FRAME_UNTIL, FRAME_PREFIX };

struct wanted {
    enum framing framing;
    size_t n_most; /* ceiling of what is given out */
    int flags;
};

static int take_size(struct call *c, struct wire_int size, size_t absent, size_t *ret)
{
    if (size.set && (size.v < 0 || size.v > LIMIT_RECV_BYTES))
        return error_param(&c->error, "size", "must be 0 to %d", LIMIT_RECV_BYTES);
    *ret = size.set ? (size_t)size.v : absent;
    return 0;
}

/* MSG_TRUNC on a stream throws data away and reports its length; nobody means that here. */
static int take_flags(struct call *c, struct wire_msg_flags flags, int *ret)
{
    if (c->handle->tls && flags.v & ~(MSG_DONTWAIT | MSG_WAITALL))
        return error_param(&c->error, "flags", "do not go with TLS");
    if (flags.v & MSG_TRUNC && c->handle->type == SOCK_STREAM)
        return error_param(&c->error, "flags", "MSG_TRUNC would discard a stream's data");
    if (flags.v & MSG_DONTWAIT)
        c->timeout_usec = 0;
    *ret = flags.v;
    return 0;
}

static int check_framing(struct call *c, const struct recv_params *p, struct wanted *w)
{
    const char *param = p->exactly.set ? "exactly" : p->until.s ? "until" : "prefix";

    if (p->exactly.set + (p->until.s != NULL) + p->prefix.set > 1)
        return error_param(&c->error, param, "give one of exactly, until and prefix");
    if (c->handle->type != SOCK_STREAM)
        return error_param(&c->error, param, "is for streams; a datagram is a frame of its own");
    if (w->flags & ~MSG_DONTWAIT)
        return error_param(&c->error, "flags", "do not go with %s", param);
    if (p->exactly.set && (p->exactly.v < 0 || p->exactly.v > (int64_t)w->n_most))
        return error_param(&c->error, "exactly", "must be 0 to %zu", w->n_most);
    if (p->until.s && p->until.n == 0)
        return error_param(&c->error, "until", "must not be empty");
    if (p->prefix.set && p->prefix.v != 1 && p->prefix.v != 2 && p->prefix.v != 4 &&
        p->prefix.v != 8)
        return error_param(&c->error, "prefix", "must be 1, 2, 4 or 8");
    return 0;
}

static int take_wanted(struct call *c, const struct recv_params *p, struct wanted *w)
{
    bool framed = p->exactly.set || p->until.s || p->prefix.set;
    int r;

    *w = (struct wanted){0};
    if ((r = take_size(c, p->size, framed ? LIMIT_RECV_BYTES : LIMIT_RECV_DEFAULT_BYTES,
                       &w->n_most)) ||
        (r = take_flags(c, p->flags, &w->flags)) || (framed && (r = check_framing(c, p, w))))
        return r;
    if (p->exactly.set)
        w->framing = FRAME_EXACTLY;
    else if (p->until.s)
        w->framing = FRAME_UNTIL;
    else if (p->prefix.set)
        w->framing = FRAME_PREFIX;
    return 0;
}

/* Gives n bytes of what was read ahead, n_skip bytes behind its beginning. */
static void give_ahead(struct call *c, size_t n_skip, size_t n, bool keep, struct wire_payload *ret)
{
    struct buf *ahead = &c->handle->ahead;

    if (n)
        memcpy(c->core->scratch, ahead->data + ahead->start + n_skip, n);
    ret->data = c->core->scratch;
    ret->n = n;
    if (keep)
        return;
    buf_drop(ahead, n_skip + n);
    c->handle->n_ahead_gone += n_skip + n;
    call_charge_buffer(c);
    if (buf_len(ahead) == 0)
        buf_done(ahead);
}

static void note_received(struct call *c, ssize_t n)
{
    c->n_vain = 0;
    store_note_use(c->core->store, c->handle, 0, n);
    if (c->handle->state == STATE_CONNECTING)
        store_note_state(c->core->store, c->handle, STATE_CONNECTED);
}

/* One attempt, and whether a read of 0 bytes is the end. On a stream it is; on a datagram socket it
 * is an empty datagram, unless that direction was shut down; a packet socket takes a closer look.
 */
static int recv_once(struct call *c, const struct wanted *w, ssize_t *ret, bool *ret_end)
{
    const struct handle *h = c->handle;
    bool is_shut = h->type != SOCK_STREAM && socket_poll(h->fd, POLLRDHUP) & POLLRDHUP;

    *ret_end = h->type == SOCK_STREAM || (h->type == SOCK_DGRAM && is_shut);
    if (h->type != SOCK_SEQPACKET || h->family != AF_UNIX || !is_shut)
        return call_recv(c, c->core->scratch, w->n_most, w->flags, ret);
    *ret = socket_recv_packet(h->fd, c->core->scratch, w->n_most, w->flags, ret_end);
    return 0;
}

static void note_end(struct call *c)
{
    if (c->handle->state == STATE_CONNECTED)
        store_note_state(c->core->store, c->handle, STATE_HALF_CLOSED);
}

/* -- without a frame -- */

static int recv_plain(struct call *c, const struct wanted *w, struct recv_result *ret)
{
    size_t n_ahead = buf_len(&c->handle->ahead);
    bool is_end;
    ssize_t n;
    int r;

    if (n_ahead && !(w->flags & MSG_OOB)) {
        give_ahead(c, 0, n_ahead < w->n_most ? n_ahead : w->n_most, w->flags & MSG_PEEK,
                   &ret->payload);
        store_note_use(c->core->store, c->handle, 0, 0);
        return 0;
    }
    if ((r = recv_once(c, w, &n, &is_end)))
        return r;
    if (n == -EAGAIN)
        return call_wait(c, call_recv_events(c), "recv");
    if (n < 0)
        return call_os(c, (int)n, "recv");
    note_received(c, w->flags & MSG_PEEK ? 0 : n);
    ret->payload.data = c->core->scratch;
    ret->payload.n = (size_t)n;
    ret->eof.v = n == 0 && w->n_most > 0 && !(w->flags & (MSG_ERRQUEUE | MSG_OOB)) && is_end;
    if (ret->eof.v)
        note_end(c);
    return 0;
}

/* -- frames -- */

/* In one turn: a peer that sends byte by byte holds up nobody else. */
enum { MAX_READS = 16 };

/* Reads until at least n bytes are ahead, taking no more than n_most. 0: they are there; 1: the end
 * came before. */
static int fill(struct call *c, size_t n, size_t n_most)
{
    struct buf *ahead = &c->handle->ahead;
    int r, n_reads = 0;

    while (buf_len(ahead) < n) {
        char *room = buf_reserve(ahead, n_most - buf_len(ahead));
        ssize_t got;

        if (n_reads++ == MAX_READS) {
            c->retry_at = c->core->now.monotonic;
            return call_wait_for_worker(c);
        }
        if (!room) {
            ahead->failed = false;
            return error_memory(&c->error);
        }
        if ((r = call_recv(c, room, n_most - buf_len(ahead), 0, &got)))
            return r;
        if (got == -EAGAIN)
            return call_wait(c, call_recv_events(c), "recv");
        if (got < 0)
            return call_os(c, (int)got, "recv");
        note_received(c, got);
        if ((r = call_charge_buffer(c)))
            return r;
        if (got == 0) {
            note_end(c);
            return 1;
        }
        ahead->end += (size_t)got;
    }
    return 0;
}

enum { AT_END = 1 };

static int recv_exactly(struct call *c, size_t n, struct recv_result *ret)
{
    int r = fill(c, n, n);

    if (r && r != AT_END)
        return r;
    ret->eof.v = r == AT_END;
    give_ahead(c, 0, r == AT_END ? buf_len(&c->handle->ahead) : n, false, &ret->payload);
    return 0;
}

/* The length of the frame that a delimiter or the ceiling ends; 0: neither is there yet. */
static size_t find_until(const struct buf *ahead, const struct wire_text *until, size_t n_from,
                         size_t n_most)
{
    const char *data = ahead->data + ahead->start;
    size_t n = buf_len(ahead) < n_most ? buf_len(ahead) : n_most;
    const char *found;

    /* The delimiter may have begun in what was searched before. */
    n_from = n_from >= until->n ? n_from - until->n + 1 : 0;
    found = n > n_from ? memmem(data + n_from, n - n_from, until->s, until->n) : NULL;
    if (found)
        return (size_t)(found - data) + until->n;
    return n == n_most ? n_most : 0;
}

static int recv_until(struct call *c, const struct wire_text *until, size_t n_most,
                      struct recv_result *ret)
{
    struct buf *ahead = &c->handle->ahead;
    size_t n = 0, n_want;
    int r;

    if (n_most == 0)
        n_most = 1;
    while (buf_len(ahead) == c->n_searched ||
           !(n = find_until(ahead, until, c->n_searched, n_most))) {
        c->n_searched = buf_len(ahead);
        n_want = c->n_searched + 4096 < n_most ? c->n_searched + 4096 : n_most;
        r = fill(c, c->n_searched + 1, n_want);
        if (r && r != AT_END)
            return r;
        if (r == AT_END) {
            ret->eof.v = true;
            n = buf_len(ahead);
            break;
        }
    }
    give_ahead(c, 0, n, false, &ret->payload);
    return 0;
}

static int recv_prefix(struct call *c, size_t n_prefix, size_t n_most, struct recv_result *ret)
{
    struct buf *ahead = &c->handle->ahead;
    uint64_t n = 0;
    int r = fill(c, n_prefix, n_prefix);

    if (r && r != AT_END)
        return r;
    if (r == AT_END) {
        ret->eof.v = true;
        give_ahead(c, 0, buf_len(ahead), false, &ret->payload);
        return 0;
    }
    for (size_t i = 0; i < n_prefix; i++)
        n = n << 8 | (unsigned char)ahead->data[ahead->start + i];
    if (n > n_most)
        return error_set(&c->error, ERROR_LIMIT, "SIZE",
                         "the frame has %llu bytes, more than %zu; it is still unread",
                         (unsigned long long)n, n_most);
    r = fill(c, n_prefix + n, n_prefix + n);
    if (r && r != AT_END)
        return r;
    ret->eof.v = r == AT_END;
    give_ahead(c, n_prefix, r == AT_END ? buf_len(ahead) - n_prefix : n, false, &ret->payload);
    return 0;
}

static int recv_as_wanted(struct call *c, const struct recv_params *p, const struct wanted *w,
                          struct recv_result *ret)
{
    ret->eof = (struct wire_bool){true, false};
    ret->payload.form = p->as.set ? (enum wire_form)p->as.v : FORM_AUTO;
    switch (w->framing) {
    case FRAME_EXACTLY:
        return recv_exactly(c, (size_t)p->exactly.v, ret);
    case FRAME_UNTIL:
        return recv_until(c, &p->until, w->n_most, ret);
    case FRAME_PREFIX:
        return recv_prefix(c, (size_t)p->prefix.v, w->n_most, ret);
    case FRAME_NONE:
        break;
    }
    /* The kernel would wait inside the call for all that MSG_WAITALL asks for. */
    if (w->flags & MSG_WAITALL && c->handle->type == SOCK_STREAM && !(w->flags & MSG_PEEK))
        return recv_exactly(c, w->n_most, ret);
    return recv_plain(c, w, ret);
}

/* Whether bytes may come as messages. What was read before TLS failed can still be had. */
static int check_way(struct call *c)
{
    const struct handle *h = c->handle;
    bool has_bytes = buf_len(&h->ahead) && (!h->tls || tls_is_open(h->tls));
    int r = call_check_plane(c, PLANE_MESSAGE);

    if (r)
        return r;
    return has_bytes ? call_check_stream(c) : call_check_bytes(c);
}

/* What stays with the handle stays with it beyond the daemon, where the socket does. */
int on_recv(struct call *c, const struct recv_params *p, struct recv_result *ret)
{
    bool had_ahead = buf_len(&c->handle->ahead) > 0;
    struct wanted w;
    int r;

    if ((r = check_way(c)) || (r = take_wanted(c, p, &w)))
        return r;
    r = recv_as_wanted(c, p, &w, ret);
    if (had_ahead || buf_len(&c->handle->ahead))
        store_save_ahead(c->core->store, c->handle);
    return r;
}

int on_recvfrom(struct call *c, const struct recvfrom_params *p, struct recvfrom_result *ret)
{
    bool is_stream = c->handle->type == SOCK_STREAM;
    struct recv_result plain = {0};
    struct wanted w = {0};
    size_t n_length;
    ssize_t n;
    int r;

    if ((r = check_way(c)) || (r = take_size(c, p->size, LIMIT_DATAGRAM_BYTES, &w.n_most)) ||
        (r = take_flags(c, p->flags, &w.flags)))
        return r;
    ret->truncated.set = ret->length.set = true;
    if (is_stream) {
        if ((r = recv_plain(c, &w, &plain)))
            return r;
        ret->payload = plain.payload;
        n_length = plain.payload.n;
    } else {
        n = socket_recv(c->handle->fd, c->core->scratch, w.n_most, w.flags | MSG_TRUNC,
                        &ret->address, &n_length);
        if (n == -EAGAIN)
            return call_wait(c, EPOLLIN, "recvfrom");
        if (n < 0)
            return call_os(c, (int)n, "recvfrom");
        note_received(c, w.flags & MSG_PEEK ? 0 : n);
        ret->payload.data = c->core->scratch;
        ret->payload.n = (size_t)n;
    }
    ret->payload.form = p->as.set ? (enum wire_form)p->as.v : FORM_AUTO;
    ret->truncated.v = n_length > ret->payload.n;
    ret->length.v = (int64_t)n_length;
    return 0;
}
