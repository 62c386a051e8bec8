/* unix_recv.h — reading a socket whose peer may send descriptors along that nobody asked for
 * (unix(7), SCM_RIGHTS). What a message has no room for is closed by the kernel within the read,
 * and a socket with SO_LINGER among it holds the reader up for its whole linger time. So there is
 * room for as many as a message can carry, and discard gets rid of them.
 *
 * Knows no streams and no handles. Any thread may call. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* recvmsg(2), and never blocks. *ret_is_bare (or NULL): nothing came along, not even who has sent
 * it (SO_PASSCRED). Returns a count or -errno. With MSG_PEEK: those descriptors stay where they
 * are, but will not linger when the socket is closed with them. */
ssize_t unix_recv(int fd, struct iovec *iov, size_t n_iov, int flags, bool *ret_is_bare);

/* The same with one buffer. */
ssize_t unix_recv_bytes(int fd, void *data, size_t n, int flags, bool *ret_is_bare);
