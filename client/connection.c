#include "client/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static const char system_path[] = "/run/berth/berth.sock";

/* The user's own daemon. One buffer per thread: the path is used at once. */
static const char *user_path(void)
{
    static _Thread_local char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    const char *dir = secure_getenv("XDG_RUNTIME_DIR");

    if (!dir || *dir != '/' ||
        (size_t)snprintf(path, sizeof path, "%s/berth.sock", dir) >= sizeof path)
        return NULL;
    return path;
}

const char *connection_path(const char *path)
{
    if (!path)
        path = secure_getenv("BERTH_SOCKET");
    if (path && *path)
        return path;
    if (geteuid() != 0 && access(system_path, F_OK) < 0 && (path = user_path()))
        return path;
    return system_path;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A full backlog cannot be polled for, but a blocking connect waits for room, as long as a send may
 * take. */
static int connect_patiently(int fd, const struct sockaddr_un *address)
{
    int64_t left_ms, end_ms = now_ms() + PATIENCE_MS;
    struct timeval patience;
    int r;

    do {
        if ((left_ms = end_ms - now_ms()) <= 0)
            return -EAGAIN;
        patience = (struct timeval){left_ms / 1000, left_ms % 1000 * 1000 + 1};
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
            return -errno;
        r = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    } while (r == -EINTR);
    return r;
}

/* A session must not sit on 0, 1 or 2: whoever writes to a missing stderr would write to the
 * daemon. */
static int socket_above_2(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), higher;

    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        higher = -errno;
    close(fd);
    return higher;
}

static int open_with(const char *path, bool is_patient)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, r;

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if ((fd = socket_above_2()) < 0)
        return fd;
    r = is_patient ? connect_patiently(fd, &address) : 0;
    if (!r && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    if (!r && !is_patient && connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        r = -errno;
    if (!r)
        return fd;
    close(fd);
    return r;
}

int connection_open(const char *path)
{
    return open_with(path, true);
}

int connection_try(const char *path)
{
    return open_with(path, false);
}

const char *connection_hint(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case ECONNREFUSED:
        return "is berthd running? If its socket is elsewhere, say where: --socket PATH or "
               "$BERTH_SOCKET";
    case EACCES:
    case EPERM:
        return "this daemon does not serve your user; start a berthd of your own, or see its "
               "socket's "
               "permissions";
    case EAGAIN:
        return "the daemon takes no connections now: it is very busy, or stopped";
    case EPROTOTYPE:
    case ENOTSOCK:
        return "that path is not berthd's socket";
    default:
        return NULL;
    }
}
