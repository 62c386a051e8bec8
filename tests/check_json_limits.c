/* check_json_limits.c — JSON that is JSON but more than berth takes: deep, long, with a key twice,
 * with numbers that are not exact in every reader. */
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "tests/fds.h"
#include "tests/json_tree.h"

#define N(table) (sizeof(table) / sizeof *(table))

enum { READ = 0, NOT_JSON = ERROR_PARSE, REFUSED = ERROR_INVALID_REQUEST };

/* n times `before`, then `middle`, then n times `after`. */
static char *repeat(size_t n, const char *before, const char *middle, const char *after)
{
    struct buf b = {0};

    for (size_t i = 0; i < n; i++)
        buf_add_text(&b, before);
    buf_add_text(&b, middle);
    for (size_t i = 0; i < n; i++)
        buf_add_text(&b, after);
    buf_add_char(&b, '\0');
    ck_assert(!b.failed);
    return b.data;
}

START_TEST(depth)
{
    static const struct {
        const char *before, *middle, *after;
        size_t n_levels, n_beside; /* of one repetition; and what its neighbours have */
    } shapes[] = {
        {"[", "", "]", 1, 0},           {"[", "1", "]", 1, 0},
        {"[[", "\"x\"", "],[]]", 2, 0}, {"{\"a\":", "null", "}", 1, 0},
        {"{\"a\":[", "", "]}", 2, 0},   {"[{},[],{\"b\":[1]},", "2", "]", 1, 2},
    };
    struct json json = {0};
    struct error e;

    for (size_t i = 0; i < N(shapes); i++) {
        size_t n = (LIMIT_DEPTH - shapes[i].n_beside) / shapes[i].n_levels;
        char *fits = repeat(n, shapes[i].before, shapes[i].middle, shapes[i].after);
        char *too_deep = repeat(n + 1, shapes[i].before, shapes[i].middle, shapes[i].after);

        ck_assert_int_eq(json_tree_scan(&json, fits, strlen(fits), &e), READ);
        ck_assert_int_eq(json_tree_scan(&json, too_deep, strlen(too_deep), &e), REFUSED);
        ck_assert_uint_eq(json.n_tokens, 0);
        ck_assert_msg(strstr(e.message, "32"), "%s", e.message);
        free(fits);
        free(too_deep);
    }
    json_done(&json);
}
END_TEST

/* A line of brackets ends soon and not in the stack; nothing of it is left for the next text. */
START_TEST(a_line_of_brackets)
{
    char *text = repeat(100000, "[", "", "");
    struct json json = {0};
    struct error e;

    /* Brackets that do not close are no JSON, however deep they go. */
    ck_assert_int_eq(json_scan(&json, text, strlen(text), &e), ERROR_PARSE);
    memset(text + 50000, ']', 50000);
    ck_assert_int_eq(json_scan(&json, text, strlen(text), &e), ERROR_INVALID_REQUEST);
    text[99999] = '}';
    ck_assert_int_eq(json_scan(&json, text, strlen(text), &e), ERROR_PARSE);
    ck_assert_int_eq(json_tree_scan(&json, "[[1]]", 5, &e), READ);
    ck_assert_uint_eq(json.n_tokens, 3);
    ck_assert_uint_le(json.n_room, 64);
    json_done(&json);
    free(text);
}
END_TEST

/* "[0,0,…]" */
static char *array_of(size_t n)
{
    char *text = repeat(n, "0,", "", ""), *array = malloc(2 * n + 2);

    ck_assert_ptr_nonnull(array);
    array[0] = '[';
    memcpy(array + 1, text, 2 * n);
    array[2 * n] = ']';
    array[2 * n + 1] = '\0';
    free(text);
    return array;
}

START_TEST(number_of_values)
{
    const size_t n = LIMIT_VALUES - 1; /* the array itself is one */
    char *fits = array_of(n), *too_many = array_of(n + 1);
    struct json json = {0};
    struct error e;

    ck_assert_int_eq(json_tree_scan(&json, fits, strlen(fits), &e), READ);
    ck_assert_uint_eq(json.n_tokens, LIMIT_VALUES);
    ck_assert_uint_eq(json.tokens[0].n, n);
    ck_assert_int_eq(json_tree_scan(&json, too_many, strlen(too_many), &e), REFUSED);
    ck_assert_uint_eq(json.n_tokens, 0);
    ck_assert_int_eq(json_tree_scan(&json, "0", 1, &e), READ);
    ck_assert_uint_eq(json.n_tokens, 1);
    json_done(&json);
    free(fits);
    free(too_many);
}
END_TEST

