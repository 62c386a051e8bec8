/* check_workers.c — jobs beside the loop: done, forgotten, shared out; and the end of the workers.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/workers.h"
#include "house.h"

enum { N_THREADS = 4, N_SHARE = 2 };

static struct workers *w;
static int n_fds, gate[2], n_freed;

struct work {
    struct job job;
    bool blocks; /* until the gate opens */
    int started[2];
};

static void run_job(struct job *job)
{
    struct work *work = (struct work *)job;
    char c;

    if (write(work->started[1], "", 1) != 1)
        abort();
    while (work->blocks && read(gate[0], &c, 1) > 0)
        ;
}

static void free_job(struct job *job)
{
    struct work *work = (struct work *)job;

    close(work->started[0]);
    close(work->started[1]);
    free(work);
    n_freed++;
}

static struct work *new_work(bool blocks)
{
    struct work *work = calloc(1, sizeof *work);

    work->job = (struct job){.run = run_job, .free = free_job, .owner = work};
    work->blocks = blocks;
    ck_assert_int_eq(pipe2(work->started, O_CLOEXEC), 0);
    return work;
}

static struct work *start(bool blocks, int *n_running)
{
    struct work *work = new_work(blocks);

    work->job.n_running = n_running;
    ck_assert_int_eq(workers_start(w, &work->job), 0);
    return work;
}

static struct work *start_for(uid_t uid, bool blocks)
{
    struct work *work = new_work(blocks);

    work->job.uid = uid;
    ck_assert_int_eq(workers_start(w, &work->job), 0);
    return work;
}

/* Waits at most ten seconds until fd is readable. */
static void await(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_int_eq(poll(&p, 1, 10000), 1);
}

static void await_started(struct work *work)
{
    await(work->started[0]);
}

static bool has_started(struct work *work)
{
    struct pollfd p = {.fd = work->started[0], .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* The next job that is done. */
static struct work *next(void)
{
    struct job *job;

    while (!(job = workers_next(w)))
        await(workers_fd(w));
    ck_assert(job->is_done);
    return (struct work *)job;
}

static void open_gate(void)
{
    if (gate[1] >= 0)
        close(gate[1]);
    gate[1] = -1;
}

static void set_up(void)
{
    n_fds = house_count_fds();
    n_freed = 0;
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    w = workers_new(N_THREADS, N_SHARE);
    ck_assert_ptr_nonnull(w);
}

static void tear_down(void)
{
    open_gate();
    workers_free(w);
    house_await_fds(n_fds + 1);
    close(gate[0]);
}

START_TEST(jobs_are_done)
{
    struct work *work = start(false, NULL);

    ck_assert_ptr_eq(next(), work);
    workers_forget(&work->job);
    ck_assert_int_eq(n_freed, 1);
    ck_assert_ptr_null(workers_next(w));
    for (int i = 0; i < 100; i++)
        start(false, NULL);
    for (int i = 0; i < 100; i++)
        workers_forget(&next()->job);
    ck_assert_int_eq(n_freed, 101);
}
END_TEST

START_TEST(jobs_run_beside_each_other)
{
    struct work *work[N_THREADS];

    for (int i = 0; i < N_THREADS; i++)
        work[i] = start_for((uid_t)i, true);
    for (int i = 0; i < N_THREADS; i++)
        await_started(work[i]);
    ck_assert_ptr_null(workers_next(w));
    open_gate();
    for (int i = 0; i < N_THREADS; i++)
        workers_forget(&next()->job);
    ck_assert_int_eq(n_freed, N_THREADS);
}
END_TEST

/* Two jobs at once must not both be left to the one thread that was idle. */
START_TEST(an_idle_thread_is_counted_once)
{
    struct work *first, *second;

    first = start(false, NULL);
    ck_assert_ptr_eq(next(), first);
    workers_forget(&first->job);
    first = start(true, NULL);
    second = start(true, NULL);
    await_started(first);
    await_started(second);
    open_gate();
    workers_forget(&next()->job);
    workers_forget(&next()->job);
}
END_TEST

/* One who asks for much holds up only himself. */
START_TEST(everybody_has_a_share)
{
    int mine = 0, yours = 0;
    struct work *work[N_SHARE + 3], *other;

    for (int i = 0; i < N_SHARE + 3; i++)
        work[i] = start(true, &mine);
    for (int i = 0; i < N_SHARE; i++)
        await_started(work[i]);
    other = start(false, &yours);
    ck_assert_ptr_eq(next(), other);
    workers_forget(&other->job);
    for (int i = N_SHARE; i < N_SHARE + 3; i++)
        ck_assert(!has_started(work[i]));
    open_gate();
    for (int i = 0; i < N_SHARE + 3; i++)
        workers_forget(&next()->job);
    ck_assert_int_eq(mine, 0);
    ck_assert_int_eq(yours, 0);
}
END_TEST

/* So does a user, whatever his sessions are; and who has nothing running goes first. */
START_TEST(every_user_has_a_turn)
{
    const int n_most = N_THREADS - N_THREADS / 4;
    struct work *work[N_THREADS], *other;

    for (int i = 0; i < N_THREADS; i++)
        work[i] = start(true, NULL);
    for (int i = 0; i < n_most; i++)
        await_started(work[i]);
    other = start_for(1234, false);
    ck_assert_ptr_eq(next(), other);
    workers_forget(&other->job);
    for (int i = n_most; i < N_THREADS; i++)
        ck_assert(!has_started(work[i]));
    open_gate();
    for (int i = 0; i < N_THREADS; i++)
        workers_forget(&next()->job);
}
END_TEST

START_TEST(a_forgotten_job_is_freed)
{
    int mine = 0;
    struct work *begun = start(true, &mine), *also = start(true, &mine), *queued;

    await_started(begun);
    await_started(also);
    queued = start(true, &mine);
    workers_forget(&queued->job); /* nobody has begun with it: freed at once */
    ck_assert_int_eq(n_freed, 1);
    workers_forget(&begun->job);
    workers_forget(&also->job);
    ck_assert_int_eq(n_freed, 1);
    open_gate();
    while (n_freed < 3) {
        ck_assert_ptr_null(workers_next(w));
        if (n_freed < 3)
            await(workers_fd(w));
    }
    workers_forget(NULL);
}
END_TEST

/* What is still in work when the workers end frees itself. */
START_TEST(the_end_with_jobs_in_work)
{
    struct work *work = start(true, NULL);

    await_started(work);
    workers_forget(&work->job);
    ck_assert_int_eq(n_freed, 0);
}
END_TEST

START_TEST(the_end_without_any_job)
{
    ck_assert_ptr_null(workers_next(w));
    workers_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workers");
    TCase *tc = tcase_create("workers");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, jobs_are_done);
    tcase_add_test(tc, jobs_run_beside_each_other);
    tcase_add_test(tc, an_idle_thread_is_counted_once);
    tcase_add_test(tc, everybody_has_a_share);
    tcase_add_test(tc, every_user_has_a_turn);
    tcase_add_test(tc, a_forgotten_job_is_freed);
    tcase_add_test(tc, the_end_with_jobs_in_work);
    tcase_add_test(tc, the_end_without_any_job);
    return house_run(suite);
}
