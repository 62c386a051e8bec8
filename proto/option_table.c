/* The rows: the options that socket(7), tcp(7), udp(7), ip(7), ipv6(7), unix(7) and raw(7) name,
 * and the rest that the kernel's headers know.
 *
 * Left out: what getpeername says (SO_PEERNAME). */
#include "option.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/icmp.h>
#include <linux/in6.h>
#include <linux/tcp.h> /* not <netinet/tcp.h>: both cannot be had, and that one knows less */
#include <linux/udp.h>

#include "nearest.h"

/* Younger than some headers that berth is built with, but the kernel it runs on may have it, and it
 * must not be reached by its number either. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define RW     true, true
#define RO     false, true
#define WO     true, false
/* The value is an address in the memory, or a descriptor, of the process that calls. Here that
 * would be the daemon, and never the client who asks. */
#define CLOSED false, false

/* # and ## must see the name itself, so each of these is made directly. */
/* clang-format off */
#define O(name, level, type, access) {#name, level,        name, OPTION_##type, access}
#define S(name, type, access)        {#name, SOL_SOCKET,   name, OPTION_##type, access}
#define T(name, type, access)        {#name, IPPROTO_TCP,  name, OPTION_##type, access}
#define U(name, type, access)        {#name, IPPROTO_UDP,  name, OPTION_##type, access}
#define V4(name, type, access)       {#name, IPPROTO_IP,   name, OPTION_##type, access}
#define V6(name, type, access)       {#name, IPPROTO_IPV6, name, OPTION_##type, access}
/* clang-format on */

