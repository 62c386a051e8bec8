/* check_json_values.c — what is got out of scanned JSON: tokens, strings with their escapes
 * resolved, numbers, members. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "tests/fds.h"
#include "tests/json_tree.h"

#define N(table) (sizeof(table) / sizeof *(table))

/* The text must outlive the use of the tokens: all here are literals. */
static void scan(struct json *json, const char *text, size_t n)
{
    struct error e = {0};
    int r = json_scan(json, text, n, &e);

    ck_assert_msg(r == 0, "%s: %s", text, e.message);
    ck_assert(json_tree_is_sound(json, n));
}

static void scan_text(struct json *json, const char *text)
{
    scan(json, text, strlen(text));
}

START_TEST(tokens_of_a_text)
{
    static const char text[] = " {\"a\" : [1, {\"b\":null}], \"c\\n\":\"x\\u0000\"} ";
    static const struct {
        enum json_type type;
        const char *text;
        uint32_t n, next;
        bool has_escape, has_nul;
    } expected[] = {
        {JSON_OBJECT, "{\"a\" : [1, {\"b\":null}], \"c\\n\":\"x\\u0000\"}", 2, 9, false, false},
        {JSON_STRING, "a", 0, 2, false, false},
        {JSON_ARRAY, "[1, {\"b\":null}]", 2, 7, false, false},
        {JSON_INTEGER, "1", 0, 4, false, false},
        {JSON_OBJECT, "{\"b\":null}", 1, 7, false, false},
        {JSON_STRING, "b", 0, 6, false, false},
        {JSON_NULL, "null", 0, 7, false, false},
        {JSON_STRING, "c\\n", 0, 8, true, false},
        {JSON_STRING, "x\\u0000", 0, 9, true, true},
    };
    struct json json = {0};

    scan(&json, text, sizeof text - 1);
    ck_assert_uint_eq(json.n_tokens, N(expected));
    for (size_t i = 0; i < N(expected); i++) {
        const struct json_token *t = &json.tokens[i];

        ck_assert_int_eq(t->type, expected[i].type);
        ck_assert_uint_eq(t->end - t->start, strlen(expected[i].text));
        ck_assert_mem_eq(text + t->start, expected[i].text, t->end - t->start);
        ck_assert_uint_eq(t->n, expected[i].n);
        ck_assert_uint_eq(t->next, expected[i].next);
        ck_assert(t->has_escape == expected[i].has_escape);
        ck_assert(t->has_nul == expected[i].has_nul);
    }
    json_done(&json);
    ck_assert_ptr_null(json.tokens);
}
END_TEST

START_TEST(types_of_values)
{
    static const struct {
        const char *text;
        enum json_type type;
        const char *name;
    } cases[] = {
        {"null", JSON_NULL, "null"},       {"false", JSON_FALSE, "false"},
        {"true", JSON_TRUE, "true"},       {"-0", JSON_INTEGER, "an integer"},
        {"1.0", JSON_REAL, "a number"},    {"1e2", JSON_REAL, "a number"},
        {"\"\"", JSON_STRING, "a string"}, {"[]", JSON_ARRAY, "an array"},
        {"{}", JSON_OBJECT, "an object"},
    };
    struct json json = {0};

    for (size_t i = 0; i < N(cases); i++) {
        scan_text(&json, cases[i].text);
        ck_assert_int_eq(json.tokens[0].type, cases[i].type);
        ck_assert_str_eq(json_type_name(json.tokens[0].type), cases[i].name);
    }
    json_done(&json);
}
END_TEST

/* -- strings -- */

START_TEST(escapes_resolved)
{
    static const struct {
        const char *text, *bytes;
        size_t n;
    } cases[] = {
        {"\"\"", "", 0},
        {"\"plain\"", "plain", 5},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\\u0001\\u007f\"", "\x01\x7f", 2},
        {"\"\\u00e9\\u00E9\xc3\xa9\"", "\xc3\xa9\xc3\xa9\xc3\xa9", 6},
        {"\"\\u20ac\"", "\xe2\x82\xac", 3},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5},
        {"\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf", 4},
        {"\"\\\\u0041\"", "\\u0041", 6},
        {"\"\\\\\\u0041\"", "\\A", 2},
        {"\"x\\\\\"", "x\\", 2},
    };
    struct json json = {0};
    struct arena a = {0};

    for (size_t i = 0; i < N(cases); i++) {
        size_t n = 99;
        char *s;

        scan_text(&json, cases[i].text);
        s = json_get_string(&json, 0, &a, &n);
        ck_assert_ptr_nonnull(s);
        ck_assert_msg(n == cases[i].n, "%s has %zu bytes", cases[i].text, n);
        ck_assert_mem_eq(s, cases[i].bytes, n + 1); /* and the NUL behind it */
        ck_assert(json_equals(&json, 0, cases[i].bytes, n));
        ck_assert(!json_equals(&json, 0, "other", 5));
        ck_assert(n == 0 || !json_equals(&json, 0, cases[i].bytes, n - 1));
        ck_assert(!json_equals(&json, 0, cases[i].bytes, n + 1));
    }
    json_done(&json);
    arena_done(&a);
}
END_TEST

