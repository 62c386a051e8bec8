/* live.h — the fixture of tests of libberth against a real daemon: one session, open around each
 * test. */
#pragma once
#include <check.h>
#include <errno.h>

#include "client/berth.h"

extern berth *live; /* the session; nothing in it waits longer than 10 seconds */

/* The call must succeed; what it returns. */
#define OK(call)                                                                                   \
    ({                                                                                             \
        int64_t ok_result = (call);                                                                \
        ck_assert_msg(ok_result >= 0, #call ": %s %s: %s", berth_last_error(live)->kind,           \
                      berth_last_error(live)->name, berth_last_error(live)->message);              \
        ok_result;                                                                                 \
    })

#define FAILS(call, with)                                                                          \
    do {                                                                                           \
        errno = 0;                                                                                 \
        ck_assert_int_eq(call, -1);                                                                \
        ck_assert_int_eq(errno, with);                                                             \
    } while (0)

/* Runs the test case, with the fixture around each of its tests: a daemon of its own, whose ledger
 * must balance in the end. Returns what main returns. */
int live_run(TCase *tests);
