/* Socket options on their way back: the bytes that getsockopt gave become a JSON value. What
 * option_decode made can be written too. */
#include "option.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <linux/tcp.h> /* not <netinet/tcp.h>, whose struct tcp_info is older */

#include "constants.h"
#include "limits.h"
#include "option_reading.h"
#include "utf8.h"

/* What the kernel gives in a length of its own, and wants room for. */
static size_t find_odd_size(const struct option *option)
{
    static const struct {
        int level, number;
        size_t n;
    } sizes[] = {
        {SOL_SOCKET, SO_COOKIE, sizeof(uint64_t)},
        {SOL_SOCKET, SO_MAX_PACING_RATE, sizeof(uint64_t)},
#ifdef SO_NETNS_COOKIE
        {SOL_SOCKET, SO_NETNS_COOKIE, sizeof(uint64_t)},
#endif
        {IPPROTO_TCP, TCP_REPAIR_WINDOW, sizeof(struct tcp_repair_window)},
    };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].level == option->level && sizes[i].number == option->number)
            return sizes[i].n;
    return 0;
}

size_t option_size(const struct option *option)
{
    const size_t max = sizeof((struct option_value *)0)->data;
    size_t odd = find_odd_size(option);

    if (odd)
        return odd;
    switch (option->type) {
    case OPTION_TIMEVAL:
        return sizeof(struct timeval);
    case OPTION_LINGER:
        return sizeof(struct linger);
    case OPTION_IN_ADDR:
        return sizeof(struct in_addr);
    case OPTION_UCRED:
        return sizeof(struct ucred);
    case OPTION_TCP_INFO:
        return sizeof(struct tcp_info) < max ? sizeof(struct tcp_info) : max;
    case OPTION_TEXT:
    case OPTION_BYTES:
        return max;
    default:
        return sizeof(int);
    }
}

/* A number that JSON cannot carry exactly is none; the kernel uses the largest for "no limit". */
static void write_unsigned(struct buf *b, uint64_t v)
{
    if (v > (uint64_t)LIMIT_INTEGER)
        buf_add_text(b, "null");
    else
        json_write_integer(b, (int64_t)v);
}

/* An integer of 4 bytes, or of 1: what fits into a byte, the kernel may give in one. */
static bool take_integer(const void *data, size_t n, int64_t *ret)
{
    int32_t word;

    if (n == 1) {
        *ret = *(const uint8_t *)data;
    } else if (n == sizeof word) {
        memcpy(&word, data, n);
        *ret = word;
    } else {
        return false;
    }
    return true;
}

static void write_integer(struct buf *b, const void *data, size_t n)
{
    uint64_t wide;
    int64_t v;

    if (n == sizeof wide) {
        memcpy(&wide, data, n);
        write_unsigned(b, wide);
    } else if (take_integer(data, n, &v)) {
        json_write_integer(b, v);
    } else {
        buf_add_text(b, "null");
    }
}

static void encode_int(struct buf *b, const struct option *option, const void *data, size_t n)
{
    uint32_t mark;
    int64_t v;

    if (option->level == SOL_SOCKET && option->number == SO_MARK && n == sizeof mark) {
        memcpy(&mark, data, n);
        json_write_integer(b, mark);
    } else if (option->level == SOL_SOCKET && option->number == SO_PROTOCOL &&
               take_integer(data, n, &v) && v > 0 && constant_name(CONSTANT_PROTOCOL, (int)v)) {
        /* 0 is IPPROTO_IP by name, but it says that there is none: AF_UNIX. */
        buf_printf(b, "\"%s\"", constant_name(CONSTANT_PROTOCOL, (int)v));
    } else {
        write_integer(b, data, n);
    }
}

static void encode_flag(struct buf *b, const struct option *option, const void *data, size_t n)
{
    int64_t v;

    (void)option;
    if (take_integer(data, n, &v))
        buf_add_text(b, v ? "true" : "false");
    else
        buf_add_text(b, "null");
}

static void encode_constant(struct buf *b, const struct option *option, const void *data, size_t n)
{
    enum constant_space space =
        option->type == OPTION_SOCKTYPE ? CONSTANT_SOCKTYPE : CONSTANT_FAMILY;
    int64_t v;
    const char *name = take_integer(data, n, &v) ? constant_name(space, (int)v) : NULL;

    if (name)
        buf_printf(b, "\"%s\"", name);
    else
        write_integer(b, data, n);
}

static void encode_timeval(struct buf *b, const struct option *option, const void *data, size_t n)
{
    struct timeval tv = {0};

    (void)option;
    memcpy(&tv, data, n < sizeof tv ? n : sizeof tv);
    json_write_number(b, (double)tv.tv_sec + (double)tv.tv_usec / 1e6);
}

