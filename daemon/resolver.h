/* resolver.h — name look-ups off the loop: getaddrinfo(3) and getnameinfo(3) in workers. What needs
 * no file and no network (numeric hosts and ports) is answered at once by the same calls. */
#pragma once
#include <netdb.h>

#include "principal.h"
#include "proto/wire.h"
#include "workers.h"

struct lookup {
    struct job job;
    struct principal *payer; /* whose ceiling it counts against until it has ended */
    int eai, sys_errno;      /* what came of it: 0, or EAI_… (with errno for EAI_SYSTEM) */
    /* getaddrinfo: asked, and the answer */
    char *host, *service; /* NULL: none */
    struct addrinfo hints, *found;
    /* getnameinfo: asked, and the answer */
    struct wire_sockaddr address;
    int flags;
    char name[NI_MAXHOST], port[NI_MAXSERV];
};

/* Starts a look-up for `owner`; the job comes back by workers_next, unless it is done at once
 * (job.is_done). Texts are copied. NULL when memory or threads are out (*ret_errno), or the payer
 * has LIMIT_LOOKUPS under way (EBUSY). */
struct lookup *resolver_find_addresses(struct workers *w, const char *host, const char *service,
                                       const struct addrinfo *hints, struct principal *payer,
                                       void *owner, int *ret_errno);
struct lookup *resolver_find_name(struct workers *w, const struct wire_sockaddr *address, int flags,
                                  struct principal *payer, void *owner, int *ret_errno);
