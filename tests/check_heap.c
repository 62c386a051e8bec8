/* check_heap.c — the heap against a plain search of all that is in it. */
#include <stdlib.h>

#include "daemon/heap.h"
#include "house.h"

enum { N = 300, STEPS = 20000 };

static struct heap_item items[N];

static struct heap_item *earliest(void)
{
    struct heap_item *first = NULL;

    for (int i = 0; i < N; i++)
        if (items[i].place && (!first || items[i].at < first->at))
            first = &items[i];
    return first;
}

START_TEST(the_earliest_is_always_at_hand)
{
    struct heap h = {0};
    unsigned seed = (unsigned)_i + 1;

    for (int step = 0; step < STEPS; step++) {
        struct heap_item *item = &items[rand_r(&seed) % N], *first;

        if (rand_r(&seed) % 3)
            ck_assert_int_eq(heap_put(&h, item, rand_r(&seed) % (_i ? 1000000 : 20)), 0);
        else
            heap_remove(&h, item);
        first = earliest();
        ck_assert_int_eq(!heap_first(&h), !first);
        ck_assert(!first || heap_first(&h)->at == first->at);
    }
    heap_done(&h);
}
END_TEST

START_TEST(all_come_out_in_order)
{
    struct heap h = {0};
    int64_t before = INT64_MIN;
    unsigned seed = 7;
    int n = 0;

    for (int i = 0; i < N; i++)
        ck_assert_int_eq(heap_put(&h, &items[i], rand_r(&seed)), 0);
    for (struct heap_item *first; (first = heap_first(&h)); n++) {
        ck_assert_int_ge(first->at, before);
        before = first->at;
        heap_remove(&h, first);
        ck_assert_uint_eq(first->place, 0);
        heap_remove(&h, first);
    }
    ck_assert_int_eq(n, N);
    heap_done(&h);
    ck_assert_ptr_null(heap_first(&h));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tc = tcase_create("heap");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, the_earliest_is_always_at_hand, 0, 4);
    tcase_add_test(tc, all_come_out_in_order);
    return house_run(suite);
}
