/* check_frame_fds.c — descriptors on their way through a frame: each comes to the message that
 * speaks of it, and none that came uninvited stays open. That none is left is what the count around
 * each test says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tests/dice.h"
#include "tests/fds.h"
#include "tests/frame_pair.h"

static struct frame *const f = &frame_pair.frame;

/* A file that says who it is. */
static int make_file(int number)
{
    int fd = memfd_create("number", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &number, sizeof number, 0), (ssize_t)sizeof number);
    return fd;
}

/* Takes the next descriptor and returns the number of its file; -1 when there is none. */
static int take_number(void)
{
    int fd = frame_take_fd(f), number = -1;

    if (fd < 0)
        return -1;
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(pread(fd, &number, sizeof number, 0), (ssize_t)sizeof number);
    close(fd);
    return number;
}

static void write_numbered(const char *bytes, size_t n, int number)
{
    int fd = make_file(number);

    frame_pair_write_fds(bytes, n, &fd, 1);
    close(fd);
}

START_TEST(one_descriptor)
{
    ck_assert_int_eq(frame_take_fd(f), -1);
    write_numbered("with\n", 5, 17);
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    frame_pair_line("with");
    ck_assert_int_eq(take_number(), 17);
    ck_assert_int_eq(frame_take_fd(f), -1);
    ck_assert(!f->fds_broken);
}
END_TEST

/* The kernel gives them with the first byte, whatever that is glued to. */
START_TEST(first_come_first_taken)
{
    write_numbered("one\n", 4, 1);
    frame_pair_write_text("none\n");
    write_numbered("t", 1, 2);
    frame_pair_write_text("wo\nnone\n");
    write_numbered("three\n", 6, 3);
    frame_pair_read();
    frame_pair_line("one");
    ck_assert_int_eq(take_number(), 1);
    frame_pair_line("none");
    frame_pair_line("two");
    ck_assert_int_eq(take_number(), 2);
    frame_pair_line("none");
    frame_pair_line("three");
    ck_assert_int_eq(take_number(), 3);
    ck_assert_int_eq(frame_take_fd(f), -1);
}
END_TEST

/* What nobody took is closed with the frame; also what came with no line at all. */
START_TEST(descriptors_that_nobody_takes)
{
    for (int i = 0; i < LIMIT_FDS_QUEUED; i++)
        write_numbered("x\n", 2, i);
    write_numbered("unfinished", 10, 99);
    frame_pair_shutdown();
    for (int i = 0; i < LIMIT_FDS_QUEUED; i++) {
        ck_assert_int_gt(frame_read(f), 0);
        ck_assert(!f->fds_broken);
    }
    ck_assert_int_eq(f->n_fds_in, LIMIT_FDS_QUEUED);
    ck_assert_int_gt(frame_read(f), 0); /* one more than may queue */
    ck_assert(f->fds_broken);
    ck_assert_int_eq(f->n_fds_in, LIMIT_FDS_QUEUED);
    ck_assert_int_eq(frame_pair_read(), 0);
    ck_assert_int_eq(take_number(), 0);
    ck_assert_int_eq(take_number(), 1);
}
END_TEST

/* Room for one descriptor has room for two on a 64-bit machine: the second must not stay open
 * unseen. */
START_TEST(too_many_in_one_message)
{
    static const int sizes[] = {2, 3, 4, 5, 6, 20, 100, 253};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int fds[253], before, n = sizes[i];

        frame_pair_close();
        before = fds_count();
        frame_pair_open();
        for (int j = 0; j < n; j++)
            fds[j] = make_file(j);
        frame_pair_write_fds("x\n", 2, fds, n);
        for (int j = 0; j < n; j++)
            close(fds[j]);
        frame_pair_read();
        ck_assert_msg(f->fds_broken, "%d descriptors came and nothing is broken", n);
        frame_pair_line("x");
        frame_done(f);
        frame_pair_end_other();
        fds_await(before);
        ck_assert_msg(fds_count() == before, "of %d descriptors %d are left", n,
                      fds_count() - before);
        frame_pair_open();
    }
}
END_TEST

/* There may be more behind a message that brought one, for it ends the read. */
START_TEST(a_read_ends_with_a_descriptor)
{
    write_numbered("one\n", 4, 1);
    frame_pair_write_text("more\n");
    ck_assert_int_gt(frame_read(f), 0);
    ck_assert(!f->is_drained);
    ck_assert_int_eq(frame_pair_read(), -EAGAIN);
    frame_pair_line("one");
    frame_pair_line("more");
    ck_assert_int_eq(take_number(), 1);
}
END_TEST

