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
#include "follow_table.h"

enum {
    READ_BYTES = 32 << 10,
    N_KINDS = 4, /* that have a table of their own: of two families, two protocols */
};

/* What has been read of one, until it is forgotten. */
struct dump {
    struct follow_table table;
    int64_t told_since; /* when it was read */
    bool is_read;
};

struct follow {
    int ask_fd, deaths_fd;
    bool listens, is_told;
    bool is_overrun; /* the kernel has more to tell than there is room for, and is dropping it */
    int64_t told_since;
    int64_t netns; /* this one's cookie; 0: the kernel has none */
    struct dump dumps[N_KINDS];
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
    struct follow *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->ask_fd = open_netlink();
    f->deaths_fd = f->ask_fd < 0 ? -1 : open_netlink();
    f->netns = f->ask_fd < 0 ? 0 : follow_netns(f->ask_fd);
    return f;
}

void follow_forget(struct follow *f)
{
    for (struct dump *d = f->dumps; d < f->dumps + N_KINDS; d++) {
        follow_table_clear(&d->table);
        d->is_read = false;
    }
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    if (f->ask_fd >= 0)
        close(f->ask_fd);
    if (f->deaths_fd >= 0)
        close(f->deaths_fd);
    follow_forget(f);
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

/* All of its kind, read once until it is forgotten. */
static const struct dump *dump_of(struct follow *f, const struct follow_target *t)
{
    struct dump *d = &f->dumps[2 * (t->family == AF_INET6) + (t->protocol == IPPROTO_UDP)];
    struct follow_question q = follow_message_for_all(t);

    if (d->is_read)
        return d;
    d->is_read = true;
    d->told_since = f->told_since;
    if (send_question(f, &q, sizeof q) && !follow_table_read(&d->table, f->ask_fd)) {
        close(f->ask_fd);
        f->ask_fd = -1;
    }
    return d;
}

static int follow_inet(struct follow *f, const struct follow_target *t, struct followed *ret)
{
    const struct nlmsghdr *h;
    const struct dump *d;

    if (!is_tabled_kind(t))
        return -ENODATA;
    if (t->address && (h = ask_inet(f, t)))
        return follow_message_read(h, ret);
    d = dump_of(f, t);
    if (!(h = follow_table_find(&d->table, t->cookie)))
        return t->is_in_table && d->table.is_whole ? -ENOENT : -ENODATA;
    /* Who was there before a death may have been missed need not be there now. */
    return d->told_since == f->told_since ? follow_message_read(h, ret) : -ENODATA;
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

int follow_ask(struct follow *f, const struct follow_target *target, struct followed *ret)
{
    *ret = (struct followed){0};
    if (f->ask_fd < 0)
        f->ask_fd = open_netlink();
    if (f->ask_fd < 0 || !is_here(f, target))
        return -ENODATA;
    if (target->family == AF_UNIX)
        return follow_unix(f, target, ret);
    return follow_inet(f, target, ret);
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

/* What was overrun (ENOBUFS) nobody will tell, nor what comes then, until all that had room has
 * been read. Whether to read on. */
static bool note_overrun(struct follow *f, int error)
{
    if (error == ENOBUFS || (error == EAGAIN && f->is_overrun))
        f->told_since++;
    f->is_overrun = error == ENOBUFS || (f->is_overrun && error != EAGAIN);
    return error == ENOBUFS || error == EINTR;
}

static bool read_deaths(struct follow *f)
{
    ssize_t n;

    do
        n = recv(f->deaths_fd, &f->told, sizeof f->told, MSG_DONTWAIT);
    while (n < 0 && note_overrun(f, errno));
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
