/* workers.h — jobs that may block (name look-ups, reading files), done by a few threads beside the
 * loop. The loop hands a job over, goes on, and collects it when it is done; nobody ever waits for
 * a worker.
 *
 * Threads are started when there is work and none is idle. They touch only the job they were given.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct workers;

/* Lives inside whatever the job is about. While a worker has it only `owner` may be touched by the
 * loop. */
struct job {
    void (*run)(struct job *job);  /* in a worker: may block, must end */
    void (*free)(struct job *job); /* in the loop, when nobody wants the job any more; when the
                                    * daemon ends, in whichever thread is the last */
    void *owner;                   /* who waits for it; NULL: nobody any more */
    uid_t uid; /* whose it is: who has nothing running goes first, and nobody has all threads */
    int *n_running; /* jobs that run at the expense of whoever asked; NULL: nobody counts. The
                     * workers' own while the job is theirs */
    bool is_done;   /* told by workers_next */
    bool is_queued; /* no worker has begun with it; the workers' own */
    struct workers *workers;
    struct job *prev, *next;
};

/* At most n_threads at once, and n_share of them for one who asks. NULL when memory or descriptors
 * are out (errno). */
struct workers *workers_new(int n_threads, int n_share);

/* Lets idle threads end. A thread that is inside a look-up is left to itself: it ends when the
 * look-up does, and the process need not wait for it. */
void workers_free(struct workers *w);

/* Readable when workers_next has something. */
int workers_fd(const struct workers *w);

/* Hands the job over. Returns 0, or -errno when no thread could be started (the job is still the
 * caller's). */
int workers_start(struct workers *w, struct job *job);

/* Nobody waits for the job any more: it is taken back and freed if no worker has begun with it,
 * else freed when it is done. NULL is fine. */
void workers_forget(struct job *job);

/* The next job that is done and still wanted, or NULL. Does not block. */
struct job *workers_next(struct workers *w);
