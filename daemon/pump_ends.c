#include "pump_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool pump_ends_is_client_gone(const struct pump_stream *s)
{
    /* When we have shut it down ourselves it looks the same. */
    return (s->client_watch.told & POLLHUP) && !s->down.is_over;
}

static void add(_Atomic int64_t *counter, ssize_t n)
{
    if (n > 0)
        atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* A packet that has filled its room may have been larger. */
static ssize_t uncut(const struct pump_stream *s, ssize_t r, size_t n)
{
    return s->net.ops->is_packets && r >= (ssize_t)n ? -EMSGSIZE : r;
}

ssize_t pump_ends_read_net(struct pump_stream *s, char *data, size_t n)
{
    bool is_all;
    ssize_t r = -EAGAIN;

    if (s->net_watch.ready & s->read_wants)
        r = s->net.ops->read(&s->net, data, n, &s->read_wants);
    is_all = r >= 0 && (size_t)r < n && s->net.ops->reads_short && !s->net_watch.told;
    if (r == -EAGAIN || is_all)
        s->net_watch.ready &= ~s->read_wants;
    add(&s->received, r);
    return uncut(s, r, n);
}

ssize_t pump_ends_fill(struct pump_stream *s, struct pump_pipe *pipe)
{
    ssize_t r;

    if (!(s->net_watch.ready & POLLIN))
        return -EAGAIN;
    r = splice(s->net.fd, NULL, pipe->fds[1], NULL, PUMP_PIPE_BYTES, SPLICE_F_NONBLOCK);
    if (r < 0)
        r = -errno;
    if (r == -EAGAIN)
        s->net_watch.ready &= ~(unsigned)POLLIN;
    if (r > 0)
        pipe->n = (size_t)r;
    add(&s->received, r);
    return r;
}

ssize_t pump_ends_write_net(struct pump_stream *s, const char *data, size_t n)
{
    ssize_t r = -EAGAIN;

    if (s->net_watch.ready & s->write_wants)
        r = s->net.ops->write(&s->net, data, n, &s->write_wants);
    if (r == -EAGAIN)
        s->net_watch.ready &= ~s->write_wants;
    add(&s->sent, r);
    if (r < 0 && r != -EAGAIN && s->net.ops->is_endless)
        return (ssize_t)n; /* lost, as datagrams are */
    return r;
}

int64_t pump_ends_progress(const struct pump_stream *s)
{
    int n_queued = 0;

    ioctl(s->net.fd, SIOCOUTQ, &n_queued);
    return s->sent - n_queued;
}

int pump_ends_flush_net(struct pump_stream *s)
{
    int r = 0;

    if (s->net.ops->flush && s->net_watch.ready & s->write_wants)
        r = s->net.ops->flush(&s->net, &s->write_wants);
    if (r == -EAGAIN)
        s->net_watch.ready &= ~s->write_wants;
    return r;
}

/* The socket comes to its end, and nothing is said above that. */
static int shut_unsaid(struct pump_stream *s)
{
    int r = s->net.ops->flush ? s->net.ops->flush(&s->net, &s->write_wants) : 0;

    if (r != -EAGAIN)
        shutdown(s->net.fd, SHUT_WR);
    return r == -EAGAIN ? r : 0;
}

int pump_ends_shut_net(struct pump_stream *s)
{
    int r = s->is_end_unsaid ? shut_unsaid(s) : s->net.ops->shut(&s->net, &s->write_wants);

    if (r == -EAGAIN)
        s->net_watch.ready &= ~s->write_wants;
    return r;
}

ssize_t pump_ends_read_client(struct pump_stream *s, char *data, size_t n)
{
    ssize_t r = -EAGAIN;

    if (s->client_watch.ready & POLLIN)
        r = pump_client_read(&s->client, data, n, s->client_watch.told & (POLLRDHUP | POLLHUP));
    if (r == -EAGAIN || (r >= 0 && !s->client.has_more && !s->client_watch.told))
        s->client_watch.ready &= ~(unsigned)POLLIN;
    s->is_client_reset |= s->client.was_reset;
    return uncut(s, r, n);
}

/* Whether the client takes something: 1, or as a write says. */
static int may_write_client(const struct pump_stream *s)
{
    if (pump_ends_is_client_gone(s))
        return -EPIPE;
    return s->client_watch.ready & POLLOUT ? 1 : -EAGAIN;
}

ssize_t pump_ends_write_client(struct pump_stream *s, const char *data, size_t n)
{
    ssize_t r = may_write_client(s);

    if (s->is_client_deaf && r != -EPIPE)
        return (ssize_t)n;
    if (r > 0)
        r = pump_client_write(&s->client, data, n);
    if (r == -EAGAIN)
        s->client_watch.ready &= ~(unsigned)POLLOUT;
    return r;
}

ssize_t pump_ends_empty(struct pump_stream *s, struct pump_pipe *pipe)
{
    ssize_t r = may_write_client(s);

    if (r < 0)
        return r;
    r = splice(pipe->fds[0], NULL, s->client.fd, NULL, pipe->n, SPLICE_F_NONBLOCK);
    if (r < 0)
        r = -errno;
    if (r == -EAGAIN)
        s->client_watch.ready &= ~(unsigned)POLLOUT;
    if (r > 0)
        pipe->n -= (size_t)r;
    return r;
}
