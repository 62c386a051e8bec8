/* Handlers of socket options and multicast groups. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "call_io.h"
#include "handlers.h"
#include "proto/address.h"
#include "proto/limits.h"
#include "proto/option.h"
#include "socket.h"

/* Which option is meant: a row of the table, or NULL with level and number. */
static int find_option(struct call *c, struct wire_text name, struct wire_level level,
                       struct wire_int number, const struct option **ret)
{
    const char *near;

    *ret = NULL;
    if (number.set && (number.v < 0 || number.v > INT32_MAX))
        return error_param(&c->error, "number", "is out of range");
    if (!name.s) {
        if (level.set && number.set)
            return 0;
        return error_param(&c->error, "option", "give option, or level and number");
    }
    if (level.set || number.set)
        return error_param(&c->error, "option", "give either option, or level and number");
    if ((*ret = option_find(name.s, name.n)))
        return 0;
    near = option_nearest(name.s, name.n);
    return error_param(&c->error, "option", "no option %.60s%s%s", name.s,
                       near ? "; did you mean " : "", near ? near : "; use level and number");
}

/* The bytes to set. */
static int take_value(struct call *c, const struct setsockopt_params *p,
                      const struct option *option, struct option_value *ret)
{
    int r;

    if (p->value.s && p->base64.data)
        return error_param(&c->error, "value", "give either value or base64");
    if (p->value.s)
        return option_decode_text(p->option.s, p->level.v, (int)p->number.v, p->value.s, p->value.n,
                                  &c->arena, ret, &c->error);
    if (!p->base64.data)
        return error_param(&c->error, "value", "is missing");
    if ((r = option_check_set(option, p->level.v, (int)p->number.v, &c->error)))
        return r;
    if (p->base64.n > sizeof ret->data)
        return error_param(&c->error, "base64", "is longer than %zu bytes", sizeof ret->data);
    ret->level = option ? option->level : p->level.v;
    ret->number = option ? option->number : (int)p->number.v;
    ret->n = p->base64.n;
    memcpy(ret->data, p->base64.data, p->base64.n);
    return 0;
}

/* What the kernel has, as JSON and, without a name, as bytes too. */
static int tell_option(struct call *c, const struct option *option, int level, int number, size_t n,
                       struct option_result *ret)
{
    char *data = arena_alloc(&c->arena, n + 1);
    struct buf json = {0};
    int r;

    if (!data)
        return error_memory(&c->error);
    if ((r = socket_get_option(c->handle->fd, level, number, data, &n)) < 0)
        return call_os(c, r, option ? option->name : "getsockopt");
    option_encode(&json, option, data, n);
    ret->value.n = buf_len(&json);
    ret->value.s = json.failed ? NULL : arena_copy(&c->arena, json.data + json.start, ret->value.n);
    buf_done(&json);
    if (!ret->value.s)
        return error_memory(&c->error);
    if (!option)
        ret->base64 = (struct wire_base64){data, n};
    return 0;
}

/* The kernel asks for a capability where it has to: it shall look at the client's, not at the
 * daemon's. */
static int set_as_client(struct call *c, const struct option *option,
                         const struct option_value *value)
{
    int r = call_assume(c, PRINCIPAL_RIGHTS);

    if (r)
        return r;
    r = socket_set_option(c->handle->fd, value->level, value->number, value->data, value->n);
    principal_resume(c->session->who, PRINCIPAL_RIGHTS);
    return r < 0 ? call_os_as_client(c, PRINCIPAL_RIGHTS, r, option ? option->name : "setsockopt")
                 : 0;
}

int on_setsockopt(struct call *c, const struct setsockopt_params *p, struct option_result *ret)
{
    struct option_value value = {0};
    const struct option *option;
    int r;

    if ((r = find_option(c, p->option, p->level, p->number, &option)) ||
        (r = take_value(c, p, option, &value)))
        return r;
    if ((r = call_check_option(c, c->handle->pool, &value)))
        return r;
    if ((r = set_as_client(c, option, &value)))
        return r;
    store_note_use(c->core->store, c->handle, 0, 0);
    /* Some can be set and not be read back; the value that was given stands for them. */
    if ((option && !option->can_get) || tell_option(c, option, value.level, value.number,
                                                    option ? option_size(option) : value.n, ret)) {
        ret->value = p->value;
        ret->base64 = p->base64;
    }
    return 0;
}

/* Whoever asks for it takes it away. */
static bool is_error(const struct getsockopt_params *p, const struct option *option)
{
    int level = option ? option->level : p->level.v;
    int64_t number = option ? option->number : p->number.v;

    return level == SOL_SOCKET && number == SO_ERROR;
}

int on_getsockopt(struct call *c, const struct getsockopt_params *p, struct option_result *ret)
{
    int64_t size = p->size.set ? p->size.v : 4;
    const struct option *option;
    int r;

    if ((r = find_option(c, p->option, p->level, p->number, &option)))
        return r;
    if (size < 1 || size > LIMIT_OPTION_BYTES)
        return error_param(&c->error, "size", "must be 1 to %d", LIMIT_OPTION_BYTES);
    if ((r = option_check_get(option, p->level.v, (int)p->number.v, &c->error)))
        return r;
    if (is_error(p, option) && (r = call_check_stream(c)))
        return r;
    return tell_option(c, option, option ? option->level : p->level.v,
                       option ? option->number : (int)p->number.v,
                       option ? option_size(option) : (size_t)size, ret);
}

/* -- multicast -- */

/* A numeric address of the socket's own family, without a port. */
static int take_group_address(struct call *c, const char *param, struct wire_text text,
                              struct wire_sockaddr *ret)
{
    struct wire_address address = {.kind = ADDRESS_INET, .text = text.s, .n = text.n};
    int r = address_numeric(&address, c->handle->family, param, ret, &c->error);

    return r == ADDRESS_IS_NAME
               ? error_param(&c->error, param, "must be a numeric address of the socket's family")
               : r;
}

static int take_interface(struct call *c, const char *text, unsigned *ret)
{
    char *end;
    unsigned long index;

    *ret = 0;
    if (!text)
        return 0;
    if ((*ret = if_nametoindex(text)))
        return 0;
    index = strtoul(text, &end, 10);
    if (!*text || *end || index > INT32_MAX) {
        c->error.hint = "if_nameindex lists the interfaces";
        return error_os(&c->error, ENODEV, "interface");
    }
    *ret = (unsigned)index;
    return 0;
}

static int change_group(struct call *c, const struct group_params *p, bool join)
{
    struct wire_sockaddr group, source;
    unsigned ifindex;
    int r;

    if (c->handle->family != AF_INET && c->handle->family != AF_INET6)
        return error_os(&c->error, EOPNOTSUPP, c->method->name);
    if ((r = take_group_address(c, "group", p->group, &group)) ||
        (p->source.s && (r = take_group_address(c, "source", p->source, &source))) ||
        (r = take_interface(c, p->interface.s, &ifindex)))
        return r;
    r = socket_group(c->handle->fd, join, &group, ifindex, p->source.s ? &source : NULL);
    if (r < 0)
        return call_os(c, r, c->method->name);
    store_note_use(c->core->store, c->handle, 0, 0);
    return 0;
}

int on_join_group(struct call *c, const struct group_params *p, struct no_result *ret)
{
    (void)ret;
    return change_group(c, p, true);
}

int on_leave_group(struct call *c, const struct group_params *p, struct no_result *ret)
{
    (void)ret;
    return change_group(c, p, false);
}
