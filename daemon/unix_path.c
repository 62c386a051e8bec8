#include "unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { N_PATH = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

bool unix_path_is(const struct wire_sockaddr *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->addr;

    return un->sun_family == AF_UNIX && address->len > offsetof(struct sockaddr_un, sun_path) &&
           un->sun_path[0];
}

static void set_path(struct wire_sockaddr *a, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->addr;
    size_t n = strlen(path) < N_PATH ? strlen(path) : N_PATH - 1;

    *a = (struct wire_sockaddr){.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)};
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n);
}

/* The path of the descriptor's file, with `name` behind it. */
static int real_path(int fd, const char *name, struct wire_sockaddr *ret)
{
    char link[32], real[PATH_MAX + N_PATH + 2];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if ((n = readlink(link, real, PATH_MAX)) < 0)
        return -errno;
    real[n] = '\0';
    if (*name) {
        if (n == 1) /* the root directory ends with its slash */
            n = 0;
        snprintf(real + n, sizeof real - (size_t)n, "/%s", name);
    }
    if (strlen(real) >= N_PATH)
        return -ENAMETOOLONG;
    set_path(ret, real);
    return 0;
}

int unix_path_open(const struct wire_sockaddr *address, bool is_bind,
                   struct wire_sockaddr *ret_real)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->addr;
    char path[N_PATH + 1] = "", directory[N_PATH + 1] = ".";
    const char *name = "", *slash;
    int fd, r;

    memcpy(path, un->sun_path, address->len - offsetof(struct sockaddr_un, sun_path));
    if (is_bind) {
        slash = strrchr(path, '/');
        name = slash ? slash + 1 : path;
        if (slash)
            snprintf(directory, sizeof directory, "%.*s", (int)(slash - path + 1), path);
    }
    fd = open(is_bind ? directory : path, O_PATH | O_CLOEXEC | (is_bind ? O_DIRECTORY : 0));
    if (fd < 0)
        return -errno;
    if ((r = real_path(fd, name, ret_real)) == 0)
        return fd;
    close(fd);
    return r;
}

void unix_path_of_fd(int fd, struct wire_sockaddr *ret)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    set_path(ret, path);
}
