/* deaths_restart.h — the end of a real berthd by SIGKILL, and the next one on the same path. */
#pragma once
#include "real.h"

/* Kills the daemon and closes the oracle's session. What the daemon left in its directory stays. */
void deaths_restart_kill(struct real *real);

/* Starts another one in its place, waits until it is ready, and opens the oracle's session. Its
 * descriptors are counted anew. Returns 0; on failure says why on standard error and returns -1. */
int deaths_restart_start(struct real *real, const char *berthd);
