/* check_cli_words.c — KEY=VALUE words, and lines of the berth shell. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "client/split.h"
#include "client/value.h"
#include "client/words.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "tests/house.h"

enum { MAX_WORDS = 6 };

/* Words, and the parameters they mean. */
static const struct {
    const char *method, *words[MAX_WORDS], *params;
} rows[] = {
    {"ping", {NULL}, "{}"},
    {"ping", {"echo=1"}, "{\"echo\":1}"},
    {"ping", {"echo=-1.5e3"}, "{\"echo\":-1.5e3}"},
    {"ping", {"echo=null"}, "{\"echo\":null}"},
    {"ping", {"echo=true"}, "{\"echo\":true}"},
    {"ping", {"echo=True"}, "{\"echo\":\"True\"}"},
    {"ping", {"echo=[1]"}, "{\"echo\":\"[1]\"}"},
    {"ping", {"echo="}, "{\"echo\":\"\"}"},
    {"ping", {"echo=a=b"}, "{\"echo\":\"a=b\"}"},
    {"ping", {"echo:=[1, {\"a\":null}]"}, "{\"echo\":[1, {\"a\":null}]}"},
    {"ping", {"echo:=\"1\""}, "{\"echo\":\"1\"}"},
    {"send", {"handle=@c", "text=12"}, "{\"handle\":\"@c\",\"text\":\"12\"}"},
    {"send",
     {"handle=16777217", "text=\xc3\xa9\n"},
     "{\"handle\":16777217,\"text\":\"\xc3\xa9\\n\"}"},
    {"send", {"handle=web", "text=\xff"}, "{\"handle\":\"web\",\"base64\":\"/w==\"}"},
    {"send", {"handle=@c", "base64=AA=="}, "{\"handle\":\"@c\",\"base64\":\"AA==\"}"},
    {"send",
     {"handle=@c", "text=x", "flags=MSG_OOB|MSG_DONTWAIT"},
     "{\"handle\":\"@c\",\"text\":\"x\",\"flags\":[\"MSG_OOB\",\"MSG_DONTWAIT\"]}"},
    {"send",
     {"handle=@c", "text=x", "flags=MSG_OOB,MSG_DONTWAIT"},
     "{\"handle\":\"@c\",\"text\":\"x\",\"flags\":[\"MSG_OOB\",\"MSG_DONTWAIT\"]}"},
    {"send",
     {"handle=@c", "text=x", "flags=64"},
     "{\"handle\":\"@c\",\"text\":\"x\",\"flags\":64}"},
    {"recv",
     {"handle=@c", "size=10", "timeout=2.5", "until=\n"},
     "{\"handle\":\"@c\",\"size\":10,\"timeout\":2.5,\"until\":\"\\n\"}"},
    {"recv",
     {"handle=@c", "timeout=null", "as=base64"},
     "{\"handle\":\"@c\",\"timeout\":null,\"as\":\"base64\"}"},
    {"socket",
     {"family=AF_INET6", "type=SOCK_DGRAM", "protocol=17", "lease=permanent"},
     "{\"family\":\"AF_INET6\",\"type\":\"SOCK_DGRAM\",\"protocol\":17,\"lease\":\"permanent\"}"},
    {"socket", {"protocol=IPPROTO_UDP", "lease=30"}, "{\"protocol\":\"IPPROTO_UDP\",\"lease\":30}"},
    {"socket",
     {"options.SO_REUSEADDR=true", "name=1", "options.SO_SNDBUF=65536"},
     "{\"options\":{\"SO_REUSEADDR\":true,\"SO_SNDBUF\":65536},\"name\":\"1\"}"},
    {"socket", {"options:={\"SO_LINGER\":null}"}, "{\"options\":{\"SO_LINGER\":null}}"},
    {"create_server",
     {"address=:80", "reuse_port=yes", "dualstack=false"},
     "{\"address\":{\"host\":\"\",\"port\":80},\"reuse_port\":true,\"dualstack\":false}"},
    {"create_connection", {"host=123", "port=80"}, "{\"host\":\"123\",\"port\":80}"},
    {"getaddrinfo", {"host=h", "service=80"}, "{\"host\":\"h\",\"service\":80}"},
    {"getaddrinfo", {"host=h", "service=http"}, "{\"host\":\"h\",\"service\":\"http\"}"},
    {"setsockopt",
     {"handle=@c", "option=SO_KEEPALIVE", "value=1"},
     "{\"handle\":\"@c\",\"option\":\"SO_KEEPALIVE\",\"value\":1}"},
    {"setsockopt",
     {"handle=@c", "level=6", "number=1", "base64=AQ=="},
     "{\"handle\":\"@c\",\"level\":6,\"number\":1,\"base64\":\"AQ==\"}"},
    {"poll", {"handles=@a,16777217"}, "{\"handles\":[{\"handle\":\"@a\"},{\"handle\":16777217}]}"},
    {"poll",
     {"handles=@a:in|out,@b:out"},
     "{\"handles\":[{\"handle\":\"@a\",\"events\":[\"in\",\"out\"]},{\"handle\":\"@b\",\"events\":["
     "\"out\"]}]}"},
    {"poll", {"handles="}, "{\"handles\":[]}"},
    {"ledger.list",
     {"filter.state=closed", "limit=5", "filter.uid=0"},
     "{\"filter\":{\"state\":\"closed\",\"uid\":0},\"limit\":5}"},
    {"shutdown", {"handle=@c", "how=SHUT_WR"}, "{\"handle\":\"@c\",\"how\":\"SHUT_WR\"}"},
    {"sendfile", {"handle=@c", "file=/a=b"}, "{\"handle\":\"@c\"}"},
};

