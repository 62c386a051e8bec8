/* What the store writes down for the daemon that comes next, and what it takes back from there. */
#include "store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "socket.h"

enum { LOSSES_MOST = 2000 }; /* each start adds some, and has let the oldest go */

_Static_assert((int)STATE_ENDINGS == (int)N_ENDINGS, "each ending has its count");
_Static_assert((int)STATE_SUSPICIONS == (int)N_SUSPICIONS, "each suspicion has its time");
_Static_assert(sizeof((struct handle *)0)->changes / sizeof(struct state_change) == STATE_CHANGES,
               "each change has its place");

/* -- writing -- */

static void fill_holder(const struct handle *h, struct record *record)
{
    record->opener = h->opener->session;
    record->uid = h->opener->uid;
    record->gid = h->opener->gid;
    record->pid = h->opener->pid;
    record->started = h->opener->started;
    if (!h->session) {
        record->expires = h->expiry.place ? h->expiry.at : 0;
        return;
    }
    record->holder = h->session->id;
    record->holder_uid = h->session->who->uid;
    record->has_holder_timeout = h->session->timeout.set;
    record->holder_timeout_usec = h->session->timeout.usec;
    memcpy(record->token, h->session->token, sizeof record->token);
}

static void fill_history(const struct handle *h, struct record *record)
{
    for (int i = 0; i < N_SUSPICIONS; i++)
        record->suspected[i] = h->suspected[i];
    record->n_changes = h->n_changes;
    for (int i = 0; i < h->n_changes; i++) {
        record->changes[i].state = h->changes[i].state;
        record->changes[i].at = h->changes[i].at;
    }
}

static void fill_texts(const struct handle *h, struct record *record)
{
    const char *const texts[N_RECORD_TEXTS] = {
        [RECORD_NAME] = store_name_of(h), [RECORD_POOL] = h->pool ? h->pool->name : NULL,
        [RECORD_LABEL] = h->label,        [RECORD_SITE] = h->site,
        [RECORD_EXE] = h->opener->exe,    [RECORD_OWNER_LABEL] = h->opener->label,
        [RECORD_REASON] = h->reason,
    };

    record_set_texts(record, texts);
}

void store_save(struct store *s, struct handle *h)
{
    struct record record;

    if (!h->record)
        return;
    memset(&record, 0, offsetof(struct record, texts));
    record.id = h->id;
    record.cookie = h->cookie;
    record.inode = h->inode;
    record.opened = h->opened;
    record.ended = h->ended;
    record.last_used = h->last_used;
    record.n_sent = h->n_sent;
    record.n_received = h->n_received;
    record.lease_usec = h->lease_usec;
    record.has_timeout = h->timeout.set;
    record.timeout_usec = h->timeout.usec;
    record.state = h->state;
    record.family = h->family;
    record.type = h->type;
    record.is_read_shut = h->is_read_shut;
    record.is_kept = h->is_kept;
    record.inherited = h->inherited;
    record.must_survive = h->must_survive;
    record.custody = h->custody == CUSTODY_SHARED;
    record.ahead = h->record->ahead;
    if (h->address)
        record.address = *h->address;
    if (h->peer)
        record.peer = *h->peer;
    fill_holder(h, &record);
    fill_history(h, &record);
    fill_texts(h, &record);
    state_commit(s->state, h->slot, &record, &s->tally);
    /* Known here before it is there: the other way round it could come back unknown. */
    store_update_keeping(s, h);
    h->record->is_kept = h->is_kept;
}

void store_save_counts(struct store *s, struct handle *h)
{
    h->record->last_used = h->last_used;
    h->record->n_sent = h->n_sent;
    h->record->n_received = h->n_received;
    state_note_bytes(s->state, &s->tally);
}

void store_drop_record(struct store *s, struct handle *h)
{
    store_unkeep(s, h);
    state_keep_ahead(s->state, h->slot, NULL, 0, 0);
    state_commit(s->state, h->slot, NULL, &s->tally);
    h->record = NULL;
}

/* -- taking back -- */

/* What nobody knows takes room in the store, or is a socket unit's: nobody says which. Rather too
 * little room is promised than too much. */
static void note_unknown(struct store *s, const struct handle *h)
{
    if (h->inherited == INHERITED_UNKNOWN && s->keep)
        keep_note(s->keep);
}

