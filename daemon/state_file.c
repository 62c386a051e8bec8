#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proto/limits.h"

/* A file of another user says nothing: whoever may write beside the socket could make sockets up.
 */
static int open_old(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
        return fd;
    log_line(LOG_WARNING, "%s: is no file of the daemon's user; it is not read", path);
    close(fd);
    return -1;
}

/* A state that says nothing sensible is no reason to begin again with the first number: the clock
 * is beyond all numbers that were ever counted up to. */
int64_t state_file_clock_number(void)
{
    return HANDLE_FIRST + (int64_t)time(NULL) * 1000000;
}

static void read_old(struct state_file *f, bool was_served)
{
    int r = f->old_fd < 0 ? -ENODATA : remains_read(f->old_fd, &f->remains);

    if (r == 0 && f->remains.tally.next_handle >= HANDLE_FIRST &&
        f->remains.tally.next_handle < LIMIT_INTEGER) {
        f->first_handle = f->remains.tally.next_handle;
        return;
    }
    remains_done(&f->remains);
    f->first_handle = HANDLE_FIRST;
    if (r == -ENODATA && !was_served)
        return;
    f->first_handle = state_file_clock_number();
    log_line(LOG_WARNING,
             "%s: is missing, or no state that this version knows; the sockets in it are unknown",
             f->path);
}

static struct state *make_fresh(const char *path)
{
    int fd;

    unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? NULL : state_new(fd);
}

int state_file_open(struct state_file *f, const char *path, bool was_served,
                    struct state **ret_state, char *message, size_t n)
{
    int r;

    *f = (struct state_file){.old_fd = -1};
    if (asprintf(&f->path, "%s.state", path) < 0)
        f->path = NULL;
    if (!f->path || asprintf(&f->fresh_path, "%s.new", f->path) < 0) {
        snprintf(message, n, "out of memory");
        free(f->path);
        return -ENOMEM;
    }
    if ((*ret_state = make_fresh(f->fresh_path))) {
        f->old_fd = open_old(f->path);
        read_old(f, was_served);
        return 0;
    }
    r = -errno;
    snprintf(message, n, "%s: %s", f->fresh_path, strerror(-r));
    unlink(f->fresh_path);
    state_file_close(f);
    return r;
}

int state_file_commit(struct state_file *f, char *message, size_t n)
{
    int r;

    if (rename(f->fresh_path, f->path) == 0)
        return 0;
    r = -errno;
    snprintf(message, n, "%s: the state cannot be put there: %s", f->path, strerror(-r));
    return r;
}

void state_file_close(struct state_file *f)
{
    remains_done(&f->remains);
    if (f->old_fd >= 0)
        close(f->old_fd);
    free(f->path);
    free(f->fresh_path);
    *f = (struct state_file){.old_fd = -1};
}
