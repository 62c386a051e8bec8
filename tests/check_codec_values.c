/* check_codec_values.c — the forms in which each type of value may be written, what is made of
 * them, and which are refused. Addresses and options have suites of their own. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/limits.h"
#include "tests/codec_try.h"

#define N(table) (sizeof(table) / sizeof *(table))

/* Text that is taken, and how berth writes what it understood (NULL: the same). */
static const struct {
    shape_fn *shape;
    const char *text, *written;
} taken[] = {
    {shape_setdefaulttimeout_params, "{\"timeout\":null}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":0}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":-0.0}", "{\"timeout\":0}"},
    {shape_setdefaulttimeout_params, "{\"timeout\":2.5}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":25e-1}", "{\"timeout\":2.5}"},
    {shape_setdefaulttimeout_params, "{\"timeout\":16.1}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":0.000001}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":1000000000}", NULL},
    {shape_setdefaulttimeout_params, "{\"timeout\":999999999.999999}", NULL},
    /* Less than can be waited is not the same as not at all. */
    {shape_setdefaulttimeout_params, "{\"timeout\":1e-7}", "{\"timeout\":0.000001}"},
    {shape_setdefaulttimeout_params, "{\"timeout\":1e-300}", "{\"timeout\":0.000001}"},

    {shape_socketpair_params, "{\"lease\":\"session\"}", NULL},
    {shape_socketpair_params, "{\"lease\":\"permanent\"}", NULL},
    {shape_socketpair_params, "{\"lease\":\"p\\u0065rmanent\"}", "{\"lease\":\"permanent\"}"},
    {shape_socketpair_params, "{\"lease\":2.5}", NULL},
    {shape_socketpair_params, "{\"lease\":16.1}", NULL},
    {shape_socketpair_params, "{\"lease\":86400}", NULL},
    {shape_socketpair_params, "{\"lease\":1e-9}", "{\"lease\":0.000001}"},

    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"MSG_PEEK\"}", "{\"handle\":1,\"flags\":2}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"MSG_PEEK|MSG_OOB\"}",
     "{\"handle\":1,\"flags\":3}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\" MSG_PEEK | MSG_OOB \"}",
     "{\"handle\":1,\"flags\":3}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[\"MSG_PEEK\",\"MSG_OOB\"]}",
     "{\"handle\":1,\"flags\":3}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[\"MSG_PEEK|MSG_OOB\",\"MSG_DONTWAIT\"]}",
     "{\"handle\":1,\"flags\":67}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[\"MSG_PEEK\",\"MSG_PEEK\"]}",
     "{\"handle\":1,\"flags\":2}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[]}", "{\"handle\":1,\"flags\":0}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"\"}", "{\"handle\":1,\"flags\":0}"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":0}", NULL},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":66}", NULL},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":2147483647}", NULL},
    {shape_getaddrinfo_params, "{\"host\":\"h\",\"flags\":\"AI_PASSIVE|AI_NUMERICHOST\"}",
     "{\"host\":\"h\",\"flags\":5}"},
    {shape_getnameinfo_params,
     "{\"address\":{\"host\":\"::1\",\"port\":1},\"flags\":[\"NI_NUMERICHOST\"]}",
     "{\"address\":{\"host\":\"::1\",\"port\":1},\"flags\":1}"},

    {shape_socket_params,
     "{\"family\":\"AF_INET6\",\"type\":\"SOCK_DGRAM\",\"protocol\":\"IPPROTO_UDP\"}", NULL},
    {shape_socket_params, "{\"family\":\"AF_\\u0055NIX\"}", "{\"family\":\"AF_UNIX\"}"},
    {shape_socket_params, "{\"protocol\":6}", "{\"protocol\":\"IPPROTO_TCP\"}"},
    {shape_socket_params, "{\"protocol\":253}", NULL},
    {shape_socket_params, "{\"protocol\":2147483647}", NULL},
    {shape_getsockopt_params, "{\"handle\":1,\"level\":\"SOL_TCP\"}",
     "{\"handle\":1,\"level\":\"IPPROTO_TCP\"}"},
    {shape_getsockopt_params, "{\"handle\":1,\"level\":1}",
     "{\"handle\":1,\"level\":\"SOL_SOCKET\"}"},
    {shape_shutdown_params, "{\"handle\":1,\"how\":\"SHUT_RDWR\"}", NULL},
    {shape_recv_params, "{\"handle\":1,\"as\":\"text\"}", NULL},

    {shape_handle_params, "{\"handle\":9007199254740991}", NULL},
    {shape_handle_params, "{\"handle\":1.6777217e7}", "{\"handle\":16777217}"},
    {shape_handle_params, "{\"handle\":\"web\"}", NULL},
    {shape_handle_params, "{\"handle\":\"@c\"}", NULL},
    {shape_handle_params, "{\"handle\":\"16777217\"}", NULL}, /* a name, if an odd one */

    {shape_send_params, "{\"handle\":1,\"text\":\"\"}", NULL},
    {shape_send_params, "{\"handle\":1,\"text\":\"a\\u0000b\"}", NULL},
    {shape_send_params, "{\"handle\":1,\"text\":\"\\u00e9\\/\"}",
     "{\"handle\":1,\"text\":\"\xc3\xa9/\"}"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"\"}", NULL},
    {shape_send_params, "{\"handle\":1,\"base64\":\"aGk=\"}", NULL},
    {shape_send_params, "{\"handle\":1,\"base64\":\"aGk\\u003d\"}",
     "{\"handle\":1,\"base64\":\"aGk=\"}"},
    {shape_send_params, "{\"base64\":\"AP8=\",\"handle\":1}", "{\"handle\":1,\"base64\":\"AP8=\"}"},
    {shape_send_params, "[1,\"hi\"]", "{\"handle\":1,\"text\":\"hi\"}"},

    {shape_listen_params, "{\"handle\":1,\"backlog\":1e2}", "{\"handle\":1,\"backlog\":100}"},
    {shape_listen_params, "{\"handle\":1,\"backlog\":-5}", NULL},
    {shape_getaddrinfo_params, "{\"host\":\"h\",\"service\":80}",
     "{\"host\":\"h\",\"service\":\"80\"}"},
    {shape_getaddrinfo_params, "{\"host\":\"\",\"service\":\"http\"}", NULL},
    {shape_ping_params, "{\"echo\":null}", NULL},
    {shape_ping_params, "{\"echo\":[1, { \"a\" :2e0}]}", NULL},
    {shape_ping_params, "{\"echo\":\"\\u00e9\\/\"}", NULL},
    {shape_hello_params, "{\"client\":\"\",\"unordered\":false}", NULL},
    {shape_poll_params, "{\"handles\":[]}", NULL},
    {shape_poll_params,
     "{\"handles\":[{\"handle\":1,\"events\":[]},{\"handle\":\"@c\"}],\"timeout\":0}", NULL},
    {shape_socketpair_result, "{\"handles\":[1.0,-2]}", "{\"handles\":[1,-2]}"},
    {shape_socket_params, "{\"options\":{}}", NULL},
    {shape_socket_params, "{\"options\":{\"SO_KEEPALIVE\":1}}",
     "{\"options\":{\"SO_KEEPALIVE\":true}}"},
    {shape_address_result, "{\"address\":{\"family\":\"AF_UNIX\",\"path\":\"\"}}", NULL},
};

