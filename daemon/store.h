/* store.h — the only owner of kernel sockets: handles, their names, who holds them. Others keep a
 * handle's number from one turn to the next, never its pointer.
 *
 * Stands on wait (a handle can be waited on) and ledger (every birth and end is written down).
 * Knows nothing of requests. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#define HASH_NONFATAL_OOM 1 /* who adds looks whether it came in */
#include <uthash.h>

#include "proto/buf.h"
#include "proto/errors.h"
#include "events.h"
#include "follow.h"
#include "pool.h"
#include "principal.h"
#include "keep.h"
#include "proto/wire.h"
#include "state.h"
#include "suspects.h"
#include "wait.h"

/* When "now" is: read once per turn of the loop, in microseconds. */
struct now {
    int64_t monotonic, real;
};

/* A client's session as far as sockets are concerned. */
struct session {
    int64_t id;
    struct principal *who;
    struct wire_timeout timeout; /* the default of its handles */
    struct pools *pools;         /* NULL: there is but one, and it allows everything */
    bool is_admin;               /* of every pool */
    bool is_absent; /* it was connected to a daemon before this one, and may come back */
    unsigned char
        token[STATE_TOKEN_BYTES]; /* proves that it is the same; all zero: there is none */
    struct pool_count {
        struct pool *pool;
        int64_t n;
    } * in_pools; /* how many sockets it holds in each */
    size_t n_in_pools;
    bool is_unordered;
    const char *no_waiting;      /* why its calls may not wait any more; NULL: they may */
    const char *no_waiting_name; /* and what the error is called; NULL: as usual */
    int64_t n_subscriptions;     /* ever */
    struct call *calls;          /* that wait */
    struct handle *handles;      /* that it holds */
};

enum handle_state {
    STATE_CREATED,
    STATE_BOUND,
    STATE_LISTENING,
    STATE_CONNECTING,
    STATE_CONNECTED,
    STATE_HALF_CLOSED,
    STATE_CLOSED,
    N_STATES
};

enum ending_how { END_CLOSED, END_RECLAIMED, END_EXPIRED, END_HANDED_OFF, END_LOST, N_ENDINGS };

/* Who has the kernel's socket. Once it was somebody else's too there is no way back: what they do
 * with it nobody sees, and the policy only advises. */
enum custody { CUSTODY_DAEMON, CUSTODY_SHARED, CUSTODY_HANDED_OFF, N_CUSTODIES };

/* Why a socket looks forgotten. */
enum suspicion_kind {
    SUSPECT_CLOSE_WAIT, /* its peer has closed, its owner has not */
    SUSPECT_IDLE,       /* not used for the pool's limit */
    SUSPECT_UNREAD,     /* something has come that nobody reads */
    SUSPECT_ORPHAN,     /* its session is gone, its lease still runs */
    N_SUSPICIONS
};

/* What the service manager gave the daemon, and will give again. */
enum inherited {
    INHERITED_NOT,
    INHERITED_UNKNOWN, /* nobody has said what for */
    INHERITED_BY_POOL, /* it is for whoever the pool is for */
    N_INHERITED
};

struct state_change {
    enum handle_state state;
    int64_t at; /* real microseconds */
};

