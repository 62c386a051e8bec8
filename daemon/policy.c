#include "policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_rule.h"
#include "proto/constants.h"

enum { MAX_RULES = 4096, MAX_ITEM_BYTES = 320, MAX_SHOWN_BYTES = 200, MAX_NUMBER = 63 };

/* What a key allows: rules, or a set of small numbers. */
struct list {
    bool is_set;
    char *label; /* the key as in the file, with its place */
    struct policy_rule *rules;
    size_t n, n_room;
    uint64_t numbers;
};

struct policy {
    struct list lists[N_POLICY_KEYS];
};

static const char *const plane_names[N_PLANES] = {
    [PLANE_MESSAGE] = "message", [PLANE_STREAM] = "stream", [PLANE_HANDOFF] = "handoff"};

static const struct {
    const char *name, *absent; /* the rule of a key that is not there */
} keys[N_POLICY_KEYS] = {
#define KEY(key, name) [key] = {name, "no key " name ": all is allowed"}
    KEY(POLICY_FAMILIES, "families"), KEY(POLICY_TYPES, "types"),
    KEY(POLICY_BIND, "bind"),         KEY(POLICY_CONNECT, "connect"),
    KEY(POLICY_PLANES, "planes"),     KEY(POLICY_BROADCAST, "broadcast"),
#undef KEY
};

const char *policy_key_name(enum policy_key key)
{
    return keys[key].name;
}

bool policy_key_find(const char *name, enum policy_key *ret)
{
    for (int key = 0; key < N_POLICY_KEYS; key++)
        if (strcmp(keys[key].name, name) == 0) {
            *ret = (enum policy_key)key;
            return true;
        }
    return false;
}

const char *policy_plane_name(enum policy_plane plane)
{
    return plane_names[plane];
}

/* -- making -- */

struct policy *policy_new(void)
{
    return calloc(1, sizeof(struct policy));
}

static void clear(struct list *list)
{
    for (size_t i = 0; i < list->n; i++)
        policy_rule_done(&list->rules[i]);
    free(list->rules);
    free(list->label);
    *list = (struct list){0};
}

void policy_free(struct policy *p)
{
    for (int key = 0; p && key < N_POLICY_KEYS; key++)
        clear(&p->lists[key]);
    free(p);
}

/* How much of a text is shown: all, or what fits without its last character being cut in two. */
static int shown_bytes(const char *text)
{
    size_t n = strlen(text);

    if (n <= MAX_SHOWN_BYTES)
        return (int)n;
    for (n = MAX_SHOWN_BYTES; n > 0 && (text[n] & 0xc0) == 0x80; n--)
        ;
    return (int)n;
}

int policy_begin(struct policy *p, enum policy_key key, const char *text, const char *path,
                 int line)
{
    struct list *list = &p->lists[key];
    int n = shown_bytes(text);

    clear(list);
    list->is_set = true;
    if (asprintf(&list->label, "%s =%s%.*s%s (%s:%d)", keys[key].name, *text ? " " : "", n, text,
                 text[n] ? " …" : "", path, line) >= 0)
        return 0;
    list->label = NULL;
    return -ENOMEM;
}

static int __attribute__((format(printf, 3, 4)))
wrong(char *message, size_t n_message, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, n_message, format, args);
    va_end(args);
    return -EINVAL;
}

/* AF_… or SOCK_… */
static int add_constant(struct list *list, enum constant_space space, const char *item,
                        char *message, size_t n_message)
{
    const char *near = constant_nearest(space, item, strlen(item));
    int v;

    if (constant_find(space, item, strlen(item), &v) && v > 0 && v <= MAX_NUMBER) {
        list->numbers |= UINT64_C(1) << v;
        return 0;
    }
    if (near && strcmp(near, item) != 0)
        return wrong(message, n_message, "%.60s is unknown; did you mean %s", item, near);
    return wrong(message, n_message, "%.60s is unknown; %s are expected", item,
                 space == CONSTANT_FAMILY ? "AF_INET, AF_INET6 and AF_UNIX"
                                          : "SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET and SOCK_RAW");
}

static int add_plane(struct list *list, const char *item, char *message, size_t n_message)
{
    for (int plane = 0; plane < N_PLANES; plane++)
        if (strcmp(item, plane_names[plane]) == 0) {
            list->numbers |= UINT64_C(1) << plane;
            return 0;
        }
    return wrong(message, n_message, "%.60s is no plane; message, stream and handoff are", item);
}

static int add_switch(struct list *list, const char *item, char *message, size_t n_message)
{
    if (strcmp(item, "yes") != 0 && strcmp(item, "no") != 0)
        return wrong(message, n_message, "must be yes or no");
    list->numbers = strcmp(item, "yes") == 0;
    return 0;
}

