/* constants.h — the BSD names on the wire and the numbers behind them. A name that this kernel's
 * headers do not know does not exist here. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum constant_space {
    CONSTANT_FAMILY,   /* AF_INET AF_INET6 AF_UNIX */
    CONSTANT_SOCKTYPE, /* SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_RAW SOCK_RDM */
    CONSTANT_PROTOCOL, /* IPPROTO_TCP … */
    CONSTANT_LEVEL,    /* SOL_SOCKET IPPROTO_IP IPPROTO_TCP SOL_TCP … */
    CONSTANT_HOW,      /* SHUT_RD SHUT_WR SHUT_RDWR */
    CONSTANT_MSG,      /* MSG_PEEK … : flags */
    CONSTANT_AI,       /* AI_PASSIVE … : flags */
    CONSTANT_NI,       /* NI_NUMERICHOST … : flags */
    CONSTANT_FORM,     /* text base64 */
    N_CONSTANT_SPACES
};

struct constant {
    const char *name;
    int value;
};

/* The rows of a space, in the order of the documents; *ret_n how many. */
const struct constant *constants_of(enum constant_space space, size_t *ret_n);

/* Finds `name` (n bytes). False when the space does not know it. */
bool constant_find(enum constant_space space, const char *name, size_t n, int *ret_value);

/* The first name of a value, or NULL. */
const char *constant_name(enum constant_space space, int value);

/* The name nearest to a misspelt one ("AF_INET4" -> "AF_INET"), or NULL when none is near. */
const char *constant_nearest(enum constant_space space, const char *name, size_t n);
