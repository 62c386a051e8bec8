/* check_names.c — names, addresses as texts and bytes, interfaces. What asks the resolver is
 * numeric here; names that take their time are in check_resolver.c. */
#include <string.h>
#include <unistd.h>

#include "house.h"

/* A call, and one member of its result, or (kind set) its error. */
static const struct {
    const char *method, *params, *path, *text, *kind;
} rows[] = {
    {"getaddrinfo", "{'host':'127.0.0.1','service':80,'type':'SOCK_STREAM'}",
     "addresses.0.address.host", "127.0.0.1", NULL},
    {"getaddrinfo", "{'host':'127.0.0.1','service':'80','type':'SOCK_STREAM'}", "addresses.0.type",
     "SOCK_STREAM", NULL},
    {"getaddrinfo", "{'host':'::1','family':'AF_INET6'}", "addresses.0.family", "AF_INET6", NULL},
    {"getaddrinfo", "{'host':'','service':'80','flags':['AI_PASSIVE'],'family':'AF_INET'}",
     "addresses.0.address.host", "0.0.0.0", NULL},
    {"getaddrinfo", "{'host':'x','flags':['AI_NUMERICHOST']}", NULL, "EAI_NONAME", "gai"},
    {"getaddrinfo", "{'host':'127.0.0.1','family':'AF_INET6'}", NULL, NULL, "gai"},
    {"getaddrinfo", "{'host':'127.0.0.1','service':'no-such-service'}", NULL, NULL, "gai"},
    {"getnameinfo", "{'address':['127.0.0.1',80],'flags':['NI_NUMERICHOST','NI_NUMERICSERV']}",
     "host", "127.0.0.1", NULL},
    {"getnameinfo", "{'address':['127.0.0.1',80],'flags':['NI_NUMERICHOST','NI_NUMERICSERV']}",
     "service", "80", NULL},
    {"getnameinfo", "{'address':['::1',8080],'flags':['NI_NUMERICHOST','NI_NUMERICSERV']}", "host",
     "::1", NULL},
    {"getnameinfo", "{'address':['no-such-host.invalid',80]}", NULL, NULL, "gai"},
    {"gethostbyname", "{'host':'127.0.0.1'}", "addresses.0.host", "127.0.0.1", NULL},
    {"gethostbyname", "{'host':''}", "addresses.0.host", "0.0.0.0", NULL},
    {"inet_pton", "{'family':'AF_INET','text':'1.2.3.4'}", "base64", "AQIDBA==", NULL},
    {"inet_pton", "{'family':'AF_INET6','text':'::1'}", "base64", "AAAAAAAAAAAAAAAAAAAAAQ==", NULL},
    {"inet_pton", "{'family':'AF_INET','text':'1.2.3'}", NULL, "text", "protocol"},
    {"inet_pton", "{'family':'AF_INET','text':'01.2.3.4'}", NULL, "text", "protocol"},
    {"inet_pton", "{'family':'AF_UNIX','text':'x'}", NULL, "EAFNOSUPPORT", "os"},
    {"inet_ntop", "{'family':'AF_INET','base64':'AQIDBA=='}", "text", "1.2.3.4", NULL},
    {"inet_ntop", "{'family':'AF_INET6','base64':'AAAAAAAAAAAAAAAAAAAAAQ=='}", "text", "::1", NULL},
    {"inet_ntop", "{'family':'AF_INET6','base64':'AQIDBA=='}", NULL, "base64", "protocol"},
    {"inet_aton", "{'text':'127.1'}", "base64", "fwAAAQ==", NULL},
    {"inet_aton", "{'text':'0x7f.1'}", "base64", "fwAAAQ==", NULL},
    {"inet_aton", "{'text':'256.0.0.1'}", NULL, "text", "protocol"},
    {"inet_ntoa", "{'base64':'fwAAAQ=='}", "text", "127.0.0.1", NULL},
    {"inet_ntoa", "{'base64':'fw=='}", NULL, "base64", "protocol"},
};

START_TEST(each_row)
{
    struct house_client *c = house_client();
    json_t *e;

    if (!rows[_i].kind) {
        ck_assert_str_eq(
            house_text(house_do(c, rows[_i].method, "%s", rows[_i].params), rows[_i].path),
            rows[_i].text);
        return;
    }
    e = house_fail(c, rows[_i].method, "%s", rows[_i].params);
    ck_assert_str_eq(house_text(e, "data.kind"), rows[_i].kind);
    if (rows[_i].text)
        ck_assert_str_eq(house_text(e, "data.name"), rows[_i].text);
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(this_machine)
{
    char name[256] = "";
    struct house_client *c = house_client();
    json_t *r;

    gethostname(name, sizeof name - 1);
    ck_assert_str_eq(house_text(house_do(c, "gethostname", "{}"), "host"), name);
    r = house_do(c, "if_nameindex", "{}");
    ck_assert_int_eq(house_int(r, "interfaces.0.index"), 1);
    ck_assert_str_eq(house_text(r, "interfaces.0.name"), "lo");
    ck_assert_str_eq(house_text(r, "interfaces.0.addresses.0.host"), "127.0.0.1");
}
END_TEST

/* The document tells of every method that the table has, and of nothing that would not be JSON. */
START_TEST(the_document)
{
    struct house_client *c = house_client();
    json_t *r = house_do(c, "rpc.discover", "{}");

    ck_assert_str_eq(house_text(r, "info.title"), "berth");
    ck_assert_uint_gt(house_size(r, "methods"), 40);
    ck_assert_str_eq(house_text(r, "methods.0.name"), "hello");
    house_do(c, "rpc.discover", "{}");
}
END_TEST

START_TEST(ping_echoes)
{
    struct house_client *c = house_client();
    json_t *r;

    r = house_do(c, "ping", "{'echo':{'a':[1,2.5,null,true,'\\u00e4']}}");
    ck_assert_str_eq(house_text(r, "echo.a.4"), "\xc3\xa4");
    ck_assert(house_has(r, "echo.a.2"));
    house_advance(1500000);
    ck_assert_double_eq_tol(house_number(house_do(c, "ping", "{}"), "uptime"), 1.5, 1e-6);
}
END_TEST

START_TEST(hello_says_who_is_who)
{
    json_t *r = house_do(house_client(), "hello", "{'client':'test 1'}");

    ck_assert_int_eq(house_int(r, "protocol"), 1);
    ck_assert_int_eq(house_int(r, "peer.pid"), getpid());
    ck_assert_int_eq(house_int(r, "peer.uid"), getuid());
    ck_assert_str_eq(house_text(r, "role"), "admin");
    ck_assert_int_eq(strncmp(house_text(r, "server"), "berthd ", 7), 0);
    ck_assert_int_ne(house_int(r, "session"),
                     house_int(house_do(house_client(), "hello", "{}"), "session"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tc = house_case(suite, "names");

    tcase_add_loop_test(tc, each_row, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tc, this_machine);
    tcase_add_test(tc, the_document);
    tcase_add_test(tc, ping_echoes);
    tcase_add_test(tc, hello_says_who_is_who);
    return house_run(suite);
}
