/* policy_rule.h — one rule of `bind` or `connect`: read from its text, held against one address.
 * For policy.c; see policy.h for what rules mean. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "proto/wire.h"

enum rule_kind { RULE_IP4, RULE_IP6, RULE_NAME, RULE_PATH, RULE_ABSTRACT };

struct policy_rule {
    enum rule_kind kind;
    bool is_bind;
    unsigned char ip[16];
    int n_prefix;            /* bits of ip that count */
    char *scope;             /* interface; NULL: any */
    uint16_t low, high;      /* ports */
    char *pattern;           /* of a name (below it when is_below), path or abstract name */
    bool is_below;           /* *.pattern */
    const char *host, *port; /* the two parts of the text, for hints; port NULL: none */
    char *parts;             /* where they live */
    char *label;             /* "bind 127.0.0.1:80 (/etc/berth/berthd.conf:12)" */
    size_t n_shown;          /* bytes of the label without the place */
};

/* An address as the kernel takes it. */
struct policy_target {
    enum rule_kind kind; /* never RULE_NAME */
    bool is_bind;
    unsigned char ip[16];
    bool is_any, is_loopback;
    uint16_t port;
    uint32_t scope;                        /* 0: none */
    const char *name;                      /* that the client gave; NULL: none */
    char text[sizeof(struct sockaddr_un)]; /* path or abstract name; "": unnamed */
    bool is_crooked;                       /* a path or name that no rule matches */
};

/* Which parts of an address a rule does not allow. Their sum orders rules by nearness. */
enum { DIFFERS_PORT = 1, DIFFERS_HOST = 2, DIFFERS_KIND = 4 };

/* Reads a rule. Returns 0, -EINVAL with a message, or -ENOMEM; *ret is to be freed in any case. */
int policy_rule_parse(bool is_bind, const char *item, const char *path, int line,
                      struct policy_rule *ret, char *ret_message, size_t n_message);
void policy_rule_done(struct policy_rule *rule);

/* The kernel's view of an address, for binding or for connecting (and then with the name that the
 * client gave, or NULL). False for a family that rules do not know. */
bool policy_rule_target(const struct wire_sockaddr *address, bool is_bind, const char *name,
                        struct policy_target *ret);

/* 0 when the rule allows the target, else what differs; *ret_distance then orders those with the
 * same differences. */
int policy_rule_match(const struct policy_rule *rule, const struct policy_target *target,
                      uint32_t *ret_distance);
