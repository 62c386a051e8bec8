/* check_codec_random.c — structs of chance for every shape of the method table: what is written of
 * them and read again is the same struct, and what is written of that is the same text. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "proto/constants.h"
#include "proto/option.h"
#include "proto/utf8.h"
#include "tests/codec_try.h"
#include "tests/dice.h"

#define N(table) (sizeof(table) / sizeof *(table))

static struct dice dice;
static struct arena made; /* where the structs of chance live */

static void begin(void)
{
    dice = dice_new();
}

static void end(void)
{
    arena_done(&made);
}

/* -- made by chance -- */

static int64_t random_integer(void)
{
    int64_t v = (int64_t)(dice_bits(&dice) >> (11 + dice_below(&dice, 53)));

    return dice_one_in(&dice, 4) ? -v : v;
}

/* UTF-8 of up to 40 bytes; without NUL if so wanted, and never empty if so wanted. */
static const char *random_text(bool nul, bool filled, size_t *ret_n)
{
    static const int below[] = {0x20, 0x80, 0x80, 0x80, 0x800, 0x10000, 0x110000};
    char bytes[44];
    size_t n = 0;

    for (size_t n_points = filled + dice_below(&dice, 10); n_points > 0; n_points--) {
        int point = (int)dice_below(&dice, (size_t)below[dice_below(&dice, N(below))]);

        if ((point < 0xd800 || point > 0xdfff) && (point || nul))
            n += (size_t)utf8_write(point, (unsigned char *)bytes + n);
    }
    if (n == 0 && filled)
        bytes[n++] = 'x';
    *ret_n = n;
    return arena_copy(&made, bytes, n);
}

static const char *random_bytes(size_t *ret_n)
{
    char bytes[64];

    *ret_n = dice_below(&dice, sizeof bytes);
    for (size_t i = 0; i < *ret_n; i++)
        bytes[i] = (char)dice_bits(&dice);
    return arena_copy(&made, bytes, *ret_n);
}

/* Of a family, a protocol, flags: where a number without a name may stand, any. */
static int random_number_of(enum field_type type)
{
    enum constant_space space = type == FIELD_FAMILY     ? CONSTANT_FAMILY
                                : type == FIELD_SOCKTYPE ? CONSTANT_SOCKTYPE
                                : type == FIELD_HOW      ? CONSTANT_HOW
                                                         : CONSTANT_FORM;
    const struct constant *rows;
    size_t n;

    if (type == FIELD_PROTOCOL || type == FIELD_LEVEL)
        return (int)dice_below(&dice, 300);
    if (type == FIELD_MSG_FLAGS || type == FIELD_AI_FLAGS || type == FIELD_NI_FLAGS)
        return (int)(dice_bits(&dice) >> 33);
    rows = constants_of(space, &n);
    return rows[dice_below(&dice, n)].value;
}

static struct wire_address random_address(void)
{
    static const char *const hosts[] = {"",        "127.0.0.1",    "::1",
                                        "fe80::1", "name.example", "h\xc3\xb6st"};
    struct wire_address v = {.kind = (enum address_kind)(1 + dice_below(&dice, 3))};

    if (v.kind == ADDRESS_INET) {
        v.text = hosts[dice_below(&dice, N(hosts))];
        v.n = strlen(v.text);
        v.port = (uint16_t)dice_bits(&dice);
        v.flowinfo = dice_one_in(&dice, 2) ? (uint32_t)dice_below(&dice, 1 << 20) : 0;
        v.scope = dice_one_in(&dice, 2) ? "eth0" : NULL;
        return v;
    }
    v.text = random_text(false, true, &v.n);
    if (v.kind == ADDRESS_PATH) {
        v.text = arena_printf(&made, "/%s", v.text);
        v.n = strlen(v.text);
    }
    return v;
}

static struct wire_sockaddr random_sockaddr(void)
{
    struct wire_sockaddr v = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&v.addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&v.addr;
    struct sockaddr_un *un = (struct sockaddr_un *)&v.addr;
    const char *text;
    size_t n, kind = dice_below(&dice, 5);

