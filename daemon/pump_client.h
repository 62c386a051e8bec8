/* pump_client.h — the client's end of a stream: our half of a socketpair, and how a reset is told
 * through one.
 *
 * A Unix socket tells its peer a reset when it is closed with something unread in it, and there is
 * no other way. So of a byte stream the last byte that was read stays in the socket, and is passed
 * over by the next read; at the beginning it is one that we put there. A daemon that dies is
 * seen as a reset, too. Of packets nothing stays, and their end is always the plain one.
 *
 * What stays may hold its writer up (pump_stuck.h). Then it is let go, and a reset that comes
 * before the client writes again looks like the end to it.
 *
 * Results are a count or -errno; nothing blocks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pump_client {
    int fd; /* ours; -1: closed */
    bool is_packets;
    bool keeps;      /* the first byte in it has been read already */
    bool keeps_much; /* and may be the last of a large piece */
    bool was_reset;  /* it closed with something unread, as a read has said */
    bool has_more;   /* the last read has left something behind, or so it seems */
};

/* Makes the pair: ours, and the one to give away, which blocks, as a new socket does. Returns 0 or
 * -errno. */
int pump_client_open(struct pump_client *c, bool is_packets, int *ret_theirs);

/* No larger packet goes into `theirs` than into the net: whoever sends it is told so at once. */
void pump_client_fit(int theirs, int net_fd);

/* Up to n bytes, n > 0, or one packet (0: an empty one; n: it may have been cut). -ENODATA: the
 * client is done; bytes can not tell that by themselves, so it takes a client `is_done` that poll
 * has said so of before. */
ssize_t pump_client_read(struct pump_client *c, void *data, size_t n, bool is_done);

/* Lets go of the byte that is kept, if there is nothing behind it. */
void pump_client_let_go(struct pump_client *c);

/* Returns how much was taken. -EPIPE: the client reads no more. Room for a large packet is made. */
ssize_t pump_client_write(struct pump_client *c, const void *data, size_t n);

/* No more will come from us; no more is taken from the client: its writes fail with EPIPE. */
void pump_client_shut(struct pump_client *c);
void pump_client_deafen(struct pump_client *c);

/* Closes our half. What the client has not read yet it still gets, and then the end or a reset. */
void pump_client_finish(struct pump_client *c);
void pump_client_reset(struct pump_client *c);
