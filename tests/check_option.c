/* Socket options: the table, JSON values to bytes and back, and what the kernel says to both. */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "proto/option.h"

#define N(array) (sizeof(array) / sizeof *(array))

/* The longest value that an option may have. */
enum { ROOM = sizeof(((struct option_value *)0)->data) };

static struct arena arena;
static struct error error;
static int n_fds_before;

static int count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(directory))
        n++;
    closedir(directory);
    return n;
}

static void setup(void)
{
    arena = (struct arena){0};
    error = (struct error){0};
    n_fds_before = count_fds();
}

static void teardown(void)
{
    arena_done(&arena);
    ck_assert_int_eq(count_fds(), n_fds_before);
}

static const struct option *find(const char *name)
{
    const struct option *option = option_find(name, strlen(name));

    ck_assert_msg(option != NULL, "there is no %s", name);
    return option;
}

static int decode(const struct option *option, const char *text, struct option_value *ret)
{
    struct json json = {0};
    struct error bad;
    int r;

    error = (struct error){0};
    ck_assert_msg(json_scan(&json, text, strlen(text), &bad) == 0, "%s", text);
    r = option_decode(option, &json, 0, "options", &arena, ret, &error);
    json_done(&json);
    return r;
}

static struct option_value value_of(const char *name, const char *text)
{
    struct option_value v;

    ck_assert_msg(decode(find(name), text, &v) == 0, "%s %s: %s", name, text, error.message);
    return v;
}

/* The text lives in the arena. */
static const char *encode(const struct option *option, const void *data, size_t n)
{
    struct buf b = {0};
    char *text;

    option_encode(&b, option, data, n);
    ck_assert(!b.failed);
    text = arena_copy(&arena, b.data + b.start, buf_len(&b));
    buf_done(&b);
    return text;
}

static bool has_ipv6(void)
{
    return access("/proc/net/if_inet6", F_OK) == 0;
}

static int open_socket(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    ck_assert_msg(fd >= 0, "%s", strerror(errno));
    return fd;
}

static const char *get(int fd, const char *name)
{
    const struct option *option = find(name);
    char data[ROOM];
    socklen_t n = (socklen_t)option_size(option);

    ck_assert_msg(getsockopt(fd, option->level, option->number, data, &n) == 0, "%s: %s", name,
                  strerror(errno));
    return encode(option, data, n);
}

/* Returns 0 or the kernel's errno. */
static int set(int fd, const char *name, const char *text)
{
    struct option_value v = value_of(name, text);

    return setsockopt(fd, v.level, v.number, v.data, (socklen_t)v.n) == 0 ? 0 : errno;
}

/* -- the table
 * ------------------------------------------------------------------------------------- */

/* What the manual pages name, and what the kernel's headers of Debian 12 know in addition. */
static const char *const expected_names[] = {
    "SO_ACCEPTCONN",
    "SO_ATTACH_BPF",
    "SO_ATTACH_FILTER",
    "SO_ATTACH_REUSEPORT_CBPF",
    "SO_ATTACH_REUSEPORT_EBPF",
    "SO_BINDTODEVICE",
    "SO_BROADCAST",
    "SO_BSDCOMPAT",
    "SO_BUSY_POLL",
    "SO_COOKIE",
    "SO_DEBUG",
    "SO_DETACH_BPF",
    "SO_DETACH_FILTER",
    "SO_DOMAIN",
    "SO_DONTROUTE",
    "SO_ERROR",
    "SO_INCOMING_CPU",
    "SO_INCOMING_NAPI_ID",
    "SO_KEEPALIVE",
    "SO_LINGER",
    "SO_LOCK_FILTER",
    "SO_MARK",
    "SO_OOBINLINE",
    "SO_PASSCRED",
    "SO_PASSSEC",
    "SO_PEEK_OFF",
    "SO_PEERCRED",
    "SO_PEERSEC",
    "SO_PRIORITY",
    "SO_PROTOCOL",
    "SO_RCVBUF",
    "SO_RCVBUFFORCE",
    "SO_RCVLOWAT",
    "SO_RCVTIMEO",
    "SO_REUSEADDR",
    "SO_REUSEPORT",
    "SO_RXQ_OVFL",
    "SO_SELECT_ERR_QUEUE",
    "SO_SNDBUF",
    "SO_SNDBUFFORCE",
    "SO_SNDLOWAT",
    "SO_SNDTIMEO",
    "SO_TIMESTAMP",
    "SO_TIMESTAMPING",
    "SO_TIMESTAMPNS",
    "SO_TYPE",
    "SO_ZEROCOPY",
    "TCP_CONGESTION",
    "TCP_CORK",
    "TCP_DEFER_ACCEPT",
    "TCP_FASTOPEN",
    "TCP_FASTOPEN_CONNECT",
    "TCP_INFO",
    "TCP_KEEPCNT",
    "TCP_KEEPIDLE",
    "TCP_KEEPINTVL",
    "TCP_LINGER2",
    "TCP_MAXSEG",
    "TCP_NODELAY",
    "TCP_NOTSENT_LOWAT",
    "TCP_QUICKACK",
    "TCP_SYNCNT",
    "TCP_USER_TIMEOUT",
    "TCP_WINDOW_CLAMP",
    "UDP_CORK",
    "UDP_GRO",
    "UDP_SEGMENT",
    "IP_ADD_MEMBERSHIP",
    "IP_ADD_SOURCE_MEMBERSHIP",
    "IP_BIND_ADDRESS_NO_PORT",
    "IP_BLOCK_SOURCE",
    "IP_DROP_MEMBERSHIP",
    "IP_DROP_SOURCE_MEMBERSHIP",
    "IP_FREEBIND",
    "IP_HDRINCL",
    "IP_MSFILTER",
    "IP_MTU",
    "IP_MTU_DISCOVER",
    "IP_MULTICAST_ALL",
    "IP_MULTICAST_IF",
    "IP_MULTICAST_LOOP",
    "IP_MULTICAST_TTL",
    "IP_NODEFRAG",
    "IP_OPTIONS",
    "IP_PASSSEC",
    "IP_PKTINFO",
    "IP_RECVERR",
    "IP_RECVOPTS",
    "IP_RECVORIGDSTADDR",
    "IP_RECVTOS",
    "IP_RECVTTL",
    "IP_RETOPTS",
    "IP_ROUTER_ALERT",
    "IP_TOS",
    "IP_TRANSPARENT",
    "IP_TTL",
    "IP_UNBLOCK_SOURCE",
    "MCAST_BLOCK_SOURCE",
    "MCAST_JOIN_GROUP",
    "MCAST_JOIN_SOURCE_GROUP",
    "MCAST_LEAVE_GROUP",
    "MCAST_LEAVE_SOURCE_GROUP",
    "MCAST_MSFILTER",
    "MCAST_UNBLOCK_SOURCE",
    "IPV6_ADDRFORM",
    "IPV6_ADD_MEMBERSHIP",
    "IPV6_AUTOFLOWLABEL",
    "IPV6_DROP_MEMBERSHIP",
    "IPV6_DSTOPTS",
    "IPV6_FLOWINFO",
    "IPV6_HOPOPTS",
    "IPV6_JOIN_GROUP",
    "IPV6_LEAVE_GROUP",
    "IPV6_MTU",
    "IPV6_MTU_DISCOVER",
    "IPV6_MULTICAST_HOPS",
    "IPV6_MULTICAST_IF",
    "IPV6_MULTICAST_LOOP",
    "IPV6_RECVDSTOPTS",
    "IPV6_RECVERR",
    "IPV6_RECVHOPLIMIT",
    "IPV6_RECVHOPOPTS",
    "IPV6_RECVPKTINFO",
    "IPV6_RECVRTHDR",
    "IPV6_RECVTCLASS",
    "IPV6_ROUTER_ALERT",
    "IPV6_RTHDR",
    "IPV6_TCLASS",
    "IPV6_UNICAST_HOPS",
    "IPV6_V6ONLY",
    "ICMP_FILTER",
    "ICMP6_FILTER",
};