    if (kind == 0) {
        *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)dice_bits(&dice)};
        in->sin_addr.s_addr = (in_addr_t)dice_bits(&dice);
        v.len = sizeof *in;
    } else if (kind == 1) {
        *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                     .sin6_port = (in_port_t)dice_bits(&dice)};
        for (size_t i = 0; i < 16; i++)
            in6->sin6_addr.s6_addr[i] =
                (uint8_t)(dice_bits(&dice) & (dice_one_in(&dice, 2) ? 0xff : 0));
        in6->sin6_flowinfo = htonl((uint32_t)dice_below(&dice, 1 << 20));
        in6->sin6_scope_id = (uint32_t)dice_below(&dice, 3) * 1000000;
        v.len = sizeof *in6;
    } else {
        /* Unnamed, a path, an abstract name. */
        text = random_text(false, true, &n);
        un->sun_family = AF_UNIX;
        un->sun_path[0] = kind == 3 ? '/' : '\0';
        memcpy(un->sun_path + 1, text, n);
        v.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                            (kind == 2 ? 0 : 1 + n + (kind == 3)));
        if (kind == 2)
            memset(un->sun_path, 0, sizeof un->sun_path);
    }
    return v;
}

static struct wire_options random_options(void)
{
    static const char *const names[] = {"SO_KEEPALIVE", "SO_REUSEADDR", "TCP_NODELAY", "IP_TTL",
                                        "SO_RCVBUF"};
    struct wire_options v = {.n = dice_below(&dice, N(names))};

    v.items = arena_alloc(&made, v.n * sizeof *v.items);
    for (size_t i = 0; i < v.n; i++) {
        const struct option *option = option_find(names[i], strlen(names[i]));
        int value = (int)(i < 3 ? dice_below(&dice, 2) : 1 + dice_below(&dice, 200));

        v.items[i] =
            (struct option_value){option->name, option->level, option->number, sizeof value, {0}};
        memcpy(v.items[i].data, &value, sizeof value);
    }
    return v;
}

static void make_struct(const struct shape *shape, void *into, int depth);

/* Lists of structs and of plain values, and structs. */
static void make_many(const struct field *row, void *member, int depth)
{
    struct wire_list *list = member;
    size_t n_item_bytes = row->type == FIELD_TEXTS  ? sizeof(char *)
                          : row->type == FIELD_INTS ? sizeof(int64_t)
                          : row->of                 ? row->of()->n_bytes
                                                    : sizeof(struct wire_sockaddr);
    size_t n;

    if (row->of && row->type == FIELD_OBJECT) {
        *(void **)member = arena_alloc(&made, n_item_bytes);
        make_struct(row->of(), *(void **)member, depth - 1);
        return;
    }
    list->set = true;
    list->n = dice_below(&dice, depth > 0 ? 4 : 1);
    list->items = arena_alloc(&made, list->n * n_item_bytes);
    for (size_t i = 0; i < list->n; i++) {
        void *item = (char *)list->items + i * n_item_bytes;

        if (row->of)
            make_struct(row->of(), item, depth - 1);
        else if (row->type == FIELD_TEXTS)
            *(const char **)item = random_text(false, false, &n);
        else if (row->type == FIELD_INTS)
            *(int64_t *)item = random_integer();
        else
            *(struct wire_sockaddr *)item = random_sockaddr();
    }
}

static int64_t random_usec(void)
{
    return (int64_t)(dice_bits(&dice) % 1000000000000001ULL) >> dice_below(&dice, 50);
}

/* Texts, bytes and JSON are structs that begin alike. */
static void make_text(const struct field *row, struct wire_text *text)
{
    if (row->type == FIELD_PAYLOAD)
        ((struct wire_payload *)(void *)text)->form = (enum wire_form)dice_below(&dice, 3);
    if (row->type == FIELD_BASE64 || (row->type == FIELD_PAYLOAD && dice_one_in(&dice, 2))) {
        text->s = random_bytes(&text->n);
    } else if (row->type == FIELD_JSON) {
        text->s = arena_printf(&made, "[ %lld,{\"a\":\"\\u00e9\"}]", (long long)random_integer());
        text->n = strlen(text->s);
    } else {
        text->s = random_text(row->type == FIELD_PAYLOAD, false, &text->n);
    }
}

