/* streams.c — streams of a real berthd, from outside:
 *
 *   streams BERTHD
 *
 * How each end of a connection sees the other one end, plain and through TLS; clients that are
 * killed; many streams at once; other programs as peers; and how long others wait for an answer
 * meanwhile, which is printed.
 * Exit status: 0 when all was as it should be, 1 when not, 2 for wrong usage. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "streams_peers.h"
#include "streams_tools.h"

/* -- connections -- */

enum side { CLIENT, NET };

/* Two ends whose bytes go through the daemon: the client's is a stream; the other is a TCP socket
 * of this program, or, with TLS, the stream of the server's handle. */
struct connection {
    struct session *sessions[2];
    int fds[2];
};

static const char settings[] = "[pool a]\nusers = root\n[tls shop]\ncert = %s/cert.pem\n"
                               "key = %s/key.pem\npools = a\n";

static void wrap_both(struct connection *k, long long handles[2])
{
    session_begin(k->sessions[NET], "wrap", "{'handle':%lld,'server_side':true,'identity':'shop'}",
                  handles[NET]);
    json_decref(session_ask(k->sessions[CLIENT], "wrap", "{'handle':%lld,'verify':false}",
                            handles[CLIENT]));
    json_decref(session_next(k->sessions[NET]));
}

static struct connection connection_open(bool is_tls)
{
    struct connection k = {.sessions = {session_open(), session_open()}};
    long long handles[2], listener;
    json_t *r;
    int port, fd;

    if (!is_tls) {
        fd = listen_here(&port);
        handles[CLIENT] = session_make(k.sessions[CLIENT], "create_connection",
                                       "{'host':'127.0.0.1','port':%d}", port);
        k.fds[NET] = accept(fd, NULL, NULL);
        close(fd);
    } else {
        r = session_ask(k.sessions[NET], "create_server", "{'address':['127.0.0.1',0]}");
        listener = json_integer_value(json_object_get(r, "handle"));
        port = (int)json_integer_value(json_object_get(json_object_get(r, "address"), "port"));
        json_decref(r);
        handles[CLIENT] = session_make(k.sessions[CLIENT], "create_connection",
                                       "{'host':'127.0.0.1','port':%d}", port);
        handles[NET] = session_make(k.sessions[NET], "accept", "{'handle':%lld}", listener);
        wrap_both(&k, handles);
        k.fds[NET] = session_stream(k.sessions[NET], handles[NET]);
    }
    k.fds[CLIENT] = session_stream(k.sessions[CLIENT], handles[CLIENT]);
    return k;
}

static void connection_close(struct connection *k)
{
    for (int side = 0; side < 2; side++) {
        if (k->fds[side] >= 0)
            close(k->fds[side]);
        session_close(k->sessions[side]);
    }
}

/* -- the ends -- */

enum how { FIN, RST, GONE, N_HOWS };
enum { BUFFERED_BYTES = 300000 };

static void end(struct connection *k, enum side side, enum how how)
{
    int fd = k->fds[side];

    if (how == FIN) {
        shutdown(fd, SHUT_WR);
        return;
    }
    if (how == RST) { /* it leaves something unread */
        put_pattern(k->fds[!side], 9, 1);
        await(fd, POLLIN);
    }
    close(fd);
    k->fds[side] = -1;
}

