/* check_call_pool.c — what a pool denies to requests on sockets that live already: planes, options,
 * IPv4 by way of IPv6. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "house.h"

static struct house_client *c;

static void open_with(const char *settings)
{
    house_reopen_with(settings);
    c = house_client();
}

static void expect_denied(json_t *error, const char *rule, const char *hint)
{
    house_expect_error(error, "policy", "DENIED");
    ck_assert_msg(strncmp(house_text(error, "data.rule"), rule, strlen(rule)) == 0, "%s",
                  house_text(error, "data.rule"));
    ck_assert_ptr_nonnull(strstr(house_text(error, "data.hint"), hint));
}

/* -- planes -- */

static const struct {
    const char *method, *params; /* beside the handle */
} messages[] = {
    {"send", ",'text':'x'"},
    {"sendall", ",'text':'x'"},
    {"sendto", ",'address':['127.0.0.1',9],'text':'x'"},
    {"recv", ",'timeout':0"},
    {"recvfrom", ",'timeout':0"},
};

START_TEST(messages_are_a_plane)
{
    long long h;
    json_t *r;

    open_with("[pool a]\nplanes = stream\n");
    h = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");
    expect_denied(house_fail(c, messages[_i].method, "{'handle':%lld%s}", h, messages[_i].params),
                  "planes = stream (", "planes would have to name message");
    r = house_do(c, "why", "{'method':'%s','address':['127.0.0.1',9]}", messages[_i].method);
    ck_assert(!house_bool(r, "allowed"));
    ck_assert_ptr_nonnull(strstr(house_text(r, "rule"), "planes = stream ("));
    house_reload("[pool a]\nplanes = stream, message\n");
    r = house_ask(c, messages[_i].method, "{'handle':%lld%s}", h, messages[_i].params);
    ck_assert(!house_has(r, "error") || strcmp(house_text(r, "error.data.kind"), "os") == 0);
    r = house_do(c, "why", "{'method':'%s','address':['127.0.0.1',9]}", messages[_i].method);
    ck_assert(house_bool(r, "allowed"));
}
END_TEST

START_TEST(so_are_files)
{
    FILE *file = tmpfile();
    int fd = fileno(file);
    long long ends[2];
    char line[96];

    open_with("[pool a]\nplanes =\n");
    house_pair(c, "SOCK_STREAM", ends);
    snprintf(line, sizeof line,
             "{\"method\":\"sendfile\",\"id\":1,\"fds\":1,\"params\":{\"handle\":%lld}}\n",
             ends[0]);
    house_send_fds(c, line, &fd, 1);
    expect_denied(house_at(house_next(c), "error"), "planes = (", "message");
    fclose(file);
}
END_TEST

/* -- IPv4 by way of IPv6 -- */

START_TEST(ipv6_alone_is_not_ipv4_too)
{
    long long h;
    json_t *r;

    open_with("[pool a]\nfamilies = AF_INET6\n");
    h = house_make(c, "socket", "{'family':'AF_INET6'}");
    r = house_do(c, "getsockopt", "{'handle':%lld,'option':'IPV6_V6ONLY'}", h);
    ck_assert(house_bool(r, "value"));
    expect_denied(
        house_fail(c, "setsockopt", "{'handle':%lld,'option':'IPV6_V6ONLY','value':false}", h),
        "families = AF_INET6", "AF_INET:");
    /* The kernel reads four bytes of however many. */
    expect_denied(
        house_fail(c, "setsockopt",
                   "{'handle':%lld,'level':'IPPROTO_IPV6','number':26,'base64':'AAAAAAE='}", h),
        "families = AF_INET6", "AF_INET:");
    expect_denied(house_fail(c, "socket", "{'family':'AF_INET6','options':{'IPV6_V6ONLY':false}}"),
                  "families = AF_INET6", "AF_INET:");
    expect_denied(house_fail(c, "create_server", "{'address':['',0],'dualstack':true}"),
                  "families = AF_INET6", "AF_INET:");
    house_do(c, "setsockopt", "{'handle':%lld,'option':'IPV6_V6ONLY','value':true}", h);
    house_do(c, "create_server", "{'address':['::',0]}");
    house_reload("[pool a]\nfamilies = AF_INET6, AF_INET\n");
    house_do(c, "setsockopt", "{'handle':%lld,'option':'IPV6_V6ONLY','value':false}", h);
    house_do(c, "create_server", "{'address':['',0],'dualstack':true}");
}
END_TEST

/* -- options that lead elsewhere -- */

START_TEST(a_route_is_no_way_around_connect)
{
    const char *srh = "'option':'IPV6_RTHDR','base64':'AAIEAAAAAAAAAAAAAAAAAAAAAAAAAAAB'";
    long long h;

    open_with("[pool a]\nconnect = [::1]:*\n");
    h = house_make(c, "socket", "{'family':'AF_INET6','type':'SOCK_DGRAM'}");
    expect_denied(house_fail(c, "setsockopt", "{'handle':%lld,%s}", h, srh), "connect = [::1]:*",
                  "straight");
    expect_denied(house_fail(c, "setsockopt",
                             "{'handle':%lld,'level':'IPPROTO_IPV6','number':6,'base64':'AQ=='}",
                             h),
                  "connect = [::1]:*", "straight");
    expect_denied(house_fail(c, "setsockopt",
                             "{'handle':%lld,'option':'IP_OPTIONS','base64':'AQ=='}",
                             house_make(c, "socket", "{}")),
                  "connect = [::1]:*", "straight");
    house_reload("[pool a]\n");
    ck_assert(house_has(house_ask(c, "setsockopt", "{'handle':%lld,%s}", h, srh), "result"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("call_pool");
    TCase *tc = house_case(suite, "policy");

    tcase_add_loop_test(tc, messages_are_a_plane, 0, (int)(sizeof messages / sizeof *messages));
    tcase_add_test(tc, so_are_files);
    tcase_add_test(tc, ipv6_alone_is_not_ipv4_too);
    tcase_add_test(tc, a_route_is_no_way_around_connect);
    return house_run(suite);
}
