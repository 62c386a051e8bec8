/* calls_io.c — the calls that move bytes. */
#include <errno.h>
#include <string.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"
#include "proto/limits.h"

enum {
    TEXT_BYTES = 128 << 10, /* fits into a line even when each byte is escaped */
    SEND_BYTES = 640 << 10, /* fits into a line as base64 */
};

#define ON(h)                                                                                      \
    {                                                                                              \
        .set = true, .id = (h)                                                                     \
    }

/* Data as a payload that fits into a line; NULL would mean that there is none. */
static struct wire_payload payload_of(const void *data, size_t size)
{
    return (struct wire_payload){
        .data = size ? data : "", .n = size, .form = size > TEXT_BYTES ? FORM_BASE64 : FORM_AUTO};
}

static struct wire_msg_flags flags_of(int flags)
{
    return (struct wire_msg_flags){flags != 0, flags};
}

static ssize_t send_piece(berth *b, enum method_id method, berth_handle h, const void *data,
                          size_t size, int flags)
{
    struct send_params p = {ON(h), payload_of(data, size), flags_of(flags), {0}};
    struct sent_result r = {0};

    if (exchange_call(b, method, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return (ssize_t)r.sent.v;
}

ssize_t berth_send(berth *b, berth_handle h, const void *data, size_t size, int flags)
{
    if (session_begin(b) < 0)
        return -1;
    return send_piece(b, METHOD_send, h, data, size < SEND_BYTES ? size : SEND_BYTES, flags);
}

int berth_sendall(berth *b, berth_handle h, const void *data, size_t size, int flags)
{
    const char *at = size ? data : "";
    size_t n_left = size, n;

    /* Once at least: sending nothing is a datagram too. */
    do {
        if (session_begin(b) < 0)
            return -1;
        n = n_left < SEND_BYTES ? n_left : SEND_BYTES;
        if (send_piece(b, METHOD_sendall, h, at, n, flags) < 0) {
            b->error.sent = (int64_t)(size - n_left) + (b->error.sent > 0 ? b->error.sent : 0);
            return -1;
        }
        at += n;
        n_left -= n;
    } while (n_left);
    return 0;
}

ssize_t berth_sendto(berth *b, berth_handle h, const void *data, size_t size, int flags,
                     const struct sockaddr *address, socklen_t address_len)
{
    struct sendto_params p = {
        .handle = ON(h), .payload = payload_of(data, size), .flags = flags_of(flags)};
    struct sent_result r = {0};

    if (!address)
        return berth_send(b, h, data, size, flags);
    if (session_begin(b) < 0 || convert_address(b, address, address_len, &p.address) < 0)
        return -1;
    if (size > SEND_BYTES)
        return failure_local(b, EMSGSIZE, NULL, "a datagram of %zu bytes is too large", size);
    if (exchange_call(b, METHOD_sendto, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return (ssize_t)r.sent.v;
}

/* Calls recv and copies out what came. */
static ssize_t receive(berth *b, struct recv_params *p, void *data, size_t size, int *ret_eof)
{
    struct recv_result r = {0};

    if (exchange_call(b, METHOD_recv, &(struct exchange){.params = p, .result = &r}) < 0)
        return -1;
    if (r.payload.n > size)
        return failure_local(b, EPROTO, NULL, "recv: the daemon gave %zu bytes instead of %zu",
                             r.payload.n, size);
    if (r.payload.n)
        memcpy(data, r.payload.data, r.payload.n);
    if (ret_eof)
        *ret_eof = r.eof.v;
    return (ssize_t)r.payload.n;
}

static size_t at_most(size_t size)
{
    return size < LIMIT_RECV_BYTES ? size : LIMIT_RECV_BYTES;
}

ssize_t berth_recv(berth *b, berth_handle h, void *data, size_t size, int flags)
{
    struct recv_params p = {
        .handle = ON(h), .size = CONVERT_INT((int64_t)at_most(size)), .flags = flags_of(flags)};

    if (session_begin(b) < 0)
        return -1;
    return receive(b, &p, data, size, NULL);
}

ssize_t berth_recv_exactly(berth *b, berth_handle h, void *data, size_t size, int *ret_eof)
{
    struct recv_params p = {.handle = ON(h), .exactly = CONVERT_INT((int64_t)size)};

    if (session_begin(b) < 0)
        return -1;
    return receive(b, &p, data, size, ret_eof);
}

ssize_t berth_recv_until(berth *b, berth_handle h, void *data, size_t size, const char *delimiter,
                         int *ret_eof)
{
    struct recv_params p = {.handle = ON(h),
                            .size = CONVERT_INT((int64_t)at_most(size)),
                            .until = CONVERT_TEXT(delimiter)};

    if (session_begin(b) < 0)
        return -1;
    if (!delimiter)
        return failure_local(b, EINVAL, NULL, "a delimiter is missing");
    return receive(b, &p, data, size, ret_eof);
}

ssize_t berth_recv_prefix(berth *b, berth_handle h, void *data, size_t size, int n_prefix,
                          int *ret_eof)
{
    struct recv_params p = {.handle = ON(h),
                            .size = CONVERT_INT((int64_t)at_most(size)),
                            .prefix = CONVERT_INT(n_prefix)};

    if (session_begin(b) < 0)
        return -1;
    return receive(b, &p, data, size, ret_eof);
}

ssize_t berth_recvfrom(berth *b, berth_handle h, void *data, size_t size, int flags,
                       struct sockaddr *address, socklen_t *address_len)
{
    struct recvfrom_params p = {.handle = ON(h),
                                .size = CONVERT_INT((int64_t)at_most(size)),
                                .flags = flags_of(flags & ~MSG_TRUNC)};
    struct recvfrom_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_recvfrom, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    if (r.payload.n > size)
        return failure_local(b, EPROTO, NULL, "recvfrom: the daemon gave %zu bytes instead of %zu",
                             r.payload.n, size);
    if (r.payload.n)
        memcpy(data, r.payload.data, r.payload.n);
    convert_sockaddr(&r.address, address, address_len);
    return flags & MSG_TRUNC ? (ssize_t)r.length.v : (ssize_t)r.payload.n;
}

ssize_t berth_sendfile(berth *b, berth_handle h, int fd, off_t offset, size_t count)
{
    struct sendfile_params p = {.handle = ON(h), .offset = CONVERT_INT(offset)};
    struct sent_result r = {0};

    if (session_begin(b) < 0)
        return -1;
    if (fd < 0)
        return failure_local(b, EBADF, NULL, "%d is not a descriptor", fd);
    if (count)
        p.count = (struct wire_int)CONVERT_INT((int64_t)count);
    if (exchange_call(b, METHOD_sendfile,
                      &(struct exchange){.params = &p, .result = &r, .fd = &fd}) < 0)
        return -1;
    return (ssize_t)r.sent.v;
}

/* -- poll -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    short bit;
} poll_events[] = {{"in", POLLIN}, {"out", POLLOUT}, {"hup", POLLHUP}, {"err", POLLERR}};
enum { N_POLL_EVENTS = sizeof poll_events / sizeof *poll_events };

static int add_poll_entry(berth *b, const struct berth_pollfd *from, struct poll_entry *to)
{
    *to = (struct poll_entry){.handle = ON(from->handle), .events = {.set = true}};
    if (!(to->events.items = arena_alloc(&b->arena, N_POLL_EVENTS * sizeof *to->events.items)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    for (int i = 0; i < N_POLL_EVENTS; i++)
        if (from->events & poll_events[i].bit & (POLLIN | POLLOUT))
            to->events.items[to->events.n++] = poll_events[i].name;
    return 0;
}

static short bits_of(const struct wire_texts *events)
{
    short bits = 0;

    for (size_t i = 0; i < events->n; i++)
        for (int j = 0; j < N_POLL_EVENTS; j++)
            if (strcmp(events->items[i], poll_events[j].name) == 0)
                bits |= poll_events[j].bit;
    return bits;
}

static int give_ready(const struct poll_result *r, struct berth_pollfd *handles, size_t n)
{
    int n_ready = 0;

    for (size_t i = 0; i < n; i++) {
        handles[i].revents = 0;
        for (size_t j = 0; j < r->ready.n; j++)
            if (r->ready.items[j].handle.v == handles[i].handle)
                handles[i].revents = bits_of(&r->ready.items[j].events) &
                                     (short)(handles[i].events | POLLHUP | POLLERR);
        n_ready += handles[i].revents != 0;
    }
    return n_ready;
}

int berth_poll(berth *b, struct berth_pollfd *handles, size_t n, int timeout_ms)
{
    struct poll_params p = {
        .timeout = {true, timeout_ms < 0 ? FOREVER : timeout_ms * INT64_C(1000)}};
    struct poll_result r = {0};

    if (session_begin(b) < 0)
        return -1;
    if (n > LIMIT_POLL_HANDLES)
        return failure_local(b, EINVAL, NULL, "at most %d handles in one poll", LIMIT_POLL_HANDLES);
    p.handles.set = true;
    if (!(p.handles.items = arena_alloc(&b->arena, n * sizeof *p.handles.items)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    for (; p.handles.n < n; p.handles.n++)
        if (add_poll_entry(b, &handles[p.handles.n], &p.handles.items[p.handles.n]) < 0)
            return -1;
    if (exchange_call(b, METHOD_poll, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return give_ready(&r, handles, n);
}
