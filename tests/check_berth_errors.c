/* check_berth_errors.c — how calls of libberth fail: what the daemon refuses, and what is not even
 * asked. The daemon is a script. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

/* -- errors of the daemon ---------------------------------------------------------------------- */

static const struct {
    const char *reply;
    int code, sys_errno;
    const char *kind, *name;
} refusals[] = {
    {ERROR(-32000, "{\"kind\":\"os\",\"name\":\"ECONNREFUSED\",\"errno\":111,\"op\":\"connect\"}"),
     -32000, ECONNREFUSED, "os", "ECONNREFUSED"},
    {ERROR(-32001, "{\"kind\":\"gai\",\"name\":\"EAI_NONAME\"}"), -32001, ENOENT, "gai",
     "EAI_NONAME"},
    {ERROR(-32001, "{\"kind\":\"gai\",\"name\":\"EAI_AGAIN\"}"), -32001, EAGAIN, "gai",
     "EAI_AGAIN"},
    {ERROR(-32002, "{\"kind\":\"timeout\",\"name\":\"TIMEOUT\"}"), -32002, ETIMEDOUT, "timeout",
     "TIMEOUT"},
    {ERROR(-32010, "{\"kind\":\"policy\",\"name\":\"DENIED\"}"), -32010, EACCES, "policy",
     "DENIED"},
    {ERROR(-32011, "{\"kind\":\"pool\",\"name\":\"EXHAUSTED\"}"), -32011, ENOBUFS, "pool",
     "EXHAUSTED"},
    {ERROR(-32012, "{\"kind\":\"handle\",\"name\":\"CLOSED\"}"), -32012, EBADF, "handle", "CLOSED"},
    {ERROR(-32013, "{\"kind\":\"lease\",\"name\":\"CANNOT_KEEP\"}"), -32013, ENOTSUP, "lease",
     "CANNOT_KEEP"},
    {ERROR(-32020, "{\"kind\":\"limit\",\"name\":\"LIMIT\"}"), -32020, EMSGSIZE, "limit", "LIMIT"},
    {ERROR(-32021, "{\"kind\":\"cancelled\",\"name\":\"CANCELLED\"}"), -32021, ECANCELED,
     "cancelled", "CANCELLED"},
    {ERROR(-32022, "{\"kind\":\"unavailable\",\"name\":\"SCTP\"}"), -32022, ENOSYS, "unavailable",
     "SCTP"},
    {ERROR(-32023, "{\"kind\":\"fd\",\"name\":\"FD\"}"), -32023, EPROTO, "fd", "FD"},
    {ERROR(-32601, "{\"kind\":\"protocol\",\"name\":\"METHOD_NOT_FOUND\"}"), -32601, ENOSYS,
     "protocol", "METHOD_NOT_FOUND"},
    {ERROR(-32602, "{\"kind\":\"protocol\",\"name\":\"how\"}"), -32602, EINVAL, "protocol", "how"},
    {ERROR(-32600, "7"), -32600, EINVAL, "protocol", ""},
    {"#{\"id\":null,\"error\":{\"code\":-32020,\"message\":\"what and "
     "why\",\"data\":{\"kind\":\"limit\"}}}",
     -32020, EMSGSIZE, "limit", ""},
};

START_TEST(refusal)
{
    const struct turn turn = {.reply = refusals[_i].reply};
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(&turn, 1, &b);
    errno = 0;
    ck_assert_int_eq(berth_shutdown(b, H, SHUT_WR), -1);
    ck_assert_int_eq(errno, refusals[_i].sys_errno);
    ck_assert_int_eq(berth_last_error(b)->code, refusals[_i].code);
    ck_assert_str_eq(berth_last_error(b)->kind, refusals[_i].kind);
    ck_assert_str_eq(berth_last_error(b)->name, refusals[_i].name);
    ck_assert_str_eq(berth_last_error(b)->message, "what and why");
    fake_daemon_finish(b, fake);
}
END_TEST

START_TEST(refusal_tells_all)
{
    const struct turn turns[] = {
        {.reply = ERROR(
             -32000,
             "{\"kind\":\"os\",\"name\":\"EPIPE\",\"errno\":32,\"op\":\"sendall\",\"handle\":" H_S
             ",\"sent\":100,\"hint\":\"a\\nb\"}")},
        {.reply = "{}"},
    };
    const struct berth_error *e;
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(turns, 2, &b);
    ck_assert_int_eq(berth_sendall(b, H, "x", 1, 0), -1);
    e = berth_last_error(b);
    ck_assert_str_eq(e->op, "sendall");
    ck_assert_int_eq(e->handle, H);
    ck_assert_int_eq(e->sent, 100);
    ck_assert_str_eq(e->hint, "a\nb");
    ck_assert_ptr_nonnull(strstr(e->data, "\"sent\":100"));
    /* The next call that succeeds forgets it. */
    ck_assert_int_eq(berth_listen(b, H, 1), 0);
    ck_assert_str_eq(berth_last_error(b)->kind, "");
    ck_assert_ptr_null(berth_last_error(b)->hint);
    fake_daemon_finish(b, fake);
}
END_TEST

