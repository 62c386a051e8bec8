/* create_connection: connecting to a host by whichever of its addresses answers first (RFC 8305,
 * "Happy Eyeballs"). Addresses are tried in an order that alternates between the families, each a
 * little after the one before, or at once when that one failed. The sockets tried are no handles
 * yet; the winner becomes one, the others are closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "create.h"
#include "handlers.h"
#include "proto/address.h"
#include "proto/limits.h"
#include "socket.h"

/* RFC 8305, section 5: the Connection Attempt Delay. */
enum { DELAY_USEC = 250000 };

enum candidate_state { NOT_TRIED, IN_PROGRESS, FAILED, WON };

struct candidate {
    struct wire_sockaddr address;
    int family, type, protocol;
    enum candidate_state state;
    struct point point; /* IN_PROGRESS */
    struct error error; /* FAILED */
};

struct dial {
    struct wait *wait;
    struct ticket *ticket;
    struct candidate *candidates;
    struct link *links;
    size_t n, n_tried;
    int64_t next_at; /* when the next one is tried; 0: at once */
};

static void close_candidate(struct dial *d, struct candidate *k)
{
    int fd = k->point.fd;

    wait_remove_point(d->wait, &k->point);
    socket_close(fd);
}

static void dial_free(void *work)
{
    struct dial *d = work;

    wait_leave(d->wait, d->ticket);
    for (size_t i = 0; i < d->n; i++)
        if (d->candidates[i].state == IN_PROGRESS)
            close_candidate(d, &d->candidates[i]);
    free(d->candidates);
    free(d->links);
    free(d);
}

/* -- which addresses, in which order -- */

static size_t count(const struct addrinfo *found)
{
    size_t n = 0;

    for (; found && n < LIMIT_ATTEMPTS; found = found->ai_next)
        n++;
    return n;
}

static void take_candidate(struct candidate *k, const struct addrinfo *a)
{
    k->family = a->ai_family;
    k->type = a->ai_socktype;
    k->protocol = a->ai_protocol;
    k->address.len = a->ai_addrlen;
    memcpy(&k->address.addr, a->ai_addr, a->ai_addrlen);
}

/* The next not yet taken one from `a` on whose family is (or is not) `family`. */
static const struct addrinfo *next_of(const struct addrinfo *a, int family, bool same)
{
    while (a && (a->ai_family == family) != same)
        a = a->ai_next;
    return a;
}

/* The resolver's order (RFC 6724) with the families alternating, beginning with that of the first.
 */
static void take_candidates(struct dial *d, const struct addrinfo *found)
{
    int family = found->ai_family;
    const struct addrinfo *same = next_of(found, family, true),
                          *other = next_of(found, family, false);

    for (size_t i = 0; i < d->n; i++) {
        bool take_same = same && (i % 2 == 0 || !other);
        const struct addrinfo **from = take_same ? &same : &other;

        take_candidate(&d->candidates[i], *from);
        *from = next_of((*from)->ai_next, family, take_same);
    }
}

static struct dial *dial_new(struct call *c, const struct addrinfo *found)
{
    struct dial *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->wait = c->core->wait;
    d->ticket = &c->ticket;
    d->n = count(found);
    d->candidates = calloc(d->n, sizeof *d->candidates);
    d->links = calloc(d->n, sizeof *d->links);
    if (!d->candidates || !d->links) {
        d->n = 0;
        dial_free(d);
        return NULL;
    }
    take_candidates(d, found);
    return d;
}

/* -- one candidate -- */

static int bind_source(struct call *c, const struct creation *how, int fd, int family,
                       const struct wire_address *source)
{
    struct wire_sockaddr address;
    struct verdict verdict;
    int r;

    if (source->kind == ADDRESS_NONE)
        return 0;
    r = address_numeric(source, family, "source", &address, &c->error);
    if (r == ADDRESS_IS_NAME)
        return error_os(&c->error, EAFNOSUPPORT, "source");
    if (r)
        return r;
    if (!policy_check_bind(how->in->settings.policy, &address, &verdict))
        return call_denied(c, how->in, &verdict);
    return create_bind(c, fd, &address);
}

