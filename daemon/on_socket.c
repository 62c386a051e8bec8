/* Handlers that make sockets and take them through their states. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "call_io.h"
#include "create.h"
#include "guard.h"
#include "handlers.h"
#include "socket.h"
#include "tls.h"

int on_socket(struct call *c, const struct socket_params *p, struct socket_result *ret)
{
    struct creation how = CREATION_OF(p);
    int family = p->family.set ? p->family.v : AF_INET;
    int type = p->type.set ? p->type.v : SOCK_STREAM;
    struct handle *h;
    int fd, r;

    if ((r = create_check(c, &how, 1)) || (r = create_check_kind(c, &how, family, type)))
        return r;
    if ((r = create_socket(c, &how, family, type, p->protocol.v, &fd)))
        return r;
    if ((r = create_with_options(c, &how, fd, &p->options)))
        return r;
    how.family = family;
    how.type = type;
    if ((r = store_add(c->core->store, c->session, fd, &how, STATE_CREATED, &h, &c->error)))
        return r;
    ret->handle = wire_integer(h->id);
    ret->cookie = wire_integer(h->cookie);
    return 0;
}

int on_socketpair(struct call *c, const struct socketpair_params *p, struct socketpair_result *ret)
{
    struct creation first = CREATION_OF(p), second = first;
    int64_t *handles = arena_alloc(&c->arena, 2 * sizeof *handles);
    struct handle *h, *other;
    int fds[2], r;

    if (!handles)
        return error_memory(&c->error);
    if (first.name && !(second.name = arena_printf(&c->arena, "%s.1", first.name)))
        return error_memory(&c->error);
    if ((r = create_check(c, &first, 2)) || (r = create_check(c, &second, 2)) ||
        (r = create_check_kind(c, &first, AF_UNIX, p->type.set ? p->type.v : SOCK_STREAM)))
        return r;
    if ((r = call_assume(c, PRINCIPAL_WHOLE)))
        return r;
    r = socket_open_pair(p->type.set ? p->type.v : SOCK_STREAM, fds);
    principal_resume(c->session->who, PRINCIPAL_WHOLE);
    if (r < 0)
        return call_os_as_client(c, PRINCIPAL_WHOLE, r, "socketpair");
    if ((r = store_add(c->core->store, c->session, fds[0], &first, STATE_CONNECTED, &h,
                       &c->error))) {
        socket_close(fds[1]);
        return r;
    }
    handles[0] = h->id;
    if ((r = store_add(c->core->store, c->session, fds[1], &second, STATE_CONNECTED, &other,
                       &c->error))) {
        store_close(c->core->store, h, END_CLOSED, "its other end could not be made");
        return r;
    }
    handles[1] = other->id;
    ret->handles = (struct wire_ints){true, handles, 2};
    return 0;
}

int on_bind(struct call *c, const struct bind_params *p, struct address_result *ret)
{
    struct handle *h = c->handle;
    struct wire_sockaddr address;
    int r;

    if ((r = call_address(c, &p->address, h->family, h->type, true, &address)))
        return r;
    if ((r = call_check_bind(c, &address)) || (r = call_check_bind_path(c, h->pool, &address)) ||
        (r = create_bind(c, h->fd, &address)))
        return r;
    if (h->state == STATE_CREATED)
        store_note_state(c->core->store, h, STATE_BOUND);
    store_note_use(c->core->store, h, 0, 0);
    return socket_name(h->fd, &ret->address);
}

/* listen(2) binds a socket that is not: to any address, which the pool must allow. */
static int check_unbound(struct call *c)
{
    struct wire_sockaddr name;

    if (socket_name(c->handle->fd, &name) < 0 || socket_is_bound(&name))
        return 0;
    return call_check_bind(c, &name);
}

int on_listen(struct call *c, const struct listen_params *p, struct listen_result *ret)
{
    int64_t wanted = p->backlog.set ? p->backlog.v : SOCKET_BACKLOG;
    int backlog, r;

    if ((r = check_unbound(c)) || (r = create_listen(c, c->handle->fd, wanted, &backlog)))
        return r;
    store_note_state(c->core->store, c->handle, STATE_LISTENING);
    store_note_use(c->core->store, c->handle, 0, 0);
    ret->backlog = wire_integer(backlog);
    return 0;
}

int on_accept(struct call *c, const struct accept_params *p, struct accept_result *ret)
{
    struct creation how = CREATION_OF(p);
    struct handle *h;
    int fd, r;

    /* Before a connection is taken out of the queue: an error must not cost one. */
    if ((r = create_check(c, &how, 1)) ||
        (r = create_check_kind(c, &how, c->handle->family, c->handle->type)))
        return r;
    guard_begin(c->handle);
    fd = socket_accept(c->handle->fd, &ret->peer);
    guard_end(c->handle);
    if (fd == -EAGAIN)
        return call_wait(c, EPOLLIN, "accept");
    if (fd < 0)
        return call_os(c, fd, "accept");
    store_note_use(c->core->store, c->handle, 0, 0);
    how.family = c->handle->family;
    how.type = c->handle->type;
    if ((r = store_add(c->core->store, c->session, fd, &how, STATE_CONNECTED, &h, &c->error)))
        return r;
    ret->handle = wire_integer(h->id);
    return socket_name(h->fd, &ret->address);
}

