#include "state_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct state {
    int fd; /* -1: none */
    struct header *header;
    char **chunks;
    size_t n_chunks;
    size_t *free_slots; /* with room for every slot */
    size_t n_free;
    size_t n_ahead_bytes; /* read ahead, as they lie in the file */
};

/* The compiler keeps the order of what stands before and after: for who reads the file when this
 * process is dead, its stores have happened in the order of the program. */
static void barrier(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* -- making -- */

enum { ATTEMPTS = 16 };

static void *map(int fd, size_t n, int64_t offset)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, r = fd >= 0 ? EINTR : 0;
    void *at;

    /* Taken now: a full disk must be told here and not when the page is touched (SIGBUS). A signal
     * undoes it (guard). */
    for (int i = 0; i < ATTEMPTS && r == EINTR; i++)
        r = posix_fallocate(fd, offset, (off_t)n);
    if (r) {
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

struct ahead state_ahead_of(const struct record *record)
{
    return (struct ahead){record->ahead & AHEAD_HALF, (record->ahead & ~AHEAD_HALF) / AHEAD_START_1,
                          record->ahead % AHEAD_START_1};
}

off_t state_ahead_at(size_t slot, bool is_second)
{
    return (off_t)(AHEAD_START + (int64_t)((slot * 2 + is_second) * STATE_AHEAD_BYTES));
}

static int write_ahead(struct state *s, off_t at, const void *data, size_t n)
{
    ssize_t done = n ? pwrite(s->fd, data, n, at) : 0;

    if (done < 0)
        return -errno;
    return (size_t)done == n ? 0 : -ENOSPC;
}

/* What is new goes behind what is there, or, where the half ends, all of it into the other half;
 * then one word says where it stands. */
int state_keep_ahead(struct state *s, size_t slot, const void *data, size_t n, size_t n_gone)
{
    struct record *record = state_record(s, slot);
    struct ahead before = state_ahead_of(record), now = before;
    size_t n_there = before.end - before.start;
    bool was_there = record->ahead;
    int r;

    if (s->fd < 0 || (!n && !was_there))
        return 0;
    n_there = n_gone < n_there ? n_there - n_gone : 0;
    now.start = now.end - n_there;
    if (!n_there || n < n_there || now.end + n - n_there > STATE_AHEAD_BYTES) {
        n_there = 0;
        now = (struct ahead){was_there && !before.is_second, 0, 0};
    }
    s->n_ahead_bytes -= before.end;
    r = n > STATE_AHEAD_BYTES || s->n_ahead_bytes + now.start + n > STATE_AHEAD_MOST
            ? -ENOSPC
            : write_ahead(s, state_ahead_at(slot, now.is_second) + (off_t)now.end,
                          n_there ? (const char *)data + n_there : data, n - n_there);
    now.end = now.start + n;
    barrier();
    record->ahead =
        n && !r ? (now.is_second ? AHEAD_HALF : 0) | now.start * AHEAD_START_1 | now.end : 0;
    barrier();
    s->n_ahead_bytes += record->ahead ? now.end : 0;
    if (was_there && (!record->ahead || now.is_second != before.is_second))
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  state_ahead_at(slot, before.is_second), STATE_AHEAD_BYTES);
    return r;
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