/* All code points but surrogates, as escapes and as UTF-8, are the same strings. */
START_TEST(every_code_point)
{
    struct json json = {0};
    struct arena a = {0};

    for (int point = 1; point <= 0x10ffff; point++) {
        char text[40], bytes[4];
        size_t n, n_bytes = (size_t)utf8_write(point, (unsigned char *)bytes);
        int high = 0xd800 + ((point - 0x10000) >> 10), low = 0xdc00 + (point & 0x3ff);
        struct error e = {0};

        if (point >= 0x10000)
            snprintf(text, sizeof text, "\"\\u%04x\\u%04X\"", high, low);
        else
            snprintf(text, sizeof text, "\"\\u%04x\"", point);
        if (point >= 0xd800 && point <= 0xdfff) {
            ck_each(json_scan(&json, text, strlen(text), &e) == ERROR_PARSE, "%s", text);
            continue;
        }
        ck_each(json_scan(&json, text, strlen(text), &e) == 0, "%s", text);
        ck_each(memcmp(json_get_string(&json, 0, &a, &n), bytes, n_bytes) == 0, "%s", text);
        ck_each(n == n_bytes && !json.tokens[0].has_nul, "%s", text);
        arena_reset(&a);
    }
    json_done(&json);
    arena_done(&a);
}
END_TEST

START_TEST(order_of_strings)
{
    /* Ascending, by bytes; where two stand together they are the same. */
    static const char text[] =
        "[[\"\"],[\"\\u0000\"],[\"a\",\"\\u0061\"],[\"a\\u0000\"],[\"aa\",\"\\u0061a\"],"
        "[\"b\"],[\"\xc3\xa9\",\"\\u00e9\"],[\"\\uffff\"],"
        "[\"\xf0\x9f\x98\x80\",\"\\ud83d\\ude00\"]]";
    struct json json = {0};
    uint32_t all[32], rank[32], n = 0, list = 1;

    scan(&json, text, sizeof text - 1);
    for (uint32_t i = 0; i < json.tokens[0].n; i++, list = json.tokens[list].next)
        for (uint32_t j = 0; j < json.tokens[list].n; j++) {
            all[n] = list + 1 + j;
            rank[n++] = i;
        }
    ck_assert_uint_gt(n, 10);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            int order = json_compare(&json, all[i], all[j]);

            ck_assert((order < 0) == (rank[i] < rank[j]));
            ck_assert((order == 0) == (rank[i] == rank[j]));
        }
    json_done(&json);
}
END_TEST

START_TEST(only_strings_equal_texts)
{
    struct json json = {0};

    scan_text(&json, "[null,12,[],{},true]");
    ck_assert(!json_equals(&json, 1, "null", 4));
    ck_assert(!json_equals(&json, 2, "12", 2));
    ck_assert(!json_equals(&json, 3, "[]", 2));
    ck_assert(!json_equals(&json, 4, "{}", 2));
    ck_assert(!json_equals(&json, 5, "true", 4));
    json_done(&json);
}
END_TEST

START_TEST(members)
{
    struct json json = {0};

    scan_text(&json,
              "{\"x\":{\"id\":1,\"y\":[{\"id\":2}]},\"\":3,\"i\\u0064\":4,\"id2\":5,\"i\":6}");
    ck_assert_uint_eq(json_member(&json, 0, "x"), 2);
    ck_assert_uint_eq(json_member(&json, 2, "id"), 4);
    ck_assert_uint_eq(json_member(&json, 0, "id"), json_member(&json, 0, "") + 2);
    ck_assert(json.text[json.tokens[json_member(&json, 0, "id")].start] == '4');
    ck_assert(json.text[json.tokens[json_member(&json, 0, "id2")].start] == '5');
    ck_assert(json.text[json.tokens[json_member(&json, 0, "i")].start] == '6');
    ck_assert_uint_eq(json_member(&json, 0, "y"), 0);
    ck_assert_uint_eq(json_member(&json, 0, "ID"), 0);
    ck_assert_uint_eq(json_member(&json, json_member(&json, 2, "y"), "id"), 0);
    ck_assert_uint_eq(json_member(&json, json_member(&json, 0, ""), "id"), 0);
    scan_text(&json, "{}");
    ck_assert_uint_eq(json_member(&json, 0, "x"), 0);
    json_done(&json);
}
END_TEST