START_TEST(forms_that_are_taken)
{
    struct buf out = {0};

    for (size_t i = 0; i < N(taken); i++) {
        const char *written = taken[i].written ? taken[i].written : taken[i].text;

        buf_add_text(codec_try_anew(), taken[i].text);
        codec_try_taken(taken[i].shape(), codec_try_decode(taken[i].shape(), CODEC_STRICT));
        codec_try_encode(taken[i].shape(), &out);
        ck_assert_msg(buf_len(&out) == strlen(written) &&
                          memcmp(out.data, written, buf_len(&out)) == 0,
                      "%s becomes %.*s", taken[i].text, (int)buf_len(&out), out.data);
        buf_truncate(&out, 0);
    }
    buf_done(&out);
}
END_TEST

/* Text that is refused, where the error points, and a word of what it says. */
static const struct {
    shape_fn *shape;
    const char *text, *path, *says;
} refused[] = {
    {shape_setdefaulttimeout_params, "{\"timeout\":-1}", "timeout", "null"},
    {shape_setdefaulttimeout_params, "{\"timeout\":-1e-9}", "timeout", "null"},
    {shape_setdefaulttimeout_params, "{\"timeout\":1000000001}", "timeout", "1e9"},
    {shape_setdefaulttimeout_params, "{\"timeout\":1e400}", "timeout", "1e9"},
    {shape_setdefaulttimeout_params, "{\"timeout\":\"5\"}", "timeout", "seconds"},
    {shape_setdefaulttimeout_params, "{\"timeout\":false}", "timeout", "seconds"},
    {shape_setdefaulttimeout_params, "{\"timeout\":[1]}", "timeout", "seconds"},

    {shape_socketpair_params, "{\"lease\":0}", "lease", "above 0"},
    {shape_socketpair_params, "{\"lease\":-3}", "lease", "above 0"},
    {shape_socketpair_params, "{\"lease\":\"\"}", "lease", "permanent"},
    {shape_socketpair_params, "{\"lease\":\"Session\"}", "lease", "session"},
    {shape_socketpair_params, "{\"lease\":\"sessions\"}", "lease", "session"},
    {shape_socketpair_params, "{\"lease\":\"60\"}", "lease", "seconds"},

    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"MSG_PEAK\"}", "flags", "MSG_PEEK"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"|\"}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"  \"}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"MSG_PEEK||MSG_OOB\"}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"MSG_PEEK MSG_OOB\"}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[\"MSG_PEEK\",7]}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":[[\"MSG_PEEK\"]]}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":-1}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":2147483648}", "flags", "MSG_"},
    {shape_recvfrom_params, "{\"handle\":1,\"flags\":\"AI_PASSIVE\"}", "flags", "AI_PASSIVE"},

    {shape_socket_params, "{\"family\":\"AF_INET4\"}", "family", "AF_INET"},
    {shape_socket_params, "{\"family\":\"\"}", "family", "AF_"},
    {shape_socket_params, "{\"family\":2}", "family", "AF_"},
    {shape_socket_params, "{\"family\":\"SOCK_STREAM\"}", "family", "AF_"},
    {shape_socket_params, "{\"type\":\"stream\"}", "type", "SOCK_STREAM"},
    {shape_socket_params, "{\"protocol\":\"tcp\"}", "protocol", "IPPROTO_TCP"},
    {shape_socket_params, "{\"protocol\":-1}", "protocol", "range"},
    {shape_socket_params, "{\"protocol\":2147483648}", "protocol", "range"},
    {shape_socket_params, "{\"protocol\":6.5}", "protocol", "IPPROTO_"},
    {shape_shutdown_params, "{\"handle\":1,\"how\":\"WR\"}", "how", "SHUT_WR"},
    {shape_shutdown_params, "{\"handle\":1,\"how\":1}", "how", "SHUT_"},
    {shape_recv_params, "{\"handle\":1,\"as\":\"TEXT\"}", "as", "text"},

    {shape_handle_params, "{\"handle\":\"\"}", "handle", "128"},
    {shape_handle_params, "{\"handle\":1.5}", "handle", "number or name"},
    {shape_handle_params, "{\"handle\":null}", "handle", "null"},
    {shape_handle_params, "{\"handle\":{\"id\":1}}", "handle", "an object"},

    {shape_send_params, "{\"handle\":1}", "text", "text or base64 is missing"},
    {shape_send_params, "{\"handle\":1,\"text\":\"a\",\"base64\":\"YQ==\"}", "base64", "both"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"YQ==\",\"text\":\"a\"}", "text", "both"},
    {shape_send_params, "{\"handle\":1,\"text\":\"\",\"base64\":\"\"}", "base64", "both"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"YQ\"}", "base64", "RFC 4648"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"YQ==\\n\"}", "base64", "RFC 4648"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"YR==\"}", "base64", "RFC 4648"},
    {shape_send_params, "{\"handle\":1,\"base64\":\"-_-_\"}", "base64", "RFC 4648"},
    {shape_send_params, "{\"handle\":1,\"base64\":[1]}", "base64", "array"},
    {shape_send_params, "{\"handle\":1,\"text\":12}", "text", "an integer"},
    {shape_inet_ntop_params, "{\"family\":\"AF_INET\",\"base64\":\"\\u0000\\u0000\"}", "base64",
     "\\u0000"},

    {shape_listen_params, "{\"handle\":1,\"backlog\":1.5}", "backlog", "integer"},
    {shape_listen_params, "{\"handle\":1,\"backlog\":\"5\"}", "backlog", "integer"},
    {shape_hello_params, "{\"unordered\":1}", "unordered", "boolean"},
    {shape_hello_params, "{\"unordered\":\"true\"}", "unordered", "boolean"},
    {shape_getaddrinfo_params, "{\"host\":\"h\",\"service\":80.5}", "service", "text or number"},
    {shape_poll_params, "{\"handles\":{}}", "handles", "list"},
    {shape_hello_result, "{\"features\":[\"a\",null]}", "features[1]", "null"},
    {shape_socketpair_result, "{\"handles\":[1,\"x\"]}", "handles", "integers"},

    {shape_bind_params, "{\"handle\":1,\"address\":{\"host\":\"h\",\"port\":65536}}",
     "address.port", "65535"},
    {shape_bind_params, "{\"handle\":1,\"address\":{\"host\":\"h\",\"prot\":1}}", "address.prot",
     "member"},
    {shape_bind_params, "{\"handle\":1,\"address\":[\"h\",\"http\"]}", "address[1]", "integer"},
    {shape_socket_params, "{\"options\":{\"SO_KEEPALIV\":true}}", "options", "SO_KEEPALIVE"},
    {shape_socket_params, "{\"options\":[\"SO_KEEPALIVE\"]}", "options", "array"},
    {shape_ledger_list_params, "{\"filter\":{\"uid\":\"root\"}}", "filter.uid", "integer"},
    {shape_ledger_list_params, "{\"filter\":{\"who\":1}}", "filter.who", "no such"},
    {shape_ledger_list_params, "{\"filter\":\"state\"}", "filter", "object"},
};