/* Objects of few keys and of many are looked through in different ways. `key` of n is given twice,
 * the second time by escapes if so wanted. */
static int verdict_of_keys(struct json *json, size_t n, size_t first, size_t second, bool escaped)
{
    struct buf b = {0};
    struct error e;
    int r;

    for (size_t i = 0; i < n; i++) {
        size_t key = i == second ? first : i;
        bool as_escape = escaped && i == second;

        buf_printf(&b, "%s\"%s%zu\":[%zu]", i ? "," : "{", as_escape ? "\\u006b" : "k", key * 7919,
                   i);
    }
    buf_add_char(&b, '}');
    r = json_tree_scan(json, b.data, buf_len(&b), &e);
    if (r == REFUSED)
        ck_assert_msg(strstr(e.message, "twice"), "%s", e.message);
    ck_assert_uint_eq(json->tokens[0].n, n);
    buf_done(&b);
    return r;
}

START_TEST(keys_given_twice)
{
    static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 18, 33, 100, 1000};
    struct json json = {0};

    for (size_t i = 0; i < N(sizes); i++) {
        size_t n = sizes[i], step = n < 40 ? 1 : n / 7;

        ck_assert_int_eq(verdict_of_keys(&json, n, n, n, false), READ);
        for (size_t first = 0; first < n; first += step)
            for (size_t second = first + 1; second < n; second += step) {
                ck_assert_int_eq(verdict_of_keys(&json, n, first, second, false), REFUSED);
                ck_assert_int_eq(verdict_of_keys(&json, n, first, second, true), REFUSED);
            }
        ck_assert_int_eq(n > 1 ? verdict_of_keys(&json, n, 0, n - 1, true) : REFUSED, REFUSED);
    }
    json_done(&json);
}
END_TEST

/* What was refused for its content can still be looked into: a reply needs the id. */
START_TEST(what_is_refused_can_be_looked_into)
{
    static const char text[] =
        "{\"id\":7,\"params\":[9007199254740992,{\"a\":1,\"a\":2}],\"method\":\"m\"}";
    struct json json = {0};
    struct error e = {0};
    int64_t id = 0;

    ck_assert_int_eq(json_scan(&json, text, sizeof text - 1, &e), REFUSED);
    ck_assert(json_tree_is_sound(&json, sizeof text - 1));
    ck_assert(json_get_integer(&json, json_member(&json, 0, "id"), &id));
    ck_assert_int_eq(id, 7);
    ck_assert(json_equals(&json, json_member(&json, 0, "method"), "m", 1));
    json_done(&json);
}
END_TEST

/* Where in the line it is, in bytes. */
START_TEST(messages_say_where)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"nul", "byte 0"},
        {"[1,2,]", "byte 5"},
        {"{\"a\":tru}", "byte 5"},
        {"[1] x", "byte 4"},
        {"[\"a\x01\"]", "byte 3"},
        {"[\"\xc3\xa9\xff\"]", "byte 4"},
        {"", "byte 0"},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"[9007199254740992]", "9007199254740991"},
        /* the first of several reasons */
        {"[9007199254740992,{\"a\":1,\"a\":2}]", "byte 17"},
        {"[{\"a\":1,\"a\":2},9007199254740992]", "twice"},
    };
    struct json json = {0};
    struct error e;

    for (size_t i = 0; i < N(cases); i++) {
        ck_assert_int_ne(json_tree_scan(&json, cases[i].text, strlen(cases[i].text), &e), READ);
        ck_assert_msg(strstr(e.message, cases[i].says), "%s: %s", cases[i].text, e.message);
    }
    json_done(&json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_limits");
    TCase *tests = fds_case(suite, "json_limits");

    tcase_add_test(tests, depth);
    tcase_add_test(tests, a_line_of_brackets);
    tcase_add_test(tests, number_of_values);
    tcase_add_test(tests, keys_given_twice);
    tcase_add_test(tests, what_is_refused_can_be_looked_into);
    tcase_add_test(tests, messages_say_where);
    return fds_run(suite);
}
