/* check_state.c — the state of a daemon that died: whatever instruction it died at, the file says
 * what was before the change or what is after it. A child makes changes one instruction at a time,
 * and after each the file is read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/state.h"
#include "dice.h"
#include "fds.h"
#include "house.h"

enum { IMAGE_BYTES = 8192 + 64 * 1536, STEPS_MOST = 2000000 };

static int fd = -1;
static struct state *state;

static void set_up(void)
{
    fd = memfd_create("state", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    state = state_new(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    ck_assert_ptr_nonnull(state);
}

static void tear_down(void)
{
    state_free(state);
    close(fd);
}

/* Each number of it says which version it is of. */
static struct tally make_tally(int64_t v)
{
    return (struct tally){.n_opened = v,
                          .n_live = v,
                          .n_ended = {v, v, v, v, v},
                          .n_suspected = v,
                          .n_cleared = v,
                          .n_sent = v,
                          .n_received = v,
                          .next_handle = v};
}

static struct record make_record(int64_t v)
{
    static char texts[N_RECORD_TEXTS][64];
    const char *all[N_RECORD_TEXTS];
    struct record r;

    memset(&r, 0, sizeof r);
    r.id = r.cookie = r.inode = r.opened = r.last_used = r.n_sent = r.n_received = r.uid = v;
    r.expires = r.holder = r.holder_uid = r.timeout_usec = v;
    memset(r.token, (int)v, sizeof r.token);
    r.n_changes = STATE_CHANGES;
    for (int i = 0; i < STATE_CHANGES; i++)
        r.changes[i].at = r.changes[i].state = v;
    r.address.len = r.peer.len = (socklen_t)(v % 100);
    for (int i = 0; i < N_RECORD_TEXTS; i++) {
        snprintf(texts[i], sizeof texts[i], "%0*d", 3 + (int)(v * 7 + i) % 40, (int)v);
        all[i] = texts[i];
    }
    record_set_texts(&r, all);
    return r;
}

static bool is_of(const struct record *r, int64_t v)
{
    struct record wanted = make_record(v);

    wanted.ahead = r->ahead;
    for (int i = 0; i < N_RECORD_TEXTS; i++)
        if (strcmp(record_text(r, (enum record_text)i), record_text(&wanted, (enum record_text)i)))
            return false;
    return memcmp(r, &wanted, offsetof(struct record, texts)) == 0;
}

static void commit(size_t slot, int64_t v, int64_t tally)
{
    struct record r = make_record(v);
    struct tally t = make_tally(tally);

    state_commit(state, slot, v ? &r : NULL, &t);
}

static size_t take(void)
{
    size_t slot;
    int r = state_take(state, &slot);

    ck_each(r == 0, "%d", r); /* check's notes of a process that is killed would be half written */
    return slot;
}

/* Which version the file is of: all of it, or the test fails. *ret_record: 0 where there is none.
 */
static int64_t version_of_file(int64_t *ret_record, size_t slot)
{
    struct remains remains;
    struct tally t;
    int64_t v;

    ck_assert_int_eq(remains_read(fd, &remains), 0);
    v = remains.tally.n_opened;
    t = make_tally(v);
    ck_assert_msg(memcmp(&remains.tally, &t, sizeof t) == 0, "the totals do not fit together");
    *ret_record = 0;
    for (size_t i = 0; i < remains.n; i++) {
        ck_assert_msg(is_of(&remains.records[i], remains.records[i].id), "half of a record");
        if (remains.slots[i] == slot)
            *ret_record = remains.records[i].id;
    }
    remains_done(&remains);
    return v;
}

/* -- one instruction at a time ----------------------------------------------------------------- */

struct change {
    int64_t record, tally; /* before */
    int64_t record_after, tally_after;
    const char *ahead, *ahead_after;
    size_t n_gone; /* from the front of it */
};

