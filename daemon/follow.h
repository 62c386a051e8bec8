/* follow.h — what the kernel knows of a socket that this process has no descriptor of: found by its
 * cookie through sock_diag(7), for TCP, UDP and Unix sockets.
 *
 * Stands on netlink alone; knows no handles. Nothing here waits: the kernel answers a question
 * while it is asked. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "proto/wire.h"

struct follow;

/* Where to look. The addresses (or NULL) are the last known: with them the kernel finds an internet
 * socket at once. */
struct follow_target {
    int family, type, protocol; /* the kernel's numbers */
    int64_t cookie, inode;
    int64_t netns; /* the network namespace's own cookie (SO_NETNS_COOKIE); 0: it is not known */
    const struct wire_sockaddr *address, *peer;
    bool is_in_table; /* the kernel has told of it before: if it does not now, that means something
                       */
};

enum followed_state {
    FOLLOWED_UNKNOWN,
    FOLLOWED_BOUND, /* or not even that */
    FOLLOWED_LISTENING,
    FOLLOWED_CONNECTING,
    FOLLOWED_CONNECTED,
    FOLLOWED_HALF_CLOSED
};

struct followed {
    enum followed_state state;
    struct wire_sockaddr address, peer; /* length 0: not told */
    bool is_over; /* not bound alone: it was connected or connecting, and that has come to an end */
    bool has_counts;
    int64_t n_sent, n_received; /* bytes of data, each counted once */
};

/* NULL when memory is out. Where the kernel or the service's confinement has no sock_diag, nothing
 * is ever found out. follow_free(NULL) is fine. */
struct follow *follow_new(void);
void follow_free(struct follow *f);

/* Asks. Returns 1 with *ret when the kernel has the socket and somebody holds it; 0 when nobody
 * does any more; -ENOENT when it stands in no table where it stood before: it has died, or is not
 * connected any more; -ENODATA when the kernel does not tell: of a socket of another network
 * namespace or an unusual protocol, of one that is neither bound nor connected, and of others where
 * the tables are long. Who is not found by its addresses is looked up in the table of its kind,
 * which is read once and serves for all until follow_forget. */
int follow_ask(struct follow *f, const struct follow_target *target, struct followed *ret);

/* What has been read of tables is old: to be called after each turn of the loop. */
void follow_forget(struct follow *f);

/* The cookie of the network namespace that a socket belongs to; 0 where the kernel has none. */
int64_t follow_netns(int fd);

/* The state and counts of a TCP socket that is at hand. False where there are none. */
bool follow_at_hand(int fd, struct followed *ret);

/* Whether deaths are to be told. It is no more than a wish: the kernel may refuse it, or have more
 * to tell than there is room for. */
void follow_listen(struct follow *f, bool on);

/* Since when every death of such a socket has been told: a number that changes whenever one may
 * have been missed; 0: they are not told. So a socket that was alive when this was n has not died,
 * unless that was told, for as long as it is n. */
int64_t follow_told_since(const struct follow *f, const struct follow_target *target);

/* The next socket that has died: its cookie, and its last counts. False: no more for now. It is the
 * whole machine's (of this network namespace) that are told. */
bool follow_next_death(struct follow *f, int64_t *ret_cookie, struct followed *ret);

/* Becomes readable when there are deaths; -1: it never does. */
int follow_fd(const struct follow *f);
