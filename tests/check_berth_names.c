/* check_berth_names.c — the calls of libberth that need no socket: the session, names, the ledger,
 * and any method at all. The daemon is a script. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

#define ROW                                                                                        \
    "{\"handle\":" H_S                                                                             \
    ",\"name\":\"web\",\"pool\":\"default\",\"state\":\"connected\",\"custody\":\"daemon\","       \
    "\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\",\"address\":" LOCAL ",\"peer\":" OTHER        \
    ",\"cookie\":7,\"inode\":9,\"owner\":{\"uid\":1,\"gid\":2,\"pid\":3,\"exe\":\"/bin/"           \
    "x\",\"session\":4},"                                                                          \
    "\"site\":\"a.c:1\",\"lease\":\"session\",\"survives\":false,\"opened\":100.5,\"age\":2,"      \
    "\"last_used\":101,"                                                                           \
    "\"sent_bytes\":5,\"received_bytes\":6,\"suspect\":[{\"kind\":\"idle\",\"since\":1},"          \
    "{\"kind\":\"unread\",\"since\":1}],\"end\":{\"how\":\"closed\",\"at\":102,\"reason\":\"by "   \
    "close\"},"                                                                                    \
    "\"news\":{\"of\":[\"a later daemon\"]}}"

static const struct sockaddr_in local = {
    .sin_family = AF_INET, .sin_port = 0x5000, .sin_addr = {0x0100007f}};
static const struct sockaddr *const local_addr = (const struct sockaddr *)&local;

static void do_hello(berth *b)
{
    char *json;

    ck_assert_int_eq(berth_hello(b, "prog 1", "test", BERTH_UNORDERED, &json), 0);
    ck_assert_str_eq(json, "{\"server\":\"s\",\"session\":3}");
    free(json);
}

static void do_ping(berth *b)
{
    double uptime = 0;

    ck_assert_int_eq(berth_ping(b, &uptime), 0);
    ck_assert_double_eq(uptime, 2.5);
}

static void do_cancel(berth *b)
{
    ck_assert_int_eq(berth_cancel(b, 5), 1);
}

static void do_getaddrinfo(berth *b)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *list;
    struct sockaddr_storage got = {0};

    ck_assert_int_eq(berth_getaddrinfo(b, "h", "81", &hints, &list), 0);
    memcpy(&got, list->ai_addr, list->ai_addrlen);
    fake_daemon_check_other(&got, list->ai_addrlen);
    ck_assert_pstr_eq(list->ai_canonname, "h.example");
    ck_assert_int_eq(list->ai_socktype, SOCK_STREAM);
    ck_assert_int_eq(list->ai_next->ai_family, AF_INET6);
    ck_assert_ptr_null(list->ai_next->ai_next);
    berth_freeaddrinfo(list);
}

static void do_getnameinfo(berth *b)
{
    char host[20];

    ck_assert_int_eq(
        berth_getnameinfo(b, local_addr, sizeof local, host, sizeof host, NULL, 0, NI_NUMERICHOST),
        0);
    ck_assert_str_eq(host, "127.0.0.1");
}

static void do_gethostbyname(berth *b)
{
    struct hostent *host = berth_gethostbyname(b, "h");

    ck_assert_ptr_nonnull(host);
    ck_assert_str_eq(host->h_name, "h.example");
    ck_assert_int_eq(host->h_length, 4);
    ck_assert_mem_eq(host->h_addr_list[0], "\x7f\0\0\x02", 4);
    ck_assert_ptr_null(host->h_addr_list[1]);
    ck_assert_ptr_null(host->h_aliases[0]);
}

static void do_gethostname(berth *b)
{
    char name[5];

    ck_assert_int_eq(berth_gethostname(b, name, sizeof name), 0);
    ck_assert_str_eq(name, "host");
}

static void do_if_nameindex(berth *b)
{
    struct if_nameindex *list = berth_if_nameindex(b);

    ck_assert_ptr_nonnull(list);
    ck_assert_uint_eq(list[0].if_index, 1);
    ck_assert_str_eq(list[0].if_name, "lo");
    ck_assert_ptr_null(list[1].if_name);
    berth_if_freenameindex(list);
}

static void do_inet_pton(berth *b)
{
    unsigned char packed[16];

    ck_assert_int_eq(berth_inet_pton(b, AF_INET6, "::1", packed), 1);
    ck_assert_mem_eq(packed, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

static void do_inet_ntop(berth *b)
{
    char text[10];

    ck_assert_pstr_eq(berth_inet_ntop(b, AF_INET, "\x7f\0\0\1", text, sizeof text), "127.0.0.1");
}

static void do_inet_aton(berth *b)
{
    struct in_addr address;

    ck_assert_int_eq(berth_inet_aton(b, "127.1", &address), 1);
    ck_assert_uint_eq(ntohl(address.s_addr), 0x7f000001);
}

static void do_inet_ntoa(berth *b)
{
    ck_assert_pstr_eq(berth_inet_ntoa(b, local.sin_addr), "127.0.0.1");
}

static void check_row(const struct berth_row *row)
{
    struct sockaddr_storage peer = row->peer;

    ck_assert_int_eq(row->handle, H);
    ck_assert_str_eq(row->name, "web");
    ck_assert_str_eq(row->label, "");
    ck_assert_int_eq(row->type, SOCK_STREAM);
    fake_daemon_check_other(&peer, row->peer_len);
    ck_assert_int_eq(row->owner_pid, 3);
    ck_assert_str_eq(row->owner_exe, "/bin/x");
    ck_assert_double_eq(row->opened, 100.5);
    ck_assert_str_eq(row->suspects, "idle unread");
    ck_assert_str_eq(row->end_how, "closed");
}

static void do_ledger_get(berth *b)
{
    struct berth_row *row = berth_ledger_get(b, H);

    ck_assert_ptr_nonnull(row);
    check_row(row);
    ck_assert_ptr_null(row->next);
    berth_free_rows(row);
}

static void do_ledger_list(berth *b)
{
    struct berth_row *rows;

    ck_assert_int_eq(berth_ledger_list(b, "{\"state\":\"closed\"}", &rows), 0);
    check_row(rows);
    check_row(rows->next);
    ck_assert_ptr_null(rows->next->next);
    berth_free_rows(rows);
}

static void do_ledger_list_nothing(berth *b)
{
    struct berth_row *rows = (struct berth_row *)b;

    ck_assert_int_eq(berth_ledger_list(b, NULL, &rows), 0);
    ck_assert_ptr_null(rows);
}

/* A page that leads nowhere is the last. */
static void do_ledger_list_in_a_circle(berth *b)
{
    struct berth_row *rows;

    ck_assert_int_eq(berth_ledger_list(b, NULL, &rows), 0);
    check_row(rows);
    ck_assert_ptr_null(rows->next);
    berth_free_rows(rows);
}

