#include "constants.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "nearest.h"
#include "wire.h"

/* clang-format off */
#define C(name) {#name, name}
/* clang-format on */

/* Where a number has several names, the first row is the one that replies use. */

static const struct constant families[] = {
    C(AF_INET), C(AF_INET6), C(AF_UNIX), C(AF_LOCAL), C(AF_UNSPEC),
};

static const struct constant socktypes[] = {
    C(SOCK_STREAM), C(SOCK_DGRAM), C(SOCK_SEQPACKET), C(SOCK_RAW), C(SOCK_RDM),
};

static const struct constant protocols[] = {
    C(IPPROTO_IP),       C(IPPROTO_TCP),     C(IPPROTO_UDP),     C(IPPROTO_ICMP),
    C(IPPROTO_ICMPV6),   C(IPPROTO_UDPLITE), C(IPPROTO_SCTP),    C(IPPROTO_DCCP),
#ifdef IPPROTO_MPTCP
    C(IPPROTO_MPTCP),
#endif
    C(IPPROTO_RAW),      C(IPPROTO_IPV6),    C(IPPROTO_IGMP),    C(IPPROTO_IPIP),
    C(IPPROTO_EGP),      C(IPPROTO_PUP),     C(IPPROTO_IDP),     C(IPPROTO_TP),
    C(IPPROTO_RSVP),     C(IPPROTO_GRE),     C(IPPROTO_ESP),     C(IPPROTO_AH),
    C(IPPROTO_MTP),      C(IPPROTO_BEETPH),  C(IPPROTO_ENCAP),   C(IPPROTO_PIM),
    C(IPPROTO_COMP),     C(IPPROTO_MPLS),    C(IPPROTO_HOPOPTS), C(IPPROTO_ROUTING),
    C(IPPROTO_FRAGMENT), C(IPPROTO_NONE),    C(IPPROTO_DSTOPTS), C(IPPROTO_MH),
#ifdef IPPROTO_ETHERNET
    C(IPPROTO_ETHERNET),
#endif
#ifdef IPPROTO_L2TP
    C(IPPROTO_L2TP),
#endif
};

/* Named here where a C program would need a header of its own for one number: <netinet/tcp.h> and
 * <netinet/udp.h> fight with the kernel's headers of the same structs. */
#ifndef SOL_TCP
#define SOL_TCP IPPROTO_TCP
#endif
#ifndef SOL_UDP
#define SOL_UDP IPPROTO_UDP
#endif

static const struct constant levels[] = {
    C(SOL_SOCKET), C(IPPROTO_IP),     C(SOL_IP),          C(IPPROTO_TCP),
    C(SOL_TCP),    C(IPPROTO_UDP),    C(SOL_UDP),         C(IPPROTO_IPV6),
    C(SOL_IPV6),   C(IPPROTO_ICMPV6), C(SOL_ICMPV6),      C(IPPROTO_RAW),
    C(SOL_RAW),    C(IPPROTO_SCTP),   C(IPPROTO_UDPLITE), C(IPPROTO_DCCP),
#ifdef SOL_DCCP
    C(SOL_DCCP),
#endif
#ifdef SOL_MPTCP
    C(SOL_MPTCP),
#endif
#ifdef SOL_TLS
    C(SOL_TLS),
#endif
};

static const struct constant hows[] = {
    C(SHUT_RD),
    C(SHUT_WR),
    C(SHUT_RDWR),
};

static const struct constant msgs[] = {
    C(MSG_OOB),      C(MSG_PEEK),         C(MSG_DONTROUTE),  C(MSG_TRYHARD), C(MSG_CTRUNC),
    C(MSG_PROXY),    C(MSG_TRUNC),        C(MSG_DONTWAIT),   C(MSG_EOR),     C(MSG_WAITALL),
    C(MSG_FIN),      C(MSG_SYN),          C(MSG_CONFIRM),    C(MSG_RST),     C(MSG_ERRQUEUE),
    C(MSG_NOSIGNAL), C(MSG_MORE),         C(MSG_WAITFORONE), C(MSG_BATCH),   C(MSG_ZEROCOPY),
    C(MSG_FASTOPEN), C(MSG_CMSG_CLOEXEC),
};

/* The flags that glibc calls deprecated, as AI_IDN_ALLOW_UNASSIGNED, do nothing any more. */
static const struct constant ais[] = {
    C(AI_PASSIVE),  C(AI_CANONNAME), C(AI_NUMERICHOST), C(AI_NUMERICSERV),
    C(AI_V4MAPPED), C(AI_ALL),       C(AI_ADDRCONFIG),
#ifdef AI_IDN
    C(AI_IDN),      C(AI_CANONIDN),
#endif
};

static const struct constant nis[] = {
    C(NI_NUMERICHOST), C(NI_NUMERICSERV), C(NI_NOFQDN), C(NI_NAMEREQD), C(NI_DGRAM),
#ifdef NI_IDN
    C(NI_IDN),
#endif
};

static const struct constant forms[] = {
    {"text", FORM_TEXT},
    {"base64", FORM_BASE64},
};

static const struct {
    const struct constant *rows;
    size_t n;
} spaces[N_CONSTANT_SPACES] = {
#define ROWS(rows) rows, sizeof rows / sizeof *rows
    [CONSTANT_FAMILY] = {ROWS(families)},
    [CONSTANT_SOCKTYPE] = {ROWS(socktypes)},
    [CONSTANT_PROTOCOL] = {ROWS(protocols)},
    [CONSTANT_LEVEL] = {ROWS(levels)},
    [CONSTANT_HOW] = {ROWS(hows)},
    [CONSTANT_MSG] = {ROWS(msgs)},
    [CONSTANT_AI] = {ROWS(ais)},
    [CONSTANT_NI] = {ROWS(nis)},
    [CONSTANT_FORM] = {ROWS(forms)},
#undef ROWS
};

const struct constant *constants_of(enum constant_space space, size_t *ret_n)
{
    *ret_n = spaces[space].n;
    return spaces[space].rows;
}

bool constant_find(enum constant_space space, const char *name, size_t n, int *ret_value)
{
    const struct constant *row = spaces[space].rows, *end = row + spaces[space].n;

    for (; row < end; row++)
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0) {
            *ret_value = row->value;
            return true;
        }
    return false;
}

const char *constant_name(enum constant_space space, int value)
{
    const struct constant *row = spaces[space].rows, *end = row + spaces[space].n;

    for (; row < end; row++)
        if (row->value == value)
            return row->name;
    return NULL;
}

const char *constant_nearest(enum constant_space space, const char *name, size_t n)
{
    const struct constant *row = spaces[space].rows, *end = row + spaces[space].n;
    struct nearest best = nearest_begin(n);

    for (; row < end; row++)
        nearest_offer(&best, name, n, row->name);
    return best.word;
}
