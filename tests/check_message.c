/* check_message.c — the envelope of JSON-RPC 2.0: which requests are requests, and what id their
 * answer carries. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/message.h"
#include "tests/fds.h"

#define N(table) (sizeof(table) / sizeof *(table))

static struct json json;
static struct arena arena;
static struct error e;

static void begin(void)
{
    json = (struct json){0};
    arena = (struct arena){0};
    e = (struct error){0};
}

static void end(void)
{
    json_done(&json);
    arena_done(&arena);
}

/* -- requests -- */

/* Requests that are good: the id that is answered (NULL: a notification), the method, whether there
 * are params. */
static const struct {
    const char *text, *id, *method;
    char params; /* the first character, 0: none */
    int n_fds;
} good[] = {
    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}", "1", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":1}", "1", "m", 0, 0},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", NULL, "m", 0, 0},
    {"{\"method\":\"m\"}", NULL, "m", 0, 0},
    {"{\"method\":\"\",\"id\":1}", "1", "", 0, 0},
    {"{\"id\":1,\"params\":{},\"method\":\"m\",\"jsonrpc\":\"2.0\"}", "1", "m", '{', 0},
    {"{\"method\":\"m\",\"params\":[]}", NULL, "m", '[', 0},
    {"{\"method\":\"m\",\"params\":[1,2],\"id\":\"x\"}", "\"x\"", "m", '[', 0},
    {"{\"method\":\"m\",\"params\":{\"id\":5,\"method\":\"n\"},\"id\":2}", "2", "m", '{', 0},
    {"{\"method\":\"m\",\"id\":0}", "0", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":-1}", "-1", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":9007199254740991}", "9007199254740991", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":1.5}", "1.5", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":1e2}", "1e2", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":\"\"}", "\"\"", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":\"1\"}", "\"1\"", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":\"\\u00e9\\\"\\n\"}", "\"\\u00e9\\\"\\n\"", "m", 0, 0},
    /* An id of null is an id: the request wants an answer. */
    {"{\"method\":\"m\",\"id\":null}", "null", "m", 0, 0},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":null}", "null", "m", 0, 0},
    /* However it is spelt. */
    {"{\"\\u006dethod\":\"\\u006d\",\"i\\u0064\":7,\"jsonrpc\":\"2\\u002e0\"}", "7", "m", 0, 0},
    /* What is not of the envelope is passed over. */
    {"{\"method\":\"m\",\"id\":1,\"other\":{\"id\":2},\"result\":3}", "1", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":1,\"fds\":0}", "1", "m", 0, 0},
    {"{\"method\":\"m\",\"id\":1,\"fds\":1}", "1", "m", 0, 1},
    {"{\"method\":\"m\",\"fds\":1.0}", NULL, "m", 0, 1},
};

