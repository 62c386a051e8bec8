#include "file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discard.h"

static struct file_job *file_job_of(struct job *job)
{
    return (struct file_job *)((char *)job - offsetof(struct file_job, job));
}

static void run(struct job *job)
{
    struct file_job *f = file_job_of(job);

    struct stat st;
    int64_t n_left = fstat(f->fd, &st) == 0 ? st.st_size - f->offset : 0;
    size_t n = n_left < 0 ? 0 : n_left < (int64_t)f->n_wanted ? (size_t)n_left : f->n_wanted;

    /* Files of the kernel's that judge their reader, who is the daemon here, say no size (proc(5)).
     */
    f->n_read = n ? pread(f->fd, f->data, n, f->offset) : 0;
    if (f->n_read < 0)
        f->n_read = -errno;
}

static void free_job(struct job *job)
{
    struct file_job *f = file_job_of(job);

    discard_fd(f->fd);
    free(f);
}

static int make(struct file_job **ret, int fd, void *owner, uid_t uid)
{
    struct file_job *f = malloc(sizeof *f);

    if (!f)
        return -ENOMEM;
    f->job = (struct job){.run = run, .free = free_job, .owner = owner, .uid = uid};
    f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (f->fd < 0) {
        int r = -errno;

        free(f);
        return r;
    }
    *ret = f;
    return 0;
}

int file_job_read(struct workers *w, struct file_job **job, int fd, int64_t offset, int64_t most,
                  void *owner, uid_t uid)
{
    struct file_job *f;
    int r = *job ? 0 : make(job, fd, owner, uid);

    if (r < 0)
        return r;
    f = *job;
    f->job.is_done = false;
    f->offset = offset;
    f->n_wanted = most < (int64_t)sizeof f->data ? (size_t)most : sizeof f->data;
    f->n_used = 0;
    if ((r = workers_start(w, &f->job)) < 0) {
        free_job(&f->job);
        *job = NULL;
    }
    return r;
}

void file_job_free(void *job)
{
    if (job)
        workers_forget(&((struct file_job *)job)->job);
}
