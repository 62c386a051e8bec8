#include "recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "absent.h"
#include "log.h"
#include "proto/limits.h"
#include "socket.h"

enum { LOSSES_LOGGED = 20, LOSSES_TOLD = 1000 };

struct recovery {
    struct core *core;
    struct state_file *file;
    struct inheritance *in;
    struct recovered *count;
    struct principal *manager; /* who opened what nobody has asked for */
    char *ahead;               /* STATE_AHEAD_BYTES */
};

int64_t recover_first_handle(const struct state_file *file, const struct inheritance *in)
{
    int64_t first = file->first_handle, most = state_file_clock_number(), id;

    /* A name that no daemon can have given would use the numbers up. */
    for (size_t i = 0; i < in->n; i++)
        if ((id = keep_read_name(in->items[i].name)) >= first && id < most)
            first = id + 1;
    return first;
}

/* -- joining -- */

/* Whether it was the daemon before that gave the descriptor this name; none says nothing. */
static bool is_named_for(const struct inherited_fd *fd, const struct record *record)
{
    return record->inherited || keep_read_name(fd->name) == record->id ||
           strcmp(fd->name, INHERIT_NO_NAME) == 0;
}

static const char *reason_of_loss(const struct recovery *r, const struct record *record,
                                  const struct inherited_fd *found)
{
    if (!r->file->remains.is_of_this_boot)
        return "the machine was started anew";
    if (found)
        return "its descriptor came back under another name";
    if (record->is_kept || record->inherited == INHERITED_UNKNOWN)
        return "the service manager did not give it back";
    if (record->inherited)
        return "its socket unit did not give it again";
    if (record->custody)
        return "the daemon's copy ended with it; who else has the socket has it still";
    return "it ended with the daemon that had it: nothing else kept it";
}

/* Who opened it, and who holds it, are the same absent session for most. */
static int find_people(struct recovery *r, const struct record *record, struct restored *with)
{
    struct absent **all = &r->core->absent, *opener, *holder;

    if (record->inherited) {
        with->opener = r->manager;
    } else {
        if (!(opener = absent_find_or_make(all, record->opener, (uid_t)record->uid)))
            return -ENOMEM;
        absent_describe(opener, (gid_t)record->gid, (pid_t)record->pid,
                        record_text(record, RECORD_EXE), record_text(record, RECORD_OWNER_LABEL));
        opener->session.who->started = record->started;
        with->opener = opener->session.who;
    }
    if (!record->holder)
        return 0;
    if (!(holder = absent_find_or_make(all, record->holder, (uid_t)record->holder_uid)))
        return -ENOMEM;
    memcpy(holder->session.token, record->token, sizeof record->token);
    holder->session.timeout =
        (struct wire_timeout){record->has_holder_timeout, record->holder_timeout_usec};
    with->holder = &holder->session;
    return 0;
}

static int find_pool(struct recovery *r, const struct record *record, struct restored *with)
{
    const char *name = record_text(record, RECORD_POOL);

    if (!name)
        return 0;
    return (with->pool = pools_find_or_retire(r->core->pools, name)) ? 0 : -ENOMEM;
}

static void read_ahead(struct recovery *r, size_t i, struct restored *with)
{
    ssize_t n = remains_ahead(&r->file->remains, r->file->old_fd, i, r->ahead);

    with->ahead = r->ahead;
    with->n_ahead = n > 0 ? (size_t)n : 0;
}