/* Messages that are not requests, the id of the answer, and a word that says why. */
static const struct {
    const char *text, *id, *says;
} bad[] = {
    {"1", "null", "an integer"},
    {"\"m\"", "null", "a string"},
    {"null", "null", "null"},
    {"true", "null", "true"},
    {"[]", "null", "an array"},
    {"{}", "null", "method"},
    {"{\"id\":1}", "1", "method"},
    {"{\"foo\":\"boo\"}", "null", "method"},
    {"{\"jsonrpc\":\"2.0\",\"id\":\"a\"}", "\"a\"", "method"},
    {"{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", "null", "method"},
    {"{\"method\":null,\"id\":1}", "1", "null"},
    {"{\"method\":[\"m\"],\"id\":1}", "1", "an array"},
    {"{\"method\":\"m\\u0000\",\"id\":1}", "1", "\\u0000"},
    {"{\"METHOD\":\"m\",\"id\":1}", "1", "method"},

    {"{\"jsonrpc\":\"1.0\",\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":\"2\",\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":\"2.00\",\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":\"\",\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":2.0,\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":null,\"method\":\"m\",\"id\":1}", "1", "2.0"},
    {"{\"jsonrpc\":\"1.0\",\"method\":\"m\"}", "null", "2.0"},

    {"{\"method\":\"m\",\"params\":1,\"id\":1}", "1", "an integer"},
    {"{\"method\":\"m\",\"params\":\"bar\",\"id\":1}", "1", "a string"},
    {"{\"method\":\"m\",\"params\":null,\"id\":1}", "1", "null"},
    {"{\"method\":\"m\",\"params\":true,\"id\":1}", "1", "true"},
    {"{\"method\":\"m\",\"params\":1.5}", "null", "a number"},

    {"{\"method\":\"m\",\"id\":{}}", "null", "an object"},
    {"{\"method\":\"m\",\"id\":{\"id\":1}}", "null", "an object"},
    {"{\"method\":\"m\",\"id\":[1]}", "null", "an array"},
    {"{\"method\":\"m\",\"id\":true}", "null", "true"},
    {"{\"method\":\"m\",\"id\":false}", "null", "false"},
    {"{\"method\":\"m\",\"id\":\"a\\u0000b\"}", "null", "\\u0000"},

    {"{\"method\":\"m\",\"id\":1,\"fds\":-1}", "1", "fds"},
    {"{\"method\":\"m\",\"id\":1,\"fds\":0.5}", "1", "fds"},
    {"{\"method\":\"m\",\"id\":1,\"fds\":\"1\"}", "1", "fds"},
    {"{\"method\":\"m\",\"id\":1,\"fds\":null}", "1", "fds"},
    {"{\"method\":\"m\",\"id\":1,\"fds\":[]}", "1", "fds"},
};

static void ck_id(const struct message *m, const char *id, const char *text)
{
    if (id)
        ck_assert_msg(m->id && m->n_id == strlen(id) && memcmp(m->id, id, m->n_id) == 0,
                      "%s: the id is %.*s, not %s", text, (int)m->n_id, m->id ? m->id : "", id);
    else
        ck_assert_msg(!m->id, "%s: the id is %.*s, but it is a notification", text, (int)m->n_id,
                      m->id);
}

/* Parses the text as a message by itself, then as the second entry of a batch. The text scanned
 * lives as long as the test. */
static int parse(const char *text, bool in_batch, struct message *m)
{
    const char *line = in_batch ? arena_printf(&arena, "[1,%s]", text) : text;
    int r = json_scan(&json, line, strlen(line), &e);

    ck_assert_msg(r == 0, "%s: %s", line, e.message);
    e = (struct error){0};
    r = message_parse(&json, in_batch ? 2 : 0, m, &e);
    ck_assert_int_eq(r, (int)e.id);
    return r;
}

START_TEST(requests)
{
    for (size_t i = 0; i < 2 * N(good); i++) {
        const char *text = good[i / 2].text, *method = good[i / 2].method;
        struct message m;
        int r = parse(text, i % 2, &m);

        ck_assert_msg(r == 0, "%s: %s", text, e.message);
        ck_id(&m, good[i / 2].id, text);
        ck_assert_msg(m.method && json_equals(&json, m.method, method, strlen(method)), "%s", text);
        ck_assert_msg(!m.params == !good[i / 2].params, "%s", text);
        ck_assert(!m.params || json.text[json.tokens[m.params].start] == good[i / 2].params);
        ck_assert_int_eq(m.n_fds, good[i / 2].n_fds);
    }
}
END_TEST

START_TEST(messages_that_are_no_requests)
{
    for (size_t i = 0; i < 2 * N(bad); i++) {
        const char *text = bad[i / 2].text;
        struct message m;
        int r = parse(text, i % 2, &m);

        ck_assert_msg(r == ERROR_INVALID_REQUEST, "%s gives %d", text, r);
        ck_id(&m, bad[i / 2].id, text);
        ck_assert_msg(strstr(e.message, bad[i / 2].says), "%s: %s", text, e.message);
    }
}
END_TEST

/* Each member there and good, there and bad, or not there: the first that is bad is told, and the
 * id is the request's own wherever that is good. */
