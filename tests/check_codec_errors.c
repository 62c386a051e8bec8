/* check_codec_errors.c — what is not taken: for every row of every shape of the method table, the
 * error names the member at fault. */
#include <stdio.h>
#include <string.h>

#include "tests/codec_try.h"

#define N(table) (sizeof(table) / sizeof *(table))

START_TEST(unknown_key)
{
    for_each_shape(shape)
    {
        samples_add_object(shape, NULL, codec_try_anew());
        codec_try.text.end -= 1; /* the brace */
        buf_printf(&codec_try.text, "%s\"no_such_key\":null}", shape->n_fields ? "," : "");
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), "no_such_key");
        codec_try.text.end -= 1;
        codec_try_taken(shape, codec_try_decode(shape, CODEC_LOOSE));
    }
}
END_TEST

/* Nor is what comes near: the beginning of a key, a key and more, a key in capitals, the member's
 * own name where the key is another. */
START_TEST(nearly_a_key)
{
    for_each_shape(shape) for_each_row(shape, row)
    {
        const char *key = samples_key(row);
        char other[64];

        snprintf(other, sizeof other, "%sx", key);
        buf_printf(codec_try_anew(), "{\"%s\":1}", other);
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), other);
        snprintf(other, sizeof other, "%.*s", (int)strlen(key) - 1, key);
        if (field_find(shape, other, strlen(other)))
            continue;
        buf_printf(codec_try_anew(), "{\"%s\":1}", other);
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), other);
        other[0] = (char)(key[0] - 'a' + 'A');
        snprintf(other + 1, sizeof other - 1, "%s", key + 1);
        buf_printf(codec_try_anew(), "{\"%s\":1}", other);
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), other);
        if (row->type == FIELD_PAYLOAD) {
            buf_add_text(codec_try_anew(), "{\"payload\":\"x\"}");
            codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), "payload");
        }
    }
}
END_TEST

START_TEST(missing_key)
{
    for_each_shape(shape) for_each_row(shape, row)
    {
        samples_add_object(shape, row, codec_try_anew());
        if (row->need == OPTIONAL)
            codec_try_taken(shape, codec_try_decode(shape, CODEC_STRICT));
        else
            codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), samples_key(row));
        samples_add_object(shape, row, codec_try_anew());
        codec_try_taken(shape, codec_try_decode(shape, CODEC_LOOSE));
    }
}
END_TEST

/* Which of these values each type takes. */
enum { NIL = 1, TRUTH = 2, INT = 4, REAL = 8, TEXT = 16, ARRAY = 32, OBJECT = 64, ALL = 127 };

static const char *const others[] = {"null", "true", "7", "1.5", "\"no such\"", "[]", "{}"};

static const int taken[N_FIELD_TYPES] = {
    [FIELD_BOOL] = TRUTH,
    [FIELD_INT] = INT,
    [FIELD_NUMBER] = INT | REAL,
    [FIELD_TEXT] = TEXT,
    [FIELD_SERVICE] = TEXT | INT,
    [FIELD_JSON] = ALL,
    [FIELD_PAYLOAD] = TEXT,
    [FIELD_HANDLE] = TEXT | INT,
    [FIELD_TIMEOUT] = NIL | INT | REAL,
    [FIELD_LEASE] = INT | REAL,
    [FIELD_PROTOCOL] = INT,
    [FIELD_LEVEL] = INT,
    [FIELD_MSG_FLAGS] = INT | ARRAY,
    [FIELD_AI_FLAGS] = INT | ARRAY,
    [FIELD_NI_FLAGS] = INT | ARRAY,
    [FIELD_OPTIONS] = OBJECT,
    [FIELD_TEXTS] = ARRAY,
    [FIELD_INTS] = ARRAY,
    [FIELD_SOCKADDRS] = ARRAY,
    [FIELD_LIST] = ARRAY,
    [FIELD_OBJECT] = OBJECT, /* and what is missing in it is named */
};

static void try_value(const struct shape *shape, const struct field *row, const char *key, size_t i)
{
    bool is_taken = taken[row->type] & 1 << i && !(row->type == FIELD_PAYLOAD && *key == 'b');
    const char *error_at = key;
    char path[64];
    int r;

    samples_add_object(shape, row, codec_try_anew());
    codec_try.text.end -= 1;
    buf_printf(&codec_try.text, "%s\"%s\":%s}", shape->n_fields > 1 ? "," : "", key, others[i]);
    r = codec_try_decode(shape, CODEC_STRICT);
    if (is_taken && row->of && row->type == FIELD_OBJECT && !samples_is_optional(row->of())) {
        snprintf(path, sizeof path, "%s.%s", key, samples_key(row->of()->fields));
        error_at = path;
        is_taken = false;
    }
    if (is_taken)
        codec_try_taken(shape, r);
    else
        codec_try_named(shape, r, error_at);
}

