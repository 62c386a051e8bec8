/* upload.h — a part of a file into a handle, shown as it goes: through the handle's stream if the
 * connection is ours, or where the pool does not allow that, the daemon reads it itself.
 *
 * Whatever fails is told to the user here, with how far it came. */
#pragma once
#include <stdint.h>

#include "client/command.h"

struct upload {
    berth_handle h;
    bool is_ours;          /* the connection was made for this, and ends with the file */
    double timeout;        /* seconds in which nothing moves; BERTH_FOREVER */
    const char *path;      /* for messages */
    int fd;                /* of the file; borrowed */
    int64_t offset, count; /* of it */
    bool is_quiet;         /* no progress is shown */
    int64_t n_sent;        /* so far; 0 at first, as the next */
    uint64_t n_acked;      /* when it was asked last */
    int file_error;        /* an errno, if the file could not be read */
};

/* Sends it; if the connection is ours, ends that and waits until the peer has ended too. Blocks.
 * Returns an exit status. */
int upload_run(struct cli *cli, struct upload *u);
