/* state_inside.h — how the state lies in its file: what is known to who writes it and to who reads
 * what was left. */
#pragma once
#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "state.h"

/* The file: a header, records in chunks that are mapped one by one as they are needed, and far
 * behind them two halves for each record with what its socket has read ahead. The parts that are
 * not written take no room. */
enum { HEADER_BYTES = 8192, RECORD_BYTES = 1536, CHUNK_RECORDS = 64, VERSION = 1 };
#define MAGIC         INT64_C(0x3148545245420a1a)
#define CHUNK_BYTES   ((size_t)CHUNK_RECORDS * RECORD_BYTES)
#define AHEAD_START   (INT64_C(1) << 33)
#define MOST_SLOTS    ((size_t)1 << 22)

/* Where the bytes read ahead stand, in one word: from START to END of one half. */
#define AHEAD_HALF    (UINT64_C(1) << 63)
#define AHEAD_START_1 (UINT64_C(1) << 32)

_Static_assert(sizeof(struct record) <= RECORD_BYTES, "a record fits into its place");

/* A change that is being made: once it stands here whole, it is made, also by who comes after. */
struct redo {
    int64_t is_valid;
    int64_t slot;
    struct record record;
    struct tally tally;
};

struct header {
    int64_t magic, version;
    int64_t n_record_bytes; /* of a record, for the build that wrote it */
    int64_t n_slots;        /* places that were ever taken */
    sd_id128_t boot;
    int64_t next_session;
    struct tally tally;
    struct redo redo;
};
_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header fits");

/* Where the record's socket has its bytes that were read ahead; and where such a half begins. */
struct ahead {
    bool is_second; /* half */
    size_t start, end;
};

struct ahead state_ahead_of(const struct record *record);
off_t state_ahead_at(size_t slot, bool is_second);