START_TEST(names_are_there)
{
    for (size_t i = 0; i < N(expected_names); i++)
        find(expected_names[i]);
    ck_assert_int_eq(find("SO_REUSEADDR")->number, SO_REUSEADDR);
    ck_assert_int_eq(find("TCP_INFO")->number, TCP_INFO);
    ck_assert_int_eq(find("IP_MULTICAST_TTL")->level, IPPROTO_IP);
    ck_assert_int_eq(find("IPV6_V6ONLY")->level, IPPROTO_IPV6);
    ck_assert_ptr_null(option_find("SO_REUSE", 8));
    ck_assert_ptr_null(option_find("so_reuseaddr", 12));
    ck_assert_ptr_null(option_find("", 0));
}
END_TEST

START_TEST(rows_are_sound)
{
    size_t n;
    const struct option *rows = options_all(&n);
    struct option_value v;

    for (size_t i = 0; i < n; i++) {
        ck_assert_ptr_eq(option_find(rows[i].name, strlen(rows[i].name)), &rows[i]);
        ck_assert_uint_gt(option_size(&rows[i]), 0);
        ck_assert_uint_le(option_size(&rows[i]), sizeof v.data);
        /* No option takes true as well as a list, so that one of these must fail, and none may
         * crash. */
        ck_assert(decode(&rows[i], "true", &v) != 0 || decode(&rows[i], "[]", &v) != 0);
        ck_assert_str_eq(error.name, "options");
        ck_assert_ptr_nonnull(strstr(error.message, rows[i].name));
        encode(&rows[i], "", 0);
    }
}
END_TEST

static const struct {
    const char *name, *nearest;
} guesses[] = {
    {"SO_REUSEADR", "SO_REUSEADDR"},
    {"reuseaddr", "SO_REUSEADDR"},
    {"nodelay", "TCP_NODELAY"},
    {"SO_NODELAY", "TCP_NODELAY"},
    {"IP_V6ONLY", "IPV6_V6ONLY"},
    {"TCP_KEEPALIVE", "SO_KEEPALIVE"},
    {"so_linger", "SO_LINGER"},
    {"SO_NONSENSE_AT_ALL", NULL},
    {"", NULL},
};

START_TEST(nearest_names)
{
    const char *nearest = option_nearest(guesses[_i].name, strlen(guesses[_i].name));

    ck_assert_msg((nearest == NULL) == (guesses[_i].nearest == NULL), "%s", nearest);
    if (nearest)
        ck_assert_str_eq(nearest, guesses[_i].nearest);
}
END_TEST

/* -- values
 * ---------------------------------------------------------------------------------------- */

