/* check_base64.c — bytes as base64 and back, strictly: one text for each value (RFC 4648, section
 * 4). */
#include <string.h>

#include "proto/json.h"
#include "tests/dice.h"
#include "tests/fds.h"

#define N(table) (sizeof(table) / sizeof *(table))

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct arena arena;

static void end(void)
{
    arena_done(&arena);
}

static bool decodes(const char *text, size_t n)
{
    bool bad = true;
    size_t n_bytes;
    char *bytes = json_from_base64(text, n, &arena, &n_bytes, &bad);

    ck_assert((bytes == NULL) == bad);
    return bytes;
}

static void ck_both_ways(const void *bytes, size_t n, const char *text)
{
    struct buf b = {0};
    size_t n_back = 0;
    bool bad;
    char *back;

    json_write_base64(&b, bytes, n);
    ck_assert(!b.failed && buf_len(&b) >= 2 && b.data[0] == '"' && b.data[b.end - 1] == '"');
    if (text)
        ck_assert_msg(buf_len(&b) == strlen(text) + 2 &&
                          memcmp(b.data + 1, text, strlen(text)) == 0,
                      "%.*s is written, not %s", (int)buf_len(&b), b.data, text);
    ck_assert_uint_eq((buf_len(&b) - 2) % 4, 0);
    back = json_from_base64(b.data + 1, buf_len(&b) - 2, &arena, &n_back, &bad);
    ck_assert_ptr_nonnull(back);
    ck_assert(!bad);
    ck_assert_uint_eq(n_back, n);
    ck_assert_mem_eq(back, bytes, n);
    buf_done(&b);
}

/* RFC 4648, section 10, and the bytes that use the last two letters. */
START_TEST(known_texts)
{
    ck_both_ways("", 0, "");
    ck_both_ways("f", 1, "Zg==");
    ck_both_ways("fo", 2, "Zm8=");
    ck_both_ways("foo", 3, "Zm9v");
    ck_both_ways("foob", 4, "Zm9vYg==");
    ck_both_ways("fooba", 5, "Zm9vYmE=");
    ck_both_ways("foobar", 6, "Zm9vYmFy");
    ck_both_ways("\xfb\xff\xbf", 3, "+/+/");
    ck_both_ways("\xff\xff\xff", 3, "////");
    ck_both_ways("\0\0", 2, "AAA=");
}
END_TEST

START_TEST(what_is_not_base64)
{
    /* clang-format off */
    static const char *const texts[] = {
        "A", "AA", "AAA", "AAAAA", "Zg=", "Zg", "Zm8", "=", "==", "===", "====", "A===", "=AAA",
        "A=AA", "AA=A", "AAAA====", "Zg==Zg==", "Zg==AAAA", "Zm8=AAAA", "AAAAA===", " AAA", "AAA ",
        "AA AA", "AAAA\n", "AAAA\r\n\r\n", "AA-_", "AAA.", "AAA\xc3", "\xff\xff\xff\xff",
        /* bits behind the last byte */
        "Zh==", "Zv==", "Zm9=", "Zm+=", "AB==", "AAB=",
    };
    /* clang-format on */

    for (size_t i = 0; i < N(texts); i++)
        ck_assert_msg(!decodes(texts[i], strlen(texts[i])), "%s is taken", texts[i]);
    ck_assert(!decodes("AA\0A", 4));
}
END_TEST

/* Each place takes the letters and nothing else; the padding is not taken for a letter. */
START_TEST(every_byte_at_every_place)
{
    for (size_t at = 0; at < 8; at++)
        for (int byte = 0; byte < 256; byte++) {
            char text[8] = {'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A'};
            bool is_letter = byte && strchr(alphabet, byte), is_padding = byte == '=' && at == 7;

            text[at] = (char)byte;
            ck_assert_msg(decodes(text, sizeof text) == (is_letter || is_padding), "byte %d at %zu",
                          byte, at);
        }
}
END_TEST

/* Of the 64 letters before one padding, those with zeros behind are taken: 16; before two: 4. */
START_TEST(one_text_for_each_value)
{
    int n_one = 0, n_two = 0;

    for (int i = 0; i < 64; i++) {
        const char one[] = {'A', 'A', alphabet[i], '='}, two[] = {'A', alphabet[i], '=', '='};

        n_one += decodes(one, sizeof one);
        n_two += decodes(two, sizeof two);
    }
    ck_assert_int_eq(n_one, 16);
    ck_assert_int_eq(n_two, 4);
}
END_TEST

START_TEST(random_bytes)
{
    struct dice dice = dice_new();
    char bytes[300];

    for (size_t round = dice_rounds(5000, 50000); round > 0; round--) {
        size_t n = round < sizeof bytes ? round : dice_below(&dice, sizeof bytes);

        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)dice_bits(&dice);
        ck_both_ways(bytes, n, NULL);
        arena_reset(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = fds_case(suite, "base64");

    tcase_add_checked_fixture(tests, NULL, end);
    tcase_add_test(tests, known_texts);
    tcase_add_test(tests, what_is_not_base64);
    tcase_add_test(tests, every_byte_at_every_place);
    tcase_add_test(tests, one_text_for_each_value);
    tcase_add_test(tests, random_bytes);
    return fds_run(suite);
}