/* A socket from its birth until its row leaves the history. */
struct handle {
    int64_t id;
    int fd; /* -1: closed */
    int family, type;
    enum handle_state state;
    struct session *session; /* who holds it; NULL: nobody any more, its lease still runs */
    int64_t lease_usec;      /* LEASE_SESSION, LEASE_PERMANENT or a span after its session's end */
    struct heap_item expiry; /* of a lease that has an end; at INT64_MAX while a session holds it */
    struct suspects_item use;        /* in the order of use */
    int64_t suspected[N_SUSPICIONS]; /* real microseconds since when; 0: it is not */
    struct principal *opener;
    struct pool *pool;         /* a reference; NULL: there is but one */
    struct pool_charge charge; /* to it, while it lives */
    char *key;                 /* its name as the store looks it up; NULL: none */
    char *label, *site;
    struct wire_timeout timeout;
    struct point point;
    char *host;            /* name that it was connected by; NULL: none */
    struct tls *tls;       /* between it and its bytes; NULL: nothing is */
    size_t n_tls_bytes;    /* what its handshake has in memory of a ca_pem */
    struct stream *stream; /* that has its bytes; NULL: none */
    struct buf ahead;      /* read from the kernel and not yet given out */
    int64_t cookie, inode;
    int64_t opened, last_used; /* real microseconds */
    int64_t n_sent, n_received;
    struct wire_sockaddr *address, *peer; /* as last known; NULL: never */
    struct state_change changes[10];
    int n_changes;
    bool is_read_shut; /* by its owner: the kernel tells that as it tells the peer's end */
    bool is_kept;      /* the service manager has a copy, or it is on its way */
    bool is_unkept;    /* it should have, and does not: the handle waits for that */
    int keep_error;    /* why: what keep_add said */
    enum inherited inherited;
    bool must_survive; /* so it was asked for */
    enum custody custody;
    struct known *known;          /* shared or handed off: who else has the same socket */
    int64_t told_since;           /* handed off: see follow_told_since */
    bool is_tabled;               /* the kernel has told of it since */
    bool is_doubtful;             /* it has died, as it seems, and may turn up again */
    enum handle_state last_state; /* handed off: as it was last seen */
    bool is_overdue;              /* in the history only because it is followed */
    int protocol;                 /* the kernel's number, of one that is shared */
    int64_t netns;                /* the same: its network namespace's cookie */
    int64_t died;                 /* handed off: real microseconds, when that was noticed; 0: no */
    size_t slot;                  /* in the state, while it lives */
    struct record *record;        /* there; of one that was lost until its row goes */
    size_t n_ahead_gone;          /* of what was read ahead, since that was written down */
    bool is_ahead_lost;           /* it could not be written down */
    enum ending_how how;          /* when closed, with the time and the reason */
    int64_t ended;
    char *reason;                         /* or NULL */
    struct handle *prev, *next;           /* of the same session; in the history, by entry */
    int64_t entry;                        /* number of its entry into the history */
    struct handle *live_prev, *live_next; /* of all that live */
    struct handle *unkept_prev, *unkept_next;
    struct handle *known_prev, *known_next;
    UT_hash_handle hh, hh_name, hh_entry;
};

struct store;

/* What is asked for at creation. Texts are copied; NULL: none. */
struct creation {
    const char *name, *label, *site, *pool;
    struct wire_lease lease;
    bool survive;
    struct pool *in;  /* where it belongs; found by create_check. NULL: nothing is charged */
    int family, type; /* of the socket; type 0: ask the kernel */
    enum inherited inherited;
};

/* The same, of any method's parameters that have CREATION_ROWS. */
#define CREATION_OF(p)                                                                             \
    ((struct creation){(p)->name.s, (p)->label.s, (p)->site.s, (p)->pool.s, (p)->lease,            \
                       (p)->survive.v, NULL, 0, 0, INHERITED_NOT})

/* An empty store that numbers handles from `first` and writes down in `state` what must be known
 * after the daemon. `wait`, `now` and `state` are borrowed. NULL when memory is out. */
struct store *store_new(struct wait *wait, const struct now *now, struct state *state,
                        int64_t first);

/* Who keeps sockets beyond the daemon; borrowed, NULL: nobody. */
void store_set_keep(struct store *s, struct keep *keep);

/* Whose sockets are looked at by store_look. Borrowed; NULL: those of no pool alone. */
void store_set_pools(struct store *s, struct pools *pools);

/* How many closed rows are kept, and how long. */
void store_set_history(struct store *s, int64_t n_rows, int64_t age_usec);

/* The daemon is about to end: from now on the end of a session closes only what cannot be there
 * again after a restart. */
void store_end(struct store *s);

/* Closes every socket and forgets everything. What outlives its session stays in the state: the
 * daemon that comes next gets it back, or tells that it was lost. */
void store_free(struct store *s);

/* -- after a restart -- */

/* Goes on with the counts of the daemon before; n_left: how many records it has left, each of which
 * is restored or lost next. */
void store_set_tally(struct store *s, const struct tally *tally, int64_t n_left);

/* A record of the daemon before lives on as `fd` (taken, also on failure), under its old number.
 * opener and pool get a reference; holder: the absent session that holds it, NULL: none. Returns 0
 * or -errno: then it is lost. */
struct restored {
    struct principal *opener;
    struct pool *pool;
    struct session *holder;
    const void *ahead; /* what it had read ahead, n bytes; borrowed */
    size_t n_ahead;
};
int store_restore(struct store *s, const struct record *record, int fd,
                  const struct restored *with);

/* It did not come back: its row tells that, and why; also after further restarts. One that was lost
 * before (record->ended) is not counted again. Returns 0 or -ENOMEM: it is counted, without a row.
 */
int store_lose(struct store *s, const struct record *record, const struct restored *with,
               const char *reason);

/* Takes a socket that comes from the service manager itself (fd: taken, also on failure), as one
 * that no session holds. Same errors as store_add. */
