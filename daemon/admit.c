#include "admit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proto/message.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

int admit_open_process(int fd, pid_t pid)
{
    socklen_t n = sizeof(int);
    int pid_fd;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pid_fd, &n) == 0)
        return pid_fd;
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* <linux/pidfd.h> of Linux 6.15, which may be younger than the headers. */
struct pidfd_exit {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};
#define PIDFD_EXIT_MASK (1u << 3)

static bool read_reaped(int pid_fd, int *ret_status)
{
    struct pidfd_exit info = {.mask = PIDFD_EXIT_MASK};

    if (ioctl(pid_fd, _IOWR(0xFF, 11, struct pidfd_exit), &info) < 0 ||
        !(info.mask & PIDFD_EXIT_MASK))
        return false;
    *ret_status = info.exit_code;
    return true;
}

/* proc(5): what of /proc/PID/stat stands behind the name, which may have spaces and brackets: the
 * state, and 49 numbers. */
struct process {
    char state;
    unsigned flags;
    unsigned long long start; /* in ticks after the boot */
    int status;               /* as waitpid(2) has it */
};

static bool read_process(pid_t pid, struct process *ret)
{
    char path[32], stat[1024], *at;
    FILE *f;
    bool read;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!(f = fopen(path, "re")))
        return false;
    read = fgets(stat, sizeof stat, f);
    fclose(f);
    if (!read || !(at = strrchr(stat, ')')) ||
        sscanf(at,
               ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ret->state, &ret->flags, &ret->start) != 3)
        return false;
    return sscanf(strrchr(stat, ' '), "%d", &ret->status) == 1;
}

/* Who may not look into a process reads 0 there. */
static bool read_zombie(const struct principal *who, int *ret_status)
{
    struct process p;

    if (!read_process(who->pid, &p) || (p.state != 'Z' && p.state != 'X') ||
        (p.status == 0 && geteuid() != 0 && geteuid() != who->uid))
        return false;
    *ret_status = p.status;
    return true;
}

static bool has_ended(int pid_fd)
{
    struct pollfd p = {.fd = pid_fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

bool admit_read_end(int pid_fd, const struct principal *who, char *ret_text, size_t n)
{
    int status;

    if (pid_fd < 0 || !has_ended(pid_fd))
        return false;
    /* It may be reaped between the first question and the second. */
    if (!read_reaped(pid_fd, &status) && !read_zombie(who, &status) &&
        !read_reaped(pid_fd, &status))
        return false;
    if (WIFSIGNALED(status))
        snprintf(ret_text, n, "its process was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, n, "its process ended with status %d", WEXITSTATUS(status));
    return true;
}

bool admit_is_ending(int pid_fd, const struct principal *who)
{
    const unsigned exiting = 0x4; /* PF_EXITING of the kernel's <linux/sched.h> */
    struct process p;

    return pid_fd >= 0 && !has_ended(pid_fd) && read_process(who->pid, &p) && p.flags & exiting;
}

/* SO_PEERGROUPS (Linux 4.13): the supplementary groups. Without them the primary one has to do. */
static void read_groups(int fd, struct principal *who)
{
    gid_t first[1];
    socklen_t n = sizeof first;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, first, &n) < 0 && errno != ERANGE)
        return;
    if (!(who->gids = malloc(sizeof *who->gids + n)))
        return;
    who->gids[0] = who->gid;
    if (n && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, who->gids + 1, &n) < 0)
        n = 0;
    who->n_gids = 1 + n / sizeof *who->gids;
}

/* Tells a process from another one that got the same number later. Real microseconds; 0: nobody
 * says. */
static int64_t read_start(pid_t pid)
{
    struct timespec real, boot;
    struct process p;

    if (!read_process(pid, &p))
        return 0;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (real.tv_sec - boot.tv_sec) * 1000000LL + (real.tv_nsec - boot.tv_nsec) / 1000 +
           (int64_t)p.start * 1000000 / sysconf(_SC_CLK_TCK);
}

struct principal *admit_identify(int fd, int64_t session)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    char exe[4096];
    struct principal *who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
        return NULL;
    if (principal_read_exe(cred.pid, exe, sizeof exe) < 0)
        *exe = '\0';
    who = principal_new(session, cred.uid, cred.gid, cred.pid, *exe ? exe : NULL);
    if (!who) {
        errno = ENOMEM;
        return NULL;
    }
    who->started = read_start(cred.pid);
    read_groups(fd, who);
    return who;
}

/* As frame_drain: what lies unread would reset the client before it has read why. */
static void drain(int fd)
{
    char bytes[4096];

    for (int i = 0; i < 64 && recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0; i++)
        ;
}

int admit_refuse(int fd, const struct principal *who, enum error_id id, const char *name,
                 const char *why)
{
    struct error e = {0};
    struct buf b = {0};

    error_set(&e, id, name, "%s", why);
    message_error(&b, "null", 4, &e);
    buf_add_char(&b, '\n');
    if (!b.failed)
        send(fd, b.data, buf_len(&b), MSG_DONTWAIT | MSG_NOSIGNAL);
    buf_done(&b);
    drain(fd);
    close(fd);
    log_client_error(who, "connect", &e);
    return id == ERROR_POLICY ? -EACCES : -EUSERS;
}
