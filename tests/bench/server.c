#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve.h"

enum { PATIENCE_SECONDS = 10, NOTIFICATIONS = 16 };

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

static struct sockaddr_un unix_address(const char *path, const char *suffix)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s%s", path, suffix);
    return address;
}

static int bound_socket(const struct server *s, const char *suffix, int type)
{
    struct sockaddr_un address = unix_address(s->path, suffix);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    complain(address.sun_path);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* -- life -- */

static void begin(struct server *s, const char *directory, const char *name)
{
    *s = (struct server){.pid = -1};
    snprintf(s->path, sizeof s->path, "%s/%s", directory, name);
}

/* Forks. In the child: returns 0, and it will die with us. In the parent: returns 1, or -1 after
 * saying why. */
static int fork_server(struct server *s)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        return 0;
    }
    if (pid < 0)
        return complain("fork");
    s->pid = pid;
    errno = clock_getcpuclockid(pid, &s->cpu);
    return errno ? complain("clock_getcpuclockid") : 1;
}

/* A program of its own, so that it does not begin with our memory. */
static _Noreturn void become_own(int listen_fd, const char *which)
{
    char fd[16];

    fcntl(listen_fd, F_SETFD, 0);
    snprintf(fd, sizeof fd, "%d", listen_fd);
    execl("/proc/self/exe", "bench", "--serve", which, fd, (char *)NULL);
    complain("/proc/self/exe");
    _exit(127);
}

int server_start_own(struct server *s, const char *directory, const char *which)
{
    int fd, r = -1;

    begin(s, directory, which);
    fd = bound_socket(s, "", SOCK_STREAM);
    if (fd >= 0 && listen(fd, 4096) == 0)
        r = fork_server(s);
    if (r == 0)
        become_own(fd, which);
    if (fd >= 0)
        close(fd);
    return r < 0 ? -1 : 0;
}

void server_be_own(const char *which, int listen_fd)
{
    serve(listen_fd, strcmp(which, "jansson") == 0 ? answer_by_jansson : NULL);
}

static int write_settings(const struct server *s, int n_sessions)
{
    struct sockaddr_un config = unix_address(s->path, ".conf");
    FILE *file = fopen(config.sun_path, "we");

    if (!file)
        return complain(config.sun_path);
    fprintf(file, "[daemon]\nmax-sessions = %d\nmax-sessions-per-uid = %d\n", n_sessions,
            n_sessions);
    return fclose(file) == 0 ? 0 : complain(config.sun_path);
}

static _Noreturn void become_berthd(const struct server *s, const char *berthd)
{
    struct sockaddr_un config = unix_address(s->path, ".conf"),
                       notify = unix_address(s->path, ".notify");

    setenv("NOTIFY_SOCKET", notify.sun_path, 1);
    execl(berthd, "berthd", "--socket", s->path, "--config", config.sun_path, "--log-level",
          "warning", (char *)NULL);
    complain(berthd);
    _exit(127);
}

static int await_ready(int notify)
{
    struct pollfd p = {.fd = notify, .events = POLLIN};
    char text[256];

    for (int i = 0; i < NOTIFICATIONS && poll(&p, 1, PATIENCE_SECONDS * 1000) > 0; i++) {
        ssize_t n = recv(notify, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            return 0;
    }
    fprintf(stderr, "berthd was not ready in time\n");
    return -1;
}

int server_start_berthd(struct server *s, const char *directory, const char *name,
                        const char *berthd, int n_sessions)
{
    int notify, r;

    begin(s, directory, name);
    if (write_settings(s, n_sessions) < 0 || (notify = bound_socket(s, ".notify", SOCK_DGRAM)) < 0)
        return -1;
    r = fork_server(s);
    if (r == 0)
        become_berthd(s, berthd);
    if (r > 0)
        r = await_ready(notify);
    close(notify);
    return r;
}

void server_stop(struct server *s)
{
    static const char *const suffixes[] = {"", ".conf", ".notify", ".lock", ".state", ".state.new"};

    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = -1;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct sockaddr_un address = unix_address(s->path, suffixes[i]);

        unlink(address.sun_path);
    }
}

int server_connect(const struct server *s)
{
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct sockaddr_un address = unix_address(s->path, "");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    complain(s->path);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* -- what it costs -- */

int64_t server_cpu_ns(const struct server *s)
{
    struct timespec t = {0};

    clock_gettime(s->cpu, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The counters of /proc/PID/statm are rounded to what the processors have handed in; this file is
 * exact. */
int64_t server_resident_bytes(const struct server *s)
{
    char path[64], line[256];
    long long kib = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)s->pid);
    file = fopen(path, "re");
    if (!file)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "Rss: %lld kB", &kib) != 1)
            kib = -1;
    fclose(file);
    return kib < 0 ? -1 : kib * 1024;
}

static int64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

int server_ask_limits(const struct server *s, int64_t *ret_handles, int64_t *ret_sessions)
{
    static const char request[] = "{\"method\":\"hello\",\"id\":1}\n";
    char text[4096] = "";
    int fd = server_connect(s);
    size_t n = 0;
    ssize_t got = 0;

    if (fd < 0)
        return -1;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        do
            got = recv(fd, text + n, sizeof text - 1 - n, 0);
        while (got > 0 && (n += (size_t)got) < sizeof text - 1 && text[n - 1] != '\n');
    close(fd);
    *ret_handles = number_after(text, "\"handles\":");
    *ret_sessions = number_after(text, "\"sessions\":");
    if (*ret_handles > 0 && *ret_sessions > 0)
        return 0;
    fprintf(stderr, "berthd does not tell its limits: %s\n", text);
    return -1;
}
