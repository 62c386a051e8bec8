/* Socket addresses as clients write them: which members there are, which go together, what is in
 * range. What an address means to a socket is address_sockaddr.c's. */
#include "address.h"

#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "constants.h"

enum {
    /* A path has a NUL behind it, an abstract name in front. */
    MAX_PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
    /* Traffic class and flow label: what the kernel keeps of it. */
    MAX_FLOWINFO = 0xfffffff,
};

/* One address being read. */
struct reading {
    const struct json *json;
    const char *param; /* of the whole address */
    char path[128];    /* of the member in work, for errors */
    struct arena *a;
    struct wire_address *ret;
    int family; /* of the member "family" */
    struct error *e;
};

static int wrong_type(struct reading *r, uint32_t token, const char *takes)
{
    return error_param(r->e, r->path, "must be %s, not %s", takes,
                       json_type_name(r->json->tokens[token].type));
}

static int read_string(struct reading *r, uint32_t token, const char *takes, const char **ret,
                       size_t *ret_n)
{
    const struct json_token *t = &r->json->tokens[token];

    if (t->type != JSON_STRING)
        return wrong_type(r, token, takes);
    if (t->has_nul)
        return error_param(r->e, r->path, "must not contain \\u0000");
    *ret = json_get_string(r->json, token, r->a, ret_n);
    return *ret ? 0 : error_memory(r->e);
}

static int read_range(struct reading *r, uint32_t token, int64_t max, int64_t *ret)
{
    if (!json_get_integer(r->json, token, ret))
        return wrong_type(r, token, "an integer");
    if (*ret < 0 || *ret > max)
        return error_param(r->e, r->path, "must be from 0 to %lld", (long long)max);
    return 0;
}

static int read_host(struct reading *r, uint32_t token)
{
    r->ret->kind = ADDRESS_INET;
    return read_string(r, token, "a string", &r->ret->text, &r->ret->n);
}

static int read_port(struct reading *r, uint32_t token)
{
    int64_t v;
    int e = read_range(r, token, UINT16_MAX, &v);

    if (!e)
        r->ret->port = (uint16_t)v;
    return e;
}

static int read_flowinfo(struct reading *r, uint32_t token)
{
    int64_t v;
    int e = read_range(r, token, MAX_FLOWINFO, &v);

    if (!e)
        r->ret->flowinfo = (uint32_t)v;
    return e;
}

/* 0 is no scope, as in sockaddr_in6. */
static int read_scope(struct reading *r, uint32_t token)
{
    int64_t v;
    size_t n;
    int e;

    if (r->json->tokens[token].type == JSON_STRING) {
        e = read_string(r, token, "a string", &r->ret->scope, &n);
        return e || n ? e : error_param(r->e, r->path, "must not be empty");
    }
    if (!json_get_integer(r->json, token, &v))
        return wrong_type(r, token, "an interface's name or number");
    if ((e = read_range(r, token, UINT32_MAX, &v)) || v == 0)
        return e;
    r->ret->scope = arena_printf(r->a, "%lld", (long long)v);
    return r->ret->scope ? 0 : error_memory(r->e);
}

/* "" is a Unix socket without a name, as getsockname tells it; bind makes an abstract name of it.
 */
static int read_path(struct reading *r, uint32_t token)
{
    struct wire_address *ret = r->ret;
    int e = read_string(r, token, "a string", &ret->text, &ret->n);

    if (e)
        return e;
    ret->kind = ADDRESS_PATH;
    if (ret->n && *ret->text != '/')
        return error_param(r->e, r->path,
                           "a path must be absolute: the daemon's directory is not yours");
    if (ret->n > MAX_PATH_BYTES)
        return error_param(r->e, r->path, "a path has at most %d bytes, not %zu", MAX_PATH_BYTES,
                           ret->n);
    return 0;
}

static int read_abstract(struct reading *r, uint32_t token)
{
    struct wire_address *ret = r->ret;
    int e = read_string(r, token, "a string", &ret->text, &ret->n);

    if (e)
        return e;
    ret->kind = ADDRESS_ABSTRACT;
    if (ret->n == 0 || ret->n > MAX_PATH_BYTES)
        return error_param(r->e, r->path, "an abstract name has 1 to %d bytes, not %zu",
                           MAX_PATH_BYTES, ret->n);
    return 0;
}

static int read_family(struct reading *r, uint32_t token)
{
    const char *name, *near;
    size_t n;
    int e = read_string(r, token, "an AF_ name", &name, &n);

    if (e)
        return e;
    if (constant_find(CONSTANT_FAMILY, name, n, &r->family) && r->family != AF_UNSPEC)
        return 0;
    near = constant_nearest(CONSTANT_FAMILY, name, n);
    return error_param(r->e, r->path, "is not an address family%s%s", near ? "; did you mean " : "",
                       near ? near : "");
}

enum { HOST, PORT, FLOWINFO, SCOPE, PATH, ABSTRACT, FAMILY, N_MEMBERS };

