/* check_frame_ends.c — how the two ways of a frame end, one after the other or both at once; and
 * what is sent where the other side reads slowly or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fds.h"
#include "tests/frame_pair.h"

#define N(table) (sizeof(table) / sizeof *(table))

enum { MAX = FRAME_PAIR_MAX_LINE, MEGABYTE = 1 << 20 };

static struct frame *const f = &frame_pair.frame;

/* -- the end -- */

START_TEST(the_end_after_a_line)
{
    frame_pair_write_text("last\n");
    frame_pair_shutdown();
    ck_assert_int_eq(frame_pair_read(), 0);
    ck_assert(f->eof);
    frame_pair_line("last");
    frame_pair_nothing();
    ck_assert_int_eq(frame_read(f), 0);
}
END_TEST

START_TEST(an_unfinished_line_at_the_end)
{
    frame_pair_write_text("one\ntwo");
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    frame_pair_line("one");
    frame_pair_nothing();
    frame_pair_shutdown();
    ck_assert_int_eq(frame_pair_read(), 0);
    frame_pair_line("two");
    frame_pair_nothing();
    ck_assert(!frame_has_input(f));
}
END_TEST

START_TEST(other_ends)
{
    static const struct {
        size_t n;
        const char *end;
        int result; /* of the first frame_next */
    } cases[] = {
        {0, "", 0},
        {0, "\r", 0},
        {0, "\n\n", 0},
        {MAX, "", 1},
        {MAX, "\r", 1},
        {MAX + 1, "", -EMSGSIZE},
        {MAX + 1, "\r", -EMSGSIZE},
        {MAX + 9, "", -EMSGSIZE},
        {5, "\r", 1},
    };

    for (size_t i = 0; i < N(cases); i++) {
        const char *text = frame_pair_letters(cases[i].n, cases[i].end), *line;
        size_t n;

        frame_pair_close();
        frame_pair_open();
        frame_pair_write(text, strlen(text));
        frame_pair_end_other();
        ck_assert_int_eq(frame_pair_read(), 0);
        ck_assert_int_eq(frame_next(f, &line, &n), cases[i].result);
        ck_assert(cases[i].result != 1 || n == cases[i].n);
        frame_pair_nothing();
        frame_pair_nothing();
        ck_assert(!frame_has_input(f));
    }
}
END_TEST

START_TEST(the_end_inside_a_line_too_long)
{
    frame_pair_write(frame_pair_letters(MAX + 5, ""), MAX + 5);
    frame_pair_read();
    frame_pair_too_long();
    frame_pair_write_text("and more of it");
    frame_pair_shutdown();
    ck_assert_int_eq(frame_pair_read(), 0);
    frame_pair_nothing();
    ck_assert(!frame_has_input(f));
}
END_TEST

/* The other side may end its requests and still wait for the replies. */
START_TEST(the_other_direction_stays)
{
    char reply[8] = "";

    frame_pair_write_text("ask\n");
    frame_pair_shutdown();
    ck_assert_int_eq(frame_pair_read(), 0);
    frame_pair_line("ask");
    buf_add_text(frame_out(f), "answer\n");
    ck_assert_int_eq(frame_flush(f), 0);
    ck_assert_int_eq(recv(frame_pair.other, reply, sizeof reply, 0), 7);
    ck_assert_mem_eq(reply, "answer\n", 7);
}
END_TEST

START_TEST(a_broken_connection)
{
    buf_add_text(frame_out(f), "never read\n");
    ck_assert_int_eq(frame_flush(f), 0);
    frame_pair_end_other();
    ck_assert_int_eq(frame_read(f), -ECONNRESET);
    buf_add_text(frame_out(f), "nobody there\n");
    ck_assert_int_eq(frame_flush(f), -EPIPE); /* and no SIGPIPE */
}
END_TEST

/* -- what there is to read -- */