static void expect_ahead(const struct change *c, size_t slot, bool *ret_done)
{
    static char bytes[STATE_AHEAD_BYTES];
    struct remains remains;
    ssize_t n = 0;

    ck_assert_int_eq(remains_read(fd, &remains), 0);
    for (size_t i = 0; i < remains.n; i++)
        if (remains.slots[i] == slot)
            n = remains_ahead(&remains, fd, i, bytes);
    remains_done(&remains);
    ck_assert_int_ge(n, 0);
    bytes[n] = '\0';
    *ret_done = strcmp(bytes, c->ahead_after) == 0;
    ck_assert_msg(*ret_done || strcmp(bytes, c->ahead) == 0, "%s", bytes);
}

/* What the file says in this moment; once it says what is after, it goes on saying it. */
static void expect_whole(const struct change *c, size_t slot, bool *done)
{
    bool is_done;
    int64_t record, tally;

    if (c->ahead) {
        expect_ahead(c, slot, &is_done);
    } else {
        tally = version_of_file(&record, slot);
        is_done = tally == c->tally_after;
        ck_assert_int_eq(tally, is_done ? c->tally_after : c->tally);
        ck_assert_int_eq(record, is_done ? c->record_after : c->record);
    }
    ck_assert_msg(is_done || !*done, "the change is taken back");
    *done = is_done;
}

static _Noreturn void make_change(const struct change *c, size_t slot)
{
    struct record r = make_record(c->record_after);
    struct tally t = make_tally(c->tally_after);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    if (c->ahead)
        state_keep_ahead(state, slot, c->ahead_after, strlen(c->ahead_after), c->n_gone);
    else
        state_commit(state, slot, c->record_after ? &r : NULL, &t);
    raise(SIGSTOP);
    _exit(0);
}

/* Stops at SIGSTOP, or at the end. */
static bool step(pid_t pid)
{
    int status;

    ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSTOPPED(status), "status %x", (unsigned)status);
    return WSTOPSIG(status) == SIGTRAP;
}

/* Reads the file whenever it is another one than before. Returns how often that was. */
static int watch(pid_t pid, const struct change *c, size_t slot)
{
    static char before[IMAGE_BYTES];
    const char *now = mmap(NULL, IMAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    bool done = false;
    int n = 0;

    ck_assert(now != MAP_FAILED);
    for (int i = 0; i < STEPS_MOST && step(pid); i++) {
        if (memcmp(before, now, IMAGE_BYTES) == 0)
            continue;
        memcpy(before, now, IMAGE_BYTES);
        expect_whole(c, slot, &done);
        n++;
    }
    expect_whole(c, slot, &done);
    ck_assert(done);
    munmap((void *)now, IMAGE_BYTES);
    return n;
}

static void expect_atomic(const struct change *c, size_t slot)
{
    int status, n;
    pid_t pid = fork();

    if (pid == 0)
        make_change(c, slot);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (!WIFSTOPPED(status))
        ck_abort_msg("nothing can be traced here");
    n = watch(pid, c, slot);
    ck_assert_int_ge(n, 2);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
}

START_TEST(a_change_is_whole_at_every_instruction)
{
    static const struct change changes[] = {
        {0, 3, 4, 4, NULL, NULL, 0}, /* made */
        {4, 4, 5, 5, NULL, NULL, 0}, /* changed */
        {5, 5, 9, 9, NULL, NULL, 0}, /* changed, with longer texts */
        {9, 9, 0, 6, NULL, NULL, 0}, /* gone */
    };
    size_t slot;

    for (int64_t i = 1; i <= 3; i++)
        commit(take(), i, i);
    slot = take();
    if (changes[_i].record)
        commit(slot, changes[_i].record, changes[_i].tally);
    expect_atomic(&changes[_i], slot);
}
END_TEST

START_TEST(what_is_read_ahead_is_whole_at_every_instruction)
{
    static const struct change changes[] = {
        {.ahead = "", .ahead_after = "first"},
        {.ahead = "first", .ahead_after = "the second", .n_gone = 5},
        {.ahead = "first", .ahead_after = "", .n_gone = 5},
        {.ahead = "first", .ahead_after = "rst", .n_gone = 2},
        {.ahead = "first", .ahead_after = "first and second"},
        {.ahead = "first", .ahead_after = "t and second", .n_gone = 4},
    };
    const struct change *c = &changes[_i];
    size_t slot = take();

    commit(slot, 1, 1);
    state_keep_ahead(state, slot, "before", 6, 0);
    state_keep_ahead(state, slot, c->ahead, strlen(c->ahead), 6);
    expect_atomic(c, slot);
}
END_TEST

/* -- at random moments ------------------------------------------------------------------------- */

/* Version n of all is in slot n % 8; totals of n. Every third is taken away again. */
static _Noreturn void change_for_ever(size_t *slots)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int64_t v = 10;; v++) {
        commit(slots[v % 8], v % 3 ? v : 0, v);
        if (v % 3 == 0)
            slots[v % 8] = take(); /* the same: what was given back last */
    }
}

