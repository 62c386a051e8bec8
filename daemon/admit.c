#include "admit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
    if (!who)
        errno = ENOMEM;
    else
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
