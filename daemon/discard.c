#include "discard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thread.h"

/* A file is off the table of descriptors as soon as a thread has begun to close it, so only those
 * that no thread is left for count. */
enum { MOST_THREADS = 256, FULL = 64, STACK_BYTES = 64 << 10 };

struct entry {
    int fd;
    struct entry *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *first;
static int n_threads;
static _Atomic int n_entries;

static struct entry *take(void)
{
    struct entry *e;

    pthread_mutex_lock(&lock);
    if ((e = first)) {
        first = e->next;
        n_entries--;
    } else {
        n_threads--;
    }
    pthread_mutex_unlock(&lock);
    return e;
}

static void *close_all(void *unused)
{
    struct entry *e;

    (void)unused;
    while ((e = take())) {
        close(e->fd);
        free(e);
    }
    return NULL;
}

/* Without memory or a thread it stays open until there is one for a later file: less harm than to
 * wait. */
static void close_elsewhere(int fd)
{
    struct entry *e = malloc(sizeof *e);
    bool is_wanted;

    if (!e)
        return;
    pthread_mutex_lock(&lock);
    *e = (struct entry){fd, first};
    first = e;
    n_entries++;
    is_wanted = n_threads < MOST_THREADS;
    n_threads += is_wanted;
    pthread_mutex_unlock(&lock);
    if (!is_wanted || thread_start(NULL, STACK_BYTES, close_all, NULL) == 0)
        return;
    pthread_mutex_lock(&lock);
    n_threads--;
    pthread_mutex_unlock(&lock);
}

void discard_flooded(int fd)
{
    if (discard_is_full())
        close(fd);
    else
        close_elsewhere(fd);
}

bool discard_is_full(void)
{
    return n_entries >= FULL;
}

/* Only open files and directories have a flush(2) of their own (struct file_operations), and a
 * disk's do not wait for anybody. Asks for nothing that the file system would have to ask its
 * server. */
static bool may_wait(int fd)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
        return true;
    return (S_ISREG(st.stx_mode) || S_ISDIR(st.stx_mode)) && st.stx_dev_major == 0;
}

void discard_fd(int fd)
{
    struct linger linger = {0};
    socklen_t n = sizeof linger;
    bool is_socket = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &n) == 0;

    if (fd < 0)
        return;
    if (is_socket && linger.l_onoff && linger.l_linger) {
        linger.l_onoff = 0;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    if (!is_socket && may_wait(fd))
        close_elsewhere(fd);
    else
        close(fd);
}
