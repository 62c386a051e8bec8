/* Handlers of the planes: the kernel's socket itself, given away and taken in. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call_io.h"
#include "create.h"
#include "handlers.h"
#include "row.h"
#include "socket.h"
#include "tls.h"

/* What the daemon has read and the kernel has no more would be missing to whoever reads the socket
 * itself. */
static int check_ahead(struct call *c)
{
    size_t n = buf_len(&c->handle->ahead);

    if (n == 0)
        return 0;
    c->error.hint = "recv them first";
    return error_set(&c->error, ERROR_HANDLE, "READ_AHEAD",
                     "%zu bytes of handle %lld were read ahead and are the daemon's alone", n,
                     (long long)c->handle->id);
}

/* What stands between a handle and its bytes stays here. */
static int check_between(struct call *c)
{
    int r = call_check_stream(c);

    if (r || !c->handle->tls || tls_is_in_kernel(c->handle->tls))
        return r;
    c->error.hint = "use stream: its descriptor carries the plaintext";
    return error_set(&c->error, ERROR_UNAVAILABLE, "KTLS",
                     "the kernel does not do the TLS of handle %lld; its socket carries records",
                     (long long)c->handle->id);
}

/* -- handoff -- */

int on_handoff(struct call *c, const struct handle_params *p, struct no_result *ret)
{
    struct handle *h = c->handle;
    int fd, r;

    (void)p;
    (void)ret;
    if ((r = call_check_plane(c, PLANE_HANDOFF)) || (r = check_between(c)) || (r = check_ahead(c)))
        return r;
    if ((fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return call_os(c, -errno, "the descriptor for the reply");
    c->fd_out = fd;
    /* From now on: whether it arrives is not known, and it may. */
    if (store_share(c->core->store, h) < 0)
        return error_memory(&c->error);
    store_note_use(c->core->store, h, 0, 0);
    return 0;
}

/* -- release -- */

static int check_release(struct call *c)
{
    const struct handle *h = c->handle;
    int r;

    if (h->custody != CUSTODY_SHARED)
        return error_set(&c->error, ERROR_HANDLE, "NOT_HANDED_OFF",
                         "handle %lld is the daemon's alone; handoff comes first, close ends it",
                         (long long)h->id);
    if (h->session && h->session != c->session && !h->session->is_absent)
        return error_set(&c->error, ERROR_HANDLE, "HELD", "session %lld holds handle %lld",
                         (long long)h->session->id, (long long)h->id);
    r = call_check_stream(c);
    return r ? r : check_ahead(c);
}

int on_release(struct call *c, const struct handle_params *p, struct ledger_row *ret)
{
    int r = check_release(c);

    (void)p;
    if (r)
        return r;
    if (call_must_wait_for_manager(c))
        return call_wait_for_worker(c);
    /* The daemon's copy may be the last: then it dies right here. */
    follow_listen(c->core->follow, true);
    store_release(c->core->store, c->core->follow, c->handle);
    return row_fill(c, c->handle, true, ret);
}

/* -- adopt -- */

struct found {
    int family, type;
    bool is_listening, is_connected;
    struct wire_sockaddr address, peer; /* length 0: it has none */
};

/* A Unix socket without a name has no address that a rule could be for. */
static void read_name(int r, struct wire_sockaddr *name)
{
    if (r < 0 || !socket_is_bound(name))
        *name = (struct wire_sockaddr){0};
}

/* Whether it leads to the control socket, as every client's own does. */
static bool is_control(struct call *c, int fd)
{
    const struct wire_sockaddr *control = &c->core->control;
    struct wire_sockaddr peer;

    return control->addr.ss_family == AF_UNIX && socket_is_bound(control) &&
           socket_peer(fd, &peer) == 0 && peer.len == control->len &&
           memcmp(&peer.addr, &control->addr, peer.len) == 0;
}

static int identify(struct call *c, int fd, struct found *ret)
{
    struct stat st;
    int r;

    *ret = (struct found){0};
    if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
        return error_set(&c->error, ERROR_FD, "NOT_A_SOCKET", "the descriptor is not a socket's");
    socket_identify(fd, &ret->family, &ret->type);
    if (ret->family != AF_INET && ret->family != AF_INET6 && ret->family != AF_UNIX)
        return error_set(&c->error, ERROR_FD, "FAMILY",
                         "sockets of address family %d are not for the daemon", ret->family);
    if (is_control(c, fd))
        return error_set(&c->error, ERROR_FD, "CONTROL",
                         "the descriptor is a session with this daemon, which could then not end");
    ret->is_listening = socket_is_listening(fd);
    read_name(socket_name(fd, &ret->address), &ret->address);
    r = socket_peer(fd, &ret->peer);
    /* The other end of a pair is there, though it has no name. */
    ret->is_connected = r >= 0;
    read_name(r, &ret->peer);
    return 0;
}

/* As connect and bind would have been asked; a connection may also be one that a listener took,
 * which nobody asked for its peer, but for the listener's address. */
static int check_place(struct call *c, const struct creation *how, const struct found *found)
{
    const struct policy *policy = how->in->settings.policy;
    const struct wire_sockaddr *address = &found->address;
    struct verdict verdict;

    if (found->peer.len && policy_check_connect(policy, &found->peer, NULL, &verdict))
        return 0;
    if (!found->peer.len && !address->len)
        return 0;
    if (found->peer.len && (!address->len || found->type != SOCK_STREAM))
        return call_denied(c, how->in, &verdict);
    if (policy_check_bind(policy, address, &verdict))
        return call_check_bind_path(c, how->in, address);
    /* What would have to be allowed is the peer, where there is one. */
    if (found->peer.len)
        policy_check_connect(policy, &found->peer, NULL, &verdict);
    return call_denied(c, how->in, &verdict);
}

/* Whether it may be in this pool at all; like everything before the first effect. */
static int check_adoption(struct call *c, struct creation *how, const struct found *found)
{
    int r;

    if ((r = create_check(c, how, 1)) ||
        (r = create_check_kind(c, how, found->family, found->type)))
        return r;
    return check_place(c, how, found);
}

/* It may be called so already. */
static int check_name(struct call *c, const struct handle *h, const char *name)
{
    struct store *s = c->core->store;

    if (!name || store_find_named(s, c->session, h->pool, name) == h)
        return 0;
    return store_check_name(s, c->session, h->pool, name, &c->error);
}

/* What one that lives is given besides its lease. Its pool has paid for it, and its site says who
 * opened it: these stay. */
static int check_words(struct call *c, const struct handle *h, const struct adopt_params *p,
                       bool is_held)
{
    struct creation how = CREATION_OF(p);
    int r = how.pool || how.label ? create_find_pool(c, &how) : 0;

    if (r)
        return r;
    c->error.handle = h->id;
    if (how.pool && h->pool != how.in) {
        c->error.hint = "leave pool out, or release it first";
        return error_set(&c->error, ERROR_HANDLE, "KNOWN",
                         "the socket is handle %lld already, in pool %s", (long long)h->id,
                         h->pool ? h->pool->name : "default");
    }
    if (is_held && (how.name || how.label))
        return error_set(&c->error, ERROR_HANDLE, "HELD",
                         "session %lld holds handle %lld, and what it is called",
                         (long long)h->session->id, (long long)h->id);
    return check_name(c, h, how.name);
}

/* The daemon has it as well. Once it is known to survive, memory alone can fail. */
static int give_living(struct call *c, struct handle *h, const struct adopt_params *p)
{
    struct store *s = c->core->store;
    bool is_held = h->session && !h->session->is_absent && h->session != c->session;
    int r = is_held ? 0 : create_check_attach(c, h, &p->lease);

    if (!r)
        r = check_words(c, h, p, is_held);
    if (!r && p->survive.v)
        r = store_insist(s, h, &c->error);
    /* The names of the session that held it go with it, and so the new one comes after. */
    if (!r && !is_held)
        r = store_attach(s, h, c->session, &p->lease, &c->error);
    if (!r)
        r = store_rename(s, c->session, h, p->name.s, p->label.s, &c->error);
    if (!r)
        store_note_use(s, h, 0, 0);
    return r;
}

/* Only what the daemon itself relies on is set: its reads and writes never wait whatever the
 * others do (MSG_DONTWAIT, guard), and a close does not linger (socket_close). */
static int take_fd(struct call *c)
{
    int fd = c->fd, flags = fcntl(fd, F_GETFL);

    c->fd = -1;
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static enum handle_state state_of(const struct found *found)
{
    if (found->is_listening)
        return STATE_LISTENING;
    if (found->is_connected)
        return STATE_CONNECTED;
    return found->address.len ? STATE_BOUND : STATE_CREATED;
}

/* One that was handed off stays in its pool where nobody says otherwise. */
static int take_back(struct call *c, struct handle *h, const struct creation *given,
                     const struct found *found)
{
    struct creation how = *given;
    int r;

    if (!how.pool && h->pool && !h->pool->is_retired)
        how.pool = h->pool->name;
    if ((r = check_adoption(c, &how, found)))
        return r;
    return store_take_back(c->core->store, h, c->session, take_fd(c), &how, &c->error);
}

static int take_new(struct call *c, const struct creation *given, const struct found *found,
                    struct handle **ret)
{
    struct creation how = *given;
    int r;

    if ((r = check_adoption(c, &how, found)))
        return r;
    how.family = found->family;
    how.type = found->type;
    if ((r = store_add(c->core->store, c->session, take_fd(c), &how, state_of(found), ret,
                       &c->error)))
        return r;
    /* Whoever sent it has it too, or may have given it to others. */
    if (store_share(c->core->store, *ret) == 0)
        return 0;
    store_close(c->core->store, *ret, END_CLOSED, "it could not be entered");
    return error_memory(&c->error);
}

int on_adopt(struct call *c, const struct adopt_params *p, struct adopt_result *ret)
{
    struct creation how = CREATION_OF(p);
    struct found found;
    struct handle *h;
    int r = identify(c, c->fd, &found);

    if (r)
        return r;
    h = store_find_cookie(c->core->store, c->session, socket_cookie(c->fd));
    ret->known = (struct wire_bool){true, h != NULL};
    if (!h)
        r = take_new(c, &how, &found, &h);
    else if (h->fd >= 0)
        r = give_living(c, h, p);
    else
        r = take_back(c, h, &how, &found);
    if (r)
        return r;
    ret->handle = wire_integer(h->id);
    ret->address = found.address;
    ret->peer = found.peer;
    return 0;
}