/* The first four in the order of Python's tuples. */
static const struct {
    const char *key;
    int (*read)(struct reading *r, uint32_t token);
} members[N_MEMBERS] = {
    [HOST] = {"host", read_host},
    [PORT] = {"port", read_port},
    [FLOWINFO] = {"flowinfo", read_flowinfo},
    [SCOPE] = {"scope", read_scope},
    [PATH] = {"path", read_path},
    [ABSTRACT] = {"abstract", read_abstract},
    [FAMILY] = {"family", read_family},
};

static void enter(struct reading *r, const char *key, int n)
{
    snprintf(r->path, sizeof r->path, "%.60s.%.*s", r->param, n < 60 ? n : 60, key);
}

/* Which member the key is. N_MEMBERS and an error when there is none. */
static int find_member(struct reading *r, uint32_t key)
{
    const struct json_token *t = &r->json->tokens[key];
    int i;

    for (i = 0; i < N_MEMBERS; i++)
        if (json_equals(r->json, key, members[i].key, strlen(members[i].key)))
            return i;
    enter(r, r->json->text + t->start, (int)(t->end - t->start));
    error_param(r->e, r->path, "is not a member of an address");
    return i;
}

/* The members must make one address: one of the three kinds, and nothing of another. */
static int check_members(struct reading *r, unsigned seen)
{
    static const unsigned inet = 1 << HOST | 1 << PORT | 1 << FLOWINFO | 1 << SCOPE;
    unsigned kind = seen & inet ? inet : seen & 1 << PATH ? 1 << PATH : 1 << ABSTRACT;
    unsigned surplus = seen & ~kind & ~(1u << FAMILY);

    if (!(seen & ~(1u << FAMILY)))
        return error_param(r->e, r->param, "needs host and port, or path, or abstract");
    if (surplus) {
        enter(r, members[__builtin_ctz(surplus)].key, INT_MAX);
        return error_param(r->e, r->path, "does not go with %s",
                           kind == inet ? "host and port" : "path");
    }
    if (kind != inet || (seen & 3) == 3)
        return 0;
    enter(r, seen & 1 << HOST ? "port" : "host", INT_MAX);
    return error_param(r->e, r->path, "is missing%s", seen & 1 << HOST ? "; 0 asks for any" : "");
}

static int check_family(struct reading *r)
{
    int own = address_family(r->ret);

    if (r->ret->kind == ADDRESS_INET && (own == AF_UNSPEC || r->ret->n == 0))
        own = r->family == AF_INET6 ? AF_INET6 : AF_INET; /* a name or the wildcard has either */
    if (r->family == AF_UNSPEC || r->family == own)
        return 0;
    enter(r, "family", INT_MAX);
    return error_param(r->e, r->path, "does not fit the rest, which is %s",
                       constant_name(CONSTANT_FAMILY, own));
}

static int decode_object(struct reading *r, uint32_t token)
{
    uint32_t key = token + 1;
    unsigned seen = 0;
    int i, e;

    for (uint32_t n = r->json->tokens[token].n; n > 0; n--) {
        if ((i = find_member(r, key)) == N_MEMBERS)
            return ERROR_INVALID_PARAMS;
        enter(r, members[i].key, INT_MAX);
        if ((e = members[i].read(r, key + 1)))
            return e;
        seen |= 1u << i;
        key = r->json->tokens[key + 1].next;
    }
    e = check_members(r, seen);
    return e ? e : check_family(r);
}

static int decode_array(struct reading *r, uint32_t token)
{
    uint32_t n = r->json->tokens[token].n, item = token + 1;
    int e = 0;

    if (n < 2 || n > 4)
        return error_param(r->e, r->param,
                           "must be [host, port], [host, port, flowinfo] or "
                           "[host, port, flowinfo, scope]");
    for (uint32_t i = 0; i < n && !e; i++, item = r->json->tokens[item].next) {
        snprintf(r->path, sizeof r->path, "%.60s[%u]", r->param, i);
        e = members[i].read(r, item);
    }
    return e;
}

int address_decode(const struct json *json, uint32_t token, const char *param, struct arena *a,
                   struct wire_address *ret, struct error *e)
{
    struct wire_address address = {0};
    struct reading r = {.json = json, .param = param, .a = a, .ret = &address, .e = e};
    int result;

    snprintf(r.path, sizeof r.path, "%.60s", param);
    switch (json->tokens[token].type) {
    case JSON_OBJECT:
        result = decode_object(&r, token);
        break;
    case JSON_ARRAY:
        result = decode_array(&r, token);
        break;
    case JSON_STRING:
        result = read_path(&r, token);
        if (result == ERROR_INVALID_PARAMS)
            e->hint = "a text is the path of an AF_UNIX socket; others are "
                      "{\"host\":\"127.0.0.1\",\"port\":80}";
        break;
    default:
        return wrong_type(&r, token, "{\"host\",\"port\"}, {\"path\"} or {\"abstract\"}");
    }
    if (!result)
        *ret = address;
    return result;
}
