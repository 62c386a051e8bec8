/* check_arena.c — memory taken piece by piece and given back at once. */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "proto/arena.h"
#include "tests/dice.h"
#include "tests/fds.h"

static struct arena arena;

static void begin(void)
{
    arena = (struct arena){0};
}

static void end(void)
{
    arena_done(&arena);
}

START_TEST(pieces_are_zeroed_aligned_and_apart)
{
    enum { N = 400 };
    struct dice dice = dice_new();
    unsigned char *pieces[N];
    size_t sizes[N];

    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            sizes[i] = dice_below(&dice, dice_one_in(&dice, 20) ? 10000 : 50);
            pieces[i] = arena_alloc(&arena, sizes[i]);
            ck_each(pieces[i], "no memory");
            ck_each((uintptr_t)pieces[i] % alignof(max_align_t) == 0, "piece %zu is not aligned",
                    i);
            for (size_t j = 0; j < sizes[i]; j++)
                ck_each(pieces[i][j] == 0, "byte %zu of piece %zu is not 0", j, i);
            memset(pieces[i], (int)(i % 255) + 1, sizes[i]);
        }
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                ck_each(pieces[i][j] == i % 255 + 1, "piece %zu was written over", i);
        arena_reset(&arena);
    }
}
END_TEST

/* Nothing is something too: a result of NULL is an error and nothing else. */
START_TEST(nothing_taken)
{
    char *a = arena_alloc(&arena, 0), *b = arena_alloc(&arena, 0);

    ck_assert(a && b && a != b);
    ck_assert_str_eq(arena_copy(&arena, "", 0), "");
    ck_assert_str_eq(arena_copy(&arena, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&arena, "%s", ""), "");
}
END_TEST

START_TEST(copies)
{
    static const char bytes[] = {'a', 0, '\xff', 'b'};
    char *copy = arena_copy(&arena, bytes, sizeof bytes), *other;

    ck_assert_mem_eq(copy, bytes, sizeof bytes);
    ck_assert_int_eq(copy[sizeof bytes], 0);
    other = arena_copy(&arena, "xyz", 2);
    ck_assert_str_eq(other, "xy");
    ck_assert_mem_eq(copy, bytes, sizeof bytes);
}
END_TEST

START_TEST(formatted)
{
    char *text = arena_printf(&arena, "%d and %s", 5, "more"),
         *longer = arena_printf(&arena, "%05000d", 7);

    ck_assert_str_eq(text, "5 and more");
    ck_assert_uint_eq(strlen(longer), 5000);
    ck_assert_int_eq(longer[4999], '7');
}
END_TEST

/* Request after request in the same chunk: no memory is asked for again, and a large request is not
 * kept. */
START_TEST(reset_keeps_one_small_chunk)
{
    char *first = arena_alloc(&arena, 100);

    for (int i = 0; i < 100; i++)
        arena_alloc(&arena, 500);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_alloc(&arena, 100), first);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_alloc(&arena, 10), first);
    arena_done(&arena);

    ck_assert_ptr_nonnull(arena_alloc(&arena, 100000));
    arena_reset(&arena);
    ck_assert_ptr_null(arena.chunks);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
}
END_TEST

START_TEST(done_and_again)
{
    arena_done(&arena);
    arena_reset(&arena);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
    arena_done(&arena);
    arena_done(&arena);
    ck_assert_str_eq(arena_copy(&arena, "x", 1), "x");
}
END_TEST

START_TEST(more_than_there_is)
{
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 15));
    ck_assert_ptr_null(arena_copy(&arena, "", SIZE_MAX - 1));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = fds_case(suite, "arena");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, pieces_are_zeroed_aligned_and_apart);
    tcase_add_test(tests, nothing_taken);
    tcase_add_test(tests, copies);
    tcase_add_test(tests, formatted);
    tcase_add_test(tests, reset_keeps_one_small_chunk);
    tcase_add_test(tests, done_and_again);
    tcase_add_test(tests, more_than_there_is);
    return fds_run(suite);
}
