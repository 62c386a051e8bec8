/* check_pool.c — pools: who may use one, what is in use of it, and what stays when the settings are
 * read again. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/pool.h"
#include "dice.h"
#include "house.h"

static struct pool *add(struct pools *pools, const char *name)
{
    struct pool *p = pools_add(pools, name, "conf", 1);

    ck_assert_ptr_nonnull(p);
    return p;
}

static void let(struct pool_ids *ids, const char *digits)
{
    ids->set = true;
    ck_assert_int_eq(pool_add_user(ids, digits), 0);
}

static struct pool_client user(uid_t uid)
{
    return (struct pool_client){.uid = uid};
}

/* -- who may -- */

/* alone: no users, no groups; web: 41001, group 42000; db: 41001 and 41002, admin 41003. */
static struct pools *three_pools(void)
{
    struct pools *pools = pools_new();
    struct pool *web, *db;

    ck_assert_ptr_nonnull(pools);
    add(pools, "alone");
    web = add(pools, "web");
    let(&web->settings.users, "41001");
    let(&web->settings.groups, "42000");
    db = add(pools, "db");
    let(&db->settings.users, "41001");
    let(&db->settings.users, "41002");
    let(&db->settings.admins, "41003");
    return pools;
}

static const struct {
    uid_t uid;
    gid_t gid;
    const char *name, *found; /* NULL: none */
} finds[] = {
    {41001, 1, NULL, "web"},
    {41001, 1, "db", "db"},
    {41001, 1, "alone", NULL},
    {41001, 1, "none", NULL},
    {41002, 1, NULL, "db"},
    {41002, 1, "web", NULL},
    {41002, 42000, NULL, "web"},
    {41009, 42000, NULL, "web"},
    {41009, 42000, "db", NULL},
    {41009, 1, NULL, NULL},
    /* an admin may open sockets too */
    {41003, 1, NULL, "db"},
    {41003, 1, "db", "db"},
    {41003, 1, "web", NULL},
    {41003, 42000, NULL, "web"},
    {0, 0, "web", "web"},
    {0, 0, "db", "db"},
    {0, 0, "alone", "alone"},
    {0, 0, NULL, "alone"},
    {0, 42000, "none", NULL},
};

START_TEST(a_client_finds_its_pool)
{
    struct pools *pools = three_pools();
    gid_t gids[] = {7, finds[_i].gid};
    struct pool_client who = {finds[_i].uid, gids, 2};
    struct pool *found = pools_find_for(pools, &who, finds[_i].name);

    ck_assert_pstr_eq(found ? found->name : NULL, finds[_i].found);
    pools_free(pools);
}
END_TEST

START_TEST(a_pool_of_nobody_is_the_daemons)
{
    struct pools *pools = pools_new_default();
    struct pool_client own = user(geteuid()), other = user(41001);

    ck_assert_ptr_nonnull(pools);
    ck_assert_str_eq(pools_find_for(pools, &own, NULL)->name, "default");
    ck_assert_ptr_null(pools_find_for(pools, &other, NULL));
    ck_assert_ptr_null(pools_find_for(pools, &other, "default"));
    ck_assert_int_eq(pools->first->settings.limits.n_max_sockets, POOL_UNLIMITED);
    ck_assert(pools->first->settings.keepalive);
    /* present and empty is nobody, not the daemon's own user */
    pools->first->settings.users.set = true;
    if (geteuid() != 0)
        ck_assert_ptr_null(pools_find_for(pools, &own, NULL));
    pools_free(pools);
}
END_TEST

START_TEST(admins)
{
    struct pools *pools = three_pools();

    ck_assert(pool_is_admin(pools_find(pools, "db"), 41003));
    ck_assert(!pool_is_admin(pools_find(pools, "web"), 41003));
    ck_assert(!pool_is_admin(pools_find(pools, "db"), 41001));
    ck_assert(pool_is_admin(pools_find(pools, "web"), 0));
    pools_free(pools);
}
END_TEST

