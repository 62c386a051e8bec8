/* policy.h — what the sockets of a pool may do: rules, and the one engine that is asked before
 * anything is done, and by `why`. Addresses in, verdicts out: a check has no side effect, allocates
 * nothing and costs as much as there are rules.
 *
 * Knows no sockets, pools or clients, and looks no name up. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"

/* The keys of a pool's section that are policy. One that is absent allows all, one that is present
 * and empty nothing. */
enum policy_key {
    POLICY_FAMILIES,
    POLICY_TYPES,
    POLICY_BIND,
    POLICY_CONNECT,
    POLICY_PLANES,
    POLICY_BROADCAST,
    N_POLICY_KEYS
};

/* The ways on which bytes travel between a client and its sockets. */
enum policy_plane { PLANE_MESSAGE, PLANE_STREAM, PLANE_HANDOFF, N_PLANES };

struct policy;

/* What a check says. Texts that are pointers live as long as the policy does. */
struct verdict {
    bool allowed;
    const char *rule;    /* what decided, as it stands in the file, with (file:line): a rule that
                            allows, or the key that nothing of this kind is in; never NULL */
    const char *nearest; /* denied: the rule that comes nearest, with (file:line); NULL: none */
    char hint[256];      /* denied: what would be allowed, or has to be written; never empty */
};

/* -- making -- */

/* A policy that allows everything. NULL when memory is out. */
struct policy *policy_new(void);

/* NULL is fine. */
void policy_free(struct policy *p);

/* "families", "bind", …; and whether `name` is one of them. */
const char *policy_key_name(enum policy_key key);
bool policy_key_find(const char *name, enum policy_key *ret);

/* "message", "stream", "handoff". */
const char *policy_plane_name(enum policy_plane plane);

/* The key is present: from now on it allows what is added and nothing else. `text` is its value as
 * the file has it, path and line say where; all copied. Returns 0, or -ENOMEM. */
int policy_begin(struct policy *p, enum policy_key key, const char *text, const char *path,
                 int line);

/* Adds one item of a key that has begun:
 *
 *   families, types   AF_INET, SOCK_STREAM …
 *   planes            message, stream, handoff
 *   broadcast         yes or no, once
 *   bind, connect     ADDRESS:PORTS, [ADDRESS6]:PORTS, unix:PATTERN, unix:@PATTERN
 *   connect           NAME:PORTS
 *
 * ADDRESS may have a prefix (10.0.0.0/8, [fd00::/8]) and, for a link-local one, a scope
 * ([fe80::/10%eth0]). PORTS is a number, a range or *. In `bind` the port 0 asks the kernel for any
 * free one, which the rules 0 and * allow and a range does not. A pattern of a path is fnmatch(3)'s
 * and its * ends at a /; in the name of an abstract socket it does not; `unix:*` and `unix:@*` are
 * all of them. A NAME is a host name, or *.NAME for all names below it at any depth.
 *
 * Returns 0, -EINVAL with a message that says what is expected, or -ENOMEM. */
int policy_add(struct policy *p, enum policy_key key, const char *item, const char *path, int line,
               char *ret_message, size_t n_message);

/* -- asking: each returns verdict->allowed -- */

/* A socket of this family and type; flags in the type (SOCK_NONBLOCK …) do not count. */
bool policy_check_socket(const struct policy *p, int family, int type, struct verdict *verdict);

/* The same for a client whom the kernel itself would refuse a raw socket, which reads what is
 * others' and goes around `connect`: there SOCK_RAW has to be named. */
bool policy_check_stranger_socket(const struct policy *p, int family, int type,
                                  struct verdict *verdict);

/* The address is what the kernel is going to be given. It is matched as the kernel takes it: an
 * IPv4 address that is mapped into IPv6 is that IPv4 address, also for `families`; a scope counts
 * for link-local addresses only; a path is matched as it is given, so ask again with the one that
 * it leads to. The wildcard is matched by itself (0.0.0.0, [::]) or by the prefix of all addresses
 * (0.0.0.0/0, [::/0]), by no other rule, and matches nothing else. [::] is what the kernel makes of
 * it: IPv4 too unless the socket is IPV6_V6ONLY. Port 0 of a loopback address is allowed by any
 * rules but none at all: programs probe so what the machine can do. A Unix socket without a name is
 * bound to an abstract name of the kernel's choice: `unix:@*`. */
bool policy_check_bind(const struct policy *p, const struct wire_sockaddr *address,
                       struct verdict *verdict);

/* Also for sendto. `name` is the host name that the client gave and that was resolved to this
 * address in the same call, NULL for an address; rules with names match nothing else. 0.0.0.0 and
 * :: are matched as the loopback address that the kernel makes of them; where the socket is bound,
 * ask with policy_destination's result. */
bool policy_check_connect(const struct policy *p, const struct wire_sockaddr *address,
                          const char *name, struct verdict *verdict);

bool policy_check_plane(const struct policy *p, enum policy_plane plane, struct verdict *verdict);

/* Before a socket option is set to these bytes. Ruled are SO_BROADCAST, what would lead past the
 * rules of `connect` (IP_OPTIONS, IPV6_RTHDR, IPV6_2292PKTOPTIONS), and IPv4 by an IPv6 socket
 * (IPV6_V6ONLY off) where `families` has no AF_INET. */
bool policy_check_option(const struct policy *p, int level, int number, const void *data, size_t n,
                         struct verdict *verdict);

/* Whether there are rules for this; without them a check need not know where a path leads. */
bool policy_has_rules(const struct policy *p, enum policy_key key);

/* Where a socket that is bound to `local` (len 0: not bound) really goes when it connects or sends
 * to `address`: the wildcard is the loopback, but a bound IPv4 socket goes to its own address, and
 * an IPv6 one that is bound to a mapped address goes to 127.0.0.1. */
struct wire_sockaddr policy_destination(const struct wire_sockaddr *address,
                                        const struct wire_sockaddr *local);
