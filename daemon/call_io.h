/* call_io.h — how a call reads from and writes to its handle, whether TLS is between or not. */
#pragma once
#include "call.h"

/* Whether the call may use the handle's bytes: no stream has them, no handshake is half-way.
 * Returns 0 or ERROR_HANDLE, ERROR_TLS. */
int call_check_bytes(struct call *c);

/* Whether no stream has the handle's bytes. Returns 0 or ERROR_HANDLE. */
int call_check_stream(struct call *c);

/* Whether the kernel's socket and the handle's bytes are one: neither a stream nor TLS is between.
 * Returns 0 or ERROR_HANDLE. */
int call_check_bare(struct call *c);

/* One attempt to read; *ret is the number of bytes (0: the end) or -errno. Returns 0, or an error
 * that is the client's. */
int call_recv(struct call *c, void *data, size_t n, int flags, ssize_t *ret);

/* One attempt to write; *ret is what was taken, or -errno. `as`: see socket_send. Same. */
int call_send(struct call *c, const void *data, size_t n, int flags, const struct ucred *as,
              ssize_t *ret);

/* Passes on what TLS still holds. Returns 0, LATER or an error. */
int call_flush(struct call *c, const char *what);

/* Makes the streams' pump where there has been none. Returns 0, or -1 and errno. */
int call_start_streams(struct call *c);

/* Before a close: what TLS still holds goes out behind it, as a plain socket's last bytes do. */
void call_leave_tail(struct call *c);

/* What to wait for when an attempt would block: EPOLLIN, EPOLLOUT or both. */
unsigned call_recv_events(const struct call *c);
unsigned call_send_events(const struct call *c);
