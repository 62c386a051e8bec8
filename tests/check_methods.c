/* check_methods.c — the table of methods: that it is sound, that all of it can be found, and that
 * it asks for what the protocol says. */
#include <stdio.h>
#include <string.h>

#include "proto/methods.h"
#include "tests/fds.h"
#include "tests/samples.h"

#define N(table) (sizeof(table) / sizeof *(table))

#define for_each_row(shape, row)                                                                   \
    for (const struct field *row = (shape)->fields; row < (shape)->fields + (shape)->n_fields;     \
         row++)

static const struct shape *shapes[SAMPLES_MAX_SHAPES];
static size_t n_shapes;

static void begin(void)
{
    n_shapes = samples_shapes(shapes);
}

/* -- methods -- */

START_TEST(every_method_is_found)
{
    for (int id = 0; id < N_METHODS; id++) {
        const struct method *m = method_at((enum method_id)id);
        char longer[64];
        size_t n = strlen(m->name);

        ck_assert_int_eq(m->id, id);
        ck_assert_ptr_eq(method_find(m->name, n), m);
        snprintf(longer, sizeof longer, "%sx", m->name);
        ck_assert_ptr_eq(method_find(longer, n), m); /* n bytes and no more */
        ck_assert_ptr_null(method_find(longer, n + 1));
        for (int other = 0; other < id; other++)
            ck_assert_str_ne(method_at((enum method_id)other)->name, m->name);
    }
}
END_TEST

START_TEST(nothing_else_is_found)
{
    static const char *const names[] = {
        "",       "x",       "PING",
        "Ping",   "pin",     "pings",
        " ping",  "ping ",   "rpc.",
        "rpc",    "ledger",  "aaaaaa",
        "zzzzzz", "ledger.", "recvf",
        "\xff",   "sendal",  "a very long name that is longer than any method's"};

    for (size_t i = 0; i < N(names); i++)
        ck_assert_msg(!method_find(names[i], strlen(names[i])), "%s", names[i]);
}
END_TEST

START_TEST(every_method_is_described)
{
    for (int id = 0; id < N_METHODS; id++) {
        const struct method *m = method_at((enum method_id)id);
        size_t n = strlen(m->doc);

        ck_assert_msg(n > 10 && m->doc[0] >= 'A' && m->doc[0] <= 'Z', "%s: %s", m->name, m->doc);
        ck_assert_msg(m->doc[n - 1] == '.', "%s: %s", m->name, m->doc);
        ck_assert_msg(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_.") == strlen(m->name), "%s",
                      m->name);
        ck_assert_ptr_nonnull(m->params);
        ck_assert_ptr_nonnull(m->result);
        ck_assert(!(m->flags & WHOLE_RESULT) || m->result->n_fields == 1);
        ck_assert(m->lanes <= LANE_ALL);
    }
}
END_TEST

/* Who stands in a handle's lanes must have a handle; who takes a timeout says so in a row of that
 * name. */
START_TEST(handles_and_timeouts)
{
    for (int id = 0; id < N_METHODS; id++) {
        const struct method *m = method_at((enum method_id)id);

        ck_assert_ptr_eq(m->handle, field_find(m->params, "handle", 6));
        ck_assert_ptr_eq(m->timeout, field_find(m->params, "timeout", 7));
        ck_assert_msg(m->lanes == NO_LANE || m->handle, "%s has lanes but no handle", m->name);
        ck_assert_msg(!(m->flags & CLOSED_TOO) || m->handle,
                      "%s takes closed handles but no handle", m->name);
        ck_assert(!m->handle || (m->handle->type == FIELD_HANDLE && m->handle->need == REQUIRED));
        ck_assert(!m->timeout || m->timeout->type == FIELD_TIMEOUT);
    }
}
END_TEST

/* -- rows -- */

