/* file_job.h — reading a piece of a file in a worker: a disk, and far more a network file system,
 * can take its time. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "workers.h"

struct file_job {
    struct job job;
    int fd; /* a copy of its own: the call may end while the worker reads */
    int64_t offset;
    size_t n_wanted;
    ssize_t n_read; /* bytes (0: the end of the file), or -errno */
    size_t n_used;  /* of them, by whoever takes them */
    char data[256 << 10];
};

/* Starts reading up to `most` bytes at `offset` for `owner`, in the turn of user
 * `uid`; never beyond the size that the file says. *job is made when it is NULL, used
 * again when it is done. Returns 0 or -errno. */
int file_job_read(struct workers *w, struct file_job **job, int fd, int64_t offset, int64_t most,
                  void *owner, uid_t uid);

/* Frees it, now or when the worker has done with it. NULL is fine. */
void file_job_free(void *job);
