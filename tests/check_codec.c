/* check_codec.c — JSON to struct and back, for every shape of the method table: what is taken, by
 * name and by position. */
#include <string.h>

#include "tests/codec_try.h"

#define N(table) (sizeof(table) / sizeof *(table))

/* What the samples say is what is written again, so nothing got lost between. */
START_TEST(all_members)
{
    struct buf out = {0};

    for_each_shape(shape)
    {
        samples_add_object(shape, NULL, codec_try_anew());
        codec_try_taken(shape, codec_try_decode(shape, CODEC_STRICT));
        buf_add_char(&out, '[');
        codec_try_encode(shape, &out);
        buf_add_char(&out, ']');
        ck_assert_msg(buf_len(&out) == buf_len(&codec_try.text) &&
                          memcmp(out.data, codec_try.text.data, buf_len(&out)) == 0,
                      "%s becomes %.*s", shape->name, (int)buf_len(&out), out.data);
        buf_truncate(&out, 0);
    }
    buf_done(&out);
}
END_TEST

/* Each member alone, too: the value is what codec_encode_member writes, and nothing else is there.
 */
START_TEST(each_member_alone)
{
    struct buf out = {0};

    for_each_shape(shape) for_each_row(shape, row)
    {
        buf_printf(codec_try_anew(), "{\"%s\":", samples_key(row));
        samples_add_value(row, &codec_try.text);
        buf_add_char(&codec_try.text, '}');
        codec_try_taken(shape, codec_try_decode(shape, CODEC_LOOSE));
        for_each_row(shape, other)
        {
            codec_encode_member(other, codec_try.into, &out);
            ck_assert_msg((buf_len(&out) > 0) == (other == row), "%s.%s after %s", shape->name,
                          other->name, row->name);
            buf_truncate(&out, 0);
        }
    }
    buf_done(&out);
}
END_TEST

START_TEST(by_position)
{
    struct buf out = {0};

    for_each_shape(shape)
    {
        buf_add_char(codec_try_anew(), '[');
        for_each_row(shape, row)
        {
            buf_add_text(&codec_try.text, row == shape->fields ? "" : ",");
            samples_add_value(row, &codec_try.text);
        }
        buf_add_char(&codec_try.text, ']');
        codec_try_taken(shape, codec_try_decode(shape, CODEC_STRICT));
        codec_try_encode(shape, &out);
        samples_add_object(shape, NULL, codec_try_anew());
        ck_assert_msg(buf_len(&out) == buf_len(&codec_try.text) - 1 &&
                          memcmp(out.data, codec_try.text.data + 1, buf_len(&out)) == 0,
                      "%s becomes %.*s", shape->name, (int)buf_len(&out), out.data);
        buf_truncate(&out, 0);
    }
    buf_done(&out);
}
END_TEST

START_TEST(by_position_too_many)
{
    for_each_shape(shape)
    {
        buf_add_char(codec_try_anew(), '[');
        for_each_row(shape, row)
        {
            samples_add_value(row, &codec_try.text);
            buf_add_char(&codec_try.text, ',');
        }
        buf_add_text(&codec_try.text, "1]");
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), "params");
    }
}
END_TEST

/* Nothing at all, an empty object and an empty array are the same. */
START_TEST(nothing_given)
{
    static const char *const nothings[] = {"{}", "[]", NULL};

    for_each_shape(shape) for (size_t i = 0; i < N(nothings); i++)
    {
        const struct field *row = shape->fields;
        int r;

        buf_add_text(codec_try_anew(), nothings[i] ? nothings[i] : "{}");
        r = codec_try_decode(shape, CODEC_STRICT);
        if (!nothings[i]) {
            codec_try.e = (struct error){0};
            r = codec_decode(shape, CODEC_STRICT, &codec_try.json, 0, &codec_try.arena,
                             codec_try.into, &codec_try.e);
        }
        while (row < shape->fields + shape->n_fields && row->need == OPTIONAL)
            row++;
        if (samples_is_optional(shape))
            codec_try_taken(shape, r);
        else
            codec_try_named(shape, r, samples_key(row));
    }
}
END_TEST

/* A key is what it reads, however it is spelt. */
START_TEST(keys_with_escapes)
{
    struct buf out = {0};

    for_each_shape(shape) for_each_row(shape, row)
    {
        buf_printf(codec_try_anew(), "{\"\\u%04x%s\":", samples_key(row)[0], samples_key(row) + 1);
        samples_add_value(row, &codec_try.text);
        buf_add_char(&codec_try.text, '}');
        codec_try_taken(shape, codec_try_decode(shape, CODEC_LOOSE));
        codec_encode_member(row, codec_try.into, &out);
        ck_assert_msg(buf_len(&out) > 0, "%s.%s is passed over", shape->name, row->name);
        buf_truncate(&out, 0);
    }
    buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tests = codec_try_case(suite, "codec");

    tcase_add_test(tests, all_members);
    tcase_add_test(tests, each_member_alone);
    tcase_add_test(tests, by_position);
    tcase_add_test(tests, by_position_too_many);
    tcase_add_test(tests, nothing_given);
    tcase_add_test(tests, keys_with_escapes);
    return fds_run(suite);
}
