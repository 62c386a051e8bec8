/* wait.h — requests that wait: in order per socket and lane, until the socket is ready, a time has
 * come or somebody calls them off. A request that waits holds a ticket; when the ticket comes up,
 * the same attempt is made again.
 *
 * A point is a kernel socket that can be waited on. All points share one epoll, which is nested in
 * the event loop as a single descriptor: one wake-up collects every socket that is ready, and the
 * loop's cost does not grow with the number of sockets. Points are armed for one shot, and only
 * while somebody waits, so traffic on a socket that nobody reads wakes nobody. Events carry the
 * point's number, never its fd: a number is not used again, a descriptor is.
 *
 * Knows nothing of clients, methods or handles. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define HASH_NONFATAL_OOM 1 /* who adds looks whether it came in */
#include <uthash.h>

#include "heap.h"

/* Lanes are numbered as the bits of proto's lane_mask; POLL is the one that is no queue. */
enum { WAIT_READ, WAIT_WRITE, WAIT_STATE, WAIT_POLL, WAIT_N_LANES };

struct link {
    struct ticket *ticket;
    struct point *point;
    int lane;
    uint32_t events; /* EPOLLIN, EPOLLOUT: what would help; 0: nothing the socket does */
    struct link *prev, *next;
};

struct point {
    int fd; /* borrowed */
    uint64_t id;
    bool is_added;    /* to the epoll */
    uint32_t armed;   /* events that would wake */
    uint32_t watched; /* events to be told of though nobody waits; once */
    uint32_t news;    /* and what came of it, until wait_next_news */
    struct point *news_prev, *news_next;
    struct link *lanes[WAIT_N_LANES];
    UT_hash_handle hh;
};

struct ticket {
    struct link own[3], *links; /* links: own, or an array that the owner of the ticket keeps */
    int n_links;
    struct heap_item timer;
    bool is_waiting;
    bool is_runnable;
    bool is_parked; /* its owner must not be worked for; the next in the lane goes first */
    struct ticket *prev, *next; /* in the list of the runnable */
};

struct wait;

/* NULL when memory or descriptors are out (errno). */
struct wait *wait_new(void);
void wait_free(struct wait *w);

/* Readable when wait_collect has something to collect. */
int wait_fd(const struct wait *w);

/* A socket that can be waited on (0 or -ENOMEM), and no more. Removing makes every ticket that
 * waits on it runnable (its links are gone then), and takes the fd out of the epoll; only after
 * that may the fd be closed. */
int wait_add_point(struct wait *w, struct point *p, int fd);
void wait_remove_point(struct wait *w, struct point *p);

/* Whether nobody waits in the lanes (a lane_mask) of this point, or only those who are parked. */
bool wait_is_free(const struct point *p, unsigned lanes);

/* Whether the ticket's turn has come in all its lanes: a ticket also comes up when its time has
 * passed. */
bool wait_is_first(const struct ticket *t);

/* Lets the ticket wait in the lanes of the point (NULL: on nothing but time or wait_wake), behind
 * those already there. Returns 0 or -errno. A ticket that waits already stays where it is. `events`
 * is what would help. */
int wait_enter(struct wait *w, struct ticket *t, struct point *p, unsigned lanes, uint32_t events);

/* Lets the ticket wait on several points at once, in no queue: links[i].point and .events are set
 * by the caller, who keeps the array until wait_leave. Returns 0 or -errno. */
int wait_enter_poll(struct wait *w, struct ticket *t, struct link *links, int n_links);

/* The ticket comes up at this time at the latest (monotonic microseconds). Returns 0 or -ENOMEM. */
int wait_until(struct wait *w, struct ticket *t, int64_t usec);

/* Everyone who waits on the point comes up, though the kernel may say nothing: a shutdown(2) of our
 * own. */
void wait_wake_all(struct wait *w, struct point *p);

/* The ticket comes up now. */
void wait_wake(struct wait *w, struct ticket *t);

/* Holds the ticket back, or no longer. */
void wait_park(struct wait *w, struct ticket *t, bool park);

/* Tells once, by wait_next_news, when one of the events comes, whether somebody waits or not.
 * EPOLLIN and EPOLLRDHUP replace what of them was watched before, and are told of together;
 * EPOLLOUT is a watch of its own. Returns 0 or -errno. */
int wait_watch(struct wait *w, struct point *p, uint32_t events);

/* The next point with news, and the events that came; NULL: there is none. */
struct point *wait_next_news(struct wait *w, uint32_t *ret_events);

/* Whether anybody waits on the point, in whatever lane. */
bool wait_is_waited_for(const struct point *p);

/* Ends the waiting; whoever is next in its lanes comes up. Harmless for a ticket that does not
 * wait. */
void wait_leave(struct wait *w, struct ticket *t);

/* Takes in what the kernel says, without blocking. */
void wait_collect(struct wait *w);

/* Makes the tickets runnable whose time has come. */
void wait_expire(struct wait *w, int64_t now_usec);

/* When the next ticket's time comes; INT64_MAX: never. */
int64_t wait_next_time(const struct wait *w);

/* Whether wait_next has one. */
bool wait_has_next(const struct wait *w);

/* The next ticket to be tried again, or NULL. It stays in its lanes; a ticket that must wait on
 * says so by wait_enter, one that is done leaves. */
struct ticket *wait_next(struct wait *w);