START_TEST(rows_are_sound)
{
    for (size_t i = 0; i < n_shapes; i++) {
        const struct shape *shape = shapes[i];
        size_t end = 0;

        ck_assert(*shape->name);
        for_each_row(shape, row)
        {
            ck_assert_msg(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_0123456789") ==
                              strlen(row->name),
                          "%s.%s", shape->name, row->name);
            ck_assert_msg(row->doc && strlen(row->doc) > 2, "%s.%s has no sentence", shape->name,
                          row->name);
            ck_assert_int_lt(row->type, N_FIELD_TYPES);
            ck_assert_msg((row->of != NULL) ==
                              (row->type == FIELD_LIST || row->type == FIELD_OBJECT),
                          "%s.%s", shape->name, row->name);
            ck_assert_msg(row->offset >= end, "%s.%s lies in the row before", shape->name,
                          row->name);
            end = row->offset + sizeof(bool);
            ck_assert_ptr_eq(field_find(shape, row->name, strlen(row->name)),
                             row->type == FIELD_PAYLOAD ? NULL : row);
        }
        ck_assert_uint_le(end, shape->n_bytes);
    }
}
END_TEST

/* By position what may be left out stands behind what may not. */
START_TEST(what_is_required_comes_first)
{
    for (int id = 0; id < N_METHODS; id++) {
        const struct shape *shape = method_at((enum method_id)id)->params;
        const struct field *optional = NULL;

        for_each_row(shape, row)
        {
            ck_assert_msg(!optional || row->need == OPTIONAL, "%s.%s stands behind %s", shape->name,
                          row->name, optional->name);
            optional = row->need == OPTIONAL ? row : optional;
        }
    }
}
END_TEST

START_TEST(a_payload_has_two_keys)
{
    const struct shape *shape = shape_send_params();
    const struct field *payload = field_find(shape, "text", 4);

    ck_assert_ptr_nonnull(payload);
    ck_assert_int_eq(payload->type, FIELD_PAYLOAD);
    ck_assert_ptr_eq(field_find(shape, "base64", 6), payload);
    ck_assert_ptr_null(field_find(shape, "payload", 7));
    ck_assert_ptr_null(field_find(shape, "tex", 3));
    ck_assert_ptr_null(field_find(shape, "base6", 5));
    /* Where there is no payload these are names like others. */
    ck_assert_int_eq(field_find(shape_inet_pton_params(), "text", 4)->type, FIELD_TEXT);
    ck_assert_int_eq(field_find(shape_inet_ntop_params(), "base64", 6)->type, FIELD_BASE64);
    ck_assert_ptr_null(field_find(shape_inet_ntop_params(), "text", 4));
}
END_TEST

START_TEST(every_type_has_a_name)
{
    for (int type = 0; type < N_FIELD_TYPES; type++)
        ck_assert_msg(field_type_name((enum field_type)type), "type %d", type);
}
END_TEST

/* -- what the protocol promises -- */

/* The keys that a request must have, and those that it may; then those that a result always has,
 * and has at times. There may be more that may be left out. */
static const struct {
    const char *name, *required, *optional, *result, *result_optional;
} contract[] = {
    {"hello", "", "client label unordered", "server protocol session peer role limits features",
     ""},
    {"ping", "", "echo", "uptime", "echo"},
    {"cancel", "id", "", "cancelled", ""},
    {"rpc.discover", "", "", "document", ""},
    {"socket", "", "family type protocol name lease pool label site options", "handle cookie", ""},
    {"socketpair", "", "type name", "handles", ""},
    {"bind", "handle address", "", "address", ""},
    {"listen", "handle", "backlog", "backlog", ""},
    {"accept", "handle", "timeout name lease", "handle peer address", ""},
    {"connect", "handle address", "timeout", "address peer", ""},
    {"create_connection", "host port", "timeout source family name lease",
     "handle peer address attempts", ""},
    {"create_server", "address", "family backlog reuse_port dualstack name lease",
     "handle address adopted", ""},
    {"send", "handle text", "flags timeout", "sent", ""},
    {"sendall", "handle text", "flags timeout", "sent", ""},
    {"sendto", "handle address text", "flags", "sent", ""},
    {"recv", "handle", "size exactly until prefix flags timeout as", "text eof", ""},
    {"recvfrom", "handle", "size flags timeout as", "text truncated length", "address"},
    {"sendfile", "handle", "offset count", "sent", ""},
    {"shutdown", "handle how", "", "", ""},
    {"setsockopt", "handle", "option level number value", "", "value"},
    {"getsockopt", "handle", "option level number", "", "value"},
    {"settimeout", "handle timeout", "", "timeout", ""},
    {"gettimeout", "handle", "", "timeout", ""},
    {"setdefaulttimeout", "timeout", "", "timeout", ""},
    {"getsockname", "handle", "", "address", ""},
    {"getpeername", "handle", "", "address", ""},
    {"join_group", "handle group", "interface source", "", ""},
    {"leave_group", "handle group", "interface source", "", ""},
    {"poll", "handles", "timeout", "ready", ""},
    {"getaddrinfo", "host", "service family type protocol flags timeout", "addresses", ""},
    {"getnameinfo", "address", "flags", "host service", ""},
    {"gethostbyname", "host", "", "host addresses", ""},
    {"gethostname", "", "", "host", ""},
    {"inet_pton", "family text", "", "base64", ""},
    {"inet_ntop", "family base64", "", "text", ""},
    {"inet_aton", "text", "", "base64", ""},
    {"inet_ntoa", "base64", "", "text", ""},
    {"if_nameindex", "", "", "interfaces", ""},
    {"ledger.list", "", "filter limit after", "rows", "next"},
    {"ledger.audit", "", "", "opened live closed reclaimed expired handed_off lost balance", ""},
};

