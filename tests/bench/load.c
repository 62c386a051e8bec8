#include "load.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "histogram.h"
#include "session.h"
#include "source.h"

enum { MAX_WINDOW = 128, REQUEST_BYTES = 256, EPOLL_WAIT_MS = 10000 };

static const struct load {
    enum source_kind source;
    int n_clients, n_window; /* requests without an answer at a time, of each client */
} loads[N_LOADS] = {
    [LOAD_PING] = {SOURCE_PING, 1, 1},
    [LOAD_PING_32] = {SOURCE_PING, 1, 32},
    [LOAD_PING_128] = {SOURCE_PING, 1, MAX_WINDOW},
    [LOAD_PING_CLIENTS] = {SOURCE_PING, LOAD_CLIENTS, 1},
    [LOAD_SOCKETS] = {SOURCE_SOCKETS, 1, 1},
    [LOAD_SOCKETS_64] = {SOURCE_SOCKETS, 1, 64},
    [LOAD_TEXT] = {SOURCE_TEXT, 1, 1},
    [LOAD_BASE64] = {SOURCE_BASE64, 1, 1},
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t = {0};

    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* -- one after the other -- */

static int run_closed(struct session *c, struct source *source, int64_t ns, struct slice *ret)
{
    static struct histogram times[LOAD_PHASES];
    int64_t begin = clock_ns(CLOCK_MONOTONIC), before = begin, now = begin;

    memset(times, 0, sizeof times);
    while (now - begin < ns) {
        size_t n;
        const char *request = source_next(source, &n);

        if (session_send(c, request, n) < 0 || session_receive(c) < 0)
            return -1;
        now = clock_ns(CLOCK_MONOTONIC);
        histogram_add(&times[ret->n_calls++ % source->n_phases], (uint64_t)(now - before));
        before = now;
    }
    for (int i = 0; i < source->n_phases; i++)
        ret->median_ns[i] = histogram_median_ns(&times[i]);
    return 0;
}

/* -- many at a time -- */

static int send_batch(struct session *c, struct source *source, int n_requests)
{
    static char batch[MAX_WINDOW * REQUEST_BYTES];
    size_t n = 0;

    for (int i = 0; i < n_requests; i++) {
        size_t n_one;
        const char *request = source_next(source, &n_one);

        memcpy(batch + n, request, n_one);
        n += n_one;
    }
    return session_send(c, batch, n);
}

/* Asks again for each answer. */
static int run_window(struct session *c, struct source *source, int n_window, int64_t ns,
                      struct slice *ret)
{
    int64_t begin = clock_ns(CLOCK_MONOTONIC);
    int n_waiting = n_window;

    if (send_batch(c, source, n_window) < 0)
        return -1;
    while (n_waiting > 0) {
        bool goes_on = clock_ns(CLOCK_MONOTONIC) - begin < ns;
        int n = session_receive(c);

        if (n < 0 || (goes_on && send_batch(c, source, n) < 0))
            return -1;
        n_waiting -= goes_on ? 0 : n;
        ret->n_calls += n;
    }
    return 0;
}

/* -- many clients -- */

static int take_turn(int epoll, struct session *clients, struct source *source, bool goes_on)
{
    struct epoll_event events[LOAD_CLIENTS];
    int n = epoll_wait(epoll, events, LOAD_CLIENTS, EPOLL_WAIT_MS);

    if (n <= 0) {
        fprintf(stderr, "no client was answered in time\n");
        return -1;
    }
    for (int i = 0; i < n; i++) {
        struct session *c = &clients[events[i].data.u32];

        if (session_receive(c) < 0 || (goes_on && send_batch(c, source, 1) < 0))
            return -1;
    }
    return n;
}

static int run_clients(int epoll, struct session *clients, struct source *source, int64_t ns,
                       struct slice *ret)
{
    int64_t begin = clock_ns(CLOCK_MONOTONIC);
    int n_waiting = LOAD_CLIENTS;

    for (int i = 0; i < LOAD_CLIENTS; i++)
        if (send_batch(&clients[i], source, 1) < 0)
            return -1;
    while (n_waiting > 0) {
        bool goes_on = clock_ns(CLOCK_MONOTONIC) - begin < ns;
        int n = take_turn(epoll, clients, source, goes_on);

        if (n < 0)
            return -1;
        n_waiting -= goes_on ? 0 : n;
        ret->n_calls += n;
    }
    return 0;
}

/* -- any -- */

static int run_measured(const struct load *load, const struct server *s, int epoll,
                        struct session *clients, int64_t ns, struct slice *ret)
{
    int64_t client, server;
    struct source source;
    int r = source_open(&source, load->source, &clients[0]);

    client = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    server = server_cpu_ns(s);
    if (r == 0)
        r = load->n_clients > 1  ? run_clients(epoll, clients, &source, ns, ret)
            : load->n_window > 1 ? run_window(&clients[0], &source, load->n_window, ns, ret)
                                 : run_closed(&clients[0], &source, ns, ret);
    ret->client_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - client;
    ret->server_ns = server_cpu_ns(s) - server;
    source_close(&source);
    return r;
}

static int open_clients(const struct server *s, int epoll, struct session *clients, int n)
{
    for (int i = 0; i < n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

        if (session_open(&clients[i], s) < 0)
            return -1;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &e) < 0) {
            perror("epoll_ctl");
            return -1;
        }
    }
    return 0;
}

int load_run(enum load_id id, const struct server *s, int64_t ns, struct slice *ret)
{
    struct session clients[LOAD_CLIENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), r;

    *ret = (struct slice){0};
    for (int i = 0; i < LOAD_CLIENTS; i++)
        clients[i] = (struct session){.fd = -1};
    r = open_clients(s, epoll, clients, loads[id].n_clients);
    if (r == 0)
        r = run_measured(&loads[id], s, epoll, clients, ns, ret);
    for (int i = 0; i < LOAD_CLIENTS; i++)
        session_close(&clients[i]);
    if (epoll >= 0)
        close(epoll);
    return r;
}

/* -- what stays open -- */

int load_open_handles(const struct server *s, int64_t n)
{
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"socket\",\"params\":"
                                  "{\"family\":\"AF_UNIX\",\"type\":\"SOCK_DGRAM\"}}\n";
    char batch[MAX_WINDOW * sizeof request];
    struct session c;
    int64_t n_sent = 0, n_open = 0;
    int r = session_open(&c, s), fd;

    for (int i = 0; i < MAX_WINDOW; i++)
        memcpy(batch + (size_t)i * (sizeof request - 1), request, sizeof request - 1);
    while (r == 0 && n_open < n) {
        int64_t n_more = n - n_sent < MAX_WINDOW ? n - n_sent : MAX_WINDOW;
        int n_came;

        r = session_send(&c, batch, (size_t)n_more * (sizeof request - 1));
        for (n_sent += n_more; r == 0 && n_open < n_sent; n_open += n_came)
            if ((n_came = session_receive(&c)) < 0)
                r = -1;
    }
    fd = r == 0 ? dup(c.fd) : -1;
    session_close(&c);
    return fd;
}

int load_open_sessions(const struct server *s, int *fds, int n)
{
    for (int i = 0; i < n; i++)
        fds[i] = -1;
    for (int i = 0; i < n; i++) {
        struct source source;
        struct session c;

        if (session_open(&c, s) < 0)
            return -1;
        if (source_open(&source, SOURCE_PING, &c) == 0)
            fds[i] = dup(c.fd);
        source_close(&source);
        session_close(&c);
        if (fds[i] < 0)
            return -1;
    }
    return 0;
}
