/* discard.h — gets rid of descriptors that somebody else has sent, without waiting. close(2) can
 * wait for as long as the sender likes: for a socket's linger time (socket(7)), and for the server
 * of a file system that is to write out a file of it (FUSE, NFS), where not even a signal helps. */
#pragma once
#include <stdbool.h>

/* Closes fd, now or soon: a file that is not on a disk of this machine is closed by a thread. For a
 * socket SO_LINGER is switched off before. -1 is fine. Any thread may call. */
void discard_fd(int fd);

/* The same for a connection whose unread messages may hold thousands of descriptors: closing it
 * takes that long, so a thread does it. */
void discard_flooded(int fd);

/* Whether so many files wait to be closed that no more should be taken. */
bool discard_is_full(void);