START_TEST(users_and_groups_by_name)
{
    struct pool_ids ids = {0};
    struct passwd *root = getpwuid(0);
    struct group *wheel = getgrgid(0);

    ck_assert_ptr_nonnull(root);
    ck_assert_ptr_nonnull(wheel);
    ck_assert_int_eq(pool_add_user(&ids, root->pw_name), 0);
    ck_assert_int_eq(pool_add_group(&ids, wheel->gr_name), 0);
    ck_assert_int_eq(pool_add_user(&ids, "4294967294"), 0);
    ck_assert_uint_eq(ids.n, 3);
    ck_assert_uint_eq(ids.items[0], 0);
    ck_assert_uint_eq(ids.items[1], 0);
    ck_assert_uint_eq(ids.items[2], 4294967294u);
    ck_assert_int_eq(pool_add_user(&ids, "no-such-user-here"), -ENOENT);
    ck_assert_int_eq(pool_add_group(&ids, "no-such-group-here"), -ENOENT);
    ck_assert_int_eq(pool_add_user(&ids, ""), -ENOENT);
    ck_assert_int_eq(pool_add_user(&ids, "-1"), -ENOENT);
    ck_assert_int_eq(pool_add_user(&ids, "4294967295"), -ENOENT);
    ck_assert_int_eq(pool_add_user(&ids, "99999999999999999999999"), -ENOENT);
    ck_assert_uint_eq(ids.n, 3);
    free(ids.items);
}
END_TEST

/* -- budgets -- */

START_TEST(a_limit_is_named)
{
    struct pools *pools = pools_new();
    struct pool *p = add(pools, "web");
    struct pool_charge charges[8] = {0};
    struct pool_shortage shortage = {0};

    p->settings.limits.n_max_sockets = 4;
    p->settings.limits.n_max_sockets_per_uid = 3;
    p->settings.limits.n_max_sockets_per_session = 2;
    ck_assert_int_eq(pool_charge(&charges[0], p, 1, 0, &shortage), 0);
    ck_assert_int_eq(pool_charge(&charges[1], p, 1, 1, &shortage), 0);
    ck_assert_int_eq(pool_charge(&charges[2], p, 1, 2, &shortage), -EDQUOT);
    ck_assert_str_eq(shortage.limit, "max-sockets-per-session");
    ck_assert_int_eq(shortage.most, 2);
    ck_assert_int_eq(shortage.n_in_use, 2);
    ck_assert_int_eq(pool_charge(&charges[2], p, 1, 0, &shortage), 0);
    ck_assert_int_eq(pool_charge(&charges[3], p, 1, 1, &shortage), -EDQUOT);
    ck_assert_str_eq(shortage.limit, "max-sockets-per-uid");
    ck_assert_int_eq(shortage.n_in_use, 3);
    ck_assert_int_eq(pool_charge(&charges[3], p, 2, 0, &shortage), 0);
    ck_assert_int_eq(pool_charge(&charges[4], p, 2, 1, &shortage), -EDQUOT);
    ck_assert_str_eq(shortage.limit, "max-sockets");
    ck_assert_int_eq(shortage.most, 4);
    ck_assert_int_eq(shortage.n_in_use, 4);
    ck_assert_ptr_null(charges[4].pool);

    /* a pair is two */
    pool_uncharge(&charges[0]);
    ck_assert(pool_has_room(p, 2, 0, 1, &shortage));
    ck_assert(!pool_has_room(p, 2, 0, 2, &shortage));
    ck_assert_str_eq(shortage.limit, "max-sockets");

    pool_uncharge(&charges[0]); /* twice is harmless */
    ck_assert_int_eq(p->n_sockets, 3);
    for (int i = 0; i < 8; i++)
        pool_uncharge(&charges[i]);
    ck_assert_int_eq(p->n_sockets, 0);
    ck_assert_int_eq(pool_n_of_uid(p, 1), 0);
    ck_assert_ptr_null(p->users_in_use);
    ck_assert_int_eq(p->n_refs, 1);
    pools_free(pools);
}
END_TEST

