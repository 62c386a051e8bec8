/* check_send.c — sending: what fits, everything, datagrams, files; and how much went out when it
 * did not. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

enum { BIG = 512 << 10 };

static struct house_client *c;
static long long ends[2];
static char big[BIG + 1];

static void open_pair(const char *type)
{
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
    house_pair(c, type, ends);
}

static void open_stream(void)
{
    house_open();
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 26);
    open_pair("SOCK_STREAM");
}

/* Sends all of `big`, which the socket's buffer does not hold. */
static void begin_big(int id, const char *method, const char *more)
{
    house_begin(c, id, method, "{'handle':%lld,'text':'%s'%s}", ends[0], big, more);
}

/* Reads at most n bytes at the other end, which must go on from where `big` was, over and over.
 * Returns how many. */
static size_t take(struct house_client *reader, size_t from, size_t n)
{
    json_t *r = house_do(reader, "recv", "{'handle':%lld,'size':%zu}", ends[1], n);
    const char *text = house_text(r, "text");
    size_t i = 0;

    while (text[i] && text[i] == big[(from + i) % BIG])
        i++;
    ck_assert_msg(!text[i], "byte %zu is wrong", from + i);
    ck_assert_uint_gt(i, 0);
    return i;
}

/* All of n bytes. */
static void drain(struct house_client *reader, size_t from, size_t n)
{
    size_t end = from + n;

    while (from < end)
        from += take(reader, from, end - from < BIG ? end - from : BIG);
}

START_TEST(send_tells_how_much_fitted)
{
    long long first, second;
    json_t *reply;

    begin_big(1, "send", "");
    first = house_int(house_next(c), "result.sent");
    ck_assert_int_gt(first, 0);
    ck_assert_int_lt(first, BIG);
    begin_big(2, "send", ",\"timeout\":0");
    reply = house_next(c);
    house_expect_error(reply, "os", "EAGAIN");
    ck_assert_int_eq(house_int(reply, "error.data.sent"), 0);
    begin_big(3, "send", ",\"timeout\":1");
    house_advance(1000000);
    reply = house_next(c);
    house_expect_error(reply, "timeout", "TIMEOUT");
    ck_assert_int_eq(house_int(reply, "error.data.sent"), 0);
    begin_big(4, "send", "");
    house_expect_silence(c);
    drain(c, 0, (size_t)first);
    reply = house_next(c);
    house_expect_id(reply, 4);
    second = house_int(reply, "result.sent");
    ck_assert_int_gt(second, 0);
    ck_assert_int_eq(house_int(house_do(c, "ledger.get", "{'handle':%lld}", ends[0]), "sent_bytes"),
                     first + second);
    ck_assert_int_eq(
        house_int(house_do(c, "ledger.get", "{'handle':%lld}", ends[1]), "received_bytes"), first);
}
END_TEST

START_TEST(sendall_waits_for_room)
{
    struct house_client *other = house_client();
    json_t *reply;

    begin_big(1, "sendall", "");
    house_expect_silence(c);
    drain(other, 0, BIG);
    reply = house_next(c);
    house_expect_id(reply, 1);
    ck_assert_int_eq(house_int(reply, "result.sent"), BIG);
}
END_TEST

START_TEST(sendall_tells_what_went_out_before_its_end)
{
    long long sent, more;
    json_t *reply;

    begin_big(1, "sendall", ",\"timeout\":2");
    house_turn(4);
    house_advance(2000000);
    reply = house_next(c);
    house_expect_error(reply, "timeout", "TIMEOUT");
    sent = house_int(reply, "error.data.sent");
    ck_assert_int_gt(sent, 0);
    ck_assert_int_lt(sent, BIG);
    drain(c, 0, (size_t)sent);
    begin_big(2, "sendall", ",\"timeout\":0");
    reply = house_next(c);
    house_expect_error(reply, "os", "EAGAIN");
    more = house_int(reply, "error.data.sent");
    ck_assert_int_gt(more, 0);
    drain(c, 0, (size_t)more);
    begin_big(3, "sendall", "");
    house_expect_silence(c);
    house_begin(c, 4, "cancel", "{'id':3}");
    for (int i = 0; i < 2; i++) {
        reply = house_next(c);
        if (house_int(reply, "id") == 4)
            continue;
        house_expect_error(reply, "cancelled", "CANCELLED");
        ck_assert_int_gt(house_int(reply, "error.data.sent"), 0);
    }
}
END_TEST

