/* call.h — one request while it is worked on, and what a handler may use. A handler returns; it
 * never replies, so it can neither forget a reply nor send two. One that must wait returns LATER
 * and is called again, with the same call, when there is hope; what it needs to remember until then
 * stands here. */
#pragma once
#include <limits.h>

#include "core.h"
#include "proto/arena.h"
#include "proto/methods.h"
#include "resolver.h"
#include "store.h"
#include "wait.h"

/* Not an answer: the attempt did not come to an end. Beside 0, > 0 (an error for the client) and
 * -errno. */
enum { LATER = INT_MIN };

struct call {
    struct core *core;
    struct session *session;
    const struct method *method;
    struct arena arena; /* params, result and all that they point to */
    void *params, *result;
    struct error error;

    const char *id; /* its JSON text; NULL: a notification */
    size_t n_id;
    void *peer, *batch; /* of whoever made the call */

    struct handle *handle; /* the one that params name, looked up for each attempt */
    int64_t handle_id;     /* and its number, since the first attempt */
    int64_t timeout_usec;  /* FOREVER, 0 or a span */
    int64_t deadline;      /* monotonic microseconds; INT64_MAX: none */
    bool is_cancelled;
    struct ticket ticket;
    struct call *prev, *next; /* of the session's calls that wait */

    /* kept between attempts */
    bool is_started;
    int64_t retry_at; /* come up again at this time at the latest; 0: no such time */
    int n_vain;       /* attempts since the last that brought something */
    bool is_slowed;
    size_t n_sent;
    size_t n_searched; /* bytes read ahead that hold no delimiter */
    int64_t order;     /* that the service manager carries out first; 0: none */
    int64_t patience;  /* until then a service manager that is busy is waited for; 0: not begun */
    int fd;            /* came with the request; -1: none; owned */
    int fd_out;        /* goes with the reply; -1: none; owned */
    int n_fds_unread;  /* that went with earlier replies and may not have been read */
    bool ends_session; /* its error is one of the wire: nobody knows what belongs to what */
    struct lookup *lookup;
    struct wire_sockaddr resolved; /* of the call's address */
    void *work;                    /* of the handler's own, and how it ends; NULL: none */
    void (*work_free)(void *work);
    struct link *links;
};

/* A call of this session, NULL when memory is out; and its end, which frees all it held and lets go
 * of what still runs for it. */
struct call *call_new(struct core *core, struct session *session);
void call_free(struct call *c);

/* Frees the calls that are kept for reuse. */
void call_free_spares(struct core *core);

/* Nobody waits for an answer any more, or something else ended the wait: the call comes up and
 * answers `cancelled`. */
void call_cancel(struct call *c);

/* -- for handlers -- */

/* The attempt has to wait for `events` (EPOLLIN, EPOLLOUT; 0: for a worker or the time) on the
 * call's own handle. Returns LATER, or what the client is to be told: EAGAIN for a timeout of 0.
 * `what` names the attempt. */
int call_wait(struct call *c, uint32_t events, const char *what);

/* Before the handle's socket is closed: the service manager lets go of its copy first, so that the
 * close is the last one here. True: come up again; for a second at most. */
bool call_must_wait_for_manager(struct call *c);

/* Waits for a worker or for the time alone, whatever the timeout. */
int call_wait_for_worker(struct call *c);

/* The kernel's address of what the client wrote, by a look-up where one is needed. Returns 0, LATER
 * or an error. */
int call_address(struct call *c, const struct wire_address *address, int family, int type,
                 bool passive, struct wire_sockaddr *ret);

/* Starts a look-up for this call, at most LIMIT_LOOKUPS at once in a session. 0: it is done
 * (c->lookup), LATER, or an error. Called again, it tells what came of it. */
int call_find_addresses(struct call *c, const char *host, const char *service,
                        const struct addrinfo *hints);

/* What a look-up that was just started (or not: c->lookup is NULL) means for the call: 0, LATER or
 * an error. */
int call_lookup_started(struct call *c, int sys_errno);

/* Frees the call's look-up. */
void call_end_lookup(struct call *c);

/* What a pool's policy denies, and what it can no longer pay for, as the client's error. */
int call_denied(struct call *c, const struct pool *pool, const struct verdict *verdict);
int call_exhausted(struct call *c, const struct pool *pool, const struct pool_shortage *shortage);
int call_lease_too_long(struct call *c, const struct pool *pool);

/* The pool pays for what the daemon has in memory for the call's handle now. Returns 0 or
 * ERROR_POOL. */
int call_charge_buffer(struct call *c);

/* The host name of an address that has to be looked up; NULL: it is none. Rules for names ask for
 * it. */
const char *call_name_of(const struct wire_address *given);

/* Asks the policy of the call's handle. Returns 0 or ERROR_POLICY. */
int call_check_bind(struct call *c, const struct wire_sockaddr *address);
int call_check_option(struct call *c, const struct pool *pool, const struct option_value *value);
int call_check_plane(struct call *c, enum policy_plane plane);
int call_check_connect(struct call *c, const struct wire_sockaddr *address,
                       const struct wire_address *given);

/* Whether the pool's policy allows this client such a socket. */
bool call_allows_socket(const struct call *c, const struct pool *pool, int family, int type,
                        struct verdict *ret);

/* -- acting as the client -- */

/* As what a socket of this family is made and used for the client. */
enum principal_part call_part(int family);

/* principal_assume for the call's client, whose refusal is the client's error (> 0). To be followed
 * by principal_resume. */
int call_assume(struct call *c, enum principal_part part);

/* What a path leads to, held against the policy as well once the path itself has been: for binding
 * in this pool (NULL: there is but one), where a link may still be put in the way between this and
 * bind(2); and for connecting and sending with the call's handle. There the address becomes one
 * that leads to the file that was looked at, whatever becomes of the path, while *ret_fd (-1: not
 * needed; the caller's to close) is open. Returns 0, ERROR_OS or ERROR_POLICY. */
int call_check_bind_path(struct call *c, const struct pool *pool,
                         const struct wire_sockaddr *address);
int call_pin_path(struct call *c, struct wire_sockaddr *address, int *ret_fd);

/* An -errno of what was done as the client. */
int call_os_as_client(struct call *c, enum principal_part part, int r, const char *what);

/* An -errno of a system call as the client's error. */
int call_os(struct call *c, int r, const char *what);