static void expect_refusal(int fd)
{
    for (int i = 0; i < 1000; i++) {
        struct pollfd p = {.fd = fd};

        if (send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
            return;
        poll(&p, 1, 10); /* until it is told of an error */
    }
    streams_wrong("writing to who has gone goes on");
}

static void test_cell(enum how how, enum side side, bool is_buffered, bool is_tls)
{
    struct connection k = connection_open(is_tls);
    size_t n = is_buffered ? BUFFERED_BYTES : 0, n_got;
    int error;

    put_pattern(k.fds[side], 1, n);
    end(&k, side, how);
    n_got = take_pattern(k.fds[!side], 1, n + 1, &error);
    if (how != RST && (error != 0 || n_got != n))
        streams_wrong("cell %d %d %d %d: %zu bytes and error %d", how, side, is_buffered, is_tls,
                      n_got, error);
    if (how == RST && error != ECONNRESET)
        streams_wrong("cell %d %d %d %d: %zu bytes and error %d, not a reset", how, side,
                      is_buffered, is_tls, n_got, error);
    if (how == FIN) {
        put_pattern(k.fds[!side], 2, 1000);
        shutdown(k.fds[!side], SHUT_WR);
        if (take_pattern(k.fds[side], 2, 1001, &error) != 1000 || error != 0)
            streams_wrong("cell %d %d %d %d: no answer after the end", how, side, is_buffered,
                          is_tls);
    } else if (how == GONE) {
        expect_refusal(k.fds[!side]);
    }
    connection_close(&k);
}

static void test_ends(void)
{
    for (int i = 0; i < N_HOWS * 8; i++)
        test_cell((enum how)(i / 8), (enum side)(i & 1), i & 2, i & 4);
}

/* -- many -- */

enum { N_MANY = 200, MANY_BYTES = 200000 };

struct many {
    int ends[N_MANY][2];
};

static void *write_all(void *arg)
{
    struct many *many = arg;

    for (int i = 0; i < N_MANY; i++) {
        put_pattern(many->ends[i][i & 1], (uint32_t)i, MANY_BYTES);
        shutdown(many->ends[i][i & 1], SHUT_WR);
    }
    return NULL;
}

static void test_many(void)
{
    static struct many many;
    struct session *s = session_open();
    int listener, port, error;
    pthread_t writer;

    listener = listen_here(&port);
    for (int i = 0; i < N_MANY; i++) {
        many.ends[i][0] = session_stream(
            s, session_make(s, "create_connection", "{'host':'127.0.0.1','port':%d}", port));
        many.ends[i][1] = accept(listener, NULL, NULL);
    }
    pthread_create(&writer, NULL, write_all, &many);
    for (int i = 0; i < N_MANY; i++)
        if (take_pattern(many.ends[i][!(i & 1)], (uint32_t)i, MANY_BYTES + 1, &error) !=
                MANY_BYTES ||
            error != 0)
            streams_wrong("stream %d did not bring all", i);
    pthread_join(writer, NULL);
    for (int i = 0; i < N_MANY; i++) {
        close(many.ends[i][0]);
        close(many.ends[i][1]);
    }
    close(listener);
    session_close(s);
}

/* -- deaths -- */

/* What the client had written when it was killed arrives, or the end is a reset: never a part that
 * looks like all. */
static void test_killed(bool is_tls)
{
    enum { BYTES = 100000 };
    int gate[2], error, peer;
    size_t n;
    pid_t pid;
    struct connection k;
    char go;

    if (pipe2(gate, O_CLOEXEC) < 0)
        streams_wrong("pipe");
    if (is_tls) {
        k = connection_open(true); /* its client is this program: only the stream is given up */
        put_pattern(k.fds[CLIENT], 3, BYTES);
        close(k.fds[CLIENT]);
        k.fds[CLIENT] = -1;
        session_close(k.sessions[CLIENT]);
        n = take_pattern(k.fds[NET], 3, BYTES + 1, &error);
        if (error == 0 && n != BYTES)
            streams_wrong("over TLS %zu bytes look like all", n);
        close(k.fds[NET]);
        session_close(k.sessions[NET]);
        return;
    }
    {
        int port, listener = listen_here(&port);

        if ((pid = fork()) == 0) {
            struct session *s = session_open();
            int fd = session_stream(
                s, session_make(s, "create_connection", "{'host':'127.0.0.1','port':%d}", port));

            put_pattern(fd, 3, BYTES);
            (void)!write(gate[1], "x", 1);
            pause();
        }
        await(listener, POLLIN);
        peer = accept(listener, NULL, NULL);
        close(listener);
    }
    await(gate[0], POLLIN);
    (void)!read(gate[0], &go, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    n = take_pattern(peer, 3, BYTES + 1, &error);
    if (error == 0 && n != BYTES)
        streams_wrong("%zu bytes of a killed client look like all", n);
    close(peer);
    close(gate[0]);
    close(gate[1]);
}

/* -- others -- */

enum { N_PINGS = 2000, N_BULK = 4 };

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median_ping(struct session *s)
{
    static double usec[N_PINGS];
    struct timespec a, b;

    for (int i = 0; i < N_PINGS; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        json_decref(session_ask(s, "ping", "{}"));
        clock_gettime(CLOCK_MONOTONIC, &b);
        usec[i] = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
    }
    qsort(usec, N_PINGS, sizeof *usec, compare);
    return usec[N_PINGS / 2];
}

static void *pour(void *arg)
{
    static char room[65536];
    const int *fd = arg;

    while (send(*fd, room, sizeof room, MSG_NOSIGNAL) > 0)
        ;
    return NULL;
}

static void *drain(void *arg)
{
    static _Thread_local char room[65536];
    const int *fd = arg;

    while (recv(*fd, room, sizeof room, 0) > 0)
        ;
    return NULL;
}

/* Of the times some are the kernel's, which shares out the processors: so it is printed only. */
static void test_others_meanwhile(void)
{
    struct session *s = session_open();
    struct connection k[N_BULK];
    pthread_t threads[N_BULK][2];
    double before = median_ping(s), during;

    for (int i = 0; i < N_BULK; i++) {
        k[i] = connection_open(false);
        pthread_create(&threads[i][0], NULL, pour, &k[i].fds[CLIENT]);
        pthread_create(&threads[i][1], NULL, drain, &k[i].fds[NET]);
    }
    during = median_ping(s);
    printf("ping, median: %.0f us; while %d streams run: %.0f us (%.1f times)\n", before, N_BULK,
           during, during / before);
    for (int i = 0; i < N_BULK; i++) {
        shutdown(k[i].fds[CLIENT], SHUT_RDWR);
        for (int j = 0; j < 2; j++)
            pthread_join(threads[i][j], NULL);
        connection_close(&k[i]);
    }
    session_close(s);
}

/* -- the daemon -- */

static bool make_certificate(void)
{
    char command[500];

    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout %s/key.pem -out "
             "%s/cert.pem 2>/dev/null",
             streams_daemon.directory, streams_daemon.directory);
    return system(command) == 0;
}

static void apply_settings(void)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/berthd.conf", streams_daemon.directory);
    f = fopen(path, "we");
    if (!f || fprintf(f, settings, streams_daemon.directory, streams_daemon.directory) < 0 ||
        fclose(f) != 0)
        streams_wrong("%s: %s", path, strerror(errno));
    kill(streams_daemon.pid, SIGHUP);
    for (int i = 0; i < WAIT_MS; i++) {
        json_t *r = real_ask(&streams_daemon, "{\"method\":\"pool.list\",\"id\":1}\n");
        const char *name = json_string_value(
            json_object_get(json_array_get(json_object_get(r, "pools"), 0), "name"));
        bool is_there = name && strcmp(name, "a") == 0;

        json_decref(r);
        if (is_there)
            return;
        poll(NULL, 0, 1);
    }
    streams_wrong("the settings were not taken");
}