/* What is read as on the left is written as on the right. */
static const struct {
    const char *option, *json, *written;
} values[] = {
    {"SO_REUSEADDR", "true", "true"},
    {"SO_REUSEADDR", "1", "true"},
    {"SO_REUSEADDR", "false", "false"},
    {"SO_REUSEADDR", "0.0", "false"},
    {"SO_RCVBUF", "4096", "4096"},
    {"SO_RCVBUF", "-2147483648", "-2147483648"},
    {"SO_RCVBUF", "2147483647", "2147483647"},
    {"SO_MARK", "4294967295", "4294967295"},
    {"SO_MAX_PACING_RATE", "9007199254740991", "9007199254740991"},
    {"SO_MAX_PACING_RATE", "null", "null"},
    {"IP_MULTICAST_TTL", "255", "255"},
    {"SO_RCVTIMEO", "1.5", "1.5"},
    {"SO_RCVTIMEO", "0", "0"},
    {"SO_RCVTIMEO", "0.0000001", "0.000001"},
    {"SO_RCVTIMEO", "1.9999999", "2"},
    {"SO_RCVTIMEO", "2147483647", "2147483647"},
    {"SO_LINGER", "{\"onoff\":true,\"linger\":5}", "{\"onoff\":true,\"linger\":5}"},
    {"SO_LINGER", "{\"linger\":5,\"onoff\":0}", "{\"onoff\":false,\"linger\":5}"},
    {"SO_LINGER", "{\"onoff\":false}", "{\"onoff\":false,\"linger\":0}"},
    {"SO_LINGER", "null", "{\"onoff\":false,\"linger\":0}"},
    {"SO_LINGER", "0", "{\"onoff\":true,\"linger\":0}"},
    {"SO_BINDTODEVICE", "\"lo\"", "\"lo\""},
    {"SO_BINDTODEVICE", "\"\"", "\"\""},
    {"TCP_CONGESTION", "\"123456789012345\"", "\"123456789012345\""},
    {"IP_MULTICAST_IF", "\"127.0.0.1\"", "\"127.0.0.1\""},
    {"IP_MULTICAST_IF", "\"lo\"", "1"},
    {"IP_MULTICAST_IF", "7", "7"},
    {"IP_MULTICAST_IF", "0", "\"0.0.0.0\""},
    {"IPV6_MULTICAST_IF", "\"lo\"", "1"},
    {"IPV6_MULTICAST_IF", "\"12\"", "12"},
    {"IPV6_UNICAST_IF", "12", "12"},
    {"IP_UNICAST_IF", "\"lo\"", "1"},
    {"IP_ADD_MEMBERSHIP", "{\"group\":\"239.1.2.3\"}", "{\"group\":\"239.1.2.3\"}"},
    {"IP_ADD_MEMBERSHIP", "{\"group\":\"239.1.2.3\",\"interface\":\"lo\"}",
     "{\"group\":\"239.1.2.3\",\"interface\":1}"},
    {"IP_ADD_MEMBERSHIP", "{\"group\":\"239.1.2.3\",\"interface\":\"127.0.0.1\"}",
     "{\"group\":\"239.1.2.3\",\"interface\":\"127.0.0.1\"}"},
    {"IP_ADD_SOURCE_MEMBERSHIP",
     "{\"group\":\"232.1.2.3\",\"interface\":\"lo\",\"source\":\"127.0.0.2\"}",
     "{\"group\":\"232.1.2.3\",\"source\":\"127.0.0.2\",\"interface\":\"127.0.0.1\"}"},
    {"IP_BLOCK_SOURCE", "{\"group\":\"232.1.2.3\",\"source\":\"127.0.0.2\"}",
     "{\"group\":\"232.1.2.3\",\"source\":\"127.0.0.2\"}"},
    {"IPV6_JOIN_GROUP", "{\"group\":\"ff02::5\",\"interface\":3}",
     "{\"group\":\"ff02::5\",\"interface\":3}"},
    {"MCAST_JOIN_GROUP", "{\"group\":\"239.1.2.3\",\"interface\":1}",
     "{\"group\":\"239.1.2.3\",\"interface\":1}"},
    {"MCAST_LEAVE_GROUP", "{\"group\":\"ff02::5\"}", "{\"group\":\"ff02::5\"}"},
    {"IPV6_ADDRFORM", "\"AF_INET\"", "\"AF_INET\""},
    {"IP_OPTIONS", "\"\"", "\"\""},
    {"ICMP_FILTER", "\"/////w==\"", "\"/////w==\""},
};

START_TEST(values_go_and_come)
{
    const struct option *option = find(values[_i].option);
    struct option_value v = value_of(values[_i].option, values[_i].json), again;
    const char *written = encode(option, v.data, v.n);

    ck_assert_str_eq(v.name, values[_i].option);
    ck_assert_int_eq(v.number, option->number);
    ck_assert_str_eq(written, values[_i].written);
    ck_assert_int_eq(decode(option, written, &again), 0);
    ck_assert_uint_eq(v.n, again.n);
    ck_assert_mem_eq(v.data, again.data, v.n);
}
END_TEST

