#include "tests/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS_OF_MESSAGE = 8, HIGH_FD = 600 };

/* -- its life ---------------------------------------------------------------------------------- */

static const char *path_in(const struct manager *m, const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    return path;
}

void manager_init(struct manager *m, size_t n_most)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    *m = (struct manager){.n_most = n_most, .pidfd = -1, .dir = "/tmp/berth-keep-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(m->dir));
    ck_assert_int_eq(chmod(m->dir, 0755), 0);
    snprintf(m->path, sizeof m->path, "%s/berth.sock", m->dir);
    snprintf(m->notify, sizeof m->notify, "%s/notify", m->dir);
    m->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(un.sun_path, sizeof un.sun_path, "%s", m->notify);
    ck_assert_int_eq(bind(m->notify_fd, (void *)&un, sizeof un), 0);
    manager_set_config(m, "");
}

static void check_log(const struct manager *m)
{
    const char *log = manager_log(m);

    ck_assert_msg(!strstr(log, "Sanitizer") && !strstr(log, "runtime error"), "%s", log);
}

void manager_done(struct manager *m)
{
    static const char *const files[] = {
        "berth.sock", "berth.sock.lock",     "berth.sock.state", "berthd.conf", "notify",
        "log",        "berth.sock.state.new"};

    if (m->pid)
        manager_stop(m);
    check_log(m);
    manager_empty_store(m);
    for (size_t i = 0; i < m->n_units; i++)
        close(m->units[i].fd);
    close(m->notify_fd);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(path_in(m, files[i]));
    ck_assert_int_eq(rmdir(m->dir), 0);
}

void manager_set_config(struct manager *m, const char *text)
{
    FILE *f = fopen(path_in(m, "berthd.conf"), "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

const char *manager_log(const struct manager *m)
{
    static char text[256 << 10];
    int fd = open(path_in(m, "log"), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* -- the store --------------------------------------------------------------------------------- */

static void drop(struct manager *m, size_t i)
{
    close(m->store[i].fd);
    m->store[i] = m->store[--m->n_store];
}

void manager_empty_store(struct manager *m)
{
    while (m->n_store)
        drop(m, 0);
}

void manager_swap(struct manager *m, size_t i, size_t j)
{
    int fd = m->store[i].fd;

    ck_assert_uint_lt(i, m->n_store);
    ck_assert_uint_lt(j, m->n_store);
    m->store[i].fd = m->store[j].fd;
    m->store[j].fd = fd;
}

bool manager_has(const struct manager *m, const char *name)
{
    for (size_t i = 0; i < m->n_store; i++)
        if (strcmp(m->store[i].name, name) == 0)
            return true;
    return false;
}

static void set_entry(struct manager_fd *entry, const char *name, int fd)
{
    entry->fd = fd;
    snprintf(entry->name, sizeof entry->name, "%s", name);
}

void manager_put(struct manager *m, const char *name, int fd)
{
    ck_assert_uint_lt(m->n_store, MANAGER_ROOM);
    set_entry(&m->store[m->n_store++], name, fd);
}

void manager_add_unit(struct manager *m, const char *name, int fd)
{
    ck_assert_uint_lt(m->n_units, MANAGER_UNITS);
    set_entry(&m->units[m->n_units++], name, fd);
}

static bool is_kept_already(const struct manager *m, int fd)
{
    struct stat a, b;

    ck_assert_int_eq(fstat(fd, &a), 0);
    for (size_t i = 0; i < m->n_store; i++)
        if (fstat(m->store[i].fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
            return true;
    return false;
}

/* systemd drops at once what polls as hung up, unless it is told not to look. */
static bool is_hung_up(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void keep(struct manager *m, const char *name, bool polls, int fd)
{
    bool is_full = m->n_store == m->n_most;

    m->n_over += is_full;
    if (is_full || is_kept_already(m, fd) || (polls && is_hung_up(fd)))
        close(fd);
    else
        manager_put(m, *name ? name : "stored", fd);
}

static void forget(struct manager *m, const char *name)
{
    for (size_t i = m->n_store; i-- > 0;)
        if (strcmp(m->store[i].name, name) == 0)
            drop(m, i);
}

/* -- messages ---------------------------------------------------------------------------------- */

/* The value of a line "KEY=…" of the message, "" where there is none. */
static const char *value_of(const char *message, const char *key)
{
    static char value[512];
    size_t n = strlen(key);

    for (const char *at = message; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, key, n) == 0 && at[n] == '=') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at + n + 1, "\n"), at + n + 1);
            return value;
        }
    return "";
}

static bool says(const char *message, const char *key)
{
    return strcmp(value_of(message, key), "1") == 0;
}

static void obey(struct manager *m, const char *message, int *fds, size_t n_fds)
{
    bool polls = strcmp(value_of(message, "FDPOLL"), "0") != 0;

    m->n_ready += says(message, "READY");
    m->n_reloading += says(message, "RELOADING");
    m->n_stopping += says(message, "STOPPING");
    m->n_fed += says(message, "WATCHDOG");
    m->n_barriers += says(message, "BARRIER");
    if (*value_of(message, "STATUS"))
        snprintf(m->status, sizeof m->status, "%s", value_of(message, "STATUS"));
    if (says(message, "FDSTOREREMOVE"))
        forget(m, value_of(message, "FDNAME"));
    for (size_t i = 0; i < n_fds; i++)
        if (says(message, "FDSTORE"))
            keep(m, value_of(message, "FDNAME"), polls, fds[i]);
        else
            close(fds[i]);
}

/* Takes one message in; false when there is none. */
static bool hear(struct manager *m)
{
    char text[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(FDS_OF_MESSAGE * sizeof(int))];
    } control;
    struct iovec bytes = {text, sizeof text - 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(m->notify_fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    int fds[FDS_OF_MESSAGE];
    size_t n_fds = 0;

    if (n < 0)
        return false;
    text[n] = '\0';
    if (c && c->cmsg_type == SCM_RIGHTS) {
        n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
    }
    obey(m, text, fds, n_fds);
    return true;
}

bool manager_work(struct manager *m, int fd, int msec)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                         {.fd = m->is_deaf ? -1 : m->notify_fd, .events = POLLIN}};

    ck_assert_int_ge(poll(p, 2, msec), 0);
    for (int i = 0; p[1].revents && i < 64 && hear(m); i++)
        ;
    return p[0].revents;
}

/* -- the daemon -------------------------------------------------------------------------------- */

static void set_number(const char *name, int64_t v)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)v);
    setenv(name, text, 1);
}

