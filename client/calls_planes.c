/* calls_planes.c — the calls that give and take the kernel's socket itself. */
#include <errno.h>
#include <fcntl.h>

#include "client/exchange.h"
#include "client/failure.h"

static int release(berth *b, berth_handle h)
{
    struct handle_params p = {.handle = {.set = true, .id = h}};

    return exchange_call(b, METHOD_release, &(struct exchange){.params = &p});
}

/* Nobody but the caller has it now, who expects a socket as socket(2) makes them. */
static void make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

int berth_handoff(berth *b, berth_handle h, unsigned flags)
{
    struct handle_params p = {.handle = {.set = true, .id = h}};
    int fd = -1;

    if (session_begin(b) < 0)
        return -1;
    if (flags & ~BERTH_SHARED)
        return failure_local(b, EINVAL, NULL, "handoff: there is no flag %#x", flags);
    if (exchange_call(b, METHOD_handoff, &(struct exchange){.params = &p, .ret_fd = &fd}) < 0)
        return -1;
    if (fd < 0)
        return failure_local(b, EMFILE, "close descriptors and call again; the daemon has it still",
                             "handoff: the descriptor found no room in this process");
    /* It is here, and so safe. Where the release does not come about (the daemon was restarted),
     * the ledger tells that it is shared. */
    if (!(flags & BERTH_SHARED)) {
        release(b, h);
        make_blocking(fd);
    }
    failure_clear(b);
    return fd;
}

int berth_release(berth *b, berth_handle h)
{
    return session_begin(b) < 0 ? -1 : release(b, h);
}
