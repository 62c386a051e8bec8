/* check_buf.c — bytes that grow at the end and leave at the front. */
#include <stdint.h>
#include <string.h>

#include "proto/buf.h"
#include "tests/dice.h"
#include "tests/fds.h"

static struct buf b;

static void begin(void)
{
    b = (struct buf){0};
}

static void end(void)
{
    buf_done(&b);
}

static void ck_holds(const char *text)
{
    ck_assert(!b.failed);
    ck_assert_msg(buf_len(&b) == strlen(text) && memcmp(b.data + b.start, text, strlen(text)) == 0,
                  "it holds %.*s, not %s", (int)buf_len(&b), b.data + b.start, text);
}

START_TEST(all_ways_to_append)
{
    ck_assert_uint_eq(buf_len(&b), 0);
    buf_add(&b, "abc", 2);
    buf_add_char(&b, '-');
    buf_add_text(&b, "text");
    buf_printf(&b, " %d%s", 12, "!");
    buf_add(&b, "none", 0);
    buf_add_text(&b, "");
    buf_printf(&b, "%s", "");
    ck_holds("ab-text 12!");
}
END_TEST

/* Nothing appended to nothing: no memory, no failure. */
START_TEST(nothing_appended)
{
    buf_add(&b, "x", 0);
    buf_add_text(&b, "");
    ck_assert(!b.failed);
    ck_assert_uint_eq(buf_len(&b), 0);
    buf_drop(&b, 0);
    buf_truncate(&b, 0);
    ck_assert_uint_eq(buf_len(&b), 0);
}
END_TEST

START_TEST(bytes_leave_at_the_front)
{
    buf_add_text(&b, "one two");
    buf_drop(&b, 4);
    buf_add_text(&b, " three");
    ck_assert_uint_eq(buf_len(&b), 9);
    ck_assert_mem_eq(b.data + b.start, "two three", 9);
    buf_drop(&b, 9);
    ck_assert_uint_eq(buf_len(&b), 0);
    ck_assert_uint_eq(b.start, 0); /* from the beginning again */
}
END_TEST

START_TEST(the_end_cut_back)
{
    buf_add_text(&b, "keep this not that");
    buf_drop(&b, 5);
    buf_truncate(&b, 4);
    buf_add_text(&b, ".");
    ck_holds("this.");
}
END_TEST

/* A failure is remembered until it is looked at; what was there is there still. */
START_TEST(more_than_there_is)
{
    buf_add_text(&b, "kept");
    ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
    ck_assert(b.failed);
    buf_add_text(&b, " on");
    ck_assert(b.failed);
    buf_truncate(&b, 4);
    ck_holds("kept");
    ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX - 3));
    ck_assert(b.failed);
}
END_TEST

START_TEST(room_reserved)
{
    char *room = buf_reserve(&b, 3);

    memcpy(room, "abc", 3);
    ck_assert_uint_eq(buf_len(&b), 0);
    b.end += 3;
    ck_holds("abc");
    room = buf_reserve(&b, 100000);
    ck_assert_ptr_eq(room, b.data + b.end);
    ck_assert_uint_ge(b.n_room - b.end, 100000);
    memset(room, 'x', 100000);
    ck_holds("abc");
}
END_TEST

START_TEST(done_and_again)
{
    buf_add_text(&b, "x");
    buf_done(&b);
    ck_assert_ptr_null(b.data);
    buf_done(&b);
    buf_add_text(&b, "y");
    ck_holds("y");
}
END_TEST

/* A queue that is never empty does not grow with what has gone through it. */
START_TEST(a_long_life)
{
    buf_add(&b, "12345678901234567890", 20);
    for (int i = 0; i < 100000; i++) {
        buf_add(&b, "0123456789", 10);
        buf_drop(&b, 10);
    }
    ck_assert_uint_eq(buf_len(&b), 20);
    ck_assert_uint_le(b.n_room, 4096);
}
END_TEST

/* By chance, held against a plain array. */
START_TEST(the_same_as_an_array)
{
    static char plain[200000];
    struct dice dice = dice_new();
    size_t start = 0, finish = 0;
    unsigned char next = 0;

    for (size_t round = dice_rounds(20000, 100000); round > 0 && finish + 3000 < sizeof plain;
         round--) {
        char piece[3000];
        size_t n = dice_below(&dice, dice_one_in(&dice, 50) ? sizeof piece : 20);

        if (dice_one_in(&dice, 2)) {
            for (size_t i = 0; i < n; i++)
                piece[i] = plain[finish++] = (char)next++;
            buf_add(&b, piece, n);
        } else if (dice_one_in(&dice, 10)) {
            n = n < finish - start ? n : finish - start;
            finish -= n;
            buf_truncate(&b, finish - start);
        } else {
            n = n < finish - start ? n : finish - start;
            start += n;
            buf_drop(&b, n);
        }
        ck_each(buf_len(&b) == finish - start, "%zu bytes, not %zu", buf_len(&b), finish - start);
        ck_each(!buf_len(&b) || memcmp(b.data + b.start, plain + start, finish - start) == 0,
                "the bytes differ");
        ck_each(b.end <= b.n_room && !b.failed, "room");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tests = fds_case(suite, "buf");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, all_ways_to_append);
    tcase_add_test(tests, nothing_appended);
    tcase_add_test(tests, bytes_leave_at_the_front);
    tcase_add_test(tests, the_end_cut_back);
    tcase_add_test(tests, more_than_there_is);
    tcase_add_test(tests, room_reserved);
    tcase_add_test(tests, done_and_again);
    tcase_add_test(tests, a_long_life);
    tcase_add_test(tests, the_same_as_an_array);
    return fds_run(suite);
}
