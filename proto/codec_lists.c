/* Addresses, options, and plain lists. */
#include "decoder.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "limits.h"
#include "option.h"

static int decode_address(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    (void)field;
    return address_decode(d->json, token, decoder_path(d), d->arena, member, d->e);
}

static void encode_address(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_address *v = member;

    (void)field;
    buf_add_text(b, v->kind == ADDRESS_INET   ? "{\"host\":"
                    : v->kind == ADDRESS_PATH ? "{\"path\":"
                                              : "{\"abstract\":");
    json_write_text(b, v->text, v->n);
    if (v->kind == ADDRESS_INET) {
        buf_printf(b, ",\"port\":%u", v->port);
        if (v->flowinfo)
            buf_printf(b, ",\"flowinfo\":%u", v->flowinfo);
        if (v->scope) {
            buf_add_text(b, ",\"scope\":");
            json_write_text(b, v->scope, strlen(v->scope));
        }
    }
    buf_add_char(b, '}');
}

/* A Unix address as the kernel has it, of which a peer may have made what no request may ask for: a
 * relative path, no name, or one that is no UTF-8 and has grown on the way. */
static int decode_unix(struct decoder *d, const struct field *field, uint32_t token,
                       bool is_abstract, struct wire_sockaddr *ret)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&ret->addr;
    const char *text;
    size_t n;
    int r = decoder_text(d, field, token, &text, &n);

    if (r)
        return r;
    if (n > sizeof un->sun_path - 1)
        n = sizeof un->sun_path - 1;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + is_abstract, text, n);
    ret->len = offsetof(struct sockaddr_un, sun_path);
    if (n || is_abstract)
        ret->len += (socklen_t)n + 1; /* the NUL behind a path, or before a name */
    return 0;
}

/* Answers alone have these. */
static int decode_sockaddr(struct decoder *d, const struct field *field, uint32_t token,
                           void *member)
{
    uint32_t path = json_member(d->json, token, "path"),
             name = json_member(d->json, token, "abstract");
    struct wire_address address = {0};
    int r;

    if (path || name)
        return decode_unix(d, field, path ? path : name, !path, member);
    if ((r = address_decode(d->json, token, decoder_path(d), d->arena, &address, d->e)))
        return r;
    r = address_numeric(&address, address_family(&address), decoder_path(d), member, d->e);
    return r == ADDRESS_IS_NAME ? error_param(d->e, decoder_path(d), "must be a numeric address")
                                : r;
}

static void encode_sockaddr(const struct field *field, const void *member, struct buf *b)
{
    (void)field;
    address_encode(b, member);
}

/* -- lists -- */

static int decode_texts(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_texts *v = member;
    uint32_t item = token + 1;
    size_t n;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n && !r; i++, item = d->json->tokens[item].next) {
        decoder_enter_item(d, i);
        r = decoder_text(d, field, item, &v->items[i], &n);
        if (!r)
            decoder_leave(d);
    }
    return r;
}

static void encode_texts(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_texts *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        json_write_text(b, v->items[i], strlen(v->items[i]));
    }
    buf_add_char(b, ']');
}

static int decode_ints(struct decoder *d, const struct field *field, uint32_t token, void *member)
{
    struct wire_ints *v = member;
    uint32_t item = token + 1;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n; i++, item = d->json->tokens[item].next)
        if (!json_get_integer(d->json, item, &v->items[i]))
            return decoder_wrong_type(d, field, token);
    return 0;
}

static void encode_ints(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_ints *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        json_write_integer(b, v->items[i]);
    }
    buf_add_char(b, ']');
}

static int decode_sockaddrs(struct decoder *d, const struct field *field, uint32_t token,
                            void *member)
{
    struct wire_sockaddrs *v = member;
    uint32_t item = token + 1;
    int r;

    if ((r = decoder_open_list(d, field, token, sizeof *v->items, member)))
        return r;
    for (size_t i = 0; i < v->n && !r; i++, item = d->json->tokens[item].next)
        r = decode_sockaddr(d, field, item, &v->items[i]);
    return r;
}

static void encode_sockaddrs(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_sockaddrs *v = member;

    (void)field;
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        buf_add(b, ",", i > 0);
        address_encode(b, &v->items[i]);
    }
    buf_add_char(b, ']');
}

static int decode_option_member(struct decoder *d, uint32_t key, struct option_value *ret)
{
    const struct option *option;
    const char *near;
    size_t n;
    char *name = json_get_string(d->json, key, d->arena, &n);

    if (!name)
        return error_memory(d->e);
    if (!(option = option_find(name, n))) {
        near = option_nearest(name, n);
        return error_param(d->e, decoder_path(d), "no option %.60s%s%s", name,
                           near ? "; did you mean " : "", near ? near : "");
    }
    return option_decode(option, d->json, key + 1, decoder_path(d), d->arena, ret, d->e);
}

static int decode_options(struct decoder *d, const struct field *field, uint32_t token,
                          void *member)
{
    const struct json_token *t = &d->json->tokens[token];
    struct wire_options *v = member;
    uint32_t key = token + 1;
    int r;

    if (t->type != JSON_OBJECT)
        return decoder_wrong_type(d, field, token);
    if (t->n > LIMIT_OPTIONS)
        return error_param(d->e, decoder_path(d), "more than %d options", LIMIT_OPTIONS);
    if (!(v->items = arena_alloc(d->arena, t->n * sizeof *v->items)))
        return error_memory(d->e);
    for (; v->n < t->n; v->n++, key = d->json->tokens[key + 1].next)
        if ((r = decode_option_member(d, key, &v->items[v->n])))
            return r;
    return 0;
}

static void encode_options(const struct field *field, const void *member, struct buf *b)
{
    const struct wire_options *v = member;

    (void)field;
    buf_add_char(b, '{');
    for (size_t i = 0; i < v->n; i++) {
        const struct option_value *o = &v->items[i];

        buf_add(b, ",", i > 0);
        json_write_string(b, o->name, strlen(o->name));
        buf_add_char(b, ':');
        option_encode(b, option_find(o->name, strlen(o->name)), o->data, o->n);
    }
    buf_add_char(b, '}');
}

const struct codec codec_address = {decode_address, encode_address};
const struct codec codec_sockaddr = {decode_sockaddr, encode_sockaddr};
const struct codec codec_options = {decode_options, encode_options};
const struct codec codec_texts = {decode_texts, encode_texts};
const struct codec codec_ints = {decode_ints, encode_ints};
const struct codec codec_sockaddrs = {decode_sockaddrs, encode_sockaddrs};