static void make_value(const struct field *row, void *member, int depth)
{
    struct wire_handle *handle = member;
    size_t n;

    switch (row->type) {
    case FIELD_BOOL:
        *(struct wire_bool *)member = (struct wire_bool){true, dice_one_in(&dice, 2)};
        break;
    case FIELD_INT:
        *(struct wire_int *)member = (struct wire_int){true, random_integer()};
        break;
    case FIELD_NUMBER:
        *(struct wire_number *)member = (struct wire_number){true, (double)random_usec() / 1e6};
        break;
    case FIELD_TEXT:
    case FIELD_SERVICE:
    case FIELD_JSON:
    case FIELD_PAYLOAD:
    case FIELD_BASE64:
        make_text(row, member);
        break;
    case FIELD_HANDLE:
        *handle = (struct wire_handle){.set = true, .id = random_integer()};
        if (dice_one_in(&dice, 2))
            *handle = (struct wire_handle){.set = true, .name = random_text(false, true, &n)};
        break;
    case FIELD_TIMEOUT:
        *(struct wire_timeout *)member =
            (struct wire_timeout){true, dice_one_in(&dice, 5) ? FOREVER : random_usec()};
        break;
    case FIELD_LEASE:
        *(struct wire_lease *)member =
            (struct wire_lease){true, dice_one_in(&dice, 5) ? LEASE_PERMANENT : random_usec()};
        break;
    case FIELD_ADDRESS:
        *(struct wire_address *)member = random_address();
        break;
    case FIELD_SOCKADDR:
        *(struct wire_sockaddr *)member = random_sockaddr();
        break;
    case FIELD_FAMILY:
    case FIELD_SOCKTYPE:
    case FIELD_PROTOCOL:
    case FIELD_LEVEL:
    case FIELD_HOW:
    case FIELD_FORM:
    case FIELD_MSG_FLAGS:
    case FIELD_AI_FLAGS:
    case FIELD_NI_FLAGS:
        *(struct wire_family *)member = (struct wire_family){true, random_number_of(row->type)};
        break;
    case FIELD_OPTIONS:
        *(struct wire_options *)member = random_options();
        break;
    default:
        make_many(row, member, depth);
    }
}

static void make_struct(const struct shape *shape, void *into, int depth)
{
    for_each_row(shape, row) if (row->need == REQUIRED || dice_one_in(&dice, 2))
        make_value(row, (char *)into + row->offset, depth);
}

/* -- held against each other -- */

static bool is_same_struct(const struct shape *shape, const void *a, const void *b);

static bool is_same_bytes(const char *a, size_t n_a, const char *b, size_t n_b)
{
    return (!a && !b) || (a && b && n_a == n_b && memcmp(a, b, n_a) == 0);
}

static bool is_same_text(const char *a, const char *b)
{
    return is_same_bytes(a, a ? strlen(a) : 0, b, b ? strlen(b) : 0);
}