static const struct {
    const char *option, *json, *message;
    int sys_errno; /* 0: an invalid parameter */
} wrongs[] = {
    {"SO_REUSEADDR", "2", "options: SO_REUSEADDR takes true or false", 0},
    {"SO_REUSEADDR", "\"yes\"", "options: SO_REUSEADDR takes true or false", 0},
    {"SO_REUSEADDR", "null", "options: SO_REUSEADDR takes true or false", 0},
    {"SO_RCVBUF", "2147483648",
     "options: SO_RCVBUF takes an integer from -2147483648 to 2147483647", 0},
    {"SO_RCVBUF", "1.5", "options: SO_RCVBUF takes an integer, not a number", 0},
    {"SO_RCVBUF", "true", "options: SO_RCVBUF takes an integer, not true", 0},
    {"SO_MARK", "-1", "options: SO_MARK takes an integer from 0 to 4294967295", 0},
    {"SO_MAX_PACING_RATE", "-1", "options: SO_MAX_PACING_RATE takes an integer from 0", 0},
    {"SO_MAX_PACING_RATE", "\"x\"", "options: SO_MAX_PACING_RATE takes an integer or null", 0},
    {"IP_MULTICAST_TTL", "256", "options: IP_MULTICAST_TTL takes an integer from 0 to 255", 0},
    {"IP_TOS", "-1", "options: IP_TOS takes an integer from 0 to 255", 0},
    {"SO_RCVTIMEO", "-1", "options: SO_RCVTIMEO takes seconds from 0", 0},
    {"SO_RCVTIMEO", "1e300", "options: SO_RCVTIMEO takes seconds from 0", 0},
    {"SO_RCVTIMEO", "null", "options: SO_RCVTIMEO takes seconds, not null", 0},
    {"SO_LINGER", "{\"onoff\":true}", "options: SO_LINGER: linger must be whole seconds", 0},
    {"SO_LINGER", "{\"linger\":5}", "options: SO_LINGER: onoff must be true or false", 0},
    {"SO_LINGER", "{\"onoff\":2,\"linger\":5}", "options: SO_LINGER: onoff must be", 0},
    {"SO_LINGER", "{\"onoff\":true,\"linger\":1.5}", "options: SO_LINGER: linger must be", 0},
    {"SO_LINGER", "{\"onoff\":true,\"linger\":1,\"x\":1}", "options: SO_LINGER has no member \"x\"",
     0},
    {"SO_LINGER", "-1", "options: SO_LINGER takes {", 0},
    {"SO_LINGER", "true", "options: SO_LINGER takes {", 0},
    {"SO_BINDTODEVICE", "\"1234567890123456\"", "options: SO_BINDTODEVICE takes at most 15 bytes",
     0},
    {"SO_BINDTODEVICE", "\"l\\u0000\"", "options: SO_BINDTODEVICE: a text must not contain", 0},
    {"SO_BINDTODEVICE", "1", "options: SO_BINDTODEVICE takes a text, not an integer", 0},
    {"IP_MULTICAST_IF", "\"nosuch0\"", "IP_MULTICAST_IF: interface nosuch0", ENODEV},
    {"IP_MULTICAST_IF", "-1", "options: IP_MULTICAST_IF takes an interface by name, index or IPv4",
     0},
    {"IPV6_MULTICAST_IF", "\"127.0.0.1\"", "IPV6_MULTICAST_IF: interface 127.0.0.1", ENODEV},
    {"IPV6_MULTICAST_IF", "\"99999999999\"", "options: IPV6_MULTICAST_IF takes an interface", 0},
    {"IPV6_MULTICAST_IF", "[]", "options: IPV6_MULTICAST_IF takes an interface by name or index",
     0},
    {"IP_ADD_MEMBERSHIP", "\"239.1.2.3\"", "options: IP_ADD_MEMBERSHIP takes {\"group\"", 0},
    {"IP_ADD_MEMBERSHIP", "{}", "options: IP_ADD_MEMBERSHIP: group is missing", 0},
    {"IP_ADD_MEMBERSHIP", "{\"group\":\"ff02::5\"}",
     "options: IP_ADD_MEMBERSHIP: group must be an IPv4", 0},
    {"IP_ADD_MEMBERSHIP", "{\"group\":1}", "options: IP_ADD_MEMBERSHIP takes", 0},
    {"IP_ADD_MEMBERSHIP", "{\"group\":\"239.1.2.3\",\"source\":\"1.2.3.4\"}",
     "options: IP_ADD_MEMBERSHIP has no member \"source\"", 0},
    {"IP_ADD_SOURCE_MEMBERSHIP", "{\"group\":\"232.1.2.3\"}",
     "options: IP_ADD_SOURCE_MEMBERSHIP: source is missing", 0},
    {"IP_ADD_SOURCE_MEMBERSHIP",
     "{\"group\":\"232.1.2.3\",\"source\":\"127.0.0.1\",\"interface\":2147483647}",
     "IP_ADD_SOURCE_MEMBERSHIP: interface 2147483647", ENODEV},
    {"IPV6_JOIN_GROUP", "{\"group\":\"239.1.2.3\"}",
     "options: IPV6_JOIN_GROUP: group must be an IPv6", 0},
    {"IPV6_JOIN_GROUP", "{\"group\":\"ff02::5\",\"interface\":\"nosuch0\"}",
     "IPV6_JOIN_GROUP: interface nosuch0", ENODEV},
    {"MCAST_JOIN_GROUP", "{\"group\":\"x\"}", "options: MCAST_JOIN_GROUP: group must be an IPv4",
     0},
    {"IPV6_ADDRFORM", "2", "options: IPV6_ADDRFORM takes an AF_ name, not an integer", 0},
    {"IPV6_ADDRFORM", "\"AF_X25\"", "options: IPV6_ADDRFORM takes an AF_ name", 0},
    {"IP_OPTIONS", "\"x\"", "options: IP_OPTIONS: it is not base64", 0},
    {"IP_OPTIONS", "7", "options: IP_OPTIONS takes bytes as base64, not an integer", 0},
    {"SO_ERROR", "0", "options: SO_ERROR is read only", 0},
    {"SO_TYPE", "\"SOCK_RAW\"", "options: SO_TYPE is read only", 0},
    {"TCP_INFO", "{}", "options: TCP_INFO is read only", 0},
    {"SO_ATTACH_FILTER", "\"\"", "options: SO_ATTACH_FILTER is not offered", 0},
    {"SO_PEERPIDFD", "0", "options: SO_PEERPIDFD is not offered", 0},
};

