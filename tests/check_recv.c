/* check_recv.c — receiving: plain and framed reads, what is read ahead, ends and empty datagrams,
 * truncation. */
#include <string.h>
#include <sys/socket.h>

#include "house.h"

/* A session whose calls overtake, and a pair to speak through. */
static struct house_client *c;
static long long ends[2];

static void open_pair(const char *type)
{
    c = house_client();
    house_do(c, "hello", "{'unordered':true}");
    house_pair(c, type, ends);
}

static void open_stream(void)
{
    house_open();
    open_pair("SOCK_STREAM");
}

static void say(const char *text)
{
    house_do(c, "sendall", "{'handle':%lld,'text':'%s'}", ends[1], text);
}

static void hang_up(void)
{
    house_do(c, "shutdown", "{'handle':%lld,'how':'SHUT_WR'}", ends[1]);
}

/* A recv with these members, and what it must give. */
#define RECV(members) house_do(c, "recv", "{'handle':%lld" members "}", ends[0])

static void expect(json_t *result, const char *text, bool eof)
{
    ck_assert_str_eq(house_text(result, "text"), text);
    ck_assert_int_eq(house_bool(result, "eof"), eof);
}

/* The reply to a call that was begun. */
static void expect_reply(int id, const char *text, bool eof)
{
    json_t *reply = house_next(c);

    house_expect_id(reply, id);
    expect(house_at(reply, "result"), text, eof);
}

/* -- plain -- */

START_TEST(plain_takes_what_is_there)
{
    say("hello");
    expect(RECV(",'size':2"), "he", false);
    expect(RECV(",'size':0"), "", false);
    expect(RECV(""), "llo", false);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_expect_silence(c);
    hang_up();
    expect_reply(1, "", true);
    expect(RECV(""), "", true);
    ck_assert_str_eq(house_text(house_do(c, "ledger.get", "{'handle':%lld}", ends[0]), "state"),
                     "half_closed");
}
END_TEST

START_TEST(peeking_leaves_it_there)
{
    say("ab\\ncd");
    expect(RECV(",'flags':['MSG_PEEK'],'size':1"), "a", false);
    expect(RECV(",'until':'\\n'"), "ab\n", false);
    expect(RECV(",'flags':'MSG_PEEK'"), "cd", false);
    expect(RECV(",'flags':['MSG_PEEK'],'size':1"), "c", false);
    expect(RECV(""), "cd", false);
}
END_TEST

START_TEST(waitall_is_exactly)
{
    say("ab");
    house_begin(c, 1, "recv", "{'handle':%lld,'size':4,'flags':['MSG_WAITALL']}", ends[0]);
    house_expect_silence(c);
    say("cdef");
    expect_reply(1, "abcd", false);
    expect(RECV(""), "ef", false);
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
    static const struct {
        const char *base64, *as, *key, *value;
    } rows[] = {
        {"AP8=", "", "base64", "AP8="},
        {"YQA=", "", "base64", "YQA="},
        {"w6Q=", "", "text", "\xc3\xa4"},
        {"w6Q=", ",\"as\":\"base64\"", "base64", "w6Q="},
        {"w6Q=", ",\"as\":\"text\"", "text", "\xc3\xa4"},
        {"YQA=", ",\"as\":\"text\"", NULL, NULL},
        {"/w==", ",\"as\":\"text\"", NULL, NULL},
    };
    json_t *r;

    house_do(c, "send", "{'handle':%lld,'base64':'%s'}", ends[1], rows[_i].base64);
    r = house_do(c, "recv", "{'handle':%lld%s}", ends[0], rows[_i].as);
    ck_assert(house_has(r, "text") != house_has(r, "base64"));
    if (rows[_i].key)
        ck_assert_str_eq(house_text(r, rows[_i].key), rows[_i].value);
    house_do(c, "ping", "{}");
}
END_TEST