START_TEST(killed_at_any_time)
{
    struct dice d = dice_new();
    size_t slots[8];
    int64_t record, v;

    for (int i = 0; i < 8; i++)
        slots[i] = (size_t)i;
    for (int i = 0; i < 8; i++)
        ck_assert_uint_eq(take(), slots[i]);
    for (int i = 0; i < 8; i++)
        commit(slots[i], i + 1, i + 1);
    for (size_t n = dice_rounds(100, 5000); n > 0; n--) {
        struct timespec moment = {.tv_nsec = 100000 + (long)dice_below(&d, 1000000)};
        pid_t pid = fork();

        if (pid == 0)
            change_for_ever(slots);
        nanosleep(&moment, NULL);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        v = version_of_file(&record, 0);
        version_of_file(&record, slots[v % 8]);
        if (v >= 10)
            ck_assert_int_eq(record, v % 3 ? v : 0);
    }
}
END_TEST

/* -- plainly ----------------------------------------------------------------------------------- */

START_TEST(many_records_come_back)
{
    enum { N = 1000 };
    struct remains remains;
    size_t slot;

    for (int i = 1; i <= N; i++)
        commit(take(), i, i);
    for (size_t i = 0; i < N; i += 2)
        commit(i, 0, N);
    for (int i = 0; i < N / 4; i++) {
        slot = take();
        ck_assert_uint_lt(slot, N);
        commit(slot, N + 1 + i, N);
    }
    state_note_session(state, 77);
    ck_assert_int_eq(remains_read(fd, &remains), 0);
    ck_assert_uint_eq(remains.n, N / 2 + N / 4);
    ck_assert_int_eq(remains.next_session, 77);
    ck_assert(remains.is_of_this_boot);
    for (size_t i = 0; i < remains.n; i++)
        ck_assert(is_of(&remains.records[i], remains.records[i].id));
    remains_done(&remains);
}
END_TEST

START_TEST(words_are_changed_in_place)
{
    struct tally t = make_tally(5);
    struct remains remains;
    size_t slot = take();

    commit(slot, 5, 5);
    state_record(state, slot)->n_sent = 99;
    t.n_sent = 1234;
    state_note_bytes(state, &t);
    ck_assert_int_eq(remains_read(fd, &remains), 0);
    ck_assert_int_eq(remains.records[0].n_sent, 99);
    ck_assert_int_eq(remains.tally.n_sent, 1234);
    remains_done(&remains);
}
END_TEST

START_TEST(long_texts_are_cut_off)
{
    static char long_text[2000];
    const char *texts[N_RECORD_TEXTS];
    struct record r;

    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < N_RECORD_TEXTS; i++)
        texts[i] = i == _i ? NULL : long_text;
    memset(&r, 0, sizeof r);
    record_set_texts(&r, texts);
    ck_assert_ptr_null(record_text(&r, (enum record_text)_i));
    ck_assert_ptr_nonnull(record_text(&r, _i == 0 ? RECORD_POOL : RECORD_NAME));
}
END_TEST

