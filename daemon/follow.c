#include "follow.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "follow_message.h"

enum {
    READ_BYTES = 32 << 10,
    DUMPS_AT_ONCE = 2, /* at the same time */
    DUMPED_READS = 64, /* of one; about a hundred sockets each */
};

struct follow {
    int ask_fd, deaths_fd;
    bool listens, is_told;
    int64_t told_since;
    int64_t netns; /* this one's cookie; 0: the kernel has none */
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

int64_t follow_netns(int fd)
{
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;

    return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &n) < 0 ? 0 : (int64_t)cookie;
}

struct follow *follow_new(void)
{
    struct follow *f = malloc(sizeof *f);

    if (!f)
        return NULL;
    f->ask_fd = open_netlink();
    f->deaths_fd = f->ask_fd < 0 ? -1 : open_netlink();
    f->listens = f->is_told = false;
    f->told_since = 0;
    f->netns = f->ask_fd < 0 ? 0 : follow_netns(f->ask_fd);
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

/* -- asking -- */

/* Its kernel tables are of this network namespace alone. */
static bool is_here(const struct follow *f, const struct follow_target *t)
{
    return !t->netns || !f->netns || t->netns == f->netns;
}

static bool is_tabled_kind(const struct follow_target *t)
{
    return (t->family == AF_INET || t->family == AF_INET6) && t->type != SOCK_RAW &&
           (t->protocol == IPPROTO_TCP || t->protocol == IPPROTO_UDP);
}

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

/* By its addresses. */
static const struct nlmsghdr *ask_inet(struct follow *f, const struct follow_target *t)
{
    struct follow_question q = follow_message_for_one(t);

    return send_question(f, &q, sizeof q) ? read_one(f) : NULL;
}

/* One read of a dump. *ret_found: the socket's own message. Returns 1: there is more, 0: that was
 * all, or -ENODATA: the kernel has no such table. */
static int search_answer(struct follow *f, ssize_t n_bytes, int64_t cookie,
                         const struct nlmsghdr **ret_found)
{
    const struct nlmsghdr *h = &f->answer.align;
    size_t n = (size_t)n_bytes;

    for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return -ENODATA;
        if (follow_message_cookie(h) == cookie) {
            *ret_found = h;
            return 0;
        }
    }
    return 1;
}

static bool may_dump(struct follow *f, int64_t now)
{
    if (f->asked_at != now)
        f->n_dumps = 0;
    f->asked_at = now;
    return f->n_dumps++ < DUMPS_AT_ONCE;
}

/* Through the table of all sockets of its kind, as far as that is not too long. Returns 0 with
 * *ret_found, NULL where it is not among them, or -ENODATA. */
static int search_inet(struct follow *f, const struct follow_target *t, int64_t now,
                       const struct nlmsghdr **ret_found)
{
    struct follow_question q = follow_message_for_all(t);
    int r = 1;

    *ret_found = NULL;
    if (!may_dump(f, now) || !send_question(f, &q, sizeof q))
        return -ENODATA;
    for (int i = 0; r > 0 && i < DUMPED_READS; i++) {
        ssize_t n = recv(f->ask_fd, &f->answer, sizeof f->answer, MSG_DONTWAIT);

        if (n <= 0)
            break;
        r = search_answer(f, n, t->cookie, ret_found);
    }
    if (r > 0 || *ret_found) {
        /* The kernel would go on with it. */
        close(f->ask_fd);
        f->ask_fd = -1;
    }
    return r > 0 ? -ENODATA : r;
}

static int follow_inet(struct follow *f, const struct follow_target *t, int64_t now,
                       struct followed *ret)
{
    const struct nlmsghdr *h;
    int r;

    if (!is_tabled_kind(t))
        return -ENODATA;
    if (t->address && (h = ask_inet(f, t)))
        return follow_message_read(h, ret);
    if ((r = search_inet(f, t, now, &h)) < 0)
        return r;
    if (h)
        return follow_message_read(h, ret);
    return t->is_in_table ? -ENOENT : -ENODATA;
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
        *ret = (struct followed){.state = follow_message_state(m->udiag_state)};
        /* The kernel does not say whether it is bound. */
        if (ret->state == FOLLOWED_BOUND)
            ret->state = FOLLOWED_UNKNOWN;
        return 1;
    }
    e = NLMSG_DATA(&f->answer.align);
    /* Nothing has that inode, or another socket has got it: a Unix socket stands in the table as
     * long as somebody has it. But the same is said where there is no such table. */
    return f->answer.align.nlmsg_type == NLMSG_ERROR && t->is_in_table &&
                   (e->error == -ENOENT || e->error == -ESTALE)
               ? 0
               : -ENODATA;
}

int follow_ask(struct follow *f, const struct follow_target *target, int64_t now,
               struct followed *ret)
{
    *ret = (struct followed){0};
    if (f->ask_fd < 0)
        f->ask_fd = open_netlink();
    if (f->ask_fd < 0 || !is_here(f, target))
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
    bool is_told = on;

    if (f->listens == on || f->deaths_fd < 0)
        return;
    f->listens = on;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        is_told &= setsockopt(f->deaths_fd, SOL_NETLINK,
                              on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &groups[i],
                              sizeof groups[i]) == 0;
    f->is_told = is_told;
    f->told_since++;
}

int64_t follow_told_since(const struct follow *f, const struct follow_target *target)
{
    return f->is_told && is_tabled_kind(target) && is_here(f, target) ? f->told_since : 0;
}

/* What was overrun (ENOBUFS) nobody will tell. */
static bool read_deaths(struct follow *f)
{
    ssize_t n;

    do {
        n = recv(f->deaths_fd, &f->told, sizeof f->told, MSG_DONTWAIT);
        f->told_since += n < 0 && errno == ENOBUFS;
    } while (n < 0 && (errno == ENOBUFS || errno == EINTR));
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
        *ret_cookie = follow_message_cookie(h);
        follow_message_read(h, ret);
        /* Its state is gone, and most have had the peer's FIN: rather one byte too few. */
        ret->n_received -= ret->n_received > 0;
        return true;
    }
}

int follow_fd(const struct follow *f)
{
    return f->deaths_fd;
}
