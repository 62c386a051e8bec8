/* check_multicast.c — one to many, on loopback: groups of IPv4 and IPv6, of one source, broadcast;
 * and a raw socket. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

static struct house_client *c;

static void open_client(void)
{
    house_open();
    c = house_client();
}

/* Whether this machine lets us make such a socket at all. */
static bool kernel_has(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static long long udp_on(const char *family, const char *host, long long *ret_port)
{
    long long s = house_make(
        c, "socket", "{'family':'%s','type':'SOCK_DGRAM','options':{'SO_REUSEADDR':true}}", family);

    *ret_port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['%s',0]}", s, host),
                          "address.port");
    return s;
}

static void expect_datagram(long long s, const char *text)
{
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld,'timeout':5}", s), "text"),
                     text);
}

static void expect_none(long long s)
{
    house_expect_error(house_fail(c, "recv", "{'handle':%lld,'timeout':0}", s), "os", "EAGAIN");
}

START_TEST(a_multicast_group_of_ipv4)
{
    static const char *const interfaces[] = {"'lo'", "1", "'1'"};
    long long port, receiver = udp_on("AF_INET", "", &port),
                    sender = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");

    house_do(c, "setsockopt", "{'handle':%lld,'option':'IP_MULTICAST_IF','value':'127.0.0.1'}",
             sender);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'IP_MULTICAST_LOOP','value':true}", sender);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'IP_MULTICAST_ALL','value':false}",
             receiver);
    house_do(c, "join_group", "{'handle':%lld,'group':'239.1.2.3','interface':%s}", receiver,
             interfaces[_i]);
    house_expect_error(house_fail(c, "join_group",
                                  "{'handle':%lld,'group':'239.1.2.3','interface':%s}", receiver,
                                  interfaces[_i]),
                       "os", "EADDRINUSE");
    house_do(c, "sendto", "{'handle':%lld,'address':['239.1.2.3',%lld],'text':'all'}", sender,
             port);
    expect_datagram(receiver, "all");
    house_do(c, "leave_group", "{'handle':%lld,'group':'239.1.2.3','interface':%s}", receiver,
             interfaces[_i]);
    house_do(c, "sendto", "{'handle':%lld,'address':['239.1.2.3',%lld],'text':'none'}", sender,
             port);
    expect_none(receiver);
}
END_TEST

START_TEST(a_multicast_group_of_one_source)
{
    long long port, good_port, receiver = udp_on("AF_INET", "", &port);
    long long good = udp_on("AF_INET", "127.0.0.1", &good_port),
              bad = udp_on("AF_INET", "127.0.0.2", &good_port);

    house_do(c, "setsockopt", "{'handle':%lld,'option':'IP_MULTICAST_ALL','value':false}",
             receiver);
    house_do(c, "join_group",
             "{'handle':%lld,'group':'232.1.2.3','interface':'lo','source':'127.0.0.1'}", receiver);
    for (int i = 0; i < 2; i++) {
        house_do(c, "setsockopt", "{'handle':%lld,'option':'IP_MULTICAST_IF','value':'127.0.0.1'}",
                 i ? good : bad);
        house_do(c, "sendto", "{'handle':%lld,'address':['232.1.2.3',%lld],'text':'%s'}",
                 i ? good : bad, port, i ? "good" : "bad");
    }
    expect_datagram(receiver, "good");
    expect_none(receiver);
    house_do(c, "leave_group",
             "{'handle':%lld,'group':'232.1.2.3','interface':'lo','source':'127.0.0.1'}", receiver);
}
END_TEST

/* Whether a line of this file of the kernel's has the text. */
static bool kernel_lists(const char *path, const char *text)
{
    FILE *f = fopen(path, "re");
    char line[256];
    bool found = false;

    ck_assert_ptr_nonnull(f);
    while (!found && fgets(line, sizeof line, f))
        found = strstr(line, text);
    fclose(f);
    return found;
}

