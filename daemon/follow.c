#include "follow.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    READ_BYTES = 32 << 10,
    DUMPS_AT_ONCE = 2, /* at the same time */
    DUMPED_READS = 64, /* of one; about a hundred sockets each */
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

struct follow {
    int ask_fd, deaths_fd;
    bool listens;
    int64_t asked_at;
    int n_dumps; /* at that time */
    /* of the deaths that were read last */
    size_t n_told, told_at;
    union {
        struct nlmsghdr align;
        char bytes[READ_BYTES];
    } answer, told;
};

static int open_netlink(void)
{
    const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

    /* One without a number of its own is told nothing: the kernel's is 0 too. */
    if (fd >= 0)
        bind(fd, (const struct sockaddr *)&any, sizeof any);
    return fd;
}

struct follow *follow_new(void)
{
    struct follow *f = malloc(sizeof *f);

    if (!f)
        return NULL;
    f->ask_fd = open_netlink();
    f->deaths_fd = f->ask_fd < 0 ? -1 : open_netlink();
    f->listens = false;
    f->asked_at = INT64_MIN;
    f->n_dumps = 0;
    f->n_told = f->told_at = 0;
    return f;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    if (f->ask_fd >= 0)
        close(f->ask_fd);
    if (f->deaths_fd >= 0)
        close(f->deaths_fd);
    free(f);
}

/* -- reading what the kernel says -- */

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

bool follow_count(int fd, struct followed *ret)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;

    *ret = (struct followed){0};
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_state != STATE_LISTEN)
        read_counts(&info, n, info.tcpi_state, ret);
    return ret->has_counts;
}

static enum followed_state name_state(int state)
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

static int64_t cookie_of(const __u32 halves[2])
{
    return (int64_t)((uint64_t)halves[1] << 32 | halves[0]);
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

/* Returns as follow_ask: whether somebody holds it. One that is being buried has no inode. */
static int read_inet(const struct nlmsghdr *h, struct followed *ret)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    const struct rtattr *a = (const struct rtattr *)(m + 1);
    int n = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

    *ret = (struct followed){.state = name_state(m->idiag_state)};
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
    return m->idiag_inode != 0 && m->idiag_state != STATE_TIME_WAIT;
}

/* -- asking -- */

struct inet_question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

