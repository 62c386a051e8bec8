/* Socket options on their way to the kernel: a JSON value becomes the bytes that setsockopt takes.
 * The way back is option_encode.c; which options there are stands in option_table.c.
 *
 * Knows no socket. */
#include "option.h"

#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "constants.h"
#include "limits.h"
#include "option_reading.h"

int option_wrong_type(const struct option_reading *r, const char *takes)
{
    return error_param(r->e, r->param, "%s takes %s, not %s", r->option->name, takes,
                       json_type_name(r->json->tokens[r->token].type));
}

int option_put(const struct option_reading *r, const void *bytes, size_t n)
{
    if (n > sizeof r->ret->data)
        return error_param(r->e, r->param, "%s: %zu bytes are more than the %zu that fit",
                           r->option->name, n, sizeof r->ret->data);
    if (n)
        memcpy(r->ret->data, bytes, n);
    r->ret->n = n;
    return 0;
}

int option_read_text(const struct option_reading *r, uint32_t token, const char *takes, char **ret,
                     size_t *ret_n)
{
    const struct json_token *t = &r->json->tokens[token];

    if (t->type != JSON_STRING)
        return error_param(r->e, r->param, "%s takes %s, not %s", r->option->name, takes,
                           json_type_name(t->type));
    if (t->has_nul)
        return error_param(r->e, r->param, "%s: a text must not contain \\u0000", r->option->name);
    *ret = json_get_string(r->json, token, r->a, ret_n);
    return *ret ? 0 : error_memory(r->e);
}

int option_read_members(const struct option_reading *r, const char *const *keys, size_t n_keys,
                        uint32_t *ret_tokens)
{
    const struct json *json = r->json;
    uint32_t key = r->token + 1;
    size_t n;

    for (uint32_t i = 0; i < json->tokens[r->token].n; i++) {
        for (n = 0; n < n_keys && !json_equals(json, key, keys[n], strlen(keys[n])); n++)
            ;
        if (n == n_keys)
            return error_param(r->e, r->param, "%s has no member \"%.*s\"", r->option->name,
                               (int)(json->tokens[key].end - json->tokens[key].start),
                               json->text + json->tokens[key].start);
        ret_tokens[n] = key + 1;
        key = json->tokens[key + 1].next;
    }
    return 0;
}

static bool take_flag(const struct json *json, uint32_t token, int *ret)
{
    enum json_type type = json->tokens[token].type;
    int64_t v = type == JSON_TRUE;

    if (type != JSON_TRUE && type != JSON_FALSE && !json_get_integer(json, token, &v))
        return false;
    if (v != 0 && v != 1)
        return false;
    *ret = (int)v;
    return true;
}

static int read_flag(const struct option_reading *r)
{
    int v;

    if (!take_flag(r->json, r->token, &v))
        return error_param(r->e, r->param, "%s takes true or false", r->option->name);
    return option_put(r, &v, sizeof v);
}

/* An option of 8 bytes; null is what JSON gets of a number that it cannot carry: no limit. */
static int read_wide(const struct option_reading *r)
{
    int64_t v;

    if (r->json->tokens[r->token].type == JSON_NULL)
        return option_put(r, &(uint64_t){UINT64_MAX}, sizeof(uint64_t));
    if (!json_get_integer(r->json, r->token, &v))
        return option_wrong_type(r, "an integer or null");
    if (v < 0)
        return error_param(r->e, r->param, "%s takes an integer from 0", r->option->name);
    return option_put(r, &v, sizeof v);
}

static int read_int(const struct option_reading *r)
{
    bool is_mark = r->option->level == SOL_SOCKET && r->option->number == SO_MARK;
    bool is_byte = r->option->type == OPTION_BYTE;
    int64_t min = is_mark || is_byte ? 0 : INT_MIN;
    int64_t max = is_mark ? UINT32_MAX : is_byte ? UINT8_MAX : INT_MAX;
    int64_t v;
    uint32_t word;

    if (option_size(r->option) == sizeof(uint64_t))
        return read_wide(r);
    if (!json_get_integer(r->json, r->token, &v))
        return option_wrong_type(r, "an integer");
    if (v < min || v > max)
        return error_param(r->e, r->param, "%s takes an integer from %lld to %lld", r->option->name,
                           (long long)min, (long long)max);
    word = (uint32_t)v;
    return option_put(r, &word, sizeof word);
}

