/* notify.h — the service manager's ear: messages of sd_notify(3), in order, sent without ever
 * waiting, which libsystemd's own sender does when the manager is busy. What it cannot take now
 * waits here, but for descriptors: what is sent outlives the daemon, what waits does not. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct notify_message;

struct notify {
    int fd;   /* connected; -1: no manager listens */
    int gone; /* the -errno that said that nobody listens any more; 0: somebody does */
    struct notify_message *waiting;
    int64_t n_waiting;
    int64_t n_given, n_sent; /* messages ever */
};

/* Connects to $NOTIFY_SOCKET and takes the variable out of the environment. Without one, or when it
 * cannot be reached, nothing is ever sent. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Sends the assignments ("READY=1\nSTATUS=…") behind what waits. Returns 0; -EOPNOTSUPP when there
 * is no manager; -ENOBUFS when too much waits; or -errno. */
int notify_send(struct notify *n, const char *text);

/* The same with a copy of `fd`, now or not at all: -EAGAIN when something waits or the manager is
 * busy. */
int notify_send_fd(struct notify *n, const char *text, int fd);

/* Whether the manager would take a message now. With `all`: and has taken in all it was sent. */
bool notify_is_ready(struct notify *n, bool all);

/* Whether something waits for the manager: then it is not the time for small talk. */
bool notify_is_busy(const struct notify *n);

/* Sends what waits, as far as the manager takes it. */
void notify_flush(struct notify *n);
