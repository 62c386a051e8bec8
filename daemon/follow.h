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
    const struct wire_sockaddr *address, *peer;
    bool is_in_table; /* it listened or was connected, or is UDP with a port: the kernel had it in a
                         table, and if it is not there now it is over */
};

enum followed_state {
    FOLLOWED_UNKNOWN,
    FOLLOWED_BOUND,
    FOLLOWED_LISTENING,
    FOLLOWED_CONNECTING,
    FOLLOWED_CONNECTED,
    FOLLOWED_HALF_CLOSED
};

struct followed {
    enum followed_state state;
    struct wire_sockaddr address, peer; /* length 0: not told */
    bool has_counts;
    int64_t n_sent, n_received; /* bytes of data, each counted once */
};

/* NULL when memory is out. Where the kernel or the service's confinement has no sock_diag, nothing
 * is ever found out. follow_free(NULL) is fine. */
struct follow *follow_new(void);
void follow_free(struct follow *f);

/* Asks. Returns 1 with *ret when the kernel has the socket and somebody holds it; 0 when it has it
 * no more; -ENODATA when it does not tell: a socket that is neither bound nor connected stands in
 * no table, others only in long ones, of which no more than a few are looked through at each time
 * `now` (any clock). */
int follow_ask(struct follow *f, const struct follow_target *target, int64_t now,
               struct followed *ret);

/* The counts of a TCP socket that is at hand. False where there are none. */
bool follow_count(int fd, struct followed *ret);

/* Whether deaths are to be told. It is no more than a wish: the kernel may refuse it, or have more
 * to tell than there is room for. */
void follow_listen(struct follow *f, bool on);

/* The next socket that has died: its cookie, and its last counts. False: no more for now. It is the
 * whole machine's (of this network namespace) that are told. */
bool follow_next_death(struct follow *f, int64_t *ret_cookie, struct followed *ret);

/* Becomes readable when there are deaths; -1: it never does. */
int follow_fd(const struct follow *f);