static bool send_question(struct follow *f, const void *question, size_t n)
{
    char rest[1024];

    /* What is left of an answer that was not read to its end is of no use to anybody. */
    while (recv(f->ask_fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
    return send(f->ask_fd, question, n, MSG_DONTWAIT) == (ssize_t)n;
}

/* The kernel has answered a question for one socket before send(2) returned. NULL: with an error.
 */
static const struct nlmsghdr *read_one(struct follow *f)
{
    ssize_t n = recv(f->ask_fd, &f->answer, sizeof f->answer, MSG_DONTWAIT);

    if (n < (ssize_t)sizeof f->answer.align || !NLMSG_OK(&f->answer.align, (size_t)n) ||
        f->answer.align.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return NULL;
    return &f->answer.align;
}

static struct inet_question question_for(const struct follow_target *t)
{
    return (struct inet_question){
        .head = {.nlmsg_len = sizeof(struct inet_question),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
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

/* By its addresses. UDP takes them as a packet has them that comes in, TCP as the socket does. */
static const struct nlmsghdr *ask_inet(struct follow *f, const struct follow_target *t)
{
    struct inet_question q = question_for(t);
    struct inet_diag_sockid *id = &q.body.id;

    id->idiag_cookie[0] = (__u32)t->cookie;
    id->idiag_cookie[1] = (__u32)((uint64_t)t->cookie >> 32);
    if (t->protocol == IPPROTO_UDP) {
        write_address(t->peer, id->idiag_src, &id->idiag_sport);
        write_address(t->address, id->idiag_dst, &id->idiag_dport);
    } else {
        write_address(t->address, id->idiag_src, &id->idiag_sport);
        write_address(t->peer, id->idiag_dst, &id->idiag_dport);
    }
    return send_question(f, &q, sizeof q) ? read_one(f) : NULL;
}

/* One read of a dump. *ret_found: the socket's own message. Returns whether there is more. */
static bool search_answer(struct follow *f, ssize_t n_bytes, int64_t cookie,
                          const struct nlmsghdr **ret_found)
{
    const struct nlmsghdr *h = &f->answer.align;
    size_t n = (size_t)n_bytes;

    for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
        const struct inet_diag_msg *m = NLMSG_DATA(h);

        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return false;
        if (cookie_of(m->id.idiag_cookie) == cookie) {
            *ret_found = h;
            return false;
        }
    }
    return true;
}

static bool may_dump(struct follow *f, int64_t now)
{
    if (f->asked_at != now)
        f->n_dumps = 0;
    f->asked_at = now;
    return f->n_dumps++ < DUMPS_AT_ONCE;
}

/* Through the table of all sockets of its kind, as far as that is not too long. */
static int search_inet(struct follow *f, const struct follow_target *t, int64_t now,
                       const struct nlmsghdr **ret_found)
{
    struct inet_question q = question_for(t);
    bool has_more = true;

    *ret_found = NULL;
    if (!may_dump(f, now))
        return -ENODATA;
    q.head.nlmsg_flags |= NLM_F_DUMP;
    if (!send_question(f, &q, sizeof q))
        return -ENODATA;
    for (int i = 0; has_more && i < DUMPED_READS; i++) {
        ssize_t n = recv(f->ask_fd, &f->answer, sizeof f->answer, MSG_DONTWAIT);

        if (n <= 0)
            break;
        has_more = search_answer(f, n, t->cookie, ret_found);
    }
    if (*ret_found)
        return 1;
    if (!has_more)
        return 0;
    /* The kernel would go on with it. */
    close(f->ask_fd);
    f->ask_fd = open_netlink();
    return -ENODATA;
}

static int follow_inet(struct follow *f, const struct follow_target *t, int64_t now,
                       struct followed *ret)
{
    const struct nlmsghdr *h;
    int r;

    if (t->protocol != IPPROTO_TCP && t->protocol != IPPROTO_UDP)
        return -ENODATA;
    if (t->address && (h = ask_inet(f, t)))
        return read_inet(h, ret);
    if ((r = search_inet(f, t, now, &h)) == 1)
        return read_inet(h, ret);
    return r == 0 && !t->is_in_table ? -ENODATA : r;
}

/* A Unix socket is found by its inode, whatever its state. */
static int follow_unix(struct follow *f, const struct follow_target *t, struct followed *ret)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } q = {.head = {.nlmsg_len = sizeof q,
                    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                    .nlmsg_flags = NLM_F_REQUEST},
           .body = {.sdiag_family = AF_UNIX,
                    .udiag_ino = (__u32)t->inode,
                    .udiag_states = UINT32_MAX,
                    .udiag_cookie = {(__u32)t->cookie, (__u32)((uint64_t)t->cookie >> 32)}}};
    const struct nlmsghdr *h;
    const struct unix_diag_msg *m;
    const struct nlmsgerr *e;

    if (!t->inode || !send_question(f, &q, sizeof q))
        return -ENODATA;
    if ((h = read_one(f))) {
        m = NLMSG_DATA(h);
        *ret = (struct followed){
            .state = m->udiag_state == STATE_CLOSE ? FOLLOWED_UNKNOWN : name_state(m->udiag_state)};
        return 1;
    }
    e = NLMSG_DATA(&f->answer.align);
    /* Nothing has that inode, or another socket has got it. */
    return f->answer.align.nlmsg_type == NLMSG_ERROR && (e->error == -ENOENT || e->error == -ESTALE)
               ? 0
               : -ENODATA;
}

int follow_ask(struct follow *f, const struct follow_target *target, int64_t now,
               struct followed *ret)
{
    *ret = (struct followed){0};
    if (f->ask_fd < 0)
        return -ENODATA;
    if (target->family == AF_UNIX)
        return follow_unix(f, target, ret);
    return follow_inet(f, target, now, ret);
}

/* -- deaths -- */

void follow_listen(struct follow *f, bool on)
{
    static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET_UDP_DESTROY,
                                 SKNLGRP_INET6_TCP_DESTROY, SKNLGRP_INET6_UDP_DESTROY};

    if (f->listens == on || f->deaths_fd < 0)
        return;
    f->listens = on;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        setsockopt(f->deaths_fd, SOL_NETLINK, on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP,
                   &groups[i], sizeof groups[i]);
}

/* What was overrun (ENOBUFS) is noticed when somebody asks. */
static bool read_deaths(struct follow *f)
{
    ssize_t n;

    do
        n = recv(f->deaths_fd, &f->told, sizeof f->told, MSG_DONTWAIT);
    while (n < 0 && (errno == ENOBUFS || errno == EINTR));
    f->told_at = 0;
    f->n_told = n > 0 ? (size_t)n : 0;
    return n > 0;
}

bool follow_next_death(struct follow *f, int64_t *ret_cookie, struct followed *ret)
{
    const struct nlmsghdr *h;
    size_t n;

    if (f->deaths_fd < 0)
        return false;
    for (;;) {
        h = (const struct nlmsghdr *)(f->told.bytes + f->told_at);
        n = f->n_told - f->told_at;
        if (!NLMSG_OK(h, n)) {
            if (!read_deaths(f))
                return false;
            continue;
        }
        f->told_at += NLMSG_ALIGN(h->nlmsg_len) < n ? NLMSG_ALIGN(h->nlmsg_len) : n;
        if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
            continue;
        *ret_cookie = cookie_of(((const struct inet_diag_msg *)NLMSG_DATA(h))->id.idiag_cookie);
        read_inet(h, ret);
        /* Its state is gone, and most have had the peer's FIN: rather one byte too few. */
        ret->n_received -= ret->n_received > 0;
        return true;
    }
}

int follow_fd(const struct follow *f)
{
    return f->deaths_fd;
}
