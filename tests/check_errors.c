/* check_errors.c — the one list of errors, and how an error is filled in. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "proto/errors.h"
#include "tests/fds.h"

#define N(table) (sizeof(table) / sizeof *(table))

/* What clients rely on. */
static const struct {
    enum error_id id;
    int code;
    const char *kind;
} contract[] = {
    {ERROR_PARSE, -32700, "protocol"},
    {ERROR_INVALID_REQUEST, -32600, "protocol"},
    {ERROR_METHOD_NOT_FOUND, -32601, "protocol"},
    {ERROR_INVALID_PARAMS, -32602, "protocol"},
    {ERROR_INTERNAL, -32603, "protocol"},
    {ERROR_OS, -32000, "os"},
    {ERROR_GAI, -32001, "gai"},
    {ERROR_TIMEOUT, -32002, "timeout"},
    {ERROR_TLS, -32003, "tls"},
    {ERROR_POLICY, -32010, "policy"},
    {ERROR_POOL, -32011, "pool"},
    {ERROR_HANDLE, -32012, "handle"},
    {ERROR_LEASE, -32013, "lease"},
    {ERROR_LIMIT, -32020, "limit"},
    {ERROR_CANCELLED, -32021, "cancelled"},
    {ERROR_UNAVAILABLE, -32022, "unavailable"},
    {ERROR_FD, -32023, "fd"},
};

START_TEST(codes_and_kinds)
{
    ck_assert_uint_eq(N(contract), N_ERRORS - 1);
    for (size_t i = 0; i < N(contract); i++) {
        const struct error_info *info = error_info(contract[i].id);

        ck_assert_int_eq(info->code, contract[i].code);
        ck_assert_str_eq(info->kind, contract[i].kind);
    }
}
END_TEST

