/* follow_message.h — what the kernel's messages of inet_diag and its struct tcp_info say, and how
 * it is asked by them. Bytes in, values out: asks nobody itself, but for the socket that it is
 * given. */
#pragma once
#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include "follow.h"

struct follow_question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

/* A question for all sockets of the target's kind; and for that one, at its addresses. */
struct follow_question follow_message_for_all(const struct follow_target *t);
struct follow_question follow_message_for_one(const struct follow_target *t);

/* What a state of TCP is; other sockets' are told in the same words. */
enum followed_state follow_message_state(int state);

/* The cookie of the socket that a message of inet_diag is about. */
int64_t follow_message_cookie(const struct nlmsghdr *h);

/* What it says of the socket. Returns 1: somebody holds it; 0: nobody does, the kernel buries it;
 * -ENOENT: what is left is a memory of its connection, whoever holds it. */
int follow_message_read(const struct nlmsghdr *h, struct followed *ret);
