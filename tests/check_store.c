/* check_store.c — handles: their numbers, names, ends, and who may see them. Without clients:
 * sessions are made by hand, also of users that this process is not. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/socket.h"
#include "daemon/store.h"
#include "house.h"
#include "proto/limits.h"

static struct wait *wait_room;
static struct state *state;
static struct store *store;
static struct now now;
static struct session mine, also_mine, other, admin;
static int n_fds;

static struct session session_of(int64_t id, uid_t uid, bool is_admin)
{
    return (struct session){
        .id = id, .who = principal_new(id, uid, uid, 1, NULL), .is_admin = is_admin};
}

static void set_up(void)
{
    n_fds = house_count_fds();
    now = (struct now){1000000, 1700000000000000};
    wait_room = wait_new();
    state = state_new(-1);
    store = store_new(wait_room, &now, state, 20000000);
    ck_assert_ptr_nonnull(store);
    store_set_history(store, 5, 60000000);
    mine = session_of(1, 1000, false);
    also_mine = session_of(12, 1000, false);
    other = session_of(3, 2000, false);
    admin = session_of(4, 0, true);
}

static void tear_down(void)
{
    struct session *all[] = {&mine, &also_mine, &other, &admin};
    struct tally t;

    for (int i = 0; i < 4; i++)
        store_end_session(store, all[i], NULL);
    t = store_tally(store);
    ck_assert_int_eq(t.n_live, 0);
    ck_assert_int_eq(t.n_opened, t.n_ended[END_CLOSED] + t.n_ended[END_RECLAIMED]);
    store_free(store);
    state_free(state);
    wait_free(wait_room);
    for (int i = 0; i < 4; i++)
        principal_unref(all[i]->who);
    ck_assert_int_eq(house_count_fds(), n_fds);
}

static int try_add(struct session *session, const char *name, struct handle **ret, struct error *e)
{
    struct creation how = {.name = name, .label = "a label"};

    *e = (struct error){0};
    return store_add(store, session, socket_open(AF_INET, SOCK_STREAM, 0), &how, STATE_CREATED, ret,
                     e);
}

static struct handle *add(struct session *session, const char *name)
{
    struct handle *h;
    struct error e;

    ck_assert_int_eq(try_add(session, name, &h, &e), 0);
    return h;
}

/* What comes of looking for a number or a name: the handle, or the name of the error. */
static const char *find(const struct session *session, int64_t id, const char *name,
                        struct handle **ret)
{
    struct wire_handle wanted = {.set = true, .id = id, .name = name};
    struct error e = {0};

    if (store_find(store, session, &wanted, ret, &e) == 0)
        return "";
    ck_assert_int_eq(e.id, ERROR_HANDLE);
    return e.name;
}

START_TEST(numbers_are_never_used_again)
{
    int64_t before = 19999999;

    for (int i = 0; i < 50; i++) {
        struct handle *h = add(&mine, NULL);

        ck_assert_int_eq(h->id, before + 1);
        before = h->id;
        if (i % 3)
            store_close(store, h, END_CLOSED, NULL);
    }
    ck_assert_int_eq(store_next_number(store), 20000050);
}
END_TEST

START_TEST(users_see_their_own)
{
    struct handle *h = add(&mine, "web"), *found;
    int64_t id = h->id;

    ck_assert_str_eq(find(&mine, id, NULL, &found), "");
    ck_assert_ptr_eq(found, h);
    ck_assert_str_eq(find(&also_mine, id, NULL, &found), "");
    ck_assert_str_eq(find(&admin, 0, "web", &found), "NOT_YOURS");
    ck_assert_str_eq(find(&other, id, NULL, &found), "UNKNOWN");
    ck_assert_str_eq(find(&other, 0, "web", &found), "UNKNOWN");
    store_close(store, h, END_CLOSED, NULL);
    ck_assert_str_eq(find(&mine, id, NULL, &found), "CLOSED");
    ck_assert_str_eq(find(&other, id, NULL, &found), "UNKNOWN");
}
END_TEST