START_TEST(wrong_values_are_refused)
{
    struct option_value v = {.number = 4711};
    int r = decode(find(wrongs[_i].option), wrongs[_i].json, &v);

    ck_assert_int_eq(r, wrongs[_i].sys_errno ? ERROR_OS : ERROR_INVALID_PARAMS);
    ck_assert_int_eq(error.sys_errno, wrongs[_i].sys_errno);
    ck_assert_msg(strstr(error.message, wrongs[_i].message) == error.message, "%s", error.message);
    ck_assert_int_eq(v.number, 4711);
}
END_TEST

START_TEST(long_bytes_are_refused)
{
    char bytes[ROOM + 1] = {0};
    struct option_value v;
    struct buf b = {0};

    json_write_base64(&b, bytes, ROOM);
    buf_add_char(&b, '\0');
    ck_assert_int_eq(decode(find("IP_OPTIONS"), b.data + b.start, &v), 0);
    ck_assert_uint_eq(v.n, ROOM);
    buf_truncate(&b, 0);
    json_write_base64(&b, bytes, ROOM + 1);
    buf_add_char(&b, '\0');
    ck_assert_int_eq(decode(find("IP_OPTIONS"), b.data + b.start, &v), ERROR_INVALID_PARAMS);
    ck_assert_ptr_nonnull(strstr(error.message, "bytes are more than the"));
    buf_done(&b);
}
END_TEST

