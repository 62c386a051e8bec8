/* settle.h — the end of a stream, as the daemon knows it: whether all went out, and why not.
 * Whatever fails is told to the user here. */
#pragma once
#include "client/command.h"

/* Waits until the stream of the handle is over and all that was written to it has gone out; at most
 * `timeout` seconds, or BERTH_FOREVER. An exit status. */
int settle_wait(struct cli *cli, berth_handle h, double timeout);

/* As berth_stream, of a datagram socket whose end settle_wait_packets is to tell. */
int settle_stream_packets(struct cli *cli, berth_handle h);

/* The same as settle_wait for a stream of packets, whose descriptor is closed: nothing else ends
 * it. Fails too when one of them was refused. */
int settle_wait_packets(struct cli *cli, berth_handle h, double timeout);

/* The stream has failed: whether the daemon knows more than its errno, which then is the session's
 * last error. */
bool settle_knows_why(struct cli *cli, berth_handle h);

/* The stream has failed with this errno; the daemon may know more. Returns EXIT_FAILED. */
int settle_tell_reset(struct cli *cli, berth_handle h, int error);
