/* check_berth_io.c — the calls of libberth that move bytes: each sends the request that the table
 * of methods asks for, and gives its answer out as the BSD function does. The daemon is a script.
 */
#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

static const struct sockaddr_in local = {
    .sin_family = AF_INET, .sin_port = 0x5000, .sin_addr = {0x0100007f}};

static void do_send(berth *b)
{
    ck_assert_int_eq(berth_send(b, H, "h\xc3\xa9\"\n", 5, MSG_OOB), 3);
}

static void do_send_bytes(berth *b)
{
    ck_assert_int_eq(berth_send(b, H, "a\0b", 3, 0), 3);
}

static void do_sendall_nothing(berth *b)
{
    ck_assert_int_eq(berth_sendall(b, H, NULL, 0, 0), 0);
}

static void do_sendto(berth *b)
{
    ck_assert_int_eq(berth_sendto(b, H, "x", 1, 0, (const struct sockaddr *)&local, sizeof local),
                     1);
}

static void do_recv(berth *b)
{
    char data[8] = "";

    ck_assert_int_eq(berth_recv(b, H, data, sizeof data, MSG_PEEK), 2);
    ck_assert_mem_eq(data, "\xff\0", 2);
}

static void do_recv_end(berth *b)
{
    char data[8];

    ck_assert_int_eq(berth_recv(b, H, data, sizeof data, 0), 0);
}

static void do_recv_exactly(berth *b)
{
    char data[4];
    int eof = -1;

    ck_assert_int_eq(berth_recv_exactly(b, H, data, sizeof data, &eof), 2);
    ck_assert_int_eq(eof, 1);
}

static void do_recv_until(berth *b)
{
    char data[10];
    int eof = -1;

    ck_assert_int_eq(berth_recv_until(b, H, data, sizeof data, "\n", &eof), 2);
    ck_assert_mem_eq(data, "a\n", 2);
    ck_assert_int_eq(eof, 0);
}

static void do_recv_prefix(berth *b)
{
    char data[10];

    ck_assert_int_eq(berth_recv_prefix(b, H, data, sizeof data, 4, NULL), 0);
}

static void do_recvfrom(berth *b)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    char data[2];

    ck_assert_int_eq(berth_recvfrom(b, H, data, sizeof data, MSG_TRUNC, (void *)&from, &len), 9);
    ck_assert_mem_eq(data, "ab", 2);
    fake_daemon_check_other(&from, len);
}

static void do_sendfile(berth *b)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(berth_sendfile(b, H, fd, 10, 20), 20);
    ck_assert_int_eq(close(fd), 0); /* it is still ours */
}

static void do_poll(berth *b)
{
    struct berth_pollfd p[] = {{H, POLLIN | POLLOUT, 77}, {H + 1, 0, 77}, {H + 2, POLLIN, 77}};

    ck_assert_int_eq(berth_poll(b, p, 3, 1500), 2);
    ck_assert_int_eq(p[0].revents, POLLIN | POLLOUT);
    ck_assert_int_eq(p[1].revents, POLLHUP);
    ck_assert_int_eq(p[2].revents, 0);
}

static const struct call_row rows[] = {
    {do_send, {ASKS("send {" ON ",\"text\":\"h\xc3\xa9\\\"\\n\",\"flags\":1}", "{\"sent\":3}")}},
    {do_send_bytes, {ASKS("send {" ON ",\"base64\":\"YQBi\"}", "{\"sent\":3}")}},
    {do_sendall_nothing, {ASKS("sendall {" ON ",\"text\":\"\"}", "{\"sent\":0}")}},
    {do_sendto,
     {ASKS("sendto {" ON ",\"address\":{\"host\":\"127.0.0.1\",\"port\":80},\"text\":\"x\"}",
           "{\"sent\":1}")}},
    {do_recv,
     {ASKS("recv {" ON ",\"size\":8,\"flags\":2}", "{\"base64\":\"/wA=\",\"eof\":false}")}},
    {do_recv_end, {ASKS("recv {" ON ",\"size\":8}", "{\"text\":\"\",\"eof\":true}")}},
    {do_recv_exactly, {ASKS("recv {" ON ",\"exactly\":4}", "{\"text\":\"ab\",\"eof\":true}")}},
    {do_recv_until,
     {ASKS("recv {" ON ",\"size\":10,\"until\":\"\\n\"}", "{\"text\":\"a\\n\",\"eof\":false}")}},
    {do_recv_prefix,
     {ASKS("recv {" ON ",\"size\":10,\"prefix\":4}", "{\"text\":\"\",\"eof\":false}")}},
    {do_recvfrom,
     {ASKS("recvfrom {" ON ",\"size\":2}",
           "{\"text\":\"ab\",\"address\":" OTHER ",\"truncated\":true,\"length\":9}")}},
    {do_sendfile,
     {ASKS("sendfile {" ON ",\"offset\":10,\"count\":20}", "{\"sent\":20}", .takes_fd = 1)}},
    {do_poll,
     {ASKS("poll "
           "{\"handles\":[{\"handle\":16777217,\"events\":[\"in\",\"out\"]},{\"handle\":16777218,"
           "\"events\":[]},{\"handle\":16777219,\"events\":[\"in\"]}],\"timeout\":1.5}",
           "{\"ready\":[{\"handle\":16777218,\"events\":[\"hup\"]},{\"handle\":16777217,\"events\":"
           "[\"in\",\"out\"]}]}")}},
};

START_TEST(each_call)
{
    fake_daemon_check_call(&rows[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_io");
    TCase *tests = tcase_create("calls");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_call, 0, sizeof rows / sizeof *rows);
    return house_run(suite);
}