static const struct option rows[] = {
    /* socket(7), unix(7) */
    S(SO_ACCEPTCONN, FLAG, RO),
    S(SO_ATTACH_BPF, BYTES, CLOSED),
    S(SO_ATTACH_FILTER, BYTES, CLOSED),
    S(SO_ATTACH_REUSEPORT_CBPF, BYTES, CLOSED),
    S(SO_ATTACH_REUSEPORT_EBPF, BYTES, CLOSED),
    S(SO_BINDTODEVICE, TEXT, RW),
    S(SO_BINDTOIFINDEX, IF, RW),
    S(SO_BPF_EXTENSIONS, INT, RO),
    S(SO_BROADCAST, FLAG, RW),
    S(SO_BSDCOMPAT, FLAG, RW),
    S(SO_BUF_LOCK, INT, RW),
    S(SO_BUSY_POLL, INT, RW),
    S(SO_BUSY_POLL_BUDGET, INT, RW),
    S(SO_CNX_ADVICE, INT, WO),
    S(SO_COOKIE, INT, RO),
    S(SO_DEBUG, FLAG, RW),
    S(SO_DETACH_BPF, FLAG, WO), /* of these three the value is ignored */
    S(SO_DETACH_FILTER, FLAG, WO),
    S(SO_DETACH_REUSEPORT_BPF, FLAG, WO),
    S(SO_DOMAIN, DOMAIN, RO),
    S(SO_DONTROUTE, FLAG, RW),
    S(SO_ERROR, ERRNO, RO),
    S(SO_GET_FILTER, BYTES, CLOSED), /* counts its room in instructions of 8 bytes, not in bytes */
    S(SO_INCOMING_CPU, INT, RW),
    S(SO_INCOMING_NAPI_ID, INT, RO),
    S(SO_KEEPALIVE, FLAG, RW),
    S(SO_LINGER, LINGER, RW),
    S(SO_LOCK_FILTER, FLAG, RW),
    S(SO_MARK, INT, RW),
    S(SO_MAX_PACING_RATE, INT, RW),
    S(SO_MEMINFO, BYTES, RO),
#ifdef SO_NETNS_COOKIE
    S(SO_NETNS_COOKIE, INT, RO),
#endif
    S(SO_NOFCS, FLAG, RW),
    S(SO_NO_CHECK, FLAG, RW),
    S(SO_OOBINLINE, FLAG, RW),
    S(SO_PASSCRED, FLAG, RW),
#ifdef SO_PASSPIDFD
    S(SO_PASSPIDFD, FLAG, RW),
#endif
#ifdef SO_PASSRIGHTS
    S(SO_PASSRIGHTS, FLAG, RW),
#endif
    S(SO_PASSSEC, FLAG, RW),
    S(SO_PEEK_OFF, INT, RW),
    S(SO_PEERCRED, UCRED, RO),
    S(SO_PEERGROUPS, BYTES, RO),
    S(SO_PEERPIDFD, BYTES, CLOSED), /* reading it opens a descriptor */
    S(SO_PEERSEC, TEXT, RO),
    S(SO_PREFER_BUSY_POLL, FLAG, RW),
    S(SO_PRIORITY, INT, RW),
    S(SO_PROTOCOL, INT, RO),
    S(SO_RCVBUF, INT, RW),
    S(SO_RCVBUFFORCE, INT, WO),
    S(SO_RCVLOWAT, INT, RW),
#ifdef SO_RCVMARK
    S(SO_RCVMARK, FLAG, RW),
#endif
#ifdef SO_RCVPRIORITY
    S(SO_RCVPRIORITY, FLAG, RW),
#endif
    S(SO_RCVTIMEO, TIMEVAL, RW),
#ifdef SO_RESERVE_MEM
    S(SO_RESERVE_MEM, INT, RW),
#endif
    S(SO_REUSEADDR, FLAG, RW),
    S(SO_REUSEPORT, FLAG, RW),
    S(SO_RXQ_OVFL, FLAG, RW),
    S(SO_SELECT_ERR_QUEUE, FLAG, RW),
    S(SO_SNDBUF, INT, RW),
    S(SO_SNDBUFFORCE, INT, WO),
    S(SO_SNDLOWAT, INT, RW), /* Linux refuses to set it, by itself */
    S(SO_SNDTIMEO, TIMEVAL, RW),
    S(SO_TIMESTAMP, FLAG, RW),
    S(SO_TIMESTAMPING, INT, RW),
    S(SO_TIMESTAMPNS, FLAG, RW),
    S(SO_TXREHASH, INT, RW),
    S(SO_TXTIME, BYTES, RW),
    S(SO_TYPE, SOCKTYPE, RO),
    S(SO_WIFI_STATUS, FLAG, RW),
    S(SO_ZEROCOPY, FLAG, RW),

    /* tcp(7) */
    T(TCP_CC_INFO, BYTES, RO),
    T(TCP_CONGESTION, TEXT, RW),
    T(TCP_CORK, FLAG, RW),
    T(TCP_DEFER_ACCEPT, INT, RW),
    T(TCP_FASTOPEN, INT, RW),
    T(TCP_FASTOPEN_CONNECT, FLAG, RW),
    T(TCP_FASTOPEN_KEY, BYTES, RW),
    T(TCP_FASTOPEN_NO_COOKIE, FLAG, RW),
    T(TCP_INFO, TCP_INFO, RO),
    T(TCP_INQ, FLAG, RW),
    T(TCP_KEEPCNT, INT, RW),
    T(TCP_KEEPIDLE, INT, RW),
    T(TCP_KEEPINTVL, INT, RW),
    T(TCP_LINGER2, INT, RW),
    T(TCP_MAXSEG, INT, RW),
    T(TCP_MD5SIG, BYTES, WO),
    T(TCP_MD5SIG_EXT, BYTES, WO),
    T(TCP_NODELAY, FLAG, RW),
    T(TCP_NOTSENT_LOWAT, INT, RW),
    T(TCP_QUEUE_SEQ, INT, RW),
    T(TCP_QUICKACK, FLAG, RW),
    T(TCP_REPAIR, INT, RW),
    T(TCP_REPAIR_OPTIONS, BYTES, WO),
    T(TCP_REPAIR_QUEUE, INT, RW),
    T(TCP_REPAIR_WINDOW, BYTES, RW),
    T(TCP_SAVED_SYN, BYTES, RO),
    T(TCP_SAVE_SYN, INT, RW),
    T(TCP_SYNCNT, INT, RW),
    T(TCP_THIN_DUPACK, FLAG, RW),
    T(TCP_THIN_LINEAR_TIMEOUTS, FLAG, RW),
    T(TCP_TIMESTAMP, INT, RW),
    T(TCP_TX_DELAY, INT, RW),
    T(TCP_ULP, TEXT, RW),
    T(TCP_USER_TIMEOUT, INT, RW),
    T(TCP_WINDOW_CLAMP, INT, RW),
    T(TCP_ZEROCOPY_RECEIVE, BYTES, CLOSED),

    /* udp(7) */
    U(UDP_CORK, FLAG, RW),
    U(UDP_ENCAP, INT, RW),
    U(UDP_GRO, FLAG, RW),
    U(UDP_NO_CHECK6_RX, FLAG, RW),
    U(UDP_NO_CHECK6_TX, FLAG, RW),
    U(UDP_SEGMENT, INT, RW),

    /* ip(7) */
    V4(IP_ADD_MEMBERSHIP, MREQ, WO),
    V4(IP_ADD_SOURCE_MEMBERSHIP, MREQ_SOURCE, WO),
    V4(IP_BIND_ADDRESS_NO_PORT, FLAG, RW),
    V4(IP_BLOCK_SOURCE, MREQ_SOURCE, WO),
    V4(IP_CHECKSUM, FLAG, RW),
    V4(IP_DROP_MEMBERSHIP, MREQ, WO),
    V4(IP_DROP_SOURCE_MEMBERSHIP, MREQ_SOURCE, WO),
    V4(IP_FREEBIND, FLAG, RW),
    V4(IP_HDRINCL, FLAG, RW),
    V4(IP_IPSEC_POLICY, BYTES, WO),
#ifdef IP_LOCAL_PORT_RANGE
    V4(IP_LOCAL_PORT_RANGE, INT, RW),
#endif
    V4(IP_MINTTL, INT, RW),
    V4(IP_MSFILTER, BYTES, WO),
    V4(IP_MTU, INT, RO),
    V4(IP_MTU_DISCOVER, INT, RW),
    V4(IP_MULTICAST_ALL, FLAG, RW),
    V4(IP_MULTICAST_IF, IN_ADDR, RW),
    V4(IP_MULTICAST_LOOP, FLAG, RW),
    V4(IP_MULTICAST_TTL, BYTE, RW),
    V4(IP_NODEFRAG, FLAG, RW),
    V4(IP_OPTIONS, BYTES, RW),
    V4(IP_ORIGDSTADDR, FLAG, RW),
    V4(IP_PASSSEC, FLAG, RW),
    V4(IP_PKTINFO, FLAG, RW),
    V4(IP_PKTOPTIONS, BYTES, RO),
#ifdef IP_PROTOCOL
    V4(IP_PROTOCOL, INT, RO),
#endif
    V4(IP_RECVERR, FLAG, RW),
    V4(IP_RECVERR_RFC4884, FLAG, RW),
    V4(IP_RECVFRAGSIZE, FLAG, RW),
    V4(IP_RECVOPTS, FLAG, RW),
    V4(IP_RECVORIGDSTADDR, FLAG, RW),
    V4(IP_RECVRETOPTS, FLAG, RW),
    V4(IP_RECVTOS, FLAG, RW),
    V4(IP_RECVTTL, FLAG, RW),
    V4(IP_RETOPTS, FLAG, RW),
    V4(IP_ROUTER_ALERT, FLAG, RW),
    V4(IP_TOS, BYTE, RW),
    V4(IP_TRANSPARENT, FLAG, RW),
    V4(IP_TTL, INT, RW),
    V4(IP_UNBLOCK_SOURCE, MREQ_SOURCE, WO),
    V4(IP_UNICAST_IF, IF, RW),
    V4(IP_XFRM_POLICY, BYTES, WO),

    /* For either family: the level follows the group, see option.c. */
    V4(MCAST_BLOCK_SOURCE, MREQ_SOURCE, WO),
    V4(MCAST_JOIN_GROUP, MREQ, WO),
    V4(MCAST_JOIN_SOURCE_GROUP, MREQ_SOURCE, WO),
    V4(MCAST_LEAVE_GROUP, MREQ, WO),
    V4(MCAST_LEAVE_SOURCE_GROUP, MREQ_SOURCE, WO),
    V4(MCAST_MSFILTER, BYTES, WO),
    V4(MCAST_UNBLOCK_SOURCE, MREQ_SOURCE, WO),

    /* ipv6(7) */
    V6(IPV6_2292DSTOPTS, FLAG, RW),
    V6(IPV6_2292HOPLIMIT, FLAG, RW),
    V6(IPV6_2292HOPOPTS, FLAG, RW),
    V6(IPV6_2292PKTINFO, FLAG, RW),
    V6(IPV6_2292PKTOPTIONS, BYTES, RW),
    V6(IPV6_2292RTHDR, FLAG, RW),
    V6(IPV6_ADDRFORM, DOMAIN, RW),
    V6(IPV6_ADDR_PREFERENCES, INT, RW),
    V6(IPV6_ADD_MEMBERSHIP, MREQ6, WO),
    V6(IPV6_AUTOFLOWLABEL, FLAG, RW),
    V6(IPV6_AUTHHDR, FLAG, RW), /* ipv6(7) still names it; the kernel does not know it any more */
    V6(IPV6_CHECKSUM, INT, RW),
    V6(IPV6_DONTFRAG, FLAG, RW),
    V6(IPV6_DROP_MEMBERSHIP, MREQ6, WO),
    V6(IPV6_DSTOPTS, BYTES, RW),
    V6(IPV6_FLOWINFO, FLAG, RW),
    V6(IPV6_FLOWINFO_SEND, FLAG, RW),
    V6(IPV6_FLOWLABEL_MGR, BYTES, WO),
    V6(IPV6_FREEBIND, FLAG, RW),
    V6(IPV6_HDRINCL, FLAG, RW),
    V6(IPV6_HOPLIMIT, INT, RW),
    V6(IPV6_HOPOPTS, BYTES, RW),
    V6(IPV6_IPSEC_POLICY, BYTES, WO),
    V6(IPV6_JOIN_ANYCAST, MREQ6, WO),
    V6(IPV6_JOIN_GROUP, MREQ6, WO),
    V6(IPV6_LEAVE_ANYCAST, MREQ6, WO),
    V6(IPV6_LEAVE_GROUP, MREQ6, WO),
    V6(IPV6_MINHOPCOUNT, INT, RW),
    V6(IPV6_MTU, INT, RW),
    V6(IPV6_MTU_DISCOVER, INT, RW),
    V6(IPV6_MULTICAST_ALL, FLAG, RW),
    V6(IPV6_MULTICAST_HOPS, INT, RW),
    V6(IPV6_MULTICAST_IF, IF, RW),
    V6(IPV6_MULTICAST_LOOP, FLAG, RW),
    V6(IPV6_ORIGDSTADDR, FLAG, RW),
    V6(IPV6_PATHMTU, BYTES, RO),
    V6(IPV6_PKTINFO, BYTES, WO),
    V6(IPV6_RECVDSTOPTS, FLAG, RW),
    V6(IPV6_RECVERR, FLAG, RW),
    V6(IPV6_RECVERR_RFC4884, FLAG, RW),
    V6(IPV6_RECVFRAGSIZE, FLAG, RW),
    V6(IPV6_RECVHOPLIMIT, FLAG, RW),
    V6(IPV6_RECVHOPOPTS, FLAG, RW),
    V6(IPV6_RECVORIGDSTADDR, FLAG, RW),
    V6(IPV6_RECVPATHMTU, FLAG, RW),
    V6(IPV6_RECVPKTINFO, FLAG, RW),
    V6(IPV6_RECVRTHDR, FLAG, RW),
    V6(IPV6_RECVTCLASS, FLAG, RW),
    V6(IPV6_ROUTER_ALERT, INT, RW),
    V6(IPV6_ROUTER_ALERT_ISOLATE, FLAG, RW),
    V6(IPV6_RTHDR, BYTES, RW),
    V6(IPV6_RTHDRDSTOPTS, BYTES, RW),
    V6(IPV6_TCLASS, INT, RW),
    V6(IPV6_TRANSPARENT, FLAG, RW),
    V6(IPV6_UNICAST_HOPS, INT, RW),
    V6(IPV6_UNICAST_IF, IF, RW),
    V6(IPV6_V6ONLY, FLAG, RW),
    V6(IPV6_XFRM_POLICY, BYTES, WO),

    /* raw(7), icmp(7) */
    O(ICMP_FILTER, SOL_RAW, BYTES, RW),
    O(ICMP6_FILTER, IPPROTO_ICMPV6, BYTES, RW),
};

enum { N_ROWS = sizeof rows / sizeof *rows };

const struct option *options_all(size_t *ret_n)
{
    *ret_n = N_ROWS;
    return rows;
}

const struct option *option_find(const char *name, size_t n)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return &rows[i];
    return NULL;
}

const char *option_nearest(const char *name, size_t n)
{
    struct nearest best = nearest_begin(n);

    for (size_t i = 0; i < N_ROWS; i++)
        nearest_offer(&best, name, n, rows[i].name);
    return best.word;
}
