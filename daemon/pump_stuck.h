/* pump_stuck.h — asks the kernel whether somebody who writes to a Unix socket waits for room that
 * will not come by itself.
 *
 * A writer is woken when what it wrote and nobody has read takes at most a quarter of its send
 * buffer, counted in whole pieces. The byte that a stream keeps (pump_client.h) can be the last of
 * a piece larger than that, where a client has made its buffer small. Only sock_diag(7) tells. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A netlink socket for the questions, or -1: then nobody is ever stuck. */
int pump_stuck_open(void);

/* The name of a Unix socket: its inode. 0: unknown. */
uint32_t pump_stuck_name(int fd);

/* Whether the socket of that name waits so. Does not block. */
bool pump_stuck_ask(int netlink_fd, uint32_t name);
