/* The BSD names and the numbers behind them. */
#include <check.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/constants.h"
#include "proto/wire.h"

static void ck_value(enum constant_space space, const char *name, int value)
{
    int found = -12345;

    ck_assert_msg(constant_find(space, name, strlen(name), &found), "%s is unknown", name);
    ck_assert_msg(found == value, "%s is %d, not %d", name, found, value);
}

START_TEST(known_names)
{
    ck_value(CONSTANT_FAMILY, "AF_INET", AF_INET);
    ck_value(CONSTANT_FAMILY, "AF_INET6", AF_INET6);
    ck_value(CONSTANT_FAMILY, "AF_UNIX", AF_UNIX);
    ck_value(CONSTANT_SOCKTYPE, "SOCK_STREAM", SOCK_STREAM);
    ck_value(CONSTANT_SOCKTYPE, "SOCK_DGRAM", SOCK_DGRAM);
    ck_value(CONSTANT_SOCKTYPE, "SOCK_SEQPACKET", SOCK_SEQPACKET);
    ck_value(CONSTANT_SOCKTYPE, "SOCK_RAW", SOCK_RAW);
    ck_value(CONSTANT_PROTOCOL, "IPPROTO_ICMPV6", 58);
    ck_value(CONSTANT_PROTOCOL, "IPPROTO_UDPLITE", 136);
    ck_value(CONSTANT_PROTOCOL, "IPPROTO_SCTP", 132);
    ck_value(CONSTANT_LEVEL, "SOL_SOCKET", SOL_SOCKET);
    ck_value(CONSTANT_LEVEL, "SOL_TCP", 6);
    ck_value(CONSTANT_LEVEL, "IPPROTO_IPV6", 41);
    ck_value(CONSTANT_HOW, "SHUT_WR", SHUT_WR);
    ck_value(CONSTANT_MSG, "MSG_PEEK", MSG_PEEK);
    ck_value(CONSTANT_AI, "AI_PASSIVE", AI_PASSIVE);
    ck_value(CONSTANT_NI, "NI_DGRAM", NI_DGRAM);
    ck_value(CONSTANT_FORM, "base64", FORM_BASE64);
}
END_TEST

/* Every row can be found by its name, and no name is there twice; a value leads back to a name of
 * it. */
START_TEST(rows_are_sound)
{
    enum constant_space space = (enum constant_space)_i;
    const struct constant *rows;
    const char *first;
    size_t n;

    rows = constants_of(space, &n);
    ck_assert_uint_gt(n, 0);
    for (size_t i = 0; i < n; i++) {
        ck_value(space, rows[i].name, rows[i].value);
        first = constant_name(space, rows[i].value);
        ck_assert_ptr_nonnull(first);
        ck_value(space, first, rows[i].value);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(rows[i].name, rows[j].name);
    }
}
END_TEST

/* Flags are single bits, or they could not be put together. */
START_TEST(flags_are_bits)
{
    static const enum constant_space spaces[] = {CONSTANT_MSG, CONSTANT_AI, CONSTANT_NI};
    const struct constant *rows;
    size_t n;

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        rows = constants_of(spaces[i], &n);
        for (size_t j = 0; j < n; j++)
            ck_assert_msg(__builtin_popcount((unsigned)rows[j].value) == 1, "%s", rows[j].name);
    }
}
END_TEST

START_TEST(the_usual_name_comes_back)
{
    ck_assert_str_eq(constant_name(CONSTANT_FAMILY, AF_UNIX), "AF_UNIX");
    ck_assert_str_eq(constant_name(CONSTANT_PROTOCOL, 6), "IPPROTO_TCP");
    ck_assert_str_eq(constant_name(CONSTANT_PROTOCOL, 0), "IPPROTO_IP");
    ck_assert_str_eq(constant_name(CONSTANT_LEVEL, 1), "SOL_SOCKET");
    ck_assert_str_eq(constant_name(CONSTANT_LEVEL, 6), "IPPROTO_TCP");
    ck_assert_ptr_null(constant_name(CONSTANT_FAMILY, 9999));
}
END_TEST

START_TEST(unknown_names)
{
    int v = 77;

    ck_assert(!constant_find(CONSTANT_FAMILY, "AF_INET4", 8, &v));
    ck_assert(!constant_find(CONSTANT_FAMILY, "AF_INE", 6, &v));
    ck_assert(!constant_find(CONSTANT_FAMILY, "af_inet", 7, &v));
    ck_assert(!constant_find(CONSTANT_FAMILY, "", 0, &v));
    ck_assert(!constant_find(CONSTANT_FAMILY, "SOCK_STREAM", 11, &v));
    ck_assert(!constant_find(CONSTANT_FAMILY, "AF_INET\0x", 9, &v));
    ck_assert_int_eq(v, 77);
}
END_TEST

static const struct {
    enum constant_space space;
    const char *name, *nearest;
} guesses[] = {
    {CONSTANT_FAMILY, "AF_INET4", "AF_INET"},
    {CONSTANT_FAMILY, "af_inet", "AF_INET"},
    {CONSTANT_FAMILY, "INET", "AF_INET"},
    {CONSTANT_FAMILY, "inet6", "AF_INET6"},
    {CONSTANT_FAMILY, "PF_UNIX", "AF_UNIX"},
    {CONSTANT_SOCKTYPE, "STREAM", "SOCK_STREAM"},
    {CONSTANT_SOCKTYPE, "dgram", "SOCK_DGRAM"},
    {CONSTANT_SOCKTYPE, "SOCK_STEAM", "SOCK_STREAM"},
    {CONSTANT_PROTOCOL, "tcp", "IPPROTO_TCP"},
    {CONSTANT_MSG, "MSG_PEAK", "MSG_PEEK"},
    {CONSTANT_HOW, "WR", "SHUT_WR"},
    {CONSTANT_FORM, "txt", "text"},
    {CONSTANT_FORM, "base46", "base64"},
    {CONSTANT_FAMILY, "AF_NETLINK", NULL},
    {CONSTANT_FAMILY, "", NULL},
    {CONSTANT_FAMILY, "x", NULL},
    {CONSTANT_SOCKTYPE, "something else that is far longer than any of the names", NULL},
};

START_TEST(nearest_names)
{
    const char *nearest =
        constant_nearest(guesses[_i].space, guesses[_i].name, strlen(guesses[_i].name));

    if (guesses[_i].nearest)
        ck_assert_pstr_eq(nearest, guesses[_i].nearest);
    else
        ck_assert_msg(!nearest, "%s is not near %s", guesses[_i].name, nearest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("constants");
    TCase *tests = tcase_create("constants");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, known_names);
    tcase_add_loop_test(tests, rows_are_sound, 0, N_CONSTANT_SPACES);
    tcase_add_test(tests, flags_are_bits);
    tcase_add_test(tests, the_usual_name_comes_back);
    tcase_add_test(tests, unknown_names);
    tcase_add_loop_test(tests, nearest_names, 0, sizeof guesses / sizeof *guesses);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
