/* check_options.c — socket options through the daemon: every row of the option table is asked for,
 * and what is set comes back as the kernel has it. The table itself is checked in check_option.c.
 */
#include <stdio.h>
#include <string.h>

#include "house.h"
#include "proto/option.h"

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

START_TEST(what_is_set_is_told_as_the_kernel_has_it)
{
    static const struct {
        const char *family, *type, *option, *value,
            *text; /* text: the value as it comes back; NULL: as set */
    } rows[] = {
        {"AF_INET", "SOCK_STREAM", "SO_KEEPALIVE", "true", NULL},
        {"AF_INET", "SOCK_STREAM", "SO_KEEPALIVE", "0", "false"},
        {"AF_INET", "SOCK_STREAM", "TCP_NODELAY", "1", "true"},
        {"AF_INET", "SOCK_STREAM", "TCP_KEEPIDLE", "77", NULL},
        {"AF_INET", "SOCK_STREAM", "TCP_USER_TIMEOUT", "5000", NULL},
        {"AF_INET", "SOCK_STREAM", "TCP_CONGESTION", "\"reno\"", NULL},
        {"AF_INET", "SOCK_STREAM", "IP_TTL", "9", NULL},
        {"AF_INET", "SOCK_STREAM", "IP_TOS", "16", NULL},
        {"AF_INET", "SOCK_DGRAM", "SO_BROADCAST", "true", NULL},
        {"AF_INET", "SOCK_DGRAM", "IP_MULTICAST_TTL", "3", NULL},
        {"AF_INET", "SOCK_DGRAM", "IP_MULTICAST_LOOP", "false", NULL},
        {"AF_INET", "SOCK_DGRAM", "IP_MULTICAST_IF", "\"127.0.0.1\"", NULL},
        {"AF_INET6", "SOCK_DGRAM", "IPV6_V6ONLY", "true", NULL},
        {"AF_INET6", "SOCK_DGRAM", "IPV6_UNICAST_HOPS", "4", NULL},
        {"AF_UNIX", "SOCK_STREAM", "SO_PASSCRED", "true", NULL},
    };
    long long s =
        house_make(c, "socket", "{'family':'%s','type':'%s'}", rows[_i].family, rows[_i].type);
    const char *wanted = rows[_i].text ? rows[_i].text : rows[_i].value;
    char expected[64];

    snprintf(expected, sizeof expected, "\"value\":%s", wanted);
    for (int i = 0; i < 2; i++) {
        const char *line;

        if (i == 0)
            house_begin(c, 1, "setsockopt", "{'handle':%lld,'option':'%s','value':%s}", s,
                        rows[_i].option, rows[_i].value);
        else
            house_begin(c, 1, "getsockopt", "{'handle':%lld,'option':'%s'}", s, rows[_i].option);
        line = house_next_line(c);
        ck_assert_msg(strstr(line, expected), "%s: %s is not in %s", rows[_i].option, expected,
                      line);
    }
}
END_TEST

START_TEST(structures)
{
    long long ends[2];
    json_t *r;

    house_connect(c, ends);
    house_do(c, "setsockopt",
             "{'handle':%lld,'option':'SO_LINGER','value':{'onoff':true,'linger':5}}", ends[0]);
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_LINGER'}", ends[0]);
    ck_assert_int_eq(house_int(r, "value.linger"), 5);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_LINGER','value':null}", ends[0]);
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_LINGER'}", ends[0]);
    ck_assert(!house_bool(r, "value.onoff"));
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_RCVTIMEO','value':1.5}", ends[0]);
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_RCVTIMEO'}", ends[0]);
    ck_assert_double_eq_tol(house_number(r, "value"), 1.5, 0.01);
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'TCP_INFO'}", ends[0]);
    ck_assert(house_has(r, "value.state"));
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_TYPE'}", ends[0]);
    ck_assert_str_eq(house_text(r, "value"), "SOCK_STREAM");
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'SO_DOMAIN'}", ends[0]);
    ck_assert_str_eq(house_text(r, "value"), "AF_INET");
}
END_TEST

