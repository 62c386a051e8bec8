#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for 128 replies, or for one of 64 KiB with all its escapes. */
enum { INPUT_BYTES = 1 << 20 };

/* Behind this a reply to our requests has "result" or "error"; an echo has "method" there. */
#define BEFORE_KIND "{\"jsonrpc\":\"2.0\",\"id\":1,\""

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what,
            errno ? strerror(errno) : "the server has closed the connection");
    return -1;
}

int session_open(struct session *c, const struct server *s)
{
    *c = (struct session){.fd = server_connect(s), .input = malloc(INPUT_BYTES)};
    if (c->fd >= 0 && c->input)
        return 0;
    session_close(c);
    return -1;
}

void session_close(struct session *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->input);
    *c = (struct session){.fd = -1};
}

int session_send(struct session *c, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);

        if (sent < 0)
            return complain("send");
        bytes += sent;
        n -= (size_t)sent;
    }
    return 0;
}

/* Looks at one byte only: this runs for every call that is measured. */
static int check_reply(const char *line, size_t n)
{
    if (n >= sizeof BEFORE_KIND && line[sizeof BEFORE_KIND - 1] != 'e')
        return 0;
    fprintf(stderr, "this is no result: %.*s\n", (int)(n < 512 ? n : 512), line);
    return -1;
}

/* Counts the whole lines, of which the first `n_seen` bytes have none, and keeps what is behind
 * them. */
static int take_lines(struct session *c, size_t n_seen)
{
    size_t start = 0, at = n_seen;
    char *newline;
    int n = 0;

    while ((newline = memchr(c->input + at, '\n', c->n_input - at))) {
        at = (size_t)(newline - c->input) + 1;
        if (check_reply(c->input + start, at - start) < 0)
            return -1;
        start = at;
        n++;
    }
    if (start > 0)
        memmove(c->input, c->input + start, c->n_input - start);
    c->n_input -= start;
    return n;
}

static ssize_t read_more(struct session *c)
{
    ssize_t n = recv(c->fd, c->input + c->n_input, INPUT_BYTES - 1 - c->n_input, 0);

    if (n <= 0) {
        errno = n == 0 ? 0 : errno;
        return complain("recv");
    }
    c->n_input += (size_t)n;
    return n;
}

int session_receive(struct session *c)
{
    int n = 0;

    while (n == 0) {
        size_t n_seen = c->n_input;

        if (read_more(c) < 0)
            return -1;
        n = take_lines(c, n_seen);
    }
    return n;
}

const char *session_call(struct session *c, const char *line)
{
    size_t n;

    if (session_send(c, line, strlen(line)) < 0)
        return NULL;
    do {
        if (read_more(c) < 0)
            return NULL;
    } while (c->input[c->n_input - 1] != '\n');
    n = c->n_input;
    c->n_input = 0;
    c->input[n] = '\0';
    return check_reply(c->input, n) < 0 ? NULL : c->input;
}