static int check_destination(struct call *c, const struct create_connection_params *p,
                             const struct creation *how, const struct candidate *k)
{
    const struct wire_address given = {ADDRESS_INET, .text = p->host.s, .n = p->host.n};
    const struct wire_sockaddr unbound = {0};
    struct wire_sockaddr destination = policy_destination(&k->address, &unbound);
    struct verdict verdict;

    if (policy_check_connect(how->in->settings.policy, &destination, call_name_of(&given),
                             &verdict))
        return 0;
    return call_denied(c, how->in, &verdict);
}

/* Opens and begins to connect. 0: in progress or won; an error of c->error. */
static int try_candidate(struct call *c, const struct create_connection_params *p,
                         const struct creation *how, struct candidate *k)
{
    int fd, r;

    if ((r = create_check_kind(c, how, k->family, k->type)) ||
        (r = check_destination(c, p, how, k)))
        return r;
    if ((r = create_socket(c, how, k->family, k->type, k->protocol, &fd)) ||
        (r = create_with_options(c, how, fd, &p->options)))
        return r;
    r = bind_source(c, how, fd, k->family, &p->source);
    if (!r) {
        r = socket_connect(fd, &k->address);
        if (r == 0 || r == -EINPROGRESS) {
            k->state = r == 0 ? WON : IN_PROGRESS;
            if ((r = wait_add_point(c->core->wait, &k->point, fd)) == 0)
                return 0;
        }
        call_os(c, r, "connect");
    }
    socket_close(fd);
    return r;
}

static void note_failure(struct call *c, struct dial *d, struct candidate *k)
{
    k->state = FAILED;
    k->error = c->error;
    if (c->error.name == c->error.name_room)
        k->error.name = k->error.name_room;
    c->error = (struct error){0};
    d->next_at = 0;
}

/* Sees what became of those in progress; the first that is connected wins. */
static struct candidate *find_winner(struct call *c, struct dial *d)
{
    for (size_t i = 0; i < d->n_tried; i++) {
        struct candidate *k = &d->candidates[i];
        int r = k->state == IN_PROGRESS ? socket_connect_end(k->point.fd, &k->address) : -EALREADY;

        if (r == -EALREADY && k->state != WON)
            continue;
        if (r == 0 || k->state == WON) {
            k->state = WON;
            return k;
        }
        close_candidate(d, k);
        call_os(c, r, "connect");
        note_failure(c, d, k);
    }
    return NULL;
}

static size_t n_in_progress(const struct dial *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n_tried; i++)
        n += d->candidates[i].state == IN_PROGRESS;
    return n;
}

static bool is_due(const struct call *c, const struct dial *d)
{
    return d->n_tried < d->n && (n_in_progress(d) == 0 || c->core->now.monotonic >= d->next_at);
}

/* Begins with whoever is due. */
static void try_next(struct call *c, struct dial *d, const struct create_connection_params *p,
                     const struct creation *how)
{
    while (is_due(c, d)) {
        struct candidate *k = &d->candidates[d->n_tried++];

        d->next_at = c->core->now.monotonic + DELAY_USEC;
        if (try_candidate(c, p, how, k))
            note_failure(c, d, k);
        else if (k->state == WON)
            return;
    }
}

/* -- the outcome -- */

static struct attempt_error *attempt_error_of(struct call *c, const struct candidate *k)
{
    struct attempt_error *error = arena_alloc(&c->arena, sizeof *error);
    const char *kind = "cancelled", *name = "CANCELLED",
               *message = "another address answered first";

    if (!error)
        return NULL;
    if (k->state == FAILED) {
        kind = error_info(k->error.id)->kind;
        name = k->error.name ? k->error.name : error_info(k->error.id)->name;
        message = k->error.message;
    }
    error->kind = (struct wire_text){kind, strlen(kind)};
    error->name.s = arena_copy(&c->arena, name, error->name.n = strlen(name));
    error->message.s = arena_copy(&c->arena, message, error->message.n = strlen(message));
    return error->name.s && error->message.s ? error : NULL;
}

static int tell_attempts(struct call *c, const struct dial *d, struct create_connection_result *ret)
{
    ret->attempts.set = true;
    if (!(ret->attempts.items = arena_alloc(&c->arena, d->n_tried * sizeof *ret->attempts.items)))
        return error_memory(&c->error);
    for (; ret->attempts.n < d->n_tried; ret->attempts.n++) {
        const struct candidate *k = &d->candidates[ret->attempts.n];
        struct attempt *a = &ret->attempts.items[ret->attempts.n];

        a->address = k->address;
        if (k->state != WON && !(a->error = attempt_error_of(c, k)))
            return error_memory(&c->error);
    }
    return 0;
}

