/* bench.c — what a call costs, as ratios: berthd against an echo that looks at nothing (what the
 * kernel allows) and against a server made of libjansson and epoll (what one would write without
 * thinking about it).
 *
 *   bench [--short] [--json] [--rounds N] [--slice MS] BERTHD
 *
 * Absolute times say more about the machine than about berthd, so every load runs against all of
 * them by turns, round after round, each round with fresh servers, all on one processor. --short is
 * for tests: it takes some seconds, and fails only for what a broken design would do and a busy
 * machine would not. Exit status: 0 when all was measured and, with --short, is in its bounds; 1
 * when not; 2 for wrong usage. */
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "server.h"
#include "table.h"

enum {
    SESSIONS = 1000,
    SPARE_SESSIONS = 100, /* for the loads themselves */
    SPARE_HANDLES = 64,
    MAX_SESSIONS = SESSIONS + SPARE_SESSIONS,
    NEEDED_FDS = 65536,
    MS = 1000000,
};

struct bench {
    const char *berthd;
    char directory[32];
    bool is_short, is_json;
    int64_t slice_ns, n_handles;
    struct server servers[N_PEERS];
    int full; /* the session that holds the handles */
    struct table table;
    /* Processor time of a call, both sides; of each round's run. */
    double cost_ns[N_LOADS][MAX_ROUNDS];
};

/* -- preparing -- */

/* All on one processor: then a call costs what it costs, and not how long another processor takes
 * to wake up. And whoever runs goes on until it has nothing to do: else many clients would be as
 * many single ones. */
static void stay_on_one_processor(void)
{
    struct sched_param none = {0};
    cpu_set_t allowed, one;
    int last = -1;

    sched_setscheduler(0, SCHED_BATCH, &none);
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed))
            last = i;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* root may have more than the machine's habit; others get what they are allowed. */
