/* check_fault_ledger.c — out of memory in the handlers of leases, pools, events and the ledger:
 * whichever allocation fails, each answer is right or an error, the ledger balances, and no
 * descriptor is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/server.h"
#include "fault.h"
#include "house.h"

enum { MOST_TURNS = 100000 }; /* a look-up's thread may take its time */

/* "tight" denies, and has room for three. */
static const char settings[] = "[pool wide]\n"
                               "max-lease = permanent\n"
                               "[pool tight]\n"
                               "bind = 127.0.0.1:80\n"
                               "connect = 10.0.0.0/8:5432\n"
                               "max-sockets = 3\n"
                               "max-lease = 60\n";

/* -- what is asked, and what a right answer has -- */

static bool has_lease_60(json_t *r)
{
    return house_number(r, "lease") == 60 && house_size(r, "transitions") >= 1;
}

static bool is_permanent(json_t *r)
{
    return strcmp(house_text(r, "lease"), "permanent") == 0;
}

static bool is_attached(json_t *r)
{
    return house_number(r, "lease") == 100 && house_size(r, "suspect") == 0;
}

static bool has_transitions(json_t *r)
{
    return house_size(r, "transitions") >= 1 && house_has(r, "transitions.0.state") &&
           house_has(r, "opened") && house_has(r, "owner.uid");
}

static bool has_pools(json_t *r)
{
    return house_size(r, "pools") == 2 && house_has(r, "pools.0.limits") &&
           house_has(r, "pools.0.in_use.sockets") && house_size(r, "pools.0.holders") >= 1;
}

static bool is_allowed(json_t *r)
{
    return house_bool(r, "allowed") && *house_text(r, "rule");
}

static bool is_denied(json_t *r)
{
    return !house_bool(r, "allowed") && *house_text(r, "rule") && *house_text(r, "nearest") &&
           *house_text(r, "hint");
}

static bool has_counters(json_t *r)
{
    return house_int(r, "handles") == house_n_live() && house_int(r, "reclaimed_total") >= 2;
}

/* Three were reclaimed, and one orphan at least is there. */
static bool has_worst_first(json_t *r)
{
    char reclaimed[64], suspects[64];
    long long n = 0;

    for (size_t i = 0; i < house_size(r, "groups"); i++) {
        snprintf(reclaimed, sizeof reclaimed, "groups.%zu.reclaimed", i);
        snprintf(suspects, sizeof suspects, "groups.%zu.suspects", i);
        n += house_int(r, reclaimed) + house_int(r, suspects);
    }
    return n >= 4 && house_int(r, "groups.0.reclaimed") == 2 &&
           strcmp(house_text(r, "groups.0.site"), "worst:1") == 0 &&
           house_size(r, "groups.0.handles") == 2;
}

static bool has_one_row(json_t *r)
{
    return house_size(r, "rows") == 1 && house_has(r, "rows.0.handle");
}

static bool has_rows(json_t *r)
{
    return house_size(r, "rows") >= 1;
}

static bool has_subscription(json_t *r)
{
    return house_has(r, "subscription") && house_has(r, "seq");
}

static bool balances(json_t *r)
{
    return house_int(r, "balance") == 0;
}

static const struct {
    const char *method, *params;
    bool (*is_right)(json_t *result); /* NULL: the answer is … */
    const char *kind, *name;          /* … this error */
    bool depends;                     /* on what an earlier one did */
} steps[] = {
    {"subscribe", "{'events':['opened','closed','suspect','cleared','pool'],'since':0}",
     has_subscription, NULL, NULL, false},
    {"subscribe", "{'events':['closed'],'filter':{'pool':'wide','label':'x'}}", has_subscription,
     NULL, NULL, false},
    {"socketpair", "{'name':'p','lease':30,'site':'x:1','label':'pair'}", NULL, NULL, NULL, false},
    {"lease", "{'handle':'p','lease':60}", has_lease_60, NULL, NULL, false},
    {"lease", "{'handle':'p','lease':'permanent'}", is_permanent, NULL, NULL, false},
    {"attach", "{'handle':'left','lease':100}", is_attached, NULL, NULL, false},
    {"attach", "{'handle':'left'}", is_attached, NULL, NULL, true},
    {"ledger.get", "{'handle':'left'}", has_transitions, NULL, NULL, false},
    {"ledger.list", "{'filter':{'pool':'wide'}}", has_rows, NULL, NULL, false},
    {"ledger.list", "{'filter':{'state':'closed'}}", has_rows, NULL, NULL, false},
    {"pool.list", "{}", has_pools, NULL, NULL, false},
    {"why", "{'method':'connect','address':['127.0.0.1',80]}", is_allowed, NULL, NULL, false},
    {"why", "{'method':'connect','address':['127.0.0.1',80],'pool':'tight'}", is_denied, NULL, NULL,
     false},
    {"create_server", "{'address':['127.0.0.1',81],'pool':'tight'}", NULL, "policy", "DENIED",
     false},
    {"create_connection", "{'host':'127.0.0.1','port':81,'pool':'tight'}", NULL, "policy", "DENIED",
     false},
    {"socketpair", "{'name':'q','pool':'tight','lease':20,'label':'reap'}", NULL, NULL, NULL,
     false},
    {"socketpair", "{'pool':'tight'}", NULL, "pool", "max-sockets", true},
    {"lease", "{'handle':'q','lease':61}", NULL, "lease", "TOO_LONG", false},
    {"stats", "{}", has_counters, NULL, NULL, false},
    {"ledger.leaks", "{}", has_worst_first, NULL, NULL, false},
    {"ledger.reap", "{'filter':{'suspect':'orphan'},'dry_run':true}", has_one_row, NULL, NULL,
     true},
    {"ledger.reap", "{'filter':{'label':'reap'}}", has_rows, NULL, NULL, true},
    {"unsubscribe", "{'subscription':1}", has_subscription, NULL, NULL, true},
    {"ledger.audit", "{}", balances, NULL, NULL, false},
};