static void remove_file(const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", streams_daemon.directory, name);
    unlink(path);
}

/* The daemon's descriptors but for pipes, of which the threads keep some. */
static int count_fds(void)
{
    char path[300], link[64];
    struct dirent *entry;
    DIR *directory;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)streams_daemon.pid);
    if (!(directory = opendir(path)))
        streams_wrong("%s: %s", path, strerror(errno));
    while ((entry = readdir(directory))) {
        ssize_t r;

        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)streams_daemon.pid, entry->d_name);
        r = readlink(path, link, sizeof link);
        n += r > 0 && strncmp(link, "pipe:", 5) != 0;
    }
    closedir(directory);
    return n;
}

static json_int_t audit(const char *what)
{
    json_t *r = real_ask(&streams_daemon, "{\"method\":\"ledger.audit\",\"id\":1}\n");
    json_int_t n = json_integer_value(json_object_get(r, what));

    json_decref(r);
    return n;
}

/* Threads come with the first streams and stay. */
static void note_descriptors(void)
{
    for (int n_same = 0; n_same < 30; n_same++) {
        int n = count_fds();

        if (n != streams_daemon.n_fds || audit("live") != 0)
            n_same = 0;
        streams_daemon.n_fds = n;
        poll(NULL, 0, 10);
    }
}

static void expect_clean(const char *what)
{
    for (int i = 0; audit("live") != 0 || count_fds() != streams_daemon.n_fds; i++) {
        if (i == 1000)
            streams_wrong("after %s: %d descriptors, %d at first, %d sockets", what, count_fds(),
                          streams_daemon.n_fds, (int)audit("live"));
        poll(NULL, 0, 10);
    }
    if (audit("balance") != 0)
        streams_wrong("after %s: the ledger does not balance", what);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "Usage: streams BERTHD\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (real_start(&streams_daemon, argv[1]) < 0)
        return 1;
    if (!make_certificate()) {
        printf("no openssl: skipped\n");
        real_stop(&streams_daemon, 0);
        return 77;
    }
    apply_settings();
    test_many();
    test_others_meanwhile();
    note_descriptors();
    test_many();
    expect_clean("many streams");
    test_ends();
    expect_clean("the ends");
    for (int i = 0; i < 20; i++)
        test_killed(i & 1);
    expect_clean("the deaths");
    streams_peers();
    expect_clean("other programs");
    remove_file("body");
    remove_file("nginx.conf");
    remove_file("nginx.pid");
    remove_file("cert.pem");
    remove_file("key.pem");
    return real_stop(&streams_daemon, 0) < 0;
}
