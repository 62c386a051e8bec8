/* What a daemon before has left: read with care, for whatever may have become of the file. */
#include "state_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limits.h"

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
           is_number(r->opener) && is_number(r->holder) && is_number(r->ended) &&
           r->lease_usec >= LEASE_PERMANENT && r->lease_usec <= LIMIT_INTEGER &&
           is_number(r->expires) && r->address.len <= sizeof r->address.addr &&
           r->peer.len <= sizeof r->peer.addr;
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

        if (!read_at(fd, record, sizeof *record, HEADER_BYTES + (int64_t)(slot * RECORD_BYTES))) {
            memset(record, 0, sizeof *record);
            ret->is_whole = false;
        }
        redo(h, slot, record);
        close_texts(record);
        if (is_sensible(record)) {
            ret->n_ended += record->ended != 0;
            ret->slots[ret->n++] = slot;
        } else if (record->id) {
            ret->is_whole = false;
        }
    }
    return 0;
}

/* Whether the records are all those that the totals count. */
static bool is_balanced(const struct remains *r)
{
    int64_t n = (int64_t)(r->n - r->n_ended);

    for (int i = 0; i < STATE_ENDINGS; i++)
        n += r->tally.n_ended[i];
    return n == r->tally.n_opened;
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
    else
        ret->is_whole &= is_balanced(ret);
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
    struct ahead ahead = state_ahead_of(&r->records[i]);
    size_t n = ahead.end - ahead.start;

    if (ahead.start > ahead.end || ahead.end > STATE_AHEAD_BYTES)
        return -EPROTO;
    return read_at(fd, to, n, state_ahead_at(r->slots[i], ahead.is_second) + (off_t)ahead.start)
               ? (ssize_t)n
               : -EIO;
}