/* One attempt as the client, to the very file that a path was checked with. */
static int attempt(struct call *c, struct wire_sockaddr address, int *ret)
{
    enum principal_part part = call_part(c->handle->family);
    int fd, r = call_pin_path(c, &address, &fd);

    if (r)
        return r;
    if (!(r = call_assume(c, part))) {
        guard_begin(c->handle);
        *ret = socket_connect(c->handle->fd, &address);
        guard_end(c->handle);
        principal_resume(c->session->who, part);
    }
    if (fd >= 0)
        close(fd);
    return r;
}

/* The first half: 0 when it connected at once. */
static int connect_begin(struct call *c, const struct connect_params *p)
{
    struct handle *h = c->handle;
    struct wire_sockaddr address;
    int r, error;

    if ((error = call_address(c, &p->address, h->family, h->type, false, &address)))
        return error;
    c->resolved = address;
    if ((error = call_check_connect(c, &address, &p->address)) || (error = attempt(c, address, &r)))
        return error;
    if (r == -EAGAIN && h->family == AF_UNIX && c->timeout_usec != 0) {
        /* A full backlog, which no event tells the end of (unix(7) has no such wait). */
        c->retry_at = c->core->now.monotonic + 10000;
        return call_wait(c, 0, "connect");
    }
    if (r != -EINPROGRESS)
        return r < 0 ? call_os_as_client(c, call_part(h->family), r, "connect") : 0;
    c->is_started = true;
    store_note_state(c->core->store, h, STATE_CONNECTING);
    if (c->timeout_usec == 0)
        return error_os(&c->error, EINPROGRESS, "connect");
    return call_wait(c, EPOLLOUT, "connect");
}

int on_connect(struct call *c, const struct connect_params *p, struct connect_result *ret)
{
    struct handle *h = c->handle;
    int r = call_check_bare(c);

    if (r)
        return r;
    if (!c->is_started) {
        if ((r = connect_begin(c, p)))
            return r;
    } else {
        guard_begin(h);
        r = socket_connect_end(h->fd, &c->resolved);
        guard_end(h);
        if (r == -EALREADY)
            return call_wait(c, EPOLLOUT, "connect");
        if (r < 0) {
            store_note_state(c->core->store, h, STATE_CREATED);
            return call_os(c, r, "connect");
        }
    }
    store_note_state(c->core->store, h, STATE_CONNECTED);
    store_note_use(c->core->store, h, 0, 0);
    store_note_addresses(c->core->store, h);
    store_note_host(h, call_name_of(&p->address));
    if ((r = socket_name(h->fd, &ret->address)) < 0)
        return r;
    /* It may be over again already; then the peer is who was asked for. */
    if (socket_peer(h->fd, &ret->peer) < 0)
        ret->peer = h->peer ? *h->peer : c->resolved;
    return 0;
}

/* The peer is told inside of TLS: a bare end of the connection would look cut off. */
static int end_tls(struct call *c)
{
    int r = tls_shutdown(c->handle->tls, &c->error);

    return r == -EAGAIN ? call_wait(c, call_send_events(c), "shutdown") : r;
}

int on_shutdown(struct call *c, const struct shutdown_params *p, struct no_result *ret)
{
    struct tls *tls = c->handle->tls;
    bool is_tls = tls && !tls_has_failed(tls, &c->error);
    int r = is_tls ? call_check_bytes(c) : call_check_stream(c);

    (void)ret;
    if (!r && is_tls && p->how.v != SHUT_RD)
        r = end_tls(c);
    if (r)
        return r;
    /* Below TLS the connection stays whole: many a peer takes its end for a request that was broken
     * off, and what we could not read of TLS we could not answer either. */
    if (!is_tls || p->how.v == SHUT_RDWR)
        r = socket_shutdown(c->handle->fd, p->how.v);
    if (r < 0)
        return call_os(c, r, "shutdown");
    wait_wake_all(c->core->wait, &c->handle->point);
    c->handle->is_read_shut |= p->how.v != SHUT_WR;
    store_save(c->core->store, c->handle);
    store_note_state(c->core->store, c->handle,
                     c->handle->state == STATE_LISTENING ? STATE_BOUND : STATE_HALF_CLOSED);
    store_note_use(c->core->store, c->handle, 0, 0);
    return 0;
}

int on_settimeout(struct call *c, const struct settimeout_params *p, struct timeout_result *ret)
{
    c->handle->timeout = p->timeout;
    store_save(c->core->store, c->handle);
    ret->timeout = p->timeout;
    return 0;
}

int on_gettimeout(struct call *c, const struct handle_params *p, struct timeout_result *ret)
{
    (void)p;
    ret->timeout = c->handle->timeout.set ? c->handle->timeout : c->session->timeout;
    if (!ret->timeout.set)
        ret->timeout = (struct wire_timeout){true, FOREVER};
    return 0;
}

int on_getsockname(struct call *c, const struct handle_params *p, struct address_result *ret)
{
    int r = socket_name(c->handle->fd, &ret->address);

    (void)p;
    return r < 0 ? call_os(c, r, "getsockname") : 0;
}

int on_getpeername(struct call *c, const struct handle_params *p, struct address_result *ret)
{
    int r = socket_peer(c->handle->fd, &ret->address);

    (void)p;
    return r < 0 ? call_os(c, r, "getpeername") : 0;
}
