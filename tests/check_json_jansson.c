/* check_json_jansson.c — our reader of JSON held against libjansson's, over random and damaged
 * texts. They agree on what is JSON but where the limits differ: ours are nesting and integers
 * beyond 2^53 - 1; its are reals that no double holds. And it passes over a NUL byte behind a
 * number or a word. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "tests/dice.h"
#include "tests/fds.h"
#include "tests/json_tree.h"
#include "tests/other_json.h"

#define N(table) (sizeof(table) / sizeof *(table))

static struct json json;
static size_t n_read, n_not_json, n_refused;

static void begin(void)
{
    json = (struct json){0};
    n_read = n_not_json = n_refused = 0;
}

static void end(void)
{
    json_done(&json);
}

/* Whether the text may be refused for our own limits. */
static bool may_be_beyond(const char *text, size_t n)
{
    size_t n_digits = 0, n_open = 0;

    for (size_t i = 0; i < n; i++) {
        n_digits = text[i] >= '0' && text[i] <= '9' ? n_digits + 1 : 0;
        n_open += text[i] == '[' || text[i] == '{';
        if (n_digits >= 16 || n_open > LIMIT_DEPTH)
            return true;
    }
    return false;
}

static void compare(const char *text, size_t n)
{
    struct error e;
    int ours = json_tree_scan(&json, text, n, &e);
    enum other_verdict others = other_json_read(text, n);

    n_read += ours == 0;
    n_not_json += ours == ERROR_PARSE;
    n_refused += ours == ERROR_INVALID_REQUEST;
    if (ours == ERROR_PARSE && memchr(text, '\0', n))
        return;
    if (ours == 0 && others != OTHER_REFUSES)
        return;
    if (ours == ERROR_PARSE && others != OTHER_READS)
        return;
    if (ours == ERROR_INVALID_REQUEST && (others != OTHER_READS || may_be_beyond(text, n)))
        return;
    printf("the text: ");
    for (size_t i = 0; i < n; i++)
        printf(text[i] > 0x1f && text[i] < 0x7f ? "%c" : "\\x%02x", (unsigned char)text[i]);
    putchar('\n');
    fflush(stdout);
    ck_abort_msg("ours gives %d (%s), libjansson %d", ours, e.message, (int)others);
}

/* Pieces of JSON, good and bad, of which texts are put together. The empty one stands for a NUL
 * byte. */
/* clang-format off */
static const char *const pieces[] = {
    "", "[", "]", "{", "}", ",", ":", "\"", "\"a\"", "\"a\":", "\"b\":", "\"\\u0061\":", "\"\":",
    "1", "0", "-", ".", "e", "E+", "-0.5e-3", "9007199254740991", "9007199254740992",
    "9223372036854775807", "92233720368547758070", "1e999", "null", "true", "false", "tru", "NaN",
    " ", "\n", "\t\r", "\f", "\\", "\\u", "\\n", "\\u0000", "\\ud83d\\ude00", "\\ud83d",
    "\\ude00", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc0\xaf", "\xff", "\xef\xbb\xbf",
    "\x1f", "\x7f", "//", "'", "[[[[[[[[", "]]]]]]]]", "[]", "{}",
};
/* clang-format on */

static const char *random_piece(struct dice *dice, size_t *ret_n)
{
    const char *piece = pieces[dice_below(dice, N(pieces))];

    *ret_n = *piece ? strlen(piece) : 1;
    return piece;
}

START_TEST(texts_of_random_pieces)
{
    struct dice dice = dice_new();
    char text[512];

    for (size_t round = dice_rounds(100000, 500000); round > 0; round--) {
        size_t n = 0;

        for (size_t n_pieces = dice_below(&dice, 12); n_pieces > 0; n_pieces--) {
            size_t n_piece;
            const char *piece = random_piece(&dice, &n_piece);

            memcpy(text + n, piece, n_piece);
            n += n_piece;
        }
        compare(text, n);
    }
    ck_assert_uint_gt(n_read, 50);
    ck_assert_uint_gt(n_not_json, 1000);
    ck_assert_uint_gt(n_refused, 20);
}
END_TEST