START_TEST(every_row_says_something)
{
    for (int id = ERROR_NONE + 1; id < N_ERRORS; id++) {
        const struct error_info *info = error_info((enum error_id)id);

        ck_assert(*info->name &&
                  strspn(info->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(info->name));
        ck_assert(strlen(info->sentence) > 10 && info->sentence[strlen(info->sentence) - 1] == '.');
        for (int other = ERROR_NONE + 1; other < id; other++)
            ck_assert_int_ne(info->code, error_info((enum error_id)other)->code);
    }
}
END_TEST

START_TEST(any_error)
{
    struct error e = {.hint = "do that"};

    ck_assert_int_eq(error_set(&e, ERROR_HANDLE, "CLOSED", "handle %d is closed", 5), ERROR_HANDLE);
    ck_assert_int_eq(e.id, ERROR_HANDLE);
    ck_assert_str_eq(e.name, "CLOSED");
    ck_assert_str_eq(e.message, "handle 5 is closed");
    ck_assert_str_eq(e.hint, "do that");
    ck_assert_int_eq(error_set(&e, ERROR_PARSE, NULL, "x"), ERROR_PARSE);
    ck_assert_ptr_null(e.name);
}
END_TEST

/* The name is the parameter, the message has the way to what is wrong in it. */
START_TEST(a_parameter)
{
    static const struct {
        const char *param, *name, *message;
    } cases[] = {
        {"port", "port", "port: is 7"},
        {"address.port", "address", "address.port: is 7"},
        {"handles[2].events", "handles", "handles[2].events: is 7"},
        {"address[1]", "address", "address[1]: is 7"},
        {"", "", ": is 7"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct error e = {0};

        ck_assert_int_eq(error_param(&e, cases[i].param, "is %d", 7), ERROR_INVALID_PARAMS);
        ck_assert_int_eq(e.id, ERROR_INVALID_PARAMS);
        ck_assert_str_eq(e.name, cases[i].name);
        ck_assert_str_eq(e.message, cases[i].message);
    }
}
END_TEST

/* Words of a client may be of any length: what does not fit is cut off. */
START_TEST(long_words)
{
    char words[1000];

    memset(words, 'w', sizeof words - 1);
    for (size_t n = sizeof words - 1; n > 0; n -= n > 300 ? 100 : 1) {
        struct error e = {0};

        words[n] = '\0';
        error_set(&e, ERROR_LIMIT, NULL, "%s", words);
        ck_each(strlen(e.message) == (n < sizeof e.message ? n : sizeof e.message - 1), "%zu", n);
        error_param(&e, words, "%s", words);
        ck_each(strlen(e.name) == (n < sizeof e.name_room ? n : sizeof e.name_room - 1), "%zu", n);
        ck_each(strlen(e.message) < sizeof e.message && strstr(e.message, ": w"), "%zu: %s", n,
                e.message);
        error_gai(&e, EAI_NONAME, 0, words);
        ck_each(strstr(e.message, ": "), "%zu: %s", n, e.message);
    }
}
END_TEST

START_TEST(system_calls)
{
    struct error e = {0};

    ck_assert_int_eq(error_os(&e, ECONNREFUSED, "connect"), ERROR_OS);
    ck_assert_str_eq(e.name, "ECONNREFUSED");
    ck_assert_int_eq(e.sys_errno, ECONNREFUSED);
    ck_assert_str_eq(e.message, "connect: Connection refused");
    ck_assert_str_eq(e.hint, error_hint(ECONNREFUSED));
    e = (struct error){.hint = "a better one"};
    error_os(&e, EADDRINUSE, "bind");
    ck_assert_str_eq(e.hint, "a better one");
    e = (struct error){0};
    ck_assert_int_eq(error_os(&e, 4000, "ioctl"),
                     ERROR_OS); /* an errno that this libc does not know */
    ck_assert_str_eq(e.name, "E4000");
    ck_assert_int_eq(e.sys_errno, 4000);
    e = (struct error){0};
    ck_assert_int_eq(error_memory(&e), ERROR_OS);
    ck_assert_str_eq(e.name, "ENOMEM");
    ck_assert_int_eq(e.sys_errno, ENOMEM);
}
END_TEST

/* Every errno of this system has its name. */
START_TEST(names_of_errnos)
{
    for (int number = 1; number < 134; number++) {
        struct error e = {0};

        error_os(&e, number, "call");
        ck_assert(e.name[0] == 'E' && strlen(e.name) > 2);
        ck_assert_msg(strncmp(e.message, "call: ", 6) == 0 && strlen(e.message) > 8, "%s",
                      e.message);
    }
}
END_TEST

START_TEST(hints)
{
    static const int with_hint[] = {EADDRINUSE,   EADDRNOTAVAIL, EACCES,     EPERM,
                                    ECONNREFUSED, EMFILE,        ENFILE,     EAGAIN,
                                    ENOTCONN,     EPIPE,         EINPROGRESS};

    for (size_t i = 0; i < N(with_hint); i++)
        ck_assert_msg(error_hint(with_hint[i]), "errno %d", with_hint[i]);
    ck_assert_ptr_null(error_hint(EBADMSG));
}
END_TEST

START_TEST(the_resolver)
{
    static const struct {
        int eai;
        const char *name;
    } cases[] = {
        {EAI_NONAME, "EAI_NONAME"},
        {EAI_AGAIN, "EAI_AGAIN"},
        {EAI_FAIL, "EAI_FAIL"},
        {EAI_FAMILY, "EAI_FAMILY"},
        {EAI_SERVICE, "EAI_SERVICE"},
        {EAI_SOCKTYPE, "EAI_SOCKTYPE"},
        {EAI_MEMORY, "EAI_MEMORY"},
        {EAI_BADFLAGS, "EAI_BADFLAGS"},
        {EAI_OVERFLOW, "EAI_OVERFLOW"},
        {EAI_NODATA, "EAI_NODATA"},
        {EAI_ADDRFAMILY, "EAI_ADDRFAMILY"},
    };
    struct error e = {0};

    for (size_t i = 0; i < N(cases); i++) {
        e = (struct error){0};
        ck_assert_int_eq(error_gai(&e, cases[i].eai, 0, "host"), ERROR_GAI);
        ck_assert_str_eq(e.name, cases[i].name);
        ck_assert_msg(strncmp(e.message, "host: ", 6) == 0 && strlen(e.message) > 8, "%s",
                      e.message);
        ck_assert_int_eq(e.sys_errno, 0);
    }
    ck_assert_int_eq(error_gai(&e, EAI_SYSTEM, EMFILE, "host"), ERROR_OS);
    ck_assert_str_eq(e.name, "EMFILE");
    e = (struct error){0};
    ck_assert_int_eq(error_gai(&e, -12345, 0, "host"), ERROR_GAI); /* none that is known */
    ck_assert_ptr_null(e.name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("errors");
    TCase *tests = fds_case(suite, "errors");

    tcase_add_test(tests, codes_and_kinds);
    tcase_add_test(tests, every_row_says_something);
    tcase_add_test(tests, any_error);
    tcase_add_test(tests, a_parameter);
    tcase_add_test(tests, long_words);
    tcase_add_test(tests, system_calls);
    tcase_add_test(tests, names_of_errnos);
    tcase_add_test(tests, hints);
    tcase_add_test(tests, the_resolver);
    return fds_run(suite);
}