/* Resolver failures come back as the codes that getaddrinfo(3) has. */
START_TEST(resolver_refusal)
{
    const struct turn turns[] = {
        {.reply = ERROR(-32001, "{\"kind\":\"gai\",\"name\":\"EAI_NONAME\"}")},
        {.reply = ERROR(-32002, "{\"kind\":\"timeout\",\"name\":\"TIMEOUT\"}")}};
    struct addrinfo *list = NULL;
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(turns, 2, &b);
    ck_assert_int_eq(berth_getaddrinfo(b, "x", NULL, NULL, &list), EAI_NONAME);
    ck_assert_int_eq(berth_getaddrinfo(b, "x", NULL, NULL, &list), EAI_SYSTEM);
    ck_assert_int_eq(errno, ETIMEDOUT);
    ck_assert_ptr_null(list);
    fake_daemon_finish(b, fake);
}
END_TEST

/* -- errors of the caller: nothing goes out ---------------------------------------------------- */

static int bad_family(berth *b)
{
    struct sockaddr bad = {.sa_family = AF_UNSPEC};

    return berth_connect(b, H, &bad, sizeof bad);
}

static int short_address(berth *b)
{
    struct sockaddr_in bad = {.sin_family = AF_INET};

    return berth_bind(b, H, (void *)&bad, 4);
}

static int path_not_text(berth *b)
{
    struct sockaddr_un bad = {.sun_family = AF_UNIX, .sun_path = "/\xff"};

    return berth_bind(b, H, (void *)&bad, sizeof bad);
}

static int abstract_with_nul(berth *b)
{
    struct sockaddr_un bad = {.sun_family = AF_UNIX, .sun_path = "\0a\0b"};

    return berth_bind(b, H, (void *)&bad, sizeof(sa_family_t) + 4);
}

static int bad_timeout(berth *b)
{
    return berth_settimeout(b, H, -7);
}

static int bad_type(berth *b)
{
    return (int)berth_socket(b, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static int bad_json(berth *b)
{
    return berth_setsockopt_json(b, H, "SO_LINGER", "1}\n{\"method\":\"ping\"");
}

static int bad_params(berth *b)
{
    return berth_call(b, "ping", "{\"echo\":nan}") ? 0 : -1;
}

static int bad_text(berth *b)
{
    return berth_call(b, "\xff", NULL) ? 0 : -1;
}

static int bad_fd(berth *b)
{
    return berth_call_fd(b, "ping", NULL, 4000, NULL) ? 0 : -1;
}

static int too_large(berth *b)
{
    static char data[700 << 10];

    return (int)berth_sendto(b, H, data, sizeof data, 0,
                             (void *)&(struct sockaddr_in){.sin_family = AF_INET},
                             sizeof(struct sockaddr_in));
}

static int line_too_long(berth *b)
{
    char *text = malloc((1 << 20) + 3);
    int r;

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', (1 << 20) + 2);
    memcpy(text, "{}", 2);
    text[(1 << 20) + 2] = '\0';
    r = berth_call(b, "ping", text) ? 0 : -1;
    free(text);
    return r;
}

static const struct {
    int (*call)(berth *b);
    int sys_errno;
} mistakes[] = {
    {bad_family, EAFNOSUPPORT}, {short_address, EINVAL},
    {path_not_text, EILSEQ},    {abstract_with_nul, EILSEQ},
    {bad_timeout, EINVAL},      {bad_type, EINVAL},
    {bad_json, EINVAL},         {bad_params, EINVAL},
    {bad_text, EILSEQ},         {bad_fd, EBADF},
    {too_large, EMSGSIZE},      {line_too_long, EMSGSIZE},
};

START_TEST(mistake)
{
    const struct turn turn = {"ping {}", "{\"uptime\":1}", 0, 0};
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(&turn, 1, &b);
    errno = 0;
    ck_assert_int_eq(mistakes[_i].call(b), -1);
    ck_assert_int_eq(errno, mistakes[_i].sys_errno);
    ck_assert_str_eq(berth_last_error(b)->kind, "local");
    ck_assert_str_eq(berth_last_error(b)->name, strerrorname_np(mistakes[_i].sys_errno));
    ck_assert_int_gt(strlen(berth_last_error(b)->message), 0);
    /* The session is none the worse. */
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_daemon_finish(b, fake);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_errors");
    TCase *tests = tcase_create("errors");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, refusal, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(tests, refusal_tells_all);
    tcase_add_test(tests, resolver_refusal);
    tcase_add_loop_test(tests, mistake, 0, sizeof mistakes / sizeof *mistakes);
    return house_run(suite);
}