/* -- numbers -- */

START_TEST(integers)
{
    static const struct {
        const char *text;
        bool is_integer;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"7", true, 7},
        {"-1", true, -1},
        {"16777217", true, 16777217},
        {"9007199254740991", true, LIMIT_INTEGER},
        {"-9007199254740991", true, -LIMIT_INTEGER},
        {"1.0", true, 1},
        {"-2.000", true, -2},
        {"1e2", true, 100},
        {"1.5e1", true, 15},
        {"120E-1", true, 12},
        {"0e999", true, 0},
        {"9007199254740991.0", true, LIMIT_INTEGER},
        {"9007199254740992.0", false, 0},
        {"-9007199254740992.0", false, 0},
        {"1e16", false, 0},
        {"1e400", false, 0},
        {"0.5", false, 0},
        {"1e-1", false, 0},
        {"-1.000001", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
        {"true", false, 0},
        {"[1]", false, 0},
        {"{}", false, 0},
    };
    struct json json = {0};

    for (size_t i = 0; i < N(cases); i++) {
        int64_t v = 0;

        scan_text(&json, cases[i].text);
        ck_assert_msg(json_get_integer(&json, 0, &v) == cases[i].is_integer, "%s", cases[i].text);
        ck_assert_msg(!cases[i].is_integer || v == cases[i].v, "%s: %lld", cases[i].text,
                      (long long)v);
    }
    json_done(&json);
}
END_TEST

/* One that was refused can be asked for all the same, and is none. */
START_TEST(integers_beyond_the_limit)
{
    static const char *const texts[] = {"9007199254740992", "-9007199254740992",
                                        "18446744073709551617",
                                        "100000000000000000000000000000000000000000"};
    struct json json = {0};
    struct error e = {0};
    int64_t v;

    for (size_t i = 0; i < N(texts); i++) {
        ck_assert_int_eq(json_scan(&json, texts[i], strlen(texts[i]), &e), ERROR_INVALID_REQUEST);
        ck_assert_uint_eq(json.n_tokens, 1);
        ck_assert_msg(!json_get_integer(&json, 0, &v), "%s", texts[i]);
    }
    json_done(&json);
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        const char *text;
        bool is_number;
        double v;
    } cases[] = {
        {"0", true, 0},
        {"-12", true, -12},
        {"2.5", true, 2.5},
        {"-0.1", true, -0.1},
        {"1e3", true, 1000},
        {"1E-3", true, 0.001},
        {"1.7976931348623157e308", true, 1.7976931348623157e308},
        {"123e-10000000", true, 0},
        {"1e400", false, 0},
        {"-1e400", false, 0},
        {"\"2.5\"", false, 0},
        {"null", false, 0},
        {"false", false, 0},
        {"[]", false, 0},
    };
    struct json json = {0};

    for (size_t i = 0; i < N(cases); i++) {
        double v = 0;

        scan_text(&json, cases[i].text);
        ck_assert_msg(json_get_number(&json, 0, &v) == cases[i].is_number, "%s", cases[i].text);
        ck_assert_msg(!cases[i].is_number || v == cases[i].v, "%s: %.17g", cases[i].text, v);
    }
    json_done(&json);
}
END_TEST

/* What stands behind a number is not read with it. */
START_TEST(numbers_side_by_side)
{
    struct json json = {0};
    double v;

    scan_text(&json, "[1,2.5,3e0]");
    ck_assert(json_get_number(&json, 1, &v) && v == 1);
    ck_assert(json_get_number(&json, 2, &v) && v == 2.5);
    ck_assert(json_get_number(&json, 3, &v) && v == 3);
    json_done(&json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_values");
    TCase *tests = fds_case(suite, "json_values");

    tcase_add_test(tests, tokens_of_a_text);
    tcase_add_test(tests, types_of_values);
    tcase_add_test(tests, escapes_resolved);
    tcase_add_test(tests, every_code_point);
    tcase_add_test(tests, order_of_strings);
    tcase_add_test(tests, only_strings_equal_texts);
    tcase_add_test(tests, members);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, integers_beyond_the_limit);
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, numbers_side_by_side);
    return fds_run(suite);
}
