/* berth.c — the life of a session: opened, asked for its last error, ended. */
#include "client/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/failure.h"
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
    b->n_max_request = LIMIT_LINE_BYTES;
    failure_clear(b);
    return b;
}

berth *berth_new(const char *path)
{
    int fd;

    path = connection_path(path);
    fd = connection_open(path);
    if (fd < 0) {
        failure_local(NULL, -fd, connection_hint(-fd), "cannot reach the daemon at %s: %s", path,
                      strerror(-fd));
        return NULL;
    }
    return make(fd);
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

void berth_free(berth *b)
{
    struct parked *parked;
    int saved = errno;

    if (!b)
        return;
    if (!origin_is_here(&b->origin) && !origin_holds(&b->origin, b->frame.fd))
        b->frame.fd = -1;
    frame_done(&b->frame);
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

static int say_broken(berth *b)
{
    const char *why = b->broken == ECONNRESET ? "the daemon ended it" : strerror(b->broken);

    return failure_local(b, b->broken, "open a new session; the handles of this one were closed",
                         "the session is over: %s", why);
}

int session_begin(berth *b)
{
    if (!b) {
        errno = EINVAL;
        return -1;
    }
    arena_reset(&b->arena);
    failure_clear(b);
    if (!origin_is_here(&b->origin))
        return failure_local(b, ESTALE, "open a session of your own with berth_new()",
                             "this session was opened before fork, by another process");
    return b->broken ? say_broken(b) : 0;
}

int session_break(berth *b, int sys_errno)
{
    b->broken = sys_errno;
    return say_broken(b);
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

int berth_fd(const berth *b)
{
    return origin_is_here(&b->origin) ? b->frame.fd : -1;
}

short berth_events(const berth *b)
{
    return frame_pending(&b->frame) ? POLLIN | POLLOUT : POLLIN;
}