static void encode_linger(struct buf *b, const struct option *option, const void *data, size_t n)
{
    struct linger v = {0};

    (void)option;
    memcpy(&v, data, n < sizeof v ? n : sizeof v);
    buf_printf(b, "{\"onoff\":%s,\"linger\":%d}", v.l_onoff ? "true" : "false", v.l_linger);
}

/* Up to the first NUL; null when it is not UTF-8, which no name of the kernel's own is. */
static void encode_text(struct buf *b, const struct option *option, const void *data, size_t n)
{
    bool nul;

    (void)option;
    n = strnlen(data, n);
    if (utf8_is_valid(data, n, &nul))
        json_write_string(b, data, n);
    else
        buf_add_text(b, "null");
}

static void write_ip(struct buf *b, int family, const void *ip)
{
    char text[INET6_ADDRSTRLEN];

    buf_printf(b, "\"%s\"", inet_ntop(family, ip, text, sizeof text));
}

/* The kernel gives an address, 0.0.0.0 when an index was set; option_decode makes a struct. */
static void encode_in_addr(struct buf *b, const struct option *option, const void *data, size_t n)
{
    struct ip_mreqn v = {0};

    (void)option;
    if (n == sizeof v.imr_address)
        memcpy(&v.imr_address, data, n);
    else
        memcpy(&v, data, n < sizeof v ? n : sizeof v);
    if (v.imr_ifindex)
        json_write_integer(b, v.imr_ifindex);
    else
        write_ip(b, AF_INET, &v.imr_address);
}

static void encode_if(struct buf *b, const struct option *option, const void *data, size_t n)
{
    uint32_t index;

    if (n != sizeof index) {
        buf_add_text(b, "null");
        return;
    }
    memcpy(&index, data, n);
    json_write_integer(b, option_is_network_order(option) ? ntohl(index) : index);
}

static void encode_ucred(struct buf *b, const struct option *option, const void *data, size_t n)
{
    struct ucred v = {0};

    (void)option;
    memcpy(&v, data, n < sizeof v ? n : sizeof v);
    /* -1 is nobody: no peer yet. */
    buf_printf(b, "{\"pid\":%d,\"uid\":%lld,\"gid\":%lld}", v.pid,
               v.uid == (uid_t)-1 ? -1LL : (long long)v.uid,
               v.gid == (gid_t)-1 ? -1LL : (long long)v.gid);
}

static void encode_bytes(struct buf *b, const struct option *option, const void *data, size_t n)
{
    (void)option;
    json_write_base64(b, data, n);
}

/* -- memberships: the kernel gives none back, but what was read can be written -- */

static void write_group(struct buf *b, int family, const void *group, const void *source)
{
    buf_add_text(b, "{\"group\":");
    write_ip(b, family, group);
    if (source) {
        buf_add_text(b, ",\"source\":");
        write_ip(b, family, source);
    }
}

static void write_interface(struct buf *b, uint32_t index, struct in_addr address)
{
    if (index || address.s_addr)
        buf_add_text(b, ",\"interface\":");
    if (index)
        json_write_integer(b, index);
    else if (address.s_addr)
        write_ip(b, AF_INET, &address);
    buf_add_char(b, '}');
}

static const void *ip_of(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return &((const struct sockaddr_in *)addr)->sin_addr;
    return &((const struct sockaddr_in6 *)addr)->sin6_addr;
}

static void encode_membership(struct buf *b, const struct option *option, const void *data,
                              size_t n)
{
    union {
        struct group_source_req group_source; /* the largest, so that {0} clears all */
        struct group_req group;
        struct ip_mreqn mreq;
        struct ip_mreq_source mreq_source;
        struct ipv6_mreq mreq6;
    } v = {0};
    const struct in_addr none = {0};

    memcpy(&v, data, n < sizeof v ? n : sizeof v);
    if (n == sizeof v.group) {
        write_group(b, v.group.gr_group.ss_family, ip_of(&v.group.gr_group), NULL);
        write_interface(b, v.group.gr_interface, none);
    } else if (n == sizeof v.group_source) {
        write_group(b, v.group_source.gsr_group.ss_family, ip_of(&v.group_source.gsr_group),
                    ip_of(&v.group_source.gsr_source));
        write_interface(b, v.group_source.gsr_interface, none);
    } else if (option->type == OPTION_MREQ6) {
        write_group(b, AF_INET6, &v.mreq6.ipv6mr_multiaddr, NULL);
        write_interface(b, v.mreq6.ipv6mr_interface, none);
    } else if (option->type == OPTION_MREQ_SOURCE) {
        write_group(b, AF_INET, &v.mreq_source.imr_multiaddr, &v.mreq_source.imr_sourceaddr);
        write_interface(b, 0, v.mreq_source.imr_interface);
    } else {
        write_group(b, AF_INET, &v.mreq.imr_multiaddr, NULL);
        write_interface(b, (uint32_t)v.mreq.imr_ifindex, v.mreq.imr_address);
    }
}

