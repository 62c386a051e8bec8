/* waker.h — one descriptor for the caller's event loop that stays the same while the session's
 * socket is replaced, and that can be woken by the clock: an epoll of the socket and a timer. A
 * dup2() over the old number would not do: what a loop had registered is lost by it. */
#pragma once
#include <stdbool.h>

struct waker {
    int epoll; /* -1: nobody has asked for it */
    int timer; /* -1: not needed now */
    int fd;    /* the socket that is watched; -1: none */
    bool is_writing;
};

void waker_init(struct waker *w);
void waker_done(struct waker *w);

/* Makes the descriptor. Returns 0 or -errno. */
int waker_open(struct waker *w);

/* Watches `fd`, for room to write too if `is_writing`; -1: none. To be told before `fd` is closed.
 * Returns 0 or -errno. Cheap when nothing has changed. */
int waker_watch(struct waker *w, int fd, bool is_writing);

/* Becomes ready in `seconds`, and stays so; < 0: no more. Returns 0 or -errno. */
int waker_set(struct waker *w, double seconds);

/* In a child of fork, where numbers may belong to other files by now: whether the epoll is still
 * the one that watches `fd`. */
bool waker_holds(const struct waker *w, int fd);
