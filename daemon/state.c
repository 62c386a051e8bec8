#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "proto/limits.h"

/* The file: a header, records in chunks that are mapped one by one as they are needed, and far
 * behind them two halves for each record with what its socket has read ahead. The parts that are
 * not written take no room. */
enum { HEADER_BYTES = 8192, RECORD_BYTES = 1536, CHUNK_RECORDS = 64, VERSION = 1 };
#define MAGIC       INT64_C(0x3148545245420a1a)
#define CHUNK_BYTES ((size_t)CHUNK_RECORDS * RECORD_BYTES)
#define AHEAD_START (INT64_C(1) << 33)
#define MOST_SLOTS  ((size_t)1 << 22)
#define AHEAD_HALF  (UINT64_C(1) << 63)

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

struct state {
    int fd; /* -1: none */
    struct header *header;
    char **chunks;
    size_t n_chunks;
    size_t *free_slots; /* with room for every slot */
    size_t n_free;
};

/* The compiler keeps the order of what stands before and after: for who reads the file when this
 * process is dead, its stores have happened in the order of the program. */
static void barrier(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* -- making -- */

static void *map(int fd, size_t n, int64_t offset)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, r;
    void *at;

    /* Taken now: a full disk must be told here and not when the page is touched (SIGBUS). */
    if (fd >= 0 && (r = posix_fallocate(fd, offset, (off_t)n))) {
        errno = r;
        return NULL;
    }
    at = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, fd, fd >= 0 ? offset : 0);
    return at == MAP_FAILED ? NULL : at;
}

struct state *state_new(int fd)
{
    struct state *s = calloc(1, sizeof *s);

    if (s)
        s->fd = fd;
    if (!s || !(s->header = map(fd, HEADER_BYTES, 0))) {
        free(s);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    sd_id128_get_boot(&s->header->boot);
    s->header->version = VERSION;
    s->header->n_record_bytes = sizeof(struct record);
    s->header->next_session = 1;
    barrier();
    s->header->magic = MAGIC;
    return s;
}

void state_free(struct state *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_chunks; i++)
        munmap(s->chunks[i], CHUNK_BYTES);
    munmap(s->header, HEADER_BYTES);
    free(s->chunks);
    free(s->free_slots);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

/* -- records -- */

static int add_chunk(struct state *s)
{
    size_t n = s->n_chunks + 1, *free_slots;
    char **chunks = realloc(s->chunks, n * sizeof *chunks), *chunk;

    if (!chunks)
        return -ENOMEM;
    s->chunks = chunks;
    if (!(free_slots = realloc(s->free_slots, n * CHUNK_RECORDS * sizeof *free_slots)))
        return -ENOMEM;
    s->free_slots = free_slots;
    if (n * CHUNK_RECORDS > MOST_SLOTS)
        return -ENOSPC;
    chunk = map(s->fd, CHUNK_BYTES, HEADER_BYTES + (int64_t)(s->n_chunks * CHUNK_BYTES));
    if (!chunk)
        return -errno;
    s->chunks[s->n_chunks++] = chunk;
    return 0;
}

struct record *state_record(struct state *s, size_t slot)
{
    return (struct record *)(s->chunks[slot / CHUNK_RECORDS] + slot % CHUNK_RECORDS * RECORD_BYTES);
}

int state_take(struct state *s, size_t *ret_slot)
{
    int r;

    /* The one used last is still in the processor's cache. */
    if (s->n_free) {
        *ret_slot = s->free_slots[--s->n_free];
        return 0;
    }
    if ((size_t)s->header->n_slots == s->n_chunks * CHUNK_RECORDS && (r = add_chunk(s)) < 0)
        return r;
    *ret_slot = (size_t)s->header->n_slots++;
    return 0;
}

/* How much of a record is in use: most texts are short. */
static size_t length_of(const struct record *record)
{
    size_t n = 0;

    for (int i = 0; i < N_RECORD_TEXTS; i++)
        n += strlen(record->texts + n) + 1;
    return offsetof(struct record, texts) + n;
}

void state_commit(struct state *s, size_t slot, const struct record *record,
                  const struct tally *tally)
{
    struct redo *redo = &s->header->redo;
    struct record *at = state_record(s, slot);

    redo->slot = (int64_t)slot;
    redo->tally = *tally;
    if (record)
        memcpy(&redo->record, record, length_of(record));
    else
        redo->record.id = 0;
    barrier();
    redo->is_valid = 1;
    barrier();
    if (record)
        memcpy(at, record, length_of(record));
    else
        at->id = 0;
    s->header->tally = *tally;
    barrier();
    redo->is_valid = 0;
    barrier();
    if (!record)
        s->free_slots[s->n_free++] = slot;
}

void state_begin(struct state *s, const struct tally *tally)
{
    s->header->tally = *tally;
}

void state_note_bytes(struct state *s, const struct tally *tally)
{
    s->header->tally.n_sent = tally->n_sent;
    s->header->tally.n_received = tally->n_received;
}

void state_note_session(struct state *s, int64_t next_session)
{
    s->header->next_session = next_session;
}

/* -- read ahead -- */

static off_t ahead_at(size_t slot, uint64_t ahead)
{
    return (off_t)(AHEAD_START +
                   (int64_t)((slot * 2 + !!(ahead & AHEAD_HALF)) * STATE_AHEAD_BYTES));
}

/* The bytes go into the other half, then one word says that they are there. */
int state_keep_ahead(struct state *s, size_t slot, const void *data, size_t n)
{
    struct record *record = state_record(s, slot);
    uint64_t before = record->ahead, ahead = n | (before & AHEAD_HALF ? 0 : AHEAD_HALF);

    if (s->fd < 0 || (!n && !before))
        return 0;
    if (n > STATE_AHEAD_BYTES)
        return -EMSGSIZE;
    if (n && pwrite(s->fd, data, n, ahead_at(slot, ahead)) != (ssize_t)n)
        return -ENOSPC;
    barrier();
    record->ahead = n ? ahead : 0;
    barrier();
    if (before)
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, ahead_at(slot, before),
                  STATE_AHEAD_BYTES);
    return 0;
}