/* Many machines have no route for IPv6 multicast on lo, so the kernel's own lists have to tell. */
START_TEST(a_multicast_group_of_ipv6)
{
    static const char *const interfaces[] = {"'lo'", "1"},
                             group[] = "ff010000000000000000000000010002";
    const char *interface = interfaces[_i];
    long long port, s;

    if (!kernel_has(AF_INET6, SOCK_DGRAM, 0))
        return;
    s = udp_on("AF_INET6", "::", &port);
    house_do(c, "join_group", "{'handle':%lld,'group':'ff01::1:2','interface':%s}", s, interface);
    ck_assert(kernel_lists("/proc/net/igmp6", group));
    house_expect_error(house_fail(c, "join_group",
                                  "{'handle':%lld,'group':'ff01::1:2','interface':%s}", s,
                                  interface),
                       "os", "EADDRINUSE");
    house_do(c, "leave_group", "{'handle':%lld,'group':'ff01::1:2','interface':%s}", s, interface);
    ck_assert(!kernel_lists("/proc/net/igmp6", group));
    house_do(c, "join_group", "{'handle':%lld,'group':'ff01::1:2','interface':%s,'source':'::1'}",
             s, interface);
    ck_assert(kernel_lists("/proc/net/mcfilter6", group));
    house_do(c, "close", "{'handle':%lld}", s);
    ck_assert(!kernel_lists("/proc/net/mcfilter6", group));
}
END_TEST

START_TEST(groups_that_are_none)
{
    static const struct {
        const char *params, *kind, *name;
    } rows[] = {
        {"'group':'127.0.0.1'", "os", "EINVAL"},
        {"'group':'ff02::1'", "protocol", "group"},
        {"'group':'all.example'", "protocol", "group"},
        {"'group':'239.1.1.1','interface':'no-such-if'", "os", "ENODEV"},
        {"'group':'239.1.1.1','interface':'lo','source':'::1'", "protocol", "source"},
        {"'group':'239.1.1.1','interface':99999", "os", "ENODEV"},
    };
    long long port, s = udp_on("AF_INET", "", &port);

    house_expect_error(house_fail(c, "join_group", "{'handle':%lld,%s}", s, rows[_i].params),
                       rows[_i].kind, rows[_i].name);
}
END_TEST

START_TEST(broadcast_has_to_be_allowed)
{
    long long port, receiver = udp_on("AF_INET", "", &port),
                    s = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");

    house_expect_error(house_fail(c, "sendto",
                                  "{'handle':%lld,'address':['127.255.255.255',%lld],'text':'x'}",
                                  s, port),
                       "os", "EACCES");
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_BROADCAST','value':true}", s);
    house_do(c, "sendto", "{'handle':%lld,'address':['127.255.255.255',%lld],'text':'x'}", s, port);
    expect_datagram(receiver, "x");
}
END_TEST

START_TEST(an_icmp_echo)
{
    /* type 8, code 0, checksum f7ff, id 0, sequence 0 */
    static const char echo[] = "CAD3/wAAAAA=";
    long long s;
    json_t *r;

    if (!kernel_has(AF_INET, SOCK_RAW, 1))
        return;
    s = house_make(c, "socket", "{'type':'SOCK_RAW','protocol':'IPPROTO_ICMP'}");
    house_do(c, "sendto", "{'handle':%lld,'address':['127.0.0.1',0],'base64':'%s'}", s, echo);
    r = house_do(c, "recvfrom", "{'handle':%lld,'timeout':5}", s);
    ck_assert_str_eq(house_text(r, "address.host"), "127.0.0.1");
    ck_assert_int_eq(house_int(r, "length"), 28);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("multicast");
    TCase *tc = tcase_create("multicast");

    tcase_add_checked_fixture(tc, open_client, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_loop_test(tc, a_multicast_group_of_ipv4, 0, 3);
    tcase_add_test(tc, a_multicast_group_of_one_source);
    tcase_add_loop_test(tc, a_multicast_group_of_ipv6, 0, 2);
    tcase_add_loop_test(tc, groups_that_are_none, 0, 6);
    tcase_add_test(tc, broadcast_has_to_be_allowed);
    tcase_add_test(tc, an_icmp_echo);
    return house_run(suite);
}