START_TEST(a_mebibyte_at_once)
{
    static char text[(1 << 20) + 1];

    memset(text, 'x', sizeof text - 1);
    house_do(c, "setsockopt", "{'handle':%lld,'option':'SO_SNDBUF','value':%d}", ends[1], 1 << 22);
    for (int i = 0; i < 2; i++) {
        text[1 << 19] = '\0';
        house_begin(c, i, "sendall", "{'handle':%lld,'text':'%s'}", ends[1], text);
    }
    text[1 << 19] = 'x';
    house_begin(c, 9, "recv", "{'handle':%lld,'exactly':%d}", ends[0], 1 << 20);
    for (int i = 0; i < 3; i++) {
        json_t *reply = house_next(c);

        if (house_int(reply, "id") == 9)
            ck_assert_str_eq(house_text(reply, "result.text"), text);
    }
}
END_TEST

/* -- frames -- */

START_TEST(exactly_waits_for_all)
{
    house_begin(c, 1, "recv", "{'handle':%lld,'exactly':6}", ends[0]);
    say("ab");
    house_expect_silence(c);
    say("cd");
    house_expect_silence(c);
    say("efgh");
    expect_reply(1, "abcdef", false);
    expect(RECV(",'exactly':0"), "", false);
    expect(RECV(",'exactly':2"), "gh", false);
    expect(RECV(",'exactly':0"), "", false);
}
END_TEST

START_TEST(until_finds_what_was_cut_in_two)
{
    house_begin(c, 1, "recv", "{'handle':%lld,'until':'\\r\\n.\\r\\n'}", ends[0]);
    say("line\\r\\n.");
    house_expect_silence(c);
    say("\\r");
    house_expect_silence(c);
    say("\\nnext\\r\\n.\\r\\n\\r\\n.\\r\\nrest");
    expect_reply(1, "line\r\n.\r\n", false);
    expect(RECV(",'until':'\\r\\n.\\r\\n'"), "next\r\n.\r\n", false);
    expect(RECV(",'until':'\\r\\n.\\r\\n'"), "\r\n.\r\n", false);
    expect(RECV(""), "rest", false);
}
END_TEST

/* The same text in all ways of cutting it into two pieces. */
START_TEST(until_however_it_comes)
{
    static const char text[] = "aabaaabaaaab.";
    char first[16];

    memcpy(first, text, (size_t)_i);
    first[_i] = '\0';
    house_begin(c, 1, "recv", "{'handle':%lld,'until':'aaaab'}", ends[0]);
    if (_i)
        say(first);
    house_expect_silence(c);
    say(text + _i);
    expect_reply(1, "aabaaabaaaab", false);
    expect(RECV(""), ".", false);
}
END_TEST

START_TEST(until_at_its_ceiling)
{
    say("abcdefgh\\n");
    expect(RECV(",'until':'\\n','size':4"), "abcd", false);
    expect(RECV(",'until':'\\n','size':5"), "efgh\n", false);
}
END_TEST

START_TEST(prefix_says_how_long)
{
    static const struct {
        int prefix;
        const char *length;
    } rows[] = {{1, "Aw=="}, {2, "AAM="}, {4, "AAAAAw=="}, {8, "AAAAAAAAAAM="}};

    house_do(c, "send", "{'handle':%lld,'base64':'%s'}", ends[1], rows[_i].length);
    house_begin(c, 1, "recv", "{'handle':%lld,'prefix':%d}", ends[0], rows[_i].prefix);
    house_expect_silence(c);
    say("a");
    house_expect_silence(c);
    say("bcd");
    expect_reply(1, "abc", false);
    expect(RECV(""), "d", false);
}
END_TEST

START_TEST(prefix_of_nothing)
{
    house_do(c, "send", "{'handle':%lld,'base64':'AAEA'}", ends[1]);
    ck_assert_str_eq(house_text(RECV(",'prefix':1"), "text"), "");
    ck_assert_str_eq(house_text(RECV(",'prefix':1"), "base64"), "AA==");
}
END_TEST