int store_inherit(struct store *s, int fd, const struct creation *how, struct principal *owner,
                  enum inherited inherited, struct error *e);

/* All that an absent session holds is this session's again, with its number. */
void store_resume(struct session *absent, struct session *session);

/* -- */

/* Takes the kernel socket `fd` (also on failure, then it is closed) under a new number for this
 * session. Returns 0 with *ret, ERROR_HANDLE when the name is taken, ERROR_INVALID_PARAMS for a bad
 * name, ERROR_OS; ERROR_LEASE when it must survive and the service manager does not take it: then
 * it is closed again. */
int store_add(struct store *s, struct session *session, int fd, const struct creation *how,
              enum handle_state state, struct handle **ret, struct error *e);

/* Whether a name could be given now in this pool (NULL: there is but one): so that a request fails
 * before it has had an effect. Same errors. */
int store_check_name(struct store *s, const struct session *session, const struct pool *pool,
                     const char *name, struct error *e);

/* Whether the session may use the handle: it holds it, or its user has opened it. Whether it may
 * see it, and attach and reap it: the same, and the admins of its pool. */
bool store_may_use(const struct session *session, const struct handle *h);
bool store_may_see(const struct session *session, const struct handle *h);

/* How many sockets the session holds in the pool. */
int64_t store_n_held(struct session *session, struct pool *pool);

/* Frees what the session counted. */
void store_forget_session(struct session *session);

/* The living handle of a number or name, as far as this session may use it. Returns 0, or
 * ERROR_HANDLE that says whether it is unknown or closed, when and how. */
int store_find(struct store *s, const struct session *session, const struct wire_handle *wanted,
               struct handle **ret, struct error *e);

/* The living handle of a name in this pool, whoever may use it; NULL: there is none. */
struct handle *store_find_named(const struct store *s, const struct session *session,
                                const struct pool *pool, const char *name);

/* The same for one that the session may see, also if it may not use it; and, store_find_row, that
 * may be closed. */
int store_find_seen(struct store *s, const struct session *session,
                    const struct wire_handle *wanted, struct handle **ret, struct error *e);
int store_find_row(struct store *s, const struct session *session, const struct wire_handle *wanted,
                   struct handle **ret, struct error *e);

/* The handle of a number, whosever it is, living or closed; NULL: the history has let it go, or
 * there never was one. */
struct handle *store_find_number(const struct store *s, int64_t number);

/* Closes it and writes down how and why (copied, or NULL). Requests that wait on it come up.
 * The pointer stays valid until the history lets the row go, and so at least to the end of this
 * turn. Never blocks. */
void store_close(struct store *s, struct handle *h, enum ending_how how, const char *reason);

/* The session ends: what it holds is closed as reclaimed, or, where the lease says so, stays
 * without a holder for as long as the lease runs. Names with @ end with the session in any case. */
void store_end_session(struct store *s, struct session *session, const char *reason);

/* Changes the lease; that of a handle without a holder runs from now. Returns 0, ERROR_LEASE for
 * LEASE_SESSION when there is no session, or ERROR_OS (ENOMEM). */
int store_set_lease(struct store *s, struct handle *h, int64_t lease_usec, struct error *e);

/* Gives a handle without a holder to this session, with this lease if it is set; harmless when the
 * session holds it already. Returns 0, ERROR_HANDLE when another session holds it, or ERROR_OS
 * (ENOMEM); then nothing has changed. */
int store_attach(struct store *s, struct handle *h, struct session *session,
                 const struct wire_lease *lease, struct error *e);

/* Closes, as expired, what has outlived its lease. */
void store_expire(struct store *s);

/* Finds what has come to look forgotten: see enum suspicion_kind. A use clears it. */
void store_look(struct store *s);

/* When the next lease ends or the next look is due (monotonic microseconds); INT64_MAX: never. */
int64_t store_next_time(const struct store *s);

/* -- custody -- */

/* Somebody else gets the kernel's socket. Returns 0 or -ENOMEM: then nothing has changed. */
int store_share(struct store *s, struct handle *h);

/* The daemon lets go of it without an end of the socket: the row goes on telling of it, as
 * handed_off. */
void store_release(struct store *s, struct follow *f, struct handle *h);

/* The handle that a socket is known to this session under: one that is shared or was handed off,
 * and that the session may use; NULL: there is none. */
struct handle *store_find_cookie(const struct store *s, const struct session *session,
                                 int64_t cookie);

/* A living handle gets another name and label; what is NULL stays as it is. Returns 0,
 * ERROR_HANDLE, ERROR_INVALID_PARAMS for a bad name, or ERROR_OS (ENOMEM). */