START_TEST(wrong_type)
{
    for_each_shape(shape) for_each_row(shape, row) for (size_t i = 0; i < N(others); i++)
    {
        try_value(shape, row, samples_key(row), i);
        if (row->type == FIELD_PAYLOAD)
            try_value(shape, row, "base64", i);
    }
}
END_TEST

/* The same by position: the name is the row's. */
START_TEST(wrong_type_by_position)
{
    for_each_shape(shape) for_each_row(shape, row) for (size_t i = 0; i < N(others); i++)
    {
        if (taken[row->type] & 1 << i)
            continue;
        buf_add_char(codec_try_anew(), '[');
        for_each_row(shape, before)
        {
            if (before == row)
                break;
            samples_add_value(before, &codec_try.text);
            buf_add_char(&codec_try.text, ',');
        }
        buf_printf(&codec_try.text, "%s]", others[i]);
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), samples_key(row));
    }
}
END_TEST

/* \u0000 is taken in a payload's text and nowhere else. */
START_TEST(nul_in_a_text)
{
    for_each_shape(shape) for_each_row(shape, row)
    {
        samples_add_object(shape, row, codec_try_anew());
        codec_try.text.end -= 1;
        buf_printf(&codec_try.text, "%s\"%s\":\"a\\u0000b\"}", shape->n_fields > 1 ? "," : "",
                   samples_key(row));
        if (row->type == FIELD_PAYLOAD)
            codec_try_taken(shape, codec_try_decode(shape, CODEC_STRICT));
        else
            codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), samples_key(row));
    }
}
END_TEST

/* -- structs inside structs -- */

/* The third item of a list, or an object, with something wrong inside. */
static void try_inside(const struct shape *shape, const struct field *row, const char *inside,
                       const char *path)
{
    struct buf *text = codec_try_anew();
    char whole[128];

    buf_printf(text, "{\"%s\":%s", row->name, row->type == FIELD_LIST ? "[" : "");
    for (int i = 0; row->type == FIELD_LIST && i < 2; i++) {
        samples_add_object(row->of(), NULL, text);
        buf_add_char(text, ',');
    }
    buf_printf(text, "%s%s}", inside, row->type == FIELD_LIST ? "]" : "");
    snprintf(whole, sizeof whole, "%s%s%s", row->name, row->type == FIELD_LIST ? "[2]" : "", path);
    codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), whole);
}

START_TEST(errors_inside)
{
    int n_tried = 0;

    for_each_shape(shape) for_each_row(shape, row)
    {
        if (!row->of)
            continue;
        try_inside(shape, row, "{\"no_such_key\":1}", ".no_such_key");
        if (row->type == FIELD_LIST)
            try_inside(shape, row, "[]", "");
        try_inside(shape, row, "\"x\"", "");
        for_each_row(row->of(), inner)
        {
            char inside[64], path[64];

            snprintf(inside, sizeof inside, "{\"%s\":%s}", samples_key(inner),
                     taken[inner->type] & TRUTH ? "7" : "true");
            snprintf(path, sizeof path, ".%s", samples_key(inner));
            if (inner->type != FIELD_JSON)
                try_inside(shape, row, inside, path);
            n_tried++;
        }
    }
    ck_assert_int_gt(n_tried, 20);
}
END_TEST

/* As the contract's own example has it. */
START_TEST(way_to_an_item_of_a_text_list)
{
    buf_add_text(
        codec_try_anew(),
        "{\"handles\":[{\"handle\":1},{\"handle\":2},{\"handle\":3,\"events\":[\"in\",5]}]}");
    codec_try_named(shape_poll_params(), codec_try_decode(shape_poll_params(), CODEC_STRICT),
                    "handles[2].events[1]");
    ck_assert_str_eq(codec_try.e.name, "handles");
    buf_add_text(codec_try_anew(),
                 "{\"handles\":[{\"handle\":1},{\"handle\":2},{\"handle\":3,\"events\":\"in\"}]}");
    codec_try_named(shape_poll_params(), codec_try_decode(shape_poll_params(), CODEC_STRICT),
                    "handles[2].events");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_errors");
    TCase *tests = codec_try_case(suite, "codec_errors");

    tcase_add_test(tests, unknown_key);
    tcase_add_test(tests, nearly_a_key);
    tcase_add_test(tests, missing_key);
    tcase_add_test(tests, wrong_type);
    tcase_add_test(tests, wrong_type_by_position);
    tcase_add_test(tests, nul_in_a_text);
    tcase_add_test(tests, errors_inside);
    tcase_add_test(tests, way_to_an_item_of_a_text_list);
    return fds_run(suite);
}