START_TEST(prefix_beyond_the_ceiling_stays_unread)
{
    house_do(c, "send", "{'handle':%lld,'base64':'AAVoZWxsbw=='}", ends[1]);
    house_expect_error(house_fail(c, "recv", "{'handle':%lld,'prefix':2,'size':4}", ends[0]),
                       "limit", "SIZE");
    expect(RECV(",'prefix':2,'size':5"), "hello", false);
    house_do(c, "send", "{'handle':%lld,'base64':'//////////8='}", ends[1]);
    house_expect_error(house_fail(c, "recv", "{'handle':%lld,'prefix':8}", ends[0]), "limit",
                       "SIZE");
    ck_assert_str_eq(house_text(RECV(",'exactly':8"), "base64"), "//////////8=");
}
END_TEST

START_TEST(an_end_half_way_gives_what_there_is)
{
    static const char *const framings[] = {"'exactly':9", "'until':'\\n'", "'prefix':2"};

    if (_i == 2)
        house_do(c, "send", "{'handle':%lld,'base64':'AAk='}", ends[1]);
    say("abc");
    house_begin(c, 1, "recv", "{'handle':%lld,%s}", ends[0], framings[_i]);
    house_expect_silence(c);
    hang_up();
    expect_reply(1, "abc", true);
    house_begin(c, 2, "recv", "{'handle':%lld,%s}", ends[0], framings[_i]);
    expect_reply(2, "", true);
    expect(RECV(""), "", true);
}
END_TEST

START_TEST(an_end_within_the_prefix)
{
    say("x");
    hang_up();
    expect(RECV(",'prefix':4"), "x", true);
}
END_TEST

START_TEST(read_ahead_begins_the_next)
{
    json_t *ready;

    say("one\\ntwo\\nthree");
    expect(RECV(",'until':'\\n'"), "one\n", false);
    ready = house_do(c, "poll", "{'handles':[{'handle':%lld}]}", ends[0]);
    ck_assert_str_eq(house_text(ready, "ready.0.events.0"), "in");
    expect(RECV(",'exactly':2"), "tw", false);
    expect(RECV(",'size':2"), "o\n", false);
    ck_assert_str_eq(
        house_text(house_do(c, "recvfrom", "{'handle':%lld,'size':2}", ends[0]), "text"), "th");
    hang_up();
    expect(RECV(",'until':'\\n'"), "ree", true);
}
END_TEST

START_TEST(a_timeout_keeps_what_has_come)
{
    json_t *reply;

    house_begin(c, 1, "recv", "{'handle':%lld,'exactly':6,'timeout':2}", ends[0]);
    say("abc");
    house_advance(1999999);
    house_expect_silence(c);
    house_advance(1);
    reply = house_next(c);
    house_expect_error(reply, "timeout", "TIMEOUT");
    ck_assert_int_eq(house_int(reply, "error.data.handle"), ends[0]);
    say("def");
    expect(RECV(",'exactly':6"), "abcdef", false);
}
END_TEST

START_TEST(framing_makes_sense_or_is_refused)
{
    static const struct {
        const char *members, *name;
    } rows[] = {
        {",\"exactly\":1,\"until\":\"x\"", "exactly"},
        {",\"until\":\"\"", "until"},
        {",\"prefix\":3", "prefix"},
        {",\"exactly\":-1", "exactly"},
        {",\"exactly\":1048577", "exactly"},
        {",\"size\":1048577", "size"},
        {",\"size\":-1", "size"},
        {",\"exactly\":4,\"size\":3", "exactly"},
        {",\"until\":\"x\",\"flags\":[\"MSG_PEEK\"]", "flags"},
    };

    house_expect_error(house_fail(c, "recv", "{'handle':%lld%s}", ends[0], rows[_i].members),
                       "protocol", rows[_i].name);
    say("x");
    expect(RECV(""), "x", false);
}
END_TEST

/* -- datagrams -- */

START_TEST(an_empty_datagram_is_no_end)
{
    static const char *const types[] = {"SOCK_DGRAM", "SOCK_SEQPACKET"};

    open_pair(types[_i]);
    say("");
    say("x");
    say("");
    expect(RECV(""), "", false);
    expect(RECV(""), "x", false);
    expect(RECV(""), "", false);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_expect_silence(c);
    if (_i == 0) {
        say("y");
        expect_reply(1, "y", false);
        return;
    }
    house_do(c, "close", "{'handle':%lld}", ends[1]);
    expect_reply(1, "", true);
}
END_TEST

