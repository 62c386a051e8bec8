#include "client/convert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "client/failure.h"
#include "proto/utf8.h"

static int no_memory(berth *b)
{
    return failure_local(b, ENOMEM, NULL, "out of memory");
}

static int convert_inet(berth *b, const struct sockaddr_in *in, struct wire_address *ret)
{
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    ret->kind = ADDRESS_INET;
    ret->n = strlen(text);
    ret->port = ntohs(in->sin_port);
    return (ret->text = arena_copy(&b->arena, text, ret->n)) ? 0 : no_memory(b);
}

static int convert_inet6(berth *b, const struct sockaddr_in6 *in, struct wire_address *ret)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
    ret->kind = ADDRESS_INET;
    ret->n = strlen(text);
    ret->port = ntohs(in->sin6_port);
    ret->flowinfo = ntohl(in->sin6_flowinfo);
    if (in->sin6_scope_id && !(ret->scope = arena_printf(&b->arena, "%u", in->sin6_scope_id)))
        return no_memory(b);
    return (ret->text = arena_copy(&b->arena, text, ret->n)) ? 0 : no_memory(b);
}

static int convert_unix(berth *b, const struct sockaddr_un *un, socklen_t len,
                        struct wire_address *ret)
{
    size_t n = len - offsetof(struct sockaddr_un, sun_path);
    const char *text = un->sun_path;
    bool nul = false;

    if (n == 0)
        return failure_local(b, EINVAL, "give a path or an abstract name",
                             "an unnamed Unix address is not an address to use");
    ret->kind = *text ? ADDRESS_PATH : ADDRESS_ABSTRACT;
    if (*text) {
        n = strnlen(text, n);
    } else {
        text++;
        n--;
    }
    if (!utf8_is_valid(text, n, &nul) || nul)
        return failure_local(b, EILSEQ, "use UTF-8 without NUL bytes",
                             "the Unix address is not a text");
    ret->n = n;
    return (ret->text = arena_copy(&b->arena, text, n)) ? 0 : no_memory(b);
}

int convert_address(berth *b, const struct sockaddr *address, socklen_t len,
                    struct wire_address *ret)
{
    sa_family_t family = address && len >= sizeof(sa_family_t) ? address->sa_family : AF_UNSPEC;

    if (family == AF_INET && len >= sizeof(struct sockaddr_in))
        return convert_inet(b, (const void *)address, ret);
    if (family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
        return convert_inet6(b, (const void *)address, ret);
    if (family == AF_UNIX && len <= sizeof(struct sockaddr_un))
        return convert_unix(b, (const void *)address, len, ret);
    if (family == AF_INET || family == AF_INET6 || family == AF_UNIX || !address)
        return failure_local(b, EINVAL, NULL, "the address has the wrong length (%u bytes)", len);
    return failure_local(b, EAFNOSUPPORT, "use AF_INET, AF_INET6 or AF_UNIX",
                         "addresses of family %d are not supported", family);
}

int convert_host(berth *b, const char *host, uint16_t port, struct wire_address *ret)
{
    bool nul;

    if (!host || !utf8_is_valid(host, strlen(host), &nul))
        return failure_local(b, host ? EILSEQ : EINVAL, NULL, "the host is not a text");
    *ret =
        (struct wire_address){.kind = ADDRESS_INET, .text = host, .n = strlen(host), .port = port};
    return 0;
}

int convert_timeout(berth *b, double seconds, struct wire_timeout *ret)
{
    if (seconds == BERTH_DEFAULT_TIMEOUT)
        return 0;
    if (seconds == BERTH_FOREVER || seconds == (double)INFINITY) {
        *ret = (struct wire_timeout){true, FOREVER};
        return 0;
    }
    if (!(seconds >= 0 && seconds <= 1e9))
        return failure_local(b, EINVAL, "give seconds from 0 to 1e9, or BERTH_FOREVER",
                             "%g is not a timeout", seconds);
    /* Never rounded down to "not at all". */
    *ret = (struct wire_timeout){true, (int64_t)ceil(seconds * 1e6)};
    return 0;
}

double convert_seconds(const struct wire_timeout *timeout)
{
    return timeout->usec == FOREVER ? BERTH_FOREVER : (double)timeout->usec / 1e6;
}

void convert_sockaddr(const struct wire_sockaddr *from, struct sockaddr *address, socklen_t *len)
{
    if (!len)
        return;
    if (address)
        memcpy(address, &from->addr, from->len < *len ? from->len : *len);
    *len = from->len;
}

const char *convert_text(const struct wire_text *text)
{
    return text->s ? text->s : "";
}

int convert_lease(berth *b, double seconds, struct wire_lease *ret)
{
    struct wire_timeout usec;

    if (seconds == 0)
        return 0;
    if (seconds == BERTH_PERMANENT) {
        *ret = (struct wire_lease){true, LEASE_PERMANENT};
        return 0;
    }
    if (seconds < 0 || convert_timeout(b, seconds, &usec) < 0)
        return failure_local(b, EINVAL, "give 0, seconds up to 1e9, or BERTH_PERMANENT",
                             "%g is not a lease", seconds);
    *ret = (struct wire_lease){true, usec.usec};
    return 0;
}