START_TEST(thrown_away_with_what_they_came_with)
{
    for (int i = 0; i < 100; i++)
        write_numbered("x\n", 2, i);
    ck_assert(frame_drain(f)); /* there is more than it throws away at once */
    for (int i = 0; i < 10 && frame_drain(f); i++)
        ;
    ck_assert_int_eq(frame_read(f), -EAGAIN);
    ck_assert(!frame_has_input(f));
    ck_assert_int_le(f->n_fds_in, LIMIT_FDS_QUEUED);
}
END_TEST

/* At the limit of descriptors the message comes without the one it brought: MSG_CTRUNC. */
START_TEST(no_room_for_a_descriptor)
{
    struct rlimit limit, none;
    int lowest = dup(0);

    ck_assert_int_ge(lowest, 0);
    close(lowest);
    write_numbered("x\n", 2, 1);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)lowest, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(frame_read(f), 2);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(f->fds_broken);
    frame_pair_line("x");
    ck_assert_int_eq(frame_take_fd(f), -1);
}
END_TEST

/* -- out -- */

/* What one recvmsg brings: its bytes, and the number of the file that came with it, else -1. */
static int receive(char *bytes, size_t n_room, size_t *ret_n)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {bytes, n_room};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(frame_pair.other, &msg, MSG_CMSG_CLOEXEC);
    int fd, number = -1;

    ck_assert_int_ge(n, 0);
    ck_assert(!(msg.msg_flags & MSG_CTRUNC));
    *ret_n = (size_t)n;
    if (!CMSG_FIRSTHDR(&msg))
        return -1;
    memcpy(&fd, CMSG_DATA(&control.align), sizeof fd);
    ck_assert_int_eq(pread(fd, &number, sizeof number, 0), (ssize_t)sizeof number);
    close(fd);
    return number;
}

/* Each leaves with the first byte of its own line, in a sendmsg of its own: a reader who takes a
 * message at a time sees it with that one. */
START_TEST(given_with_their_lines)
{
    struct buf *out = frame_out(f);
    char bytes[100];
    size_t n;

    buf_add_text(out, "before\n");
    ck_assert_int_eq(frame_give_fd(f, make_file(1)), 0);
    buf_add_text(out, "first\n");
    ck_assert_int_eq(frame_give_fd(f, make_file(2)), 0);
    buf_add_text(out, "second\n");
    buf_add_text(out, "after\n");
    ck_assert_int_eq(frame_flush(f), 0);
    ck_assert_int_eq(f->n_fds_out, 0);

    /* The kernel may glue what has no descriptor to what comes behind it, but never two
     * descriptors. */
    ck_assert_int_eq(receive(bytes, 7, &n), -1);
    ck_assert_mem_eq(bytes, "before\n", 7);
    ck_assert_int_eq(receive(bytes, sizeof bytes, &n), 1);
    ck_assert_uint_eq(n, 6);
    ck_assert_mem_eq(bytes, "first\n", 6);
    ck_assert_int_eq(receive(bytes, sizeof bytes, &n), 2);
    ck_assert_uint_eq(n, 13);
    ck_assert_mem_eq(bytes, "second\nafter\n", 13);
}
END_TEST

/* Never sent, but owned all the same. */
START_TEST(given_and_never_sent)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(frame_give_fd(f, make_file(i)), 0);
        buf_add_text(frame_out(f), "line\n");
    }
    ck_assert_int_eq(f->n_fds_out, 20);
}
END_TEST

START_TEST(given_to_nobody)
{
    frame_pair_end_other();
    ck_assert_int_eq(frame_give_fd(f, make_file(1)), 0);
    buf_add_text(frame_out(f), "line\n");
    ck_assert_int_eq(frame_flush(f), -EPIPE);
}
END_TEST

/* -- chance: many messages, some with a descriptor, each says its number and whether one comes with
 * it -- */

enum { MAX_MESSAGE = 200000 };

static char filling[MAX_MESSAGE];

static size_t random_length(struct dice *dice)
{
    return dice_one_in(dice, 40) ? dice_below(dice, MAX_MESSAGE) : dice_below(dice, 300);
}

/* Takes the descriptor that a message speaks of. */
static void check_descriptor(struct frame *receiver, int number)
{
    int fd = frame_take_fd(receiver), in_file = -1;

    ck_each(fd >= 0, "message %d came without its descriptor", number);
    ck_each(pread(fd, &in_file, sizeof in_file, 0) == sizeof in_file, "pread");
    close(fd);
    ck_each(in_file == number, "message %d came with the descriptor of %d", number, in_file);
}

