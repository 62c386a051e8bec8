/* check_linger.c — a socket that lingers when it is closed holds up nobody but whoever let it
 * linger. The kernel closes it in the daemon's own system calls when it came to the daemon in a
 * message and is taken by nobody. The real daemon: it is its loop that must go on. */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "real_daemon.h"

/* Whoever waits for an answer gives up long before the sockets do. */
enum { LINGER_SECONDS = 60, PATIENCE_MS = 15000, MOST = 64 };

/* The other ends of the sockets that linger. */
static int peers[MOST], n_peers;
static pid_t pid; /* of the daemon */

/* -- sessions -- */

static int open_session(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s", getenv("BERTH_SOCKET"));
    ck_assert_int_eq(connect(fd, (void *)&to, sizeof to), 0);
    return fd;
}

static void say(int session, const char *line)
{
    ck_assert_int_eq(send(session, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
}

/* -- the daemon, seen from outside -- */

static void start(void)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    int session;

    real_daemon_start();
    session = open_session();
    ck_assert_int_eq(getsockopt(session, SOL_SOCKET, SO_PEERCRED, &cred, &n), 0);
    pid = cred.pid;
    close(session);
}

/* What stands behind this name in /proc/PID/status. */
static void read_status(const char *name, char *ret, size_t n_room)
{
    char path[64], line[256];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    ck_assert_ptr_nonnull(f = fopen(path, "re"));
    while (!found && fgets(line, sizeof line, f))
        if ((found = strncmp(line, name, strlen(name)) == 0))
            snprintf(ret, n_room, "%s", line + strlen(name));
    fclose(f);
    ck_assert(found);
}

/* Between the two it does nothing: neither has it closed what is sent before it is closed here, for
 * then this test would be the one that lingers. */
static void hold_daemon(void)
{
    char state[64] = "";

    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    while (!strstr(state, "T (stopped)"))
        read_status("State:", state, sizeof state);
}

static void resume_daemon(void)
{
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
}

/* Sends copies of the descriptors and closes them here. Returns as sendmsg(2). */
static ssize_t push(int to, const char *text, const int *fds, int n_fds)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * MOST)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds)};
    ssize_t r;

    control.header =
        (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)n_fds), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * (size_t)n_fds);
    r = sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (int i = 0; i < n_fds; i++)
        close(fds[i]);
    return r;
}

/* Reads a line, and the descriptor that comes with it (-1: none). Returns its bytes; 0: the end. */
static size_t hear_fd(int session, char *line, size_t n_room, int *ret_fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    size_t n = 0;

    *ret_fd = -1;
    do {
        struct pollfd p = {.fd = session, .events = POLLIN};
        struct iovec iov = {line + n, 1};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

        ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "no answer while a socket lingers");
        if (recvmsg(session, &msg, MSG_CMSG_CLOEXEC) <= 0)
            break;
        if (msg.msg_controllen)
            memcpy(ret_fd, CMSG_DATA(&control.header), sizeof *ret_fd);
    } while (line[n++] != '\n' && n < n_room - 1);
    line[n] = '\0';
    return n;
}

static const char *ask_for_fd(int session, const char *request, int *ret_fd)
{
    static char line[4096];

    say(session, request);
    ck_assert_uint_gt(hear_fd(session, line, sizeof line, ret_fd), 0);
    return line;
}

static const char *ask(int session, const char *request)
{
    int fd;
    const char *line = ask_for_fd(session, request, &fd);

    ck_assert_int_eq(fd, -1);
    return line;
}

static void expect_end(int session)
{
    char line[4096];
    int fd;

    while (hear_fd(session, line, sizeof line, &fd))
        ;
}

static void expect_others_are_served(void)
{
    int other = open_session();

    ck_assert_ptr_nonnull(strstr(ask(other, "{\"method\":\"ping\",\"id\":1}\n"), "uptime"));
    close(other);
}

/* -- sockets that linger -- */

static void fill(int fd)
{
    static const char bytes[65536];

    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    ck_assert_int_eq(errno, EAGAIN);
}

static void let_linger(int fd)
{
    const struct linger linger = {1, LINGER_SECONDS};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
}

static int listen_tcp(struct sockaddr_in *ret_at)
{
    socklen_t n = sizeof *ret_at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4096;

    *ret_at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    ck_assert_int_eq(bind(fd, (void *)ret_at, sizeof *ret_at), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (void *)ret_at, &n), 0);
    return fd;
}

/* Connected, with bytes that its peer does not read. */
static int lingering(void)
{
    struct sockaddr_in at;
    int listener = listen_tcp(&at), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (void *)&at, sizeof at), 0);
    ck_assert_int_lt(n_peers, MOST);
    peers[n_peers++] = accept(listener, NULL, NULL);
    close(listener);
    fill(fd);
    let_linger(fd);
    return fd;
}

static void push_lingering(int to)
{
    int fd = lingering();

    hold_daemon();
    ck_assert_int_eq(push(to, "x", &fd, 1), 1);
    resume_daemon();
}

static void stop(void)
{
    /* With them nothing lingers any more. */
    while (n_peers)
        close(peers[--n_peers]);
    real_daemon_stop();
}