/* -- asking with faults -- */

/* Faults are on in the daemon's turns only. */
static void turn(void)
{
    int r;

    fault_turn(true);
    r = server_turn(house_server(), 0);
    fault_turn(false);
    ck_assert_int_eq(r, 0);
}

/* The next reply, past the events; NULL when the session has ended. */
static json_t *next_reply(struct house_client *c)
{
    json_t *reply;

    do {
        for (int n = 0; !house_is_answered(c); n++, turn())
            ck_assert_msg(n < MOST_TURNS, "no answer");
        reply = house_next_or_end(c);
    } while (reply && house_has(reply, "method"));
    return reply;
}

/* may_fail: memory was out once. */
static void expect(json_t *reply, size_t i, bool may_fail)
{
    const char *method = steps[i].method;
    json_t *result = house_at(reply, "result");

    if (may_fail && (!result || steps[i].depends)) {
        ck_assert_msg(result || (*house_text(reply, "error.data.kind") &&
                                 *house_text(reply, "error.data.name")),
                      "%s: an error without kind and name", method);
        return;
    }
    if (steps[i].kind) {
        house_expect_error(reply, steps[i].kind, steps[i].name);
        ck_assert(house_has(reply, "error.data.pool"));
        return;
    }
    ck_assert_msg(result, "%s (step %zu) fails without need", method, i);
    ck_assert_msg(!steps[i].is_right || steps[i].is_right(result), "%s (step %zu): a wrong answer",
                  method, i);
}

/* A socket of each kind that the questions are about. */
static void leave_traces(void)
{
    struct house_client *gone = house_client();

    house_make(gone, "socket", "{'name':'left','lease':'permanent'}");
    house_make(gone, "socket", "{'name':'lost','lease':'permanent'}");
    house_make(gone, "socket", "{'site':'worst:1'}");
    house_make(gone, "socket", "{'site':'worst:1'}");
    house_make(gone, "socket", "{'site':'better:1'}");
    house_leave(gone);
}

/* The same questions with the n-th allocation failing. Returns whether there was one. */
static bool try_questions(long n)
{
    struct house_client *c, *other;
    bool happened, has_ended = false;

    house_open();
    house_reopen_with(settings);
    leave_traces();
    c = house_client();
    house_do(c, "ping", "{}");

    fault_set(n);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !has_ended; i++) {
        json_t *reply;

        house_begin(c, (int)i, steps[i].method, "%s", steps[i].params);
        reply = next_reply(c);
        has_ended = !reply;
        ck_assert_msg(reply || fault_has_happened(), "the session ends without need");
        if (reply)
            expect(reply, i, fault_has_happened());
    }
    happened = fault_has_happened();
    fault_set(0);
    other = house_client();
    house_do(other, "ledger.list", "{}");
    house_do(other, "ledger.reap", "{'filter':{'suspect':'orphan'}}");
    if (!has_ended)
        house_leave(c);
    house_do(other, "ledger.reap", "{'filter':{'suspect':'orphan'}}");
    ck_assert_int_eq(house_int(house_do(other, "ledger.audit", "{}"), "balance"), 0);
    house_close();
    return happened;
}

START_TEST(whichever_allocation_fails)
{
    long n = 1;

    for (; try_questions(n); n++)
        ck_assert_int_lt(n, 5000);
    ck_assert_int_gt(n, 50);
    printf("%ld allocations failed\n", n - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_ledger");
    TCase *memory = tcase_create("memory");

    if (!fault_is_possible()) {
        fputs("this program must be linked with --wrap=malloc and its like: see fault.h\n", stderr);
        return EXIT_FAILURE;
    }
    suite_add_tcase(suite, memory);
    tcase_set_timeout(memory, 55);
    tcase_add_test(memory, whichever_allocation_fails);
    return house_run(suite);
}