START_TEST(names_of_sessions_do_not_meet)
{
    struct handle *a = add(&mine, "@c"), *b = add(&also_mine, "@c"), *found;

    ck_assert_str_eq(find(&mine, 0, "@c", &found), "");
    ck_assert_ptr_eq(found, a);
    ck_assert_str_eq(find(&also_mine, 0, "@c", &found), "");
    ck_assert_ptr_eq(found, b);
    ck_assert_str_eq(store_name_of(a), "@c");
    /* As it is kept inside, nobody can ask for it. */
    ck_assert_str_eq(find(&mine, 0, "12@c", &found), "UNKNOWN");
    store_close(store, a, END_CLOSED, NULL);
    ck_assert_str_eq(find(&mine, 0, "@c", &found), "UNKNOWN");
}
END_TEST

/* A stranger cannot tell what becomes of a handle. */
START_TEST(a_strangers_handle_is_unknown_for_ever)
{
    struct handle *h = add(&mine, NULL), *found;
    int64_t id = h->id, others;

    others = add(&other, NULL)->id;
    ck_assert_str_eq(find(&other, id, NULL, &found), "UNKNOWN");
    store_close(store, h, END_CLOSED, NULL);
    ck_assert_str_eq(find(&other, id, NULL, &found), "UNKNOWN");
    now.real += 60000001;
    store_trim(store);
    ck_assert_str_eq(find(&other, id, NULL, &found), "UNKNOWN");
    ck_assert_str_eq(find(&mine, id, NULL, &found), "CLOSED");
    ck_assert_str_eq(find(&also_mine, id, NULL, &found), "CLOSED");
    ck_assert_str_eq(find(&admin, id, NULL, &found), "CLOSED");
    ck_assert_str_eq(find(&mine, others, NULL, &found), "UNKNOWN");
    /* Those of the daemon before are nobody's. */
    ck_assert_str_eq(find(&mine, 19999999, NULL, &found), "CLOSED");
    ck_assert_str_eq(find(&other, 19999999, NULL, &found), "CLOSED");
}
END_TEST

START_TEST(a_name_that_is_taken)
{
    struct handle *h = add(&mine, "web"), *none;
    struct error e;

    ck_assert_int_eq(try_add(&also_mine, "web", &none, &e), ERROR_HANDLE);
    ck_assert_str_eq(e.name, "NAME_TAKEN");
    ck_assert_int_eq(e.handle, h->id);
    ck_assert_ptr_nonnull(strstr(e.message, "close it first"));
    ck_assert_int_eq(try_add(&admin, "web", &none, &e), ERROR_HANDLE);
    ck_assert_int_eq(e.handle, h->id);
    /* Others learn nothing more. */
    ck_assert_int_eq(try_add(&other, "web", &none, &e), ERROR_HANDLE);
    ck_assert_str_eq(e.name, "NAME_TAKEN");
    ck_assert_int_eq(e.handle, 0);
    ck_assert_str_eq(e.message, "the name web is taken");
    ck_assert_int_eq(store_n_live(store), 1);
    store_close(store, h, END_CLOSED, NULL);
    add(&also_mine, "web");
}
END_TEST

