/* check_events.c — the ring of events: the last ones are there, in order, and the others are
 * counted as missed, whoever reads how fast. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/events.h"
#include "dice.h"

static struct events events;

static void set_up(void)
{
    memset(&events, 0, sizeof events);
}

/* Adds n events; all that one says follows from its number. */
static void add(int64_t n)
{
    while (n--) {
        int64_t seq = events.n + 1;

        events_add(&events, (enum event_type)(seq % N_EVENT_TYPES), seq * 10, seq * 100,
                   seq % 2 ? "odd" : NULL);
    }
}

static void expect_event(const struct event *event, int64_t seq)
{
    /* One look at all of it: check writes each down, which takes time. */
    ck_assert_msg(event && event->seq == seq && event->type == seq % N_EVENT_TYPES &&
                      event->at == seq * 10 && event->handle == seq * 100 &&
                      (seq % 2 ? event->kind && strcmp(event->kind, "odd") == 0 : !event->kind),
                  "event %lld is not what it was", (long long)seq);
}

START_TEST(there_is_none)
{
    int64_t seq = 0, missed = -7;

    ck_assert_ptr_null(events_next(&events, &seq, &missed));
    ck_assert_int_eq(seq, 0);
    ck_assert_int_eq(missed, -7);
    add(3);
    seq = 3;
    ck_assert_ptr_null(events_next(&events, &seq, &missed));
    ck_assert_int_eq(seq, 3);
}
END_TEST

/* From every place behind the newest: n were added. */
START_TEST(from_everywhere)
{
    static const int sizes[] = {
        1,    2, EVENTS_KEPT - 1, EVENTS_KEPT, EVENTS_KEPT + 1, EVENTS_KEPT + 2, 2 * EVENTS_KEPT,
        10000};
    int64_t n = sizes[_i], oldest = n > EVENTS_KEPT ? n - EVENTS_KEPT + 1 : 1;

    add(n);
    ck_assert_int_eq(events.n, n);
    for (int64_t from = 0; from < n; from++) {
        int64_t seq = from, missed = -1, expected = from + 1 < oldest ? oldest : from + 1;

        expect_event(events_next(&events, &seq, &missed), expected);
        ck_assert(seq == expected && missed == expected - from - 1);
    }
}
END_TEST

/* Readers of any speed: what each was told and what it missed is all there was. */
START_TEST(nobody_loses_count)
{
    enum { N_READERS = 5 };
    struct dice d = dice_new();
    int64_t seq[N_READERS] = {0}, n_told[N_READERS] = {0}, missed;
    size_t n = dice_rounds(300, 10000);

    for (size_t i = 0; i < n; i++) {
        size_t k = dice_below(&d, N_READERS), n_read = dice_below(&d, 400 * k + 1);
        const struct event *event;

        add((int64_t)dice_below(&d, dice_one_in(&d, 50) ? 2 * EVENTS_KEPT : 100));
        while (n_read-- && (event = events_next(&events, &seq[k], &missed))) {
            expect_event(event, seq[k]);
            ck_assert(missed == 0 || event->seq == events.n - EVENTS_KEPT + 1);
            n_told[k] += 1 + missed;
            ck_assert_int_eq(n_told[k], seq[k]);
        }
    }
}
END_TEST

START_TEST(types_have_names)
{
    static const char *const names[] = {"opened",  "closed",     "reclaimed", "expired", "suspect",
                                        "cleared", "handed_off", "adopted",   "died",    "pool"};
    static const char *const no_names[] = {"", "open", "openedx", "Opened", "overflow", "event"};
    enum event_type type;

    ck_assert_int_eq(sizeof names / sizeof *names, N_EVENT_TYPES);
    for (int i = 0; i < N_EVENT_TYPES; i++) {
        ck_assert(events_find_type(names[i], &type));
        ck_assert_str_eq(events_type_name(type), names[i]);
    }
    for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++)
        ck_assert(!events_find_type(no_names[i], &type));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *tc = tcase_create("events");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, there_is_none);
    tcase_add_loop_test(tc, from_everywhere, 0, 8);
    tcase_add_test(tc, nobody_loses_count);
    tcase_add_test(tc, types_have_names);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