static int parse(const char *method, const char *const *words, struct words *ret)
{
    char *list[MAX_WORDS + 1];
    int n = 0;

    for (; n < MAX_WORDS && words[n]; n++)
        list[n] = (char *)words[n];
    return words_parse(method_find(method, strlen(method)), n, list, NULL, ret);
}

START_TEST(words_become_params)
{
    struct words w;
    int r = parse(rows[_i].method, rows[_i].words, &w);

    ck_assert_msg(r == 0, "%s", w.message.data);
    ck_assert_str_eq(w.params.data, rows[_i].params);
    words_done(&w);
}
END_TEST

/* How people write addresses. */
static const struct {
    const char *typed, *json; /* NULL: no address */
} addresses[] = {
    {"127.0.0.1:80", "{\"host\":\"127.0.0.1\",\"port\":80}"},
    {"localhost:80", "{\"host\":\"localhost\",\"port\":80}"},
    {"[::1]:80", "{\"host\":\"::1\",\"port\":80}"},
    {"[fe80::1%eth0]:80", "{\"host\":\"fe80::1\",\"port\":80,\"scope\":\"eth0\"}"},
    {"fe80::1%2", "{\"host\":\"fe80::1\",\"port\":0,\"scope\":\"2\"}"},
    {"::1", "{\"host\":\"::1\",\"port\":0}"},
    {"[::1]", "{\"host\":\"::1\",\"port\":0}"},
    {"127.0.0.1", "{\"host\":\"127.0.0.1\",\"port\":0}"},
    {":8080", "{\"host\":\"\",\"port\":8080}"},
    {"*:8080", "{\"host\":\"\",\"port\":8080}"},
    {"[::]:0", "{\"host\":\"::\",\"port\":0}"},
    {"unix:/run/x", "{\"path\":\"/run/x\"}"},
    {"unix:rel", "{\"path\":\"rel\"}"},
    {"/run/x:1", "{\"path\":\"/run/x:1\"}"},
    {"unix:@abstract", "{\"abstract\":\"abstract\"}"},
    {"h:65535", "{\"host\":\"h\",\"port\":65535}"},
    {"h:65536", NULL},
    {"h:http", NULL},
    {"h:", NULL},
    {"h:-1", NULL},
    {"h:1:2", NULL},
    {"[::1", NULL},
    {"[::1]80", NULL},
    {"\xff:1", NULL},
    {"unix:\xff", NULL},
};

START_TEST(address_as_typed)
{
    static const struct field field = {.name = "address", .type = FIELD_ADDRESS};
    struct buf b = {0};
    bool ok = value_write(&b, VALUE_OF_FIELD, &field, addresses[_i].typed);

    buf_add_char(&b, '\0');
    ck_assert_msg(ok == (addresses[_i].json != NULL), "%s -> %s", addresses[_i].typed, b.data);
    if (ok)
        ck_assert_str_eq(b.data, addresses[_i].json);
    buf_done(&b);
}
END_TEST

