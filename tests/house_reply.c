/* house_reply.c — looking at what the daemon answered, and the requests that many tests begin with.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "house.h"

/* -- looking at replies -- */

json_t *house_at(json_t *v, const char *path)
{
    while (v && *path) {
        size_t n = strcspn(path, ".");
        char key[64];

        ck_assert_uint_lt(n, sizeof key);
        memcpy(key, path, n);
        key[n] = '\0';
        v = *key >= '0' && *key <= '9' && json_is_array(v) ? json_array_get(v, (size_t)atoi(key))
                                                           : json_object_get(v, key);
        path += n + (path[n] == '.');
    }
    return v;
}

static json_t *must_be(json_t *reply, const char *path, bool good, json_t *v, const char *what)
{
    char *text = v && good ? NULL : json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY);

    ck_assert_msg(v && good, "%s is no %s in %.2000s", path, what, text);
    return v;
}

long long house_int(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    return json_integer_value(must_be(reply, path, json_is_integer(v), v, "integer"));
}

const char *house_text(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    return json_string_value(must_be(reply, path, json_is_string(v), v, "string"));
}

bool house_bool(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    return json_is_true(must_be(reply, path, json_is_boolean(v), v, "boolean"));
}

double house_number(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    return json_number_value(must_be(reply, path, json_is_number(v), v, "number"));
}

bool house_has(json_t *reply, const char *path)
{
    return house_at(reply, path);
}

bool house_is_null(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    return v && json_is_null(v);
}

size_t house_size(json_t *reply, const char *path)
{
    json_t *v = house_at(reply, path);

    must_be(reply, path, json_is_array(v) || json_is_object(v), v, "array or object");
    return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

void house_expect_id(json_t *reply, int id)
{
    ck_assert_int_eq(house_int(reply, "id"), id);
}

void house_expect_error(json_t *reply, const char *kind, const char *name)
{
    json_t *e = json_object_get(reply, "error") ? json_object_get(reply, "error") : reply;
    char *text = json_dumps(reply, JSON_COMPACT);

    ck_assert_msg(house_at(e, "data.kind"), "no error: %s", text);
    ck_assert_msg(strcmp(house_text(e, "data.kind"), kind) == 0 &&
                      strcmp(house_text(e, "data.name"), name) == 0,
                  "expected %s %s: %s", kind, name, text);
    free(text);
}

/* -- sockets that many tests need -- */

long long house_listen(struct house_client *c, int *ret_port)
{
    json_t *r = house_do(c, "create_server", "{'address':['127.0.0.1',0]}");

    *ret_port = (int)house_int(r, "address.port");
    return house_int(r, "handle");
}

void house_connect(struct house_client *c, long long ret_ends[2])
{
    int port;
    long long listener = house_listen(c, &port);

    ret_ends[0] = house_make(c, "create_connection", "{'host':'127.0.0.1','port':%d}", port);
    ret_ends[1] = house_make(c, "accept", "{'handle':%lld}", listener);
    house_do(c, "close", "{'handle':%lld}", listener);
}

void house_pair(struct house_client *c, const char *type, long long ret_ends[2])
{
    json_t *r = house_do(c, "socketpair", "{'type':'%s'}", type);

    ret_ends[0] = house_int(r, "handles.0");
    ret_ends[1] = house_int(r, "handles.1");
}
