#include "streams_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "streams_tools.h"

enum { BODY = 3 << 20, SEED = 77 };

/* -- programs -- */

static bool has_program(const char *name)
{
    char command[200];

    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin command -v %s >/dev/null", name);
    if (system(command) == 0)
        return true;
    printf("%s is not installed: left out\n", name);
    return false;
}

/* A shell's command that becomes a program; `out` becomes its output, -1: ours. */
__attribute__((format(printf, 2, 3))) static pid_t start(int out, const char *format, ...)
{
    char command[1000] = "PATH=$PATH:/usr/sbin exec ";
    va_list args;
    pid_t pid;

    va_start(args, format);
    vsnprintf(command + strlen(command), sizeof command - strlen(command), format, args);
    va_end(args);
    if ((pid = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (out >= 0)
            dup2(out, STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void finish(pid_t pid, int signal, const char *what)
{
    int status;

    if (signal)
        kill(pid, signal);
    waitpid(pid, &status, 0);
    if (!signal && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        streams_wrong("%s failed", what);
}

static int free_port(void)
{
    int port, fd = listen_here(&port);

    close(fd);
    return port;
}

static void await_listener(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            r = connect(fd, (void *)&a, sizeof a);

        close(fd);
        if (r == 0)
            return;
        poll(NULL, 0, 10);
    }
    streams_wrong("nobody listens on port %d", port);
}

static long long dial(struct session *s, int port)
{
    return session_make(s, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
}

/* -- iperf3: through a relay of ours, as it wants a port -- */

struct pair {
    int from, to;
};

static void *relay(void *arg)
{
    struct pair p = *(struct pair *)arg;
    char *room = malloc(1 << 18);
    ssize_t n;

    while ((n = recv(p.from, room, 1 << 18, 0)) > 0)
        for (ssize_t at = 0, r; at < n; at += r)
            if ((r = send(p.to, room + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
                goto out;
    shutdown(p.to, SHUT_WR);
out:
    free(room);
    return NULL;
}

static void test_iperf(void)
{
    struct session *s = session_open();
    int port = free_port(), own, listener = listen_here(&own);
    pid_t server, client;
    pthread_t threads[2][2];
    struct pair pairs[2][2];

    if (!has_program("iperf3")) {
        close(listener);
        session_close(s);
        return;
    }
    server = start(-1, "iperf3 -s -1 -p %d >/dev/null", port);
    client = start(-1,
                   "sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; "
                   "iperf3 -c 127.0.0.1 -p %d -n 300M | tail -3 | head -1 && exit; done'",
                   own);
    /* One connection for control, one for data. */
    for (int i = 0; i < 2; i++) {
        int fd, stream;

        await(listener, POLLIN);
        fd = accept(listener, NULL, NULL);
        stream = session_stream(s, dial(s, port));
        pairs[i][0] = (struct pair){fd, stream};
        pairs[i][1] = (struct pair){stream, fd};
        for (int j = 0; j < 2; j++)
            pthread_create(&threads[i][j], NULL, relay, &pairs[i][j]);
    }
    finish(client, 0, "iperf3 -c");
    for (int i = 0; i < 2; i++) {
        shutdown(pairs[i][0].from, SHUT_RDWR);
        shutdown(pairs[i][0].to, SHUT_RDWR);
        for (int j = 0; j < 2; j++)
            pthread_join(threads[i][j], NULL);
        close(pairs[i][0].from);
        close(pairs[i][0].to);
    }
    finish(server, 0, "iperf3 -s");
    close(listener);
    session_close(s);
}

/* -- TLS -- */

/* What comes up to the empty line of HTTP. */
static void read_head(int fd)
{
    char room[4096];
    size_t n = 0;

    while (n < 4 || memcmp(room + n - 4, "\r\n\r\n", 4) != 0) {
        await(fd, POLLIN);
        if (n == sizeof room || recv(fd, room + n, 1, 0) != 1)
            streams_wrong("no end of the head");
        n++;
    }
}

static void *write_body(void *arg)
{
    put_pattern(*(int *)arg, SEED, BODY);
    return NULL;
}

/* curl asks a server whose TLS is the daemon's. */
static void test_curl(void)
{
    struct session *s = session_open();
    json_t *r = session_ask(s, "create_server", "{'address':['127.0.0.1',0]}");
    long long listener = json_integer_value(json_object_get(r, "handle")), h;
    int port = (int)json_integer_value(json_object_get(json_object_get(r, "address"), "port"));
    int out[2], stream, error;
    char head[100];
    pthread_t writer;
    pid_t curl;

    json_decref(r);
    if (!has_program("curl") || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0) {
        session_close(s);
        return;
    }
    curl = start(out[1], "curl -sS --noproxy '*' --cacert %s/cert.pem https://localhost:%d/",
                 streams_daemon.directory, port);
    close(out[1]);
    h = session_make(s, "accept", "{'handle':%lld,'timeout':10}", listener);
    json_decref(session_ask(s, "wrap",
                            "{'handle':%lld,'server_side':true,'identity':'shop',"
                            "'alpn':['http/1.1'],'timeout':10}",
                            h));
    stream = session_stream(s, h);
    read_head(stream);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
    if (lines_write(stream, head, strlen(head)) < 0)
        streams_wrong("the head was not taken");
    pthread_create(&writer, NULL, write_body, &stream);
    if (take_pattern(out[0], SEED, BODY + 1, &error) != BODY || error != 0)
        streams_wrong("curl did not get all");
    pthread_join(writer, NULL);
    finish(curl, 0, "curl");
    close(out[0]);
    close(stream);
    session_close(s);
}

/* A handle that has made its TLS with a server here. */
static int dial_tls(struct session *s, int port)
{
    long long h = dial(s, port);
    json_t *r = session_ask(s, "wrap", "{'handle':%lld,'verify':false,'timeout':10}", h);

    json_decref(r);
    return session_stream(s, h);
}

static void test_s_server(void)
{
    struct session *s = session_open();
    int port = free_port(), fd;
    char room[8];
    size_t n = 0;
    pid_t server = start(-1,
                         "openssl s_server -accept %d -cert %s/cert.pem -key %s/key.pem -rev "
                         ">/dev/null 2>&1",
                         port, streams_daemon.directory, streams_daemon.directory);

    await_listener(port);
    fd = dial_tls(s, port);
    if (lines_write(fd, "abc\n", 4) < 0)
        streams_wrong("s_server does not read");
    while (n < 4) {
        ssize_t r;

        await(fd, POLLIN);
        r = recv(fd, room + n, sizeof room - n, 0);
        if (r <= 0)
            streams_wrong("no answer of s_server");
        n += (size_t)r;
    }
    if (memcmp(room, "cba\n", 4) != 0)
        streams_wrong("not the answer of s_server");
    /* killed in the middle, it has not said the end inside of TLS */
    finish(server, SIGKILL, "s_server");
    await(fd, POLLIN);
    if (recv(fd, room, sizeof room, 0) >= 0)
        streams_wrong("what was cut off looks complete");
    close(fd);
    session_close(s);
}

static void write_file(const char *name, const char *text, size_t n)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", streams_daemon.directory, name);
    f = fopen(path, "we");
    if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0)
        streams_wrong("%s: %s", path, strerror(errno));
}

/* nginx sends the certificate's file, a big enough one. */
static void test_nginx(void)
{
    static const char request[] = "GET /body HTTP/1.0\r\n\r\n";
    const char *d = streams_daemon.directory;
    struct session *s = session_open();
    static char body[BODY];
    int port = free_port(), pair[2], fd, error;
    pthread_t writer;
    char conf[2000];
    pid_t nginx;

    if (!has_program("nginx") || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        session_close(s);
        return;
    }
    pthread_create(&writer, NULL, write_body, &pair[0]);
    for (size_t at = 0; at < BODY;) {
        ssize_t n = recv(pair[1], body + at, BODY - at, 0);

        at += n > 0 ? (size_t)n : 0;
    }
    pthread_join(writer, NULL);
    close(pair[0]);
    close(pair[1]);
    write_file("body", body, BODY);
    snprintf(conf, sizeof conf,
             "daemon off;\nuser root;\npid %s/nginx.pid;\nerror_log /dev/null;\nevents {}\n"
             "http { access_log off; server { listen 127.0.0.1:%d ssl; root %s;\n"
             "ssl_certificate %s/cert.pem; ssl_certificate_key %s/key.pem; } }\n",
             d, port, d, d, d);
    write_file("nginx.conf", conf, strlen(conf));
    nginx = start(-1, "nginx -c %s/nginx.conf 2>/dev/null", d);
    await_listener(port);
    /* The second time the client says that it is done: nginx would break off if TCP said so, too. It
     * does not say its own end to one that has said so before. */
    for (int is_done = 0; is_done < 2; is_done++) {
        fd = dial_tls(s, port);
        if (lines_write(fd, request, strlen(request)) < 0)
            streams_wrong("nginx does not read");
        if (is_done)
            shutdown(fd, SHUT_WR);
        read_head(fd);
        if (take_pattern(fd, SEED, BODY + 1, &error) != BODY || (error != 0 && !is_done))
            streams_wrong("nginx did not send all");
        close(fd);
    }
    finish(nginx, SIGTERM, "nginx");
    session_close(s);
}

void streams_peers(void)
{
    test_iperf();
    test_curl();
    test_s_server();
    test_nginx();
}
