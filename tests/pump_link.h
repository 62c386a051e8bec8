/* pump_link.h — a stream to try: a peer, the net that is connected to it, and the client's end, all
 * in this process. What is waited for is waited for at most ten seconds.
 *
 * The net's own flags are those of a blocking socket, which nobody may rely on or wait for. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/pump.h"

enum link_net { LINK_TCP, LINK_UNIX, LINK_UDP, LINK_SEQPACKET };

struct link {
    struct pump_stream *stream;
    int peer, net, client; /* -1: closed */
};

/* Two sockets that are connected to each other, with small buffers. */
void link_pair(enum link_net kind, int *ret_peer, int *ret_net);

/* A stream over such a pair; its `user` is the link. */
void link_open(struct pump *p, struct link *link, enum link_net kind);

/* The same with a net that nobody else has and that does not block: the pump may splice from it if
 * it is TCP. */
void link_open_spliced(struct pump *p, struct link *link, enum link_net kind);

/* The same with a net of the caller's. */
void link_open_net(struct pump *p, struct link *link, const struct pump_request *request);

/* Closes what is still open of it. */
void link_close(struct link *link);

/* Closes one fd and forgets it. */
void link_drop(int *fd);

/* Closes it so that TCP's peer gets a reset. */
void link_break(int *fd);

/* Waits for the next stream that ends. */
struct pump_end link_await_end(struct pump *p);

/* Waits until fd is readable, or has one of these events. */
void link_await(int fd, int events);

void link_put(int fd, const char *text);
void link_expect(int fd, const char *text);

/* What the next read says: 0 at the end, or errno. */
int link_read_end(int fd);

/* The bytes of a long text that differ from place to place. */
char link_byte(size_t at);

/* Sends from byte `from` on until nobody takes more for a while, or `limit` bytes went. Returns how
 * many. */
size_t link_fill(int fd, size_t from, size_t limit);

/* Reads the long text up to its end or an error, which becomes *ret_end (0: the end). Returns how
 * many bytes came. */
size_t link_drain(int fd, size_t from, int *ret_end);
