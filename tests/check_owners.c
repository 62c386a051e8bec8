/* check_owners.c — whose numbers were: against a table that forgets nothing. */
#include "daemon/owners.h"
#include "house.h"

enum { FIRST = 1000 };

START_TEST(nobody_has_a_number)
{
    struct owners none = {0};

    ck_assert(!owners_has(&none, FIRST, 0));
    owners_done(&none);
}
END_TEST

START_TEST(each_has_his_own)
{
    enum { N = 3000 };
    static uid_t table[N];
    struct owners o = {0};

    for (int i = 0; i < N; i++) {
        /* Runs of several lengths, also of one. */
        table[i] = (uid_t)(i / (1 + i % 7) % 5);
        ck_assert_int_eq(owners_add(&o, FIRST + i, table[i]), 0);
    }
    for (int i = 0; i < N; i++)
        for (uid_t uid = 0; uid < 6; uid++)
            ck_assert_int_eq(owners_has(&o, FIRST + i, uid), table[i] == uid);
    ck_assert(!owners_has(&o, FIRST - 1, table[0]));
    owners_done(&o);
}
END_TEST

/* A number that came to nothing goes to whoever is next. */
START_TEST(a_number_is_given_again)
{
    struct owners o = {0};

    owners_add(&o, FIRST, 1);
    owners_add(&o, FIRST + 1, 2);
    owners_add(&o, FIRST + 1, 3);
    owners_add(&o, FIRST + 2, 2);
    owners_add(&o, FIRST + 2, 3);
    ck_assert(owners_has(&o, FIRST, 1));
    ck_assert(owners_has(&o, FIRST + 1, 3));
    ck_assert(!owners_has(&o, FIRST + 1, 2));
    ck_assert(owners_has(&o, FIRST + 2, 3));
    owners_done(&o);
}
END_TEST

/* One user's many are one run; many users' many are forgotten from the oldest on, and nobody gets
 * what was another's. */
START_TEST(it_does_not_grow_for_ever)
{
    struct owners o = {0};
    int64_t n = 3 * OWNERS_RUNS;

    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(owners_add(&o, FIRST + i, 7), 0);
    ck_assert_uint_eq(o.n, 1);
    for (int64_t i = n; i < 2 * n; i++)
        ck_assert_int_eq(owners_add(&o, FIRST + i, (uid_t)(i % 2)), 0);
    ck_assert_uint_le(o.n_room, OWNERS_RUNS);
    for (int64_t i = 0; i < 2 * n; i += 101) {
        bool is_recent = i >= 2 * n - OWNERS_RUNS / 2;

        ck_assert(!owners_has(&o, FIRST + i, (uid_t)((i + 1) % 2)));
        ck_assert(!is_recent || owners_has(&o, FIRST + i, (uid_t)(i % 2)));
    }
    owners_done(&o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("owners");
    TCase *tc = tcase_create("owners");

    suite_add_tcase(suite, tc);
    tcase_add_test(tc, nobody_has_a_number);
    tcase_add_test(tc, each_has_his_own);
    tcase_add_test(tc, a_number_is_given_again);
    tcase_add_test(tc, it_does_not_grow_for_ever);
    return house_run(suite);
}
