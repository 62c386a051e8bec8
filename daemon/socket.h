/* socket.h — one attempt of one system call on one kernel socket. Nothing here blocks, waits or
 * tries again: a call that would block says -EAGAIN. Every socket is made O_NONBLOCK and O_CLOEXEC;
 * SIGPIPE never comes.
 *
 * Knows no handles and no clients. Results are 0 (or a count) and -errno. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "proto/wire.h"

/* socket(2), socketpair(2). Return the fd or 0. */
int socket_open(int family, int type, int protocol);
int socket_open_pair(int type, int ret_fds[2]);

/* Closes without lingering: a socket with SO_LINGER would hold the caller up for its whole linger
 * time, also when it is non-blocking; the kernel sends what is left in the background instead. A
 * linger of 0 s keeps its meaning (reset). */
void socket_close(int fd);

/* Whether it listens (SO_ACCEPTCONN). */
bool socket_is_listening(int fd);

/* Before closing a socket of which there are copies: its peer is told the end now (shutdown(2)),
 * and nobody else's close will linger. */
void socket_abandon(int fd);

/* What the kernel knows a socket by. What it does not tell becomes 0. */
void socket_identify(int fd, int *ret_family, int *ret_type);
int64_t socket_cookie(int fd);
int64_t socket_inode(int fd);

int socket_bind(int fd, const struct wire_sockaddr *address);

/* Connections that may queue where nobody says how many: Python's default. */
enum { SOCKET_BACKLOG = 128 };

/* listen(2); returns the backlog in force: the kernel clamps it to net.core.somaxconn. */
int socket_listen(int fd, int64_t backlog);

/* accept4(2). Returns the new fd. Errors of a connection that died in the queue are passed over
 * (accept(2), "Error handling"), a bounded number of times. */
int socket_accept(int fd, struct wire_sockaddr *ret_peer);

/* connect(2): -EINPROGRESS when it goes on; then socket_connect_end with the same address tells
 * what became of it: 0, -EALREADY while it still goes on, or the failure. It asks connect(2) again
 * and not SO_ERROR, for only that ends the kernel's own state of connecting, after which the socket
 * can be used for another attempt. */
int socket_connect(int fd, const struct wire_sockaddr *address);
int socket_connect_end(int fd, const struct wire_sockaddr *address);

/* sendmsg(2), to `address` unless it is NULL. `as` (or NULL, as itself): who a Unix socket's
 * receiver is told to have sent it (unix(7), SCM_CREDENTIALS). */
ssize_t socket_send(int fd, const void *data, size_t n, int flags,
                    const struct wire_sockaddr *address, const struct ucred *as);

/* recvmsg(2): at most n bytes. ret_from (or NULL) gets the sender, ret_length (or NULL) the
 * datagram's true length. Descriptors that a Unix peer sends along are not taken. */
ssize_t socket_recv(int fd, void *data, size_t n, int flags, struct wire_sockaddr *ret_from,
                    size_t *ret_length);

/* The same for a Unix SOCK_SEQPACKET whose peer has shut down: both an empty packet and the end are
 * 0 bytes, but only a packet has a sender (unix(7), SO_PASSCRED). *ret_end: it is the end. */
ssize_t socket_recv_packet(int fd, void *data, size_t n, int flags, bool *ret_end);

int socket_shutdown(int fd, int how);
int socket_set_option(int fd, int level, int number, const void *data, size_t n);

/* getsockopt(2); *n is the room, then the length. */
int socket_get_option(int fd, int level, int number, void *data, size_t *n);

/* Sets options in order; *ret_failed is the index of the one that the kernel refused. */
int socket_set_options(int fd, const struct wire_options *options, size_t *ret_failed);

/* getsockname(2), getpeername(2). */
int socket_name(int fd, struct wire_sockaddr *ret);
int socket_peer(int fd, struct wire_sockaddr *ret);

/* Whether this local address is one: a port that is not 0, or a Unix name. */
bool socket_is_bound(const struct wire_sockaddr *address);

/* A multicast group (MCAST_JOIN_GROUP and its relatives, RFC 3678), source NULL: from any. ifindex
 * 0: the kernel chooses. */
int socket_group(int fd, bool join, const struct wire_sockaddr *group, unsigned ifindex,
                 const struct wire_sockaddr *source);

/* Which of POLLIN, POLLOUT, POLLERR, POLLHUP hold now. */
int socket_poll(int fd, int events);
