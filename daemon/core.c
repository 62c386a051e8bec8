#include "core.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "absent.h"
#include "stream.h"
#include "tls_contexts.h"
#include "proto/limits.h"

enum {
    RESERVED_FDS = 64,   /* the daemon's own and its workers'; a quarter where there are few … */
    SPARE_FDS = 8,       /* … but at least these, beside what is open at the start: the log's, a
                            client's that is refused, what comes with a request, … */
    LOOKUP_THREADS = 64, /* they sleep; a dead name server must need many sessions to use them up */
    LOOKUP_SHARE = 4,    /* of one session */
    FILE_THREADS = 8,
    HANDSHAKE_THREADS = 2, /* at least */
};

static struct now system_clock(void)
{
    struct timespec monotonic, real;

    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_REALTIME, &real);
    return (struct now){monotonic.tv_sec * 1000000LL + monotonic.tv_nsec / 1000,
                        real.tv_sec * 1000000LL + real.tv_nsec / 1000};
}

int core_open(struct core *core, const struct core_setup *setup)
{
    const int n_cpus = get_nprocs();
    const int n_handshakes = n_cpus > HANDSHAKE_THREADS ? n_cpus : HANDSHAKE_THREADS;

    core->config = setup->config;
    core->clock = setup->clock ? setup->clock : system_clock;
    core->now = core->clock();
    core->keep = setup->keep;
    if (!(core->state = setup->state ? setup->state : state_new(-1)))
        return -ENOMEM;
    core->pools = core->config->pools;
    if (!core->pools && !(core->pools = core->own_pools = pools_new_default()))
        return -ENOMEM;
    core->started = core->now.monotonic;
    if (!(core->wait = wait_new()) ||
        !(core->workers = workers_new(LOOKUP_THREADS, LOOKUP_SHARE)) ||
        !(core->file_workers = workers_new(FILE_THREADS, FILE_THREADS)) ||
        !(core->handshakes = workers_new(n_handshakes, n_handshakes)) ||
        !(core->follow = follow_new()))
        return -errno;
    core->scratch = malloc(LIMIT_RECV_BYTES);
    core->store = store_new(core->wait, &core->now, core->state, setup->first_handle);
    if (!core->store || !core->scratch)
        return -ENOMEM;
    store_set_pools(core->store, core->pools);
    store_set_keep(core->store, core->keep);
    return 0;
}

/* How many descriptors are open; as many as are reserved where that cannot be asked. */
static int64_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = 0;

    if (!d)
        return RESERVED_FDS;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 3; /* ".", "..", and the folder itself */
}

/* What lies unread in all sockets counts against the daemon's user (unix(7), ETOOMANYREFS): all the
 * sessions of one client may have half of it. */
static int share_of_unread(const struct core *core, int64_t n_fds)
{
    int64_t n_sessions = core->config->n_max_sessions_per_uid, n;

    if (n_sessions > core->n_max_sessions)
        n_sessions = core->n_max_sessions;
    n = n_sessions > 0 ? n_fds / 2 / n_sessions : 1;
    return n < 1 ? 1 : n < LIMIT_FDS_UNREAD ? (int)n : LIMIT_FDS_UNREAD;
}

/* What the process's descriptors allow, shared out before the first comes: two for a session (its
 * socket and its process), one for a handle. */
void core_share_out_fds(struct core *core)
{
    struct rlimit limit;
    int64_t n_fds = 1024, n_sessions, n_reserved;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
        n_fds = limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
    }
    if (!core->n_own_fds)
        core->n_own_fds = count_fds();
    n_reserved = n_fds / 4 < RESERVED_FDS ? n_fds / 4 : RESERVED_FDS;
    if (n_reserved < core->n_own_fds + SPARE_FDS)
        n_reserved = core->n_own_fds + SPARE_FDS;
    n_fds -= n_reserved < n_fds ? n_reserved : n_fds;
    /* One session that can hold something, before many that cannot. */
    n_sessions = n_fds < 4 && n_fds > 2 ? 1 : n_fds / 4;
    if (n_sessions > core->config->n_max_sessions)
        n_sessions = core->config->n_max_sessions;
    core->n_max_sessions = n_sessions;
    core->n_max_handles = n_fds - 2 * n_sessions;
    core->n_max_fds_unread = share_of_unread(core, n_fds);
}

void core_close(struct core *core)
{
    workers_free(core->workers);
    workers_free(core->file_workers);
    workers_free(core->handshakes);
    if (core->store)
        store_end(core->store);
    absent_end(&core->absent, core->store, "the daemon ended");
    store_free(core->store);
    streams_free(core->streams);
    tls_contexts_unref(core->tls);
    state_free(core->state);
    wait_free(core->wait);
    follow_free(core->follow);
    json_done(&core->json);
    free(core->scratch);
    free(core->openrpc);
    pools_free(core->own_pools);
}
