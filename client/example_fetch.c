/* example_fetch.c — a program without a network fetches a page: it goes into a network namespace of
 * its own, where there is nothing, not even loopback, and reaches through the daemon what the
 * daemon's rules let it reach, and nothing else.
 *
 *     cc example_fetch.c -o fetch $(pkg-config --cflags --libs berth) && ./fetch 127.0.0.1 8080 /
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <berth.h>

#include <sched.h>
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

/* By itself it reaches nobody any more. Returns whether that is so. */
static int is_cut_off(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r = connect(fd, (struct sockaddr *)&to, sizeof to);
    fprintf(stderr, "by itself: %s\n", r < 0 ? "no way" : "reached");
    close(fd);
    return r < 0;
}

/* It is an ordinary socket for whoever reads and writes it; the daemon carries the bytes. */
static int fetch(int fd, const char *host, const char *path)
{
    char data[65536];
    ssize_t n;

    n = snprintf(data, sizeof data, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
    if (n >= (ssize_t)sizeof data || send(fd, data, (size_t)n, MSG_NOSIGNAL) != n)
        return -1;
    while ((n = read(fd, data, sizeof data)) > 0)
        if (write(STDOUT_FILENO, data, (size_t)n) != n)
            return -1;
    return (int)n;
}

int main(int argc, char **argv)
{
    berth_handle h;
    berth *b;
    int fd;

    if (argc != 4) {
        fprintf(stderr, "usage: %s HOST PORT PATH\n", argv[0]);
        return 2;
    }
    /* The daemon's socket is a file, and files are not the network's. */
    if (!(b = berth_new(NULL)))
        fail(b, "berth");
    /* Who is not root needs a user namespace around it. */
    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        perror("unshare");
        berth_free(b);
        return 77;
    }
    if (!is_cut_off(atoi(argv[2])))
        return EXIT_FAILURE;
    if ((h = berth_create_connection(b, argv[1], (uint16_t)atoi(argv[2]), 5.0, NULL)) < 0)
        fail(b, "create_connection");
    if ((fd = berth_stream(b, h)) < 0)
        fail(b, "stream");
    if (fetch(fd, argv[1], argv[3]) < 0) {
        perror("fetch");
        return EXIT_FAILURE;
    }
    close(fd);
    berth_free(b);
    return EXIT_SUCCESS;
}
