/* berth.c — the life of a session: opened, asked for its last error, ended. */
#include "client/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/failure.h"
#include "client/ride.h"
#include "proto/limits.h"

/* A session over `fd`, which is taken, also on failure. */
static berth *make(int fd)
{
    berth *b = calloc(1, sizeof *b);
    int r = b ? origin_init(&b->origin, fd) : -ENOMEM;

    if (r < 0) {
        close(fd);
        free(b);
        failure_local(NULL, -r, NULL, "cannot make a session: %s", strerror(-r));
        return NULL;
    }
    frame_init(&b->frame, fd, SESSION_REPLY_BYTES);
    b->frame.takes_losses = true;
    ride_init(b);
    b->n_max_request = LIMIT_LINE_BYTES;
    failure_clear(b);
    return b;
}

berth *berth_new(const char *path)
{
    berth *b;
    int fd;

    path = connection_path(path);
    fd = connection_open(path);
    if (fd < 0) {
        failure_local(NULL, -fd, connection_hint(-fd), "cannot reach the daemon at %s: %s", path,
                      strerror(-fd));
        return NULL;
    }
    if (!(b = make(fd)))
        return NULL;
    if ((b->ride.path = strdup(path)))
        return b;
    berth_free(b);
    failure_local(NULL, ENOMEM, NULL, "out of memory");
    return NULL;
}

berth *berth_new_from_fd(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        failure_local(NULL, errno, NULL, "descriptor %d: %s", fd, strerror(errno));
        return NULL;
    }
    return make(fd);
}

/* In a child of fork: numbers that are other files by now stay open. */
static void disown(berth *b)
{
    if (!origin_holds(&b->origin, b->frame.fd))
        b->frame.fd = -1;
    if (!waker_holds(&b->ride.waker, b->frame.fd))
        waker_init(&b->ride.waker);
    for (struct pending *p = b->ride.requests.first; p; p = p->next)
        p->fd = -1;
}

void berth_free(berth *b)
{
    struct parked *parked;
    int saved = errno;

    if (!b)
        return;
    if (!origin_is_here(&b->origin))
        disown(b);
    waker_done(&b->ride.waker);
    frame_done(&b->frame);
    ride_done(b);
    while ((parked = b->parked)) {
        b->parked = parked->next;
        if (parked->fd >= 0)
            close(parked->fd);
        free(parked);
    }
    origin_done(&b->origin);
    arena_done(&b->arena);
    arena_done(&b->hostent);
    json_done(&b->json);
    buf_done(&b->line);
    free(b->label);
    free(b);
    errno = saved;
}

const struct berth_error *berth_last_error(const berth *b)
{
    return b ? &b->error : failure_of_thread();
}

int berth_set_label(berth *b, const char *label)
{
    char *copy = NULL;

    if (session_begin(b) < 0)
        return -1;
    if (label && !(copy = strdup(label)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    free(b->label);
    b->label = copy;
    return 0;
}

int berth_set_reconnect(berth *b, double seconds)
{
    if (session_begin(b) < 0)
        return -1;
    if (!(seconds >= 0 && seconds <= RIDE_MAX_SECONDS))
        return failure_local(b, EINVAL, "give seconds from 0 to 86400", "reconnect: %g", seconds);
    if (seconds > 0 && !b->ride.path)
        return failure_local(b, EOPNOTSUPP, "open the session with berth_new()",
                             "there is no way back: the session was made of a descriptor");
    b->ride.window = seconds;
    return 0;
}

int64_t berth_reconnects(const berth *b, int *ret_is_away)
{
    if (ret_is_away)
        *ret_is_away = b->ride.state != RIDE_HOME;
    return b->ride.n_rides;
}

int berth_fd(const berth *b)
{
    /* Made when it is first asked for: most sessions never are. */
    return origin_is_here(&b->origin) ? ride_fd((berth *)b) : -1;
}

short berth_events(const berth *b)
{
    /* A session with a way back watches its socket itself. */
    if (b->ride.path)
        return POLLIN;
    return frame_pending(&b->frame) ? POLLIN | POLLOUT : POLLIN;
}
