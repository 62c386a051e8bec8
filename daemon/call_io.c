#include "call_io.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "socket.h"
#include "stream.h"
#include "tls.h"

int call_check_stream(struct call *c)
{
    const struct handle *h = c->handle;

    if (!h->stream)
        return 0;
    return error_set(&c->error, ERROR_HANDLE, "STREAMED",
                     "a stream carries the bytes of handle %lld; use the descriptor it gave",
                     (long long)h->id);
}

int call_check_bare(struct call *c)
{
    const struct handle *h = c->handle;
    int r = call_check_stream(c);

    if (r || !h->tls)
        return r;
    return error_set(&c->error, ERROR_HANDLE, "WRAPPED",
                     "handle %lld has one peer, and TLS with it; only plaintext goes this way",
                     (long long)h->id);
}

int call_check_bytes(struct call *c)
{
    const struct handle *h = c->handle;
    int r = call_check_stream(c);

    if (r || !h->tls)
        return r;
    if (tls_has_failed(h->tls, &c->error))
        return (int)c->error.id;
    if (tls_is_open(h->tls))
        return 0;
    return error_set(&c->error, ERROR_HANDLE, "HANDSHAKE",
                     "the TLS handshake of handle %lld is not done; wrap it again to go on",
                     (long long)h->id);
}

static int tell(int r, size_t n, ssize_t *ret)
{
    if (r > 0)
        return r;
    *ret = r < 0 ? r : (ssize_t)n;
    return 0;
}

int call_recv(struct call *c, void *data, size_t n, int flags, ssize_t *ret)
{
    struct tls *tls = c->handle->tls;
    size_t n_got = 0;
    bool is_shut = tls && c->handle->is_read_shut && !tls_is_readable(tls);
    int r = tls && n && !is_shut ? tls_recv(tls, data, n, &n_got, &c->error) : 0;

    if (tls)
        return tell(r, n_got, ret);
    *ret = socket_recv(c->handle->fd, data, n, flags, NULL, NULL);
    return 0;
}

int call_send(struct call *c, const void *data, size_t n, int flags, const struct ucred *as,
              ssize_t *ret)
{
    struct tls *tls = c->handle->tls;
    size_t n_taken = 0;
    int r = tls && n ? tls_send(tls, data, n, &n_taken, &c->error) : 0;

    if (tls && tls_has_unsent(tls))
        store_flush(c->core->store, c->handle);
    if (tls)
        return tell(r, n_taken, ret);
    *ret = socket_send(c->handle->fd, data, n, flags, NULL, as);
    return 0;
}

int call_flush(struct call *c, const char *what)
{
    int r = c->handle->tls ? tls_flush(c->handle->tls, &c->error) : 0;

    return r == -EAGAIN ? call_wait(c, call_send_events(c), what) : r;
}

int call_start_streams(struct call *c)
{
    struct core *core = c->core;

    return core->streams || (core->streams = streams_new(core->n_max_handles)) ? 0 : -1;
}

void call_leave_tail(struct call *c)
{
    struct handle *h = c->handle;
    struct stream *stream;
    struct stream_request request = {.handle = h->id, .fd = h->fd, .tls = h->tls};
    int fd;

    if (!h->tls || h->stream || !tls_has_unsent(h->tls) || call_start_streams(c) < 0 ||
        stream_open(c->core->streams, &request, &stream, &fd) < 0)
        return;
    close(fd);
    store_begin_stream(c->core->store, h, stream);
}

unsigned call_recv_events(const struct call *c)
{
    unsigned wants = c->handle->tls ? tls_read_wants(c->handle->tls) : 0;

    return wants ? wants : EPOLLIN;
}

unsigned call_send_events(const struct call *c)
{
    unsigned wants = c->handle->tls ? tls_write_wants(c->handle->tls) : 0;

    return wants ? wants : EPOLLOUT;
}