/* What is wrong, and what the message must say. */
static const struct {
    const char *method, *words[MAX_WORDS], *says;
} mistakes[] = {
    {"ping", {"eco=1"}, "did you mean echo?"},
    {"ping", {"echo"}, "\"echo\" is not KEY=VALUE"},
    {"ping", {"=1"}, "not KEY=VALUE"},
    {"ping", {"echo=1", "echo=2"}, "echo is given twice"},
    {"ping", {"echo:=nan"}, "is not JSON"},
    {"ping", {"echo:=1}"}, "is not JSON"},
    {"ping", {"echo=\xff"}, "is not UTF-8"},
    {"ping", {"echo:=99999999999999999999"}, "is not JSON"},
    {"ping", {"echo.x=1"}, "there is no parameter echo.x"},
    {"gethostname", {"x=1"}, "It takes no parameters"},
    {"bind", {"handle=@c"}, "address=ADDRESS is missing"},
    {"bind", {"address=:1"}, "handle=HANDLE|NAME is missing"},
    {"bind", {"handle=@c", "adress=:1"}, "did you mean address?\nIt takes: handle address"},
    {"bind", {"handle=@c", "address=h:x"}, "address: \"h:x\" is not an address: HOST:PORT"},
    {"send", {"handle=@c"}, "text=TEXT is missing"},
    {"send", {"handle=@c", "text=a", "base64=YQ=="}, "base64 is given twice"},
    {"listen", {"handle=@c", "backlog=many"}, "backlog: \"many\" is not an integer"},
    {"listen", {"handle=@c", "backlog=1.5"}, "is not an integer"},
    {"listen", {"handle=@c", "backlog="}, "is not an integer"},
    {"recv", {"handle=@c", "timeout=soon"}, "is not a number of seconds"},
    {"recv", {"handle=@c", "timeout=inf"}, "is not a number of seconds"},
    {"recv", {"handle=@c", "timeout=0x10"}, "is not a number of seconds"},
    {"socket", {"lease=never"}, "is not session, permanent"},
    {"socket", {"options=SO_KEEPALIVE"}, "give KEY.MEMBER=VALUE"},
    {"socket", {"options.A=1", "options.A=2"}, "twice"},
    {"socket", {"options.A=1", "options:={}"}, "options is given twice"},
    {"socket", {"options:={}", "options.A=1"}, "options.A is given twice"},
    {"create_server", {"address=:1", "dualstack=maybe"}, "is not true or false"},
    {"poll", {"handles=@a:in:x"}, "a list ITEM"},
    {"poll", {NULL}, "handles=ITEM,… is missing"},
    {"ledger.list", {"filter=closed"}, "give KEY.MEMBER=VALUE"},
    {"ledger.list", {"filter.stat=closed"}, "did you mean filter.state?\nIt takes: filter.state"},
    {"ledger.list", {"filter.uid=root"}, "filter.uid: \"root\" is not an integer"},
    {"sendfile", {"handle=@c"}, "file=PATH or fd=NUMBER is missing"},
};

START_TEST(mistakes_are_named)
{
    struct words w;

    ck_assert_int_eq(parse(mistakes[_i].method, mistakes[_i].words, &w), -1);
    ck_assert_msg(strstr(w.message.data, mistakes[_i].says), "%s", w.message.data);
    words_done(&w);
}
END_TEST

START_TEST(file_goes_along)
{
    char handle[] = "handle=@c", file[] = "file=/x", *list[] = {handle, file};
    const struct method *sendfile = method_at(METHOD_sendfile), *close = method_at(METHOD_close);
    struct words w;

    ck_assert_int_eq(words_parse(sendfile, 2, list, "/y", &w), 0);
    ck_assert_str_eq(w.file, "/x");
    words_done(&w);
    ck_assert_int_eq(words_parse(sendfile, 1, list, "/y", &w), 0);
    ck_assert_str_eq(w.file, "/y");
    words_done(&w);
    ck_assert_int_eq(words_parse(close, 1, list, "/y", &w), -1);
    words_done(&w);
}
END_TEST

/* The samples of `berth help`: every parameter of every method can be typed, and the codec takes
 * it. */
START_TEST(samples_are_taken)
{
    const struct method *method = method_at((enum method_id)_i);
    char words[32][128], *list[32], text[4096];
    struct arena a = {0};
    struct json json = {0};
    struct error e = {0};
    struct words w;
    int n = 0;
    void *into;

    for (size_t i = 0; i < method->params->n_fields; i++) {
        const struct field *field = &method->params->fields[i];
        bool is_group = field->type == FIELD_OBJECT || field->type == FIELD_OPTIONS;

        snprintf(words[n], sizeof *words, "%s%s%s",
                 field->type == FIELD_PAYLOAD ? "text" : field->name, is_group ? "." : "=",
                 words_sample(field));
        list[n] = words[n];
        n++;
    }
    ck_assert_msg(words_parse(method, n, list, method->flags & FD_IN ? "/x" : NULL, &w) == 0, "%s",
                  w.message.data);
    snprintf(text, sizeof text, "[%s]", w.params.data);
    ck_assert_int_eq(json_scan(&json, text, strlen(text), &e), 0);
    into = arena_alloc(&a, method->params->n_bytes + 1);
    ck_assert_msg(codec_decode(method->params, CODEC_STRICT, &json, 1, &a, into, &e) == 0,
                  "%s: %s: %s", method->name, w.params.data, e.message);
    json_done(&json);
    arena_done(&a);
    words_done(&w);
}
END_TEST

