/* calls_names.c — the calls that look names up and turn addresses around. Their results are the C
 * library's structs, in memory of ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"
#include "proto/limits.h"

static int no_memory(berth *b)
{
    return failure_local(b, ENOMEM, NULL, "out of memory");
}

/* -- getaddrinfo, getnameinfo ------------------------------------------------------------------ */

/* One item and its address in one piece of memory; the name is the first item's alone. */
static struct addrinfo *make_addrinfo(const struct found_address *from)
{
    struct {
        struct addrinfo ai;
        struct sockaddr_storage addr;
    } *made = calloc(1, sizeof *made);

    if (!made)
        return NULL;
    made->addr = from->address.addr;
    made->ai = (struct addrinfo){.ai_family = from->family.v,
                                 .ai_socktype = from->type.v,
                                 .ai_protocol = from->protocol.v,
                                 .ai_addrlen = from->address.len,
                                 .ai_addr = (struct sockaddr *)&made->addr};
    if (from->canonname.s && !(made->ai.ai_canonname = strdup(from->canonname.s))) {
        free(made);
        return NULL;
    }
    return &made->ai;
}

void berth_freeaddrinfo(struct addrinfo *list)
{
    struct addrinfo *next;

    for (; list; list = next) {
        next = list->ai_next;
        free(list->ai_canonname);
        free(list);
    }
}

static void add_hints(struct getaddrinfo_params *p, const struct addrinfo *hints)
{
    p->family = (struct wire_family){hints->ai_family != AF_UNSPEC, hints->ai_family};
    p->type = (struct wire_socktype){hints->ai_socktype != 0, hints->ai_socktype};
    p->protocol = (struct wire_protocol){hints->ai_protocol != 0, hints->ai_protocol};
    p->flags = (struct wire_ai_flags){hints->ai_flags != 0, hints->ai_flags};
}

int berth_getaddrinfo(berth *b, const char *host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **ret_list)
{
    struct getaddrinfo_params p = {.host = CONVERT_TEXT(host ? host : ""),
                                   .service = CONVERT_TEXT(service)};
    struct getaddrinfo_result r = {0};
    struct addrinfo *list = NULL, **last = &list;

    if (hints)
        add_hints(&p, hints);
    if (session_begin(b) < 0)
        return EAI_SYSTEM;
    if (exchange_call(b, METHOD_getaddrinfo, &(struct exchange){.params = &p, .result = &r}) < 0)
        return failure_eai(b);
    for (size_t i = 0; i < r.addresses.n; i++, last = &(*last)->ai_next) {
        if (!(*last = make_addrinfo(&r.addresses.items[i]))) {
            berth_freeaddrinfo(list);
            no_memory(b);
            return EAI_MEMORY;
        }
    }
    *ret_list = list;
    return list ? 0 : EAI_NONAME;
}

/* Whether `text` fits; nothing is wanted when size is 0. */
static bool put(const struct wire_text *text, char *to, socklen_t size)
{
    return !to || !size || (size_t)snprintf(to, size, "%s", convert_text(text)) < size;
}

/* As many parameters as the original. NOLINTNEXTLINE(readability-function-size) */
int berth_getnameinfo(berth *b, const struct sockaddr *address, socklen_t address_len, char *host,
                      socklen_t host_size, char *service, socklen_t service_size, int flags)
{
    struct getnameinfo_params p = {.flags = {flags != 0, flags}};
    struct getnameinfo_result r = {0};

    if (session_begin(b) < 0 || convert_address(b, address, address_len, &p.address) < 0)
        return EAI_SYSTEM;
    if (exchange_call(b, METHOD_getnameinfo, &(struct exchange){.params = &p, .result = &r}) < 0)
        return failure_eai(b);
    return put(&r.host, host, host_size) && put(&r.service, service, service_size) ? 0
                                                                                   : EAI_OVERFLOW;
}

/* -- gethostbyname, gethostname ---------------------------------------------------------------- */

/* A hostent of IPv4 addresses, all of it in b->hostent. NULL when memory is out. */
static struct hostent *make_hostent(berth *b, const struct gethostbyname_result *r)
{
    static char *no_aliases[] = {NULL};
    struct hostent *made = arena_alloc(&b->hostent, sizeof *made);
    size_t n = 0;