/* What is there already is not written again; where its half ends, it goes to the other one. */
START_TEST(what_is_read_ahead_moves_on)
{
    enum { N = 6 << 20, MOST = 1 << 20 };
    static char all[N], back[STATE_AHEAD_BYTES];
    struct dice d = dice_new();
    size_t slot = take(), from = 0, to = 0, gone, more;
    struct remains remains;

    for (size_t i = 0; i < N; i++)
        all[i] = (char)dice_bits(&d);
    commit(slot, 1, 1);
    for (int i = 0; to < N; i++) {
        gone = i % 3 ? dice_below(&d, to - from + 1) : 0;
        from += gone;
        more = dice_below(&d, MOST - (to - from) + 1);
        to = to + more < N ? to + more : N;
        ck_assert_int_eq(state_keep_ahead(state, slot, all + from, to - from, gone), 0);
        ck_assert_int_eq(remains_read(fd, &remains), 0);
        ck_assert_int_eq(remains_ahead(&remains, fd, 0, back), (ssize_t)(to - from));
        ck_assert(memcmp(back, all + from, to - from) == 0);
        remains_done(&remains);
    }
}
END_TEST

/* Bytes that are given twice are worse than bytes that are lost. */
START_TEST(what_cannot_be_written_is_not_there)
{
    const struct rlimit few = {1 << 20, RLIM_INFINITY};
    static char back[STATE_AHEAD_BYTES];
    struct remains remains;
    size_t slot = take();
    int status;
    pid_t pid;

    commit(slot, 1, 1);
    ck_assert_int_eq(state_keep_ahead(state, slot, "abcdef", 6, 0), 0);
    if ((pid = fork()) == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &few);
        _exit(-state_keep_ahead(state, slot, "efgh", 4, 4));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), EFBIG);
    ck_assert_int_eq(remains_read(fd, &remains), 0);
    ck_assert_int_eq(remains_ahead(&remains, fd, 0, back), 0);
    remains_done(&remains);
    ck_assert_int_eq(state_keep_ahead(state, slot, "efgh", 4, 0), 0);
    ck_assert_int_eq(remains_read(fd, &remains), 0);
    ck_assert_int_eq(remains_ahead(&remains, fd, 0, back), 4);
    remains_done(&remains);
}
END_TEST

/* All together have a ceiling; what one gives back another may have. */
START_TEST(what_is_read_ahead_has_a_ceiling)
{
    enum { N = STATE_AHEAD_MOST / STATE_AHEAD_BYTES };
    char *bytes = calloc(1, STATE_AHEAD_BYTES);
    size_t slots[N + 1];

    for (int i = 0; i <= N; i++)
        commit(slots[i] = take(), i + 1, i + 1);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(state_keep_ahead(state, slots[i], bytes, STATE_AHEAD_BYTES, 0), 0);
    ck_assert_int_eq(state_keep_ahead(state, slots[N], bytes, 1, 0), -ENOSPC);
    ck_assert_int_eq(state_keep_ahead(state, slots[3], NULL, 0, STATE_AHEAD_BYTES), 0);
    ck_assert_int_eq(state_keep_ahead(state, slots[N], bytes, STATE_AHEAD_BYTES, 0), 0);
    ck_assert_int_eq(state_keep_ahead(state, slots[3], bytes, 1, 0), -ENOSPC);
    free(bytes);
}
END_TEST

/* -- damage ------------------------------------------------------------------------------------ */

static void write_image(int to, const char *bytes, size_t n)
{
    ck_assert_int_eq(ftruncate(to, 0), 0);
    ck_assert_int_eq(pwrite(to, bytes, n, 0), (ssize_t)n);
}

