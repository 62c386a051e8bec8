/* check_frame.c — a stream as lines: in pieces of any size, and none of them longer than may be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/dice.h"
#include "tests/fds.h"
#include "tests/frame_pair.h"

#define N(table) (sizeof(table) / sizeof *(table))

enum { MAX = FRAME_PAIR_MAX_LINE, MEGABYTE = 1 << 20 };

static struct frame *const f = &frame_pair.frame;

/* -- lines -- */

START_TEST(several_lines_in_one_read)
{
    frame_pair_write_text("a\nbb\nccc\n");
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    frame_pair_line("a");
    ck_assert(frame_has_input(f));
    frame_pair_line("bb");
    frame_pair_line("ccc");
    ck_assert(!frame_has_input(f));
    frame_pair_nothing();
}
END_TEST

START_TEST(one_line_byte_by_byte)
{
    static const char line[] = "{\"method\":\"ping\"}\r";

    for (size_t i = 0; i < sizeof line - 1; i++) {
        frame_pair_write(line + i, 1);
        ck_assert_int_eq(frame_read(f), 1);
        frame_pair_nothing();
        ck_assert(frame_has_input(f));
    }
    frame_pair_write_text("\n");
    ck_assert_int_eq(frame_read(f), 1);
    frame_pair_line("{\"method\":\"ping\"}");
    frame_pair_nothing();
}
END_TEST

START_TEST(carriage_returns_and_empty_lines)
{
    frame_pair_write_text("\n\r\na\r\n\n\n\r\nb\rc\r\nd\r\r\n\re\n");
    frame_pair_read();
    frame_pair_line("a");
    frame_pair_line("b\rc");
    frame_pair_line("d\r");
    frame_pair_line("\re");
    frame_pair_nothing();
    ck_assert(!frame_has_input(f));
}
END_TEST

START_TEST(any_byte_may_stand_in_a_line)
{
    char line[255 + 1];
    const char *got;
    size_t n;

    frame_pair_set_max(sizeof line);
    for (int i = 0; i < 255; i++)
        line[i] = (char)(i < '\n' ? i : i + 1);
    line[255] = '\n';
    frame_pair_write(line, sizeof line);
    frame_pair_read();
    ck_assert_int_eq(frame_next(f, &got, &n), 1);
    ck_assert_uint_eq(n, 255);
    ck_assert_mem_eq(got, line, 255);
}
END_TEST

/* -- lines that are too long -- */

/* Nothing is said of a line while it still may be good. */
static void write_byte_by_byte(const char *text, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        frame_pair_write(text + at, 1);
        ck_assert_int_eq(frame_read(f), 1);
        if (at < MAX && text[at] != '\n')
            frame_pair_nothing();
    }
}

/* The limit counts what is between the newlines; a carriage return before the newline is not
 * counted. */
START_TEST(the_longest_line)
{
    static const struct {
        size_t n;
        const char *end;
        bool fits;
    } cases[] = {
        {MAX - 1, "\n", true},     {MAX, "\n", true},      {MAX, "\r\n", true},
        {MAX - 1, "\r\r\n", true}, {MAX + 1, "\n", false}, {MAX + 1, "\r\n", false},
        {MAX, "\r\r\n", false},    {MAX + 2, "\n", false},
    };

    for (size_t i = 0; i < 2 * N(cases); i++) {
        const char *text = frame_pair_letters(cases[i / 2].n, cases[i / 2].end);
        size_t n = strlen(text);

        if (i % 2)
            frame_pair_write(text, n);
        else
            write_byte_by_byte(text, n);
        frame_pair_read();
        if (cases[i / 2].fits) {
            n -= 1 + (text[n - 2] == '\r');
            frame_pair_line(strndupa(text, n));
        } else {
            frame_pair_too_long();
        }
        frame_pair_nothing();
        frame_pair_write_text("next\n");
        frame_pair_read();
        frame_pair_line("next");
        frame_pair_nothing();
    }
}
END_TEST

/* Said as soon as it is known, once; then nothing until the newline, and the next line is as good
 * as any. */
START_TEST(a_line_far_too_long)
{
    frame_pair_write(frame_pair_letters(MAX + 2, ""), MAX + 2);
    frame_pair_read();
    frame_pair_too_long();
    for (int i = 0; i < 50; i++) {
        frame_pair_write(frame_pair_letters(MAX, ""), MAX);
        frame_pair_read();
        frame_pair_nothing();
        ck_assert(!frame_has_input(f));
    }
    frame_pair_write_text("end\r\n\nafter\n");
    frame_pair_read();
    frame_pair_line("after");
    frame_pair_write(frame_pair_letters(MAX + 1, "\n"), MAX + 2);
    frame_pair_read();
    frame_pair_too_long();
    frame_pair_nothing();
}
END_TEST

START_TEST(lines_too_long_one_after_another)
{
    for (int i = 0; i < 3; i++)
        frame_pair_write(frame_pair_letters(MAX + 5, "\n"), MAX + 6);
    frame_pair_write_text("good\n");
    frame_pair_read();
    for (int i = 0; i < 3; i++)
        frame_pair_too_long();
    frame_pair_line("good");
    frame_pair_nothing();
}
END_TEST

