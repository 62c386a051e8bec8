#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "log.h"
#include "socket.h"

static int by_cookie(const void *a, const void *b)
{
    int64_t x = ((const struct inherited_fd *)a)->cookie;
    int64_t y = ((const struct inherited_fd *)b)->cookie;

    return x < y ? -1 : x > y;
}

/* -- the variables: sd_listen_fds(3), but what is wrong is told, and costs no socket -- */

/* A number of an environment variable; -1: there is none, or it is no number. */
static long long read_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long n = text ? strtoll(text, &end, 10) : -1;

    return text && *text && !*end && n >= 0 ? n : -1;
}

/* How many there should be; *ret_exact: so it was said, else it is as many as can be. */
static long long read_count(bool *ret_exact)
{
    long long n = read_number("LISTEN_FDS"), n_most = sysconf(_SC_OPEN_MAX) - SD_LISTEN_FDS_START;

    *ret_exact = n >= 0 && n <= n_most;
    if (!getenv("LISTEN_FDS"))
        return 0;
    if (read_number("LISTEN_PID") != getpid()) {
        log_line(LOG_WARNING, "LISTEN_PID is not of this process: LISTEN_FDS is not for it");
        return 0;
    }
    if (*ret_exact)
        return n;
    log_line(LOG_WARNING,
             "LISTEN_FDS=%.40s is no number of descriptors: those that are open from "
             "3 on are taken",
             getenv("LISTEN_FDS"));
    return n_most;
}

static int add(struct inheritance *in, int fd)
{
    struct inherited_fd *more = realloc(in->items, (in->n + 1) * sizeof *more);
    char *name = strdup(INHERIT_NO_NAME);

    if (more)
        in->items = more;
    if (!more || !name) {
        free(name);
        return -ENOMEM;
    }
    more[in->n++] = (struct inherited_fd){.fd = fd, .name = name, .cookie = socket_cookie(fd)};
    return 0;
}

static int take_open(struct inheritance *in, long long n, bool exact)
{
    int n_closed = 0, r = 0;

    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n && !r; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            r = add(in, fd);
        else if (exact)
            n_closed++;
        else
            break;
    }
    if (n_closed)
        log_line(LOG_WARNING, "LISTEN_FDS=%lld: %d of them are not open", n, n_closed);
    return r;
}

/* As many names as descriptors, or none is believed: who knows which is missing. */
static int take_names(struct inheritance *in, long long n)
{
    const char *names = getenv("LISTEN_FDNAMES");
    long long n_names = 1;
    size_t i = 0, length;

    for (const char *at = names; at && *at; at++)
        n_names += *at == ':';
    if (!names)
        return 0;
    if (n_names != n) {
        log_line(LOG_WARNING,
                 "LISTEN_FDNAMES has %lld names for %lld descriptors: none is believed", n_names,
                 n);
        return 0;
    }
    /* Those that are not open have names too. */
    for (int fd = SD_LISTEN_FDS_START; i < in->n; fd++, names += length + (names[length] == ':')) {
        length = strcspn(names, ":");
        if (in->items[i].fd != fd)
            continue;
        free(in->items[i].name);
        if (!(in->items[i++].name = strndup(names, length)))
            return -ENOMEM;
    }
    return 0;
}

int inherit_take(struct inheritance *in)
{
    bool exact;
    long long n = read_count(&exact);
    int r;

    *in = (struct inheritance){NULL, 0};
    r = take_open(in, n, exact);
    if (!r && n)
        r = take_names(in, exact ? n : (long long)in->n);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (in->n)
        qsort(in->items, in->n, sizeof *in->items, by_cookie);
    return r;
}

void inherit_done(struct inheritance *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->items[i].fd >= 0)
            close(in->items[i].fd);
        free(in->items[i].name);
    }
    free(in->items);
    *in = (struct inheritance){NULL, 0};
}

static const char *path_of(int fd, struct sockaddr_un *address)
{
    socklen_t n = sizeof *address;

    memset(address, 0, sizeof *address);
    if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0 ||
        getsockname(fd, (struct sockaddr *)address, &n) < 0 || address->sun_path[0] != '/')
        return NULL;
    return address->sun_path;
}

/* One listener without a name and nothing else is what systemd-socket-activate(1) gives. */
static bool is_alone(const struct inheritance *in, size_t i)
{
    return in->n == 1 && strcmp(in->items[i].name, INHERIT_NO_NAME) == 0;
}

int inherit_take_control(struct inheritance *in, const char *path, char **ret_path)
{
    struct sockaddr_un address;
    const char *bound;
    int fd;

    for (size_t i = 0; i < in->n; i++) {
        if (!(bound = path_of(in->items[i].fd, &address)) ||
            (strcmp(in->items[i].name, "berthd.socket") != 0 && strcmp(bound, path) != 0 &&
             !is_alone(in, i)))
            continue;
        if (!(*ret_path = strdup(bound)))
            return -1;
        fd = in->items[i].fd;
        in->items[i].fd = -1;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
    }
    return -1;
}

struct inherited_fd *inherit_find(struct inheritance *in, int64_t cookie, const char *name)
{
    struct inherited_fd key = {.cookie = cookie}, *found;

    if (!cookie || !in->n)
        return NULL;
    found = bsearch(&key, in->items, in->n, sizeof *in->items, by_cookie);
    /* The same socket may have come twice: from its unit and from the store. */
    while (found && found > in->items && found[-1].cookie == cookie)
        found--;
    for (; found && found < in->items + in->n && found->cookie == cookie; found++)
        if (found->fd >= 0 && (!name || strcmp(found->name, name) == 0))
            return found;
    return NULL;
}

bool inherit_is_copy(const struct inheritance *in, const struct inherited_fd *fd)
{
    const struct inherited_fd *end = in->items + in->n, *at = fd;

    while (at > in->items && at[-1].cookie == fd->cookie)
        at--;
    while (at < end && at->cookie == fd->cookie && at->fd >= 0)
        at++;
    return at < end && at->cookie == fd->cookie;
}
