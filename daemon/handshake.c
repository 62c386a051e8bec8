#include "handshake.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct handshake {
    struct job job;
    struct tls *tls;
};

static struct handshake *handshake_of(struct job *job)
{
    return (struct handshake *)((char *)job - offsetof(struct handshake, job));
}

static void run(struct job *job)
{
    tls_compute(handshake_of(job)->tls);
}

static void free_job(struct job *job)
{
    struct handshake *h = handshake_of(job);

    tls_free(h->tls);
    free(h);
}

int handshake_start(struct workers *w, struct tls *tls, uid_t uid, void *owner,
                    struct handshake **ret)
{
    struct handshake *h = calloc(1, sizeof *h);
    int r;

    if (!h)
        return -ENOMEM;
    h->job = (struct job){.run = run, .free = free_job, .owner = owner, .uid = uid};
    h->tls = tls;
    tls_lend(tls);
    r = workers_start(w, &h->job);
    if (r < 0)
        free_job(&h->job);
    else
        *ret = h;
    return r;
}

bool handshake_is_done(const struct handshake *h)
{
    return h->job.is_done;
}

void handshake_free(void *handshake)
{
    if (handshake)
        workers_forget(&((struct handshake *)handshake)->job);
}
