/* check_keep_damage.c — the state file is gone, cut off, changed, or not ours: the daemon starts
 * all the same, says what it lost, and gives no number twice. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dice.h"
#include "house.h"
#include "manager.h"

/* The last number given; those behind the sixth were of sockets that nobody kept. */
enum { LAST = 16777241, KEPT = 5, HEADER_BYTES = 8192, RECORD_BYTES = 1536 };

static struct manager m;
static char path[100], *image;
static size_t n_image;
static struct manager_fd kept[8];
static size_t n_kept;

static void read_image(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    n_image = (size_t)st.st_size < 256 << 10 ? (size_t)st.st_size : 256 << 10;
    image = malloc(n_image);
    ck_assert_int_eq(read(fd, image, n_image), (ssize_t)n_image);
    close(fd);
}

static void copy_store(struct manager_fd *to, size_t *n_to, const struct manager_fd *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        to[i].fd = fcntl(from[i].fd, F_DUPFD_CLOEXEC, 3);
    }
    *n_to = n;
}

/* A daemon with a few sockets of all sorts was killed: what it has left. */
static void set_up(void)
{
    struct talk t;

    manager_init(&m, 32);
    snprintf(path, sizeof path, "%s.state", m.path);
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "hello", "'label':'somebody'");
    talk_ask(&t, "socket", "'name':'a','lease':'permanent','label':'one','site':'a.c:1'");
    talk_ask(&t, "create_server", "'address':['127.0.0.1',0],'name':'b','lease':'permanent'");
    talk_ask(&t, "create_server",
             "'address':{'abstract':'berth-%d'},'family':'AF_UNIX',"
             "'name':'@c'",
             (int)getpid());
    talk_ask(&t, "socketpair", "'lease':600");
    manager_until(&m, m.n_store == KEPT);
    for (int i = 16777222; i <= LAST; i++)
        ck_assert_int_eq(talk_int(talk_ask(&t, "socket", NOTHING), "handle"), i);
    manager_kill(&m);
    talk_end(&t);
    read_image();
    copy_store(kept, &n_kept, m.store, m.n_store);
}

static void tear_down(void)
{
    for (size_t i = 0; i < n_kept; i++)
        close(kept[i].fd);
    free(image);
    chmod(path, 0600);
    manager_done(&m);
}

static void write_state(const char *bytes, size_t n)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

/* A daemon starts from this, does its work, and gives no number twice. Kills it, and puts all back
 * into the store as it was. */
static void expect_it_lives(void)
{
    struct talk t;
    json_t *rows;
    int64_t handle;

    manager_start(&m);
    t = talk_new(&m);
    talk_audit(&t);
    rows = talk_at(talk_ask(&t, "ledger.list", NOTHING), "rows");
    handle = talk_int(talk_ask(&t, "socket", "'name':'fresh','lease':'permanent'"), "handle");
    for (size_t i = 0; i < json_array_size(rows); i++)
        ck_assert_int_lt(talk_int(json_array_get(rows, i), "handle"), handle);
    rows = talk_at(talk_ask(&t, "ledger.list", "'filter':{'state':'closed'}"), "rows");
    for (size_t i = 0; i < json_array_size(rows); i++)
        talk_int(json_array_get(rows, i), "handle");
    talk_ask(&t, "ledger.leaks", NOTHING);
    talk_ask(&t, "pool.list", NOTHING);
    talk_audit(&t);
    talk_end(&t);
    manager_stop(&m);
    manager_empty_store(&m);
    copy_store(m.store, &m.n_store, kept, n_kept);
}

/* The number of the next socket that a daemon gives that starts from this. What is kept stays kept,
 * even when nobody knows any more what it was. */
static int64_t next_number(void)
{
    struct talk t;
    int64_t handle;

    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), KEPT);
    handle = talk_int(talk_ask(&t, "socket", NOTHING), "handle");
    talk_end(&t);
    manager_kill(&m);
    ck_assert_uint_eq(m.n_store, KEPT);
    return handle;
}

