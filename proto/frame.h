/* frame.h — a stream socket as lines with their descriptors: bounded both ways, never blocking.
 * Used by both ends. Bytes and descriptors travel in rings of their own, because the kernel glues
 * messages together: a descriptor belongs to the message that says so, not to the read that brought
 * it.
 *
 * Knows nothing of JSON. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "limits.h"

struct frame_fd_out {
    int fd;
    size_t at; /* goes out with the byte at this position of all bytes ever sent */
};

struct frame {
    int fd; /* owned */
    size_t n_max_line;
    struct buf in, out;
    size_t n_scanned; /* bytes of `in` that are known to hold no newline */
    bool discarding;  /* inside a line that was too long */
    bool eof;         /* the other side will send no more */
    bool is_drained;  /* the last read took all there was, so that another now would be in vain */
    bool
        takes_losses; /* set by its owner: a descriptor that could not be received, for this process
                         has no room for it, is no end: it stands as -1 among those received */
    bool takes_no_fds; /* set by its owner: the kernel is to drop what comes, as if it had been lost
                        */
    void (*discard)(int fd); /* set by its owner: gets rid of what nobody takes; NULL: close(2) */
    bool fds_broken;         /* descriptors were truncated, or more came than may queue */
    int fds_in[64];          /* received and not yet taken: a FIFO */
    int n_fds_in;
    struct frame_fd_out *fds_out; /* to be sent: a FIFO; owned until sent */
    int n_fds_out, n_fds_out_room;
    size_t n_flushed;                  /* bytes ever sent */
    size_t n_sends;                    /* sendmsg(2) that went out */
    size_t fds_sent[LIMIT_FDS_UNREAD]; /* with which of them the last went: they may be unread */
    int n_fds_sent;
};

/* Takes the connected socket `fd`, which must not block. n_max_line: bytes of the longest line. */
void frame_init(struct frame *f, int fd, size_t n_max_line);

/* Closes the socket and every descriptor still held; gives the memory back. */
void frame_done(struct frame *f);

/* Reads once what the socket has. Returns bytes (> 0), 0 at the end (`eof` is set), -EAGAIN when
 * there is nothing now, other -errno when the connection is broken. */
int frame_read(struct frame *f);

/* Reads and throws away what has come, a bounded amount of it: a socket that is closed with unread
 * bytes resets the other side, which then may lose what was sent to it (unix(7), tcp(7)). Returns
 * whether there may be more. */
bool frame_drain(struct frame *f);

/* Gives the socket away: it is the caller's to close. */
int frame_take_socket(struct frame *f);

/* The next line, without its newline and a carriage return before it; empty lines are passed over.
 * It stays valid until the next call on this frame. After `eof` an unfinished last line counts as a
 * line. Returns 1 with *ret_line and *ret_n, 0 when no whole line is there, -EMSGSIZE once for each
 * line that is too long (it is discarded). */
int frame_next(struct frame *f, const char **ret_line, size_t *ret_n);

/* Whether unread bytes wait that frame_next has not given out. */
bool frame_has_input(const struct frame *f);

/* Takes the oldest received descriptor; -1 when there is none, or it was lost. The caller owns it.
 */
int frame_take_fd(struct frame *f);

/* Where to append what is to be sent; whole lines with their newline. */
struct buf *frame_out(struct frame *f);

/* Sends `fd` (taken, also on failure) with the first byte of the line that is appended next.
 * Returns 0 or -ENOMEM. */
int frame_give_fd(struct frame *f, int fd);

/* Closes the descriptor that was given last, of a line that did not come about; nothing has been
 * sent since. */
void frame_take_back_fd(struct frame *f);

/* Drops all that waits to be sent, for a connection that will send no more. */
void frame_drop(struct frame *f);

/* How many descriptors wait to be sent, or were sent and may be unread: never too few, and exact
 * when the other side has read everything. At most the last LIMIT_FDS_UNREAD that were sent count.
 */
int frame_fds_unread(struct frame *f);

/* Sends what the socket takes. Returns 0 when all went out, -EAGAIN when some is left,
 * -ETOOMANYREFS when a descriptor has to wait until others of this user have been read somewhere
 * (unix(7)): it stays in its place, but no event tells when; other -errno when the connection is
 * broken. Never raises SIGPIPE. */
int frame_flush(struct frame *f);

/* Bytes that wait to be sent. */
size_t frame_pending(const struct frame *f);
