/* check_model.c — the law of the ledger under chance: a small model of who holds what, and for how
 * long, beside the real daemon. After each step the audit is the model's. */
#include <stdio.h>
#include <string.h>

#include "dice.h"
#include "house.h"

enum { N_SESSIONS = 5, N_LABELS = 12, N_MOST_LIVE = 150, N_MOST = 60000 };

#define SESSION   INT64_C(0)
#define PERMANENT INT64_C(-1)
#define SECOND    INT64_C(1000000)

enum ending { CLOSED, RECLAIMED, EXPIRED, N_ENDINGS_HERE };

/* A socket as the model has it. */
struct thing {
    long long id;
    int holder; /* a session; -1: nobody */
    int label;
    int64_t lease, expires; /* microseconds; expires is of those that nobody holds */
};

static struct {
    struct thing live[N_MOST_LIVE + 2];
    int n_live;
    long long n_opened, n_ended[N_ENDINGS_HERE];
    int64_t now;
} model;

static struct house_client *sessions[N_SESSIONS], *auditor;
static struct dice dice;

static int below(int n)
{
    return (int)dice_below(&dice, (size_t)n);
}

/* -- the model -- */

static void model_end(int i, enum ending how)
{
    model.n_ended[how]++;
    model.live[i] = model.live[--model.n_live];
}

static void model_add(long long id, int holder, int64_t lease, int label)
{
    model.live[model.n_live++] =
        (struct thing){.id = id, .holder = holder, .label = label, .lease = lease};
    model.n_opened++;
}

static void model_set_lease(struct thing *t, int64_t lease)
{
    t->lease = lease;
    t->expires = model.now + lease;
}

static void model_leave(int session)
{
    for (int i = model.n_live; i-- > 0;) {
        struct thing *t = &model.live[i];

        if (t->holder != session)
            continue;
        t->holder = -1;
        t->expires = model.now + t->lease;
        if (t->lease == SESSION)
            model_end(i, RECLAIMED);
    }
}

static void model_pass(int64_t usec)
{
    model.now += usec;
    for (int i = model.n_live; i-- > 0;)
        if (model.live[i].holder < 0 && model.live[i].lease > 0 &&
            model.live[i].expires <= model.now)
            model_end(i, EXPIRED);
}

static int model_reap(int label)
{
    int n = 0;

    for (int i = model.n_live; i-- > 0;) {
        if (model.live[i].label != label)
            continue;
        model_end(i, CLOSED);
        n++;
    }
    return n;
}

/* -- both beside each other -- */

static void expect_audit(void)
{
    json_t *r = house_do(auditor, "ledger.audit", "{}");

    ck_assert_int_eq(house_int(r, "balance"), 0);
    ck_assert_int_eq(house_int(r, "opened"), model.n_opened);
    ck_assert_int_eq(house_int(r, "live"), model.n_live);
    ck_assert_int_eq(house_int(r, "closed"), model.n_ended[CLOSED]);
    ck_assert_int_eq(house_int(r, "reclaimed"), model.n_ended[RECLAIMED]);
    ck_assert_int_eq(house_int(r, "expired"), model.n_ended[EXPIRED]);
    ck_assert_int_eq(house_int(r, "handed_off"), 0);
    ck_assert_int_eq(house_int(r, "lost"), 0);
}

/* What every living socket is like, not only how many there are. */
static void expect_rows(void)
{
    for (int i = 0; i < model.n_live; i++) {
        const struct thing *t = &model.live[i];
        json_t *row = house_do(auditor, "ledger.get", "{'handle':%lld}", t->id);
        bool is_orphan = false;
        char path[40];

        ck_assert_str_ne(house_text(row, "state"), "closed");
        if (t->lease > 0)
            ck_assert_double_eq_tol(house_number(row, "lease"), (double)t->lease / 1e6, 1e-6);
        else
            ck_assert_str_eq(house_text(row, "lease"),
                             t->lease == SESSION ? "session" : "permanent");
        for (size_t k = 0; k < house_size(row, "suspect"); k++) {
            snprintf(path, sizeof path, "suspect.%zu.kind", k);
            is_orphan |= strcmp(house_text(row, path), "orphan") == 0;
        }
        ck_assert_int_eq(is_orphan, t->holder < 0);
    }
}

/* -- steps -- */

/* A lease, and how it is written. */
static int64_t draw_lease(char text[32])
{
    int64_t seconds = 1 + below(20);

    switch (below(4)) {
    case 0:
        strcpy(text, "'session'");
        return SESSION;
    case 1:
        strcpy(text, "'permanent'");
        return PERMANENT;
    default:
        snprintf(text, 32, "%lld", (long long)seconds);
        return seconds * SECOND;
    }
}

