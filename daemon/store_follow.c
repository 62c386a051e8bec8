/* What becomes of sockets that others have: how the kernel's cookie finds their handles, what is
 * seen of them at hand and from afar, and when they die. */
#include "store_inside.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <utlist.h>

#include "socket.h"

enum { DEATHS_AT_ONCE = 256 };

/* -- by cookie -- */

static struct known *find_known(const struct store *s, int64_t cookie)
{
    struct known *k = NULL;

    if (cookie)
        HASH_FIND(hh, s->known, &cookie, sizeof cookie, k);
    return k;
}

struct handle *store_find_cookie(const struct store *s, const struct session *session,
                                 int64_t cookie)
{
    const struct known *k = find_known(s, cookie);
    struct handle *h, *gone = NULL;

    if (!k)
        return NULL;
    DL_FOREACH2(k->handles, h, known_next)
    {
        if (!store_may_use(session, h))
            continue;
        if (h->fd >= 0)
            return h;
        gone = h;
    }
    return gone;
}

static struct known *make_known(struct store *s, int64_t cookie)
{
    struct known *k = find_known(s, cookie);

    if (k || !(k = calloc(1, sizeof *k)))
        return k;
    k->cookie = cookie;
    HASH_ADD(hh, s->known, cookie, sizeof k->cookie, k);
    if (k->hh.tbl)
        return k;
    free(k);
    return NULL;
}

static int number_option(int fd, int number)
{
    int v = 0;
    size_t n = sizeof v;

    return socket_get_option(fd, SOL_SOCKET, number, &v, &n) < 0 ? 0 : v;
}

int store_enter_cookie(struct store *s, struct handle *h)
{
    struct known *k;

    h->protocol = number_option(h->fd, SO_PROTOCOL);
    h->netns = follow_netns(h->fd);
    if (!h->cookie || h->known)
        return 0;
    if (!(k = make_known(s, h->cookie)))
        return -ENOMEM;
    h->known = k;
    DL_APPEND2(k->handles, h, known_prev, known_next);
    return 0;
}

static void set_told(struct store *s, struct handle *h, int64_t told_since)
{
    s->n_followed += (told_since != 0) - (h->told_since != 0);
    h->told_since = told_since;
}

void store_end_following(struct store *s, struct handle *h)
{
    set_told(s, h, 0);
    h->is_tabled = h->is_doubtful = false;
}

void store_leave_cookie(struct store *s, struct handle *h)
{
    struct known *k = h->known;

    store_end_following(s, h);
    if (!k)
        return;
    h->known = NULL;
    DL_DELETE2(k->handles, h, known_prev, known_next);
    if (k->handles)
        return;
    HASH_DEL(s->known, k);
    free(k);
}

bool store_is_followed(const struct handle *h)
{
    return h->fd < 0 && h->known && !h->died && (h->told_since || h->is_tabled);
}

int64_t store_n_followed(const struct store *s)
{
    return s->n_followed;
}

/* -- what is seen -- */

static void take_address(struct wire_sockaddr **kept, const struct wire_sockaddr *now)
{
    if (!now->len)
        return;
    if (!*kept)
        *kept = malloc(sizeof **kept);
    if (*kept)
        **kept = *now;
}

static void take_counts(struct handle *h, const struct followed *f)
{
    if (!f->has_counts)
        return;
    if (f->n_sent > h->n_sent)
        h->n_sent = f->n_sent;
    if (f->n_received > h->n_received)
        h->n_received = f->n_received;
}

static bool was_connected(const struct handle *h)
{
    return h->state == STATE_CONNECTED || h->state == STATE_HALF_CLOSED;
}

/* Who it was connected to before is nobody's peer. */
static void forget_peer(struct handle *h, enum handle_state state)
{
    if (state != STATE_CREATED && state != STATE_BOUND && state != STATE_LISTENING)
        return;
    free(h->peer);
    h->peer = NULL;
    h->is_read_shut = false;
}

/* -- at hand -- */

static enum handle_state unconnected(const struct handle *h)
{
    return h->address && socket_is_bound(h->address) ? STATE_BOUND : STATE_CREATED;
}

static enum handle_state tcp_state(const struct handle *h, const struct followed *seen)
{
    switch (seen->state) {
    case FOLLOWED_CONNECTING:
        return STATE_CONNECTING;
    case FOLLOWED_CONNECTED:
        return h->is_read_shut ? STATE_HALF_CLOSED : STATE_CONNECTED;
    case FOLLOWED_HALF_CLOSED:
        return STATE_HALF_CLOSED;
    default:
        /* Both sides have ended a connection that has not been replaced. */
        return seen->is_over && (was_connected(h) || h->state == STATE_CLOSED) ? STATE_HALF_CLOSED
                                                                               : unconnected(h);
    }
}

/* The kernel tells no more of others than whether they have a peer. */
static enum handle_state other_state(const struct handle *h)
{
    struct wire_sockaddr peer;

    if (socket_peer(h->fd, &peer) == 0)
        return h->state == STATE_HALF_CLOSED ? STATE_HALF_CLOSED : STATE_CONNECTED;
    /* A connection may lose its peer, but is nothing else afterwards. */
    if (was_connected(h) && (h->type == SOCK_STREAM || h->type == SOCK_SEQPACKET))
        return h->state;
    return unconnected(h);
}

