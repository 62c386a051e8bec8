#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct job *first, **last;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    int event_fd;
    int n_max, n_threads, n_idle;
    int n_refs; /* the loop's and one per thread */
    bool is_ending;
    struct queue todo, done;
    struct job *collected; /* taken from `done` and not yet given out; the loop's alone */
};

static void append(struct queue *q, struct job *job)
{
    job->next = NULL;
    *q->last = job;
    q->last = &job->next;
}

static struct job *take(struct queue *q)
{
    struct job *job = q->first;

    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->last = &q->first;
    return job;
}

struct workers *workers_new(int n_threads)
{
    struct workers *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->event_fd < 0) {
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->todo.last = &w->todo.first;
    w->done.last = &w->done.first;
    w->n_max = n_threads;
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

    pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    for (struct job *job; (job = take(&w->todo)) || (job = take(&w->done));)
        job->free(job);
    close(w->event_fd);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void *work(void *arg)
{
    struct workers *w = arg;
    struct job *job;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->is_ending && !w->todo.first) {
            w->n_idle++;
            pthread_cond_wait(&w->more, &w->lock);
            w->n_idle--;
        }
        if (w->is_ending)
            break;
        job = take(&w->todo);
        pthread_mutex_unlock(&w->lock);
        job->run(job);
        pthread_mutex_lock(&w->lock);
        append(&w->done, job);
        eventfd_write(w->event_fd, 1);
    }
    w->n_threads--;
    unref(w);
    return NULL;
}

static int add_thread(struct workers *w)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int r;

    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256 << 10);
    r = pthread_create(&thread, &attr, work, w);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r)
        return -r;
    w->n_threads++;
    w->n_refs++;
    return 0;
}

int workers_start(struct workers *w, struct job *job)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    if (w->n_idle == 0 && w->n_threads < w->n_max)
        r = add_thread(w);
    if (r < 0 && w->n_threads == 0) {
        pthread_mutex_unlock(&w->lock);
        return r;
    }
    append(&w->todo, job);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

void workers_forget(struct job *job)
{
    if (!job)
        return;
    job->owner = NULL;
    if (job->is_done)
        job->free(job);
}

struct job *workers_next(struct workers *w)
{
    struct job *job;
    eventfd_t n;

    for (;;) {
        if (!w->collected) {
            eventfd_read(w->event_fd, &n);
            pthread_mutex_lock(&w->lock);
            w->collected = w->done.first;
            w->done = (struct queue){NULL, &w->done.first};
            pthread_mutex_unlock(&w->lock);
        }
        if (!(job = w->collected))
            return NULL;
        w->collected = job->next;
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
