/* check_call_table.c — what holds for every method, tried on each row of the method table: a
 * parameter that is unknown, missing or of the wrong type is named; a handle that is unknown is
 * said to be; and whatever was wrong, the session goes on. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "house.h"
#include "proto/methods.h"

/* A value of the type, right as far as the type goes; and one that no row of that type takes. */
static const struct {
    const char *right, *wrong;
} samples[N_FIELD_TYPES] = {
    [FIELD_BOOL] = {"true", "'yes'"},
    [FIELD_INT] = {"1", "'1'"},
    [FIELD_NUMBER] = {"1.5", "'1.5'"},
    [FIELD_TEXT] = {"'x'", "7"},
    [FIELD_SERVICE] = {"'1'", "true"},
    [FIELD_JSON] = {"7", NULL},
    [FIELD_PAYLOAD] = {"'x'", "7"},
    [FIELD_BASE64] = {"'eA=='", "'no base64'"},
    [FIELD_HANDLE] = {"16777217", "true"},
    [FIELD_TIMEOUT] = {"1", "-1"},
    [FIELD_LEASE] = {"'session'", "'for ever'"},
    [FIELD_ADDRESS] = {"['127.0.0.1',1]", "true"},
    [FIELD_SOCKADDR] = {"{'family':'AF_INET','host':'127.0.0.1','port':1}", "true"},
    [FIELD_FAMILY] = {"'AF_INET'", "'AF_NONE'"},
    [FIELD_SOCKTYPE] = {"'SOCK_STREAM'", "'SOCK_NONE'"},
    [FIELD_PROTOCOL] = {"'IPPROTO_TCP'", "'IPPROTO_NO_SUCH'"},
    [FIELD_LEVEL] = {"'SOL_SOCKET'", "'SOL_NONE'"},
    [FIELD_HOW] = {"'SHUT_WR'", "'SHUT_NONE'"},
    [FIELD_MSG_FLAGS] = {"'MSG_PEEK'", "'MSG_NONE'"},
    [FIELD_AI_FLAGS] = {"'AI_PASSIVE'", "'AI_NONE'"},
    [FIELD_NI_FLAGS] = {"'NI_NUMERICHOST'", "'NI_NONE'"},
    [FIELD_FORM] = {"'text'", "'html'"},
    [FIELD_OPTIONS] = {"{'SO_REUSEADDR':true}", "true"},
    [FIELD_TEXTS] = {"['in']", "'in'"},
    [FIELD_INTS] = {"[1]", "1"},
    [FIELD_SOCKADDRS] = {"[]", "1"},
    [FIELD_LIST] = {"[]", "7"},
    [FIELD_OBJECT] = {"{}", "7"},
};

static const char *key_of(const struct field *field)
{
    return field->type == FIELD_PAYLOAD ? "text" : field->name;
}

/* -- making parameters -- */

struct params {
    char text[2048];
    size_t n;
};

static void add(struct params *p, const char *key, const char *value)
{
    int n =
        snprintf(p->text + p->n, sizeof p->text - p->n, "%s'%s':%s", p->n ? "," : "{", key, value);

    ck_assert_int_gt(n, 0);
    p->n += (size_t)n;
    ck_assert_uint_lt(p->n, sizeof p->text);
}

/* What is required, all but `without`. */
static struct params required(const struct shape *shape, const struct field *without)
{
    struct params p = {0};

    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].need == REQUIRED && &shape->fields[i] != without)
            add(&p, key_of(&shape->fields[i]), samples[shape->fields[i].type].right);
    return p;
}

static const char *end(struct params *p)
{
    strcpy(p->text + p->n, p->n ? "}" : "{}");
    return p->text;
}

/* One request; the method's descriptor goes with it. */
static json_t *ask(struct house_client *c, const struct method *m, struct params *params)
{
    char line[4096];
    int fd;

    if (!(m->flags & FD_IN))
        return house_ask(c, m->name, "%s", end(params));
    snprintf(line, sizeof line, "{'id':9,'method':'%s','fds':1,'params':%s}", m->name, end(params));
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    house_send_fds(c, line, &fd, 1);
    close(fd);
    return house_next(c);
}

/* -- what must come of it -- */

/* `key` may be a path as "handles[0].events": the name is the parameter, the message tells all of
 * it. */
static void expect_named(struct house_client *c, json_t *reply, const struct method *m,
                         const char *key)
{
    const char *name = NULL;

    ck_assert_msg(house_has(reply, "error"), "%s takes a wrong %s", m->name, key);
    ck_assert_msg(house_int(reply, "error.code") == -32602, "%s: %s: %s", m->name, key,
                  house_text(reply, "error.message"));
    ck_assert_str_eq(house_text(reply, "error.data.kind"), "protocol");
    name = house_text(reply, "error.data.name");
    ck_assert_uint_eq(strlen(name), strcspn(key, ".["));
    ck_assert_msg(strncmp(name, key, strlen(name)) == 0, "%s names %s, not %s", m->name, name, key);
    ck_assert_str_eq(house_text(reply, "error.data.op"), m->name);
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.message"), key));
    ck_assert_int_eq(house_int(house_do(c, "ledger.audit", "{}"), "opened"), 0);
}

START_TEST(an_unknown_key_is_named)
{
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();
    struct params p = required(m->params, NULL);

    add(&p, "surprise", "1");
    expect_named(c, ask(c, m, &p), m, "surprise");
}
END_TEST

START_TEST(a_missing_key_is_named)
{
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();

    for (size_t i = 0; i < m->params->n_fields; i++) {
        const struct field *field = &m->params->fields[i];
        struct params p = required(m->params, field);

        if (field->need == REQUIRED)
            expect_named(c, ask(c, m, &p), m, key_of(field));
    }
}
END_TEST