START_TEST(a_limit_of_none_and_one_below_what_is_in_use)
{
    struct pools *pools = pools_new();
    struct pool *p = add(pools, "web");
    struct pool_charge a = {0}, b = {0};
    struct pool_shortage shortage;

    ck_assert_int_eq(pool_charge(&a, p, 1, INT64_MAX - 1, &shortage), 0);
    p->settings.limits.n_max_sockets = 0;
    ck_assert_int_eq(pool_charge(&b, p, 1, 0, &shortage), -EDQUOT);
    ck_assert_int_eq(shortage.most, 0);
    ck_assert_int_eq(shortage.n_in_use, 1);
    pool_uncharge(&a);
    ck_assert_int_eq(pool_charge(&b, p, 1, 0, &shortage), -EDQUOT);
    pools_free(pools);
}
END_TEST

START_TEST(buffers)
{
    struct pools *pools = pools_new();
    struct pool *p = add(pools, "web");
    struct pool_charge a = {0}, b = {0};
    struct pool_shortage shortage;

    p->settings.limits.n_max_buffer_bytes = 100;
    ck_assert_int_eq(pool_charge(&a, p, 1, 0, &shortage), 0);
    ck_assert_int_eq(pool_charge(&b, p, 1, 1, &shortage), 0);
    ck_assert_int_eq(pool_charge_buffer(&a, 60, &shortage), 0);
    ck_assert_int_eq(pool_charge_buffer(&b, 41, &shortage), -EDQUOT);
    ck_assert_str_eq(shortage.limit, "max-buffer");
    ck_assert_int_eq(shortage.most, 100);
    ck_assert_int_eq(shortage.n_in_use, 60);
    ck_assert_int_eq(b.n_buffer_bytes, 0);
    ck_assert_int_eq(pool_charge_buffer(&b, 40, &shortage), 0);
    /* less is always taken */
    p->settings.limits.n_max_buffer_bytes = 10;
    ck_assert_int_eq(pool_charge_buffer(&a, 59, &shortage), 0);
    ck_assert_int_eq(pool_charge_buffer(&a, 60, &shortage), -EDQUOT);
    ck_assert_int_eq(p->n_buffer_bytes, 99);
    pool_uncharge(&a);
    ck_assert_int_eq(p->n_buffer_bytes, 40);
    pool_uncharge(&b);
    ck_assert_int_eq(p->n_buffer_bytes, 0);
    pools_free(pools);
}
END_TEST

START_TEST(leases)
{
    struct pools *pools = pools_new();
    struct pool *p = add(pools, "web");

    ck_assert(pool_grants_lease(p, LEASE_PERMANENT));
    ck_assert(pool_grants_lease(p, INT64_MAX));
    p->settings.limits.max_lease_usec = 1000;
    ck_assert(pool_grants_lease(p, LEASE_SESSION));
    ck_assert(pool_grants_lease(p, 1000));
    ck_assert(!pool_grants_lease(p, 1001));
    ck_assert(!pool_grants_lease(p, LEASE_PERMANENT));
    p->settings.limits.max_lease_usec = 0;
    ck_assert(pool_grants_lease(p, LEASE_SESSION));
    ck_assert(!pool_grants_lease(p, 1));
    pools_free(pools);
}
END_TEST

/* -- against a model -- */

enum { N_USERS = 4, N_SLOTS = 64, N_MODEL_POOLS = 2 };

struct model {
    int64_t n_sockets, n_buffer_bytes, n_of_user[N_USERS];
};

static bool model_has_room(const struct model *m, const struct pool_limits *most, int who,
                           int64_t n_in_session)
{
    return m->n_sockets < most->n_max_sockets && m->n_of_user[who] < most->n_max_sockets_per_uid &&
           n_in_session < most->n_max_sockets_per_session;
}