/* Other holders of the socket may have changed what the daemon relies on. */
static int take_fd(struct inherited_fd *found)
{
    int fd = found->fd;

    found->fd = -1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static void lose(struct recovery *r, const struct record *record, const struct restored *with,
                 const char *reason)
{
    store_lose(r->core->store, record, with, reason);
    /* The ledger has them all. */
    if (++r->count->n_lost > LOSSES_LOGGED)
        return;
    log_line(LOG_WARNING, "handle %lld of uid %lld%s%s is lost: %s", (long long)record->id,
             (long long)record->uid, record_text(record, RECORD_NAME) ? ", " : "",
             record_text(record, RECORD_NAME) ? record_text(record, RECORD_NAME) : "", reason);
}

static struct pool *find_adopter(const struct core *core, const char *name)
{
    for (struct pool *p = core->pools->first; p; p = p->next)
        for (size_t i = 0; !p->is_retired && i < p->settings.adopt.n; i++)
            if (strcmp(p->settings.adopt.items[i], name) == 0)
                return p;
    return NULL;
}

/* What nobody knew may have come to be a pool's: the settings have been changed. */
static void give_to_pool(struct recovery *r, const struct inherited_fd *found,
                         struct record *record, struct restored *with)
{
    struct pool *pool = find_adopter(r->core, found->name);

    if (record->inherited != INHERITED_UNKNOWN || !pool)
        return;
    record->inherited = INHERITED_BY_POOL;
    with->pool = pool;
}

/* The descriptor of its cookie; of several the one of its name. */
static struct inherited_fd *find_fd(const struct recovery *r, const struct record *record)
{
    char name[KEEP_NAME_BYTES];
    struct inherited_fd *found;

    keep_make_name(record->id, name);
    found = inherit_find(r->in, record->cookie, name);
    return found ? found : inherit_find(r->in, record->cookie, NULL);
}

static int join_one(struct recovery *r, size_t i)
{
    struct record *record = &r->file->remains.records[i];
    struct inherited_fd *found = find_fd(r, record);
    struct restored with = {0};
    int error;

    if ((error = find_people(r, record, &with)) < 0 || (error = find_pool(r, record, &with)) < 0)
        return error;
    if (record->ended) {
        store_lose(r->core->store, record, &with, record_text(record, RECORD_REASON));
        return 0;
    }
    if (!found || !is_named_for(found, record) || !r->file->remains.is_of_this_boot) {
        lose(r, record, &with, reason_of_loss(r, record, found));
        return 0;
    }
    record->is_kept = !record->inherited;
    give_to_pool(r, found, record, &with);
    read_ahead(r, i, &with);
    error = store_restore(r->core->store, record, take_fd(found), &with);
    if (error < 0)
        lose(r, record, &with, strerror(-error));
    else
        r->count->n_back++;
    return 0;
}

/* What was lost before, in that order; the others in the order in which they were made. */
static int by_age(const void *a, const void *b, void *records)
{
    const struct record *x = (struct record *)records + *(const size_t *)a;
    const struct record *y = (struct record *)records + *(const size_t *)b;

    if (!x->ended != !y->ended)
        return x->ended ? -1 : 1;
    if (x->ended != y->ended)
        return x->ended < y->ended ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Of what was lost before, the newest alone: a daemon that ends again and again must not have more
 * and more to tell. */
static int join_all(struct recovery *r)
{
    const struct remains *remains = &r->file->remains;
    size_t n_old = remains->n_ended > LOSSES_TOLD ? remains->n_ended - LOSSES_TOLD : 0;
    size_t *order = calloc(remains->n + 1, sizeof *order);
    int error = order ? 0 : -ENOMEM;

    for (size_t i = 0; order && i < remains->n; i++)
        order[i] = i;
    if (order)
        qsort_r(order, remains->n, sizeof *order, by_age, remains->records);
    for (size_t i = n_old; i < remains->n && !error; i++)
        error = join_one(r, order[i]);
    free(order);
    return error;
}

/* -- what is left -- */

static bool is_of_living(const struct record *record, int64_t id, const struct inherited_fd *fd)
{
    return !record->ended && (record->id == id || record->cookie == fd->cookie);
}

/* A copy of a socket that ended while the daemon could not tell the manager any more. */
static bool is_left_over(const struct recovery *r, const struct inherited_fd *fd)
{
    int64_t id = keep_read_name(fd->name);

    if (!r->file->remains.is_whole || id < HANDLE_FIRST || id >= r->file->first_handle)
        return false;
    for (size_t i = 0; i < r->file->remains.n; i++)
        if (is_of_living(&r->file->remains.records[i], id, fd))
            return false;
    return true;
}

/* A second copy of one socket. The manager's is thrown away only where the name is of nothing else.
 */
static void close_copy(struct recovery *r, struct inherited_fd *fd)
{
    int64_t id = keep_read_name(fd->name);
    const struct handle *h = id ? store_find_number(r->core->store, id) : NULL;

    log_line(LOG_WARNING, "inherited descriptor %s is a second copy of a socket; it is closed",
             fd->name);
    close(fd->fd);
    fd->fd = -1;
    if (id && r->core->keep && !(h && h->fd >= 0))
        keep_forget(r->core->keep, fd->name);
}

/* A new handle for what was given. Its name stays as it is where it can be one. */
static void adopt(struct recovery *r, struct inherited_fd *fd, struct pool *pool)
{
    struct creation how = {.name = fd->name,
                           .lease = {true, LEASE_PERMANENT},
                           .label = pool ? "inherited" : "unknown descriptor",
                           .in = pool};
    struct error e = {0};
    struct session nobody = {.who = r->manager};
    enum inherited inherited = pool ? INHERITED_BY_POOL : INHERITED_UNKNOWN;

    if (store_check_name(r->core->store, &nobody, how.in, how.name, &e))
        how.name = NULL;
    e = (struct error){0};
    if (store_inherit(r->core->store, take_fd(fd), &how, r->manager, inherited, &e))
        log_line(LOG_WARNING, "inherited descriptor %s is closed: %s", fd->name, e.message);
    else if (pool)
        r->count->n_given++;
    else
        r->count->n_unknown++;
}

static void look_at_rest(struct recovery *r, struct inherited_fd *fd)
{
    struct pool *pool = find_adopter(r->core, fd->name);

    if (!fd->cookie) {
        log_line(LOG_WARNING, "inherited descriptor %s is no socket; it stays open, and unused",
                 fd->name);
        fd->fd = -1;
        r->count->n_unknown++;
        if (r->core->keep)
            keep_note(r->core->keep);
    } else if (inherit_is_copy(r->in, fd)) {
        close_copy(r, fd);
    } else if (!pool && is_left_over(r, fd)) {
        keep_forget(r->core->keep, fd->name);
    } else {
        if (!pool)
            log_line(LOG_WARNING,
                     "inherited descriptor %s is of no pool (adopt=) and of no handle "
                     "known; it is kept",
                     fd->name);
        adopt(r, fd, pool);
    }
}

static struct principal *find_manager(void)
{
    char exe[4096];
    bool known = principal_read_exe(getppid(), exe, sizeof exe) == 0;

    return principal_new(0, geteuid(), getegid(), getppid(), known ? exe : NULL);
}

int recover(struct core *core, struct state_file *file, struct inheritance *in,
            struct recovered *ret)
{
    struct recovery r = {.core = core, .file = file, .in = in, .count = ret};
    int error = -ENOMEM;

    *ret = (struct recovered){0};
    store_set_tally(core->store, &file->remains.tally,
                    (int64_t)(file->remains.n - file->remains.n_ended));
    r.manager = find_manager();
    r.ahead = malloc(STATE_AHEAD_BYTES);
    if (r.manager && r.ahead)
        error = join_all(&r);
    for (size_t i = 0; i < in->n && !error; i++)
        if (in->items[i].fd >= 0)
            look_at_rest(&r, &in->items[i]);
    principal_unref(r.manager);
    free(r.ahead);
    return error;
}