static int add_rule(struct list *list, bool is_bind, const char *item, const char *path, int line,
                    char *message, size_t n_message)
{
    struct policy_rule rule = {0}, *more;
    size_t n_room = list->n_room ? list->n_room * 2 : 8;
    int r;

    if (list->n == MAX_RULES)
        return wrong(message, n_message, "at most %d rules are taken; a prefix stands for many",
                     MAX_RULES);
    if (strlen(item) > MAX_ITEM_BYTES)
        return wrong(message, n_message, "a rule has at most %d bytes", MAX_ITEM_BYTES);
    if (list->n == list->n_room) {
        if (!(more = realloc(list->rules, n_room * sizeof *more)))
            return -ENOMEM;
        list->rules = more;
        list->n_room = n_room;
    }
    if ((r = policy_rule_parse(is_bind, item, path, line, &rule, message, n_message)))
        policy_rule_done(&rule);
    else
        list->rules[list->n++] = rule;
    return r;
}

int policy_add(struct policy *p, enum policy_key key, const char *item, const char *path, int line,
               char *ret_message, size_t n_message)
{
    struct list *list = &p->lists[key];

    switch (key) {
    case POLICY_FAMILIES:
        return add_constant(list, CONSTANT_FAMILY, item, ret_message, n_message);
    case POLICY_TYPES:
        return add_constant(list, CONSTANT_SOCKTYPE, item, ret_message, n_message);
    case POLICY_PLANES:
        return add_plane(list, item, ret_message, n_message);
    case POLICY_BROADCAST:
        return add_switch(list, item, ret_message, n_message);
    default:
        return add_rule(list, key == POLICY_BIND, item, path, line, ret_message, n_message);
    }
}

/* -- verdicts -- */

static bool allow(struct verdict *v, const char *rule)
{
    v->allowed = true;
    v->rule = rule;
    v->nearest = NULL;
    v->hint[0] = '\0';
    return true;
}

static bool __attribute__((format(printf, 4, 5)))
deny(struct verdict *v, const struct list *list, const struct policy_rule *nearest,
     const char *format, ...)
{
    va_list args;

    v->allowed = false;
    v->rule = list->label;
    v->nearest = nearest ? nearest->label : NULL;
    va_start(args, format);
    vsnprintf(v->hint, sizeof v->hint, format, args);
    va_end(args);
    return false;
}

static bool has_number(const struct list *list, int number)
{
    return number >= 0 && number <= MAX_NUMBER && list->numbers >> number & 1;
}

static bool check_number(const struct policy *p, enum policy_key key, int number, const char *name,
                         struct verdict *v)
{
    const struct list *list = &p->lists[key];

    if (!list->is_set)
        return allow(v, keys[key].absent);
    if (has_number(list, number))
        return allow(v, list->label);
    return deny(v, list, NULL, "%s would have to name %s", keys[key].name,
                name ? name : "it, and cannot");
}

static bool check_family(const struct policy *p, int family, struct verdict *v)
{
    return check_number(p, POLICY_FAMILIES, family, constant_name(CONSTANT_FAMILY, family), v);
}

bool policy_check_socket(const struct policy *p, int family, int type, struct verdict *verdict)
{
    struct verdict of_family;

    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!check_family(p, family, &of_family)) {
        *verdict = of_family;
        return false;
    }
    if (!check_number(p, POLICY_TYPES, type, constant_name(CONSTANT_SOCKTYPE, type), verdict))
        return false;
    /* The key that is there says more than the one that is not. */
    if (p->lists[POLICY_FAMILIES].is_set && !p->lists[POLICY_TYPES].is_set)
        *verdict = of_family;
    return true;
}

bool policy_check_stranger_socket(const struct policy *p, int family, int type,
                                  struct verdict *verdict)
{
    static const struct list no_types = {.label = (char *)"no key types: all but SOCK_RAW"};

    if (!policy_check_socket(p, family, type, verdict))
        return false;
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_RAW || p->lists[POLICY_TYPES].is_set)
        return true;
    return deny(verdict, &no_types, NULL, "types would have to name SOCK_RAW");
}

bool policy_check_plane(const struct policy *p, enum policy_plane plane, struct verdict *verdict)
{
    return check_number(p, POLICY_PLANES, (int)plane, plane_names[plane], verdict);
}

/* -- options -- */

static bool has_any_bit(const unsigned char *data, size_t n)
{
    while (n && data[n - 1] == 0)
        n--;
    return n != 0;
}

/* The kernel reads a number from the first bytes, whatever follows. */
static bool is_v6only_off(int level, int number, const void *data, size_t n)
{
    int v = 0;

    if (level != IPPROTO_IPV6 || number != IPV6_V6ONLY)
        return false;
    memcpy(&v, data, n < sizeof v ? n : sizeof v);
    return v == 0;
}

/* Options that make packets take another way than the address says. */
static bool is_route(int level, int number)
{
    enum { PKTOPTIONS_2292 = 6 }; /* IPV6_2292PKTOPTIONS of <linux/in6.h>: any of the headers */

    return (level == IPPROTO_IP && number == IP_OPTIONS) ||
           (level == IPPROTO_IPV6 && (number == IPV6_RTHDR || number == PKTOPTIONS_2292));
}