/* Whatever comes of it, it fits together enough to be looked at. */
static void look_at(int damaged)
{
    static char ahead[STATE_AHEAD_BYTES];
    struct remains remains;
    int r = remains_read(damaged, &remains);

    ck_assert_msg(r == 0 || r == -EPROTO || r == -ENODATA || r == -ENOMEM, "%d", r);
    for (size_t i = 0; r == 0 && i < remains.n; i++) {
        ck_assert_int_gt(remains.records[i].id, 0);
        for (int k = 0; k < N_RECORD_TEXTS; k++)
            record_text(&remains.records[i], (enum record_text)k);
        remains_ahead(&remains, damaged, i, ahead);
    }
    remains_done(&remains);
}

/* Where a record may be missing, nobody may conclude from its absence. */
START_TEST(a_file_that_is_cut_off_is_not_whole)
{
    char *image = malloc(IMAGE_BYTES);
    struct tally t = make_tally(0);
    struct remains remains;
    int other = memfd_create("damaged", MFD_CLOEXEC);

    for (int64_t i = 1; i <= 3; i++) {
        struct record r = make_record(i);

        t.n_opened = t.n_live = i;
        state_commit(state, take(), &r, &t);
    }
    ck_assert_int_eq(pread(fd, image, IMAGE_BYTES, 0), IMAGE_BYTES);
    ck_assert_int_eq(remains_read(fd, &remains), 0);
    ck_assert(remains.is_whole);
    remains_done(&remains);
    for (size_t n = 8192; n < 8192 + 3 * 1536; n += 512) {
        write_image(other, image, n);
        ck_assert_int_eq(remains_read(other, &remains), 0);
        ck_assert(!remains.is_whole);
        remains_done(&remains);
    }
    memset(image + 8192 + 1536, 0, 1536);
    write_image(other, image, IMAGE_BYTES);
    ck_assert_int_eq(remains_read(other, &remains), 0);
    ck_assert(!remains.is_whole);
    remains_done(&remains);
    close(other);
    free(image);
}
END_TEST

START_TEST(any_length_and_any_byte)
{
    struct dice d = dice_new();
    char *image = malloc(IMAGE_BYTES), *damaged = malloc(IMAGE_BYTES);
    int other = memfd_create("damaged", MFD_CLOEXEC);

    for (int64_t i = 1; i <= 5; i++)
        commit(take(), i, i);
    ck_assert_int_eq(pread(fd, image, IMAGE_BYTES, 0), IMAGE_BYTES);
    for (size_t n = 0; n < IMAGE_BYTES; n += n < 200 ? 1 : 97) {
        write_image(other, image, n);
        look_at(other);
    }
    for (size_t n = dice_rounds(2000, 100000); n > 0; n--) {
        memcpy(damaged, image, IMAGE_BYTES);
        for (size_t k = dice_below(&d, 10); k > 0; k--)
            damaged[dice_below(&d, dice_one_in(&d, 2) ? 4096 : 8192 + 5 * 1536)] =
                (char)dice_bits(&d);
        write_image(other, damaged, IMAGE_BYTES);
        look_at(other);
    }
    close(other);
    free(image);
    free(damaged);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tc = tcase_create("state");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, getenv("BERTH_FULL") ? 600 : 30);
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, a_change_is_whole_at_every_instruction, 0, 4);
    tcase_add_loop_test(tc, what_is_read_ahead_is_whole_at_every_instruction, 0, 6);
    tcase_add_test(tc, killed_at_any_time);
    tcase_add_test(tc, many_records_come_back);
    tcase_add_test(tc, words_are_changed_in_place);
    tcase_add_loop_test(tc, long_texts_are_cut_off, 0, N_RECORD_TEXTS);
    tcase_add_test(tc, what_is_read_ahead_moves_on);
    tcase_add_test(tc, what_cannot_be_written_is_not_there);
    tcase_add_test(tc, what_is_read_ahead_has_a_ceiling);
    tcase_add_test(tc, a_file_that_is_cut_off_is_not_whole);
    tcase_add_test(tc, any_length_and_any_byte);
    return house_run(suite);
}
