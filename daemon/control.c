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
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proto/limits.h"

enum { BLOCK = 1 << 17 };

static int fail(char *message, size_t n, const char *path, const char *what)
{
    int r = -errno;

    snprintf(message, n, "%s: %s: %s", path, what, strerror(-r));
    return r;
}

/* -- the lock, and the number in it -- */

static void write_number(struct control *c, int64_t v)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%-24lld\n", (long long)v);

    if (pwrite(c->lock_fd, text, (size_t)n, 0) == n)
        c->reserved = v;
}

/* The first number that no daemon before can have given out. A file that says nothing sensible is
 * no reason to begin again: the clock is beyond all numbers that were ever counted up to. */
static int64_t read_number(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long long v;

    if (n == 0)
        return HANDLE_FIRST;
    if (n > 0 && sscanf(text, "%lld", &v) == 1 && v >= HANDLE_FIRST && v < LIMIT_INTEGER)
        return v;
    return HANDLE_FIRST + (int64_t)time(NULL) * 1000000;
}

void control_reserve(struct control *c, int64_t next)
{
    if (next + BLOCK / 2 > c->reserved)
        write_number(c, next + BLOCK);
}

static int take_lock(struct control *c, const char *path, char *message, size_t n)
{
    char *lock;

    if (asprintf(&lock, "%s.lock", path) < 0)
        return -ENOMEM;
    c->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(lock);
    if (c->lock_fd < 0)
        return fail(message, n, path, "its .lock file");
    if (flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        snprintf(message, n, "%s: another berthd serves it", path);
        close(c->lock_fd);
        return -EADDRINUSE;
    }
    c->first_handle = read_number(c->lock_fd);
    control_reserve(c, c->first_handle);
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
    if ((r = bind_and_listen(c, path, &address, message, n)) < 0)
        close(c->fd);
    return r;
}

int control_open(struct control *c, const char *path, char *message, size_t n)
{
    size_t n_most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    int r;

    *c = (struct control){.fd = -1, .lock_fd = -1};
    if (!*path || strlen(path) > n_most) {
        snprintf(message, n, "%s: a socket's path has 1 to %zu bytes", path, n_most);
        return -ENAMETOOLONG;
    }
    make_directory(path);
    if ((r = take_lock(c, path, message, n)) < 0)
        return r;
    if ((r = open_socket(c, path, message, n)) < 0) {
        close(c->lock_fd);
        return r;
    }
    if (!(c->path = strdup(path))) {
        control_close(c, c->first_handle);
        return -ENOMEM;
    }
    return 0;
}

int control_open_to(const struct control *c, bool everybody)
{
    return chmod(c->path, everybody ? 0666 : 0600) < 0 ? -errno : 0;
}

void control_close(struct control *c, int64_t next)
{
    struct stat st;

    if (c->path && lstat(c->path, &st) == 0 && st.st_dev == c->device && st.st_ino == c->inode)
        unlink(c->path);
    write_number(c, next);
    close(c->fd);
    close(c->lock_fd);
    free(c->path);
    *c = (struct control){.fd = -1, .lock_fd = -1};
}