bool policy_check_option(const struct policy *p, int level, int number, const void *data, size_t n,
                         struct verdict *verdict)
{
    const struct list *list = &p->lists[POLICY_BROADCAST], *connect = &p->lists[POLICY_CONNECT];

    if (is_v6only_off(level, number, data, n)) {
        if (check_family(p, AF_INET, verdict))
            return true;
        return deny(verdict, &p->lists[POLICY_FAMILIES], NULL,
                    "families would have to name AF_INET: the socket would be for IPv4 too");
    }
    if (!has_any_bit(data, n))
        return allow(verdict, "what is switched off has no rule");
    if (is_route(level, number) && connect->is_set)
        return deny(verdict, connect, NULL,
                    "where connect has rules, a socket's packets go straight to their address");
    if (level != SOL_SOCKET || number != SO_BROADCAST)
        return allow(verdict, "this option has no rule");
    if (!list->is_set)
        return allow(verdict, keys[POLICY_BROADCAST].absent);
    if (list->numbers)
        return allow(verdict, list->label);
    return deny(verdict, list, NULL, "broadcast = yes would allow SO_BROADCAST");
}

bool policy_has_rules(const struct policy *p, enum policy_key key)
{
    return p->lists[key].is_set;
}

/* -- addresses -- */

/* What would have to be different for the nearest rule to allow it. */
static bool deny_near(struct verdict *v, const struct list *list, const struct policy_rule *nearest,
                      int differs)
{
    int n = (int)nearest->n_shown;

    if (differs == DIFFERS_PORT)
        return deny(v, list, nearest, "%.*s would allow port %s", n, nearest->label,
                    strcmp(nearest->port, "0") == 0 ? "0, any free one" : nearest->port);
    if (nearest->kind == RULE_PATH || nearest->kind == RULE_ABSTRACT)
        return deny(v, list, nearest, "%.*s would allow another %s", n, nearest->label,
                    nearest->kind == RULE_PATH ? "path" : "abstract name");
    if (differs == DIFFERS_HOST)
        return deny(v, list, nearest, "%.*s would allow %s%s", n, nearest->label,
                    nearest->kind == RULE_NAME ? "the name " : "", nearest->host);
    return deny(v, list, nearest, "the nearest rule, %.*s, allows another address and port", n,
                nearest->label);
}

static const char *kind_name(const struct policy_target *t)
{
    static const char *const names[] = {
        [RULE_IP4] = "an IPv4 address",
        [RULE_IP6] = "an IPv6 address",
        [RULE_PATH] = "the path of a Unix socket",
        [RULE_ABSTRACT] = "an abstract Unix socket",
    };

    return names[t->kind];
}

static bool check_rules(const struct policy *p, enum policy_key key, const struct policy_target *t,
                        struct verdict *v)
{
    const struct list *list = &p->lists[key];
    const struct policy_rule *nearest = NULL;
    uint32_t distance, least = UINT32_MAX;
    int differs, fewest = DIFFERS_KIND;

    if (!list->is_set)
        return allow(v, keys[key].absent);
    for (size_t i = 0; i < list->n; i++) {
        differs = policy_rule_match(&list->rules[i], t, &distance);
        if (differs == 0)
            return allow(v, list->rules[i].label);
        if (differs > fewest || differs == DIFFERS_KIND || (differs == fewest && distance >= least))
            continue;
        nearest = &list->rules[i];
        fewest = differs;
        least = distance;
    }
    if (key == POLICY_BIND && t->is_loopback && t->port == 0 && list->n)
        return allow(v, "any free port of a loopback address: always allowed");
    if (nearest)
        return deny_near(v, list, nearest, fewest);
    if (list->n)
        return deny(v, list, NULL, "no rule of %s is for %s", keys[key].name, kind_name(t));
    return deny(v, list, NULL, "%s is empty, which allows nothing", keys[key].name);
}

static bool check_address(const struct policy *p, enum policy_key key,
                          const struct wire_sockaddr *address, const char *name, struct verdict *v)
{
    struct policy_target t;
    int family = address->addr.ss_family;

    if (!policy_rule_target(address, key == POLICY_BIND, name, &t)) {
        if (!p->lists[key].is_set)
            return allow(v, keys[key].absent);
        return deny(v, &p->lists[key], NULL, "no rule is for addresses of this family");
    }
    if (t.kind == RULE_IP4)
        family = AF_INET; /* also where it comes as IPv6 */
    return check_family(p, family, v) && check_rules(p, key, &t, v);
}

bool policy_check_bind(const struct policy *p, const struct wire_sockaddr *address,
                       struct verdict *verdict)
{
    return check_address(p, POLICY_BIND, address, NULL, verdict);
}

bool policy_check_connect(const struct policy *p, const struct wire_sockaddr *address,
                          const char *name, struct verdict *verdict)
{
    return check_address(p, POLICY_CONNECT, address, name, verdict);
}
