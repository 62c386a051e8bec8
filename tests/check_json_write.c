/* check_json_write.c — JSON written: texts, numbers, base64; and that what was written is read
 * again as it was. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "tests/dice.h"
#include "tests/fds.h"
#include "tests/json_tree.h"

#define N(table) (sizeof(table) / sizeof *(table))

static struct buf out;
static struct json json;
static struct arena arena;

static void begin(void)
{
    out = (struct buf){0};
    json = (struct json){0};
    arena = (struct arena){0};
}

static void end(void)
{
    buf_done(&out);
    json_done(&json);
    arena_done(&arena);
}

static void ck_written(const char *expected)
{
    ck_assert(!out.failed);
    ck_assert_msg(buf_len(&out) == strlen(expected) &&
                      memcmp(out.data, expected, buf_len(&out)) == 0,
                  "%.*s is written, not %s", (int)buf_len(&out), out.data, expected);
    buf_truncate(&out, 0);
}

/* What was written is one JSON value. */
static void scan_written(void)
{
    struct error e = {0};
    int r = json_scan(&json, out.data + out.start, buf_len(&out), &e);

    ck_each(r == 0, "%.*s: %s", (int)buf_len(&out), out.data + out.start, e.message);
}

/* -- texts -- */

START_TEST(strings)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a/b", 3, "\"a/b\""},
        {"\"\\\b\f\n\r\t", 7, "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"\0", 1, "\"\\u0000\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\x01\x0b\x1f\x7f", 4, "\"\\u0001\\u000b\\u001f\x7f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"0123456\"", 8, "\"0123456\\\"\""},
        {"01234567\n", 9, "\"01234567\\n\""},
    };

    for (size_t i = 0; i < N(cases); i++) {
        json_write_string(&out, cases[i].bytes, cases[i].n);
        ck_written(cases[i].text);
    }
}
END_TEST

/* What is not UTF-8 becomes U+FFFD, byte for byte, and nothing else changes. */
START_TEST(texts_that_are_not_utf8)
{
#define R "\xef\xbf\xbd"
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"plain", "\"plain\""},
        {"a\xffz", "\"a" R "z\""},
        {"\xc3\xa9\xc3", "\"\xc3\xa9" R "\""},
        {"cut \xf0\x9f\x98", "\"cut " R R R "\""},
        {"\xed\xa0\x80\"", "\"" R R R "\\\"\""},
        {"\xc0\x80", "\"" R R "\""},
    };
#undef R

    for (size_t i = 0; i < N(cases); i++) {
        json_write_text(&out, cases[i].bytes, strlen(cases[i].bytes));
        ck_written(cases[i].text);
    }
}
END_TEST

static size_t random_utf8(struct dice *dice, char *bytes, size_t n_points)
{
    static const int below[] = {0x20, 0x80, 0x800, 0x10000, 0x110000};
    size_t n = 0;

    for (size_t i = 0; i < n_points; i++) {
        int point = (int)dice_below(dice, (size_t)below[dice_below(dice, N(below))]);

        if (point < 0xd800 || point > 0xdfff)
            n += (size_t)utf8_write(point, (unsigned char *)bytes + n);
    }
    return n;
}

START_TEST(strings_come_back)
{
    struct dice dice = dice_new();
    char bytes[4 * 64], *back;
    size_t n_back;

    for (size_t round = dice_rounds(20000, 200000); round > 0; round--) {
        size_t n = random_utf8(&dice, bytes, dice_below(&dice, 64));

        json_write_string(&out, bytes, n);
        scan_written();
        back = json_get_string(&json, 0, &arena, &n_back);
        ck_each(n_back == n && memcmp(back, bytes, n) == 0, "%.*s", (int)buf_len(&out), out.data);
        ck_each(json.tokens[0].has_nul == (memchr(bytes, 0, n) != NULL), "%.*s", (int)buf_len(&out),
                out.data);
        buf_truncate(&out, 0);
        arena_reset(&arena);
    }
}
END_TEST