/* struct group_source_req needs more room than some option_values have; then that is said. */
START_TEST(source_groups_of_either_family)
{
    static const char json[] = "{\"group\":\"ff3e::1\",\"source\":\"::1\",\"interface\":1}";
    const struct option *option = find("MCAST_JOIN_SOURCE_GROUP");
    struct option_value v;
    int r = decode(option, json, &v), fd;

    if (sizeof(struct group_source_req) > ROOM) {
        ck_assert_int_eq(r, ERROR_INVALID_PARAMS);
        return;
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(v.level, IPPROTO_IPV6);
    ck_assert_str_eq(encode(option, v.data, v.n), json);
    if (!has_ipv6())
        return;
    fd = open_socket(AF_INET6, SOCK_DGRAM, 0);
    ck_assert_int_eq(set(fd, "MCAST_JOIN_SOURCE_GROUP", json), 0);
    ck_assert_int_eq(set(fd, "MCAST_JOIN_SOURCE_GROUP", json), EADDRNOTAVAIL);
    close(fd);
}
END_TEST

static int decode_text(const char *option, int level, int number, const char *text,
                       struct option_value *ret)
{
    error = (struct error){0};
    return option_decode_text(option, level, number, text, strlen(text), &arena, ret, &error);
}

START_TEST(options_by_text)
{
    struct option_value v;

    ck_assert_int_eq(decode_text("SO_KEEPALIVE", 0, 0, " true ", &v), 0);
    ck_assert_str_eq(v.name, "SO_KEEPALIVE");
    ck_assert_int_eq(v.level, SOL_SOCKET);
    ck_assert_int_eq(decode_text("SO_KEEPALIVE", 0, 0, "\"x\"", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "value");
    ck_assert_int_eq(decode_text("SO_KEEPALIVE", 0, 0, "tru", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "value");
    ck_assert_int_eq(decode_text("SO_KEEPALIV", 0, 0, "true", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "option");
    ck_assert_ptr_nonnull(strstr(error.message, "did you mean SO_KEEPALIVE"));
    ck_assert_int_eq(decode_text("WHATEVER", 0, 0, "true", &v), ERROR_INVALID_PARAMS);
    ck_assert_ptr_null(strstr(error.message, "did you mean"));
    ck_assert_int_eq(decode_text("SO_TYPE", 0, 0, "1", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "option");
    ck_assert_ptr_nonnull(strstr(error.message, "read only"));
}
END_TEST

START_TEST(options_by_number)
{
    struct option_value v;
    int word;

    ck_assert_int_eq(decode_text(NULL, SOL_SOCKET, SO_KEEPALIVE, "-7", &v), 0);
    ck_assert_ptr_null(v.name);
    ck_assert_int_eq(v.level, SOL_SOCKET);
    ck_assert_int_eq(v.number, SO_KEEPALIVE);
    ck_assert_uint_eq(v.n, sizeof word);
    memcpy(&word, v.data, sizeof word);
    ck_assert_int_eq(word, -7);
    ck_assert_int_eq(decode_text(NULL, 1, 2, "4294967296", &v), ERROR_INVALID_PARAMS);
    ck_assert_int_eq(decode_text(NULL, 1, 2, "true", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "value");
    /* Its value would be a descriptor of the daemon. */
    ck_assert_int_eq(decode_text(NULL, SOL_SOCKET, SO_ATTACH_BPF, "3", &v), ERROR_INVALID_PARAMS);
    ck_assert_str_eq(error.name, "number");
    ck_assert_str_eq(encode(NULL, &word, sizeof word), "-7");
    ck_assert_str_eq(encode(NULL, "\x09", 1), "9");
    ck_assert_str_eq(encode(NULL, "12345678", 8), "null");
    ck_assert_str_eq(encode(NULL, "", 0), "null");
}
END_TEST

/* -- the kernel
 * ------------------------------------------------------------------------------------ */

START_TEST(kernel_has_what_was_set)
{
    int fd = open_socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_str_eq(get(fd, "SO_REUSEADDR"), "false");
    ck_assert_int_eq(set(fd, "SO_REUSEADDR", "true"), 0);
    ck_assert_str_eq(get(fd, "SO_REUSEADDR"), "true");
    ck_assert_int_eq(set(fd, "SO_LINGER", "{\"onoff\":true,\"linger\":7}"), 0);
    ck_assert_str_eq(get(fd, "SO_LINGER"), "{\"onoff\":true,\"linger\":7}");
    ck_assert_int_eq(set(fd, "SO_RCVTIMEO", "2.5"), 0);
    ck_assert_str_eq(get(fd, "SO_RCVTIMEO"), "2.5");
    ck_assert_int_eq(set(fd, "SO_RCVBUF", "8192"), 0);
    ck_assert_str_eq(get(fd, "SO_RCVBUF"), "16384");
    ck_assert_int_eq(set(fd, "TCP_NODELAY", "true"), 0);
    ck_assert_str_eq(get(fd, "TCP_NODELAY"), "true");
    ck_assert_int_eq(set(fd, "TCP_KEEPIDLE", "60"), 0);
    ck_assert_str_eq(get(fd, "TCP_KEEPIDLE"), "60");
    ck_assert_int_eq(set(fd, "SO_MAX_PACING_RATE", "5000000000"), 0);
    ck_assert_str_eq(get(fd, "SO_MAX_PACING_RATE"), "5000000000");
    ck_assert_int_eq(set(fd, "SO_BINDTODEVICE", "\"lo\""), 0);
    ck_assert_str_eq(get(fd, "SO_BINDTODEVICE"), "\"lo\"");
    ck_assert_int_eq(set(fd, "TCP_CONGESTION", get(fd, "TCP_CONGESTION")), 0);
    ck_assert_int_eq(set(fd, "TCP_CONGESTION", "\"no-such-control\""), ENOENT);
    ck_assert_str_eq(get(fd, "SO_DOMAIN"), "\"AF_INET\"");
    ck_assert_str_eq(get(fd, "SO_TYPE"), "\"SOCK_STREAM\"");
    ck_assert_str_eq(get(fd, "SO_PROTOCOL"), "\"IPPROTO_TCP\"");
    ck_assert_str_eq(get(fd, "SO_ERROR"), "0");
    ck_assert_str_eq(get(fd, "SO_ACCEPTCONN"), "false");
    ck_assert_int_gt(atoll(get(fd, "SO_COOKIE")), 0);
    close(fd);
}
END_TEST

START_TEST(kernel_has_multicast_options)
{
    int fd = open_socket(AF_INET, SOCK_DGRAM, 0);

    ck_assert_int_eq(set(fd, "IP_MULTICAST_TTL", "5"), 0);
    ck_assert_str_eq(get(fd, "IP_MULTICAST_TTL"), "5");
    ck_assert_str_eq(get(fd, "IP_MULTICAST_LOOP"), "true");
    ck_assert_int_eq(set(fd, "IP_MULTICAST_LOOP", "false"), 0);
    ck_assert_str_eq(get(fd, "IP_MULTICAST_LOOP"), "false");
    ck_assert_int_eq(set(fd, "IP_MULTICAST_IF", "\"127.0.0.1\""), 0);
    ck_assert_str_eq(get(fd, "IP_MULTICAST_IF"), "\"127.0.0.1\"");
    ck_assert_int_eq(set(fd, "IP_MULTICAST_IF", "\"lo\""), 0);
    ck_assert_int_eq(set(fd, "IP_UNICAST_IF", "\"lo\""), 0);
    ck_assert_str_eq(get(fd, "IP_UNICAST_IF"), "1");
    ck_assert_int_eq(set(fd, "IP_TOS", "16"), 0);
    ck_assert_str_eq(get(fd, "IP_TOS"), "16");
    close(fd);
}
END_TEST

/* A second join of the same group must fail, or the first was another; so must a second leave. */
static const struct {
    int family, again;
    const char *join, *leave, *value;
} joins[] = {
    {AF_INET, EADDRINUSE, "IP_ADD_MEMBERSHIP", "IP_DROP_MEMBERSHIP",
     "{\"group\":\"239.1.2.3\",\"interface\":\"lo\"}"},
    {AF_INET, EADDRINUSE, "IP_ADD_MEMBERSHIP", "IP_DROP_MEMBERSHIP",
     "{\"group\":\"239.1.2.3\",\"interface\":\"127.0.0.1\"}"},
    {AF_INET, EADDRNOTAVAIL, "IP_ADD_SOURCE_MEMBERSHIP", "IP_DROP_SOURCE_MEMBERSHIP",
     "{\"group\":\"232.1.2.3\",\"source\":\"127.0.0.2\",\"interface\":\"lo\"}"},
    {AF_INET, EADDRINUSE, "MCAST_JOIN_GROUP", "MCAST_LEAVE_GROUP",
     "{\"group\":\"239.1.2.3\",\"interface\":1}"},
    {AF_INET6, EADDRINUSE, "MCAST_JOIN_GROUP", "MCAST_LEAVE_GROUP",
     "{\"group\":\"ff02::5:5\",\"interface\":1}"},
    {AF_INET6, EADDRINUSE, "IPV6_JOIN_GROUP", "IPV6_LEAVE_GROUP",
     "{\"group\":\"ff02::5:5\",\"interface\":\"lo\"}"},
};

START_TEST(kernel_joins_groups)
{
    int fd;

    if (joins[_i].family == AF_INET6 && !has_ipv6())
        return;
    fd = open_socket(joins[_i].family, SOCK_DGRAM, 0);
    ck_assert_int_eq(set(fd, joins[_i].join, joins[_i].value), 0);
    ck_assert_int_eq(set(fd, joins[_i].join, joins[_i].value), joins[_i].again);
    ck_assert_int_eq(set(fd, joins[_i].leave, joins[_i].value), 0);
    ck_assert_int_ne(set(fd, joins[_i].leave, joins[_i].value), 0);
    close(fd);
}
END_TEST

/* A connection over loopback: [0] the client's end, [1] the listener, [2] what it took. */
static void connect_pair(int fds[3])
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;

    fds[0] = open_socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = open_socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fds[1], (struct sockaddr *)&addr, n), 0);
    ck_assert_int_eq(listen(fds[1], 1), 0);
    ck_assert_int_eq(getsockname(fds[1], (struct sockaddr *)&addr, &n), 0);
    ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&addr, n), 0);
    ck_assert_int_ge(fds[2] = accept4(fds[1], NULL, NULL, SOCK_CLOEXEC), 0);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* The number of a member of an object in JSON, -1 when it is absent or null. */
static int64_t member(const char *text, const char *key)
{
    struct json json = {0};
    int64_t v = -1;
    uint32_t token;

    ck_assert_msg(json_scan(&json, text, strlen(text), &error) == 0, "%s: %s", text, error.message);
    token = json_member(&json, 0, key);
    if (token && !json_get_integer(&json, token, &v))
        v = -1;
    json_done(&json);
    return v;
}

START_TEST(kernel_tells_tcp_info)
{
    const struct option *option = find("TCP_INFO");
    const char *text;
    char data[ROOM];
    socklen_t n = (socklen_t)option_size(option);
    int fds[3];

    connect_pair(fds);
    ck_assert_int_eq(send(fds[0], "hello", 5, 0), 5);
    ck_assert_int_eq(recv(fds[2], data, 5, MSG_WAITALL), 5);
    ck_assert_int_gt(atoll(get(fds[0], "IP_MTU")), 0);
    ck_assert_int_eq(getsockopt(fds[0], option->level, option->number, data, &n), 0);
    text = encode(option, data, n);
    ck_assert_int_eq(member(text, "state"), TCP_ESTABLISHED);
    ck_assert_int_gt(member(text, "snd_mss"), 0);
    ck_assert_int_gt(member(text, "snd_wscale"), 0);
    ck_assert_int_eq(member(text, "bytes_sent"), 5);
    /* Older kernels give less, and what they do not know is not made up. */
    text = encode(option, data, offsetof(struct tcp_info, tcpi_total_retrans) + 4);
    ck_assert_int_ge(member(text, "total_retrans"), 0);
    ck_assert_int_eq(member(text, "bytes_sent"), -1);
    text = encode(option, data, offsetof(struct tcp_info, tcpi_total_retrans) + 3);
    ck_assert_int_eq(member(text, "total_retrans"), -1);
    ck_assert_str_eq(encode(option, data, 3), "{}");
    close_all(fds, 3);
}
END_TEST

START_TEST(kernel_tells_of_unix)
{
    char expected[100];
    int fds[2], fd;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    snprintf(expected, sizeof expected, "{\"pid\":%d,\"uid\":%u,\"gid\":%u}", getpid(), getuid(),
             getgid());
    ck_assert_str_eq(get(fds[0], "SO_PEERCRED"), expected);
    ck_assert_str_eq(get(fds[0], "SO_PROTOCOL"), "0");
    ck_assert_str_eq(get(fds[0], "SO_PASSCRED"), "false");
    close_all(fds, 2);
    fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_str_eq(get(fd, "SO_PEERCRED"), "{\"pid\":0,\"uid\":-1,\"gid\":-1}");
    close(fd);
}
END_TEST

START_TEST(kernel_error_is_a_number)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;
    int fd = open_socket(AF_INET, SOCK_DGRAM, 0), other = open_socket(AF_INET, SOCK_DGRAM, 0);
    char expected[16];

    /* The port of a socket that is gone: the kernel answers the datagram with an ICMP error. */
    ck_assert_int_eq(bind(other, (struct sockaddr *)&addr, n), 0);
    ck_assert_int_eq(getsockname(other, (struct sockaddr *)&addr, &n), 0);
    close(other);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, n), 0);
    ck_assert_int_eq(send(fd, "x", 1, 0), 1);
    snprintf(expected, sizeof expected, "%d", ECONNREFUSED);
    ck_assert_str_eq(get(fd, "SO_ERROR"), expected);
    ck_assert_str_eq(get(fd, "SO_ERROR"), "0");
    close(fd);
}
END_TEST

