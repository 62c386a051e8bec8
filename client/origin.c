#include "client/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void origin_move(struct origin *o, int fd)
{
    struct stat st = {0};

    fstat(fd, &st);
    o->device = st.st_dev;
    o->inode = st.st_ino;
}

int origin_init(struct origin *o, int fd)
{
    void *page;

    *o = (struct origin){.pid = getpid()};
    if (fcntl(fd, F_GETFD) < 0)
        return -errno;
    page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    o->mark = page;
    *o->mark = 1;
    o->wiped_on_fork = madvise(page, page_bytes(), MADV_WIPEONFORK) == 0;
    origin_move(o, fd);
    return 0;
}

bool origin_is_here(const struct origin *o)
{
    if (o->wiped_on_fork)
        return *(const volatile unsigned char *)o->mark == 1;
    return o->pid == getpid();
}

bool origin_holds(const struct origin *o, int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_dev == o->device && st.st_ino == o->inode;
}

void origin_done(struct origin *o)
{
    if (o->mark)
        munmap(o->mark, page_bytes());
    o->mark = NULL;
}
