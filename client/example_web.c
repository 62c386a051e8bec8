/* example_web.c — a web server whose listener outlives it: start it, stop it, start it again, and
 * no visitor is ever refused. Those who come in between wait in the listener's queue, in the
 * daemon.
 *
 *     cc example_web.c -o web $(pkg-config --cflags --libs berth) && ./web 8080 [VISITORS]
 *
 * The listener is the daemon's, under a name and with a lease that does not end. Each connection is
 * handed off: from then on it is this program's own descriptor. Ends after so many VISITORS. */
#include <berth.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const berth *b, const char *what)
{
    const struct berth_error *e = berth_last_error(b);

    fprintf(stderr, "%s: %s %s: %s\n", what, e->kind, e->name, e->message);
    if (e->hint)
        fprintf(stderr, "hint: %s\n", e->hint);
    exit(EXIT_FAILURE);
}

/* Reads a request to its empty line, and answers. It is an ordinary socket now. */
static void serve(int fd, int n_served)
{
    char request[4096] = "", answer[256], body[64];
    size_t n = 0;
    ssize_t got = 1;

    while (n < sizeof request - 1 && !strstr(request, "\r\n\r\n") && got > 0) {
        got = read(fd, request + n, sizeof request - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    snprintf(body, sizeof body, "visitor %d of process %ld\n", n_served, (long)getpid());
    snprintf(answer, sizeof answer,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             strlen(body), body);
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        perror("send"); /* this visitor has gone; others come */
}

int main(int argc, char **argv)
{
    /* A name and a lease: the second start is given the listener of the first. */
    struct berth_options options = {.name = "example-web", .lease = BERTH_PERMANENT};
    int port = argc > 1 ? atoi(argv[1]) : 8080, n_visitors = argc > 2 ? atoi(argv[2]) : -1;
    berth_handle listener, connection;
    berth *b = berth_new(NULL);
    int fd;

    if (!b)
        fail(b, "berth");
    listener = berth_create_server_host(b, "127.0.0.1", (uint16_t)port, &options);
    /* It lives on from another run: then it is to be this session's again. */
    if (listener < 0 || berth_attach(b, listener, BERTH_SAME_LEASE) < 0)
        fail(b, "create_server");
    for (int i = 1; n_visitors < 0 || i <= n_visitors; i++) {
        if ((connection = berth_accept(b, listener, NULL, NULL)) < 0)
            fail(b, "accept");
        if ((fd = berth_handoff(b, connection, 0)) < 0)
            fail(b, "handoff");
        serve(fd, i);
        close(fd);
    }
    berth_free(b); /* the listener stays */
    return EXIT_SUCCESS;
}
