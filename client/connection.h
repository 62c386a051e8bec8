/* connection.h — finding the daemon's socket and connecting to it. Knows nothing of what is said
 * there. */
#pragma once

/* The path of the daemon's socket: `path` itself when not NULL, else as the contract says
 * ($BERTH_SOCKET, the system's, the user's). The result is `path`, static, or of the environment.
 */
const char *connection_path(const char *path);

/* Connects. Waits up to 5 seconds while the daemon's backlog is full. Returns the descriptor,
 * blocking no more and close-on-exec, or -errno (EAGAIN: the backlog stayed full). */
int connection_open(const char *path);

/* The same without waiting: a full backlog is -EAGAIN. */
int connection_try(const char *path);

/* What to do about an error of connection_open, or NULL. */
const char *connection_hint(int sys_errno);
