#include "tests/real_daemon.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static char dir[64];
static pid_t daemon_pid;

/* A program of the build directory: this one lies in tests/ there. */
static void find_program(const char *name, char path[static PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);

    ck_assert_int_gt(n, 0);
    path[n] = '\0';
    snprintf(strrchr(path, '/'), 60, "/../%s", name);
    ck_assert_msg(access(path, X_OK) == 0, "%s is not built", path);
}

/* Where the daemon says READY=1. */
static int open_notify(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    ck_assert_int_eq(bind(fd, (void *)&un, sizeof un), 0);
    return fd;
}

static void wait_until_ready(int notify)
{
    struct pollfd p = {.fd = notify, .events = POLLIN};
    char text[256];
    ssize_t n;

    do {
        ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "berthd does not become ready");
        n = recv(notify, text, sizeof text - 1, 0);
        ck_assert_int_gt(n, 0);
        text[n] = '\0';
    } while (!strstr(text, "READY=1"));
}

void real_daemon_start_again(void)
{
    char program[PATH_MAX], socket_path[100], notify_path[100];
    int notify;

    find_program("daemon/berthd", program);
    snprintf(socket_path, sizeof socket_path, "%s/berth.sock", dir);
    snprintf(notify_path, sizeof notify_path, "%s/notify", dir);
    notify = open_notify(notify_path);
    ck_assert_int_eq(setenv("BERTH_SOCKET", socket_path, 1), 0);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not come to its end */
        setenv("NOTIFY_SOCKET", notify_path, 1);
        execl(program, "berthd", "--socket", socket_path, "--config", "/dev/null", "--log-level",
              "warning", (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(daemon_pid, 0);
    wait_until_ready(notify);
    close(notify);
    unlink(notify_path);
}

void real_daemon_start(void)
{
    snprintf(dir, sizeof dir, "/tmp/berth-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    real_daemon_start_again();
}

void real_daemon_end(int signal_number)
{
    int status;

    ck_assert_int_eq(kill(daemon_pid, signal_number), 0);
    ck_assert_int_eq(waitpid(daemon_pid, &status, 0), daemon_pid);
    ck_assert_int_eq(status, signal_number == SIGKILL ? SIGKILL : 0);
}

void real_daemon_restart(int signal_number)
{
    real_daemon_end(signal_number);
    real_daemon_start_again();
}

void real_daemon_stop(void)
{
    static const char *const stay[] = {"lock", "state"}; /* by design */
    char path[100];

    real_daemon_end(SIGTERM);
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
        snprintf(path, sizeof path, "%s/berth.sock.%s", dir, stay[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
}

/* -- running the command ----------------------------------------------------------------------- */

static pid_t spawn(const char *command, int in, int out, int err)
{
    char program[PATH_MAX];
    pid_t pid;

    find_program("client/berth", program);
    pid = fork();
    if (pid != 0)
        return pid;
    setenv("berth", program, 1);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* A file that holds the text and is nowhere. */
static int file_of(const char *text)
{
    int fd = memfd_create("in", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

struct sink {
    char *text;
    size_t n, n_room;
};

/* Reads once. False at the end; a terminal says EIO there. */
static bool drain(int fd, struct sink *sink)
{
    char rest[4096];
    bool full = sink->n + 1 >= sink->n_room;
    ssize_t n = read(fd, full ? rest : sink->text + sink->n,
                     full ? sizeof rest : sink->n_room - sink->n - 1);

    ck_assert(n >= 0 || errno == EIO);
    if (n > 0 && !full)
        sink->n += (size_t)n;
    return n > 0;
}

static void collect(int out, int err, struct run *ret)
{
    struct pollfd p[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    struct sink sinks[] = {{ret->out, 0, sizeof ret->out}, {ret->err, 0, sizeof ret->err}};

    while (p[0].fd >= 0 || p[1].fd >= 0) {
        ck_assert_msg(poll(p, 2, PATIENCE_MS) > 0, "the command does not end");
        for (int i = 0; i < 2; i++)
            if (p[i].fd >= 0 && p[i].revents && !drain(p[i].fd, &sinks[i]))
                p[i].fd = -1;
    }
}

bool real_daemon_has_terminals(void)
{
    int fds[2];

    if (openpty(&fds[0], &fds[1], NULL, NULL, NULL) < 0)
        return false;
    close(fds[0]);
    close(fds[1]);
    return true;
}

void real_daemon_run(const char *command, const char *in, bool on_terminal, struct run *ret)
{
    int out[2], err[2], input = file_of(in ? in : ""), status;
    pid_t pid;

    memset(ret, 0, sizeof *ret);
    if (on_terminal)
        ck_assert_int_eq(openpty(&out[0], &out[1], NULL, NULL, &(struct winsize){24, 200, 0, 0}),
                         0);
    else
        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    pid = spawn(command, input, out[1], err[1]);
    ck_assert_int_gt(pid, 0);
    close(input);
    close(out[1]);
    close(err[1]);
    collect(out[0], err[0], ret);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    close(out[0]);
    close(err[0]);
}