static void do_ledger_leaks(berth *b)
{
    char *json = berth_ledger_leaks(b, 2.5);

    ck_assert_pstr_eq(json, "{\"groups\":[{\"new\":1}]}");
    free(json);
}

static void do_ledger_reap(berth *b)
{
    struct berth_row *rows;

    ck_assert_int_eq(berth_ledger_reap(b, "{\"uid\":7}", 1, &rows), 0);
    check_row(rows);
    check_row(rows->next);
    ck_assert_ptr_null(rows->next->next);
    berth_free_rows(rows);
}

static void do_ledger_reap_unseen(berth *b)
{
    ck_assert_int_eq(berth_ledger_reap(b, "{\"uid\":7}", 0, NULL), 0);
}

static void do_stats(berth *b)
{
    struct berth_stats stats;

    ck_assert_int_eq(berth_stats(b, &stats), 0);
    ck_assert_double_eq(stats.uptime, 2.5);
    ck_assert_int_eq(stats.sessions, 1);
    ck_assert_int_eq(stats.errors_total, 4);
    ck_assert_int_eq(stats.lost_total, 11);
    ck_assert_int_eq(stats.received_bytes_total, 15);
    ck_assert_int_eq(stats.events_total, 16);
}

static void do_ledger_audit(berth *b)
{
    struct berth_audit audit;

    ck_assert_int_eq(berth_ledger_audit(b, &audit), 0);
    ck_assert_int_eq(audit.opened, 28);
    ck_assert_int_eq(audit.lost, 7);
    ck_assert_int_eq(audit.balance, 0);
}

static void do_call(berth *b)
{
    char *json = berth_call(b, "news", "{\"a\":\n[1,\r\n2]}");

    ck_assert_pstr_eq(json, "[\"x\",{}]");
    free(json);
}

static void do_call_fd(berth *b)
{
    int fd = -1;
    char *json = berth_call_fd(b, "news", "[1]", STDERR_FILENO, &fd);

    ck_assert_pstr_eq(json, "\"x\"");
    ck_assert_int_gt(fd, STDERR_FILENO);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    free(json);
}

static void do_discover(berth *b)
{
    char *json = berth_discover(b);

    ck_assert_pstr_eq(json, "{\"openrpc\":\"1\"}");
    free(json);
}

static void do_find(berth *b)
{
    ck_assert_int_eq(berth_find(b, "web"), H);
}