int store_inherit(struct store *s, int fd, const struct creation *how, struct principal *owner,
                  enum inherited inherited, struct error *e)
{
    struct session giver = {.who = owner};
    struct creation as = *how;
    struct handle *h;
    int r;

    as.inherited = inherited;
    r = store_add(s, &giver, fd, &as, socket_is_listening(fd) ? STATE_LISTENING : STATE_BOUND, &h,
                  e);

    store_forget_session(&giver);
    if (r)
        return r;
    DL_DELETE(giver.handles, h);
    h->session = NULL;
    note_unknown(s, h);
    store_save(s, h);
    return 0;
}

void store_set_tally(struct store *s, const struct tally *tally, int64_t n_left)
{
    int64_t n_ended = 0, n_missing, next = s->tally.next_handle;

    s->tally = *tally;
    s->tally.next_handle = next;
    s->tally.n_live = n_left;
    for (int i = 0; i < N_ENDINGS; i++)
        n_ended += s->tally.n_ended[i];
    /* Of a file that is whole this is 0. */
    n_missing = s->tally.n_opened - n_left - n_ended;
    if (n_missing > 0)
        s->tally.n_ended[END_LOST] += n_missing;
    else
        s->tally.n_opened -= n_missing;
    state_begin(s->state, &s->tally);
}

static char *copy_text(const struct record *record, enum record_text which, bool *failed)
{
    const char *text = record_text(record, which);
    char *copy = text ? strdup(text) : NULL;

    *failed |= text && !copy;
    return copy;
}

static bool read_texts(const struct record *record, const struct restored *with, struct handle *h)
{
    const struct session nobody = {.id = record->holder};
    bool failed = false;
    const char *name = record_text(record, RECORD_NAME);

    h->label = copy_text(record, RECORD_LABEL, &failed);
    h->site = copy_text(record, RECORD_SITE, &failed);
    if (name)
        h->key = store_make_key(&nobody, with->pool, name);
    return !failed && (!name || h->key);
}

static bool read_addresses(const struct record *record, struct handle *h)
{
    if (record->address.len && (h->address = malloc(sizeof *h->address)))
        *h->address = record->address;
    if (record->peer.len && (h->peer = malloc(sizeof *h->peer)))
        *h->peer = record->peer;
    return !(record->address.len && !h->address) && !(record->peer.len && !h->peer);
}

static void read_history(const struct record *record, struct handle *h)
{
    for (int i = 0; i < N_SUSPICIONS; i++)
        h->suspected[i] = record->suspected[i];
    h->n_changes = record->n_changes < 0               ? 0
                   : record->n_changes > STATE_CHANGES ? STATE_CHANGES
                                                       : record->n_changes;
    for (int i = 0; i < h->n_changes; i++)
        h->changes[i] = (struct state_change){
            (enum handle_state)((uint64_t)record->changes[i].state % N_STATES),
            record->changes[i].at};
}

/* The handle as the record tells it, with no socket yet. */
static struct handle *make_from(struct store *s, const struct record *record,
                                const struct restored *with)
{
    struct handle *h = calloc(1, sizeof *h);

    if (!h)
        return NULL;
    h->id = record->id;
    h->fd = -1;
    h->family = record->family;
    h->type = record->type;
    h->state = (enum handle_state)((uint32_t)record->state % N_STATES);
    h->lease_usec = record->lease_usec;
    h->opener = principal_ref(with->opener);
    h->timeout = (struct wire_timeout){record->has_timeout, record->timeout_usec};
    h->cookie = record->cookie;
    h->inode = record->inode;
    h->opened = record->opened;
    h->last_used = record->last_used;
    h->n_sent = record->n_sent;
    h->n_received = record->n_received;
    h->is_read_shut = record->is_read_shut;
    h->inherited = (enum inherited)(record->inherited % N_INHERITED);
    h->must_survive = record->must_survive;
    h->custody = record->custody ? CUSTODY_SHARED : CUSTODY_DAEMON;
    read_history(record, h);
    if (read_texts(record, with, h) && read_addresses(record, h))
        return h;
    store_free_handle(s, h);
    return NULL;
}

