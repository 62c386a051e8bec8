#include "client/greet.h"

#include <errno.h>
#include <stdlib.h>

#include "client/learn.h"

/* More ids of ours; learn.h has those above. The last is the first of as many as the caller has. */
#define HELLO_ID (LEARN_FIRST_ID - 1)
#define PING_ID  (LEARN_FIRST_ID - 2)
#define TIME_ID  (INT64_C(1) << 51)

int greet_say_hello(berth *b)
{
    struct buf params = {0};
    int r;

    learn_write_hello(b, &params);
    r = reply_ask(b, HELLO_ID, method_at(METHOD_hello)->name, &params);
    buf_done(&params);
    b->ride.is_introduced = true;
    return r;
}

int greet_begin(berth *b)
{
    struct ride *ride = &b->ride;
    struct buf nothing = {0};
    int r;

    ride->state = RIDE_GREETING;
    ride->n_owed = 2;
    ride->is_resumed = ride->is_restarted = false;
    buf_add_text(&nothing, "{}");
    r = greet_say_hello(b) < 0 ? -1 : reply_ask(b, PING_ID, method_at(METHOD_ping)->name, &nothing);
    buf_done(&nothing);
    return r;
}

/* -- what has to be known and told ------------------------------------------------------------- */

/* Asks how long the handles' calls were to wait, for those that are sent again. */
static int ask_timeouts(berth *b)
{
    struct buf params = {0};
    int n = 0, r = 0;

    for (struct pending *p = b->ride.requests.first; p && r == 0; p = p->next) {
        buf_truncate(&params, 0);
        if (p->n_sent == 0 || !pending_may_be_sent(p) || !pending_find_timeout(p, &params))
            continue;
        r = reply_ask(b, TIME_ID + p->id, method_at(METHOD_gettimeout)->name, &params);
        n++;
    }
    buf_done(&params);
    return r < 0 ? -1 : n;
}

/* All that was owed is there. Returns as greet_take(). */
static int advance(berth *b)
{
    struct ride *ride = &b->ride;
    int n_told, n_asked;

    if (ride->state == RIDE_ASKING)
        return 1;
    ride->state = RIDE_ASKING;
    if ((n_told = learn_tell(b)) < 0 || (n_asked = ask_timeouts(b)) < 0)
        return -1;
    ride->n_owed = n_told + n_asked;
    return ride->n_owed == 0;
}

/* -- answers ----------------------------------------------------------------------------------- */

bool greet_owns(const struct reply *reply)
{
    return reply->m.has_id && reply->m.id >= TIME_ID;
}

/* An older daemon does not know `resume`. */
static int take_hello(berth *b, const struct reply *reply)
{
    struct ride *ride = &b->ride;
    uint32_t resumed;

    ride->is_greeted = true;
    if (reply->m.error && ride->learnt.token && ride->state == RIDE_GREETING) {
        free(ride->learnt.token);
        ride->learnt.token = NULL;
        ride->n_owed++;
        return greet_say_hello(b);
    }
    if (reply->m.error)
        return 0;
    resumed = json_member(&b->json, reply->m.result, "resumed");
    ride->is_resumed = resumed && b->json.tokens[resumed].type == JSON_TRUE;
    return learn_hello(b, reply) < 0 ? session_break(b, ENOMEM) : 0;
}

static void take_ping(berth *b, const struct reply *reply)
{
    uint32_t token = reply->m.result ? json_member(&b->json, reply->m.result, "uptime") : 0;
    double uptime;

    b->ride.is_restarted = token && json_get_number(&b->json, token, &uptime) &&
                           uptime < pending_now() - b->ride.connected_at;
}

static void take_timeout(berth *b, const struct reply *reply)
{
    struct pending *p = pending_find(&b->ride.requests, reply->m.id - TIME_ID);
    uint32_t token = reply->m.result ? json_member(&b->json, reply->m.result, "timeout") : 0;

    if (p && token)
        json_get_number(&b->json, token, &p->timeout);
}

int greet_take(berth *b, const struct reply *reply)
{
    int r = 0;

    if (reply->m.id == HELLO_ID)
        r = take_hello(b, reply);
    else if (reply->m.id == PING_ID)
        take_ping(b, reply);
    else if (reply->m.id >= LEARN_FIRST_ID)
        r = learn_told(b, reply);
    else
        take_timeout(b, reply);
    if (r < 0 || b->ride.state == RIDE_HOME)
        return r < 0 ? -1 : 0;
    b->ride.n_owed += r - 1;
    return b->ride.n_owed > 0 ? 0 : advance(b);
}