/* Any bytes make a JSON string; those that are UTF-8 come back. */
START_TEST(texts_of_any_bytes)
{
    struct dice dice = dice_new();
    char bytes[48], *back;
    size_t n_back;
    bool nul;

    for (size_t round = dice_rounds(20000, 200000); round > 0; round--) {
        size_t n = dice_below(&dice, sizeof bytes);

        for (size_t i = 0; i < n; i++)
            bytes[i] =
                (char)(dice_one_in(&dice, 3) ? dice_bits(&dice) | 0x80 : dice_below(&dice, 0x80));
        json_write_text(&out, bytes, n);
        scan_written();
        back = json_get_string(&json, 0, &arena, &n_back);
        if (utf8_is_valid(bytes, n, &nul))
            ck_each(n_back == n && memcmp(back, bytes, n) == 0, "%.*s", (int)buf_len(&out),
                    out.data);
        buf_truncate(&out, 0);
        arena_reset(&arena);
    }
}
END_TEST

/* -- numbers -- */

START_TEST(integers)
{
    static const struct {
        int64_t v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {-1, "-1"},
        {16777217, "16777217"},
        {LIMIT_INTEGER, "9007199254740991"},
        {-LIMIT_INTEGER, "-9007199254740991"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        json_write_integer(&out, cases[i].v);
        ck_written(cases[i].text);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {-3, "-3"},
        {100, "100"},
        {0.5, "0.5"},
        {2.5, "2.5"},
        {-0.25, "-0.25"},
        {1.1, "1.1"},
        {10.01, "10.01"},
        {0.000001, "0.000001"},
        {1700000000.123456, "1700000000.123456"},
        {999999999.999999, "999999999.999999"},
        {9007199254740991.0, "9007199254740991"},
        {1e15 + 0.5, "1.0000000000000005e+15"},
    };
    static const double none[] = {NAN, INFINITY, -INFINITY};

    for (size_t i = 0; i < N(cases); i++) {
        json_write_number(&out, cases[i].v);
        ck_written(cases[i].text);
    }
    for (size_t i = 0; i < N(none); i++) {
        json_write_number(&out, none[i]);
        ck_written("null");
    }
}
END_TEST

/* Large ones come back exactly, the others to the microsecond; none is anything but a JSON number.
 */
START_TEST(numbers_come_back)
{
    static const double some[] = {DBL_MAX, -DBL_MAX,           DBL_MIN, 4e-7,
                                  -4e-7,   9007199254740992.0, 1e17,    1.5e300};
    struct dice dice = dice_new();
    size_t n_random = dice_rounds(20000, 200000);

    for (size_t i = 0; i < n_random + N(some); i++) {
        int digits = (int)dice_below(&dice, 20);
        double v = i < N(some) ? some[i] : ldexp((double)(int64_t)dice_bits(&dice), -digits * 3),
               back = NAN;

        json_write_number(&out, v);
        scan_written();
        ck_each(json_get_number(&json, 0, &back), "%.*s", (int)buf_len(&out), out.data);
        ck_each(fabs(v) < 1e15 ? fabs(back - v) <= 0.50001e-6 + fabs(v) * DBL_EPSILON : back == v,
                "%.17g is written as %.*s", v, (int)buf_len(&out), out.data);
        buf_truncate(&out, 0);
    }
}
END_TEST

/* Every time in microseconds is written so that reading it gives the same microsecond. */
START_TEST(microseconds_come_back)
{
    struct dice dice = dice_new();

    for (size_t round = dice_rounds(20000, 200000); round > 0; round--) {
        int64_t usec = (int64_t)(dice_bits(&dice) % 2000000000000000ULL) >> dice_below(&dice, 50);
        double back = NAN;

        json_write_number(&out, (double)usec / 1e6);
        scan_written();
        ck_each(json_get_number(&json, 0, &back), "%.*s", (int)buf_len(&out), out.data);
        ck_each(llround(back * 1e6) == usec, "%lld us is written as %.*s", (long long)usec,
                (int)buf_len(&out), out.data);
        buf_truncate(&out, 0);
    }
}
END_TEST

/* -- whole values -- */

/* Appends the same random value twice: as berth writes it, and as another might. */
static void add_string(struct dice *dice, struct buf *plain, struct buf *wild)
{
    static const char letters[] = "ab/\"\\\n\t\x01";
    static const char *const as_plain[] = {"a", "b", "/", "\\\"", "\\\\", "\\n", "\\t", "\\u0001"};
    static const char *const as_wild[] = {"\\u0061", "b",       "\\/",     "\\u0022",
                                          "\\u005C", "\\u000a", "\\u0009", "\\u0001"};

    buf_add_char(plain, '"');
    buf_add_char(wild, '"');
    for (size_t n = dice_below(dice, 12); n > 0; n--) {
        size_t i = dice_below(dice, sizeof letters - 1);

        buf_add_text(plain, as_plain[i]);
        buf_add_text(wild, dice_one_in(dice, 2) ? as_plain[i] : as_wild[i]);
    }
    buf_add_char(plain, '"');
    buf_add_char(wild, '"');
}

static void add_space(struct dice *dice, struct buf *wild)
{
    for (size_t n = dice_below(dice, 3); n > 0; n--)
        buf_add_char(wild, " \t\r\n"[dice_below(dice, 4)]);
}

static void add_both(struct buf *plain, struct buf *wild, const char *text)
{
    buf_add_text(plain, text);
    buf_add_text(wild, text);
}

static void add_value(struct dice *dice, struct buf *plain, struct buf *wild, int depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0",
                                          "-17",  "2.50", "1E+2",  "9007199254740991"};
    bool is_object = dice_one_in(dice, 2);
    size_t n = dice_below(dice, dice_one_in(dice, 10) ? 40 : 4);

    add_space(dice, wild);
    if (depth == 0 || dice_one_in(dice, 3)) {
        if (dice_one_in(dice, 2))
            add_string(dice, plain, wild);
        else
            add_both(plain, wild, scalars[dice_below(dice, N(scalars))]);
        add_space(dice, wild);
        return;
    }
    add_both(plain, wild, is_object ? "{" : "[");
    for (size_t i = 0; i < n; i++) {
        char key[32];

        snprintf(key, sizeof key, "%s\"%zu\"", i ? "," : "", i * 7919 % 1000);
        add_both(plain, wild, is_object ? key : i ? "," : "");
        if (is_object) {
            add_space(dice, wild);
            add_both(plain, wild, ":");
        }
        add_value(dice, plain, wild, depth - 1);
    }
    add_space(dice, wild);
    add_both(plain, wild, is_object ? "}" : "]");
    add_space(dice, wild);
}

