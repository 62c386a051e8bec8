/* check_suspects.c — the order of use beside a simple model that looks at everything: each thing
 * becomes stale and idle once per use, and ripe once per notice, at its time, and never before. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/suspects.h"
#include "dice.h"

enum { N = 24, IDLE_USEC = 7000000 };

/* What the model knows of each item. */
static struct {
    struct suspects_item item;
    bool is_in, told_stale, told_idle, is_noticed;
    int64_t used, noticed;
} things[N];

static struct suspects suspects;
static int64_t now;

static void set_up(void)
{
    suspects = (struct suspects){.idle_usec = IDLE_USEC};
    for (int i = 0; i < N; i++)
        things[i].is_in = false;
    now = 1000000000;
}

static int index_of(const struct suspects_item *item)
{
    for (int i = 0; i < N; i++)
        if (&things[i].item == item)
            return i;
    ck_abort_msg("it is none of ours");
    return -1;
}

static void use(int i)
{
    if (things[i].is_in)
        suspects_use(&suspects, &things[i].item, now);
    else
        suspects_add(&suspects, &things[i].item, now);
    things[i].is_in = true;
    things[i].told_stale = things[i].told_idle = things[i].is_noticed = false;
    things[i].used = now;
}

static void notice(int i)
{
    if (!things[i].is_in)
        return;
    suspects_notice(&suspects, &things[i].item, now);
    things[i].is_noticed = true;
    things[i].noticed = now;
}

static void take_out(int i)
{
    if (things[i].is_in)
        suspects_remove(&suspects, &things[i].item);
    things[i].is_in = false;
}

/* Takes some that are stale, or idle; each was due, was not told of before, and none that was used
 * earlier is left behind. */
static void take_stale(int n_most)
{
    struct suspects_item *item;

    while (n_most-- && (item = suspects_next_stale(&suspects, now))) {
        int k = index_of(item);

        ck_assert(things[k].is_in && !things[k].told_stale);
        ck_assert_int_ge(now - things[k].used, SUSPECTS_STALE_USEC);
        for (int i = 0; i < N; i++)
            ck_assert(!things[i].is_in || things[i].told_stale || things[i].used >= things[k].used);
        things[k].told_stale = true;
    }
}

static void take_idle(int n_most)
{
    struct suspects_item *item;

    while (n_most-- && (item = suspects_next_idle(&suspects, now))) {
        int k = index_of(item);

        ck_assert(things[k].is_in && !things[k].told_idle);
        ck_assert_int_ge(now - things[k].used, IDLE_USEC);
        things[k].told_idle = true;
    }
}

/* The earliest first. */
static void take_ripe(int n_most)
{
    struct suspects_item *item;

    while (n_most-- && (item = suspects_next_ripe(&suspects, now))) {
        int k = index_of(item);

        ck_assert(things[k].is_in && things[k].is_noticed);
        ck_assert_int_ge(now - things[k].noticed, SUSPECTS_RIPE_USEC);
        ck_assert_int_eq(item->noticed, things[k].noticed);
        things[k].is_noticed = false;
        for (int i = 0; i < N; i++)
            ck_assert(!things[i].is_in || !things[i].is_noticed ||
                      things[i].noticed >= things[k].noticed);
    }
}

/* The marks of all items, and the time of the next one, are the model's. */
static void expect_model(void)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < N; i++) {
        if (!things[i].is_in)
            continue;
        ck_assert_int_eq(things[i].item.is_stale, things[i].told_stale);
        ck_assert_int_eq(things[i].item.is_idle, things[i].told_idle);
        ck_assert_int_eq(things[i].item.is_noticed, things[i].is_noticed);
        ck_assert_int_eq(things[i].item.used, things[i].used);
        if (!things[i].told_stale && things[i].used + SUSPECTS_STALE_USEC < next)
            next = things[i].used + SUSPECTS_STALE_USEC;
        if (!things[i].told_idle && things[i].used + IDLE_USEC < next)
            next = things[i].used + IDLE_USEC;
        if (things[i].is_noticed && things[i].noticed + SUSPECTS_RIPE_USEC < next)
            next = things[i].noticed + SUSPECTS_RIPE_USEC;
    }
    ck_assert_int_eq(suspects_next_time(&suspects), next);
}

/* All that is due has been taken: nothing was skipped. */
static void expect_complete(void)
{
    take_stale(N);
    take_idle(N);
    take_ripe(N);
    for (int i = 0; i < N; i++) {
        if (!things[i].is_in)
            continue;
        ck_assert_int_eq(things[i].told_stale, now - things[i].used >= SUSPECTS_STALE_USEC);
        ck_assert_int_eq(things[i].told_idle, now - things[i].used >= IDLE_USEC);
        ck_assert(!things[i].is_noticed || now - things[i].noticed < SUSPECTS_RIPE_USEC);
    }
}