static void compare(const struct pool *p, const struct model *m)
{
    ck_assert_int_eq(p->n_sockets, m->n_sockets);
    ck_assert_int_eq(p->n_buffer_bytes, m->n_buffer_bytes);
    ck_assert_int_eq(p->n_refs, 1 + m->n_sockets);
    for (int i = 0; i < N_USERS; i++)
        ck_assert_int_eq(pool_n_of_uid(p, (uid_t)i), m->n_of_user[i]);
}

START_TEST(a_model_says_the_same)
{
    struct dice dice = dice_new();
    struct pools *pools = pools_new();
    struct pool *p[N_MODEL_POOLS] = {add(pools, "a"), add(pools, "b")};
    struct model models[N_MODEL_POOLS] = {0}, *m;
    struct pool_charge charges[N_SLOTS] = {0};
    int owner[N_SLOTS], of[N_SLOTS];
    struct pool_shortage shortage;
    size_t n_steps = dice_rounds(20000, 2000000);

    for (size_t step = 0; step < n_steps; step++) {
        size_t i = dice_below(&dice, N_SLOTS), which = dice_below(&dice, N_MODEL_POOLS);
        int who = (int)dice_below(&dice, N_USERS);
        struct pool_limits *most = &p[which]->settings.limits;
        int64_t n_in_session = (int64_t)dice_below(&dice, 12), n_bytes;

        if (dice_one_in(&dice, 50)) {
            most->n_max_sockets = (int64_t)dice_below(&dice, 40);
            most->n_max_sockets_per_uid = (int64_t)dice_below(&dice, 20);
            most->n_max_sockets_per_session = (int64_t)dice_below(&dice, 12);
            most->n_max_buffer_bytes = (int64_t)dice_below(&dice, 2000);
        }
        if (!charges[i].pool) {
            m = &models[which];
            bool room = model_has_room(m, most, who, n_in_session);
            int r = pool_charge(&charges[i], p[which], (uid_t)who, n_in_session, &shortage);

            ck_assert_int_eq(r, room ? 0 : -EDQUOT);
            ck_assert(room || shortage.n_in_use >= shortage.most);
            of[i] = (int)which;
            owner[i] = who;
            m->n_sockets += room;
            m->n_of_user[who] += room;
        } else if (dice_one_in(&dice, 2)) {
            m = &models[of[i]];
            m->n_buffer_bytes -= charges[i].n_buffer_bytes;
            m->n_sockets--;
            m->n_of_user[owner[i]]--;
            pool_uncharge(&charges[i]);
        } else {
            m = &models[of[i]];
            n_bytes = (int64_t)dice_below(&dice, 200);
            int64_t more = n_bytes - charges[i].n_buffer_bytes;
            bool room = more <= 0 ||
                        m->n_buffer_bytes + more <= p[of[i]]->settings.limits.n_max_buffer_bytes;

            ck_assert_int_eq(pool_charge_buffer(&charges[i], n_bytes, &shortage),
                             room ? 0 : -EDQUOT);
            m->n_buffer_bytes += room ? more : 0;
        }
        compare(p[0], &models[0]);
        compare(p[1], &models[1]);
    }
    for (int i = 0; i < N_SLOTS; i++)
        pool_uncharge(&charges[i]);
    compare(p[0], &(struct model){0});
    compare(p[1], &(struct model){0});
    pools_free(pools);
}
END_TEST

/* -- settings read again -- */

static const char *order(const struct pools *pools)
{
    static char text[128];

    *text = '\0';
    for (const struct pool *p = pools->first; p; p = p->next)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s ", p->name,
                 p->is_retired ? "!" : "");
    return text;
}

static struct pools *pools_of(const char *names)
{
    struct pools *pools = pools_new();
    char name[2] = "";

    for (; *names; names++) {
        *name = *names;
        add(pools, name);
    }
    return pools;
}

