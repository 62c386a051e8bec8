/* state.h — what the daemon must still know after its own death: one file with a record for each
 * living socket and the ledger's totals, mapped into memory.
 *
 * A change is committed whole: whatever instruction the daemon dies at, the file holds the state
 * before it or the state after it. Only single words are changed in place. That holds for the death
 * of the process; a machine that stops takes the sockets along, and then the file says which.
 *
 * Knows nothing of handles, sessions or the service manager. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"

enum { STATE_ENDINGS = 5, STATE_SUSPICIONS = 4, STATE_CHANGES = 10, STATE_TOKEN_BYTES = 16 };

/* How many sockets were ever opened, and how many of them ended each way. */
struct tally {
    int64_t n_opened, n_live, n_ended[STATE_ENDINGS];
    int64_t n_suspected, n_cleared;
    int64_t n_sent, n_received; /* bytes */
    int64_t next_handle;
};

/* What a record says in words; each is cut off where there is no room. */
enum record_text {
    RECORD_NAME,
    RECORD_POOL,
    RECORD_LABEL,
    RECORD_SITE,
    RECORD_EXE,
    RECORD_OWNER_LABEL,
    RECORD_REASON, /* why it is lost */
    N_RECORD_TEXTS
};

/* One living socket, or one that was lost, which later daemons go on telling. Plain data; a later
 * build's further members take from what is reserved, which is zero in a file of this one. */
struct record {
    int64_t id; /* 0: free */
    int64_t cookie, inode;
    int64_t opened, last_used; /* real microseconds */
    int64_t n_sent, n_received;
    int64_t lease_usec;
    int64_t expires;        /* monotonic microseconds; 0: not while a session holds it */
    int64_t opener, holder; /* sessions; holder 0: none */
    int64_t uid, gid, pid;  /* of the opener */
    int64_t holder_uid;
    unsigned char token[STATE_TOKEN_BYTES];    /* of the holder; all zero: it cannot come back */
    int64_t timeout_usec, holder_timeout_usec; /* the handle's, and its holder's default */
    int64_t suspected[STATE_SUSPICIONS];       /* real microseconds */
    struct {
        int64_t state, at;
    } changes[STATE_CHANGES];
    int32_t n_changes, state;
    int32_t family, type;
    uint8_t has_timeout, has_holder_timeout, is_read_shut, is_kept, inherited, must_survive,
        custody;
    struct wire_sockaddr address, peer; /* length 0: never known */
    uint64_t ahead;  /* bytes read ahead: from where, to where, in which half (state.c) */
    int64_t started; /* the opener's process: real microseconds; 0: unknown */
    int64_t ended;   /* lost at this time, real microseconds; 0: it lives */
    int64_t reserved[2];
    char texts[816];
};

struct state;

/* A new state in `fd`, an empty file (taken, also on failure); -1: in this process's memory alone.
 * NULL with errno. */
struct state *state_new(int fd);
void state_free(struct state *s);

/* A free record's place. Returns 0, or -errno: the file's disk is full, or memory is out. */
int state_take(struct state *s, size_t *ret_slot);

/* Writes the record (NULL: its place is free again) and the totals, all or nothing. */
void state_commit(struct state *s, size_t slot, const struct record *record,
                  const struct tally *tally);

/* The record itself, for changes of one word. Good as long as its place is taken. */
struct record *state_record(struct state *s, size_t slot);

/* Writes the totals alone: for the start, when nobody reads the file yet. */
void state_begin(struct state *s, const struct tally *tally);

/* Bytes that went through some socket since the last commit. */
void state_note_bytes(struct state *s, const struct tally *tally);

/* The number that the next session gets. */
void state_note_session(struct state *s, int64_t next_session);

/* Keeps what a socket has read ahead, n bytes, at most STATE_AHEAD_BYTES; and of all sockets no
 * more than STATE_AHEAD_MOST, for others need the file's disk too. n_gone: how many bytes at the
 * front have left since the last call; what is kept already is not written again. Returns 0, or
 * -errno: then nothing is kept, for bytes that are given twice are worse than bytes that are lost.
 * Does nothing for a state in memory. */
#define STATE_AHEAD_BYTES ((size_t)2 << 20)
#define STATE_AHEAD_MOST  ((size_t)64 << 20)
int state_keep_ahead(struct state *s, size_t slot, const void *data, size_t n, size_t n_gone);

/* -- what a daemon before has left -- */

struct remains {
    struct tally tally;
    int64_t next_session;
    bool is_of_this_boot;   /* else no socket can have been left */
    bool is_whole;          /* nothing of it was damaged: what is not there was not there */
    size_t n_ended;         /* of the records: sockets that are lost */
    struct record *records; /* those in use; owned */
    size_t *slots;          /* and their places, for remains_ahead; owned */
    size_t n;
};

/* Reads a state; the file stays as it is. Returns 0, or -errno: -ENODATA when it is empty, -EPROTO
 * when it is no state of a version that this build knows. */
int remains_read(int fd, struct remains *ret);
void remains_done(struct remains *r);

/* What the i-th had read ahead into `to`, which holds STATE_AHEAD_BYTES. Returns the number of
 * bytes or -errno. */
ssize_t remains_ahead(const struct remains *r, int fd, size_t i, void *to);

/* -- texts -- */

/* Packs them (NULL: none) into the record; and one of them, NULL where there was none. */
void record_set_texts(struct record *record, const char *const texts[N_RECORD_TEXTS]);
const char *record_text(const struct record *record, enum record_text which);