/* -- good texts, damaged -- */

static const char *const good[] = {
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bind\",\"params\":{\"handle\":16777217,\"address\":"
    "{\"host\":\"127.0.0.1\",\"port\":80}}}",
    "[{\"a\":[1,2.5e3,-0],\"b\":null},{\"a\":true,\"\\u0062\":false}]",
    "{\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,\"k10\":10,"
    "\"k11\":11,"
    "\"k12\":12,\"k13\":13,\"k14\":14,\"k15\":15,\"k16\":16,\"k17\":17,\"k18\":18}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "[9007199254740991,-9007199254740991,1.7976931348623157e308,4.9e-324,0.0,1E+2]",
    " \t\r\n{ \"a\" : [ ] , \"\" : { } } \n",
};

static size_t damage(struct dice *dice, char *text, size_t n)
{
    size_t at = n ? dice_below(dice, n) : 0, n_cut, n_piece;
    const char *piece = random_piece(dice, &n_piece);

    switch (dice_below(dice, 5)) {
    case 0: /* another byte */
        text[at] = (char)dice_bits(dice);
        return n;
    case 1: /* one bit */
        text[at] ^= (char)(1 << dice_below(dice, 8));
        return n;
    case 2: /* a piece taken out */
        n_cut = n ? 1 + dice_below(dice, n - at) : 0;
        memmove(text + at, text + at + n_cut, n - at - n_cut);
        return n - n_cut;
    case 3: /* the end cut off */
        return at;
    default: /* a piece put in */
        memmove(text + at + n_piece, text + at, n - at);
        memcpy(text + at, piece, n_piece);
        return n + n_piece;
    }
}

START_TEST(good_texts_damaged)
{
    struct dice dice = dice_new();
    char text[512];

    for (size_t i = 0; i < N(good); i++) {
        compare(good[i], strlen(good[i]));
        ck_assert_uint_eq(n_read, i + 1);
    }
    for (size_t round = dice_rounds(100000, 500000); round > 0; round--) {
        const char *from = good[round % N(good)];
        size_t n = strlen(from);

        memcpy(text, from, n);
        for (size_t times = 1 + dice_below(&dice, 3); times > 0; times--)
            n = damage(&dice, text, n);
        compare(text, n);
    }
    ck_assert_uint_gt(n_read, 1000);
    ck_assert_uint_gt(n_not_json, 1000);
    ck_assert_uint_gt(n_refused, 100);
}
END_TEST

/* The two can differ at all, or the comparison would show nothing. */
START_TEST(where_the_limits_differ)
{
    static const struct {
        const char *text;
        int ours;
        enum other_verdict others;
    } cases[] = {
        {"9007199254740992", ERROR_INVALID_REQUEST, OTHER_READS},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
         ERROR_INVALID_REQUEST, OTHER_READS},
        {"1e999", 0, OTHER_OVERFLOWS},
        {"{\"a\":1,\"a\":2}", ERROR_INVALID_REQUEST, OTHER_REFUSES},
        {"{\"\\u0000\":1}", ERROR_INVALID_REQUEST, OTHER_REFUSES},
        {"[1,2]", 0, OTHER_READS},
        {"[1,]", ERROR_PARSE, OTHER_REFUSES},
    };

    for (size_t i = 0; i < N(cases); i++) {
        size_t n = strlen(cases[i].text);
        struct error e;

        ck_assert_int_eq(json_tree_scan(&json, cases[i].text, n, &e), cases[i].ours);
        ck_assert_int_eq(other_json_read(cases[i].text, n), cases[i].others);
        compare(cases[i].text, n);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_jansson");
    TCase *tests = fds_case(suite, "json_jansson");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, texts_of_random_pieces);
    tcase_add_test(tests, good_texts_damaged);
    tcase_add_test(tests, where_the_limits_differ);
    return fds_run(suite);
}
