/* Handlers of what comes between a client and the kernel's socket: TLS, and the pumped stream. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "call_io.h"
#include "handlers.h"
#include "handshake.h"
#include "proto/limits.h"
#include "socket.h"
#include "stream.h"
#include "tls.h"

/* -- wrap -- */

static int check_connected(struct call *c, const char *what)
{
    const struct handle *h = c->handle;

    if (h->stream)
        return call_check_bytes(c);
    store_note_addresses(c->core->store, c->handle);
    if (h->state == STATE_CONNECTED || h->state == STATE_HALF_CLOSED)
        return 0;
    return error_set(&c->error, ERROR_HANDLE, "NOT_CONNECTED",
                     "handle %lld is %s; %s is for a connected socket", (long long)h->id,
                     store_state_name(h->state), what);
}

static int check_wrap(struct call *c)
{
    const struct handle *h = c->handle;
    int r = check_connected(c, "wrap");

    if (r)
        return r;
    if (h->type != SOCK_STREAM)
        return error_set(&c->error, ERROR_HANDLE, "NO_STREAM",
                         "handle %lld is no stream socket; TLS is for those", (long long)h->id);
    if (h->tls && tls_is_open(h->tls))
        return error_set(&c->error, ERROR_HANDLE, "WRAPPED", "handle %lld is wrapped already",
                         (long long)h->id);
    if (h->custody != CUSTODY_DAEMON)
        return error_set(&c->error, ERROR_HANDLE, "SHARED",
                         "others have the socket of handle %lld and would break its TLS",
                         (long long)h->id);
    if (!h->must_survive)
        return 0;
    return error_set(&c->error, ERROR_LEASE, "CANNOT_KEEP",
                     "handle %lld must survive the daemon, and TLS does not: its keys do not leave "
                     "it",
                     (long long)h->id);
}

/* A client names the identity, never a path; and only what its pool may name. */
static int check_identity(struct call *c, const char *name)
{
    const struct tls_identity *i = c->core->config->identities;
    const char *pool = c->handle->pool ? c->handle->pool->name : "default";

    for (; name && i && strcmp(i->name, name) != 0; i = i->next)
        ;
    if (!name || (i && tls_identity_is_for_pool(i, pool)))
        return 0;
    return error_param(&c->error, "identity", "there is no [tls %.60s] for pool %s", name, pool);
}

/* What the certificate is held against where the client says nothing: the name that the handle was
 * connected by, else the peer's address. NULL: there is neither. */
static const char *expected_name(const struct handle *h, char room[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in6 *six = h->peer ? (const void *)&h->peer->addr : NULL;
    const struct sockaddr_in *four = (const void *)six;

    if (h->host || !six)
        return h->host;
    if (h->family == AF_INET)
        return inet_ntop(AF_INET, &four->sin_addr, room, INET6_ADDRSTRLEN);
    if (h->family != AF_INET6)
        return NULL;
    return IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)
               ? inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, room, INET6_ADDRSTRLEN)
               : inet_ntop(AF_INET6, &six->sin6_addr, room, INET6_ADDRSTRLEN);
}

/* What becomes of a byte of PEM when OpenSSL reads it. */
enum { CA_PEM_GROWTH = 7 };

static struct tls_request request_of(const struct call *c, const struct wrap_params *p,
                                     char room[INET6_ADDRSTRLEN])
{
    const struct handle *h = c->handle;
    bool needs_name = !p->server_side.v && !p->server_name.s;

    return (struct tls_request){
        .fd = h->fd,
        .server_side = p->server_side.v,
        .verify = !p->verify.set ? TLS_VERIFY_DEFAULT
                  : p->verify.v  ? TLS_VERIFY_ON
                                 : TLS_VERIFY_OFF,
        .server_name = needs_name ? expected_name(h, room) : p->server_name.s,
        .identity = p->identity.s,
        .ca_pem = p->ca_pem.s,
        .alpn = p->alpn.items,
        .n_alpn = p->alpn.n,
        .scope = h->pool ? h->pool->name : "",
        .ahead = buf_len(&h->ahead) ? h->ahead.data + h->ahead.start : NULL,
        .n_ahead = buf_len(&h->ahead),
    };
}

/* Whether it is only to go on. */
static bool asks_for_nothing(const struct wrap_params *p)
{
    return !p->server_side.set && !p->verify.set && !p->server_name.s && !p->identity.s &&
           !p->ca_pem.s && !p->alpn.set;
}

/* What could not even be set up never was: the handle is as before. */
static void forget_unbegun(struct handle *h)
{
    struct error unheard;

    if (!h->tls || !tls_has_failed(h->tls, &unheard) || tls_has_begun(h->tls))
        return;
    tls_free(h->tls);
    h->tls = NULL;
}

/* Makes the connection; or one that is half-way goes on, for whoever asks for nothing else. */
static int begin_tls(struct call *c, const struct wrap_params *p)
{
    struct handle *h = c->handle;
    char room[INET6_ADDRSTRLEN];
    struct tls_request request = request_of(c, p, room);
    int r;

    forget_unbegun(h);
    if (h->tls && (asks_for_nothing(p) || tls_was_asked_so(h->tls, &request) ||
                   tls_has_failed(h->tls, &c->error)))
        return 0;
    if (h->tls)
        return error_set(&c->error, ERROR_HANDLE, "HANDSHAKE",
                         "a handshake with other parameters is half-way on handle %lld; give those "
                         "or none, or close it",
                         (long long)h->id);
    h->n_tls_bytes = p->ca_pem.s ? p->ca_pem.n * CA_PEM_GROWTH : 0;
    if ((r = call_charge_buffer(c)))
        return r;
    if (!c->core->tls && !(c->core->tls = tls_contexts_new(c->core->config->identities)))
        return error_memory(&c->error);
    return tls_new(c->core->tls, &request, &h->tls, &c->error);
}

