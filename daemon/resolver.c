#include "resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

static struct lookup *lookup_of(struct job *job)
{
    return (struct lookup *)((char *)job - offsetof(struct lookup, job));
}

static void free_lookup(struct job *job)
{
    struct lookup *lookup = lookup_of(job);

    if (lookup->found)
        freeaddrinfo(lookup->found);
    free(lookup->host);
    free(lookup->service);
    lookup->payer->n_lookups--;
    principal_unref(lookup->payer);
    free(lookup);
}

static void run_addresses(struct job *job)
{
    struct lookup *l = lookup_of(job);

    l->eai = getaddrinfo(l->host, l->service, &l->hints, &l->found);
    l->sys_errno = errno;
}

static void run_name(struct job *job)
{
    struct lookup *l = lookup_of(job);

    l->eai = getnameinfo((const struct sockaddr *)&l->address.addr, l->address.len, l->name,
                         sizeof l->name, l->port, sizeof l->port, l->flags);
    l->sys_errno = errno;
}

static struct lookup *new_lookup(void (*run)(struct job *), struct principal *payer, void *owner,
                                 int *ret_errno)
{
    struct lookup *l;

    *ret_errno = EBUSY;
    if (payer->n_lookups == LIMIT_LOOKUPS)
        return NULL;
    *ret_errno = ENOMEM;
    if (!(l = calloc(1, sizeof *l)))
        return NULL;
    l->job = (struct job){.run = run, .free = free_lookup, .owner = owner, .uid = payer->uid};
    l->payer = principal_ref(payer);
    l->job.n_running = &payer->n_running_lookups;
    payer->n_lookups++;
    return l;
}

static struct lookup *start(struct workers *w, struct lookup *l, int *ret_errno)
{
    int r = workers_start(w, &l->job);

    if (r == 0)
        return l;
    *ret_errno = -r;
    free_lookup(&l->job);
    return NULL;
}

static bool is_number(const char *s)
{
    return !s || (*s && strspn(s, "0123456789") == strlen(s));
}

/* What is numeric needs no file and no network, and must not wait behind what does. */
static bool is_found_at_once(struct lookup *l)
{
    const int numeric = AI_NUMERICHOST | AI_NUMERICSERV;
    struct addrinfo asked = l->hints;

    if (!is_number(l->service))
        return false;
    l->hints.ai_flags |= l->service ? numeric : AI_NUMERICHOST;
    run_addresses(&l->job);
    l->hints = asked;
    l->job.is_done = l->eai != EAI_NONAME || asked.ai_flags & AI_NUMERICHOST;
    return l->job.is_done;
}

struct lookup *resolver_find_addresses(struct workers *w, const char *host, const char *service,
                                       const struct addrinfo *hints, struct principal *payer,
                                       void *owner, int *ret_errno)
{
    struct lookup *l = new_lookup(run_addresses, payer, owner, ret_errno);

    if (!l)
        return NULL;
    l->hints = *hints;
    l->host = host ? strdup(host) : NULL;
    l->service = service ? strdup(service) : NULL;
    if ((host && !l->host) || (service && !l->service)) {
        free_lookup(&l->job);
        return NULL;
    }
    return is_found_at_once(l) ? l : start(w, l, ret_errno);
}

struct lookup *resolver_find_name(struct workers *w, const struct wire_sockaddr *address, int flags,
                                  struct principal *payer, void *owner, int *ret_errno)
{
    const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    struct lookup *l = new_lookup(run_name, payer, owner, ret_errno);

    if (!l)
        return NULL;
    l->address = *address;
    l->flags = flags;
    if ((flags & numeric) != numeric)
        return start(w, l, ret_errno);
    run_name(&l->job);
    l->job.is_done = true;
    return l;
}
