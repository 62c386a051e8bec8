#include "deaths_restart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTIFICATIONS = 16 };

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

void deaths_restart_kill(struct real *real)
{
    kill(real->pid, SIGKILL);
    waitpid(real->pid, NULL, 0);
    close(real->pidfd);
    close(real->oracle);
    lines_done(&real->oracle_lines);
    real->pid = real->pidfd = real->oracle = -1;
}

static struct sockaddr_un address_in(const struct real *real, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", real->directory, name);
    return address;
}

static void become_daemon(const struct real *real, const char *berthd)
{
    struct sockaddr_un notify = address_in(real, "notify"),
                       config = address_in(real, "berthd.conf");
    struct sockaddr_un log_name = address_in(real, "log");
    int log = open(log_name.sun_path, O_WRONLY | O_APPEND | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    setenv("NOTIFY_SOCKET", notify.sun_path, 1);
    execl(berthd, "berthd", "--socket", real->path, "--config", config.sun_path, (char *)NULL);
    complain(berthd);
    _exit(127);
}

static int await_ready(const struct real *real, int notify)
{
    struct pollfd p[2] = {{.fd = notify, .events = POLLIN}, {.fd = real->pidfd, .events = POLLIN}};
    char text[256];

    for (int i = 0; i < NOTIFICATIONS && poll(p, 2, WAIT_MS) > 0 && p[0].revents; i++) {
        ssize_t n = recv(notify, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            return 0;
    }
    fprintf(stderr,
            "the next berthd did not become ready on the path of the one that was killed\n");
    return -1;
}

/* The answer to a question shows that the daemon has taken the session in; the question makes it
 * start its resolver, whose descriptors are no leak. */
static int open_oracle(struct real *real)
{
    static const char request[] =
        "{\"method\":\"getaddrinfo\",\"params\":{\"host\":\"127.0.0.1\"},\"id\":1}\n";
    const char *line;
    size_t n;

    real->oracle = real_connect(real);
    if (real->oracle < 0)
        return -1;
    lines_init(&real->oracle_lines, real->oracle);
    if (lines_write(real->oracle, request, sizeof request - 1) < 0 ||
        lines_next(&real->oracle_lines, &line, &n) != 1) {
        fprintf(stderr, "the next berthd does not answer\n");
        return -1;
    }
    real->n_fds = real_count_fds(real);
    return real->n_fds < 0 ? -1 : 0;
}

static int start(struct real *real, const char *berthd, int notify)
{
    real->pid = fork();
    if (real->pid == 0)
        become_daemon(real, berthd);
    if (real->pid < 0)
        return complain("fork");
    real->pidfd = (int)syscall(SYS_pidfd_open, real->pid, 0);
    return real->pidfd < 0 ? complain("pidfd_open") : await_ready(real, notify);
}

int deaths_restart_start(struct real *real, const char *berthd)
{
    struct sockaddr_un address = address_in(real, "notify");
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

    unlink(address.sun_path);
    if (notify < 0 || bind(notify, (struct sockaddr *)&address, sizeof address) < 0)
        r = complain(address.sun_path);
    else
        r = start(real, berthd, notify);
    if (notify >= 0)
        close(notify);
    return r < 0 ? -1 : open_oracle(real);
}