/* -- TCP_INFO -- */

struct info_row {
    const char *name;
    size_t offset, size;
};

/* clang-format off */
#define I(member) {#member, offsetof(struct tcp_info, tcpi_##member), \
                   sizeof(((struct tcp_info *)0)->tcpi_##member)}
static const struct info_row info_rows[] = {
    I(state), I(ca_state), I(retransmits), I(probes), I(backoff), I(options),
    I(rto), I(ato), I(snd_mss), I(rcv_mss),
    I(unacked), I(sacked), I(lost), I(retrans), I(fackets),
    I(last_data_sent), I(last_ack_sent), I(last_data_recv), I(last_ack_recv),
    I(pmtu), I(rcv_ssthresh), I(rtt), I(rttvar), I(snd_ssthresh), I(snd_cwnd), I(advmss),
    I(reordering), I(rcv_rtt), I(rcv_space), I(total_retrans),
    I(pacing_rate), I(max_pacing_rate), I(bytes_acked), I(bytes_received), I(segs_out), I(segs_in),
    I(notsent_bytes), I(min_rtt), I(data_segs_in), I(data_segs_out), I(delivery_rate),
    I(busy_time), I(rwnd_limited), I(sndbuf_limited), I(delivered), I(delivered_ce),
    I(bytes_sent), I(bytes_retrans), I(dsack_dups), I(reord_seen), I(rcv_ooopack), I(snd_wnd),
};
#undef I
/* clang-format on */

static void write_info_row(struct buf *b, const struct tcp_info *info, const struct info_row *row)
{
    const char *at = (const char *)info + row->offset;
    uint64_t wide;
    uint32_t word;

    buf_printf(b, ",\"%s\":", row->name);
    if (row->size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        write_unsigned(b, wide);
    } else if (row->size == sizeof word) {
        memcpy(&word, at, sizeof word);
        json_write_integer(b, word);
    } else {
        json_write_integer(b, *(const uint8_t *)at);
    }
}

/* Older kernels give less than this struct: what they did not fill is left out. */
static void encode_tcp_info(struct buf *b, const struct option *option, const void *data, size_t n)
{
    const size_t n_bits = 2; /* bytes of bit fields: no offset of their own, behind the options */
    struct tcp_info info = {0};

    (void)option;
    memcpy(&info, data, n < sizeof info ? n : sizeof info);
    if (n <= offsetof(struct tcp_info, tcpi_options) + n_bits) {
        buf_add_text(b, "{}");
        return;
    }
    buf_printf(b,
               "{\"snd_wscale\":%u,\"rcv_wscale\":%u,\"delivery_rate_app_limited\":%u,"
               "\"fastopen_client_fail\":%u",
               info.tcpi_snd_wscale, info.tcpi_rcv_wscale, info.tcpi_delivery_rate_app_limited,
               info.tcpi_fastopen_client_fail);
    for (size_t i = 0; i < sizeof info_rows / sizeof *info_rows; i++)
        if (info_rows[i].offset + info_rows[i].size <= n)
            write_info_row(b, &info, &info_rows[i]);
    buf_add_char(b, '}');
}

static void (*const writers[])(struct buf *b, const struct option *option, const void *data,
                               size_t n) = {
    [OPTION_FLAG] = encode_flag,         [OPTION_INT] = encode_int,
    [OPTION_BYTE] = encode_int,          [OPTION_TIMEVAL] = encode_timeval,
    [OPTION_LINGER] = encode_linger,     [OPTION_TEXT] = encode_text,
    [OPTION_IN_ADDR] = encode_in_addr,   [OPTION_IF] = encode_if,
    [OPTION_MREQ] = encode_membership,   [OPTION_MREQ_SOURCE] = encode_membership,
    [OPTION_MREQ6] = encode_membership,  [OPTION_UCRED] = encode_ucred,
    [OPTION_TCP_INFO] = encode_tcp_info, [OPTION_DOMAIN] = encode_constant,
    [OPTION_SOCKTYPE] = encode_constant, [OPTION_ERRNO] = encode_int,
    [OPTION_BYTES] = encode_bytes,
};

void option_encode(struct buf *b, const struct option *option, const void *data, size_t n)
{
    if (option)
        writers[option->type](b, option, data, n);
    else if (n == sizeof(int) || n == 1)
        write_integer(b, data, n);
    else
        buf_add_text(b, "null");
}
