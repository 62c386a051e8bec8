#include "fds.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>

static int n_before;

int fds_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        n++;
    closedir(directory);
    return n - 3; /* ".", ".." and the directory's own */
}

void fds_await(int n)
{
    for (int i = 0; i < 10000 && fds_count() != n; i++)
        poll(NULL, 0, 1);
}

static void remember(void)
{
    n_before = fds_count();
}

static void compare(void)
{
    int n;

    fds_await(n_before);
    n = fds_count();
    ck_assert_msg(n == n_before, "%d descriptors were open before the test, %d are after it",
                  n_before, n);
}

TCase *fds_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, remember, compare);
    tcase_set_timeout(tests, 50);
    suite_add_tcase(suite, tests);
    return tests;
}

int fds_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int n_failed;

    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