static int read_timeval(const struct option_reading *r)
{
    struct timeval tv;
    double v;

    if (!json_get_number(r->json, r->token, &v))
        return option_wrong_type(r, "seconds");
    if (v < 0 || v > INT_MAX)
        return error_param(r->e, r->param, "%s takes seconds from 0 to %d", r->option->name,
                           INT_MAX);
    tv.tv_sec = (time_t)v;
    tv.tv_usec = (suseconds_t)lround((v - floor(v)) * 1e6);
    if (tv.tv_usec == 1000000) {
        tv.tv_usec = 0;
        tv.tv_sec++;
    }
    /* To the kernel, 0 means for ever. */
    if (v > 0 && tv.tv_sec == 0 && tv.tv_usec == 0)
        tv.tv_usec = 1;
    return option_put(r, &tv, sizeof tv);
}

static bool take_seconds(const struct json *json, uint32_t token, int *ret)
{
    int64_t v;

    if (!json_get_integer(json, token, &v) || v < 0 || v > INT_MAX)
        return false;
    *ret = (int)v;
    return true;
}

static int read_linger_members(const struct option_reading *r, struct linger *v)
{
    static const char *const keys[] = {"onoff", "linger"};
    uint32_t tokens[2] = {0};
    int e = option_read_members(r, keys, 2, tokens);

    if (e)
        return e;
    if (!tokens[0] || !take_flag(r->json, tokens[0], &v->l_onoff))
        return error_param(r->e, r->param, "%s: onoff must be true or false", r->option->name);
    /* 0 seconds throws unsent data away, so that they have to be said. */
    if (tokens[1] ? !take_seconds(r->json, tokens[1], &v->l_linger) : v->l_onoff)
        return error_param(r->e, r->param, "%s: linger must be whole seconds from 0",
                           r->option->name);
    return 0;
}

static int read_linger(const struct option_reading *r)
{
    enum json_type type = r->json->tokens[r->token].type;
    struct linger v = {.l_onoff = type != JSON_NULL};
    int e = 0;

    if (type == JSON_OBJECT)
        e = read_linger_members(r, &v);
    else if (type != JSON_NULL && !take_seconds(r->json, r->token, &v.l_linger))
        e = error_param(r->e, r->param,
                        "%s takes {\"onoff\":true,\"linger\":5}, null, or whole seconds from 0",
                        r->option->name);
    return e ? e : option_put(r, &v, sizeof v);
}

static int read_name(const struct option_reading *r)
{
    /* IFNAMSIZ, TCP_CA_NAME_MAX and TCP_ULP_NAME_MAX with their NUL; the kernel cuts off silently.
     */
    enum { MAX_BYTES = 15 };
    char *text;
    size_t n;
    int e;

    if ((e = option_read_text(r, r->token, "a text", &text, &n)))
        return e;
    if (n > MAX_BYTES)
        return error_param(r->e, r->param, "%s takes at most %d bytes", r->option->name, MAX_BYTES);
    return option_put(r, text, n);
}

static int read_bytes(const struct option_reading *r)
{
    char *text, *data;
    size_t n;
    bool bad;
    int e;

    if ((e = option_read_text(r, r->token, "bytes as base64", &text, &n)))
        return e;
    if ((data = json_from_base64(text, n, r->a, &n, &bad)))
        return option_put(r, data, n);
    return bad ? error_param(r->e, r->param, "%s: it is not base64 (RFC 4648, padded)",
                             r->option->name)
               : error_memory(r->e);
}

/* IPV6_ADDRFORM: the one family that can be set. */
static int read_domain(const struct option_reading *r)
{
    char *name;
    size_t n;
    int e, v;

    if ((e = option_read_text(r, r->token, "an AF_ name", &name, &n)))
        return e;
    if (!constant_find(CONSTANT_FAMILY, name, n, &v))
        return error_param(r->e, r->param, "%s takes an AF_ name", r->option->name);
    return option_put(r, &v, sizeof v);
}