/* Looks over the messages that have come: each the next one. Returns how many. */
static int check_messages(struct frame *receiver, int next)
{
    int r, number = next;
    const char *line;
    size_t n;

    while ((r = frame_next(receiver, &line, &n))) {
        char head[32] = "", expected[16];
        int length = snprintf(expected, sizeof expected, "%d ", number);

        ck_each(r == 1, "a message came as %d", r);
        memcpy(head, line, n < sizeof head - 1 ? n : sizeof head - 1);
        ck_each(strncmp(head, expected, (size_t)length) == 0, "%s came, not %d", head, number);
        if (head[length] == '1')
            check_descriptor(receiver, number);
        number++;
    }
    return number - next;
}

/* From frame to frame, flushed and read when chance has it. */
START_TEST(from_frame_to_frame)
{
    int n_messages = (int)dice_rounds(3000, 60000), n_seen = 0, n_made = 0, small = 20000;
    struct dice dice = dice_new();
    struct frame sender;

    memset(filling, 'x', sizeof filling);
    frame_pair_set_max(MAX_MESSAGE + 100);
    frame_init(&sender, frame_pair.other, 100);
    frame_pair.other = -1;
    ck_assert_int_eq(setsockopt(sender.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    while (n_seen < n_messages) {
        bool with_fd = dice_one_in(&dice, 2);

        if (n_made < n_messages && sender.n_fds_out < 20) {
            if (with_fd)
                ck_each(frame_give_fd(&sender, make_file(n_made)) == 0, "out of memory");
            buf_printf(frame_out(&sender), "%d %d ", n_made++, with_fd);
            buf_add(frame_out(&sender), filling, random_length(&dice));
            buf_add_text(frame_out(&sender), "\n");
        }
        if (dice_one_in(&dice, 4) || n_made == n_messages || sender.n_fds_out >= 20) {
            int r = frame_flush(&sender);

            ck_each(r == 0 || r == -EAGAIN, "flush gives %d", r);
        }
        if (dice_one_in(&dice, 3) || n_made == n_messages || frame_pending(&sender) > MAX_MESSAGE)
            for (size_t reads = 1 + dice_below(&dice, 4); reads > 0; reads--)
                frame_read(f);
        n_seen += check_messages(f, n_seen);
    }
    ck_assert_int_eq(n_seen, n_messages);
    ck_assert(!f->fds_broken);
    ck_assert_int_eq(f->n_fds_in, 0);
    ck_assert_int_eq(sender.n_fds_out, 0);
    frame_done(&sender);
}
END_TEST

/* From any program: the descriptor goes with the first byte, the rest in pieces of any size. */
START_TEST(from_random_pieces)
{
    int n_messages = (int)dice_rounds(3000, 60000), n_seen = 0;
    struct dice dice = dice_new();

    memset(filling, 'x', sizeof filling);
    frame_pair_set_max(MAX_MESSAGE + 100);
    for (int i = 0; i < n_messages; i++) {
        bool with_fd = dice_one_in(&dice, 2);
        size_t length = dice_below(&dice, 2000), at = 0, n_piece;
        char message[2100];
        int n_head = sprintf(message, "%d %d ", i, with_fd);

        memcpy(message + n_head, filling, length);
        length += (size_t)n_head;
        message[length++] = '\n';
        if (with_fd) {
            at = 1 + dice_below(&dice, dice_one_in(&dice, 2) ? 2 : length);
            write_numbered(message, at, i);
        }
        for (; at < length; at += n_piece) {
            n_piece = 1 + dice_below(&dice, length - at);
            ck_each(send(frame_pair.other, message + at, n_piece, 0) == (ssize_t)n_piece, "send");
            if (dice_one_in(&dice, 5))
                frame_read(f);
            if (dice_one_in(&dice, 5))
                n_seen += check_messages(f, n_seen);
        }
        while (i - n_seen > 30 || i == n_messages - 1) {
            bool has_come = frame_read(f) > 0;

            n_seen += check_messages(f, n_seen);
            if (!has_come)
                break;
        }
    }
    ck_assert_int_eq(n_seen, n_messages);
    ck_assert(!f->fds_broken);
    ck_assert_int_eq(f->n_fds_in, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame_fds");
    TCase *tests = fds_case(suite, "frame_fds");

    tcase_add_checked_fixture(tests, frame_pair_open, frame_pair_close);
    tcase_add_test(tests, one_descriptor);
    tcase_add_test(tests, first_come_first_taken);
    tcase_add_test(tests, descriptors_that_nobody_takes);
    tcase_add_test(tests, too_many_in_one_message);
    tcase_add_test(tests, a_read_ends_with_a_descriptor);
    tcase_add_test(tests, thrown_away_with_what_they_came_with);
    tcase_add_test(tests, no_room_for_a_descriptor);
    tcase_add_test(tests, given_with_their_lines);
    tcase_add_test(tests, given_and_never_sent);
    tcase_add_test(tests, given_to_nobody);
    tcase_add_test(tests, from_frame_to_frame);
    tcase_add_test(tests, from_random_pieces);
    return fds_run(suite);
}