START_TEST(as_the_model)
{
    struct dice d = dice_new();
    size_t n = dice_rounds(5000, 100000);

    for (size_t i = 0; i < n; i++) {
        int k = (int)dice_below(&d, N);

        switch (dice_below(&d, 11)) {
        case 0:
            take_out(k);
            break;
        case 1:
            now += (int64_t)dice_below(&d, 2500000);
            break;
        case 2:
            now += SUSPECTS_STALE_USEC - (int64_t)dice_below(&d, 2);
            break;
        case 3:
            take_stale((int)dice_below(&d, 3));
            break;
        case 4:
            take_idle((int)dice_below(&d, 3));
            break;
        case 5:
            expect_complete();
            break;
        case 6:
            take_ripe((int)dice_below(&d, 3));
            break;
        case 7:
        case 8:
            notice(k);
            break;
        default:
            use(k);
        }
        expect_model();
    }
}
END_TEST

START_TEST(at_its_very_time)
{
    use(0);
    now += SUSPECTS_STALE_USEC - 1;
    ck_assert_ptr_null(suspects_next_stale(&suspects, now));
    now++;
    ck_assert_ptr_eq(suspects_next_stale(&suspects, now), &things[0].item);
    ck_assert_ptr_null(suspects_next_stale(&suspects, now));
    now = things[0].used + IDLE_USEC - 1;
    ck_assert_ptr_null(suspects_next_idle(&suspects, now));
    now++;
    ck_assert_ptr_eq(suspects_next_idle(&suspects, now), &things[0].item);
    ck_assert_ptr_null(suspects_next_idle(&suspects, now));
    ck_assert_int_eq(suspects_next_time(&suspects), INT64_MAX);
    suspects_use(&suspects, &things[0].item, now);
    ck_assert(!things[0].item.is_stale && !things[0].item.is_idle);
    ck_assert_int_eq(suspects_next_time(&suspects), now + SUSPECTS_STALE_USEC);
}
END_TEST

/* Idle may come before stale has been asked for, and the other way round. */
START_TEST(the_marks_wander_each_alone)
{
    for (int i = 0; i < 3; i++)
        use(i);
    now += IDLE_USEC;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(suspects_next_idle(&suspects, now), &things[i].item);
    take_out(1);
    ck_assert_ptr_eq(suspects_next_stale(&suspects, now), &things[0].item);
    ck_assert_ptr_eq(suspects_next_stale(&suspects, now), &things[2].item);
    ck_assert_ptr_null(suspects_next_stale(&suspects, now));
}
END_TEST

START_TEST(ripe_when_left_alone)
{
    use(0);
    use(1);
    notice(0);
    notice(1);
    now += SUSPECTS_RIPE_USEC - 1;
    ck_assert_ptr_null(suspects_next_ripe(&suspects, now));
    /* One is used, and so what came is no matter any more. */
    use(0);
    now++;
    ck_assert_ptr_eq(suspects_next_ripe(&suspects, now), &things[1].item);
    ck_assert_ptr_null(suspects_next_ripe(&suspects, INT64_MAX));
}
END_TEST

/* What comes anew begins anew. */
START_TEST(noticed_again)
{
    use(0);
    use(1);
    notice(0);
    now++;
    notice(1);
    now++;
    notice(0);
    now += SUSPECTS_RIPE_USEC - 1;
    ck_assert_ptr_eq(suspects_next_ripe(&suspects, now), &things[1].item);
    ck_assert_ptr_null(suspects_next_ripe(&suspects, now));
    now++;
    ck_assert_ptr_eq(suspects_next_ripe(&suspects, now), &things[0].item);
}
END_TEST

START_TEST(never_idle)
{
    suspects.idle_usec = 0;
    use(0);
    now += 1000 * INT64_C(86400000000);
    ck_assert_ptr_null(suspects_next_idle(&suspects, now));
    ck_assert_ptr_eq(suspects_next_stale(&suspects, now), &things[0].item);
    ck_assert_int_eq(suspects_next_time(&suspects), INT64_MAX);
}
END_TEST

START_TEST(nothing_is_in)
{
    ck_assert_ptr_null(suspects_next_stale(&suspects, INT64_MAX));
    ck_assert_ptr_null(suspects_next_idle(&suspects, INT64_MAX));
    ck_assert_ptr_null(suspects_next_ripe(&suspects, INT64_MAX));
    ck_assert_int_eq(suspects_next_time(&suspects), INT64_MAX);
    use(0);
    notice(0);
    take_out(0);
    ck_assert_ptr_null(suspects_next_ripe(&suspects, INT64_MAX));
    ck_assert_ptr_null(suspects_next_stale(&suspects, INT64_MAX));
    ck_assert_int_eq(suspects_next_time(&suspects), INT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("suspects");
    TCase *tc = tcase_create("suspects");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, as_the_model);
    tcase_add_test(tc, at_its_very_time);
    tcase_add_test(tc, the_marks_wander_each_alone);
    tcase_add_test(tc, ripe_when_left_alone);
    tcase_add_test(tc, noticed_again);
    tcase_add_test(tc, never_idle);
    tcase_add_test(tc, nothing_is_in);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