/* -- on the control socket -- */

START_TEST(too_many_in_one_message)
{
    int session = open_session(), fds[8];

    for (int i = 0; i < 8; i++)
        fds[i] = lingering();
    hold_daemon();
    ck_assert_int_gt(push(session, "{\"method\":\"ping\",\"id\":1}\n", fds, 8), 0);
    resume_daemon();
    expect_end(session);
    expect_others_are_served();
    close(session);
}
END_TEST

START_TEST(behind_the_message_that_ended_the_session)
{
    const char *ping = "{\"method\":\"ping\",\"id\":1}\n";
    int session = open_session(), fd, n_sent = 0;

    hold_daemon();
    /* More than is drained when it is closed. */
    for (; n_sent < 110; n_sent++) {
        fd = dup(STDIN_FILENO);
        if (push(session, ping, &fd, 1) < 0)
            break;
    }
    ck_assert_int_gt(n_sent, 100);
    for (int i = 0; i < 3; i++) {
        fd = lingering();
        ck_assert_int_gt(push(session, ping, &fd, 1), 0);
    }
    resume_daemon();
    expect_end(session);
    expect_others_are_served();
    close(session);
}
END_TEST

START_TEST(from_one_that_is_turned_away)
{
    enum { SESSIONS = 128 }; /* max-sessions-per-uid */
    int sessions[SESSIONS], late, fd = lingering();

    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = open_session();
        ask(sessions[i], "{\"method\":\"ping\",\"id\":1}\n");
    }
    hold_daemon();
    late = open_session();
    ck_assert_int_eq(push(late, "x", &fd, 1), 1);
    resume_daemon();
    expect_end(late);
    ask(sessions[0], "{\"method\":\"ping\",\"id\":1}\n");
    for (int i = 0; i < SESSIONS; i++)
        close(sessions[i]);
    close(late);
}
END_TEST

/* The lowest number that the daemon has not given out is one too high. */
static rlim_t lowest_free(void)
{
    char path[64];

    for (rlim_t fd = 0;; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, (int)fd);
        if (access(path, F_OK) < 0 && readlink(path, (char[8]){0}, 8) < 0)
            return fd;
    }
}

START_TEST(no_descriptor_left)
{
    int session = open_session(), fd = lingering();
    struct rlimit before, full;
    char line[4096];

    ask(session, "{\"method\":\"ping\",\"id\":1}\n");
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
    full = (struct rlimit){lowest_free(), before.rlim_max};
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &full, NULL), 0);
    hold_daemon();
    ck_assert_int_gt(push(session, "{\"method\":\"adopt\",\"id\":1,\"fds\":1}\n", &fd, 1), 0);
    resume_daemon();
    ck_assert_uint_gt(hear_fd(session, line, sizeof line, &fd), 0);
    ck_assert_ptr_nonnull(strstr(line, "\"TRUNCATED\""));
    expect_end(session);
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &before, NULL), 0);
    expect_others_are_served();
    close(session);
}
END_TEST

/* -- on the daemon's own Unix sockets -- */

/* A pair of which one end is given to us as well. Returns the number of the other. */
static long long open_pair(int session, const char *type, int *ret_ours)
{
    char text[256];
    const char *line, *second;
    long long ends[2];

    snprintf(text, sizeof text,
             "{\"method\":\"socketpair\",\"id\":1,\"params\":{\"type\":\"%s\"}}\n", type);
    line = ask(session, text);
    ck_assert_msg(strstr(line, "\"handles\":["), "%s", line);
    ends[0] = strtoll(strstr(line, "[") + 1, (char **)&second, 10);
    ends[1] = strtoll(second + 1, NULL, 10);
    snprintf(text, sizeof text, "{\"method\":\"handoff\",\"id\":1,\"params\":{\"handle\":%lld}}\n",
             ends[0]);
    ask_for_fd(session, text, ret_ours);
    ck_assert_int_ge(*ret_ours, 0);
    return ends[1];
}

static const char *ask_of(int session, const char *method, long long handle)
{
    char text[256];

    snprintf(text, sizeof text, "{\"method\":\"%s\",\"id\":1,\"params\":{\"handle\":%lld}}\n",
             method, handle);
    return ask(session, text);
}

START_TEST(received_with_bytes)
{
    static const struct {
        const char *type, *method;
    } ways[] = {{"SOCK_STREAM", "recv"}, {"SOCK_DGRAM", "recvfrom"}, {"SOCK_SEQPACKET", "recv"}};
    int session = open_session(), ours;
    long long handle;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        handle = open_pair(session, ways[i].type, &ours);
        push_lingering(ours);
        ck_assert_ptr_nonnull(strstr(ask_of(session, ways[i].method, handle), "\"text\":\"x\""));
        close(ours);
    }
    close(session);
}
END_TEST

START_TEST(unread_at_close)
{
    int session = open_session(), ours;
    long long handle = open_pair(session, "SOCK_STREAM", &ours);

    push_lingering(ours);
    ck_assert_ptr_nonnull(strstr(ask_of(session, "close", handle), "\"closed\""));
    expect_others_are_served();
    close(ours);
    close(session);
}
END_TEST

