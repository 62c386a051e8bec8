/* world.c — the other side of the network: plain sockets that know nothing of berth, so that what
 * becomes of them is seen from outside. Reads commands, one a line, and answers each with one line
 * that begins with `ok` or `wrong`:
 *
 *   connect PORT COUNT      so many connections to 127.0.0.1:PORT
 *   listen PORT             a listener there
 *   accept                  one connection from it
 *   send INDEX TEXT         a line
 *   expect INDEX TEXT       that line comes, and nothing else before it
 *   eof INDEX               the end comes
 *   alive                   no connection has ended or was reset
 *   kill PID USEC           SIGKILL, so many microseconds from now; answered when the process is
 * gone stop PID, cont PID      SIGSTOP, SIGCONT gone PID SECONDS        the process ends by itself
 * within that time
 *
 * Connections are numbered from 0 in the order in which they were made. No wait is longer than ten
 * seconds where it does not say otherwise. Ends with the commands: 0, or 1 when an answer was
 * wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 256, WAIT_MS = 10000, LINE = 512 };

struct world {
    int connections[MOST];
    int n_connections;
    int listener;
    int n_wrong;
};

static void answer(struct world *w, int is_ok, const char *what)
{
    w->n_wrong += !is_ok;
    printf("%s %s\n", is_ok ? "ok" : "wrong", what);
    fflush(stdout);
}

static void failed(struct world *w, const char *what)
{
    char line[LINE];

    snprintf(line, sizeof line, "%s: %s", what, strerror(errno));
    answer(w, 0, line);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int is_ready(int fd, short events, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, wait_ms) > 0;
}

static void add(struct world *w, int fd)
{
    char line[32];

    w->connections[w->n_connections] = fd;
    snprintf(line, sizeof line, "%d", w->n_connections++);
    answer(w, 1, line);
}

static void do_connect(struct world *w, int port, int count)
{
    struct sockaddr_in to = loopback(port);
    int i, fd = -1;

    for (i = 0; i < count; i++) {
        if (w->n_connections == MOST) {
            answer(w, 0, "too many connections");
            return;
        }
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
            failed(w, "connect");
            return;
        }
        w->connections[w->n_connections++] = fd;
    }
    answer(w, 1, "");
}

static void do_listen(struct world *w, int port)
{
    struct sockaddr_in at = loopback(port);
    int one = 1;

    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(w->listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(w->listener, 64) < 0)
        failed(w, "listen");
    else
        answer(w, 1, "");
}

static void do_accept(struct world *w)
{
    int fd = -1;

    if (w->n_connections < MOST && is_ready(w->listener, POLLIN, WAIT_MS))
        fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        failed(w, "accept");
    else
        add(w, fd);
}

static void do_send(struct world *w, int fd, const char *text)
{
    char line[LINE];
    int n = snprintf(line, sizeof line, "%s\n", text);

    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) == n)
        answer(w, 1, "");
    else
        failed(w, "send");
}

static void do_expect(struct world *w, int fd, const char *text)
{
    char line[LINE] = "", said[3 * LINE];
    size_t n = 0;

    while (n < sizeof line - 1 && is_ready(fd, POLLIN, WAIT_MS) && recv(fd, line + n, 1, 0) == 1 &&
           line[n] != '\n')
        n++;
    line[n] = '\0';
    snprintf(said, sizeof said, "came '%s' for '%s'", line, text);
    answer(w, strcmp(line, text) == 0, said);
}

static void do_eof(struct world *w, int fd)
{
    char byte;

    if (is_ready(fd, POLLIN, WAIT_MS) && recv(fd, &byte, 1, 0) == 0)
        answer(w, 1, "");
    else
        failed(w, "no end");
}

static void do_alive(struct world *w)
{
    char line[64];
    int i;

    for (i = 0; i < w->n_connections; i++) {
        struct pollfd p = {.fd = w->connections[i], .events = POLLRDHUP};

        if (poll(&p, 1, 0) == 0)
            continue;
        snprintf(line, sizeof line, "connection %d has ended, poll says %#x", i, p.revents);
        answer(w, 0, line);
        return;
    }
    snprintf(line, sizeof line, "%d", w->n_connections);
    answer(w, 1, line);
}

static void do_gone(struct world *w, int pid_fd, int wait_ms)
{
    answer(w, pid_fd < 0 || is_ready(pid_fd, POLLIN, wait_ms), "the process lives");
    if (pid_fd >= 0)
        close(pid_fd);
}

/* The moment is what is tried here: nothing is waited for. */
static void do_kill(struct world *w, int pid, int usec)
{
    struct timespec moment = {.tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000L};
    int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

    clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
    if (pid_fd >= 0)
        syscall(SYS_pidfd_send_signal, pid_fd, SIGKILL, NULL, 0);
    do_gone(w, pid_fd, WAIT_MS);
}

static void do_signal(struct world *w, int pid, int signo)
{
    if (kill(pid, signo) < 0)
        failed(w, "kill");
    else
        answer(w, 1, "");
}

/* What follows the word: a number, and more that is read as a number or as text. */
struct command {
    struct world *world;
    int n;
    const char *text;
};

static int its_connection(const struct command *c)
{
    return c->n >= 0 && c->n < c->world->n_connections ? c->world->connections[c->n] : -1;
}

static void obey_one(const char *word, const struct command *c)
{
    struct world *w = c->world;

    if (strcmp(word, "connect") == 0)
        do_connect(w, c->n, atoi(c->text));
    else if (strcmp(word, "listen") == 0)
        do_listen(w, c->n);
    else if (strcmp(word, "accept") == 0)
        do_accept(w);
    else if (strcmp(word, "send") == 0)
        do_send(w, its_connection(c), c->text);
    else if (strcmp(word, "expect") == 0)
        do_expect(w, its_connection(c), c->text);
    else if (strcmp(word, "eof") == 0)
        do_eof(w, its_connection(c));
    else if (strcmp(word, "alive") == 0)
        do_alive(w);
    else if (strcmp(word, "kill") == 0)
        do_kill(w, c->n, atoi(c->text));
    else if (strcmp(word, "stop") == 0)
        do_signal(w, c->n, SIGSTOP);
    else if (strcmp(word, "gone") == 0)
        do_gone(w, (int)syscall(SYS_pidfd_open, c->n, 0), atoi(c->text) * 1000);
    else
        answer(w, 0, "there is no such command");
}

static void obey(struct world *w, char *line)
{
    char word[16] = "", text[LINE] = "";
    int n = 0;

    line[strcspn(line, "\n")] = '\0';
    sscanf(line, "%15s %d %511[^\n]", word, &n, text);
    obey_one(word, &(struct command){w, n, text});
}

int main(void)
{
    struct world w = {.listener = -1};
    char line[LINE];

    while (fgets(line, sizeof line, stdin))
        obey(&w, line);
    return w.n_wrong > 0;
}