/* Whatever can fail, before anything is entered. */
static int prepare(struct store *s, struct handle *h, const struct record *record,
                   const struct restored *with)
{
    int64_t at = !with->holder && record->expires ? record->expires : INT64_MAX;
    struct pool_shortage shortage;
    struct handle *same;
    int r;

    HASH_FIND(hh, s->handles, &h->id, sizeof h->id, same);
    if (same || (h->key && store_find_key(s, h->key)))
        return -EEXIST;
    if (with->pool) {
        h->pool = pool_ref(with->pool);
        if ((r = pool_recharge(&h->charge, with->pool, with->opener->uid)) < 0 ||
            (r = pool_name_opener(&h->charge, with->opener)) < 0)
            return r;
    }
    if (with->n_ahead)
        buf_add(&h->ahead, with->ahead, with->n_ahead);
    if (h->ahead.failed)
        return -ENOMEM;
    /* Beyond the limit it goes uncounted: the bytes are there. */
    if (with->pool)
        pool_charge_buffer(&h->charge, (int64_t)with->n_ahead, &shortage);
    if (with->holder && (r = store_prepare_count(with->holder, with->pool)) < 0)
        return r;
    if ((r = store_reserve_expiry(s, h, h->lease_usec, at)) < 0)
        return r;
    if ((r = state_take(s->state, &h->slot)) < 0)
        return r;
    h->record = state_record(s->state, h->slot);
    if (h->custody == CUSTODY_SHARED && (r = store_enter_cookie(s, h)) < 0)
        return r;
    return store_enter(s, h);
}

int store_restore(struct store *s, const struct record *record, int fd, const struct restored *with)
{
    struct handle *h = make_from(s, record, with);
    int r = -ENOMEM;

    if (h) {
        h->fd = fd;
        note_unknown(s, h);
        r = prepare(s, h, record, with);
    }
    if (r < 0) {
        if (h) {
            heap_remove(&s->expiries, &h->expiry);
            store_free_handle(s, h);
        }
        socket_close(fd);
        return r;
    }
    /* Its copy is still there. */
    if (!h->inherited && record->is_kept && s->keep) {
        h->is_kept = true;
        keep_note(s->keep);
    }
    store_begin_life(s, h, with->holder);
    store_save(s, h);
    store_save_ahead(s, h);
    return 0;
}

static void count_loss(struct store *s, const struct record *record)
{
    s->tally.n_live--;
    s->tally.n_ended[END_LOST]++;
    state_begin(s->state, &s->tally);
    events_add(&s->events, EVENT_CLOSED, s->now->real, record->id, NULL);
}

/* For the daemons to come, as long as the history has the row. */
static void note_loss(struct store *s, struct handle *h)
{
    if (s->n_losses == LOSSES_MOST || state_take(s->state, &h->slot) < 0)
        return;
    s->n_losses++;
    h->record = state_record(s->state, h->slot);
    store_save(s, h);
}

int store_lose(struct store *s, const struct record *record, const struct restored *with,
               const char *reason)
{
    struct handle *h = make_from(s, record, with);

    if (!record->ended)
        count_loss(s, record);
    if (!h)
        return -ENOMEM;
    h->how = END_LOST;
    h->ended = record->ended ? record->ended : s->now->real;
    h->reason = reason ? strdup(reason) : NULL;
    h->inherited = INHERITED_NOT;
    h->pool = with->pool ? pool_ref(with->pool) : NULL;
    h->state = STATE_CLOSED;
    HASH_ADD(hh, s->handles, id, sizeof h->id, h);
    if (!h->hh.tbl) {
        store_free_handle(s, h);
        return -ENOMEM;
    }
    store_enter_history(s, h);
    note_loss(s, h);
    return 0;
}

/* Room to count in was made when the absent session got them; the new session has opened nothing,
 * so it takes that over whole. */
void store_resume(struct session *absent, struct session *session)
{
    struct handle *h;

    store_forget_session(session);
    session->in_pools = absent->in_pools;
    session->n_in_pools = absent->n_in_pools;
    session->handles = absent->handles;
    session->id = absent->id;
    session->timeout = absent->timeout;
    memcpy(session->token, absent->token, sizeof session->token);
    DL_FOREACH(session->handles, h)
    h->session = session;
    absent->handles = NULL;
    absent->in_pools = NULL;
    absent->n_in_pools = 0;
}