/* In the child: everything it is given stands from descriptor 3 on. */
static void pass(const struct manager_fd *entries, size_t n, size_t n_before, char *names)
{
    for (size_t i = 0; i < n; i++) {
        int high = fcntl(entries[i].fd, F_DUPFD, HIGH_FD);

        dup2(high, 3 + (int)(n_before + i));
        close(high);
        sprintf(names + strlen(names), "%s%s", *names ? ":" : "", entries[i].name);
    }
}

/* What stands where a descriptor is to be put is moved out of the way first. */
static void raise_all(struct manager_fd *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        entries[i].fd = fcntl(entries[i].fd, F_DUPFD_CLOEXEC, HIGH_FD);
}

static void give_fds(struct manager *m)
{
    static char names[(MANAGER_ROOM + MANAGER_UNITS) * 257];

    raise_all(m->units, m->n_units);
    raise_all(m->store, m->n_store);
    pass(m->units, m->n_units, 0, names);
    pass(m->store, m->n_store, m->n_units, names);
    if (m->n_units + m->n_store == 0)
        return;
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", (int64_t)(m->n_units + m->n_store));
    if (m->listen_fds)
        setenv("LISTEN_FDS", m->listen_fds, 1);
    setenv("LISTEN_FDNAMES", m->listen_names ? m->listen_names : names, 1);
}

static void find_daemon(char path[static PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);

    ck_assert_int_gt(n, 0);
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/../daemon/berthd");
}

static _Noreturn void become_daemon(struct manager *m, const char *program)
{
    char config[PATH_MAX];
    int log = open(path_in(m, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    snprintf(config, sizeof config, "%s", path_in(m, "berthd.conf"));
    setenv("NOTIFY_SOCKET", m->notify, 1);
    if (!m->is_old)
        set_number("FDSTORE", (int64_t)m->n_most);
    if (m->watchdog_usec) {
        set_number("WATCHDOG_USEC", m->watchdog_usec);
        set_number("WATCHDOG_PID", getpid());
    }
    give_fds(m);
    execl(program, "berthd", "--socket", m->path, "--config", config, (char *)NULL);
    _exit(127);
}

static int wait_for_end(struct manager *m)
{
    int status;

    for (int i = 0; i < MANAGER_PATIENCE_MS / 5 && !manager_work(m, m->pidfd, 5); i++)
        ;
    if (waitpid(m->pid, &status, WNOHANG) != m->pid)
        ck_abort_msg("berthd does not end");
    close(m->pidfd);
    m->pid = 0;
    m->pidfd = -1;
    while (!m->is_deaf && hear(m))
        ;
    return status;
}

bool manager_try_start(struct manager *m)
{
    char program[PATH_MAX];
    int n_ready = m->n_ready;

    find_daemon(program);
    fflush(NULL);
    m->pid = fork();
    if (m->pid == 0)
        become_daemon(m, program);
    ck_assert_int_gt(m->pid, 0);
    m->pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
    for (int i = 0; i < MANAGER_PATIENCE_MS / 5; i++) {
        if (m->n_ready > n_ready)
            return true;
        if (manager_work(m, m->pidfd, 5)) {
            wait_for_end(m);
            return false;
        }
    }
    ck_abort_msg("berthd does not become ready: %s", manager_log(m));
    return false;
}

void manager_start(struct manager *m)
{
    ck_assert_msg(manager_try_start(m), "berthd does not start: %s", manager_log(m));
}

void manager_stop(struct manager *m)
{
    int status;

    kill(m->pid, SIGTERM);
    status = wait_for_end(m);
    ck_assert_msg(status == 0, "it ended with status %x: %s", (unsigned)status, manager_log(m));
}

void manager_kill(struct manager *m)
{
    int status;

    kill(m->pid, SIGKILL);
    status = wait_for_end(m);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it had ended before: %s",
                  manager_log(m));
}

void manager_restart(struct manager *m, bool hard)
{
    if (hard)
        manager_kill(m);
    else
        manager_stop(m);
    manager_start(m);
}