START_TEST(by_level_and_number)
{
    long long s = house_make(c, "socket", "{}");
    json_t *r;

    r = house_do(c, "setsockopt", "{'handle':%lld,'level':'SOL_SOCKET','number':9,'value':1}", s);
    ck_assert_int_eq(house_int(r, "value"), 1);
    ck_assert_str_eq(house_text(r, "base64"), "AQAAAA==");
    r = house_do(c, "setsockopt",
                 "{'handle':%lld,'level':'SOL_SOCKET','number':9,'base64':'AAAAAA=='}", s);
    ck_assert_int_eq(house_int(r, "value"), 0);
    r = house_do(c, "getsockopt", "{'handle':%lld,'level':'IPPROTO_TCP','number':11,'size':104}",
                 s);
    ck_assert_uint_gt(strlen(house_text(r, "base64")), 100);
}
END_TEST

START_TEST(what_is_refused)
{
    static const struct {
        const char *method, *params, *kind, *name;
    } rows[] = {
        {"getsockopt", "", "protocol", "option"},
        {"getsockopt", ",\"option\":\"SO_KEEPALIV\"", "protocol", "option"},
        {"getsockopt", ",\"option\":\"SO_TYPE\",\"level\":1", "protocol", "option"},
        {"getsockopt", ",\"level\":1", "protocol", "option"},
        {"getsockopt", ",\"level\":1,\"number\":3,\"size\":0", "protocol", "size"},
        {"getsockopt", ",\"level\":1,\"number\":3,\"size\":4097", "protocol", "size"},
        {"getsockopt", ",\"level\":1,\"number\":30000", "os", "ENOPROTOOPT"},
        {"setsockopt", ",\"option\":\"SO_KEEPALIVE\"", "protocol", "value"},
        {"setsockopt", ",\"option\":\"SO_KEEPALIVE\",\"value\":\"yes\"", "protocol", "value"},
        {"setsockopt", ",\"option\":\"SO_KEEPALIVE\",\"value\":1,\"base64\":\"AQAAAA==\"",
         "protocol", "value"},
        {"setsockopt", ",\"option\":\"SO_TYPE\",\"value\":1", "protocol", NULL},
        {"setsockopt", ",\"option\":\"IPV6_V6ONLY\",\"value\":true", "os", NULL},
    };
    long long s = house_make(c, "socket", "{}");
    json_t *e = house_fail(c, rows[_i].method, "{'handle':%lld%s}", s, rows[_i].params);

    ck_assert_str_eq(house_text(e, "data.kind"), rows[_i].kind);
    if (rows[_i].name)
        ck_assert_str_eq(house_text(e, "data.name"), rows[_i].name);
    house_do(c, "ping", "{}");
}
END_TEST

/* On every kind of socket there is a value, or the kernel's own refusal. */
START_TEST(every_row_can_be_asked_for)
{
    static const char *const kinds[] = {
        "{'family':'AF_INET','type':'SOCK_STREAM'}", "{'family':'AF_INET','type':'SOCK_DGRAM'}",
        "{'family':'AF_INET6','type':'SOCK_STREAM'}", "{'family':'AF_UNIX','type':'SOCK_STREAM'}"};
    long long s = house_make(c, "socket", "%s", kinds[_i]);
    size_t n, n_good = 0;
    const struct option *rows = options_all(&n);

    for (size_t i = 0; i < n; i++) {
        json_t *r = house_ask(c, "getsockopt", "{'handle':%lld,'option':'%s'}", s, rows[i].name);

        n_good += house_has(r, "result.value");
        if (!rows[i].can_get)
            house_expect_error(r, "protocol", "option");
        else if (!house_has(r, "result.value"))
            ck_assert_str_eq(house_text(r, "error.data.kind"), "os");
    }
    ck_assert_uint_gt(n_good, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tc = tcase_create("options");

    tcase_add_checked_fixture(tc, open_client, house_close);
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, what_is_set_is_told_as_the_kernel_has_it, 0, 15);
    tcase_add_loop_test(tc, every_row_can_be_asked_for, 0, 4);
    tcase_add_test(tc, structures);
    tcase_add_test(tc, by_level_and_number);
    tcase_add_loop_test(tc, what_is_refused, 0, 12);
    return house_run(suite);
}