START_TEST(a_name_that_is_none)
{
    static const char *const names[] = {"",  "@",        "a b",      "a/b", "a@b",
                                        "1", "16777217", "\xc3\xa4", "@a@"};
    struct handle *none;
    struct error e;

    ck_assert_int_eq(try_add(&mine, names[_i], &none, &e), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(e.name, "name");
}
END_TEST

START_TEST(a_closed_row_says_how)
{
    struct handle *h = add(&mine, "web"), *row;
    struct wire_handle wanted = {.set = true, .id = h->id};
    struct error e = {0};

    now.real += 2500000;
    store_close(store, h, END_RECLAIMED, "the client has gone");
    now.real += 1500000;
    ck_assert_int_eq(store_find(store, &mine, &wanted, &row, &e), ERROR_HANDLE);
    ck_assert_ptr_nonnull(strstr(e.message, "2023-11-14T22:13:22Z"));
    ck_assert_ptr_nonnull(strstr(e.message, "1.5 s ago"));
    ck_assert_ptr_nonnull(strstr(e.message, "how: reclaimed, the client has gone"));
    ck_assert_int_eq(store_find_row(store, &mine, &wanted, &row, &e), 0);
    ck_assert_ptr_eq(row, h);
    ck_assert_str_eq(row->label, "a label");
    ck_assert_int_eq(row->state, STATE_CLOSED);
    ck_assert_int_eq(row->n_changes, 2);
}
END_TEST

START_TEST(the_history_is_bounded)
{
    int n = 0;

    for (int i = 0; i < 8; i++)
        store_close(store, add(&mine, NULL), END_CLOSED, NULL);
    store_trim(store);
    for (struct handle *h = store_first_closed(store, 0); h; h = store_next(h), n++)
        ck_assert_int_eq(h->id, 20000003 + n);
    ck_assert_int_eq(n, 5);
    now.real += 30000000;
    store_close(store, add(&mine, NULL), END_CLOSED, NULL);
    now.real += 30000001;
    store_trim(store);
    ck_assert_int_eq(store_first_closed(store, 0)->id, 20000008);
    ck_assert_ptr_null(store_next(store_first_closed(store, 0)));
    ck_assert_ptr_null(store_first_closed(store, 20000008));
    ck_assert_int_eq(store_first_closed(store, 20000001)->id, 20000008); /* which it let go */
    ck_assert_int_eq(store_tally(store).n_ended[END_CLOSED], 9);
}
END_TEST

START_TEST(the_living_in_order)
{
    struct handle *h[5];

    for (int i = 0; i < 5; i++)
        h[i] = add(&mine, NULL);
    store_close(store, h[1], END_CLOSED, NULL);
    ck_assert_ptr_eq(store_first(store, 0), h[0]);
    ck_assert_ptr_eq(store_first(store, h[0]->id), h[2]);
    ck_assert_ptr_eq(store_first(store, 20000001), h[2]); /* which is closed */
    ck_assert_ptr_eq(store_first(store, 1), h[0]);
    ck_assert_ptr_null(store_first(store, h[4]->id));
}
END_TEST

/* A socket that is connected over and over keeps its first states and its last. */
START_TEST(transitions_are_bounded)
{
    struct handle *h = add(&mine, NULL);
    const int n_room = sizeof h->changes / sizeof *h->changes;

    for (int i = 0; i < 50; i++)
        store_note_state(store, h, i % 2 ? STATE_CONNECTED : STATE_CONNECTING);
    ck_assert_int_eq(h->n_changes, n_room);
    store_close(store, h, END_CLOSED, NULL);
    ck_assert_int_eq(h->n_changes, n_room);
    ck_assert_int_eq(h->changes[0].state, STATE_CREATED);
    ck_assert_int_eq(h->changes[n_room - 1].state, STATE_CLOSED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, numbers_are_never_used_again);
    tcase_add_test(tc, users_see_their_own);
    tcase_add_test(tc, names_of_sessions_do_not_meet);
    tcase_add_test(tc, a_strangers_handle_is_unknown_for_ever);
    tcase_add_test(tc, a_name_that_is_taken);
    tcase_add_loop_test(tc, a_name_that_is_none, 0, 9);
    tcase_add_test(tc, a_closed_row_says_how);
    tcase_add_test(tc, the_history_is_bounded);
    tcase_add_test(tc, the_living_in_order);
    tcase_add_test(tc, transitions_are_bounded);
    return house_run(suite);
}
