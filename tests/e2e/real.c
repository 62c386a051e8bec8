#include "real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
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
#include <time.h>
#include <unistd.h>

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

static struct sockaddr_un unix_address(const char *directory, const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", directory, name);
    return addr;
}

static int open_in(const struct real *real, const char *name, int flags)
{
    struct sockaddr_un addr = unix_address(real->directory, name);

    return open(addr.sun_path, flags | O_CLOEXEC, 0600);
}

static void remove_in(const struct real *real, const char *name)
{
    struct sockaddr_un addr = unix_address(real->directory, name);

    unlink(addr.sun_path);
}

/* In the child: becomes berthd. An empty settings file keeps the machine's own out of the test. */
static void become_daemon(const struct real *real, const char *berthd)
{
    struct sockaddr_un notify = unix_address(real->directory, "notify");
    struct sockaddr_un config = unix_address(real->directory, "berthd.conf");
    int log = open_in(real, "log", O_CREAT | O_WRONLY | O_APPEND);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    setenv("NOTIFY_SOCKET", notify.sun_path, 1);
    unsetenv("BERTH_SOCKET");
    execl(berthd, "berthd", "--socket", real->path, "--config", config.sun_path, (char *)NULL);
    complain(berthd);
    _exit(127);
}

/* Waits for READY=1, or for the daemon's early end. */
static int await_ready(const struct real *real, int notify)
{
    struct pollfd p[2] = {{.fd = notify, .events = POLLIN}, {.fd = real->pidfd, .events = POLLIN}};
    char text[256];
    ssize_t n;

    for (int i = 0; i < 16; i++) {
        if (poll(p, 2, WAIT_MS) <= 0 || !p[0].revents)
            break;
        n = recv(notify, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            return 0;
    }
    fprintf(stderr,
            p[1].revents ? "berthd ended before it was ready\n" : "berthd was not ready in time\n");
    return -1;
}

static int launch(struct real *real, const char *berthd)
{
    struct sockaddr_un addr = unix_address(real->directory, "notify");
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = -1;

    if (notify < 0 || bind(notify, (struct sockaddr *)&addr, sizeof addr) < 0) {
        complain("notify socket");
    } else if ((real->pid = fork()) == 0) {
        become_daemon(real, berthd);
    } else if (real->pid > 0) {
        real->pidfd = (int)syscall(SYS_pidfd_open, real->pid, 0);
        r = real->pidfd < 0 ? complain("pidfd_open") : await_ready(real, notify);
    }
    /* Closed from here on: later messages of the daemon must not fill it. */
    if (notify >= 0)
        close(notify);
    return r;
}

int real_count_fds(const struct real *real)
{
    char path[64];
    DIR *directory;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)real->pid);
    directory = opendir(path);
    if (!directory)
        return complain(path);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        n += entry->d_name[0] != '.';
    closedir(directory);
    return n;
}

json_t *real_ask(struct real *real, const char *request)
{
    const char *line;
    size_t n;
    json_t *reply = NULL, *result = NULL;

    if (lines_write(real->oracle, request, strlen(request)) == 0 &&
        lines_next(&real->oracle_lines, &line, &n) == 1)
        reply = json_loadb(line, n, 0, NULL);
    if (reply)
        result = json_incref(json_object_get(reply, "result"));
    json_decref(reply);
    if (!result)
        fprintf(stderr, "no result for %s", request);
    return result;
}

int real_connect(const struct real *real)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", real->path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    complain(real->path);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Opens the oracle's session. What the daemon makes at its first use only (a resolver's thread)
 * exists once this has been asked, and is no leak. */
static int begin(struct real *real)
{
    json_t *result;

    real->oracle = real_connect(real);
    if (real->oracle < 0)
        return -1;
    lines_init(&real->oracle_lines, real->oracle);
    result = real_ask(
        real, "{\"method\":\"getaddrinfo\",\"params\":{\"host\":\"127.0.0.1\"},\"id\":1}\n");
    if (!result)
        return -1;
    json_decref(result);
    real->n_fds = real_count_fds(real);
    return real->n_fds < 0 ? -1 : 0;
}

int real_start(struct real *real, const char *berthd)
{
    *real = (struct real){.pid = -1, .pidfd = -1, .oracle = -1, .directory = "/tmp/berth.XXXXXX"};
    lines_init(&real->oracle_lines, -1);
    if (!mkdtemp(real->directory))
        return complain(real->directory);
    snprintf(real->path, sizeof real->path, "%s/berth.sock", real->directory);
    close(open_in(real, "berthd.conf", O_CREAT | O_WRONLY));
    return launch(real, berthd) < 0 ? -1 : begin(real);
}

/* Another session ends by itself when the daemon has read its end, so the answer may change from
 * one question to the next; each question is a turn of the daemon's loop. */
int real_check_clean(struct real *real)
{
    time_t deadline = time(NULL) + WAIT_MS / 1000;
    json_int_t live, balance;
    int n_fds;

    do {
        json_t *audit = real_ask(real, "{\"method\":\"ledger.audit\",\"id\":1}\n");

        if (!audit)
            return -1;
        live = json_integer_value(json_object_get(audit, "live"));
        balance = json_is_integer(json_object_get(audit, "balance"))
                      ? json_integer_value(json_object_get(audit, "balance"))
                      : -1;
        json_decref(audit);
        n_fds = real_count_fds(real);
        if (balance != 0)
            break;
        if (live == 0 && n_fds == real->n_fds)
            return 0;
    } while (time(NULL) <= deadline);
    fprintf(stderr, "not clean: balance %d, %d sockets live, %d descriptors open (%d at first)\n",
            (int)balance, (int)live, n_fds, real->n_fds);
    return -1;
}

static void print_log(const struct real *real)
{
    int log = open_in(real, "log", O_RDONLY);
    char text[4096];
    ssize_t n;

    while (log >= 0 && (n = read(log, text, sizeof text)) > 0)
        fwrite(text, 1, (size_t)n, stderr);
    if (log >= 0)
        close(log);
}

/* Waits for the end of the process; past the deadline it is killed. Returns its exit status, -1 for
 * a signal. */
static int await_end(struct real *real)
{
    struct pollfd p = {.fd = real->pidfd, .events = POLLIN};
    int status;

    kill(real->pid, SIGTERM);
    if (poll(&p, 1, WAIT_MS) <= 0) {
        fprintf(stderr, "berthd did not end by SIGTERM\n");
        kill(real->pid, SIGKILL);
    }
    waitpid(real->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int real_stop(struct real *real, int show_log)
{
    static const char *const files[] = {"berth.sock.lock", "berth.sock.state", "berthd.conf",
                                        "notify",          "log",              "input"};
    int status = real->pid > 0 ? await_end(real) : -1;
    int left = access(real->path, F_OK) == 0;

    if (status != 0)
        fprintf(stderr, "berthd ended with status %d\n", status);
    if (left)
        fprintf(stderr, "berthd left its socket behind\n");
    if (show_log || status != 0)
        print_log(real);
    lines_done(&real->oracle_lines);
    if (real->oracle >= 0)
        close(real->oracle);
    if (real->pidfd >= 0)
        close(real->pidfd);
    unlink(real->path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove_in(real, files[i]);
    if (rmdir(real->directory) < 0)
        complain(real->directory);
    return status == 0 && !left ? 0 : -1;
}