START_TEST(values_mean_the_same_however_written)
{
    struct buf plain = {0}, wild = {0};
    struct dice dice = dice_new();

    for (size_t round = dice_rounds(5000, 30000); round > 0; round--) {
        struct error e = {0};
        int r;

        add_value(&dice, &plain, &wild, (int)dice_below(&dice, 7));
        r = json_tree_scan(&json, plain.data, buf_len(&plain), &e);
        ck_each(r == 0, "%.*s: %s", (int)buf_len(&plain), plain.data, e.message);
        r = json_scan(&json, wild.data, buf_len(&wild), &e);
        ck_each(r == 0, "%.*s: %s", (int)buf_len(&wild), wild.data, e.message);
        ck_each(json_tree_is_sound(&json, buf_len(&wild)), "%.*s", (int)buf_len(&wild), wild.data);
        ck_each(json_tree_write(&json, 0, &arena, &out), "out of memory");
        buf_add_char(&plain, '\0');
        ck_written(plain.data);
        buf_truncate(&plain, 0);
        buf_truncate(&wild, 0);
        arena_reset(&arena);
    }
    buf_done(&plain);
    buf_done(&wild);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tests = fds_case(suite, "json_write");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, strings);
    tcase_add_test(tests, texts_that_are_not_utf8);
    tcase_add_test(tests, strings_come_back);
    tcase_add_test(tests, texts_of_any_bytes);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, numbers_come_back);
    tcase_add_test(tests, microseconds_come_back);
    tcase_add_test(tests, values_mean_the_same_however_written);
    return fds_run(suite);
}