/* A read that got less than it had room for need not be tried again at once. */
START_TEST(all_that_there_was)
{
    char *much = calloc(1, 150000);

    ck_assert_ptr_nonnull(much);
    frame_pair_write_text("a line\n");
    ck_assert_int_eq(frame_read(f), 7);
    ck_assert(f->is_drained);
    ck_assert_int_eq(frame_read(f), -EAGAIN);
    frame_pair_set_max(MEGABYTE);
    frame_pair_write(much, 150000);
    free(much);
    for (int n = 0, r; n < 150000; n += r) {
        r = frame_read(f);
        ck_assert_int_gt(r, 0);
        ck_assert(f->is_drained == (n + r == 150000));
    }
}
END_TEST

/* Closed with bytes unread, the other side would be told of a reset instead of the end. */
START_TEST(drained_before_the_end)
{
    char reply[8];

    for (int i = 0; i < 20; i++)
        frame_pair_write(frame_pair_letters(MAX, "\n"), MAX + 1);
    buf_add_text(frame_out(f), "sorry\n");
    ck_assert_int_eq(frame_flush(f), 0);
    frame_drain(f);
    ck_assert(!frame_has_input(f));
    frame_done(f);
    ck_assert_int_eq(recv(frame_pair.other, reply, sizeof reply, 0), 6);
    ck_assert_int_eq(recv(frame_pair.other, reply, sizeof reply, 0), 0);
}
END_TEST

/* -- out -- */

/* The other side takes a little at a time: every byte comes, in order, and the memory is given
 * back. */
START_TEST(much_to_send)
{
    enum { N_LINES = 30000 };
    size_t n_total, n_before, n_got = 0, at = 0;
    char *all, piece[7777];
    int small = 4096, r, n_partial = 0;

    ck_assert_int_eq(setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < N_LINES; i++)
        buf_printf(frame_out(f), "line %d of what is to be sent\n", i);
    n_total = frame_pending(f);
    all = malloc(n_total);
    ck_assert_ptr_nonnull(all);
    memcpy(all, frame_out(f)->data + frame_out(f)->start, n_total);
    while ((r = frame_flush(f)) == -EAGAIN) {
        ssize_t n = recv(frame_pair.other, piece, sizeof piece, 0);

        ck_assert_int_gt(n, 0);
        ck_each(memcmp(piece, all + n_got, (size_t)n) == 0, "at byte %zu", n_got);
        n_got += (size_t)n;
        n_before = at;
        at = n_total - frame_pending(f);
        ck_assert_uint_ge(at, n_before);
        ck_assert_uint_ge(at, n_got);
        n_partial++;
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_gt(n_partial, 10);
    ck_assert_uint_eq(frame_pending(f), 0);
    ck_assert_uint_le(f->out.n_room, 65536);
    for (ssize_t n; n_got < n_total; n_got += (size_t)n) {
        n = recv(frame_pair.other, piece, sizeof piece, 0);
        ck_assert_int_gt(n, 0);
        ck_each(memcmp(piece, all + n_got, (size_t)n) == 0, "at byte %zu", n_got);
    }
    free(all);
}
END_TEST

START_TEST(nothing_to_send)
{
    char byte;

    ck_assert_uint_eq(frame_pending(f), 0);
    ck_assert_int_eq(frame_flush(f), 0);
    ck_assert_int_eq(recv(frame_pair.other, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame_ends");
    TCase *tests = fds_case(suite, "frame_ends");

    tcase_add_checked_fixture(tests, frame_pair_open, frame_pair_close);
    tcase_add_test(tests, the_end_after_a_line);
    tcase_add_test(tests, an_unfinished_line_at_the_end);
    tcase_add_test(tests, other_ends);
    tcase_add_test(tests, the_end_inside_a_line_too_long);
    tcase_add_test(tests, the_other_direction_stays);
    tcase_add_test(tests, a_broken_connection);
    tcase_add_test(tests, all_that_there_was);
    tcase_add_test(tests, drained_before_the_end);
    tcase_add_test(tests, much_to_send);
    tcase_add_test(tests, nothing_to_send);
    return fds_run(suite);
}