static const struct call_row rows[] = {
    {do_hello,
     {ASKS("hello {\"client\":\"prog 1\",\"label\":\"test\",\"unordered\":true}",
           "{\"server\":\"s\",\"session\":3}")}},
    {do_ping, {ASKS("ping {}", "{\"uptime\":2.5}")}},
    {do_cancel, {ASKS("cancel {\"id\":5}", "{\"cancelled\":true}")}},
    {do_getaddrinfo,
     {ASKS(
         "getaddrinfo {\"host\":\"h\",\"service\":\"81\",\"type\":\"SOCK_STREAM\",\"flags\":2}",
         "{\"addresses\":[{\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\",\"protocol\":"
         "\"IPPROTO_TCP\",\"address\":" OTHER
         ",\"canonname\":\"h.example\"},{\"family\":\"AF_INET6\","
         "\"type\":\"SOCK_STREAM\",\"protocol\":6,\"address\":{\"host\":\"::1\",\"port\":81}}]}")}},
    {do_getnameinfo,
     {ASKS("getnameinfo {\"address\":{\"host\":\"127.0.0.1\",\"port\":80},\"flags\":1}",
           "{\"host\":\"127.0.0.1\",\"service\":\"http\"}")}},
    {do_gethostbyname,
     {ASKS("gethostbyname {\"host\":\"h\"}",
           "{\"host\":\"h.example\",\"addresses\":[" OTHER "]}")}},
    {do_gethostname, {ASKS("gethostname {}", "{\"host\":\"host\"}")}},
    {do_if_nameindex,
     {ASKS("if_nameindex {}",
           "{\"interfaces\":[{\"index\":1,\"name\":\"lo\",\"addresses\":[]}]}")}},
    {do_inet_pton,
     {ASKS("inet_pton {\"family\":\"AF_INET6\",\"text\":\"::1\"}",
           "{\"base64\":\"AAAAAAAAAAAAAAAAAAAAAQ==\"}")}},
    {do_inet_ntop,
     {ASKS("inet_ntop {\"family\":\"AF_INET\",\"base64\":\"fwAAAQ==\"}",
           "{\"text\":\"127.0.0.1\"}")}},
    {do_inet_aton, {ASKS("inet_aton {\"text\":\"127.1\"}", "{\"base64\":\"fwAAAQ==\"}")}},
    {do_inet_ntoa, {ASKS("inet_ntoa {\"base64\":\"fwAAAQ==\"}", "{\"text\":\"127.0.0.1\"}")}},
    {do_ledger_get, {ASKS("ledger.get {" ON "}", ROW)}},
    {do_ledger_list,
     {ASKS("ledger.list {\"limit\":1000,\"filter\":{\"state\":\"closed\"}}",
           "{\"rows\":[" ROW "],\"next\":16777217}"),
      ASKS("ledger.list {\"limit\":1000,\"after\":16777217,\"filter\":{\"state\":\"closed\"}}",
           "{\"rows\":[" ROW "]}")}},
    {do_ledger_list_nothing, {ASKS("ledger.list {\"limit\":1000}", "{\"rows\":[]}")}},
    {do_ledger_list_in_a_circle,
     {ASKS("ledger.list {\"limit\":1000}", "{\"rows\":[" ROW "],\"next\":0}")}},
    {do_ping, {ASKS("ping {}", "{\"uptime\":2.5}", .sends_fd = 1)}},
    {do_ledger_audit,
     {ASKS("ledger.audit {}",
           "{\"opened\":28,\"live\":2,\"closed\":3,\"reclaimed\":4,\"expired\":5,"
           "\"handed_off\":6,\"lost\":7,\"balance\":0}")}},
    {do_ledger_leaks, {ASKS("ledger.leaks {\"since\":2.5}", "{\"groups\":[{\"new\":1}]}")}},
    {do_ledger_reap,
     {ASKS("ledger.reap {\"dry_run\":true,\"filter\":{\"uid\":7}}",
           "{\"rows\":[" ROW "," ROW "]}")}},
    {do_ledger_reap_unseen, {ASKS("ledger.reap {\"filter\":{\"uid\":7}}", "{\"rows\":[" ROW "]}")}},
    {do_stats,
     {ASKS("stats {}",
           "{\"uptime\":2.5,\"sessions\":1,\"sessions_total\":2,\"requests_total\":3,"
           "\"errors_total\":4,\"handles\":5,\"opened_total\":6,\"closed_total\":7,"
           "\"reclaimed_total\":8,\"expired_total\":9,\"handed_off_total\":10,"
           "\"lost_total\":11,\"suspected_total\":12,\"cleared_total\":13,"
           "\"sent_bytes_total\":14,\"received_bytes_total\":15,\"events_total\":16}")}},
    {do_call, {ASKS("news {\"a\": [1,  2]}", "[\"x\",{}]")}},
    {do_call_fd, {ASKS("news [1]", "\"x\"", .sends_fd = 1, .takes_fd = 1)}},
    {do_discover, {ASKS("rpc.discover {}", "{\"openrpc\":\"1\"}")}},
    {do_find, {ASKS("ledger.get {\"handle\":\"web\"}", ROW)}},
};

START_TEST(each_call)
{
    fake_daemon_check_call(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_names");
    TCase *tests = tcase_create("calls");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_call, 0, sizeof rows / sizeof *rows);
    return house_run(suite);
}