START_TEST(forms_that_are_refused)
{
    for (size_t i = 0; i < N(refused); i++) {
        const struct shape *shape = refused[i].shape();

        buf_add_text(codec_try_anew(), refused[i].text);
        codec_try_named(shape, codec_try_decode(shape, CODEC_STRICT), refused[i].path);
        ck_assert_msg(strstr(codec_try.e.message, refused[i].says), "%s: %s", refused[i].text,
                      codec_try.e.message);
    }
}
END_TEST

/* -- what stands in the struct -- */

static const void *decoded(shape_fn *shape, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const void *decoded(shape_fn *shape, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_add_text(codec_try_anew(), text);
    codec_try_taken(shape(), codec_try_decode(shape(), CODEC_STRICT));
    return codec_try.into;
}

/* Times are whole microseconds: what is written with so many digits is exactly that. */
START_TEST(microseconds)
{
    const struct setdefaulttimeout_params *p;

    for (int64_t usec = 0; usec < 100000000; usec += 99991) {
        p = decoded(shape_setdefaulttimeout_params, "{\"timeout\":%lld.%06lld}",
                    (long long)(usec / 1000000), (long long)(usec % 1000000));
        ck_assert_int_eq(p->timeout.usec, usec);
    }
    p = decoded(shape_setdefaulttimeout_params, "{\"timeout\":1e9}");
    ck_assert_int_eq(p->timeout.usec, INT64_C(1000000000000000));
    p = decoded(shape_setdefaulttimeout_params, "{\"timeout\":1e-20}");
    ck_assert_int_eq(p->timeout.usec, 1);
    p = decoded(shape_setdefaulttimeout_params, "{\"timeout\":null}");
    ck_assert(p->timeout.set && p->timeout.usec == FOREVER);
}
END_TEST

START_TEST(leases)
{
    const struct socketpair_params *p = decoded(shape_socketpair_params, "{}");

    ck_assert(!p->lease.set);
    p = decoded(shape_socketpair_params, "{\"lease\":\"session\"}");
    ck_assert(p->lease.set && p->lease.usec == LEASE_SESSION);
    p = decoded(shape_socketpair_params, "{\"lease\":\"permanent\"}");
    ck_assert(p->lease.set && p->lease.usec == LEASE_PERMANENT);
    p = decoded(shape_socketpair_params, "{\"lease\":0.25}");
    ck_assert(p->lease.set && p->lease.usec == 250000);
    p = decoded(shape_socketpair_params, "{\"lease\":1e-9}");
    ck_assert(p->lease.set && p->lease.usec == 1);
}
END_TEST

START_TEST(payloads)
{
    const struct send_params *p =
        decoded(shape_send_params, "{\"handle\":1,\"text\":\"a\\u0000\\n\"}");

    ck_assert_uint_eq(p->payload.n, 3);
    ck_assert_mem_eq(p->payload.data, "a\0\n", 4);
    ck_assert_int_eq(p->payload.form, FORM_TEXT);
    p = decoded(shape_send_params, "{\"handle\":1,\"base64\":\"AP8K\"}");
    ck_assert_uint_eq(p->payload.n, 3);
    ck_assert_mem_eq(p->payload.data, "\0\xff\n", 3);
    ck_assert_int_eq(p->payload.form, FORM_BASE64);
    p = decoded(shape_send_params, "{\"handle\":1,\"text\":\"\"}");
    ck_assert(p->payload.data && p->payload.n == 0);
    p = decoded(shape_send_params, "{\"handle\":1,\"base64\":\"\"}");
    ck_assert(p->payload.data && p->payload.n == 0);
}
END_TEST

/* The form of a payload that berth sends: as asked for, where the bytes allow it. */
START_TEST(payloads_written)
{
    static const struct {
        const char *data;
        size_t n;
        enum wire_form form;
        const char *written;
    } cases[] = {
        {"hi\n", 3, FORM_AUTO, "{\"text\":\"hi\\n\",\"eof\":false}"},
        {"", 0, FORM_AUTO, "{\"text\":\"\",\"eof\":false}"},
        {"\xc3\xa9", 2, FORM_AUTO, "{\"text\":\"\xc3\xa9\",\"eof\":false}"},
        {"\xff", 1, FORM_AUTO, "{\"base64\":\"/w==\",\"eof\":false}"},
        {"\xc3", 1, FORM_AUTO, "{\"base64\":\"ww==\",\"eof\":false}"},
        {"a\0b", 3, FORM_AUTO, "{\"base64\":\"YQBi\",\"eof\":false}"},
        {"a\0b", 3, FORM_TEXT, "{\"text\":\"a\\u0000b\",\"eof\":false}"},
        {"\xff", 1, FORM_TEXT, "{\"base64\":\"/w==\",\"eof\":false}"},
        {"hi", 2, FORM_BASE64, "{\"base64\":\"aGk=\",\"eof\":false}"},
        {"", 0, FORM_BASE64, "{\"base64\":\"\",\"eof\":false}"},
    };
    struct buf out = {0};

    for (size_t i = 0; i < N(cases); i++) {
        struct recv_result r = {.payload = {cases[i].data, cases[i].n, cases[i].form},
                                .eof = {true, false}};

        codec_encode(shape_recv_result(), &r, &out);
        buf_add_char(&out, '\0');
        ck_assert_str_eq(out.data, cases[i].written);
        buf_truncate(&out, 0);
    }
    buf_done(&out);
}
END_TEST

START_TEST(handles_and_names)
{
    const struct handle_params *p = decoded(shape_handle_params, "{\"handle\":16777217}");
    char name[LIMIT_NAME_BYTES + 2];

    ck_assert(p->handle.set && p->handle.id == 16777217 && !p->handle.name);
    p = decoded(shape_handle_params, "{\"handle\":\"@\\u0063\"}");
    ck_assert(p->handle.set);
    ck_assert_str_eq(p->handle.name, "@c");
    memset(name, 'n', sizeof name);
    name[LIMIT_NAME_BYTES] = '\0';
    p = decoded(shape_handle_params, "{\"handle\":\"%s\"}", name);
    ck_assert_str_eq(p->handle.name, name);
    buf_printf(codec_try_anew(), "{\"handle\":\"%sx\"}", name);
    codec_try_named(shape_handle_params(), codec_try_decode(shape_handle_params(), CODEC_STRICT),
                    "handle");
}
END_TEST

START_TEST(flags_and_names)
{
    const struct recv_params *p =
        decoded(shape_recv_params,
                "{\"handle\":1,\"flags\":[\"MSG_PEEK\",\"MSG_WAITALL\"],\"as\":\"base64\"}");
    const struct socket_params *s;

    ck_assert(p->flags.set && p->flags.v == (MSG_PEEK | MSG_WAITALL));
    ck_assert(p->as.set && p->as.v == FORM_BASE64);
    ck_assert(!p->size.set && !p->timeout.set && !p->until.s);
    s = decoded(shape_socket_params,
                "{\"family\":\"AF_UNIX\",\"type\":\"SOCK_SEQPACKET\",\"protocol\":0}");
    ck_assert(s->family.set && s->family.v == AF_UNIX);
    ck_assert(s->type.set && s->type.v == SOCK_SEQPACKET);
    ck_assert(s->protocol.set && s->protocol.v == 0);
}
END_TEST

START_TEST(too_many_options)
{
    struct buf *text = codec_try_anew();

    buf_add_text(text, "{\"options\":{");
    for (int i = 0; i <= LIMIT_OPTIONS; i++)
        buf_printf(text, "%s\"SO_%d\":1", i ? "," : "", i);
    buf_add_text(text, "}}");
    codec_try_named(shape_socket_params(), codec_try_decode(shape_socket_params(), CODEC_STRICT),
                    "options");
    ck_assert_msg(strstr(codec_try.e.message, "64"), "%s", codec_try.e.message);
}
END_TEST

/* A text of the system may be no UTF-8; what is written is JSON all the same. */
START_TEST(texts_that_are_not_utf8)
{
    const struct host_result r = {.host = {"caf\xe9", 4}};
    struct buf out = {0};

    codec_encode(shape_host_result(), &r, &out);
    buf_add_char(&out, '\0');
    ck_assert_str_eq(out.data, "{\"host\":\"caf\xef\xbf\xbd\"}");
    buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_values");
    TCase *tests = codec_try_case(suite, "codec_values");

    tcase_add_test(tests, forms_that_are_taken);
    tcase_add_test(tests, forms_that_are_refused);
    tcase_add_test(tests, microseconds);
    tcase_add_test(tests, leases);
    tcase_add_test(tests, payloads);
    tcase_add_test(tests, payloads_written);
    tcase_add_test(tests, handles_and_names);
    tcase_add_test(tests, flags_and_names);
    tcase_add_test(tests, too_many_options);
    tcase_add_test(tests, texts_that_are_not_utf8);
    return fds_run(suite);
}