static int take_winner(struct call *c, struct dial *d, struct candidate *k,
                       const struct creation *how, struct create_connection_result *ret)
{
    int fd = k->point.fd, r = tell_attempts(c, d, ret);
    struct handle *h;

    wait_leave(d->wait, d->ticket);
    wait_remove_point(d->wait, &k->point);
    if (r) {
        socket_close(fd);
        return r;
    }
    if ((r = store_add(c->core->store, c->session, fd, how, STATE_CONNECTED, &h, &c->error)))
        return r;
    ret->handle = wire_integer(h->id);
    ret->peer = k->address;
    return socket_name(h->fd, &ret->address);
}

/* Nobody is left: the last failure speaks for all. */
static int all_failed(struct call *c, const struct dial *d,
                      const struct create_connection_params *p)
{
    const struct candidate *last = &d->candidates[d->n - 1];
    char text[64];

    c->error = last->error;
    if (last->error.name == last->error.name_room)
        c->error.name = c->error.name_room;
    address_format(&last->address, text, sizeof text);
    if (snprintf(c->error.message, sizeof c->error.message, "%.60s: %zu address%s tried; %s: %.80s",
                 p->host.s, d->n, d->n == 1 ? "" : "es", text, last->error.message) < 0)
        return (int)last->error.id;
    return (int)c->error.id;
}

static int wait_for_some(struct call *c, struct dial *d)
{
    int n = 0, r;

    if (c->timeout_usec == 0)
        return error_os(&c->error, EINPROGRESS, "connect");
    /* Others may be in progress than when the wait began. */
    wait_leave(d->wait, d->ticket);
    for (size_t i = 0; i < d->n_tried; i++)
        if (d->candidates[i].state == IN_PROGRESS)
            d->links[n++] = (struct link){.point = &d->candidates[i].point, .events = EPOLLOUT};
    if (d->n_tried < d->n)
        c->retry_at = d->next_at;
    r = wait_enter_poll(d->wait, d->ticket, d->links, n);
    return r < 0 ? call_os(c, r, "waiting") : LATER;
}

static int look_up(struct call *c, const struct create_connection_params *p)
{
    struct addrinfo hints = {
        .ai_family = p->family.set ? p->family.v : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV,
    };
    const char *port = arena_printf(&c->arena, "%lld", (long long)p->port.v);
    int r;

    if (p->port.v < 0 || p->port.v > 65535)
        return error_param(&c->error, "port", "must be 0 to 65535");
    if (p->family.set && p->family.v != AF_INET && p->family.v != AF_INET6)
        return error_param(&c->error, "family", "must be AF_INET or AF_INET6");
    if (!port)
        return error_memory(&c->error);
    if ((r = call_find_addresses(c, *p->host.s ? p->host.s : "0.0.0.0", port, &hints)))
        return r;
    c->work = dial_new(c, c->lookup->found);
    c->work_free = dial_free;
    call_end_lookup(c);
    return c->work ? 0 : error_memory(&c->error);
}

static void note_host(struct call *c, const struct create_connection_params *p, int64_t handle)
{
    const struct wire_address given = {ADDRESS_INET, .text = p->host.s, .n = p->host.n};

    store_note_host(store_find_number(c->core->store, handle), call_name_of(&given));
}

int on_create_connection(struct call *c, const struct create_connection_params *p,
                         struct create_connection_result *ret)
{
    struct creation how = CREATION_OF(p);
    struct candidate *winner;
    int r;

    if ((r = create_check(c, &how, 1)))
        return r;
    if (!c->work && (r = look_up(c, p)))
        return r;
    winner = find_winner(c, c->work);
    /* One that is refused at once gives way to the next at once. */
    while (!winner && is_due(c, c->work)) {
        try_next(c, c->work, p, &how);
        winner = find_winner(c, c->work);
    }
    if (winner) {
        if (!(r = take_winner(c, c->work, winner, &how, ret)))
            note_host(c, p, ret->handle.v);
        return r;
    }
    if (n_in_progress(c->work) == 0)
        return all_failed(c, c->work, p);
    return wait_for_some(c, c->work);
}
