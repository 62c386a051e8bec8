#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "thread.h"

enum { STACK_BYTES = 256 << 10 };

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    int event_fd;
    int n_max, n_share;
    int n_threads, n_idle, n_todo;
    int n_refs;     /* the loop's and one per thread */
    uid_t *running; /* whose jobs run */
    int n_running;
    bool is_ending;
    struct job *todo, *done;
};

struct workers *workers_new(int n_threads, int n_share)
{
    struct workers *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->running = calloc((size_t)n_threads, sizeof *w->running);
    w->event_fd = w->running ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    if (w->event_fd < 0) {
        free(w->running);
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->n_max = n_threads;
    w->n_share = n_share;
    w->n_refs = 1;
    return w;
}

int workers_fd(const struct workers *w)
{
    return w->event_fd;
}

/* Unlocks, and frees with the last reference. */
static void unref(struct workers *w)
{
    bool last = --w->n_refs == 0;
    struct job *job, *next;

    pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    DL_CONCAT(w->done, w->todo);
    DL_FOREACH_SAFE(w->done, job, next)
    job->free(job);
    close(w->event_fd);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w->running);
    free(w);
}

static int n_of(const struct workers *w, uid_t uid)
{
    int n = 0;

    for (int i = 0; i < w->n_running; i++)
        n += w->running[i] == uid;
    return n;
}

/* The oldest job of a user who has nothing running, else the oldest: one who asks for much holds up
 * only himself, as he does by jobs that never end, for a quarter of the threads is not his. */
static struct job *choose(const struct workers *w)
{
    const int n_most = w->n_max - w->n_max / 4;
    struct job *job, *found = NULL;

    DL_FOREACH(w->todo, job)
    {
        int n = n_of(w, job->uid);

        if ((job->n_running && *job->n_running >= w->n_share) || n >= n_most)
            continue;
        if (n == 0)
            return job;
        if (!found)
            found = job;
    }
    return found;
}

static struct job *take(struct workers *w)
{
    struct job *job = choose(w);

    if (!job)
        return NULL;
    DL_DELETE(w->todo, job);
    w->n_todo--;
    job->is_queued = false;
    w->running[w->n_running++] = job->uid;
    if (job->n_running)
        ++*job->n_running;
    return job;
}

static void give_back(struct workers *w, const struct job *job)
{
    int i = 0;

    while (w->running[i] != job->uid)
        i++;
    w->running[i] = w->running[--w->n_running];
    if (job->n_running)
        --*job->n_running;
}

/* Locked, but for the job's own time. */
static void run(struct workers *w, struct job *job)
{
    pthread_mutex_unlock(&w->lock);
    job->run(job);
    pthread_mutex_lock(&w->lock);
    give_back(w, job);
    DL_APPEND(w->done, job);
    eventfd_write(w->event_fd, 1);
}

static void *work(void *arg)
{
    struct workers *w = arg;
    struct job *job;

    pthread_mutex_lock(&w->lock);
    while (!w->is_ending) {
        if ((job = take(w))) {
            run(w, job);
            continue;
        }
        w->n_idle++;
        pthread_cond_wait(&w->more, &w->lock);
        w->n_idle--;
    }
    w->n_threads--;
    unref(w);
    return NULL;
}

static int add_thread(struct workers *w)
{
    int r = thread_start(NULL, STACK_BYTES, work, w);

    if (r < 0)
        return r;
    w->n_threads++;
    w->n_refs++;
    return 0;
}

int workers_start(struct workers *w, struct job *job)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    /* One that was just woken still counts as idle: the jobs that wait for it count against it. */
    if (w->n_idle <= w->n_todo && w->n_threads < w->n_max)
        r = add_thread(w);
    if (r < 0 && w->n_threads == 0) {
        pthread_mutex_unlock(&w->lock);
        return r;
    }
    job->workers = w;
    job->is_queued = true;
    DL_APPEND(w->todo, job);
    w->n_todo++;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

/* Takes a job back that no worker has begun with. */
static bool take_back(struct workers *w, struct job *job)
{
    bool queued;

    pthread_mutex_lock(&w->lock);
    queued = job->is_queued;
    if (queued) {
        DL_DELETE(w->todo, job);
        w->n_todo--;
    }
    pthread_mutex_unlock(&w->lock);
    return queued;
}

void workers_forget(struct job *job)
{
    if (!job)
        return;
    job->owner = NULL;
    if (job->is_done || take_back(job->workers, job))
        job->free(job);
}

struct job *workers_next(struct workers *w)
{
    struct job *job;
    eventfd_t n;

    eventfd_read(w->event_fd, &n);
    for (;;) {
        pthread_mutex_lock(&w->lock);
        if ((job = w->done))
            DL_DELETE(w->done, job);
        pthread_mutex_unlock(&w->lock);
        if (!job)
            return NULL;
        job->is_done = true;
        if (job->owner)
            return job;
        job->free(job);
    }
}

void workers_free(struct workers *w)
{
    struct job *job;

    if (!w)
        return;
    while ((job = workers_next(w)))
        job->free(job);
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_broadcast(&w->more);
    unref(w);
}
