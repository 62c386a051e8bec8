#include "client/session.h"

#include <errno.h>
#include <string.h>

#include "client/failure.h"

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
