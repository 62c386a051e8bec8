/* fds.h — descriptors counted around every test: a test that leaves one open, or closes one that is
 * not its own, fails. For suites that need no daemon. */
#pragma once
#include <check.h>

/* Descriptors that this process has open. */
int fds_count(void);

/* Waits until there are so many: a thread may still be about to close one. */
void fds_await(int n);

/* A test case of this suite, with the count around each of its tests. */
TCase *fds_case(Suite *suite, const char *name);

/* ck_assert_msg for loops of many thousand rounds: check takes a note of each of its own that
 * holds, which costs more than what is tested. */
#define ck_each(holds, ...) ((holds) ? (void)0 : ck_abort_msg(__VA_ARGS__))

/* Runs the suite, as the environment says (CK_…). Returns what main returns. */
int fds_run(Suite *suite);