/* -- every row against the kernel
 * -------------------------------------------------------------------- */

enum { N_SUBJECTS = 12 };

/* Sockets of all kinds that this user may have; returns how many. */
static size_t open_subjects(int fds[N_SUBJECTS])
{
    static const struct {
        int family, type, protocol;
    } kinds[] = {
        {AF_INET, SOCK_STREAM, 0},         {AF_INET6, SOCK_STREAM, 0},
        {AF_INET, SOCK_DGRAM, 0},          {AF_INET6, SOCK_DGRAM, 0},
        {AF_UNIX, SOCK_STREAM, 0},         {AF_UNIX, SOCK_DGRAM, 0},
        {AF_INET, SOCK_RAW, IPPROTO_ICMP}, {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
        {AF_INET6, SOCK_RAW, IPPROTO_UDP},
    };
    size_t n = 0;

    connect_pair(fds);
    n = 3;
    for (size_t i = 0; i < N(kinds); i++)
        if ((fds[n] = socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol)) >=
            0)
            n++;
    return n;
}

static bool may_fail(int failure)
{
    return failure == ENOPROTOOPT || failure == EOPNOTSUPP || failure == EPERM ||
           failure == EACCES || failure == ENOTCONN || failure == EINVAL || failure == ENODATA ||
           failure == ENOBUFS;
}