START_TEST(a_truncated_datagram_says_so)
{
    json_t *r;

    open_pair(_i ? "SOCK_SEQPACKET" : "SOCK_DGRAM");
    say("0123456789");
    say("next");
    r = house_do(c, "recvfrom", "{'handle':%lld,'size':4,'flags':['MSG_PEEK']}", ends[0]);
    ck_assert_int_eq(house_int(r, "length"), 10);
    r = house_do(c, "recvfrom", "{'handle':%lld,'size':4}", ends[0]);
    ck_assert_str_eq(house_text(r, "text"), "0123");
    ck_assert(house_bool(r, "truncated"));
    ck_assert_int_eq(house_int(r, "length"), 10);
    r = house_do(c, "recvfrom", "{'handle':%lld,'size':4}", ends[0]);
    ck_assert_str_eq(house_text(r, "text"), "next");
    ck_assert(!house_bool(r, "truncated"));
    ck_assert_int_eq(house_int(r, "length"), 4);
}
END_TEST

START_TEST(a_datagram_says_who_sent_it)
{
    long long to = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"), port;
    long long from = house_make(c, "socket", "{'type':'SOCK_DGRAM'}"), from_port;
    json_t *r;

    port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", to),
                     "address.port");
    from_port = house_int(house_do(c, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", from),
                          "address.port");
    house_begin(c, 1, "recvfrom", "{'handle':%lld}", to);
    house_begin(c, 2, "sendto", "{'handle':%lld,'address':['127.0.0.1',%lld],'text':''}", from,
                port);
    house_expect_id(house_next(c), 2);
    r = house_next(c);
    ck_assert_str_eq(house_text(r, "result.text"), "");
    ck_assert_str_eq(house_text(r, "result.address.host"), "127.0.0.1");
    ck_assert_int_eq(house_int(r, "result.address.port"), from_port);
    ck_assert_int_eq(house_int(r, "result.length"), 0);
}
END_TEST

START_TEST(frames_are_for_streams)
{
    open_pair("SOCK_DGRAM");
    house_expect_error(house_fail(c, "recv", "{'handle':%lld,'exactly':1}", ends[0]), "protocol",
                       "exactly");
}
END_TEST

static TCase *stream_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, open_stream, house_close);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    return tc;
}

static Suite *make_suite(void)
{
    Suite *suite = suite_create("recv");
    TCase *plain = stream_case(suite, "plain"), *frames = stream_case(suite, "frames");
    TCase *datagrams = stream_case(suite, "datagrams");

    tcase_add_test(plain, plain_takes_what_is_there);
    tcase_add_test(plain, peeking_leaves_it_there);
    tcase_add_test(plain, waitall_is_exactly);
    tcase_add_loop_test(plain, bytes_that_are_no_text, 0, 7);
    tcase_add_test(plain, a_mebibyte_at_once);
    tcase_add_test(frames, exactly_waits_for_all);
    tcase_add_test(frames, until_finds_what_was_cut_in_two);
    tcase_add_loop_test(frames, until_however_it_comes, 0, 12);
    tcase_add_test(frames, until_at_its_ceiling);
    tcase_add_loop_test(frames, prefix_says_how_long, 0, 4);
    tcase_add_test(frames, prefix_of_nothing);
    tcase_add_test(frames, prefix_beyond_the_ceiling_stays_unread);
    tcase_add_loop_test(frames, an_end_half_way_gives_what_there_is, 0, 3);
    tcase_add_test(frames, an_end_within_the_prefix);
    tcase_add_test(frames, read_ahead_begins_the_next);
    tcase_add_test(frames, a_timeout_keeps_what_has_come);
    tcase_add_loop_test(frames, framing_makes_sense_or_is_refused, 0, 9);
    tcase_add_loop_test(datagrams, an_empty_datagram_is_no_end, 0, 2);
    tcase_add_loop_test(datagrams, a_truncated_datagram_says_so, 0, 2);
    tcase_add_test(datagrams, a_datagram_says_who_sent_it);
    tcase_add_test(datagrams, frames_are_for_streams);
    return suite;
}

int main(void)
{
    return house_run(make_suite());
}