START_TEST(all_envelopes)
{
    static const char *const versions[] = {"", "\"jsonrpc\":\"2.0\",", "\"jsonrpc\":\"3.0\","};
    static const char *const ids[] = {"", "\"id\":3,", "\"id\":\"3\",", "\"id\":null,",
                                      "\"id\":[],"};
    static const char *const id_texts[] = {NULL, "3", "\"3\"", "null", "null"};
    static const char *const params[] = {"", "\"params\":{},", "\"params\":[],", "\"params\":5,"};
    static const char *const methods[] = {"\"method\":\"m\"", "\"method\":0", "\"x\":\"m\""};

    for (size_t i = 0; i < 3 * 5 * 4 * 3; i++) {
        size_t version = i % 3, id = i / 3 % 5, param = i / 15 % 4, method = i / 60;
        bool is_good = version < 2 && id < 4 && param < 3 && method == 0;
        char text[128];
        struct message m;
        int r;

        snprintf(text, sizeof text, "{%s%s%s%s}", versions[version], ids[id], params[param],
                 methods[method]);
        r = parse(text, i % 2, &m);
        ck_assert_msg(r == (is_good ? 0 : ERROR_INVALID_REQUEST), "%s gives %d", text, r);
        ck_id(&m, is_good || id ? id_texts[id] : "null", text);
    }
}
END_TEST

START_TEST(more_than_one_descriptor)
{
    struct message m;

    ck_assert_int_eq(parse("{\"method\":\"m\",\"id\":1,\"fds\":2}", false, &m), ERROR_FD);
    ck_id(&m, "1", "fds");
    ck_assert_int_eq(parse("{\"method\":\"m\",\"fds\":9007199254740991}", false, &m), ERROR_FD);
    ck_id(&m, "null", "fds");
}
END_TEST

/* An id comes back as it stands, so it has to have an end. */
START_TEST(length_of_an_id)
{
    char id[LIMIT_ID_BYTES + 8], text[sizeof id + 32];

    for (int n = LIMIT_ID_BYTES - 1; n <= LIMIT_ID_BYTES + 1; n++) {
        struct message m;
        int r;

        memset(id, 'i', sizeof id);
        id[0] = id[n - 1] = '"';
        id[n] = '\0';
        snprintf(text, sizeof text, "{\"method\":\"m\",\"id\":%s}", id);
        r = parse(text, false, &m);
        ck_assert_int_eq(r, n <= LIMIT_ID_BYTES ? 0 : ERROR_INVALID_REQUEST);
        ck_id(&m, n <= LIMIT_ID_BYTES ? id : "null", text);
    }
}
END_TEST

/* Scanned all the same, but no id: 2^53 is somebody else's 2^53 + 1. What came too deep has no
 * tokens at all. */
START_TEST(lines_that_were_refused)
{
    static const char big
        [] = "{\"method\":\"m\",\"id\":9007199254740992}",
     twice[] = "{\"id\":4,\"method\":\"m\",\"params\":{\"a\":1,\"a\":2}}",
     deep[] =
         "{\"id\":4,\"params\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}";
    struct message m;

    ck_assert_int_eq(json_scan(&json, big, sizeof big - 1, &e), ERROR_INVALID_REQUEST);
    ck_assert_int_eq(message_parse(&json, 0, &m, &e), ERROR_INVALID_REQUEST);
    ck_id(&m, "null", big);
    ck_assert_int_eq(json_scan(&json, twice, sizeof twice - 1, &e), ERROR_INVALID_REQUEST);
    ck_assert_int_eq(message_parse(&json, 0, &m, &e), 0);
    ck_id(&m, "4", twice);
    ck_assert_int_eq(json_scan(&json, deep, sizeof deep - 1, &e), ERROR_INVALID_REQUEST);
    ck_assert_int_eq(message_parse(&json, 0, &m, &e), ERROR_INVALID_REQUEST);
    ck_id(&m, "null", deep);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = fds_case(suite, "message");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, requests);
    tcase_add_test(tests, messages_that_are_no_requests);
    tcase_add_test(tests, all_envelopes);
    tcase_add_test(tests, more_than_one_descriptor);
    tcase_add_test(tests, length_of_an_id);
    tcase_add_test(tests, lines_that_were_refused);
    return fds_run(suite);
}
