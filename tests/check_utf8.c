/* check_utf8.c — which bytes are UTF-8, held against the definition: what a code point's shortest
 * form is, and nothing else. */
#include <string.h>

#include "proto/utf8.h"
#include "tests/fds.h"

/* The length of the sequence at `at` worked out another way: put its bits together, and see whether
 * that code point is one, and needs so many bytes. */
static int expected_length(const unsigned char *at, size_t n)
{
    static const int least[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = at[0] < 0x80       ? 1
                 : at[0] >> 5 == 6  ? 2
                 : at[0] >> 4 == 14 ? 3
                 : at[0] >> 3 == 30 ? 4
                                    : 0,
        point;

    if (length < 2 || (size_t)length > n)
        return length == 1;
    point = at[0] & (0xff >> (length + 1));
    for (int i = 1; i < length; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

/* All first two bytes, with each kind of byte behind them, cut at each length. */
START_TEST(every_sequence)
{
    static const unsigned char behind[] = {0x00, 0x22, 0x7f, 0x80, 0x8f, 0xa0, 0xbf, 0xc0, 0xff};

    for (unsigned pair = 0; pair < 0x10000; pair++)
        for (size_t i = 0; i < sizeof behind; i++)
            for (size_t j = 0; j < sizeof behind; j++) {
                const unsigned char bytes[] = {(unsigned char)(pair >> 8), (unsigned char)pair,
                                               behind[i], behind[j]};

                for (size_t n = 1; n <= 4; n++)
                    ck_each(utf8_length(bytes, bytes + n) == expected_length(bytes, n),
                            "%02x %02x %02x %02x, %zu bytes of it", bytes[0], bytes[1], bytes[2],
                            bytes[3], n);
            }
}
END_TEST

START_TEST(every_code_point)
{
    for (int point = 0; point <= 0x10ffff; point++) {
        unsigned char bytes[4];
        int n = utf8_write(point, bytes);
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff, nul;

        ck_each(utf8_length(bytes, bytes + n) == (is_surrogate ? 0 : n), "U+%04X", (unsigned)point);
        ck_each(utf8_is_valid((char *)bytes, (size_t)n, &nul) == !is_surrogate, "U+%04X",
                (unsigned)point);
        ck_each(nul == (point == 0), "U+%04X", (unsigned)point);
    }
}
END_TEST

/* The first special byte is found at every place and alignment, and nothing behind the end is
 * looked at. */
START_TEST(plain_bytes_are_skipped)
{
    unsigned char bytes[48];

    for (size_t from = 0; from < 8; from++)
        for (size_t n = 0; n <= 32; n++)
            for (size_t at = 0; at <= n; at++)
                for (int byte = 0; byte < 256; byte++) {
                    bool is_special = byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;

                    memset(bytes, '#', sizeof bytes);
                    bytes[from + at] = (unsigned char)byte;
                    ck_each(utf8_skip_plain(bytes + from, bytes + from + n) ==
                                bytes + from + (is_special && at < n ? at : n),
                            "byte %d at %zu of %zu, from %zu", byte, at, n, from);
                }
}
END_TEST

START_TEST(whole_texts)
{
    bool nul = true;

    ck_assert(utf8_is_valid("", 0, &nul));
    ck_assert(!nul);
    ck_assert(utf8_is_valid("a\xc3\xa9 long enough to be skipped by eights \xf0\x9f\x98\x80\"\\\n",
                            46, &nul));
    ck_assert(!nul);
    ck_assert(utf8_is_valid("a\0b", 3, &nul));
    ck_assert(nul);
    ck_assert(!utf8_is_valid("long enough to be skipped by eights \xff", 37, &nul));
    ck_assert(!utf8_is_valid("\xc3", 1, &nul));
    ck_assert(utf8_is_valid("\xc3\xa9", 2, &nul));
    ck_assert(!nul);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = fds_case(suite, "utf8");

    tcase_add_test(tests, every_sequence);
    tcase_add_test(tests, every_code_point);
    tcase_add_test(tests, plain_bytes_are_skipped);
    tcase_add_test(tests, whole_texts);
    return fds_run(suite);
}