START_TEST(in_the_queue_of_a_listener)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int session = open_session(), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[256];
    const char *line;
    int n;

    n = snprintf(to.sun_path + 1, sizeof to.sun_path - 1, "berth-check-linger-%d", (int)getpid());
    snprintf(text, sizeof text,
             "{\"method\":\"create_server\",\"id\":1,\"params\":{\"address\":{\"abstract\":"
             "\"%s\"}}}\n",
             to.sun_path + 1);
    line = ask(session, text);
    ck_assert_msg(strstr(line, "\"handle\":"), "%s", line);
    ck_assert_int_eq(
        connect(fd, (void *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)n),
        0);
    push_lingering(fd);
    line = ask_of(session, "close", strtoll(strstr(line, "\"handle\":") + 9, NULL, 10));
    ck_assert_ptr_nonnull(strstr(line, "\"closed\""));
    expect_others_are_served();
    close(fd);
    close(session);
}
END_TEST

/* The wait of each is short, and those of all of them together too. */
START_TEST(many_at_the_end_of_a_session)
{
    enum { PAIRS = 40 };
    int session = open_session(), other = open_session(), ours[PAIRS];
    const char *audit;

    for (int i = 0; i < PAIRS; i++) {
        open_pair(session, "SOCK_STREAM", &ours[i]);
        push_lingering(ours[i]);
    }
    for (int i = 0; i < PAIRS; i++)
        close(ours[i]);
    close(session);
    do
        audit = ask(other, "{\"method\":\"ledger.audit\",\"id\":1}\n");
    while (!strstr(audit, "\"live\":0,"));
    close(other);
}
END_TEST

/* -- what the daemon wanted to send -- */

START_TEST(in_a_reply_that_was_not_read)
{
    static char text[512 << 10];
    struct sockaddr_in at;
    int listener = listen_tcp(&at), session = open_session(), other = open_session(), ours;
    long long handle;

    ck_assert_int_lt(n_peers, MOST);
    snprintf(
        text, sizeof text,
        "{\"method\":\"create_connection\",\"id\":1,\"params\":{\"host\":\"127.0.0.1\",\"port\":"
        "%d}}\n",
        ntohs(at.sin_port));
    handle = strtoll(strstr(ask(session, text), "\"handle\":") + 9, NULL, 10);
    peers[n_peers++] = accept(listener, NULL, NULL);
    snprintf(text, sizeof text, "{\"method\":\"handoff\",\"id\":1,\"params\":{\"handle\":%lld}}\n",
             handle);
    ask_for_fd(session, text, &ours);
    fill(ours);
    /* The reply to the first leaves no room for the second, with its copy of the socket. */
    snprintf(text, sizeof text, "{\"method\":\"ping\",\"id\":1,\"params\":{\"echo\":\"%*s\"}}\n",
             450000, "");
    say(session, text);
    snprintf(text, sizeof text, "{\"method\":\"handoff\",\"id\":1,\"params\":{\"handle\":%lld}}\n",
             handle);
    say(session, text);
    snprintf(text, sizeof text, "{\"method\":\"release\",\"id\":1,\"params\":{\"handle\":%lld}}\n",
             handle);
    say(session, text);
    for (int i = 0; i < 10; i++) /* turns in which it may be done */
        ask(other, "{\"method\":\"ledger.audit\",\"id\":1}\n");
    let_linger(ours);
    close(ours);
    close(session);
    while (!strstr(ask(other, "{\"method\":\"ledger.audit\",\"id\":1}\n"), "\"live\":0,"))
        ;
    expect_others_are_served();
    close(listener);
    close(other);
}
END_TEST

/* -- what it costs -- */

START_TEST(an_idle_daemon_sleeps)
{
    char before[64] = "", after[64] = "-";

    expect_others_are_served();
    for (int i = 0; i < 100 && strcmp(before, after) != 0; i++) {
        read_status("voluntary_ctxt_switches:", before, sizeof before);
        poll(NULL, 0, 100);
        read_status("voluntary_ctxt_switches:", after, sizeof after);
    }
    ck_assert_str_eq(before, after);
}
END_TEST

/* -- */

static void add(Suite *s, const char *name, const TTest *test)
{
    TCase *tc = tcase_create(name);

    tcase_set_timeout(tc, LINGER_SECONDS);
    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_test(tc, test);
    suite_add_tcase(s, tc);
}

int main(void)
{
    Suite *s = suite_create("linger");
    SRunner *runner;
    int n_failed;

    add(s, "too many", too_many_in_one_message);
    add(s, "behind", behind_the_message_that_ended_the_session);
    add(s, "turned away", from_one_that_is_turned_away);
    add(s, "no descriptor", no_descriptor_left);
    add(s, "received", received_with_bytes);
    add(s, "unread", unread_at_close);
    add(s, "listener", in_the_queue_of_a_listener);
    add(s, "many", many_at_the_end_of_a_session);
    add(s, "reply", in_a_reply_that_was_not_read);
    add(s, "idle", an_idle_daemon_sleeps);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed != 0;
}
