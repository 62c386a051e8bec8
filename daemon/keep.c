#include "keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int keep_open(struct keep *k, struct notify *notify, int64_t n_most)
{
    struct epoll_event event = {.events = 0};

    *k = (struct keep){.notify = notify, .n_most = n_most, .barrier_fd = -1};
    if ((k->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return -errno;
    if (notify->fd < 0)
        return 0;
    return epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, notify->fd, &event) < 0 ? -errno : 0;
}

void keep_close(struct keep *k)
{
    if (k->barrier_fd >= 0)
        close(k->barrier_fd);
    if (k->epoll_fd >= 0)
        close(k->epoll_fd);
    k->epoll_fd = k->barrier_fd = -1;
}

int keep_fd(const struct keep *k)
{
    return k->epoll_fd;
}

/* What can be said without asking anybody. */
static int check_room(const struct keep *k, int64_t n)
{
    if (k->notify->fd < 0 || k->n_most == 0)
        return -EOPNOTSUPP;
    if (k->notify->gone)
        return k->notify->gone;
    return k->n_kept + n <= k->n_most ? 0 : -EXFULL;
}

int keep_check(struct keep *k, int64_t n)
{
    int r = check_room(k, n);

    if (r)
        return r;
    /* Who looks at the pipe from the other side sees one free place, not how many there are. */
    if (notify_is_ready(k->notify, n > 1))
        return 0;
    k->is_stuck = true;
    return -EAGAIN;
}

const char *keep_obstacle(const struct keep *k, int error)
{
    if (!k || k->notify->fd < 0)
        return "no service manager keeps descriptors for this daemon";
    if (k->n_most == 0)
        return "the service manager keeps no descriptors for this daemon (FileDescriptorStoreMax=)";
    if (k->notify->gone)
        return "the service manager does not listen any more";
    if (error == -EXFULL)
        return "the service manager keeps as many descriptors as it may (FileDescriptorStoreMax=)";
    if (error == -EAGAIN || !error)
        return "the service manager has not taken it yet";
    return strerror(-error);
}

/* -- orders -- */

/* The manager drops what poll(2) reports as hung up, which a fresh socket is: FDPOLL=0. */
int keep_add(struct keep *k, int64_t id, int fd)
{
    char name[KEEP_NAME_BYTES], text[64 + KEEP_NAME_BYTES];
    int r = check_room(k, 1);

    if (r)
        return r;
    keep_make_name(id, name);
    snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    r = notify_send_fd(k->notify, text, fd);
    k->n_kept += r == 0;
    k->is_stuck |= r == -EAGAIN;
    return r;
}

void keep_note(struct keep *k)
{
    k->n_kept++;
}

void keep_note_gone(struct keep *k)
{
    k->n_kept--;
}

static int take_back(struct keep *k, const char *name)
{
    char text[320];

    snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return notify_send(k->notify, text);
}

void keep_forget(struct keep *k, const char *name)
{
    take_back(k, name);
}

int64_t keep_remove(struct keep *k, int64_t id)
{
    char name[KEEP_NAME_BYTES];

    keep_make_name(id, name);
    k->n_kept--;
    return take_back(k, name) < 0 ? INT64_MAX : k->notify->n_given;
}

/* Told when the manager takes messages again, as long as some wait. */
static void watch_notify(struct keep *k)
{
    bool waits = k->is_stuck || notify_is_busy(k->notify);
    struct epoll_event event = {.events = waits ? EPOLLOUT : 0};

    if (event.events == k->watched)
        return;
    k->watched = event.events;
    epoll_ctl(k->epoll_fd, EPOLL_CTL_MOD, k->notify->fd, &event);
}

/* -- the barrier: the manager closes a descriptor when it has done what came before -- */

static void end_barrier(struct keep *k)
{
    close(k->barrier_fd); /* and so it leaves the epoll: nobody has a copy of this end */
    k->barrier_fd = -1;
    k->n_done = k->n_asked;
}

static void send_barrier(struct keep *k)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fds[2], r;

    if (!k->wants_barrier || k->barrier_fd >= 0 || notify_is_busy(k->notify) ||
        pipe2(fds, O_CLOEXEC | O_NONBLOCK))
        return;
    event.data.fd = fds[0];
    r = epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fds[0], &event) < 0 ? -errno : 0;
    if (!r)
        r = notify_send_fd(k->notify, "BARRIER=1", fds[1]);
    k->is_stuck |= r == -EAGAIN;
    close(fds[1]);
    if (r) {
        close(fds[0]);
        return;
    }
    k->barrier_fd = fds[0];
    k->n_asked = k->notify->n_sent;
    k->wants_barrier = false;
}

bool keep_is_done(struct keep *k, int64_t order)
{
    if (k->notify->fd < 0 || k->n_done >= order)
        return true;
    k->wants_barrier = k->barrier_fd < 0 || k->n_asked < order;
    return false;
}

void keep_begin_turn(struct keep *k)
{
    k->is_stuck = false;
}

bool keep_work(struct keep *k)
{
    int64_t n_done = k->n_done;
    char byte;

    if (k->epoll_fd < 0 || k->notify->fd < 0)
        return false;
    notify_flush(k->notify);
    if (k->barrier_fd >= 0 && read(k->barrier_fd, &byte, 1) == 0)
        end_barrier(k);
    send_barrier(k);
    watch_notify(k);
    return k->n_done > n_done;
}

/* -- names -- */

void keep_make_name(int64_t id, char ret[KEEP_NAME_BYTES])
{
    snprintf(ret, KEEP_NAME_BYTES, "b%lld", (long long)id);
}

int64_t keep_read_name(const char *name)
{
    char again[KEEP_NAME_BYTES];
    long long id;

    if (sscanf(name, "b%16lld", &id) != 1 || id <= 0)
        return 0;
    keep_make_name(id, again);
    return strcmp(name, again) == 0 ? id : 0;
}