/* -- remains -- */

static bool read_at(int fd, void *to, size_t n, int64_t offset)
{
    return pread(fd, to, n, offset) == (ssize_t)n;
}

static int check_header(const struct header *h)
{
    if (h->magic != MAGIC || h->version != VERSION)
        return -EPROTO;
    if (h->n_record_bytes != sizeof(struct record) || h->n_slots < 0 ||
        h->n_slots > (int64_t)MOST_SLOTS)
        return -EPROTO;
    return 0;
}

/* What was being written when the daemon died is written to the end. */
static void redo(const struct header *h, size_t slot, struct record *record)
{
    if (h->redo.is_valid && h->redo.slot == (int64_t)slot)
        *record = h->redo.record;
}

static void close_texts(struct record *record)
{
    /* A damaged file must not lead astray: the last bytes end every text. */
    memset(record->texts + sizeof record->texts - N_RECORD_TEXTS, 0, N_RECORD_TEXTS);
}

static bool is_number(int64_t v)
{
    return v >= 0 && v <= LIMIT_INTEGER;
}

/* Whether it can be what this program wrote; one that cannot is lost. */
static bool is_sensible(const struct record *r)
{
    return r->id > 0 && is_number(r->id) && is_number(r->opened) && is_number(r->last_used) &&
           is_number(r->n_sent) && is_number(r->n_received) && is_number(r->inode) &&
           is_number(r->opener) && is_number(r->holder) && r->lease_usec >= LEASE_PERMANENT &&
           r->lease_usec <= LIMIT_INTEGER && is_number(r->expires) &&
           r->address.len <= sizeof r->address.addr && r->peer.len <= sizeof r->peer.addr;
}

static bool is_sensible_tally(const struct tally *t)
{
    bool all = is_number(t->n_opened) && is_number(t->n_sent) && is_number(t->n_received) &&
               is_number(t->n_suspected) && is_number(t->n_cleared) && is_number(t->next_handle);

    for (int i = 0; i < STATE_ENDINGS; i++)
        all &= is_number(t->n_ended[i]);
    return all;
}

static int read_records(int fd, const struct header *h, struct remains *ret)
{
    ret->records = calloc((size_t)h->n_slots + 1, sizeof *ret->records);
    ret->slots = calloc((size_t)h->n_slots + 1, sizeof *ret->slots);
    if (!ret->records || !ret->slots)
        return -ENOMEM;
    for (size_t slot = 0; slot < (size_t)h->n_slots; slot++) {
        struct record *record = &ret->records[ret->n];

        if (!read_at(fd, record, sizeof *record, HEADER_BYTES + (int64_t)(slot * RECORD_BYTES)))
            memset(record, 0, sizeof *record);
        redo(h, slot, record);
        close_texts(record);
        if (is_sensible(record))
            ret->slots[ret->n++] = slot;
        else if (record->id)
            ret->is_whole = false;
    }
    return 0;
}

int remains_read(int fd, struct remains *ret)
{
    struct header h;
    sd_id128_t boot;
    struct stat st;
    int r;

    *ret = (struct remains){0};
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size == 0)
        return -ENODATA;
    if (!read_at(fd, &h, sizeof h, 0))
        return -EPROTO;
    if ((r = check_header(&h)) < 0)
        return r;
    ret->tally = h.redo.is_valid ? h.redo.tally : h.tally;
    if (!is_sensible_tally(&ret->tally) || !is_number(h.next_session))
        return -EPROTO;
    ret->next_session = h.next_session;
    ret->is_of_this_boot = sd_id128_get_boot(&boot) >= 0 && sd_id128_equal(boot, h.boot);
    ret->is_whole = true;
    if ((r = read_records(fd, &h, ret)) < 0)
        remains_done(ret);
    return r;
}

void remains_done(struct remains *r)
{
    free(r->records);
    free(r->slots);
    *r = (struct remains){0};
}

ssize_t remains_ahead(const struct remains *r, int fd, size_t i, void *to)
{
    uint64_t ahead = r->records[i].ahead;
    size_t n = ahead & ~AHEAD_HALF;

    if (n > STATE_AHEAD_BYTES)
        return -EPROTO;
    return read_at(fd, to, n, ahead_at(r->slots[i], ahead)) ? (ssize_t)n : -EIO;
}

/* -- texts -- */

void record_set_texts(struct record *record, const char *const texts[N_RECORD_TEXTS])
{
    size_t at = 0, n;

    /* Each of those behind has room for its end at least. A text that was there but empty is none:
     * nobody can tell them apart later. */
    for (int i = 0; i < N_RECORD_TEXTS; i++) {
        size_t room = sizeof record->texts - at - (size_t)(N_RECORD_TEXTS - i);

        n = texts[i] ? strnlen(texts[i], room) : 0;
        if (n)
            memcpy(record->texts + at, texts[i], n);
        record->texts[at + n] = '\0';
        at += n + 1;
    }
}

const char *record_text(const struct record *record, enum record_text which)
{
    const char *at = record->texts;

    for (int i = 0; i < (int)which; i++)
        at += strlen(at) + 1;
    return *at ? at : NULL;
}