/* Every key of the list is there and needed so; returns how many they are. */
static size_t ck_keys(const char *method, const struct shape *shape, const char *keys,
                      enum field_need need)
{
    size_t n_keys = 0;

    for (const char *key = keys; *key; n_keys++) {
        size_t n = strcspn(key, " ");
        const struct field *row = field_find(shape, key, n);

        ck_assert_msg(row && row->need == need, "%s: %.*s is %s", method, (int)n, key,
                      !row ? "missing" : "needed otherwise");
        key += n + (key[n] == ' ');
    }
    return n_keys;
}

static size_t n_required(const struct shape *shape)
{
    size_t n = 0;

    for_each_row(shape, row) n += row->need == REQUIRED;
    return n;
}

START_TEST(what_the_protocol_promises)
{
    for (size_t i = 0; i < N(contract); i++) {
        const char *name = contract[i].name;
        const struct method *m = method_find(name, strlen(name));

        ck_assert_msg(m, "there is no %s", name);
        ck_assert_msg(ck_keys(name, m->params, contract[i].required, REQUIRED) ==
                          n_required(m->params),
                      "%s asks for more than %s", name, contract[i].required);
        ck_keys(name, m->params, contract[i].optional, OPTIONAL);
        ck_keys(name, m->result, contract[i].result, REQUIRED);
        ck_keys(name, m->result, contract[i].result_optional, OPTIONAL);
    }
}
END_TEST

START_TEST(rows_of_the_ledger)
{
    const struct shape *row = shape_ledger_row();

    ck_keys("row", row,
            "handle pool state custody family type cookie inode owner lease survives opened age "
            "last_used "
            "sent_bytes received_bytes suspect",
            REQUIRED);
    ck_keys("row", row, "name address peer label site end transitions", OPTIONAL);
    ck_keys("owner", shape_owner(), "uid gid pid session", REQUIRED);
    ck_keys("owner", shape_owner(), "exe label", OPTIONAL);
    ck_keys("end", shape_ending(), "how at", REQUIRED);
    ck_keys("end", shape_ending(), "reason", OPTIONAL);
    ck_assert_ptr_eq(method_at(METHOD_close)->result, row);
    ck_assert_ptr_eq(method_at(METHOD_ledger_get)->result, row);
    ck_assert_int_eq(method_at(METHOD_sendfile)->flags & FD_IN, FD_IN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("methods");
    TCase *tests = fds_case(suite, "methods");

    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, every_method_is_found);
    tcase_add_test(tests, nothing_else_is_found);
    tcase_add_test(tests, every_method_is_described);
    tcase_add_test(tests, handles_and_timeouts);
    tcase_add_test(tests, rows_are_sound);
    tcase_add_test(tests, what_is_required_comes_first);
    tcase_add_test(tests, a_payload_has_two_keys);
    tcase_add_test(tests, every_type_has_a_name);
    tcase_add_test(tests, what_the_protocol_promises);
    tcase_add_test(tests, rows_of_the_ledger);
    return fds_run(suite);
}
