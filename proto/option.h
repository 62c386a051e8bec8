/* option.h — socket options by name, with their types: JSON value <-> the bytes the kernel takes.
 * One row per option; what is not in the table goes by level and number. */
#pragma once
#include "arena.h"
#include "buf.h"
#include "errors.h"
#include "json.h"
#include "wire.h"

enum option_type {
    OPTION_FLAG, /* true or false (0 and 1 are taken) */
    OPTION_INT,
    OPTION_BYTE,    /* an int that the kernel keeps in one byte, as IP_MULTICAST_TTL */
    OPTION_TIMEVAL, /* seconds, fractions allowed */
    OPTION_LINGER,  /* {"onoff":true,"linger":5}; also null (off) or seconds */
    OPTION_TEXT,    /* SO_BINDTODEVICE, TCP_CONGESTION */
    OPTION_IN_ADDR, /* "1.2.3.4" */
    OPTION_IF,      /* an interface by index or name (IPV6_MULTICAST_IF, IPV6_UNICAST_IF) */
    OPTION_MREQ, /* {"group","interface"?}: IPv4 membership; interface by name, index or address */
    OPTION_MREQ_SOURCE, /* {"group","source","interface"?} */
    OPTION_MREQ6,       /* {"group","interface"?} */
    OPTION_UCRED,       /* {"pid","uid","gid"}, read only */
    OPTION_TCP_INFO,    /* an object, read only */
    OPTION_DOMAIN,      /* an AF_ name, read only */
    OPTION_SOCKTYPE,    /* a SOCK_ name, read only */
    OPTION_ERRNO,       /* SO_ERROR: an errno, 0 for none, read only */
    OPTION_BYTES,       /* base64 text */
};

struct option {
    const char *name;
    int level, number;
    enum option_type type;
    bool can_set, can_get;
};

/* Every row, for documents and tests. */
const struct option *options_all(size_t *ret_n);

/* The row called `name`, or NULL. */
const struct option *option_find(const char *name, size_t n);

/* A near name for a misspelt one, or NULL. */
const char *option_nearest(const char *name, size_t n);

/* Makes the kernel's bytes of a JSON value. `param` names the parameter in errors ("value",
 * "options"). Returns 0, ERROR_INVALID_PARAMS, or ERROR_OS (ENODEV: no such interface). */
int option_decode(const struct option *option, const struct json *json, uint32_t token,
                  const char *param, struct arena *a, struct option_value *ret, struct error *e);

/* The same from a value's own JSON text, as it stands in a wire_json: `option` is a name, or NULL
 * with level and number (then the value must be an integer). */
int option_decode_text(const char *option, int level, int number, const char *value, size_t n,
                       struct arena *a, struct option_value *ret, struct error *e);

/* Whether an option may be set or read at all: by its row, or (option NULL) by level and number.
 * Options whose value is an address or a descriptor of the calling process are not offered, for
 * that process is the daemon. Returns 0 or ERROR_INVALID_PARAMS. */
int option_check_set(const struct option *option, int level, int number, struct error *e);
int option_check_get(const struct option *option, int level, int number, struct error *e);

/* How many bytes to ask the kernel for. */
size_t option_size(const struct option *option);

/* Appends the JSON value of what the kernel gave (n bytes). `option` NULL: given by level and
 * number, an integer when n is 4 (or 1), else null. */
void option_encode(struct buf *b, const struct option *option, const void *data, size_t n);
