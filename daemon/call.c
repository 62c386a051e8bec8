#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "proto/address.h"
#include "discard.h"
#include "proto/limits.h"
#include "socket.h"

struct call *call_new(struct core *core, struct session *session)
{
    struct call *c = core->spare;

    if (c)
        core->spare = c->next;
    else if (!(c = malloc(sizeof *c)))
        return NULL;
    else
        c->arena = (struct arena){0};
    *c = (struct call){.core = core, .session = session, .arena = c->arena, .fd = -1, .fd_out = -1};
    return c;
}

/* What the service manager was to let go of, and was not closed: it gets it again. */
static void keep_again(struct call *c)
{
    struct handle *h = c->order ? store_find_number(c->core->store, c->handle_id) : NULL;

    if (h && h->fd >= 0)
        store_save(c->core->store, h);
}

void call_free(struct call *c)
{
    struct core *core = c->core;

    keep_again(c);
    wait_leave(core->wait, &c->ticket);
    if (c->prev)
        DL_DELETE(c->session->calls, c);
    call_end_lookup(c);
    if (c->work)
        c->work_free(c->work);
    discard_fd(c->fd);
    discard_fd(c->fd_out);
    arena_reset(&c->arena);
    c->next = core->spare;
    core->spare = c;
}

void call_free_spares(struct core *core)
{
    struct call *c;

    while ((c = core->spare)) {
        core->spare = c->next;
        arena_done(&c->arena);
        free(c);
    }
}

void call_cancel(struct call *c)
{
    c->is_cancelled = true;
    wait_wake(c->core->wait, &c->ticket);
}

int call_os(struct call *c, int r, const char *what)
{
    return error_os(&c->error, -r, what);
}

/* A socket that calls itself ready and is not (an unread error queue, a datagram receiver that is
 * full) would be tried without end: after a few attempts in vain every other wait is for a time
 * instead. */
static uint32_t slow_down(struct call *c, uint32_t events)
{
    const int n_free = 4, n_doublings = 6;
    int n = c->ticket.is_waiting && events ? ++c->n_vain - n_free : 0;

    c->is_slowed = n > 0 && !c->is_slowed;
    if (!c->is_slowed)
        return events;
    c->retry_at = c->core->now.monotonic + (1000 << (n < n_doublings ? n : n_doublings));
    return 0;
}

int call_wait(struct call *c, uint32_t events, const char *what)
{
    int r;

    if (c->timeout_usec == 0)
        return error_os(&c->error, EAGAIN, what);
    events = slow_down(c, events);
    r = wait_enter(c->core->wait, &c->ticket, &c->handle->point, c->method->lanes, events);
    return r < 0 ? call_os(c, r, "waiting") : LATER;
}

int call_wait_for_worker(struct call *c)
{
    int r = wait_enter(c->core->wait, &c->ticket, c->handle ? &c->handle->point : NULL,
                       c->method->lanes, 0);

    return r < 0 ? call_os(c, r, "waiting") : LATER;
}

/* -- look-ups -- */

void call_end_lookup(struct call *c)
{
    if (c->lookup)
        workers_forget(&c->lookup->job);
    c->lookup = NULL;
}

int call_lookup_started(struct call *c, int sys_errno)
{
    if (c->lookup)
        return c->lookup->job.is_done ? 0 : call_wait_for_worker(c);
    if (sys_errno == EBUSY)
        return error_set(&c->error, ERROR_LIMIT, "LOOKUPS",
                         "%d name look-ups of this session are under way; wait for one",
                         LIMIT_LOOKUPS);
    return error_os(&c->error, sys_errno, "name look-up");
}

int call_find_addresses(struct call *c, const char *host, const char *service,
                        const struct addrinfo *hints)
{
    int r, sys_errno = 0;

    if (!c->lookup) {
        c->lookup = resolver_find_addresses(c->core->workers, host, service, hints, c->session->who,
                                            c, &sys_errno);
        if ((r = call_lookup_started(c, sys_errno)))
            return r;
    }
    if (!c->lookup->job.is_done)
        return call_wait_for_worker(c);
    if (!c->lookup->eai)
        return 0;
    return error_gai(&c->error, c->lookup->eai, c->lookup->sys_errno, host ? host : "");
}

static int take_found(struct call *c, const struct wire_address *address)
{
    const struct addrinfo *found = c->lookup->found;

    memcpy(&c->resolved.addr, found->ai_addr, found->ai_addrlen);
    c->resolved.len = found->ai_addrlen;
    call_end_lookup(c);
    return address_complete(address, "address", &c->resolved, &c->error);
}

int call_address(struct call *c, const struct wire_address *address, int family, int type,
                 bool passive, struct wire_sockaddr *ret)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = type, .ai_flags = passive ? AI_PASSIVE : 0};
    int r = 0;

    if (!c->resolved.len) {
        r = address_numeric(address, family, "address", ret, &c->error);
        if (r != ADDRESS_IS_NAME)
            return r;
        /* A raw socket's type has no service; any stands for all. */
        if (type == SOCK_RAW)
            hints.ai_socktype = 0;
        r = call_find_addresses(c, address->text, NULL, &hints);
        if (!r)
            r = take_found(c, address);
    }
    *ret = c->resolved;
    return r;
}

/* -- before a close -- */

enum { LET_GO_USEC = 1000000, ASK_AGAIN_USEC = 500 };

/* All that the close means (the end for the peer, the port free again) is true when the answer
 * comes. */
bool call_must_wait_for_manager(struct call *c)
{
    if (!c->order) {
        if (!c->handle->is_kept)
            return false;
        c->order = store_unkeep(c->core->store, c->handle);
        c->deadline = c->core->now.monotonic + LET_GO_USEC;
    }
    c->retry_at = c->core->now.monotonic + ASK_AGAIN_USEC;
    return !keep_is_done(c->core->keep, c->order) && c->core->now.monotonic < c->deadline;
}
