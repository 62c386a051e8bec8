#include "follow_message.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
    STATE_ESTABLISHED = 1,
    STATE_SYN_SENT = 2,
    STATE_SYN_RECV = 3,
    STATE_TIME_WAIT = 6,
    STATE_CLOSE = 7,
    STATE_CLOSE_WAIT = 8,
    STATE_LAST_ACK = 9,
    STATE_LISTEN = 10,
    STATE_CLOSING = 11,
};

/* -- reading -- */

enum followed_state follow_message_state(int state)
{
    switch (state) {
    case STATE_ESTABLISHED:
        return FOLLOWED_CONNECTED;
    case STATE_SYN_SENT:
    case STATE_SYN_RECV:
        return FOLLOWED_CONNECTING;
    case STATE_LISTEN:
        return FOLLOWED_LISTENING;
    case STATE_CLOSE:
        return FOLLOWED_BOUND;
    default:
        return FOLLOWED_HALF_CLOSED;
    }
}

/* Bytes that were sent twice count once; the peer's FIN, which stands in the stream behind the
 * data, not at all. */
static void read_counts(const struct tcp_info *info, size_t n, int state, struct followed *ret)
{
    bool has_fin = state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING ||
                   state == STATE_TIME_WAIT;

    if (n < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof info->tcpi_bytes_retrans)
        return;
    ret->has_counts = true;
    ret->n_sent = (int64_t)(info->tcpi_bytes_sent - info->tcpi_bytes_retrans);
    ret->n_received = (int64_t)info->tcpi_bytes_received;
    ret->n_received -= has_fin && ret->n_received > 0;
}

bool follow_at_hand(int fd, struct followed *ret)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;

    *ret = (struct followed){0};
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return false;
    ret->state = follow_message_state(info.tcpi_state);
    /* To be unconnected (AF_UNSPEC) makes it as new, without a count; to come to an end does not.
     */
    ret->is_over = info.tcpi_state == STATE_CLOSE && info.tcpi_segs_out > 0;
    if (info.tcpi_state != STATE_LISTEN)
        read_counts(&info, n, info.tcpi_state, ret);
    return true;
}

static int64_t join_cookie(const __u32 halves[2])
{
    return (int64_t)((uint64_t)halves[1] << 32 | halves[0]);
}

int64_t follow_message_cookie(const struct nlmsghdr *h)
{
    return join_cookie(((const struct inet_diag_msg *)NLMSG_DATA(h))->id.idiag_cookie);
}

static void read_address(int family, const __be32 host[4], __be16 port, struct wire_sockaddr *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->addr;

    *ret = (struct wire_sockaddr){0};
    if (!port)
        return;
    v4->sin_family = (sa_family_t)family;
    v4->sin_port = port;
    ret->len = family == AF_INET ? sizeof *v4 : sizeof *v6;
    if (family == AF_INET)
        memcpy(&v4->sin_addr, host, sizeof v4->sin_addr);
    else
        memcpy(&v6->sin6_addr, host, sizeof v6->sin6_addr);
}

int follow_message_read(const struct nlmsghdr *h, struct followed *ret)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    const struct rtattr *a = (const struct rtattr *)(m + 1);
    int n = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

    *ret = (struct followed){.state = follow_message_state(m->idiag_state)};
    read_address(m->idiag_family, m->id.idiag_src, m->id.idiag_sport, &ret->address);
    read_address(m->idiag_family, m->id.idiag_dst, m->id.idiag_dport, &ret->peer);
    for (; RTA_OK(a, n); a = RTA_NEXT(a, n)) {
        struct tcp_info info = {0};
        size_t n_info = RTA_PAYLOAD(a) < sizeof info ? RTA_PAYLOAD(a) : sizeof info;

        if (a->rta_type != INET_DIAG_INFO || m->idiag_state == STATE_LISTEN)
            continue;
        memcpy(&info, RTA_DATA(a), n_info);
        read_counts(&info, n_info, m->idiag_state, ret);
    }
    /* The socket itself may still be held, and full of what nobody has read. */
    if (m->idiag_state == STATE_TIME_WAIT)
        return -ENOENT;
    return m->idiag_inode != 0;
}

/* -- asking -- */

struct follow_question follow_message_for_all(const struct follow_target *t)
{
    return (struct follow_question){
        .head = {.nlmsg_len = sizeof(struct follow_question),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (__u8)t->family,
                 .sdiag_protocol = (__u8)t->protocol,
                 .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                 .idiag_states = UINT32_MAX,
                 .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
}

static void write_address(const struct wire_sockaddr *a, __be32 host[4], __be16 *port)
{
    const struct sockaddr_in *v4 = a ? (const struct sockaddr_in *)&a->addr : NULL;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)v4;

    if (!a || !a->len)
        return;
    *port = v4->sin_port;
    if (a->addr.ss_family == AF_INET)
        memcpy(host, &v4->sin_addr, sizeof v4->sin_addr);
    else
        memcpy(host, &v6->sin6_addr, sizeof v6->sin6_addr);
}

/* UDP takes the addresses as a packet has them that comes in, TCP as the socket does. */
struct follow_question follow_message_for_one(const struct follow_target *t)
{
    struct follow_question q = follow_message_for_all(t);
    struct inet_diag_sockid *id = &q.body.id;

    q.head.nlmsg_flags = NLM_F_REQUEST;
    id->idiag_cookie[0] = (__u32)t->cookie;
    id->idiag_cookie[1] = (__u32)((uint64_t)t->cookie >> 32);
    if (t->protocol == IPPROTO_UDP) {
        write_address(t->peer, id->idiag_src, &id->idiag_sport);
        write_address(t->address, id->idiag_dst, &id->idiag_dport);
    } else {
        write_address(t->address, id->idiag_src, &id->idiag_sport);
        write_address(t->peer, id->idiag_dst, &id->idiag_dport);
    }
    return q;
}
