/* check_keep_store.c — the manager's side of keeping: how much it takes, what it gives back and
 * under which name. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, 3);
}

static void tear_down(void)
{
    manager_done(&m);
}

static const char *kind_of(json_t *error)
{
    return talk_text(error, "data.kind");
}

/* -- room -------------------------------------------------------------------------------------- */

START_TEST(what_cannot_survive_is_refused)
{
    struct talk t;
    json_t *row;

    m.n_most = 0;
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_str_eq(kind_of(talk_fail(&t, "socket", "'survive':true")), "lease");
    talk_ask(&t, "socket", "'name':'x','lease':'permanent'");
    row = talk_ask(&t, "ledger.get", "'handle':'x'");
    ck_assert(!talk_is(row, "survives"));
    ck_assert_ptr_nonnull(strstr(talk_text(row, "survives_reason"), "manager"));
    talk_end(&t);
    manager_restart(&m, _i);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 1);
    row = talk_ask(&t, "ledger.get", "'handle':16777217");
    ck_assert_str_eq(talk_text(row, "end.how"), "lost");
    ck_assert_str_eq(talk_text(row, "name"), "x");
    ck_assert_str_eq(talk_text(row, "lease"), "permanent");
    talk_end(&t);
}
END_TEST

/* T2 */
START_TEST(a_full_store_is_told_and_respected)
{
    struct talk t;
    json_t *row;

    manager_start(&m);
    t = talk_new(&m);
    for (int i = 0; i < 5; i++)
        if (i < 3)
            talk_ask(&t, "socket", "'name':'s%d','lease':'permanent','survive':true", i);
        else
            ck_assert_str_eq(kind_of(talk_fail(&t, "socket", "'lease':'permanent','survive':true")),
                             "lease");
    talk_ask(&t, "socket", "'name':'mortal','lease':'permanent'");
    row = talk_ask(&t, "ledger.get", "'handle':'mortal'");
    ck_assert(!talk_is(row, "survives"));
    ck_assert_ptr_nonnull(strstr(talk_text(row, "survives_reason"), "as many"));
    talk_end(&t);
    manager_restart(&m, _i);
    ck_assert_int_eq(m.n_over, 0);
    t = talk_new(&m);
    for (int i = 0; i < 3; i++)
        talk_ask(&t, "ledger.get", "'handle':'s%d'", i);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 1);
    ck_assert_str_eq(kind_of(talk_fail(&t, "socket", "'survive':true,'lease':9")), "lease");
    talk_ask(&t, "close", "'handle':'s1'");
    talk_ask(&t, "socket", "'survive':true,'lease':9");
    ck_assert_str_eq(kind_of(talk_fail(&t, "socketpair", "'survive':true,'lease':9")), "lease");
    manager_until(&m, m.n_store == 3);
    ck_assert_int_eq(m.n_over, 0);
    talk_end(&t);
}
END_TEST

/* What lies in the store and is nobody's takes room too. */
START_TEST(unknown_descriptors_take_room)
{
    struct talk t;

    manager_put(&m, "stranger", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    manager_put(&m, "file", dup(STDERR_FILENO));
    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'survive':true,'lease':'permanent'");
    ck_assert_str_eq(kind_of(talk_fail(&t, "socket", "'survive':true,'lease':'permanent'")),
                     "lease");
    manager_work(&m, m.notify_fd, 100);
    ck_assert_int_eq(m.n_over, 0);
    talk_end(&t);
}
END_TEST

START_TEST(the_store_was_emptied)
{
    struct talk t;

    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'name':'a','lease':'permanent'");
    talk_ask(&t, "socket", "'name':'b','lease':60");
    talk_end(&t);
    manager_stop(&m);
    manager_empty_store(&m);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 2);
    ck_assert_ptr_nonnull(strstr(
        talk_text(talk_ask(&t, "ledger.get", "'handle':16777218"), "end.reason"), "did not give"));
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "16777218"));
    talk_ask(&t, "socket", "'name':'a','survive':true,'lease':'permanent'");
    talk_end(&t);
}
END_TEST

/* T5 */
START_TEST(swapped_names_are_not_believed)
{
    struct talk t;
    json_t *rows;

    manager_start(&m);
    t = talk_new(&m);
    talk_ask(&t, "socket", "'name':'a','lease':'permanent'");
    talk_ask(&t, "socket", "'name':'b','lease':'permanent'");
    talk_end(&t);
    manager_until(&m, m.n_store == 2);
    manager_stop(&m);
    manager_swap(&m, 0, 1);
    manager_start(&m);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "lost"), 2);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 2);
    rows = talk_at(talk_ask(&t, "ledger.list", NOTHING), "rows");
    ck_assert_uint_eq(json_array_size(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_ge(talk_int(json_array_get(rows, i), "handle"), 16777219);
        ck_assert_ptr_nonnull(strstr(talk_text(json_array_get(rows, i), "label"), "unknown"));
    }
    talk_ask(&t, "socket", "'name':'a'");
    talk_end(&t);
    manager_restart(&m, true);
    t = talk_new(&m);
    ck_assert_int_eq(talk_int(talk_audit(&t), "live"), 2);
    talk_end(&t);
}
END_TEST

/* They are listed and kept; whoever closes one has it out of the store. */
START_TEST(unknown_sockets_are_kept)
{
    struct talk t;
    json_t *rows;
    int port;

    manager_put(&m, "stranger", manager_listen(&port));
    manager_put(&m, "not a socket", dup(STDERR_FILENO));
    for (int i = 0; i < 3; i++) {
        if (i)
            manager_kill(&m);
        manager_start(&m);
        t = talk_new(&m);
        rows = talk_at(talk_ask(&t, "ledger.list", NOTHING), "rows");
        ck_assert_uint_eq(json_array_size(rows), 1);
        ck_assert_int_eq(talk_int(json_array_get(rows, 0), "handle"), 16777217);
        ck_assert_str_eq(talk_text(json_array_get(rows, 0), "state"), "listening");
        ck_assert(talk_is(json_array_get(rows, 0), "survives"));
        ck_assert_uint_eq(m.n_store, 2);
        talk_end(&t);
    }
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "stranger"));
    ck_assert_ptr_nonnull(strstr(manager_log(&m), "not a socket"));
    t = talk_new(&m);
    talk_ask(&t, "close", "'handle':16777217");
    manager_until(&m, !manager_has(&m, "stranger"));
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_store");
    TCase *tc = tcase_create("keep_store");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 40);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, what_cannot_survive_is_refused, 0, 2);
    tcase_add_loop_test(tc, a_full_store_is_told_and_respected, 0, 2);
    tcase_add_test(tc, unknown_descriptors_take_room);
    tcase_add_test(tc, the_store_was_emptied);
    tcase_add_test(tc, swapped_names_are_not_believed);
    tcase_add_test(tc, unknown_sockets_are_kept);
    return house_run(suite);
}