int store_rename(struct store *s, const struct session *session, struct handle *h, const char *name,
                 const char *label, struct error *e);

/* One that was handed off has come back as `fd` (taken, also on failure): it lives again under its
 * number, and session holds it. Name, label and lease are as `how` says; what how leaves open stays
 * as it was, but for a name that is taken by now. Same errors as store_add. */
int store_take_back(struct store *s, struct handle *h, struct session *session, int fd,
                    const struct creation *how, struct error *e);

/* Asks what the kernel knows of one that is shared or was handed off: its state, addresses and
 * counts become the row's. Returns whether the kernel has it: 1, 0 (h->died says since when), or -1
 * where it does not tell. */
int store_see(struct store *s, struct follow *f, struct handle *h);

/* Takes up which sockets have died as the kernel tells, a bounded number at a time. */
void store_take_deaths(struct store *s, struct follow *f);

/* Of how many that were handed off the death will be told. */
int64_t store_n_followed(const struct store *s);

/* "daemon", "shared", "handed_off". */
const char *store_custody_name(enum custody custody);

/* Takes over what happened to a handle: its new state, use, or addresses (read from the kernel). */
void store_note_state(struct store *s, struct handle *h, enum handle_state state);
void store_note_use(struct store *s, struct handle *h, int64_t n_sent, int64_t n_received);
void store_note_addresses(struct store *s, struct handle *h);

/* Writes down what was changed in the handle itself: its timeout, whose it is. */
void store_save(struct store *s, struct handle *h);

/* The same for what it has read ahead. */
void store_save_ahead(struct store *s, struct handle *h);

/* It must survive from now on. Returns 0, or ERROR_LEASE when the service manager does not take it:
 * then it need not. */
int store_insist(struct store *s, struct handle *h, struct error *e);

/* Those that wait to be kept are given to the manager, in order, as far as it takes them; whether
 * some wait because it is busy. */
void store_keep_more(struct store *s);
bool store_is_unkept(const struct store *s);

/* What to tell where something would not survive, for the reason `why`. Returns ERROR_LEASE. */
int store_mortal(struct error *e, const char *why);

/* The service manager is asked to let go of its copy. Returns the order, see keep_is_done. */
int64_t store_unkeep(struct store *s, struct handle *h);

/* Whether it outlives the daemon, and if not, why (static text). */
bool store_survives(const struct store *s, const struct handle *h, const char **ret_reason);

/* A stream has the handle's bytes from now on (taken), what was read ahead included; and it has
 * ended by itself. What went through it counts as use. */
struct stream;
struct stream_end;
void store_begin_stream(struct store *s, struct handle *h, struct stream *stream);
void store_end_stream(struct store *s, struct handle *h, const struct stream_end *end);

/* Takes over what has gone through its stream since the last time, if there is one; and through
 * all. */
void store_count_stream(struct store *s, struct handle *h);
void store_count_streams(struct store *s);

/* What TLS still holds of what was sent goes out as the socket takes it, whether somebody calls or
 * not. */
void store_flush(struct store *s, struct handle *h);

/* Remembers the host name that it was connected by (copied; NULL: by none), which a certificate
 * will be held against. Without memory it is not remembered, and then the peer's address is. */
void store_note_host(struct handle *h, const char *host);

/* The inode of the kernel's socket, asked for when somebody wants to know. */
int64_t store_inode(struct handle *h);

/* The handle's name as its users write it, or NULL. */
const char *store_name_of(const struct handle *h);

/* The living in ascending order, from the first above the number `after`; the closed in the order
 * in which they came into the history, from the first above the entry `after`: those numbers only
 * rise, and a row that comes again gets a new one. NULL at the end. */
struct handle *store_first(const struct store *s, int64_t after);
struct handle *store_first_closed(const struct store *s, int64_t after);
struct handle *store_next(const struct handle *h);

/* The number of the next handle, and how many live. */
int64_t store_next_number(const struct store *s);
int64_t store_n_live(const struct store *s);

/* How many sockets were ever opened, and how many of them ended each way. */
struct tally store_tally(const struct store *s);

/* What happened to the handles and the pools; and that a pool's limit (static text) was met. */
const struct events *store_events(const struct store *s);
void store_note_exhausted(struct store *s, const struct pool *pool, const char *limit);

/* Lets rows go that the history need not keep. Those that are followed stay beside, as many again.
 */
void store_trim(struct store *s);

/* What a state, an ending or a suspicion is called on the wire. */
const char *store_state_name(enum handle_state state);
const char *store_ending_name(enum ending_how how);
const char *store_suspicion_name(enum suspicion_kind kind);