START_TEST(each_type_has_words)
{
    ck_assert_ptr_nonnull(words_placeholder((enum field_type)_i));
}
END_TEST

START_TEST(methods_that_are_near)
{
    ck_assert_str_eq(words_nearest_method("conect")->name, "connect");
    ck_assert_str_eq(words_nearest_method("getsocktopt")->name, "getsockopt");
    ck_assert_str_eq(words_nearest_method("ledger.lst")->name, "ledger.list");
    ck_assert_ptr_null(words_nearest_method("xyzzyxyzzy"));
    ck_assert_ptr_null(words_nearest_method(""));
}
END_TEST

static const struct {
    const char *line, *words; /* joined by | */
    int n;
} lines[] = {
    {"", "", 0},
    {" \t\r\n", "", 0},
    {"# all of it", "", 0},
    {"ping", "ping", 1},
    {"  ping  echo=1 # why\n", "ping|echo=1", 2},
    {"ping echo=a#b", "ping|echo=a#b", 2},
    {"send text='a  b'", "send|text=a  b", 2},
    {"send 'te'\"xt=\"a\\ b", "send|text=a b", 2},
    {"x \"a\\\"b\\\\c\\n\"", "x|a\"b\\c\\n", 2},
    {"x 'a\\'", "x|a\\", 2},
    {"x ''", "x|", 2},
    {"x '' \"\" y", "x|||y", 4},
    {"x 'open", NULL, SPLIT_OPEN_QUOTE},
    {"x \"open'", NULL, SPLIT_OPEN_QUOTE},
    {"x end\\", "x|end\\", 2},
};

START_TEST(line_is_split)
{
    char line[100], joined[100] = "", *words[SPLIT_MAX_WORDS + 1];
    int at = 0;

    snprintf(line, sizeof line, "%s", lines[_i].line);
    ck_assert_int_eq(split_line(line, words), lines[_i].n);
    for (int i = 0; i < lines[_i].n; i++)
        at += snprintf(joined + at, sizeof joined - (size_t)at, "%s%s", i ? "|" : "", words[i]);
    if (lines[_i].words) {
        ck_assert_str_eq(joined, lines[_i].words);
        ck_assert_ptr_null(words[lines[_i].n]);
    }
}
END_TEST

/* n words, then a comment. */
static int split_many(size_t n)
{
    char line[2 * SPLIT_MAX_WORDS + 8], *words[SPLIT_MAX_WORDS + 1];

    memset(line, ' ', sizeof line);
    for (size_t i = 0; i < n; i++)
        line[2 * i] = 'x';
    snprintf(line + 2 * n, 4, "# y");
    return split_line(line, words);
}

START_TEST(line_of_too_many_words)
{
    ck_assert_int_eq(split_many(SPLIT_MAX_WORDS), SPLIT_MAX_WORDS);
    ck_assert_int_eq(split_many(SPLIT_MAX_WORDS + 1), SPLIT_TOO_MANY);
}
END_TEST

#define N(list) ((int)(sizeof(list) / sizeof *(list)))

int main(void)
{
    Suite *suite = suite_create("cli_words");
    TCase *tests = tcase_create("words");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, words_become_params, 0, N(rows));
    tcase_add_loop_test(tests, address_as_typed, 0, N(addresses));
    tcase_add_loop_test(tests, mistakes_are_named, 0, N(mistakes));
    tcase_add_test(tests, file_goes_along);
    tcase_add_loop_test(tests, samples_are_taken, 0, N_METHODS);
    tcase_add_loop_test(tests, each_type_has_words, 0, N_FIELD_TYPES);
    tcase_add_test(tests, methods_that_are_near);
    tcase_add_loop_test(tests, line_is_split, 0, N(lines));
    tcase_add_test(tests, line_of_too_many_words);
    return house_run(suite);
}
