/* address.h — socket addresses: as JSON, as the client wrote them, as the kernel has them.
 * Never looks a name up: that takes time, and is the caller's. */
#pragma once
#include "arena.h"
#include "buf.h"
#include "errors.h"
#include "json.h"
#include "wire.h"

/* Decodes {"host","port","scope"?,"flowinfo"?}, {"path"}, {"abstract"}, [host, port, flowinfo?,
 * scope?] or, for AF_UNIX, a text (as Python's addresses are written). A "family" as in replies is
 * accepted and checked against the rest, so that an address that came from berth can go back. Texts
 * are copied to the arena. `param` names the parameter in errors. Returns 0, ERROR_INVALID_PARAMS
 * or ERROR_OS (ENOMEM). */
int address_decode(const struct json *json, uint32_t token, const char *param, struct arena *a,
                   struct wire_address *ret, struct error *e);

/* Appends {"family":"AF_INET","host":…,"port":…}, {"family":"AF_UNIX","path":…} or
 * {…,"abstract":…}; an IPv6 scope as "scope" (interface name, else number), "flowinfo" when not 0.
 * An unnamed Unix address has the path "". Bytes of a path or abstract name that are not UTF-8 are
 * written as U+FFFD. */
void address_encode(struct buf *b, const struct wire_sockaddr *addr);

/* Makes the kernel's address where no look-up is needed: numeric hosts of the socket's family, ""
 * (the wildcard), "<broadcast>", paths, abstract names; "fe80::1%eth0" has its scope inside the
 * host. Returns 0; ADDRESS_IS_NAME when the host has to be resolved (then `port`, scope and
 * flowinfo are put in by address_complete after the look-up); ERROR_INVALID_PARAMS for an address
 * of the wrong kind, ERROR_OS (EAFNOSUPPORT for a family that is none of the three, ENODEV for an
 * unknown scope). Does not block. */
enum { ADDRESS_IS_NAME = -1 };
int address_numeric(const struct wire_address *address, int family, const char *param,
                    struct wire_sockaddr *ret, struct error *e);

/* Puts port, flowinfo and scope of what the client wrote into an address that a look-up gave. */
int address_complete(const struct wire_address *address, const char *param,
                     struct wire_sockaddr *addr, struct error *e);

/* The family an address means by itself: AF_UNIX for paths and abstract names, AF_INET6 for a
 * numeric IPv6 host, AF_INET for a numeric IPv4 host and the wildcard, AF_UNSPEC for a name. */
int address_family(const struct wire_address *address);

/* "127.0.0.1:80", "[fe80::1%eth0]:80", "unix:/run/x", "unix:@x": for people, in messages and logs.
 * Writes at most n bytes, terminated. */
void address_format(const struct wire_sockaddr *addr, char *text, size_t n);

/* Whether two kernel addresses are the same place. */
bool address_same(const struct wire_sockaddr *a, const struct wire_sockaddr *b);
