/* script.h — a session file: what is sent to the daemon and what must come back, line by line.
 *
 *   > TEXT         sends TEXT and a newline; $name in it becomes what the name is bound to; $place1
 *                  to $place5 are abstract Unix addresses of this run alone
 *   >raw TEXT      sends TEXT without a newline; \r \n \t \\ and \xHH are bytes
 *   >fill N TEXT   sends TEXT N times, without a newline
 *   >fds N TEXT    sends TEXT and a newline with N descriptors, each the session file itself
 *   >eof           half-closes: there are no more requests
 *   >close         closes at once, as a client that dies
 *   < JSON         the next reply must match (match.h)
 *   <| JSON        a run of such lines: these replies in any order
 *   <eof           the daemon must have closed, with nothing left to read
 *   # TEXT         a comment
 *   #interactive   the file cannot be piped in whole
 *   #needs ipv6    the file is passed over where ::1 does not exist
 *
 * A digit before < or > names another session ("2> ..."); without one it is session 1. In the end
 * every session that is still open is half-closed, and must then end without another reply. Every
 * reply must be a JSON-RPC 2.0 reply with berth's error data, whatever is expected of it. */
#pragma once
#include <stdbool.h>

#include "real.h"

struct script;

/* Reads the file. NULL after saying why on standard error. */
struct script *script_load(const char *path);
void script_free(struct script *s);

/* Whether this machine has what the file needs. */
bool script_can_be_run(const struct script *s);

/* Runs it against the daemon, which outlives it. `silent`: does not print the difference. Returns 0
 * when all was as expected, 1 when a reply was not, -1 when the file or the connection is broken.
 */
int script_run(struct script *s, const struct real *real, bool silent);

/* Whether all its requests are known beforehand, so that they can be piped in at once. */
bool script_can_be_piped(const struct script *s);

/* The same with one session, whose requests go through a real socat in one piece. */
int script_run_piped(struct script *s, const struct real *real);