static void step_open(void)
{
    bool is_pair = dice_one_in(&dice, 3);
    int who = below(N_SESSIONS), label = below(N_LABELS);
    char lease[32];
    int64_t usec = draw_lease(lease);
    json_t *r;

    if (model.n_live >= N_MOST_LIVE)
        return;
    r = house_do(sessions[who], is_pair ? "socketpair" : "socket", "{'lease':%s,'label':'l%d'}",
                 lease, label);
    model_add(house_int(r, is_pair ? "handles.0" : "handle"), who, usec, label);
    if (is_pair)
        model_add(house_int(r, "handles.1"), who, usec, label);
}

static void step_lease(void)
{
    struct thing *t = &model.live[below(model.n_live)];
    char lease[32];
    int64_t usec = draw_lease(lease);
    json_t *r =
        house_ask(sessions[below(N_SESSIONS)], "lease", "{'handle':%lld,'lease':%s}", t->id, lease);

    if (t->holder < 0 && usec == SESSION) {
        house_expect_error(r, "lease", "NO_SESSION");
        return;
    }
    ck_assert_int_eq(house_int(r, "result.handle"), t->id);
    model_set_lease(t, usec);
}

static void step_attach(void)
{
    struct thing *t = &model.live[below(model.n_live)];
    int who = below(N_SESSIONS);
    bool has_lease = dice_one_in(&dice, 2);
    char lease[32], param[64] = "";
    int64_t usec = draw_lease(lease);
    json_t *r;

    if (has_lease)
        snprintf(param, sizeof param, ",'lease':%s", lease);
    r = house_ask(sessions[who], "attach", "{'handle':%lld%s}", t->id, param);
    if (t->holder >= 0 && t->holder != who) {
        house_expect_error(r, "handle", "HELD");
        return;
    }
    ck_assert_int_eq(house_int(r, "result.handle"), t->id);
    t->holder = who;
    if (has_lease)
        model_set_lease(t, usec);
}

static void step_close(void)
{
    int i = below(model.n_live);
    long long id = model.live[i].id;
    struct house_client *who = sessions[below(N_SESSIONS)];

    house_do(who, "close", "{'handle':%lld}", id);
    model_end(i, CLOSED);
    house_expect_error(house_fail(who, "attach", "{'handle':%lld}", id), "handle", "CLOSED");
}

/* Some leave with a request on its way, some with an answer to come. */
static void step_leave(void)
{
    int who = below(N_SESSIONS);

    if (dice_one_in(&dice, 2))
        house_send(sessions[who], "{'method':'ping','id':1}");
    house_leave(sessions[who]);
    model_leave(who);
    sessions[who] = house_client();
}

static void step_pass(void)
{
    int64_t usec = dice_one_in(&dice, 10) ? 700 * SECOND : (int64_t)below(4 * (int)SECOND);

    house_advance(usec);
    model_pass(usec);
}

static void step_reap(void)
{
    int label = below(N_LABELS);
    bool is_dry = dice_one_in(&dice, 2);
    json_t *r =
        house_do(sessions[below(N_SESSIONS)], "ledger.reap",
                 "{'filter':{'label':'l%d'},'dry_run':%s}", label, is_dry ? "true" : "false");
    int n = 0;

    for (int i = 0; i < model.n_live; i++)
        n += model.live[i].label == label;
    ck_assert_uint_eq(house_size(r, "rows"), (size_t)n);
    if (!is_dry)
        ck_assert_int_eq(model_reap(label), n);
}

static void step(void)
{
    static void (*const steps[])(void) = {step_lease, step_attach, step_attach, step_close};
    int k = below(40);

    if (k < 14 || model.n_live == 0)
        step_open();
    else if (k < 32)
        steps[below(4)]();
    else if (k < 35)
        step_leave();
    else if (k < 39)
        step_pass();
    else
        step_reap();
}

static void expect_same_daemon(size_t n)
{
    auditor = house_client();
    for (int i = 0; i < N_SESSIONS; i++)
        sessions[i] = house_client();
    for (size_t i = 0; i < n; i++) {
        step();
        expect_audit();
        if (i % 100 == 0)
            expect_rows();
    }
    expect_rows();
}

START_TEST(as_the_model)
{
    dice = dice_new();
    expect_same_daemon(dice_rounds(4000, N_MOST));
    /* The fixture wants no socket left when all clients are gone. */
    house_do(auditor, "ledger.reap", "{'filter':{'pool':'default'}}");
    while (model.n_live)
        model_end(0, CLOSED);
    expect_audit();
}
END_TEST

/* The daemon ends in the midst of it; the fixture counts the descriptors. */
START_TEST(the_end_in_the_midst)
{
    dice = dice_new();
    expect_same_daemon(500);
    house_reopen((struct house_setup){0});
    ck_assert_int_eq(house_n_live(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tc = house_case(suite, "model");

    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, as_the_model);
    tcase_add_test(tc, the_end_in_the_midst);
    return house_run(suite);
}
