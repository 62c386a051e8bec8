/* check_json.c — what is JSON and what is not, what is JSON but beyond the limits: RFC 8259 rule by
 * rule. The names of the cases say what is to become of them: y_ is read, n_ is not JSON, i_ is for
 * each reader to decide. */
#include <stdio.h>
#include <string.h>

#include "tests/fds.h"
#include "tests/json_tree.h"

struct scan_case {
    const char *name, *text;
    size_t n;
};
#define CASE(name, text)                                                                           \
    {                                                                                              \
#name, text, sizeof(text) - 1                                                              \
    }

static const struct scan_case to_read[] = {
    CASE(y_array_empty, "[]"),
    CASE(y_array_empty_with_space, "[ \t\r\n]"),
    CASE(y_array_empty_string, "[\"\"]"),
    CASE(y_array_of_everything, "[null, 1, \"1\", {}, [], true, false, -0.5e-2]"),
    CASE(y_array_spaces_everywhere, " [ 1 , 2\t,\r\n3 ] "),
    CASE(y_array_nested, "[[],[[]],[[[]]]]"),
    CASE(y_structure_lone_null, "null"),
    CASE(y_structure_lone_true, "true"),
    CASE(y_structure_lone_false, "false"),
    CASE(y_structure_lone_integer, "42"),
    CASE(y_structure_lone_negative_real, "-0.1"),
    CASE(y_structure_lone_string, "\"asd\""),
    CASE(y_structure_lone_empty_string, "\"\""),
    CASE(y_structure_space_around, "\n\t\r true \r\n"),
    CASE(y_structure_trailing_newline, "[\"a\"]\n"),
    CASE(y_number_zero, "0"),
    CASE(y_number_minus_zero, "-0"),
    CASE(y_number_minus_one, "[-1]"),
    CASE(y_number_zero_real, "0.0"),
    CASE(y_number_zero_exponent, "0e1"),
    CASE(y_number_zero_plus_exponent, "0e+1"),
    CASE(y_number_exponent_leading_zeros, "1e-0007"),
    CASE(y_number_big_e, "1E22"),
    CASE(y_number_big_e_minus, "1E-2"),
    CASE(y_number_real_exponent, "123.456e78"),
    CASE(y_number_close_to_zero,
         "-0.000000000000000000000000000000000000000000000000000000000000000000000000000001"),
    CASE(y_number_space_after, "[4 ]"),
    CASE(y_number_largest_exact, "9007199254740991"),
    CASE(y_number_least_exact, "-9007199254740991"),
    CASE(y_number_beyond_but_real, "9007199254740993.0"),
    CASE(y_number_long_fraction,
         "1.0000000000000000000000000000000000000000000000000000000000000001"),
    CASE(i_number_huge_exponent,
         "[0.4e00669999999999999999999999999999999999999999999999999999999]"),
    CASE(i_number_minus_huge_exponent, "[-1e+9999]"),
    CASE(i_number_underflow, "123e-10000000"),
    CASE(y_object_empty, "{}"),
    CASE(y_object_empty_key, "{\"\":0}"),
    CASE(y_object_spaces, " { \"a\" : 1 , \"b\"\n:\t2 } "),
    CASE(y_object_nested, "{\"a\":{\"a\":{\"a\":[{\"a\":1}]}}}"),
    CASE(y_object_same_key_in_siblings, "[{\"a\":1},{\"a\":2}]"),
    CASE(y_object_keys_begin_alike, "{\"a\":1,\"aa\":2,\"aaa\":3,\"\":4}"),
    CASE(y_object_key_differs_in_case, "{\"a\":1,\"A\":2}"),
    CASE(y_object_keys_not_normalised, "{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"),
    CASE(y_object_escaped_key, "{\"\\u0061\\\"\\/\":1}"),
    CASE(y_string_all_escapes, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    CASE(y_string_escaped_backslash_at_end, "\"a\\\\\""),
    CASE(y_string_backslash_then_u, "\"\\\\u0000\""),
    CASE(y_string_comment_is_text, "\"a/*b*/c//d\""),
    CASE(y_string_escaped_nul, "\"\\u0000\""),
    CASE(y_string_escaped_control, "\"\\u0012\\u001F\""),
    CASE(y_string_del, "\"\x7f\""),
    CASE(y_string_utf8_2, "\"\xc2\x80\xdf\xbf\""),
    CASE(y_string_utf8_3, "\"\xe0\xa0\x80\xef\xbf\xbf\""),
    CASE(y_string_utf8_4, "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    CASE(y_string_around_surrogates, "\"\xed\x9f\xbf\xee\x80\x80\""),
    CASE(y_string_noncharacter, "\"\xef\xbf\xbe\xf0\x9f\xbf\xbe\""),
    CASE(y_string_byte_order_mark_inside, "\"\xef\xbb\xbf\""),
    CASE(y_string_line_separators, "\"\xe2\x80\xa8\xe2\x80\xa9\""),
    CASE(y_string_hex_of_both_cases, "\"\\u00aB\\uAbCd\""),
    CASE(y_string_surrogate_pair, "\"\\uD801\\udc37\""),
    CASE(y_string_first_and_last_pair, "\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
    CASE(y_string_around_surrogate_escapes, "\"\\uD7FF\\uE000\\uFFFF\""),
};

static const struct scan_case not_json[] = {
    CASE(n_structure_nothing, ""),
    CASE(n_structure_only_space, " \t\r\n"),
    CASE(n_structure_only_newline, "\n"),
    CASE(n_structure_two_values, "1 2"),
    CASE(n_structure_two_objects, "{}{}"),
    CASE(n_structure_trailing_bracket, "[]]"),
    CASE(n_structure_trailing_brace, "{}}"),
    CASE(n_structure_trailing_comma, "1,"),
    CASE(n_structure_trailing_hash, "{\"a\":\"b\"}#{}"),
    CASE(n_structure_trailing_comment, "{\"a\":\"b\"}/**/"),
    CASE(n_structure_slash_comment, "[1]//"),
    CASE(n_structure_comment_inside, "[1,/* 2 */3]"),
    CASE(n_structure_lone_closing, "]"),
    CASE(n_structure_lone_comma, ","),
    CASE(n_structure_wrong_bracket, "[1}"),
    CASE(n_structure_wrong_brace, "{\"a\":1]"),
    CASE(n_structure_crossed, "[{\"a\":1]}"),
    CASE(n_structure_word_uppercase, "TRUE"),
    CASE(n_structure_word_capital, "[True]"),
    CASE(n_structure_word_short, "[tru]"),
    CASE(n_structure_word_at_end, "nul"),
    CASE(n_structure_word_long, "[nulll]"),
    CASE(n_structure_words_joined, "[truefalse]"),
    CASE(n_structure_other_word, "[undefined]"),
    CASE(n_structure_unicode_space, "[\xe2\x81\xa0]"),
    CASE(n_structure_no_break_space, "\xc2\xa0[]"),
    CASE(n_structure_form_feed, "[\f]"),
    CASE(n_structure_vertical_tab, "[\v]"),
    CASE(n_structure_nul_byte, "[1]\0"),
    CASE(n_structure_nul_byte_before, "\0[1]"),
    CASE(n_structure_nul_byte_between, "[1,\0 2]"),
    CASE(i_structure_byte_order_mark, "\xef\xbb\xbf{}"),
    CASE(n_structure_half_byte_order_mark, "\xef\xbb{}"),
    CASE(i_structure_utf16_le, "\xff\xfe[\0]\0"),
    CASE(i_structure_utf16_be, "\0[\0\"\0a\0\"\0]"),
    CASE(n_structure_letter, "a"),
    CASE(n_structure_single_quotes, "['a']"),
    CASE(n_structure_bad_byte_outside, "[\xff]"),
    CASE(n_structure_escape_outside, "[\\u0031]"),
    CASE(n_array_open, "["),
    CASE(n_array_open_with_item, "[1"),
    CASE(n_array_open_with_comma, "[1,"),
    CASE(n_array_comma_only, "[,]"),
    CASE(n_array_comma_first, "[,1]"),
    CASE(n_array_comma_last, "[1,]"),
    CASE(n_array_comma_twice, "[1,,2]"),
    CASE(n_array_no_comma, "[1 true]"),
    CASE(n_array_colon, "[\"a\":1]"),
    CASE(n_array_star, "[*]"),
    CASE(n_object_open, "{"),
    CASE(n_object_open_key, "{\"a"),
    CASE(n_object_open_after_key, "{\"a\""),
    CASE(n_object_open_after_colon, "{\"a\":"),
    CASE(n_object_open_after_value, "{\"a\":1"),
    CASE(n_object_open_after_comma, "{\"a\":1,"),
    CASE(n_object_comma_only, "{,}"),
    CASE(n_object_comma_last, "{\"a\":1,}"),
    CASE(n_object_comma_twice, "{\"a\":1,,\"b\":2}"),
    CASE(n_object_no_colon, "{\"a\" 1}"),
    CASE(n_object_no_value, "{\"a\":}"),
    CASE(n_object_two_colons, "{\"a\"::1}"),
    CASE(n_object_key_only, "{\"a\"}"),
    CASE(n_object_comma_for_colon, "{\"a\",1}"),
    CASE(n_object_key_unquoted, "{a:1}"),
    CASE(n_object_key_number, "{1:1}"),
    CASE(n_object_key_null, "{null:1}"),
    CASE(n_object_key_single_quotes, "{'a':1}"),
    CASE(n_object_key_array, "{[]:1}"),
    CASE(n_object_key_lone_surrogate, "{\"\\uDFAA\":0}"),
    CASE(n_object_bracketed_key, "{[\"a\":1}"),
    CASE(n_number_minus, "-"),
    CASE(n_number_minus_word, "[-a]"),
    CASE(n_number_two_minuses, "--1"),
    CASE(n_number_minus_space, "[- 1]"),
    CASE(n_number_plus, "+1"),
    CASE(n_number_leading_zero, "01"),
    CASE(n_number_minus_leading_zero, "-012"),
    CASE(n_number_two_zeros, "00"),
    CASE(n_number_leading_point, ".5"),
    CASE(n_number_minus_leading_point, "-.5"),
    CASE(n_number_trailing_point, "1."),
    CASE(n_number_point_exponent, "1.e3"),
    CASE(n_number_two_points, "1.2.3"),
    CASE(n_number_exponent_empty, "1e"),
    CASE(n_number_exponent_plus, "1e+"),
    CASE(n_number_exponent_minus, "1.0E-"),
    CASE(n_number_exponent_two_signs, "1e+-2"),
    CASE(n_number_exponent_point, "1e1.5"),
    CASE(n_number_two_exponents, "1e1e1"),
    CASE(n_number_bare_exponent, "e1"),
    CASE(n_number_not_a_number, "NaN"),
    CASE(n_number_minus_not_a_number, "[-NaN]"),
    CASE(n_number_infinity, "Infinity"),
    CASE(n_number_minus_infinity, "-Infinity"),
    CASE(n_number_inf, "inf"),
    CASE(n_number_hex, "0x1"),
    CASE(n_number_octal, "0o7"),
    CASE(n_number_underscore, "1_000"),
    CASE(n_number_with_letter, "[1a]"),
    CASE(n_number_with_space, "[1 000]"),
    CASE(n_number_fullwidth_digit, "[\xef\xbc\x91]"),
    CASE(n_number_then_string, "1\"\""),
    CASE(n_string_open, "\""),
    CASE(n_string_open_text, "\"abc"),
    CASE(n_string_open_after_backslash, "\"\\"),
    CASE(n_string_open_after_escape, "\"\\\""),
    CASE(n_string_open_after_u, "\"\\u"),
    CASE(n_string_open_in_hex, "\"\\u00"),
    CASE(n_string_open_after_hex, "\"\\u00e9"),
    CASE(n_string_open_after_high_surrogate, "\"\\ud800"),
    CASE(n_string_open_in_pair, "\"\\ud800\\udc0"),
    CASE(n_string_newline, "\"a\nb\""),
    CASE(n_string_tab, "\"\t\""),
    CASE(n_string_nul_byte, "\"a\0b\""),
    CASE(n_string_unit_separator, "\"\x1f\""),
    CASE(n_string_escape_x, "\"\\x00\""),
    CASE(n_string_escape_a, "\"\\a\""),
    CASE(n_string_escape_big_u, "\"\\U0041\""),
    CASE(n_string_escape_octal, "\"\\012\""),
    CASE(n_string_escape_newline, "\"\\\n\""),
    CASE(n_string_escape_tab, "\"\\\t\""),
    CASE(n_string_escape_nul_byte, "\"\\\0\""),
    CASE(n_string_escape_emoji, "\"\\\xf0\x9f\x8c\x80\""),
    CASE(n_string_hex_short, "\"\\u00A\""),
    CASE(n_string_hex_wrong, "\"\\u00G0\""),
    CASE(n_string_hex_braces, "\"\\u{41}\""),
    CASE(n_string_hex_sign, "\"\\u+041\""),
    CASE(i_string_lone_high_surrogate, "\"\\uD800\""),
    CASE(i_string_lone_low_surrogate, "\"\\uDC00\""),
    CASE(i_string_high_then_text, "\"\\uD800abcdef\""),
    CASE(i_string_high_then_newline, "\"\\uD800\\n\""),
    CASE(i_string_high_then_letter_escape, "\"\\uD800\\u0041\""),
    CASE(i_string_two_highs, "\"\\uD800\\uD800\""),
    CASE(i_string_two_lows, "\"\\uDC00\\uDC00\""),
    CASE(i_string_high_after_pair, "\"\\uD800\\uDC00\\uD800\""),
    CASE(i_string_pair_reversed, "\"\\uDd1e\\uD834\""),
    CASE(n_string_high_then_short_hex, "\"\\uD800\\u1\""),
    CASE(n_string_high_then_u, "\"\\uD800\\u\""),
    CASE(n_string_high_then_x, "\"\\uD800\\x\""),
    CASE(i_string_byte_ff, "\"\xff\""),
    CASE(i_string_byte_c0, "\"\xc0\""),
    CASE(i_string_latin1, "\"\xe9\""),
    CASE(i_string_lone_continuation, "\"\x80\""),
    CASE(i_string_overlong_2, "\"\xc0\xaf\""),
    CASE(i_string_overlong_2_highest, "\"\xc1\xbf\""),
    CASE(i_string_overlong_3, "\"\xe0\x9f\xbf\""),
    CASE(i_string_overlong_4, "\"\xf0\x8f\xbf\xbf\""),
    CASE(i_string_overlong_6, "\"\xfc\x83\xbf\xbf\xbf\xbf\""),
    CASE(i_string_modified_nul, "\"\xc0\x80\""),
    CASE(i_string_cut_2, "\"\xc3\""),
    CASE(i_string_cut_3, "\"\xe0\xbf\""),
    CASE(i_string_cut_4, "\"\xf0\x9f\x98\""),
    CASE(i_string_cut_by_the_end, "\"\xf0\x9f\x98"),
    CASE(i_string_utf8_surrogate, "\"\xed\xa0\x80\""),
    CASE(i_string_utf8_surrogate_pair, "\"\xed\xa0\xbd\xed\xb8\x80\""),
    CASE(i_string_beyond_unicode, "\"\xf4\x90\x80\x80\""),
    CASE(i_string_far_beyond_unicode, "\"\xf7\xbf\xbf\xbf\""),
    CASE(i_object_key_bad_utf8, "{\"\xb9\":0}"),
};

static const struct scan_case to_refuse[] = {
    CASE(i_number_first_inexact, "9007199254740992"),
    CASE(i_number_first_inexact_negative, "-9007199254740992"),
    CASE(i_number_17_digits, "10000000000000000"),
    CASE(i_number_int64_max, "9223372036854775807"),
    CASE(i_number_beyond_int64, "-9223372036854775809"),
    CASE(i_number_beyond_uint64_wraps_to_1, "18446744073709551617"),
    CASE(i_number_100_digits,
         "1000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000"),
    CASE(y_object_key_twice, "{\"a\":1,\"a\":2}"),
    CASE(y_object_key_and_value_twice, "{\"a\":1,\"a\":1}"),
    CASE(y_object_empty_key_twice, "{\"\":1,\"\":2}"),
    CASE(y_object_key_twice_apart, "{\"a\":1,\"b\":{},\"c\":[1,2,{\"d\":3}],\"a\":4}"),
    CASE(y_object_key_twice_inside, "[[{\"x\":[{\"a\":1,\"a\":2}]}]]"),
    CASE(y_object_key_twice_by_escape, "{\"a\":1,\"\\u0061\":2}"),
    CASE(y_object_key_twice_by_escape_first, "{\"\\u0061\":1,\"a\":2}"),
    CASE(y_object_key_twice_by_two_escapes, "{\"\\u00E9\":1,\"\\u00e9\":2}"),
    CASE(y_object_key_twice_by_solidus, "{\"a/b\":1,\"a\\/b\":2}"),
    CASE(y_object_key_twice_by_letter_escape, "{\"\\n\":1,\"\\u000a\":2}"),
    CASE(y_object_key_twice_by_utf8, "{\"\xc3\xa9\":1,\"\\u00e9\":2}"),
    CASE(y_object_key_twice_by_pair, "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}"),
    CASE(y_object_nul_in_key, "{\"a\\u0000b\":1}"),
    CASE(y_object_nul_is_key, "[{\"\\u0000\":1}]"),
};
#undef CASE

enum { READ = 0, NOT_JSON = ERROR_PARSE, REFUSED = ERROR_INVALID_REQUEST };

static int failures;

/* Says of each case that does not come out so; the test fails when all are through. */
static void expect(struct json *json, const char *name, const char *text, size_t n, int verdict)
{
    struct error e;
    int r = json_tree_scan(json, text, n, &e);

    if (r == verdict)
        return;
    failures++;
    printf("%s: %.*s gives %d, not %d: %s\n", name, (int)n, text, r, verdict, e.message);
}

static void expect_wrapped(struct json *json, const struct scan_case *c, const char *before,
                           const char *after, int verdict)
{
    struct buf b = {0};

    buf_add_text(&b, before);
    buf_add(&b, c->text, c->n);
    buf_add_text(&b, after);
    expect(json, c->name, b.data, buf_len(&b), verdict);
    buf_done(&b);
}

static void expect_all(const struct scan_case *cases, size_t n, int verdict)
{
    struct json json = {0};

    failures = 0;
    for (size_t i = 0; i < n; i++)
        expect(&json, cases[i].name, cases[i].text, cases[i].n, verdict);
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}

#define N(table) (sizeof(table) / sizeof *(table))

START_TEST(json_is_read)
{
    expect_all(to_read, N(to_read), READ);
}
END_TEST

START_TEST(what_is_not_json)
{
    expect_all(not_json, N(not_json), NOT_JSON);
}
END_TEST

START_TEST(json_beyond_the_limits)
{
    expect_all(to_refuse, N(to_refuse), REFUSED);
}
END_TEST

/* A value is what it is wherever it stands. */
START_TEST(values_inside_others)
{
    struct json json = {0};

    failures = 0;
    for (size_t i = 0; i < N(to_read) + N(to_refuse); i++) {
        bool is_read = i < N(to_read);
        const struct scan_case *c = is_read ? &to_read[i] : &to_refuse[i - N(to_read)];

        expect_wrapped(&json, c, "[", "]", is_read ? READ : REFUSED);
        expect_wrapped(&json, c, "[null,", ",null]", is_read ? READ : REFUSED);
        expect_wrapped(&json, c, "{\"k\":", "}", is_read ? READ : REFUSED);
        expect_wrapped(&json, c, "{\"k\":", ",\"l\":1}", is_read ? READ : REFUSED);
    }
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* Also where the reason to refuse it is already seen: a line that is not JSON is -32700 and nothing
 * else. */
START_TEST(bad_syntax_weighs_more)
{
    struct json json = {0};

    failures = 0;
    for (size_t i = 0; i < N(to_refuse); i++) {
        expect_wrapped(&json, &to_refuse[i], "[", ",", NOT_JSON);
        expect_wrapped(&json, &to_refuse[i], "[", ",nul]", NOT_JSON);
        expect_wrapped(&json, &to_refuse[i], "{\"k\":", ",\"l\":\"\xff\"}", NOT_JSON);
        expect_wrapped(&json, &to_refuse[i], "", " 1", NOT_JSON);
    }
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* What begins with a bracket or a quote is no JSON before its end. */
START_TEST(every_beginning_of_a_value)
{
    struct json json = {0};

    failures = 0;
    for (size_t i = 0; i < N(to_read) + N(to_refuse); i++) {
        const struct scan_case *c = i < N(to_read) ? &to_read[i] : &to_refuse[i - N(to_read)];
        size_t n = c->n;

        while (n && strchr(" \t\r\n", c->text[n - 1]))
            n--;
        if (n && strchr("]}\"", c->text[n - 1]))
            while (n--)
                expect(&json, c->name, c->text, n, NOT_JSON);
    }
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}
END_TEST

/* -- every byte, everywhere -- */

static bool is_special(int byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
}

/* The scanner skips plain bytes eight at a time: no place in a string is another's shadow. */
START_TEST(every_byte_at_every_place_of_a_string)
{
    struct json json = {0};
    char text[40];

    failures = 0;
    for (size_t n = 1; n <= 25; n++)
        for (size_t at = 0; at < n; at++)
            for (int byte = 0; byte < 256; byte++) {
                memset(text, 'a', sizeof text);
                text[0] = text[n + 1] = '"';
                text[at + 1] = (char)byte;
                expect(&json, "a byte in a string", text, n + 2,
                       is_special(byte) ? NOT_JSON : READ);
            }
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(every_byte_as_a_value_or_an_escape)
{
    struct json json = {0};

    failures = 0;
    for (int byte = 0; byte < 256; byte++) {
        const char value[] = {(char)byte}, escape[] = {'"', '\\', (char)byte, '"'};
        bool is_digit = byte >= '0' && byte <= '9';

        expect(&json, "a byte alone", value, sizeof value, is_digit ? READ : NOT_JSON);
        expect(&json, "a byte escaped", escape, sizeof escape,
               byte && strchr("\"\\/bfnrt", byte) ? READ : NOT_JSON);
    }
    json_done(&json);
    ck_assert_int_eq(failures, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = fds_case(suite, "json");

    tcase_add_test(tests, json_is_read);
    tcase_add_test(tests, what_is_not_json);
    tcase_add_test(tests, json_beyond_the_limits);
    tcase_add_test(tests, values_inside_others);
    tcase_add_test(tests, bad_syntax_weighs_more);
    tcase_add_test(tests, every_beginning_of_a_value);
    tcase_add_test(tests, every_byte_at_every_place_of_a_string);
    tcase_add_test(tests, every_byte_as_a_value_or_an_escape);
    return fds_run(suite);
}