static void raise_fd_limit(void)
{
    struct rlimit limit, more = {NEEDED_FDS, NEEDED_FDS};

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (limit.rlim_max >= NEEDED_FDS || setrlimit(RLIMIT_NOFILE, &more) < 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int start_full(struct bench *b)
{
    struct server *s = &b->servers[PEER_FULL];
    int64_t n_handles, n_sessions;

    if (server_start_berthd(s, b->directory, "full", b->berthd, SPARE_SESSIONS) < 0 ||
        server_ask_limits(s, &n_handles, &n_sessions) < 0)
        return -1;
    n_handles -= SPARE_HANDLES;
    b->table.n_handles = n_handles < b->n_handles ? n_handles : b->n_handles;
    b->full = load_open_handles(s, b->table.n_handles);
    return b->full < 0 ? -1 : 0;
}

static int start_servers(struct bench *b)
{
    b->full = -1;
    if (server_start_own(&b->servers[PEER_ECHO], b->directory, "echo") < 0 ||
        server_start_own(&b->servers[PEER_JANSSON], b->directory, "jansson") < 0 ||
        server_start_berthd(&b->servers[PEER_BERTHD], b->directory, "berthd", b->berthd,
                            MAX_SESSIONS) < 0)
        return -1;
    return start_full(b);
}

static void stop_servers(struct bench *b)
{
    for (int i = 0; i < N_PEERS; i++)
        server_stop(&b->servers[i]);
    if (b->full >= 0)
        close(b->full);
    b->full = -1;
}

/* -- measuring -- */

/* What an idle session keeps in memory. The first session is no measure: it brings in the code. */
static int measure_resident(struct bench *b, enum peer peer, int round)
{
    static int fds[SESSIONS];
    struct server *s = &b->servers[peer];
    int64_t n_handles, n_sessions = MAX_SESSIONS, before, after;
    struct slice warm;
    int n, r;

    if (peer == PEER_BERTHD && server_ask_limits(s, &n_handles, &n_sessions) < 0)
        return -1;
    n = n_sessions - SPARE_SESSIONS < SESSIONS ? (int)n_sessions - SPARE_SESSIONS : SESSIONS;
    if (n <= 0)
        return 0;
    r = load_run(LOAD_PING, s, MS, &warm);
    before = server_resident_bytes(s);
    if (r == 0)
        r = load_open_sessions(s, fds, n);
    after = server_resident_bytes(s);
    for (int i = 0; i < n; i++)
        if (fds[i] > 0)
            close(fds[i]);
    if (r == 0 && before >= 0 && after >= 0)
        b->table.values[ROW_RESIDENT][peer][round] = (double)(after - before) / n;
    b->table.n_sessions = n;
    return r;
}

/* Both sides share one processor, so this is the wall's time without what others on the machine
 * took of it. */
static double per_second(const struct slice *s)
{
    return (double)s->n_calls * 1e9 / (double)(s->server_ns + s->client_ns);
}

static void note(struct bench *b, enum load_id load, enum peer peer, int round,
                 const struct slice *s)
{
    static const enum row rows[N_LOADS][LOAD_PHASES] = {
        [LOAD_PING] = {ROW_PING, ROW_PING_CPU},
        [LOAD_PING_32] = {ROW_PING_32},
        [LOAD_PING_128] = {ROW_PING_128},
        [LOAD_PING_CLIENTS] = {ROW_PING_CLIENTS},
        [LOAD_SOCKETS] = {ROW_SOCKETS},
        [LOAD_SOCKETS_64] = {ROW_SOCKETS_64},
        [LOAD_TEXT] = {ROW_SEND_TEXT, ROW_RECV_TEXT},
        [LOAD_BASE64] = {ROW_SEND_BASE64, ROW_RECV_BASE64},
    };
    double first = 0, second = NAN;

    switch (load) {
    case LOAD_PING:
        first = s->median_ns[0] / 1e3;
        second = (double)s->server_ns / (double)s->n_calls / 1e3;
        break;
    case LOAD_SOCKETS:
        first = (s->median_ns[0] + s->median_ns[1]) / 2e3;
        break;
    case LOAD_TEXT:
    case LOAD_BASE64:
        first = s->median_ns[0] / 1e3;
        second = s->median_ns[1] / 1e3;
        break;
    default:
        first = per_second(s);
    }
    b->table.values[rows[load][0]][peer][round] = first;
    if (!isnan(second))
        b->table.values[rows[load][1]][peer][round] = second;
    if (peer == PEER_BERTHD)
        b->cost_ns[load][round] = (double)(s->server_ns + s->client_ns) / (double)s->n_calls;
}

/* Who can be asked what: the echo only echoes, the other one knows no base64, and the full one is
 * there for one question. */
static bool can_be_asked(enum peer peer, enum load_id load)
{
    switch (peer) {
    case PEER_ECHO:
        return load < LOAD_SOCKETS;
    case PEER_JANSSON:
        return load != LOAD_BASE64;
    case PEER_FULL:
        return load == LOAD_PING;
    default:
        return true;
    }
}

static int run_round(struct bench *b, int round)
{
    int r = start_servers(b);

    for (int peer = 0; r == 0 && peer <= PEER_BERTHD; peer++)
        r = measure_resident(b, peer, round);
    for (int load = 0; load < N_LOADS; load++)
        for (int peer = 0; r == 0 && peer < N_PEERS; peer++) {
            struct slice slice;

            if (!can_be_asked(peer, load))
                continue;
            r = load_run(load, &b->servers[peer], b->slice_ns, &slice);
            if (r == 0)
                note(b, load, peer, round, &slice);
        }
    stop_servers(b);
    return r;
}

/* -- bounds -- */

static double best_cost(const struct bench *b, enum load_id load)
{
    double best = INFINITY;

    for (int i = 0; i < b->table.n_rounds; i++)
        best = fmin(best, b->cost_ns[load][i]);
    return best;
}

static int check(const char *what, double is, double most)
{
    bool good = is <= most;

    fprintf(stderr, "%s %s: %.2f, at most %.2f\n", good ? "ok  " : "FAIL", what, is, most);
    return good ? 0 : -1;
}

static double best_ratio(const struct bench *b, enum row row, enum peer peer, enum peer of)
{
    return table_best(&b->table, row, peer) / table_best(&b->table, row, of);
}

/* What no berthd should ever miss: by far, and in the best of the rounds. Where calls are not
 * waited for one by one, processor time is compared, which others on this machine do not use up. */
static int check_bounds(const struct bench *b)
{
    double ping = best_cost(b, LOAD_PING),
           resident = table_best(&b->table, ROW_RESIDENT, PEER_BERTHD);
    int r = 0;

    r |= check("one call of 128 outstanding costs, of a lone one",
               best_cost(b, LOAD_PING_128) / ping, 1. / 3);
    r |= check("one call of 64 clients costs, of a lone one",
               best_cost(b, LOAD_PING_CLIENTS) / ping, 2);
    r |= check("ping with many handles open takes, of none",
               best_ratio(b, ROW_PING, PEER_FULL, PEER_BERTHD), 3);
    r |= check("ping takes, of jansson's", best_ratio(b, ROW_PING, PEER_BERTHD, PEER_JANSSON), 3);
    r |= check("one call of 128 outstanding costs, of jansson's",
               best_ratio(b, ROW_PING_128, PEER_JANSSON, PEER_BERTHD), 1);
    r |= check("send of 64 KiB takes, of jansson's",
               best_ratio(b, ROW_SEND_TEXT, PEER_BERTHD, PEER_JANSSON), 3);
    if (!isnan(resident))
        r |= check("bytes of an idle session", resident, 64 << 10);
    return r;
}

/* -- usage -- */

static const char usage[] = "Usage: bench [--short] [--json] [--rounds N] [--slice MS] BERTHD\n";

static int take_number(const char *text, int most)
{
    char *end;
    long v = strtol(text, &end, 10);

    return *text && !*end && v > 0 && v <= most ? (int)v : 0;
}

/* Returns 0, or the exit status. */
static int take_options(struct bench *b, int argc, char **argv)
{
    static const struct option names[] = {
        {"short", no_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"rounds", required_argument, NULL, 'r'},
        {"slice", required_argument, NULL, 'm'},
        {0},
    };
    int n_rounds = 0, slice_ms = 0, c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
        b->is_short |= c == 's';
        b->is_json |= c == 'j';
        if (c == '?' || (c == 'r' && !(n_rounds = take_number(optarg, MAX_ROUNDS))) ||
            (c == 'm' && !(slice_ms = take_number(optarg, 60000)))) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind != argc - 1) {
        fputs(usage, stderr);
        return 2;
    }
    b->berthd = argv[optind];
    b->n_handles = b->is_short ? 20000 : 50000;
    b->slice_ns = (slice_ms ? slice_ms : b->is_short ? 25 : 500) * (int64_t)MS;
    table_init(&b->table, n_rounds ? n_rounds : b->is_short ? 3 : 7);
    return 0;
}

static int run(struct bench *b)
{
    int r = 0;

    strcpy(b->directory, "/tmp/berth-bench.XXXXXX");
    if (!mkdtemp(b->directory)) {
        perror(b->directory);
        return -1;
    }
    stay_on_one_processor();
    raise_fd_limit();
    for (int round = 0; r == 0 && round < b->table.n_rounds; round++)
        r = run_round(b, round);
    rmdir(b->directory);
    if (r < 0)
        return r;
    if (b->is_json)
        table_print_json(&b->table);
    else
        table_print(&b->table);
    return b->is_short ? check_bounds(b) : 0;
}

int main(int argc, char **argv)
{
    static struct bench b;
    int r;

    if (argc == 4 && strcmp(argv[1], "--serve") == 0)
        server_be_own(argv[2], atoi(argv[3]));
    r = take_options(&b, argc, argv);
    for (int i = 0; i < N_PEERS; i++)
        b.servers[i].pid = -1;
    if (r)
        return r;
    return run(&b) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