    if (!made)
        return NULL;
    *made = (struct hostent){.h_name = arena_copy(&b->hostent, convert_text(&r->host), r->host.n),
                             .h_aliases = no_aliases,
                             .h_addrtype = AF_INET,
                             .h_length = sizeof(struct in_addr),
                             .h_addr_list =
                                 arena_alloc(&b->hostent, (r->addresses.n + 1) * sizeof(char *))};
    if (!made->h_name || !made->h_addr_list)
        return NULL;
    for (size_t i = 0; i < r->addresses.n; i++) {
        const struct sockaddr_in *in = (const void *)&r->addresses.items[i].addr;

        if (in->sin_family == AF_INET &&
            !(made->h_addr_list[n++] = arena_copy(&b->hostent, &in->sin_addr, sizeof in->sin_addr)))
            return NULL;
    }
    return made;
}

struct hostent *berth_gethostbyname(berth *b, const char *host)
{
    struct gethostbyname_params p = {.host = CONVERT_TEXT(host)};
    struct gethostbyname_result r = {0};
    struct hostent *made;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_gethostbyname, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    arena_reset(&b->hostent);
    if (!(made = make_hostent(b, &r)))
        no_memory(b);
    return made;
}

int berth_gethostname(berth *b, char *name, size_t size)
{
    struct host_result r = {0};
    struct no_params p;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_gethostname, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    if (r.host.n >= size)
        return failure_local(b, ENAMETOOLONG, NULL, "the name has %zu bytes", r.host.n);
    memcpy(name, convert_text(&r.host), r.host.n + 1);
    return 0;
}

/* -- interfaces -------------------------------------------------------------------------------- */

struct if_nameindex *berth_if_nameindex(berth *b)
{
    struct if_nameindex_result r = {0};
    struct if_nameindex *list;
    struct no_params p;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_if_nameindex, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    if (!(list = calloc(r.interfaces.n + 1, sizeof *list))) {
        no_memory(b);
        return NULL;
    }
    for (size_t i = 0; i < r.interfaces.n; i++) {
        list[i].if_index = (unsigned)r.interfaces.items[i].index.v;
        if (!(list[i].if_name = strdup(convert_text(&r.interfaces.items[i].name)))) {
            berth_if_freenameindex(list);
            no_memory(b);
            return NULL;
        }
    }
    return list;
}

void berth_if_freenameindex(struct if_nameindex *list)
{
    if (!list)
        return;
    for (struct if_nameindex *at = list; at->if_name; at++)
        free(at->if_name);
    free(list);
}

/* -- inet_… ------------------------------------------------------------------------------------ */

static size_t n_packed(int family)
{
    return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

/* Copies n bytes of a packed address out. */
static int take_packed(berth *b, const struct packed_result *r, void *ret, size_t n)
{
    if (r->base64.n != n)
        return failure_local(b, EPROTO, NULL, "the daemon gave %zu bytes instead of %zu",
                             r->base64.n, n);
    memcpy(ret, r->base64.data, n);
    return 1;
}

int berth_inet_pton(berth *b, int family, const char *text, void *ret_packed)
{
    struct inet_pton_params p = {.family = {true, family}, .text = CONVERT_TEXT(text)};
    struct packed_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_inet_pton, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return take_packed(b, &r, ret_packed, n_packed(family));
}

/* Copies an address as text out, NULL when it does not fit. */
static char *take_text(berth *b, const struct text_result *r, char *text, size_t size)
{
    if (r->text.n >= size) {
        failure_local(b, ENOSPC, NULL, "the text has %zu bytes", r->text.n);
        return NULL;
    }
    return memcpy(text, convert_text(&r->text), r->text.n + 1);
}

const char *berth_inet_ntop(berth *b, int family, const void *packed, char *text, socklen_t size)
{
    struct inet_ntop_params p = {.family = {true, family}, .base64 = {packed, n_packed(family)}};
    struct text_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_inet_ntop, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    return take_text(b, &r, text, size);
}

int berth_inet_aton(berth *b, const char *text, struct in_addr *ret_address)
{
    struct inet_aton_params p = {.text = CONVERT_TEXT(text)};
    struct packed_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_inet_aton, &(struct exchange){.params = &p, .result = &r}) < 0)
        return 0;
    return take_packed(b, &r, ret_address, sizeof *ret_address) > 0;
}

char *berth_inet_ntoa(berth *b, struct in_addr address)
{
    struct inet_ntoa_params p = {.base64 = {(const char *)&address, sizeof address}};
    struct text_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_inet_ntoa, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    return take_text(b, &r, b->ntoa, sizeof b->ntoa);
}
