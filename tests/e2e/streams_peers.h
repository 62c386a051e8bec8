/* streams_peers.h — programs of others at the far end of a stream: iperf3, curl, OpenSSL's server,
 * nginx. What is not installed is said and left out. */
#pragma once

void streams_peers(void);