START_TEST(the_file_is_missing)
{
    unlink(path);
    ck_assert_int_gt(next_number(), LAST);
}
END_TEST

START_TEST(the_file_is_empty)
{
    write_state("", 0);
    ck_assert_int_gt(next_number(), LAST);
}
END_TEST

START_TEST(the_file_is_of_another_version)
{
    image[8]++;
    write_state(image, n_image);
    ck_assert_int_gt(next_number(), LAST);
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "or no state that this version knows"));
}
END_TEST

START_TEST(the_file_is_another_users)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chown(path, 65534, 65534), 0);
    ck_assert_int_gt(next_number(), LAST);
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "no file of the daemon's user"));
}
END_TEST

START_TEST(the_file_is_a_link)
{
    char other[128];

    snprintf(other, sizeof other, "%s.other", path);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_gt(next_number(), LAST);
    unlink(other);
}
END_TEST

START_TEST(the_file_is_cut_off)
{
    static const size_t sizes[] = {1,
                                   7,
                                   100,
                                   1000,
                                   4096,
                                   HEADER_BYTES - 1,
                                   HEADER_BYTES,
                                   HEADER_BYTES + 1,
                                   HEADER_BYTES + RECORD_BYTES - 1,
                                   HEADER_BYTES + RECORD_BYTES,
                                   HEADER_BYTES + 2 * RECORD_BYTES + 700};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_state(image, sizes[i]);
        expect_it_lives();
    }
}
END_TEST

/* The totals say less than there is: nothing is lost a negative number of times. */
START_TEST(totals_that_do_not_fit)
{
    enum { N_OPENED = 56 };
    struct talk t;

    memset(image + N_OPENED, 0, 8);
    write_state(image, n_image);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), KEPT);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), LAST - 16777216 - KEPT);
    talk_end(&t);
    manager_kill(&m);
}
END_TEST

/* Mostly in what is used of it. */
static size_t a_place(struct dice *d)
{
    size_t at = dice_below(d, 5);

    if (dice_one_in(d, 3))
        return dice_below(d, 200);
    return HEADER_BYTES + at * RECORD_BYTES + dice_below(d, dice_one_in(d, 2) ? 900 : RECORD_BYTES);
}

START_TEST(bytes_of_the_file_are_others)
{
    struct dice d = dice_new();
    size_t n_rounds = dice_rounds(40, 500);
    char *damaged = malloc(n_image);

    for (size_t i = 0; i < n_rounds; i++) {
        memcpy(damaged, image, n_image);
        for (size_t n = 1 + dice_below(&d, 8); n > 0; n--)
            damaged[a_place(&d)] = (char)dice_bits(&d);
        write_state(damaged, n_image);
        expect_it_lives();
    }
    free(damaged);
}
END_TEST

/* The whole of a record is noise. */
START_TEST(records_are_noise)
{
    struct dice d = dice_new();
    size_t n_rounds = dice_rounds(10, 100);
    char *damaged = malloc(n_image);

    for (size_t i = 0; i < n_rounds; i++) {
        memcpy(damaged, image, n_image);
        for (size_t at = HEADER_BYTES + 16; at < HEADER_BYTES + 5 * RECORD_BYTES; at++)
            if ((at - HEADER_BYTES) % RECORD_BYTES >= 16)
                damaged[at] = (char)dice_bits(&d);
        write_state(damaged, n_image);
        expect_it_lives();
    }
    free(damaged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_damage");
    TCase *tc = tcase_create("keep_damage");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, getenv("BERTH_FULL") ? 1000 : 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, the_file_is_missing);
    tcase_add_test(tc, the_file_is_empty);
    tcase_add_test(tc, the_file_is_of_another_version);
    tcase_add_test(tc, the_file_is_another_users);
    tcase_add_test(tc, the_file_is_a_link);
    tcase_add_test(tc, the_file_is_cut_off);
    tcase_add_test(tc, totals_that_do_not_fit);
    tcase_add_test(tc, bytes_of_the_file_are_others);
    tcase_add_test(tc, records_are_noise);
    return house_run(suite);
}