static bool is_same_sockaddr(const struct wire_sockaddr *a, const struct wire_sockaddr *b)
{
    return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

static bool is_same_address(const struct wire_address *a, const struct wire_address *b)
{
    return a->kind == b->kind && is_same_bytes(a->text, a->n, b->text, b->n) &&
           a->port == b->port && a->flowinfo == b->flowinfo && is_same_text(a->scope, b->scope);
}

static bool is_same_options(const struct wire_options *a, const struct wire_options *b)
{
    for (size_t i = 0; a->n == b->n && i < a->n; i++) {
        const struct option_value *x = &a->items[i], *y = &b->items[i];

        if (!is_same_text(x->name, y->name) || x->level != y->level || x->number != y->number ||
            !is_same_bytes((const char *)x->data, x->n, (const char *)y->data, y->n))
            return false;
    }
    return a->n == b->n && !a->items == !b->items;
}

static bool is_same_list(const struct field *row, const struct wire_list *a,
                         const struct wire_list *b)
{
    if (a->set != b->set || a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        bool is_same =
            row->type == FIELD_TEXTS  ? is_same_text(((char **)a->items)[i], ((char **)b->items)[i])
            : row->type == FIELD_INTS ? ((int64_t *)a->items)[i] == ((int64_t *)b->items)[i]
            : row->of ? is_same_struct(row->of(), (char *)a->items + i * row->of()->n_bytes,
                                       (char *)b->items + i * row->of()->n_bytes)
                      : is_same_sockaddr((struct wire_sockaddr *)a->items + i,
                                         (struct wire_sockaddr *)b->items + i);

        if (!is_same)
            return false;
    }
    return true;
}

static bool is_same_value(const struct field *row, const void *a, const void *b)
{
    const struct wire_text *x = a, *y = b;
    const struct wire_int *i = a, *j = b;

    switch (row->type) {
    case FIELD_BOOL:
        return ((const struct wire_bool *)a)->set == ((const struct wire_bool *)b)->set &&
               ((const struct wire_bool *)a)->v == ((const struct wire_bool *)b)->v;
    case FIELD_INT:
    case FIELD_TIMEOUT:
    case FIELD_LEASE:
        return i->set == j->set && i->v == j->v;
    case FIELD_NUMBER:
        return i->set == j->set && fabs(((const struct wire_number *)a)->v -
                                        ((const struct wire_number *)b)->v) < 0.5e-6;
    case FIELD_TEXT:
    case FIELD_SERVICE:
    case FIELD_JSON:
    case FIELD_PAYLOAD:
    case FIELD_BASE64:
        return is_same_bytes(x->s, x->n, y->s, y->n);
    case FIELD_HANDLE:
        return i->set == j->set && i->v == j->v &&
               is_same_text(((const struct wire_handle *)a)->name,
                            ((const struct wire_handle *)b)->name);
    case FIELD_ADDRESS:
        return is_same_address(a, b);
    case FIELD_SOCKADDR:
        return is_same_sockaddr(a, b);
    case FIELD_OPTIONS:
        return is_same_options(a, b);
    case FIELD_LIST:
    case FIELD_TEXTS:
    case FIELD_INTS:
    case FIELD_SOCKADDRS:
        return is_same_list(row, a, b);
    case FIELD_OBJECT:
        return !*(void *const *)a == !*(void *const *)b &&
               (!*(void *const *)a ||
                is_same_struct(row->of(), *(void *const *)a, *(void *const *)b));
    default:
        return ((const struct wire_family *)a)->set == ((const struct wire_family *)b)->set &&
               ((const struct wire_family *)a)->v == ((const struct wire_family *)b)->v;
    }
}

static bool is_same_struct(const struct shape *shape, const void *a, const void *b)
{
    for_each_row(shape, row) if (!is_same_value(row, (const char *)a + row->offset,
                                                (const char *)b + row->offset))
    {
        printf("%s.%s differs\n", shape->name, row->name);
        fflush(stdout);
        return false;
    }
    return true;
}

START_TEST(structs_come_back)
{
    struct buf again = {0};

    for (size_t round = dice_rounds(200, 2000); round > 0; round--)
        for_each_shape(shape)
        {
            void *from = arena_alloc(&made, shape->n_bytes);
            struct buf *text = codec_try_anew();
            int r;

            make_struct(shape, from, 3);
            codec_encode(shape, from, text);
            r = codec_try_decode(shape, CODEC_STRICT);
            ck_each(r == 0, "%s: %.*s: %s", shape->name, (int)buf_len(text), text->data,
                    codec_try.e.message);
            ck_each(is_same_struct(shape, from, codec_try.into), "%s: %.*s", shape->name,
                    (int)buf_len(text), text->data);
            codec_encode(shape, codec_try.into, &again);
            ck_each(buf_len(&again) + 2 == buf_len(text) &&
                        memcmp(again.data, text->data + 1, buf_len(&again)) == 0,
                    "%s: %.*s becomes %.*s", shape->name, (int)buf_len(text), text->data,
                    (int)buf_len(&again), again.data);
            buf_truncate(&again, 0);
            arena_reset(&made);
        }
    buf_done(&again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_random");
    TCase *tests = codec_try_case(suite, "codec_random");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, structs_come_back);
    return fds_run(suite);
}