/* From now on the bytes are TLS's: what was read ahead are records. */
static void note_begun(struct call *c)
{
    struct handle *h = c->handle;

    h->n_ahead_gone += buf_len(&h->ahead);
    buf_done(&h->ahead);
    store_save_ahead(c->core->store, h);
    store_save(c->core->store, h);
}

static int compute(struct call *c)
{
    struct handshake *job;
    int r = handshake_start(c->core->handshakes, c->handle->tls, c->session->who->uid, c, &job);

    if (r < 0)
        return call_os(c, r, "the TLS handshake");
    c->work = job;
    c->work_free = handshake_free;
    return call_wait_for_worker(c);
}

/* A call before this one ended while a worker was at it, who tells nobody when it has done. */
static int wait_for_other(struct call *c)
{
    const int64_t ask_again_usec = 1000;

    c->retry_at = c->core->now.monotonic + ask_again_usec;
    return call_wait_for_worker(c);
}

static int go_on(struct call *c)
{
    struct handle *h = c->handle;
    int r;

    if (c->work && !handshake_is_done(c->work))
        return call_wait_for_worker(c);
    handshake_free(c->work);
    c->work = NULL;
    if (tls_has_begun(h->tls))
        note_begun(c);
    r = tls_handshake(h->tls, &c->error);
    switch (r) {
    case -EINPROGRESS:
        return compute(c);
    case -EALREADY:
        return wait_for_other(c);
    case -EAGAIN:
        return call_wait(c, call_recv_events(c), "the TLS handshake");
    default:
        return r;
    }
}

/* What has come to an end holds no ca_pem any more. */
static void settle(struct call *c)
{
    struct handle *h = c->handle;
    struct error unheard;

    forget_unbegun(h);
    if (h->tls && !tls_has_failed(h->tls, &unheard) && !tls_is_open(h->tls))
        return;
    h->n_tls_bytes = 0;
    call_charge_buffer(c);
}

static int describe(struct call *c, struct wrap_result *ret)
{
    struct tls_agreement *a = arena_alloc(&c->arena, sizeof *a);
    struct tls_info info;

    if (!a || tls_describe(c->handle->tls, &c->arena, &info) < 0)
        return error_memory(&c->error);
    *a = (struct tls_agreement){.version = wire_borrow(info.version),
                                .cipher = wire_borrow(info.cipher),
                                .alpn = wire_borrow(info.alpn),
                                .resumed = {true, info.is_resumed}};
    ret->tls = a;
    if (!info.has_peer)
        return 0;
    if (!(a->peer = arena_alloc(&c->arena, sizeof *a->peer)))
        return error_memory(&c->error);
    *a->peer = (struct tls_certificate){
        .subject = wire_borrow(info.peer.subject),
        .issuer = wire_borrow(info.peer.issuer),
        .serial = wire_borrow(info.peer.serial),
        .sha256 = wire_borrow(info.peer.sha256),
        .not_before = wire_integer(info.peer.not_before),
        .not_after = wire_integer(info.peer.not_after),
        .names = {true, info.peer.names, info.peer.n_names},
        .verified = {true, info.peer.is_verified},
    };
    return 0;
}

int on_wrap(struct call *c, const struct wrap_params *p, struct wrap_result *ret)
{
    int r = 0;

    if (!c->is_started) {
        if ((r = check_wrap(c)) || (r = check_identity(c, p->identity.s)))
            return r;
        c->is_started = true;
        r = begin_tls(c, p);
    }
    if (!r)
        r = go_on(c);
    if (r != LATER)
        settle(c);
    if (r)
        return r;
    store_note_use(c->core->store, c->handle, 0, 0);
    return describe(c, ret);
}

/* -- stream -- */

/* Each has its descriptors; sessions and handles were promised theirs. */
static int check_room(struct call *c)
{
    int64_t n = store_n_live(c->core->store) + (streams_count(c->core->streams) + 1) * STREAM_FDS;

    return n <= c->core->n_max_handles ? 0
                                       : error_os(&c->error, EMFILE, "the daemon's descriptors");
}

static int check_stream(struct call *c)
{
    int r = call_check_plane(c, PLANE_STREAM);

    if (!r)
        r = check_connected(c, "stream");
    if (!r)
        r = call_check_bytes(c);
    if (!r)
        r = check_room(c);
    if (!r && call_start_streams(c) < 0)
        r = error_os(&c->error, errno, "the pump");
    return r;
}

int on_stream(struct call *c, const struct handle_params *p, struct no_result *ret)
{
    struct handle *h = c->handle;
    struct stream *stream;
    struct stream_request request = {
        .handle = h->id,
        .fd = h->fd,
        .tls = h->tls,
        .is_shared = h->custody != CUSTODY_DAEMON || h->is_kept,
        .ahead = buf_len(&h->ahead) ? h->ahead.data + h->ahead.start : NULL,
        .n_ahead = buf_len(&h->ahead),
    };
    int r;

    (void)p;
    (void)ret;
    if ((r = check_stream(c)))
        return r;
    if ((r = stream_open(c->core->streams, &request, &stream, &c->fd_out)) < 0)
        return call_os(c, r, "the stream");
    store_begin_stream(c->core->store, h, stream);
    return 0;
}
