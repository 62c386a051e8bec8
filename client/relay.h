/* relay.h — carries bytes between a stream's descriptor and two others, each direction in a thread
 * of its own, so that who does not read stops only who writes to him.
 *
 * Knows nothing of the daemon and prints nothing. */
#pragma once
#include <stdbool.h>

enum relay_how {
    RELAY_ENDED,     /* both ends have come */
    RELAY_LEFT,      /* the peer's has, and `in` was silent for too long since */
    RELAY_RESET,     /* the stream failed: `error` */
    RELAY_UNSENT,    /* the peer ended before it took all: `error` */
    RELAY_IN_FAILED, /* `in` could not be read, `out` not be written: `error` */
    RELAY_OUT_FAILED,
    RELAY_SILENT, /* nothing came or went for the whole time */
};

struct relay {
    int fd;          /* of berth_stream(); it is shut down for writing in the end */
    int in, out;     /* what comes from the user, and goes to him */
    bool is_packets; /* a read from `in` is a packet, and `in`'s end is no end of the stream */
    int silence_ms;  /* that ends it; -1: none does */
    int linger_ms;   /* the same, of `in`, once the peer has ended */
};

/* Blocks until it is over; to be used once in a program. *ret_error is an errno, or 0. The thread
 * that reads `in` may live on when the result is not RELAY_ENDED: the program is to end then. */
enum relay_how relay_run(const struct relay *r, int *ret_error);