START_TEST(a_peer_that_left_is_an_error)
{
    json_t *reply;

    begin_big(1, "sendall", "");
    house_expect_silence(c);
    house_begin(c, 2, "close", "{'handle':%lld}", ends[1]);
    for (int i = 0; i < 2; i++) {
        reply = house_next(c);
        if (house_int(reply, "id") == 2)
            continue;
        ck_assert_str_eq(house_text(reply, "error.data.kind"), "os");
        ck_assert_int_gt(house_int(reply, "error.data.sent"), 0);
    }
    house_expect_error(house_fail(c, "send", "{'handle':%lld,'text':'x'}", ends[0]), "os", "EPIPE");
}
END_TEST

START_TEST(nothing_can_be_sent_too)
{
    ck_assert_int_eq(house_int(house_do(c, "send", "{'handle':%lld,'text':''}", ends[0]), "sent"),
                     0);
    ck_assert_int_eq(
        house_int(house_do(c, "sendall", "{'handle':%lld,'base64':''}", ends[0]), "sent"), 0);
}
END_TEST

START_TEST(a_payload_comes_in_one_form)
{
    json_t *e = house_fail(c, "send", "{'handle':%lld,'text':'x','base64':'eA=='}", ends[0]);

    ck_assert_int_eq(house_int(e, "code"), -32602);
    house_do(c, "send", "{'handle':%lld,'text':'a\\u0000b'}", ends[0]);
    ck_assert_str_eq(house_text(house_do(c, "recv", "{'handle':%lld}", ends[1]), "base64"), "YQBi");
}
END_TEST

START_TEST(a_datagram_is_sent_whole_or_not_at_all)
{
    json_t *reply;
    int n = 0;

    open_pair("SOCK_DGRAM");
    do {
        reply = house_ask(c, "send", "{'handle':%lld,'text':'datagram','timeout':0}", ends[0]);
        n++;
    } while (house_has(reply, "result") && n < 10000);
    house_expect_error(reply, "os", "EAGAIN");
    house_begin(c, 1, "sendall", "{'handle':%lld,'text':'last'}", ends[0]);
    house_expect_silence(c);
    /* The kernel calls the socket writable again when most of its buffer is free. */
    for (reply = NULL; !reply; n--) {
        json_t *r;

        house_begin(c, 2, "recv", "{'handle':%lld}", ends[1]);
        r = house_next(c);
        if (house_int(r, "id") == 1) {
            reply = r;
            r = house_next(c);
        }
        ck_assert_str_eq(house_text(r, "result.text"), "datagram");
        ck_assert_int_gt(n, 0);
    }
    ck_assert_int_eq(house_int(reply, "result.sent"), 4);
}
END_TEST

START_TEST(too_long_a_datagram)
{
    long long udp = house_make(c, "socket", "{'type':'SOCK_DGRAM'}");

    house_begin(c, 1, "sendto", "{'handle':%lld,'address':['127.0.0.1',9],'text':'%s'}", udp, big);
    house_expect_error(house_next(c), "os", "EMSGSIZE");
}
END_TEST

/* -- files -- */

/* A file of n bytes of `big`, over and over. */
static int make_file(size_t n)
{
    char path[] = "/tmp/berth_check_XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    for (size_t at = 0; at < n;) {
        size_t piece = n - at < BIG ? n - at : BIG;

        ck_assert_int_eq(write(fd, big, piece), (ssize_t)piece);
        at += piece;
    }
    return fd;
}

static void begin_file(int id, int fd, const char *more)
{
    char line[256];

    snprintf(line, sizeof line, "{'id':%d,'method':'sendfile','fds':1,'params':{'handle':%lld%s}}",
             id, ends[0], more);
    house_send_fds(c, line, &fd, 1);
    close(fd);
}

