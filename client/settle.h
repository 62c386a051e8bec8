/* settle.h — the end of a stream, as the daemon knows it: whether all went out, and why not.
 * Whatever fails is told to the user here. */
#pragma once
#include "client/command.h"

/* Waits until the stream of the handle is over and all that was written to it has gone out; at most
 * `timeout` seconds, or BERTH_FOREVER. An exit status. */
int settle_wait(struct cli *cli, berth_handle h, double timeout);

/* The same for a stream of packets, whose descriptor is closed: nothing else ends it. */
int settle_wait_packets(struct cli *cli, berth_handle h, double timeout);

/* The stream has failed with this errno; the daemon may know more. Returns EXIT_FAILED. */
int settle_tell_reset(struct cli *cli, berth_handle h, int error);