/* A row of the wrong type shows in the length of what the kernel gives, or in its value. */
static void ck_size(const struct option *option, const char *data, socklen_t n)
{
    if (option->type == OPTION_TEXT || option->type == OPTION_BYTES ||
        option->type == OPTION_TCP_INFO)
        return;
    ck_assert_msg(n == option_size(option), "%s: %u bytes, not %zu", option->name, n,
                  option_size(option));
    if (option->type == OPTION_FLAG)
        ck_assert_msg(data[0] == 0 || data[0] == 1, "%s is %d", option->name, data[0]);
}

/* Gets the option, and sets it to what it is. Whether the kernel gave it. */
static bool try_option(const struct option *option, int fd)
{
    struct option_value v;
    char data[ROOM] = "";
    socklen_t n = (socklen_t)option_size(option);
    const char *text, *again;

    if (getsockopt(fd, option->level, option->number, data, &n) < 0) {
        ck_assert_msg(may_fail(errno), "%s: %s", option->name, strerror(errno));
        return false;
    }
    ck_size(option, data, n);
    text = encode(option, data, n);
    ck_assert_msg(strcmp(text, "null") != 0 || option->number == SO_MAX_PACING_RATE, "%s: %u bytes",
                  option->name, n);
    if (!option->can_set || strstr(option->name, "BUF"))
        return true; /* SO_RCVBUF gives twice what was set */
    ck_assert_msg(decode(option, text, &v) == 0, "%s: %s", text, error.message);
    if (setsockopt(fd, v.level, v.number, v.data, (socklen_t)v.n) < 0) {
        ck_assert_msg(may_fail(errno), "%s=%s: %s", option->name, text, strerror(errno));
        return true;
    }
    n = (socklen_t)option_size(option);
    ck_assert_int_eq(getsockopt(fd, option->level, option->number, data, &n), 0);
    again = encode(option, data, n);
    ck_assert_msg(strcmp(text, again) == 0, "%s was %s, is %s", option->name, text, again);
    return true;
}

/* Rows that no socket here can give: they need a kernel, a state or a protocol that may not be
 * there. */
static const char *const rare[] = {
    "IPV6_ADDRFORM",
    "IP_LOCAL_PORT_RANGE",
    "IP_PROTOCOL",
    "SO_PEERSEC",
    "SO_PEERGROUPS",
    "SO_RESERVE_MEM",
    "TCP_REPAIR_QUEUE",
    "TCP_QUEUE_SEQ",
    "TCP_REPAIR_WINDOW",
    "TCP_SAVED_SYN",
    "TCP_CC_INFO",
    "SO_PASSPIDFD",
    "SO_PASSRIGHTS",
    "SO_RCVPRIORITY",
    "IP_HDRINCL",
    "IP_NODEFRAG",
    "IPV6_AUTHHDR",
    "IPV6_HOPLIMIT",
    "IPV6_HDRINCL",
    "IPV6_CHECKSUM",
    "ICMP_FILTER",
    "ICMP6_FILTER",
    "IP_PKTOPTIONS",
    "IPV6_PATHMTU",
    "IPV6_2292PKTOPTIONS",
    "SO_RCVMARK",
    "SO_TXREHASH",
    "SO_NETNS_COOKIE",
    "SO_BUF_LOCK",
    "SO_PREFER_BUSY_POLL",
    "SO_BUSY_POLL_BUDGET",
    "SO_BUSY_POLL",
    "IPV6_ROUTER_ALERT",
    "IPV6_ROUTER_ALERT_ISOLATE",
    "IPV6_FREEBIND",
    "SO_WIFI_STATUS",
    "TCP_TX_DELAY",
    "IP_MTU",
    "IPV6_MTU",
};

static bool is_rare(const char *name)
{
    for (size_t i = 0; i < N(rare); i++)
        if (strcmp(rare[i], name) == 0)
            return true;
    return strncmp(name, "IPV6", 4) == 0 && !has_ipv6();
}

START_TEST(kernel_knows_every_row)
{
    size_t n_rows;
    const struct option *rows = options_all(&n_rows);
    int fds[N_SUBJECTS];
    size_t n_fds = open_subjects(fds), n_known;

    for (size_t i = 0; i < n_rows; i++) {
        if (!rows[i].can_get)
            continue;
        n_known = 0;
        for (size_t j = 0; j < n_fds; j++)
            n_known += try_option(&rows[i], fds[j]);
        ck_assert_msg(n_known > 0 || is_rare(rows[i].name), "no socket has %s", rows[i].name);
    }
    close_all(fds, n_fds);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("option");
    TCase *table = add_case(suite, "table"), *json = add_case(suite, "values"),
          *kernel = add_case(suite, "kernel");
    SRunner *runner = srunner_create(suite);
    int n_failed;

    tcase_add_test(table, names_are_there);
    tcase_add_test(table, rows_are_sound);
    tcase_add_loop_test(table, nearest_names, 0, N(guesses));
    tcase_add_loop_test(json, values_go_and_come, 0, N(values));
    tcase_add_loop_test(json, wrong_values_are_refused, 0, N(wrongs));
    tcase_add_test(json, long_bytes_are_refused);
    tcase_add_test(json, source_groups_of_either_family);
    tcase_add_test(json, options_by_text);
    tcase_add_test(json, options_by_number);
    tcase_add_test(kernel, kernel_has_what_was_set);
    tcase_add_test(kernel, kernel_has_multicast_options);
    tcase_add_loop_test(kernel, kernel_joins_groups, 0, N(joins));
    tcase_add_test(kernel, kernel_tells_tcp_info);
    tcase_add_test(kernel, kernel_tells_of_unix);
    tcase_add_test(kernel, kernel_error_is_a_number);
    tcase_add_test(kernel, kernel_knows_every_row);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