/* What others have done with it the daemon sees by its own copy. */
static void see_at_hand(struct store *s, struct handle *h)
{
    bool is_tcp = h->protocol == IPPROTO_TCP && h->type == SOCK_STREAM;
    enum handle_state state = STATE_LISTENING;
    struct followed seen = {0};

    store_note_addresses(s, h);
    is_tcp = is_tcp && follow_at_hand(h->fd, &seen);
    if (!socket_is_listening(h->fd))
        state = is_tcp ? tcp_state(h, &seen) : other_state(h);
    forget_peer(h, state);
    store_note_state(s, h, state);
    take_counts(h, &seen);
    store_save_counts(s, h);
}

/* -- from afar -- */

static struct follow_target target_of(const struct handle *h)
{
    return (struct follow_target){
        .family = h->family,
        .type = h->type,
        .protocol = h->protocol,
        .cookie = h->cookie,
        .inode = h->inode,
        .netns = h->netns,
        .address = h->address,
        .peer = h->peer,
        .is_in_table = h->is_tabled,
    };
}

void store_begin_following(struct store *s, struct follow *f, struct handle *h)
{
    struct follow_target target;
    struct followed seen;

    store_inode(h);
    target = target_of(h);
    /* What is not found while it is here for sure cannot be missed later. */
    h->is_tabled = follow_ask(f, &target, &seen) == 1;
    set_told(s, h, follow_told_since(f, &target));
}

/* A transition, of one that is closed here. */
static void set_last_state(struct store *s, struct handle *h, enum handle_state state)
{
    h->state = h->died ? STATE_CLOSED : h->last_state;
    store_set_state(s, h, state);
    h->last_state = state;
    h->state = STATE_CLOSED;
}

/* is_sure: the kernel says so, and it will not be seen again. */
static void note_died(struct store *s, struct handle *h, bool is_sure)
{
    if (!h->died) {
        set_last_state(s, h, STATE_CLOSED);
        h->died = s->now->real;
        store_renew_history(s, h);
        events_add(&s->events, EVENT_DIED, s->now->real, h->id, NULL);
    }
    if (is_sure) {
        store_leave_cookie(s, h);
        return;
    }
    store_end_following(s, h);
    h->is_doubtful = true;
}

static enum handle_state state_afar(const struct handle *h, enum followed_state seen)
{
    static const enum handle_state states[] = {
        [FOLLOWED_BOUND] = STATE_BOUND,
        [FOLLOWED_LISTENING] = STATE_LISTENING,
        [FOLLOWED_CONNECTING] = STATE_CONNECTING,
        [FOLLOWED_CONNECTED] = STATE_CONNECTED,
        [FOLLOWED_HALF_CLOSED] = STATE_HALF_CLOSED,
    };

    return seen == FOLLOWED_UNKNOWN ? h->last_state : states[seen];
}

static void take_sight(struct store *s, struct follow *f, struct handle *h,
                       const struct followed *seen)
{
    const struct follow_target target = target_of(h);

    take_address(&h->address, &seen->address);
    take_address(&h->peer, &seen->peer);
    take_counts(h, seen);
    set_last_state(s, h, state_afar(h, seen->state));
    if (seen->state != FOLLOWED_UNKNOWN)
        forget_peer(h, h->last_state);
    h->died = 0;
    h->is_tabled = true;
    h->is_doubtful = false;
    set_told(s, h, follow_told_since(f, &target));
}

static bool is_at_hand(const struct known *k)
{
    const struct handle *h;

    DL_FOREACH2(k->handles, h, known_next)
    if (h->fd >= 0)
        return true;
    return false;
}

/* It stands in no table where it stood before. That is no death where deaths are told, and this was
 * not; where they are not told it is taken for one. Returns as store_see. */
static int miss(struct store *s, struct follow *f, struct handle *h)
{
    const struct follow_target target = target_of(h);

    if (is_at_hand(h->known))
        return 1;
    store_take_deaths(s, f);
    if (h->died)
        return 0;
    if (h->told_since && h->told_since == follow_told_since(f, &target))
        return -1;
    note_died(s, h, false);
    return 0;
}

static int see_from_afar(struct store *s, struct follow *f, struct handle *h)
{
    const struct follow_target target = target_of(h);
    struct followed seen;
    int r = follow_ask(f, &target, &seen);

    switch (r) {
    case 1:
        take_sight(s, f, h, &seen);
        return 1;
    case 0:
        take_counts(h, &seen);
        note_died(s, h, true);
        return 0;
    case -ENOENT:
        take_counts(h, &seen);
        return miss(s, f, h);
    default:
        return h->died ? 0 : -1;
    }
}

int store_see(struct store *s, struct follow *f, struct handle *h)
{
    if (h->fd >= 0) {
        see_at_hand(s, h);
        return 1;
    }
    if (h->died && !h->is_doubtful)
        return 0;
    return h->custody == CUSTODY_HANDED_OFF && h->known && f ? see_from_afar(s, f, h) : -1;
}

/* -- deaths -- */

static void note_death(struct store *s, int64_t cookie, const struct followed *last)
{
    struct known *k = find_known(s, cookie);
    struct handle *h, *next;

    for (h = k ? k->handles : NULL; h; h = next) {
        next = h->known_next;
        if (h->fd >= 0)
            continue;
        take_counts(h, last);
        note_died(s, h, true);
    }
}

void store_take_deaths(struct store *s, struct follow *f)
{
    struct followed last;
    int64_t cookie;

    for (int n = 0; n < DEATHS_AT_ONCE && follow_next_death(f, &cookie, &last); n++)
        note_death(s, cookie, &last);
}
