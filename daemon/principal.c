#include "principal.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

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

/* -- acting as a client -- */

/* setgroups(2) and its kind as the kernel has them: for this thread. The library's are for all
 * threads at once. Where there are two, the older takes 16 bits. */
#ifdef SYS_setresuid32
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

typedef struct __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3];

/* The daemon itself, as it was when it was first asked for. */
static struct {
    bool is_known, can_be_others, has_capabilities;
    uid_t uid;
    gid_t gid, groups[NGROUPS_MAX];
    int n_groups;
    capabilities caps;
} own;

static bool has(unsigned capability)
{
    return own.caps[capability / 32].effective >> capability % 32 & 1;
}

static void know_own(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    if (own.is_known)
        return;
    own.is_known = true;
    own.uid = geteuid();
    own.gid = getegid();
    own.n_groups = getgroups(NGROUPS_MAX, own.groups);
    if (own.n_groups < 0 || syscall(SYS_capget, &header, own.caps) < 0)
        memset(&own.caps, 0, sizeof own.caps);
    own.has_capabilities = own.caps[0].effective || own.caps[1].effective;
    /* In a user namespace groups may be fixed: the way back is tried before anybody leaves. */
    own.can_be_others =
        has(CAP_SETUID) && has(CAP_SETGID) && syscall(SET_GROUPS, own.n_groups, own.groups) == 0;
}

bool principal_is_trusted(const struct principal *p)
{
    know_own();
    return p->uid == 0 || p->uid == own.uid;
}

bool principal_can_be_others(void)
{
    know_own();
    return own.can_be_others;
}

bool principal_is_other(const struct principal *p)
{
    know_own();
    return p->uid != own.uid && (p->uid != 0 || own.can_be_others);
}

static bool has_own_groups(const struct principal *p)
{
    size_t n = p->gids ? p->n_gids - 1 : 0;

    return p->gid == own.gid && n == (size_t)own.n_groups &&
           (n == 0 || memcmp(p->gids + 1, own.groups, n * sizeof *own.groups) == 0);
}

/* Whether anything has to change. One user's groups are not worth a refusal. */
static bool is_needed(const struct principal *p, enum principal_part part)
{
    if (principal_is_other(p))
        return true;
    return part == PRINCIPAL_WHOLE && own.can_be_others && p->uid == own.uid && !has_own_groups(p);
}

/* The capabilities in force: the daemon's, or none. What is permitted stays for the way back. */
static int set_capabilities(bool on)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    capabilities caps;

    if (!own.has_capabilities)
        return 0;
    memcpy(caps, own.caps, sizeof caps);
    for (size_t i = 0; i < sizeof caps / sizeof *caps && !on; i++)
        caps[i].effective = 0;
    return syscall(SYS_capset, &header, caps) < 0 ? -errno : 0;
}

static int become_owner(uid_t uid, gid_t gid)
{
    setfsgid(gid);
    setfsuid(uid);
    /* They tell what was before; -1 changes nothing. */
    return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid ? 0 : -EPERM;
}

/* The kernel takes the capabilities in force away with root's number, not with another's, and
 * depends on securebits (capabilities(7)): they are set in any case. */
static int become_whole(const struct principal *p)
{
    if (syscall(SET_GROUPS, p->gids ? p->n_gids - 1 : 0, p->gids ? p->gids + 1 : NULL) < 0 ||
        syscall(SET_GID, -1, p->gid, -1) < 0)
        return -errno;
    if (p->uid == own.uid)
        return 0;
    /* Who has been root for a moment and is no more loses what is permitted, too, but for this. */
    if (p->uid == 0 && prctl(PR_SET_KEEPCAPS, 1) < 0)
        return -errno;
    if (syscall(SET_UID, -1, p->uid, -1) < 0)
        return -errno;
    return p->uid == 0 ? 0 : set_capabilities(false);
}

/* The saved user and what is permitted are the daemon's all the time, so these need no capability
 * until it is there again for the groups. */
static int become_own(enum principal_part part)
{
    int r;

    if (part == PRINCIPAL_WHOLE && syscall(SET_UID, -1, own.uid, -1) < 0)
        return -errno;
    if (part == PRINCIPAL_OWNER && (r = become_owner(own.uid, own.gid)) < 0)
        return r;
    if ((r = set_capabilities(true)) < 0 || part != PRINCIPAL_WHOLE)
        return r;
    if (syscall(SET_GID, -1, own.gid, -1) < 0 || syscall(SET_GROUPS, own.n_groups, own.groups) < 0)
        return -errno;
    return 0;
}

static void resume(enum principal_part part)
{
    int r = become_own(part);

    if (r == 0)
        return;
    log_line(LOG_ERR, "there is no way back from a client's user to the daemon's: %s",
             strerror(-r));
    abort();
}

int principal_assume(const struct principal *p, enum principal_part part)
{
    int r = 0;

    if (!is_needed(p, part))
        return 0;
    if (part == PRINCIPAL_RIGHTS)
        return p->uid == 0 ? 0 : set_capabilities(false);
    if (!own.can_be_others)
        return part == PRINCIPAL_WHOLE ? -EPERM : 0;
    r = part == PRINCIPAL_WHOLE ? become_whole(p) : become_owner(p->uid, p->gid);
    if (r < 0)
        resume(part);
    return r;
}

void principal_resume(const struct principal *p, enum principal_part part)
{
    int before = errno;

    if (is_needed(p, part) && (own.can_be_others || part == PRINCIPAL_RIGHTS))
        resume(part);
    errno = before;
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
