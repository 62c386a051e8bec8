#include "live.h"


#include "real_daemon.h"
#include "house.h"

berth *live;

static void begin(void)
{
    real_daemon_start();
    live = berth_new(NULL);
    ck_assert_msg(live, "%s", berth_last_error(NULL)->message);
    ck_assert_int_eq(berth_setdefaulttimeout(live, 10), 0);
}

static void end(void)
{
    struct berth_audit audit;

    ck_assert_int_eq(berth_ledger_audit(live, &audit), 0);
    ck_assert_int_eq(audit.balance, 0);
    berth_free(live);
    real_daemon_stop();
}

int live_run(TCase *tests)
{
    Suite *suite = suite_create("live");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 30);
    return house_run(suite);
}
