#include "principal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

struct principal *principal_new(int64_t session, uid_t uid, gid_t gid, pid_t pid, const char *exe)
{
    struct principal *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    *p = (struct principal){.n_refs = 1, .session = session, .uid = uid, .gid = gid, .pid = pid};
    p->exe = exe ? strdup(exe) : NULL;
    return p;
}

struct principal *principal_ref(struct principal *p)
{
    p->n_refs++;
    return p;
}

void principal_unref(struct principal *p)
{
    if (!p || --p->n_refs)
        return;
    free(p->gids);
    free(p->end);
    free(p->exe);
    free(p->label);
    free(p);
}

void principal_assume(const struct principal *p)
{
    if (p->uid == geteuid())
        return;
    setfsgid(p->gid);
    setfsuid(p->uid);
}

void principal_resume(const struct principal *p)
{
    if (p->uid == geteuid())
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
}

int principal_read_exe(pid_t pid, char *ret_exe, size_t n)
{
    char path[32];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    length = readlink(path, ret_exe, n - 1);
    if (length < 0)
        return -errno;
    ret_exe[length] = '\0';
    return 0;
}
