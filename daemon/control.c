#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

static int fail(char *message, size_t n, const char *path, const char *what)
{
    int r = -errno;

    snprintf(message, n, "%s: %s: %s", path, what, strerror(-r));
    return r;
}

static int take_lock(struct control *c, const char *path, char *message, size_t n)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    char *lock;

    if (asprintf(&lock, "%s.lock", path) < 0)
        return -ENOMEM;
    c->lock_fd = open(lock, flags | O_EXCL, 0600);
    c->was_served = c->lock_fd < 0 && errno == EEXIST;
    if (c->was_served)
        c->lock_fd = open(lock, flags, 0600);
    free(lock);
    if (c->lock_fd < 0)
        return fail(message, n, path, "its .lock file");
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        snprintf(message, n, "%s: another berthd serves it", path);
        return -EADDRINUSE;
    }
    return 0;
}

/* -- the path -- */

/* Makes room at the path: a socket that nobody serves is removed, anything else is left alone. Only
 * who holds the lock comes here. */
static int clear_path(const char *path, const struct sockaddr_un *address, char *message, size_t n)
{
    struct stat st;
    int fd, r;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : fail(message, n, path, "stat");
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(message, n, "%s: is there and is no socket", path);
        return -EADDRINUSE;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(message, n, path, "socket");
    r = connect(fd, (const struct sockaddr *)address, sizeof *address);
    close(fd);
    if (r < 0 && errno != EAGAIN)
        return unlink(path) < 0 ? fail(message, n, path, "a stale socket") : 0;
    snprintf(message, n, "%s: another program serves it", path);
    return -EADDRINUSE;
}

/* The directory of the usual path may not be there yet. */
static void make_directory(const char *path)
{
    char *copy = strdup(path);

    if (copy)
        mkdir(dirname(copy), 0755);
    free(copy);
}

/* Not under another name first: that would be the peer's name for clients, also when it is no more.
 */
static int bind_and_listen(struct control *c, const char *path, const struct sockaddr_un *address,
                           char *message, size_t n)
{
    struct stat st;
    mode_t mask;
    int r;

    mask = umask(0177);
    r = bind(c->fd, (const struct sockaddr *)address, sizeof *address);
    umask(mask);
    if (r < 0)
        return fail(message, n, path, "bind");
    if (listen(c->fd, 4096) < 0 || lstat(path, &st) < 0) {
        r = fail(message, n, path, "listen");
        unlink(path);
        return r;
    }
    c->device = st.st_dev;
    c->inode = st.st_ino;
    return 0;
}

static int open_socket(struct control *c, const char *path, char *message, size_t n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r;

    strcpy(address.sun_path, path);
    if ((r = clear_path(path, &address, message, n)) < 0)
        return r;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return fail(message, n, path, "socket");
    return bind_and_listen(c, path, &address, message, n);
}

int control_open(struct control *c, const char *path, int inherited_fd, char *message, size_t n)
{
    size_t n_most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    int r;

    *c = (struct control){.fd = -1, .lock_fd = -1};
    if (!*path || strlen(path) > n_most) {
        snprintf(message, n, "%s: a socket's path has 1 to %zu bytes", path, n_most);
        return -ENAMETOOLONG;
    }
    if (inherited_fd < 0)
        make_directory(path);
    r = take_lock(c, path, message, n);
    if (r >= 0 && inherited_fd < 0)
        r = open_socket(c, path, message, n);
    if (r >= 0 && !(c->path = strdup(path)))
        r = -ENOMEM;
    if (r < 0) {
        control_close(c);
        return r;
    }
    if (inherited_fd >= 0)
        c->fd = inherited_fd;
    c->is_inherited = inherited_fd >= 0;
    return 0;
}

int control_open_to(const struct control *c, bool everybody)
{
    if (c->is_inherited)
        return 0;
    return chmod(c->path, everybody ? 0666 : 0600) < 0 ? -errno : 0;
}

void control_close(struct control *c)
{
    struct stat st;

    if (c->path && !c->is_inherited && lstat(c->path, &st) == 0 && st.st_dev == c->device &&
        st.st_ino == c->inode)
        unlink(c->path);
    if (c->fd >= 0)
        close(c->fd);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
    free(c->path);
    *c = (struct control){.fd = -1, .lock_fd = -1};
}
