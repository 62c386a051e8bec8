#include "pump_stuck.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* As unix_writable() in the kernel has it. */
enum { ROOM_PARTS = 4 };

int pump_stuck_open(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

uint32_t pump_stuck_name(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

static bool ask(int fd, uint32_t name)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req body;
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = AF_UNIX,
                 .udiag_ino = name,
                 .udiag_show = UDIAG_SHOW_MEMINFO,
                 .udiag_cookie = {~0U, ~0U}},
    };

    return send(fd, &request, sizeof request, MSG_DONTWAIT) == sizeof request;
}

static bool is_stuck(const struct nlmsghdr *header, unsigned n)
{
    const struct rtattr *attribute;
    unsigned left;

    if (!NLMSG_OK(header, n) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return false;
    attribute = (const struct rtattr *)((const char *)NLMSG_DATA(header) +
                                        NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
    left = header->nlmsg_len - (unsigned)NLMSG_LENGTH(sizeof(struct unix_diag_msg));
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        uint32_t memory[SK_MEMINFO_VARS];

        if (attribute->rta_type != UNIX_DIAG_MEMINFO || RTA_PAYLOAD(attribute) < sizeof memory)
            continue;
        memcpy(memory, RTA_DATA(attribute), sizeof memory);
        return memory[SK_MEMINFO_WMEM_ALLOC] > memory[SK_MEMINFO_SNDBUF] / ROOM_PARTS;
    }
    return false;
}

bool pump_stuck_ask(int netlink_fd, uint32_t name)
{
    union {
        struct nlmsghdr header;
        char room[1024];
    } reply;
    ssize_t n;

    if (netlink_fd < 0 || !name || !ask(netlink_fd, name))
        return false;
    n = recv(netlink_fd, &reply, sizeof reply, MSG_DONTWAIT);
    return n > 0 && is_stuck(&reply.header, (unsigned)n);
}
