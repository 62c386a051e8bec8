/* check_message_replies.c — answers of JSON-RPC 2.0 as the daemon writes them and a client reads
 * them. */
#include <stdio.h>
#include <string.h>

#include "proto/message.h"
#include "tests/fds.h"
#include "tests/json_tree.h"

#define N(table) (sizeof(table) / sizeof *(table))

static struct buf out;
static struct json json;
static struct error e;

static void begin(void)
{
    out = (struct buf){0};
    json = (struct json){0};
    e = (struct error){0};
}

static void end(void)
{
    buf_done(&out);
    json_done(&json);
}

/* -- what is written -- */

static void ck_written(const char *text)
{
    ck_assert(!out.failed);
    ck_assert_msg(buf_len(&out) == strlen(text) && memcmp(out.data, text, buf_len(&out)) == 0,
                  "%.*s is written, not %s", (int)buf_len(&out), out.data, text);
    buf_truncate(&out, 0);
}

START_TEST(replies_written)
{
    message_begin_result(&out, "1", 1);
    buf_add_text(&out, "{\"a\":1}");
    message_end_result(&out, 0);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}");
    message_begin_result(&out, "\"x\"", 3);
    buf_add_text(&out, "{}");
    message_end_result(&out, 1);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{},\"fds\":1}");
}
END_TEST

START_TEST(requests_written)
{
    message_begin_request(&out, 0, "ping");
    buf_add_text(&out, "{}");
    message_end_request(&out, 0);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"ping\",\"params\":{}}");
    message_begin_request(&out, 9007199254740991, "a\"b");
    buf_add_text(&out, "{\"x\":1}");
    message_end_request(&out, 1);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":9007199254740991,\"method\":\"a\\\"b\",\"params\":{"
               "\"x\":1},\"fds\":1}");
    message_begin_request(&out, -1, "ping");
    buf_add_text(&out, "{}");
    message_end_request(&out, 0);
    ck_written("{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"params\":{}}");
}
END_TEST

START_TEST(errors_written)
{
    struct error all = {.id = ERROR_OS,
                        .name = "ECONNREFUSED",
                        .op = "connect",
                        .hint = "say \"please\"",
                        .sys_errno = 111,
                        .has_sent = true,
                        .sent = 0,
                        .handle = 16777217,
                        .message = "connect:\trefused"};
    struct error few = {.id = ERROR_PARSE, .message = "not JSON"};

    message_error(&out, "7", 1, &all);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,\"message\":\"connect:"
               "\\trefused\",\"data\":"
               "{\"kind\":\"os\",\"name\":\"ECONNREFUSED\",\"errno\":111,\"op\":\"connect\","
               "\"handle\":16777217,"
               "\"sent\":0,\"hint\":\"say \\\"please\\\"\"}}}");
    message_error(&out, "null", 4, &few);
    ck_written("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"not "
               "JSON\",\"data\":"
               "{\"kind\":\"protocol\",\"name\":\"PARSE_ERROR\"}}}");
}
END_TEST

/* A message is cut off where it gets too long, maybe inside a letter, and a client's words need not
 * be printable: the reply is one line of JSON all the same. */
START_TEST(errors_are_json_whatever_they_quote)
{
    char text[600];

    for (size_t n = 0; n < 300; n++) {
        size_t length = 0;

        for (size_t i = 0; i < n; i++)
            length +=
                (size_t)snprintf(text + length, sizeof text - length, i % 7 ? "\xc3\xa9" : "\n");
        e = (struct error){0};
        error_param(&e, text, "%s", text);
        e.hint = text;
        message_error(&out, "1", 1, &e);
        ck_assert_ptr_null(memchr(out.data, '\n', buf_len(&out)));
        ck_assert_int_eq(json_tree_scan(&json, out.data, buf_len(&out), &e), 0);
        buf_truncate(&out, 0);
    }
}
END_TEST

/* -- replies, read by a client -- */

static int read_reply(struct message_reply *ret)
{
    ck_assert_int_eq(json_scan(&json, out.data, buf_len(&out), &e), 0);
    return message_parse_reply(&json, 0, ret, &e);
}

