/* pump.c — what a stream costs: one flow over TCP on loopback, its ends and whoever moves the bytes
 * on one processor; the kernel's own socket, the pump, and the two simplest relays by hand, side by
 * side and in turns. Ratios count, not the figures. By hand, with a release build: bench_pump */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/pump.h"

enum {
    WRITE_BYTES = 64 << 10,
    RELAY_BYTES = 256 << 10,
    PIPE_BYTES = 1 << 20,
    MESSAGE_BYTES = 64,
    MAX_ROUNDS = 21,
    MAX_PINGS = 20000,
};

enum path { DIRECT, PUMP, COPY, SPLICE, N_PATHS };
enum job { SEND, RECEIVE, PING, N_JOBS };

static const char *const path_names[] = {"kernel socket", "pump", "read+write", "splice"};

static int n_rounds = 7, n_pings = MAX_PINGS;
static double seconds = 0.4;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(2);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, n) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &n) < 0 ||
        connect(fds[0], (struct sockaddr *)&address, n) < 0 ||
        (fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        die("pair");
    close(listener);
}

/* -- relays by hand: a thread per direction, as simple as can be ------------------------------ */

struct relay {
    int from, to;
    bool splices;
    pthread_t thread;
};

static void relay_copy(const struct relay *r)
{
    char *data = malloc(RELAY_BYTES);
    ssize_t n;

    while (data && (n = recv(r->from, data, RELAY_BYTES, 0)) > 0)
        for (ssize_t at = 0, w; at < n; at += w) {
            w = send(r->to, data + at, (size_t)(n - at), MSG_NOSIGNAL);
            if (w <= 0)
                goto out;
        }
out:
    free(data);
}

static void relay_splice(const struct relay *r)
{
    int fds[2];
    ssize_t n, w;

    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe");
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES);
    while ((n = splice(r->from, NULL, fds[1], NULL, PIPE_BYTES, SPLICE_F_MOVE)) > 0)
        for (; n > 0; n -= w) {
            w = splice(fds[0], NULL, r->to, NULL, (size_t)n, SPLICE_F_MOVE);
            if (w <= 0)
                goto out;
        }
out:
    close(fds[0]);
    close(fds[1]);
}

static void *relay_run(void *arg)
{
    struct relay *r = arg;

    if (r->splices)
        relay_splice(r);
    else
        relay_copy(r);
    shutdown(r->to, SHUT_WR);
    return NULL;
}

static void relay_start(struct relay *r, int from, int to, bool splices)
{
    *r = (struct relay){.from = from, .to = to, .splices = splices};
    if (pthread_create(&r->thread, NULL, relay_run, r))
        die("pthread_create");
}

/* -- the far end: a process of its own -------------------------------------------------------- */

static _Noreturn void far_end(int fd, enum job job)
{
    static char data[RELAY_BYTES];
    ssize_t n = 1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (job == RECEIVE)
        while (send(fd, data, WRITE_BYTES, MSG_NOSIGNAL) > 0)
            ;
    while (n > 0) {
        n = recv(fd, data, sizeof data, 0);
        if (job == PING && n > 0)
            n = send(fd, data, (size_t)n, MSG_NOSIGNAL);
    }
    _exit(0);
}

/* -- what is measured ------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return values[n / 2];
}

static double ping(int fd)
{
    static double took[MAX_PINGS];
    char message[MESSAGE_BYTES] = "";

    for (int i = 0; i < n_pings; i++) {
        double began = now();

        if (send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message ||
            recv(fd, message, sizeof message, MSG_WAITALL) != sizeof message)
            die("ping");
        took[i] = (now() - began) * 1e6;
    }
    return median(took, n_pings);
}

static double flow(int fd, enum job job)
{
    static char data[RELAY_BYTES];
    double began = now(), took;
    int64_t n = 0;

    do {
        ssize_t r = job == SEND ? send(fd, data, WRITE_BYTES, MSG_NOSIGNAL)
                                : recv(fd, data, sizeof data, 0);
        if (r <= 0)
            die("flow");
        n += r;
        took = now() - began;
    } while (took < seconds);
    return (double)n / took / 1e9;
}

/* GB/s, or microseconds. */
static double measure(enum path path, enum job job)
{
    struct pump *p = NULL;
    struct pump_stream *stream;
    struct pump_request request = {.user = NULL};
    struct relay relays[2];
    int fds[2], ends[2] = {-1, -1}, client;
    double result;
    pid_t pid;

    pair(fds);
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        close(fds[1]);
        far_end(fds[0], job);
    }
    close(fds[0]);
    client = fds[1];
    if (path == PUMP) {
        p = pump_new(1, PUMP_LINGER_MS);
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        request.net = pump_net_plain(fds[1], false);
        if (!p || pump_open(p, &request, &stream, &client) < 0)
            die("pump");
    } else if (path != DIRECT) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
            die("socketpair");
        client = ends[1];
        relay_start(&relays[0], ends[0], fds[1], path == SPLICE);
        relay_start(&relays[1], fds[1], ends[0], path == SPLICE);
    }
    result = job == PING ? ping(client) : flow(client, job);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    shutdown(client, SHUT_RDWR);
    if (ends[0] >= 0) {
        pthread_join(relays[0].thread, NULL);
        pthread_join(relays[1].thread, NULL);
        close(ends[0]);
    }
    pump_free(p);
    if (client != fds[1])
        close(client);
    close(fds[1]);
    return result;
}

int main(int argc, char **argv)
{
    static double results[N_JOBS][N_PATHS][MAX_ROUNDS];
    cpu_set_t one;
    bool is_short = argc > 1 && strcmp(argv[1], "--short") == 0;

    if (is_short) {
        n_rounds = 1;
        n_pings = 200;
        seconds = 0.02;
    }
    signal(SIGPIPE, SIG_IGN);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (argc <= 1 || strcmp(argv[1], "--spread") != 0)
        sched_setaffinity(0, sizeof one, &one);
    for (int round = 0; round < n_rounds; round++)
        for (int job = 0; job < N_JOBS; job++)
            for (int path = 0; path < N_PATHS; path++)
                results[job][path][round] = measure((enum path)path, (enum job)job);
    printf("%-14s %18s %18s %18s\n", "path", "sending GB/s", "receiving GB/s", "64-byte ping us");
    for (int path = 0; path < N_PATHS; path++) {
        printf("%-14s", path_names[path]);
        for (int job = 0; job < N_JOBS; job++) {
            double value = median(results[job][path], n_rounds);
            double direct = median(results[job][DIRECT], n_rounds);

            printf(" %11.2f (%4.2f)", value, value / direct);
        }
        printf("\n");
    }
    return 0;
}