START_TEST(a_file_is_sent)
{
    static const struct {
        const char *members;
        size_t offset, n;
    } rows[] = {
        {"", 0, 1000},
        {",'offset':26", 26, 974},
        {",'count':10", 0, 10},
        {",'offset':990,'count':100", 990, 10},
        {",'offset':2000", 2000, 0},
        {",'count':0", 0, 0},
    };

    begin_file(1, make_file(1000), rows[_i].members);
    ck_assert_int_eq(house_int(house_next(c), "result.sent"), (long long)rows[_i].n);
    drain(c, rows[_i].offset, rows[_i].n);
    ck_assert_int_eq(house_int(house_do(c, "ledger.get", "{'handle':%lld}", ends[0]), "sent_bytes"),
                     (long long)rows[_i].n);
}
END_TEST

/* What the kernel shows to some readers only must not be read as the daemon. */
START_TEST(a_file_without_a_size)
{
    begin_file(1, open("/proc/self/stat", O_RDONLY | O_CLOEXEC), "");
    ck_assert_int_eq(house_int(house_next(c), "result.sent"), 0);
}
END_TEST

START_TEST(a_large_file_waits_for_room)
{
    const size_t n = 3 * BIG + 17;
    struct house_client *other = house_client();
    json_t *reply;

    begin_file(1, make_file(n), "");
    drain(other, 0, n);
    reply = house_next(c);
    house_expect_id(reply, 1);
    ck_assert_int_eq(house_int(reply, "result.sent"), (long long)n);
}
END_TEST

START_TEST(a_file_that_is_cut_off)
{
    json_t *reply;

    begin_file(1, make_file(2 * BIG), ",'timeout':3");
    house_until(house_int(house_do(c, "ledger.get", "{'handle':%lld}", ends[0]), "sent_bytes") > 0);
    house_turn(4);
    house_advance(3000000);
    reply = house_next(c);
    house_expect_error(reply, "timeout", "TIMEOUT");
    ck_assert_int_gt(house_int(reply, "error.data.sent"), 0);
    begin_file(2, make_file(2 * BIG), "");
    house_turn(2);
    house_do(c, "close", "{'handle':%lld}", ends[0]);
    house_expect_error(house_next(c), "cancelled", "CANCELLED");
}
END_TEST

START_TEST(a_session_that_ends_while_its_file_is_read)
{
    begin_file(1, make_file(2 * BIG), "");
    house_turn(2);
    house_leave(c);
}
END_TEST

START_TEST(only_a_regular_file_is_sent)
{
    int fds[2];
    json_t *reply;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    begin_file(1, fds[0], "");
    reply = house_next(c);
    house_expect_error(reply, "os", "EINVAL");
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.hint"), "regular file"));
    close(fds[1]);
    begin_file(2, make_file(1), ",'offset':-1");
    house_expect_error(house_next(c), "protocol", "offset");
    begin_file(3, make_file(1), ",'count':-1");
    house_expect_error(house_next(c), "protocol", "count");
    house_do(c, "ping", "{}");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("send");
    TCase *tc = tcase_create("send"), *files = tcase_create("files");

    tcase_add_checked_fixture(tc, open_stream, house_close);
    tcase_add_checked_fixture(files, open_stream, house_close);
    tcase_set_timeout(tc, 30);
    tcase_set_timeout(files, 30);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, files);
    tcase_add_test(tc, send_tells_how_much_fitted);
    tcase_add_test(tc, sendall_waits_for_room);
    tcase_add_test(tc, sendall_tells_what_went_out_before_its_end);
    tcase_add_test(tc, a_peer_that_left_is_an_error);
    tcase_add_test(tc, nothing_can_be_sent_too);
    tcase_add_test(tc, a_payload_comes_in_one_form);
    tcase_add_test(tc, a_datagram_is_sent_whole_or_not_at_all);
    tcase_add_test(tc, too_long_a_datagram);
    tcase_add_loop_test(files, a_file_is_sent, 0, 6);
    tcase_add_test(files, a_file_without_a_size);
    tcase_add_test(files, a_large_file_waits_for_room);
    tcase_add_test(files, a_file_that_is_cut_off);
    tcase_add_test(files, a_session_that_ends_while_its_file_is_read);
    tcase_add_test(files, only_a_regular_file_is_sent);
    return suite;
}

int main(void)
{
    return house_run(make_suite());
}