/* Every error of the list arrives with its code, kind and name. */
START_TEST(every_error_arrives)
{
    for (int id = ERROR_NONE + 1; id < N_ERRORS; id++) {
        const struct error_info *info = error_info((enum error_id)id);
        struct error sent = {.id = (enum error_id)id, .message = "m"};
        struct message_reply reply;
        uint32_t data;
        int64_t code;

        message_error(&out, "5", 1, &sent);
        ck_assert_int_eq(read_reply(&reply), 0);
        ck_assert(reply.has_id && reply.id == 5 && reply.error && !reply.result && !reply.method);
        ck_assert(json_get_integer(&json, json_member(&json, reply.error, "code"), &code));
        ck_assert_int_eq(code, info->code);
        data = json_member(&json, reply.error, "data");
        ck_assert(
            json_equals(&json, json_member(&json, data, "kind"), info->kind, strlen(info->kind)));
        ck_assert(
            json_equals(&json, json_member(&json, data, "name"), info->name, strlen(info->name)));
        ck_assert(json_equals(&json, json_member(&json, reply.error, "message"), "m", 1));
        buf_truncate(&out, 0);
    }
}
END_TEST

START_TEST(replies_read)
{
    static const struct {
        const char *text;
        bool is_good, has_id;
        int64_t id;
        bool has_result, has_error, has_method;
        int n_fds;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}", true, true, 3, true, false, false, 0},
        {"{\"id\":3,\"result\":null}", true, true, 3, true, false, false, 0},
        {"{\"id\":3,\"result\":{},\"fds\":1}", true, true, 3, true, false, false, 1},
        {"{\"id\":3,\"result\":{},\"fds\":0,\"new\":1}", true, true, 3, true, false, false, 0},
        {"{\"id\":3,\"error\":{\"code\":1}}", true, true, 3, false, true, false, 0},
        {"{\"id\":null,\"error\":{\"code\":1}}", true, false, 0, false, true, false, 0},
        {"{\"id\":\"3\",\"result\":1}", true, false, 0, true, false, false, 0},
        {"{\"method\":\"event\",\"params\":{}}", true, false, 0, false, false, true, 0},
        {"{\"id\":3}", false, false, 0, false, false, false, 0},
        {"{\"id\":3,\"result\":1,\"error\":{}}", false, false, 0, false, false, false, 0},
        {"{\"id\":3,\"result\":1,\"fds\":-1}", false, false, 0, false, false, false, 0},
        {"{\"id\":3,\"result\":1,\"fds\":2}", false, false, 0, false, false, false, 0},
        {"{\"id\":3,\"result\":1,\"fds\":true}", false, false, 0, false, false, false, 0},
        {"{}", false, false, 0, false, false, false, 0},
        {"[]", false, false, 0, false, false, false, 0},
        {"3", false, false, 0, false, false, false, 0},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct message_reply reply;
        int r;

        buf_add_text(&out, cases[i].text);
        r = read_reply(&reply);
        ck_assert_msg(!r == cases[i].is_good, "%s gives %d", cases[i].text, r);
        if (!r) {
            ck_assert_msg(reply.has_id == cases[i].has_id && reply.id == cases[i].id, "%s",
                          cases[i].text);
            ck_assert_msg(!reply.result == !cases[i].has_result, "%s", cases[i].text);
            ck_assert_msg(!reply.error == !cases[i].has_error, "%s", cases[i].text);
            ck_assert_msg(!reply.method == !cases[i].has_method, "%s", cases[i].text);
            ck_assert_int_eq(reply.n_fds, cases[i].n_fds);
        }
        buf_truncate(&out, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_replies");
    TCase *tests = fds_case(suite, "message_replies");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, replies_written);
    tcase_add_test(tests, requests_written);
    tcase_add_test(tests, errors_written);
    tcase_add_test(tests, errors_are_json_whatever_they_quote);
    tcase_add_test(tests, every_error_arrives);
    tcase_add_test(tests, replies_read);
    return fds_run(suite);
}