/* `inside`: a key of a value of its own, "filter" or "handles[0]"; NULL: of the parameters
 * themselves. */
static void try_wrong_type(struct house_client *c, const struct method *m,
                           const struct field *of_method, const char *inside,
                           const struct field *field)
{
    struct params p = required(m->params, of_method);
    char key[64], value[512];

    if (!samples[field->type].wrong)
        return;
    if (!inside) {
        add(&p, key_of(field), samples[field->type].wrong);
        expect_named(c, ask(c, m, &p), m, key_of(field));
        return;
    }
    snprintf(key, sizeof key, "%s.%s", inside, field->name);
    snprintf(value, sizeof value, of_method->type == FIELD_LIST ? "[{'%s':%s}]" : "{'%s':%s}",
             field->name, samples[field->type].wrong);
    add(&p, of_method->name, value);
    expect_named(c, ask(c, m, &p), m, key);
}

START_TEST(a_key_of_the_wrong_type_is_named)
{
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();

    for (size_t i = 0; i < m->params->n_fields; i++) {
        const struct field *field = &m->params->fields[i];
        char inside[64];

        try_wrong_type(c, m, field, NULL, field);
        snprintf(inside, sizeof inside, field->type == FIELD_LIST ? "%s[0]" : "%s", field->name);
        for (size_t k = 0; field->of && k < field->of()->n_fields; k++)
            try_wrong_type(c, m, field, inside, &field->of()->fields[k]);
    }
}
END_TEST

/* By position the same rows hold. */
START_TEST(too_many_by_position)
{
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();
    struct params p = {0};

    if (m->flags & FD_IN)
        return;
    p.n = (size_t)snprintf(p.text, sizeof p.text, "[0");
    for (size_t i = 0; i < m->params->n_fields; i++)
        p.n += (size_t)snprintf(p.text + p.n, sizeof p.text - p.n, ",0");
    strcpy(p.text + p.n, "]");
    house_send(c, "{'id':1,'method':'%s','params':%s}", m->name, p.text);
    expect_named(c, house_next(c), m, "params");
}
END_TEST

START_TEST(an_unknown_handle_is_said_to_be)
{
    static const char *const unknown[] = {"1", "16777217", "9007199254740991", "'nobody'",
                                          "'@nobody'"};
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();

    if (!m->handle)
        return;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        struct params p = required(m->params, m->handle);
        json_t *reply;

        add(&p, "handle", unknown[i]);
        reply = ask(c, m, &p);
        ck_assert_int_eq(house_int(reply, "error.code"), -32012);
        house_expect_error(reply, "handle", "UNKNOWN");
        ck_assert_str_eq(house_text(reply, "error.data.op"), m->name);
    }
    house_do(c, "ping", "{}");
}
END_TEST

/* A closed handle says that it is closed, and how; ledger.get tells its row. */
START_TEST(a_closed_handle_is_said_to_be)
{
    const struct method *m = method_at((enum method_id)_i);
    struct house_client *c = house_client();
    long long handle = house_make(c, "socket", "{}");
    struct params p = {0};
    json_t *reply;
    char text[32];

    house_do(c, "close", "{'handle':%lld}", handle);
    if (!m->handle)
        return;
    p = required(m->params, m->handle);
    snprintf(text, sizeof text, "%lld", handle);
    add(&p, "handle", text);
    reply = ask(c, m, &p);
    if (m->flags & CLOSED_TOO) {
        ck_assert_str_eq(house_text(reply, "result.state"), "closed");
        return;
    }
    house_expect_error(reply, "handle", "CLOSED");
    ck_assert_int_eq(house_int(reply, "error.data.handle"), handle);
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.message"), "how: closed"));
}
END_TEST

/* The requirement of `timeout` and `handle` rows that dispatch relies on. */
START_TEST(the_table_finds_its_own_rows)
{
    const struct method *m = method_at((enum method_id)_i);

    ck_assert_ptr_eq(method_find(m->name, strlen(m->name)), m);
    if (m->handle)
        ck_assert_int_eq(m->handle->type, FIELD_HANDLE);
    if (m->timeout)
        ck_assert_int_eq(m->timeout->type, FIELD_TIMEOUT);
    ck_assert(m->lanes == NO_LANE || m->handle);
}
END_TEST

START_TEST(an_unknown_method_is_named)
{
    struct house_client *c = house_client();
    json_t *reply = house_ask(c, "bnd", "{}");

    ck_assert_int_eq(house_int(reply, "error.code"), -32601);
    house_expect_error(reply, "protocol", "METHOD_NOT_FOUND");
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.message"), "bnd"));
    house_do(c, "ping", "{}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("call_table");
    TCase *tc = house_case(suite, "every method");

    tcase_add_loop_test(tc, an_unknown_key_is_named, 0, N_METHODS);
    tcase_add_loop_test(tc, a_missing_key_is_named, 0, N_METHODS);
    tcase_add_loop_test(tc, a_key_of_the_wrong_type_is_named, 0, N_METHODS);
    tcase_add_loop_test(tc, too_many_by_position, 0, N_METHODS);
    tcase_add_loop_test(tc, an_unknown_handle_is_said_to_be, 0, N_METHODS);
    tcase_add_loop_test(tc, a_closed_handle_is_said_to_be, 0, N_METHODS);
    tcase_add_loop_test(tc, the_table_finds_its_own_rows, 0, N_METHODS);
    tcase_add_test(tc, an_unknown_method_is_named);
    return house_run(suite);
}
