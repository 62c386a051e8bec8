/* The handler of poll: many handles, no queue. */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "handlers.h"
#include "proto/limits.h"
#include "socket.h"
#include "tls.h"

static int take_events(struct call *c, const struct poll_entry *entry, int *ret)
{
    *ret = entry->events.set ? 0 : POLLIN;
    for (size_t i = 0; i < entry->events.n; i++) {
        if (strcmp(entry->events.items[i], "in") == 0)
            *ret |= POLLIN;
        else if (strcmp(entry->events.items[i], "out") == 0)
            *ret |= POLLOUT;
        else
            return error_param(&c->error, "handles", "events are \"in\" and \"out\", not %.40s",
                               entry->events.items[i]);
    }
    return 0;
}

/* What holds for one handle now; what was read ahead can be read, TLS's own messages cannot. */
static int look(const struct handle *h, int events)
{
    int now = socket_poll(h->fd, events);
    bool is_tls = h->tls && !h->stream && tls_is_open(h->tls);

    if (is_tls && now >= 0 && !tls_look(h->tls))
        now &= ~POLLIN;
    return buf_len(&h->ahead) || (is_tls && (h->is_read_shut || tls_is_readable(h->tls)))
               ? now | (events & POLLIN)
               : now;
}

static int tell(struct call *c, const struct handle *h, int now, struct poll_ready *ret)
{
    static const struct {
        int event;
        const char *name;
    } names[] = {{POLLIN, "in"}, {POLLOUT, "out"}, {POLLHUP, "hup"}, {POLLERR, "err"}};

    ret->handle = wire_integer(h->id);
    ret->events.set = true;
    if (!(ret->events.items = arena_alloc(&c->arena, 4 * sizeof *ret->events.items)))
        return error_memory(&c->error);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (now & names[i].event)
            ret->events.items[ret->events.n++] = names[i].name;
    return 0;
}

/* Fills the links that a wait needs, and tells who is ready already. */
static int look_at_all(struct call *c, const struct poll_params *p, struct poll_result *ret)
{
    bool waits = c->ticket.is_waiting;

    ret->ready.n = 0;
    for (size_t i = 0; i < p->handles.n; i++) {
        const struct poll_entry *entry = &p->handles.items[i];
        struct handle *h;
        int events, now, r;

        if ((r = store_find(c->core->store, c->session, &entry->handle, &h, &c->error)) ||
            (r = take_events(c, entry, &events)))
            return r;
        if (!waits)
            c->links[i] = (struct link){.point = &h->point,
                                        .events = (events & POLLIN ? EPOLLIN : 0) |
                                                  (events & POLLOUT ? EPOLLOUT : 0) | EPOLLHUP};
        now = look(h, events);
        if (now && (r = tell(c, h, now, &ret->ready.items[ret->ready.n++])))
            return r;
    }
    return 0;
}

static int prepare(struct call *c, const struct poll_params *p)
{
    if (p->handles.n > LIMIT_POLL_HANDLES)
        return error_param(&c->error, "handles", "are more than %d", LIMIT_POLL_HANDLES);
    c->links = arena_alloc(&c->arena, p->handles.n * sizeof *c->links);
    return c->links ? 0 : error_memory(&c->error);
}

int on_poll(struct call *c, const struct poll_params *p, struct poll_result *ret)
{
    int r;

    if (!c->links && (r = prepare(c, p)))
        return r;
    if (c->ticket.is_waiting && c->ticket.n_links == 0 && p->handles.n)
        return error_set(&c->error, ERROR_CANCELLED, NULL,
                         "one of the handles was closed meanwhile");
    if (!ret->ready.items)
        ret->ready.items = arena_alloc(&c->arena, p->handles.n * sizeof *ret->ready.items);
    ret->ready.set = true;
    if (!ret->ready.items)
        return error_memory(&c->error);
    if ((r = look_at_all(c, p, ret)))
        return r;
    /* As poll(2): when the time runs out nobody is ready, which is no error. */
    if (ret->ready.n || c->timeout_usec == 0 || c->core->now.monotonic >= c->deadline)
        return 0;
    r = wait_enter_poll(c->core->wait, &c->ticket, c->links, (int)p->handles.n);
    return r < 0 ? call_os(c, r, "poll") : LATER;
}
