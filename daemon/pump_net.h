/* pump_net.h — the net end of a stream: what the pump asks of it, and the plain kernel socket's
 * answers. TLS is another set of answers to the same questions.
 *
 * None blocks, whatever flags the socket has. While a stream lives all of them are called by one
 * thread only, the stream's, and nobody else may touch `state`. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pump_net;

/* read and write and their kind say -EAGAIN when they would block, and then in *wants what they
 * wait for, POLLIN or POLLOUT: with TLS a read may wait until it can write. The pump calls again
 * when the socket has become so. */
struct pump_net_ops {
    bool is_packets;   /* one read is one packet, and so is one write */
    bool is_endless;   /* no peer ever says that it is done, as with datagrams */
    bool reads_short;  /* a read that fills less than its room has left nothing behind, as long as
                          nothing urgent came */
    bool says_end;     /* `shut` says more than the socket's own end does, so that a peer can tell
                          who is done from who was cut off */
    bool has_no_reset; /* nobody can be told one; what was sent before arrives all the same */

    /* Up to n bytes, or one packet (0: an empty one). -ENODATA: the peer said that it is done.
     * Other errors: no more will ever come. */
    ssize_t (*read)(struct pump_net *net, void *data, size_t n, unsigned *wants);

    /* Returns how much was taken; at least one byte, packets whole. -EPIPE: the peer takes no more,
     * but what it sent before it said that it was done can still be read. Other errors: also
     * reading has failed, behind what had arrived before; of an endless net they mean that this
     * packet is lost, and no more. */
    ssize_t (*write)(struct pump_net *net, const void *data, size_t n, unsigned *wants);

    /* Passes on what `write` has taken and still holds. Returns 0 when there is nothing left, or as
     * `write`. NULL: it holds nothing. */
    int (*flush)(struct pump_net *net, unsigned *wants);

    /* Tells the peer that we are done. Returns 0 or -EAGAIN. */
    int (*shut)(struct pump_net *net, unsigned *wants);

    /* Tells the peer that the connection is broken, where there is a way to. */
    void (*reset)(struct pump_net *net);
};

struct pump_net {
    const struct pump_net_ops *ops;
    int fd;      /* the socket whose readiness is waited for; borrowed */
    void *state; /* the ops' own; borrowed */

    /* It is a plain byte stream and O_NONBLOCK, and nobody else has a copy and could change that:
     * so splice(2) can be used, which obeys nothing else. Never a Unix socket: what descriptors
     * come along splice(2) closes, and waits for them (unix_recv.h). */
    bool may_splice;
};

/* The net that a connected kernel socket is. `is_shared`: others may have copies of it. */
struct pump_net pump_net_plain(int fd, bool is_shared);
