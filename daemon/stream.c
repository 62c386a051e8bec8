#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "socket.h"
#include "tls_net.h"

struct stream {
    struct streams *all;
    struct stream *prev, *next;
    int64_t handle; /* 0: it is closed */
    int fd, handle_fd;
    struct tls *tls;
    bool is_shared;
    bool is_left, was_left;
    uid_t owner; /* of one that is left */
    struct pump_stream *pumped;
    int64_t sent, received; /* that were taken */
};

struct streams {
    struct pump *pump;
    struct stream *first; /* but for those that are left */
    struct stream *left;  /* the longest first */
    int64_t n, n_left, n_left_max;
};

/* What all those that are left may take of the descriptors there are. */
enum { LEFT_PART = 8 };

static void take_out(struct stream *s)
{
    struct streams *all = s->all;

    if (s->is_left) {
        DL_DELETE(all->left, s);
        all->n_left--;
    } else {
        DL_DELETE(all->first, s);
    }
    s->is_left = false;
}

/* Of a handle that lives only what is not the handle's. The manager may still have a copy of what
 * was left: its peer is not to wait for that. */
static void free_stream(struct stream *s)
{
    take_out(s);
    s->all->n--;
    if (s->tls && s->handle)
        tls_move(s->tls, s->handle_fd);
    else
        tls_free(s->tls);
    if (s->is_shared && s->was_left)
        socket_abandon(s->fd);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

/* -- all of them -- */

struct streams *streams_new(int64_t n_fds)
{
    struct streams *all = calloc(1, sizeof *all);

    if (all && !(all->pump = pump_new(0, PUMP_LINGER_MS))) {
        free(all);
        return NULL;
    }
    if (all)
        all->n_left_max = 1 + n_fds / STREAM_FDS / LEFT_PART;
    return all;
}

/* Whoever has more than half of those that are left, if there is such a user: then pairs of two
 * different users, taken away, leave some of theirs over. Anyone of them where there is not. */
static uid_t most_likely_owner(const struct streams *all)
{
    const struct stream *s;
    uid_t owner = 0;
    int64_t n = 0;

    DL_FOREACH(all->left, s)
    {
        if (n == 0)
            owner = s->owner;
        n += s->owner == owner ? 1 : -1;
    }
    return owner;
}

/* Who leaves many loses their own: the oldest of a user with more than half, else of all. */
static struct stream *choose_victim(const struct streams *all)
{
    uid_t owner = most_likely_owner(all);
    struct stream *s, *oldest = NULL;
    int64_t n = 0;

    DL_FOREACH(all->left, s)
    {
        if (s->owner != owner)
            continue;
        n++;
        if (!oldest)
            oldest = s;
    }
    return 2 * n > all->n_left ? oldest : all->left;
}

/* What was not delivered must not look like all. */
static void cut(struct streams *all, struct stream *s)
{
    take_out(s);
    DL_APPEND(all->first, s);
    pump_stop(s->pumped, true);
}

void streams_free(struct streams *all)
{
    if (!all)
        return;
    while (all->left)
        cut(all, all->left);
    pump_free(all->pump);
    while (all->first)
        free_stream(all->first);
    free(all);
}

int streams_fd(const struct streams *all)
{
    return pump_fd(all->pump);
}

int64_t streams_count(const struct streams *all)
{
    return all ? all->n : 0;
}

/* -- one -- */

int stream_open(struct streams *all, const struct stream_request *request, struct stream **ret,
                int *ret_client_fd)
{
    struct pump_request pumped = {.ahead = request->ahead, .n_ahead = request->n_ahead};
    struct stream *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->all = all;
    DL_APPEND(all->first, s);
    all->n++;
    s->handle = request->handle;
    s->handle_fd = request->fd;
    s->is_shared = request->is_shared;
    s->fd = fcntl(request->fd, F_DUPFD_CLOEXEC, 3);
    r = s->fd < 0 ? -errno : 0;
    if (r == 0) {
        if ((s->tls = request->tls))
            tls_move(s->tls, s->fd);
        pumped.user = s;
        pumped.net =
            request->tls ? tls_net(request->tls, s->fd) : pump_net_plain(s->fd, request->is_shared);
        r = pump_open(all->pump, &pumped, &s->pumped, ret_client_fd);
    }
    if (r < 0) {
        free_stream(s);
        return r;
    }
    *ret = s;
    return 0;
}

void stream_take_counts(struct stream *s, int64_t *ret_sent, int64_t *ret_received)
{
    int64_t sent, received;

    pump_count(s->pumped, &sent, &received);
    *ret_sent = sent - s->sent;
    *ret_received = received - s->received;
    s->sent = sent;
    s->received = received;
}

void stream_abandon(struct stream *s, struct tls *tls)
{
    s->handle = 0;
    s->tls = tls;
    pump_stop(s->pumped, false);
}

void stream_leave(struct stream *s, struct tls *tls, uid_t owner, bool has_died)
{
    struct streams *all = s->all;

    s->handle = 0;
    s->tls = tls;
    take_out(s);
    DL_APPEND(all->left, s);
    s->is_left = s->was_left = true;
    s->owner = owner;
    pump_leave(s->pumped, has_died);
    if (++all->n_left > all->n_left_max)
        cut(all, choose_victim(all));
}

bool stream_next(struct streams *all, struct stream_end *ret)
{
    struct pump_end end;
    struct stream *s;

    while (pump_next(all->pump, &end)) {
        s = end.user;
        *ret = (struct stream_end){.handle = s->handle,
                                   .how = end.how,
                                   .error = end.error,
                                   .sent = end.sent - s->sent,
                                   .received = end.received - s->received};
        free_stream(s);
        if (ret->handle)
            return true;
    }
    return false;
}