/* Ten megabytes without a newline take no more memory than the limit asks for. */
START_TEST(a_long_line_is_not_kept)
{
    char *piece = malloc(65536);
    int n_too_long = 0;
    const char *line;
    size_t n;

    ck_assert_ptr_nonnull(piece);
    memset(piece, 'x', 65536);
    frame_pair_set_max(MEGABYTE);
    for (int i = 0; i < 160; i++) {
        frame_pair_write(piece, 65536);
        frame_pair_read();
        n_too_long += frame_next(f, &line, &n) == -EMSGSIZE;
        ck_assert_uint_le(f->in.n_room, (size_t)3 * MEGABYTE);
    }
    free(piece);
    ck_assert_int_eq(n_too_long, 1);
    frame_pair_write_text("\nok\n");
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    frame_pair_line("ok");
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    ck_assert_uint_eq(f->in.n_room, 0); /* an idle session keeps nothing */
}
END_TEST

START_TEST(a_line_of_the_full_length)
{
    char *text = malloc(MEGABYTE + 1);
    const char *line;
    size_t n;

    ck_assert_ptr_nonnull(text);
    frame_pair_set_max(MEGABYTE);
    memset(text, 'x', MEGABYTE);
    text[MEGABYTE] = '\n';
    frame_pair_write(text, MEGABYTE + 1);
    frame_pair_read();
    ck_assert_int_eq(frame_next(f, &line, &n), 1);
    ck_assert_uint_eq(n, MEGABYTE);
    ck_assert_mem_eq(line, text, MEGABYTE);
    free(text);
}
END_TEST

/* -- chance -- */

/* What the lines of a whole text are, the plain way. Returns the length of what `got` has to be. */
static size_t expected_lines(const char *text, size_t n, char *got)
{
    size_t used = 0;

    while (n > 0) {
        const char *newline = memchr(text, '\n', n);
        size_t n_line = newline ? (size_t)(newline - text) : n, n_all = n_line + (newline != NULL);

        n_line -= n_line && text[n_line - 1] == '\r';
        if (n_line > MAX) {
            got[used++] = '!';
        } else if (n_line) {
            memcpy(got + used, text, n_line);
            used += n_line;
        }
        if (n_line)
            got[used++] = '\n';
        text += n_all;
        n -= n_all;
    }
    return used;
}

static size_t take_lines(char *got)
{
    size_t used = 0, n;
    const char *line;
    int r;

    while ((r = frame_next(f, &line, &n))) {
        if (r < 0) {
            got[used++] = '!';
        } else {
            memcpy(got + used, line, n);
            used += n;
        }
        got[used++] = '\n';
    }
    return used;
}

static size_t random_text(struct dice *dice, char *text, size_t n_room)
{
    size_t n_pieces = dice_below(dice, 30), n = 0;

    while (n_pieces-- > 0 && n + MAX + 40 < n_room) {
        size_t length = dice_one_in(dice, 4) ? MAX - 3 + dice_below(dice, 8) : dice_below(dice, 30);

        memset(text + n, 'a' + (int)dice_below(dice, 26), length);
        n += length;
        for (size_t ends = dice_below(dice, 4); ends > 0; ends--)
            text[n++] = "\n\n\r\n"[dice_below(dice, 4)];
    }
    return n;
}

START_TEST(lines_in_random_pieces)
{
    struct dice dice = dice_new();
    char text[4096], expected[8192], got[8192];

    for (size_t round = dice_rounds(2000, 50000); round > 0; round--) {
        size_t n = random_text(&dice, text, sizeof text), n_got = 0, n_expected;

        frame_done(f);
        frame_pair_end_other();
        frame_pair_open();
        for (size_t at = 0, n_piece; at < n; at += n_piece) {
            n_piece = 1 + dice_below(&dice, dice_one_in(&dice, 3) ? 3 : n - at);
            n_piece = n_piece < n - at ? n_piece : n - at;
            ck_each(send(frame_pair.other, text + at, n_piece, 0) == (ssize_t)n_piece, "send");
            if (dice_one_in(&dice, 2))
                frame_read(f);
            if (dice_one_in(&dice, 2))
                n_got += take_lines(got + n_got);
        }
        frame_pair_end_other();
        frame_pair_read();
        n_got += take_lines(got + n_got);
        n_expected = expected_lines(text, n, expected);
        ck_each(n_got == n_expected && memcmp(got, expected, n_got) == 0,
                "%.*s\nis taken for\n%.*s", (int)n, text, (int)n_got, got);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tests = fds_case(suite, "frame");

    tcase_add_checked_fixture(tests, frame_pair_open, frame_pair_close);
    tcase_add_test(tests, several_lines_in_one_read);
    tcase_add_test(tests, one_line_byte_by_byte);
    tcase_add_test(tests, carriage_returns_and_empty_lines);
    tcase_add_test(tests, any_byte_may_stand_in_a_line);
    tcase_add_test(tests, the_longest_line);
    tcase_add_test(tests, a_line_far_too_long);
    tcase_add_test(tests, lines_too_long_one_after_another);
    tcase_add_test(tests, a_long_line_is_not_kept);
    tcase_add_test(tests, a_line_of_the_full_length);
    tcase_add_test(tests, lines_in_random_pieces);
    return fds_run(suite);
}