START_TEST(what_is_in_use_outlives_the_settings)
{
    struct pools *pools = pools_of("abc"), *fresh;
    struct pool *a = pools_find(pools, "a"), *b = pools_find(pools, "b"), *c;
    struct pool_charge in_a = {0}, in_b = {0}, again = {0};
    struct pool_shortage shortage;
    struct pool_client root = user(0);

    ck_assert_int_eq(pool_charge(&in_a, a, 1, 0, &shortage), 0);
    ck_assert_int_eq(pool_charge(&in_b, b, 2, 0, &shortage), 0);
    let(&b->settings.admins, "41003");
    fresh = pools_of("dca");
    c = pools_find(fresh, "c");
    pools_find(fresh, "a")->settings.limits.n_max_sockets = 1;
    pools_renew(pools, fresh);
    ck_assert_str_eq(order(pools), "d c a b! ");
    ck_assert_ptr_eq(pools_find(pools, "a"), a);
    ck_assert_ptr_ne(pools_find(pools, "c"), c); /* its address stayed too */
    ck_assert_int_eq(a->n_sockets, 1);
    ck_assert_int_eq(pool_charge(&again, a, 1, 0, &shortage), -EDQUOT);

    /* nobody gets new sockets in a retired pool, but its admin still is one */
    ck_assert_ptr_null(pools_find_for(pools, &root, "b"));
    ck_assert(pool_is_admin(b, 41003));

    /* it comes back as it was */
    pools_renew(pools, pools_of("b"));
    ck_assert_str_eq(order(pools), "b a! ");
    ck_assert_ptr_eq(pools_find(pools, "b"), b);
    ck_assert_int_eq(b->n_sockets, 1);
    ck_assert(!pool_is_admin(b, 41003));

    /* and leaves when its last socket has gone */
    pool_uncharge(&in_a);
    pools_renew(pools, pools_of("b"));
    ck_assert_str_eq(order(pools), "b ");
    pool_uncharge(&in_b);
    pools_free(pools);
}
END_TEST

START_TEST(a_reference_keeps_a_pool)
{
    struct pools *pools = pools_of("a");
    struct pool *a = pool_ref(pools->first), *b;
    struct pool_charge charge = {0};
    struct pool_shortage shortage;

    let(&a->settings.admins, "41003");
    pools_renew(pools, pools_of("b"));
    ck_assert_str_eq(order(pools), "b a! ");
    ck_assert_str_eq(a->name, "a");
    ck_assert(a->is_retired);
    pools_renew(pools, pools_of("ba")); /* with admins of its own: none */
    ck_assert_ptr_eq(pools_find(pools, "a"), a);
    ck_assert(!a->is_retired);
    ck_assert(!pool_is_admin(a, 41003));
    pools_renew(pools, pools_of("b"));
    pool_unref(a);
    pools_renew(pools, pools_of("b"));
    ck_assert_str_eq(order(pools), "b ");
    b = pools->first;
    ck_assert_int_eq(pool_charge(&charge, b, 1, 0, &shortage), 0);
    pools_free(pools);
    ck_assert_int_eq(b->n_sockets, 1);
    pool_uncharge(&charge);
    pool_unref(NULL);
    pools_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tc = tcase_create("pool");

    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, a_client_finds_its_pool, 0, sizeof finds / sizeof *finds);
    tcase_add_test(tc, a_pool_of_nobody_is_the_daemons);
    tcase_add_test(tc, admins);
    tcase_add_test(tc, users_and_groups_by_name);
    tcase_add_test(tc, a_limit_is_named);
    tcase_add_test(tc, a_limit_of_none_and_one_below_what_is_in_use);
    tcase_add_test(tc, buffers);
    tcase_add_test(tc, leases);
    tcase_add_test(tc, a_model_says_the_same);
    tcase_add_test(tc, what_is_in_use_outlives_the_settings);
    tcase_add_test(tc, a_reference_keeps_a_pool);
    return house_run(suite);
}