/* Types that are only read have no reader. */
static int (*const readers[])(const struct option_reading *r) = {
    [OPTION_FLAG] = read_flag,
    [OPTION_INT] = read_int,
    [OPTION_BYTE] = read_int,
    [OPTION_TIMEVAL] = read_timeval,
    [OPTION_LINGER] = read_linger,
    [OPTION_TEXT] = read_name,
    [OPTION_IN_ADDR] = option_read_in_addr,
    [OPTION_IF] = option_read_if,
    [OPTION_MREQ] = option_read_membership,
    [OPTION_MREQ_SOURCE] = option_read_membership,
    [OPTION_MREQ6] = option_read_membership,
    [OPTION_DOMAIN] = read_domain,
    [OPTION_BYTES] = read_bytes,
};

static bool is_closed(const struct option *option)
{
    return !option->can_set && !option->can_get;
}

static int check_settable(const struct option *option, const char *param, struct error *e)
{
    if (is_closed(option))
        return error_param(e, param,
                           "%s is not offered: its value is an address or a descriptor of the "
                           "process that calls, which is the daemon",
                           option->name);
    return option->can_set ? 0 : error_param(e, param, "%s is read only", option->name);
}

int option_decode(const struct option *option, const struct json *json, uint32_t token,
                  const char *param, struct arena *a, struct option_value *ret, struct error *e)
{
    struct option_value v = {
        .name = option->name, .level = option->level, .number = option->number};
    struct option_reading r = {option, json, token, param, a, &v, e};
    int result = check_settable(option, param, e);

    if (!result)
        result = readers[option->type](&r);
    if (!result)
        *ret = v;
    return result;
}

/* The numbers of netfilter, IPVS and their relatives begin at 64 on the levels of IP. Their values
 * hold addresses that the kernel writes to. The few others up there are in the table. */
static bool is_netfilter(int level, int number)
{
    return (level == IPPROTO_IP || level == IPPROTO_IPV6 || level == SOL_RAW) && number >= 64;
}

/* Whether an option that is given by its number may be touched: the daemon's memory and descriptors
 * are not the client's. */
static int check_number(int level, int number, struct error *e)
{
    size_t n;
    const struct option *option = options_all(&n), *end = option + n;

    for (; option < end; option++)
        if (option->level == level && option->number == number)
            return is_closed(option) ? check_settable(option, "number", e) : 0;
    if (is_netfilter(level, number))
        return error_param(e, "number", "options of netfilter are not offered");
    return 0;
}

int option_check_set(const struct option *option, int level, int number, struct error *e)
{
    return option ? check_settable(option, "option", e) : check_number(level, number, e);
}

int option_check_get(const struct option *option, int level, int number, struct error *e)
{
    if (!option)
        return check_number(level, number, e);
    return option->can_get ? 0 : error_param(e, "option", "%s cannot be read", option->name);
}

/* An option without a name is an int. */
static int decode_number(int level, int number, const struct json *json, struct option_value *ret,
                         struct error *e)
{
    int64_t v;
    int r = check_number(level, number, e);

    if (r)
        return r;
    if (!json_get_integer(json, 0, &v) || v < INT_MIN || v > UINT32_MAX)
        return error_param(e, "value",
                           "with level and number it is an integer of 32 bits; "
                           "give other values as base64");
    *ret = (struct option_value){.level = level, .number = number, .n = sizeof(uint32_t)};
    memcpy(ret->data, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
    return 0;
}

static int decode_named(const char *name, const struct json *json, struct arena *a,
                        struct option_value *ret, struct error *e)
{
    const struct option *option = option_find(name, strlen(name));
    const char *near;
    int r;

    if (!option) {
        near = option_nearest(name, strlen(name));
        return error_param(e, "option",
                           "there is no option %.60s here%s%s; others go by level and number", name,
                           near ? "; did you mean " : "", near ? near : "");
    }
    r = check_settable(option, "option", e);
    return r ? r : option_decode(option, json, 0, "value", a, ret, e);
}

int option_decode_text(const char *option, int level, int number, const char *value, size_t n,
                       struct arena *a, struct option_value *ret, struct error *e)
{
    struct json json = {0};
    int r = json_scan(&json, value, n, e);

    if (r && r != ERROR_OS)
        r = error_param(e, "value", "it is not JSON that can be taken");
    else if (!r && option)
        r = decode_named(option, &json, a, ret, e);
    else if (!r)
        r = decode_number(level, number, &json, ret, e);
    json_done(&json);
    return r;
}
