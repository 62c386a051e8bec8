/* check_handoff.c — hand-offs between real processes: clients that die in between, that have no
 * room for a descriptor, that read nothing; and a daemon that is restarted. A stand-in for the
 * service manager keeps the descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    manager_init(&m, 32);
    manager_start(&m);
}

static void tear_down(void)
{
    manager_done(&m);
}

/* -- a client that is nothing but system calls -- */

struct raw {
    int fd;
    bool was_truncated;
    int n_fds, fds[8];
};

static struct raw raw_new(void)
{
    struct raw r = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    snprintf(un.sun_path, sizeof un.sun_path, "%s", m.path);
    ck_assert_int_eq(connect(r.fd, (void *)&un, sizeof un), 0);
    return r;
}

static void raw_send(struct raw *r, int fd, const char *format, long long value)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    char line[512];
    struct iovec iov = {line, (size_t)snprintf(line, sizeof line, format, value)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    for (char *at = line; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    line[iov.iov_len++] = '\n';
    memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
    if (fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
    }
    ck_assert_int_eq(sendmsg(r->fd, &msg, MSG_NOSIGNAL), (ssize_t)iov.iov_len);
}

/* One reply; the caller's. */
static json_t *raw_next(struct raw *r)
{
    char line[16384];
    size_t n = 0;
    json_t *reply;

    while (n == 0 || line[n - 1] != '\n') {
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(sizeof(int) * 4)];
        } control;
        struct iovec iov = {line + n, 1}; /* so that nothing of the next is taken */
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
        ssize_t got;

        ck_assert_uint_lt(n, sizeof line - 8);
        for (int tries = MANAGER_PATIENCE_MS / 5; !manager_work(&m, r->fd, 5); tries--)
            ck_assert_msg(tries > 0, "no answer: %s", manager_log(&m));
        got = recvmsg(r->fd, &msg, MSG_CMSG_CLOEXEC);
        ck_assert_int_gt(got, 0);
        n += (size_t)got;
        r->was_truncated |= (msg.msg_flags & MSG_CTRUNC) != 0;
        if (CMSG_FIRSTHDR(&msg))
            memcpy(&r->fds[r->n_fds++], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
    }
    reply = json_loadb(line, n, 0, NULL);
    ck_assert_ptr_nonnull(reply);
    return reply;
}

static long long raw_int(struct raw *r, const char *path)
{
    json_t *reply = raw_next(r);
    long long v = talk_int(reply, path);

    json_decref(reply);
    return v;
}

/* A listener's handle, and its port. */
static long long raw_listen(struct raw *r, const char *more, int *ret_port)
{
    char line[256];
    json_t *reply;
    long long handle;

    snprintf(line, sizeof line,
             "{'id':1,'method':'create_server','params':{'address':['127.0.0.1',0]%s}}", more);
    raw_send(r, -1, line, 0);
    reply = raw_next(r);
    *ret_port = (int)talk_int(reply, "result.address.port");
    handle = talk_int(reply, "result.handle");
    json_decref(reply);
    return handle;
}

static int raw_hand_off(struct raw *r, long long handle)
{
    raw_send(r, -1, "{'id':1,'method':'handoff','params':{'handle':%lld}}", handle);
    ck_assert_int_eq(raw_int(r, "fds"), 1);
    ck_assert_int_eq(r->n_fds, 1);
    r->n_fds = 0;
    return r->fds[0];
}

static void raw_release(struct raw *r, long long handle)
{
    raw_send(r, -1, "{'id':1,'method':'release','params':{'handle':%lld}}", handle);
    ck_assert_int_eq(raw_int(r, "result.handle"), handle);
}

static void expect_law(struct talk *t, int opened, int live)
{
    json_t *audit = talk_ask(t, "ledger.audit", NOTHING);

    ck_assert_int_eq(talk_int(audit, "balance"), 0);
    ck_assert_int_eq(talk_int(audit, "opened"), opened);
    ck_assert_int_eq(talk_int(audit, "live"), live);
}

static bool has_ended(struct talk *t, long long handle)
{
    return json_object_get(talk_ask(t, "ledger.get", "'handle':%lld", handle), "end") != NULL;
}

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (void *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Whether whoever connects to the port comes out here. */
static void expect_listening(int fd, int port)
{
    int peer = connect_to(port), ours;

    ck_assert_int_ge(peer, 0);
    ck_assert(manager_work(&m, fd, MANAGER_PATIENCE_MS));
    ours = accept(fd, NULL, NULL);
    ck_assert_int_ge(ours, 0);
    close(ours);
    close(peer);
}

/* -- deaths -- */

enum moment { BEFORE_READING, AFTER_HANDOFF, BEFORE_ANSWER, AFTER_RELEASE, N_MOMENTS };

/* A client that kills itself; it tells its handle and port before. */
static void die_at(enum moment moment, int report)
{
    struct raw r = raw_new();
    int port;
    long long told[2] = {raw_listen(&r, "", &port), port};

    if (write(report, told, sizeof told) != sizeof told)
        _exit(1);
    raw_send(&r, -1, "{'id':1,'method':'handoff','params':{'handle':%lld}}", told[0]);
    if (moment > BEFORE_READING)
        json_decref(raw_next(&r));
    if (moment > AFTER_HANDOFF)
        raw_send(&r, -1, "{'id':1,'method':'release','params':{'handle':%lld}}", told[0]);
    if (moment > BEFORE_ANSWER)
        json_decref(raw_next(&r));
    kill(getpid(), SIGKILL);
}

/* Whatever it had got, the socket is nobody's then, and the ledger knows how. */
START_TEST(a_client_that_is_killed)
{
    enum moment moment = (enum moment)_i;
    struct talk t = talk_new(&m);
    const char *how;
    long long told[2];
    int report[2];
    pid_t pid;

    ck_assert_int_eq(pipe2(report, O_CLOEXEC), 0);
    if ((pid = fork()) == 0)
        die_at(moment, report[1]);
    close(report[1]);
    ck_assert_int_eq(read(report[0], told, sizeof told), sizeof told);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    manager_until(&m, has_ended(&t, told[0]));
    how = talk_text(talk_ask(&t, "ledger.get", "'handle':%lld", told[0]), "end.how");
    if (moment < BEFORE_ANSWER)
        ck_assert_str_eq(how, "reclaimed");
    else if (moment > BEFORE_ANSWER)
        ck_assert_str_eq(how, "handed_off");
    else
        ck_assert(strcmp(how, "reclaimed") == 0 || strcmp(how, "handed_off") == 0);
    if (moment == AFTER_RELEASE)
        manager_until(&m, !talk_is(talk_ask(&t, "ledger.get", "'handle':%lld", told[0]), "alive"));
    manager_until(&m, connect_to((int)told[1]) < 0);
    expect_law(&t, 1, 0);
    close(report[0]);
    talk_end(&t);
}
END_TEST

/* -- no room -- */

/* The descriptor is lost on its last inch; the socket is not. */
START_TEST(a_client_without_room)
{
    struct talk t = talk_new(&m);
    struct raw r = raw_new();
    struct rlimit limit, none;
    json_t *row;
    int port, fd;
    long long h = raw_listen(&r, "", &port);

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    raw_send(&r, -1, "{'id':1,'method':'handoff','params':{'handle':%lld}}", h);
    /* No manager_work here: it needs descriptors itself. */
    for (char byte = 0; byte != '\n';) {
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = {&byte, 1};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

        ck_assert_int_eq(recvmsg(r.fd, &msg, 0), 1);
        r.was_truncated |= (msg.msg_flags & MSG_CTRUNC) != 0;
        ck_assert_ptr_null(CMSG_FIRSTHDR(&msg));
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(r.was_truncated);
    row = talk_ask(&t, "ledger.get", "'handle':%lld", h);
    ck_assert_str_eq(talk_text(row, "custody"), "shared");
    ck_assert_ptr_null(json_object_get(row, "end"));
    expect_law(&t, 1, 1);
    fd = raw_hand_off(&r, h);
    raw_release(&r, h);
    expect_listening(fd, port);
    expect_law(&t, 1, 0);
    close(fd);
    close(r.fd);
    talk_end(&t);
}
END_TEST

/* -- restarts -- */

/* _i: whether it is killed. */
START_TEST(a_shared_one_comes_back_shared)
{
    struct raw r = raw_new();
    struct talk t;
    int port, fd;
    long long h = raw_listen(&r, ",'name':'web','lease':'permanent'", &port);
    json_t *row;

    fd = raw_hand_off(&r, h);
    manager_restart(&m, _i);
    t = talk_new(&m);
    row = talk_ask(&t, "ledger.get", "'handle':'web'");
    ck_assert_str_eq(talk_text(row, "custody"), "shared");
    ck_assert(talk_is(row, "advisory"));
    ck_assert(talk_is(row, "survives"));
    expect_listening(fd, port);
    expect_law(&t, 1, 1);
    /* What was shared before may be released after, also while its session has not come back; the
     * manager's copy goes as well. */
    talk_ask(&t, "release", "'handle':'web'");
    manager_until(&m, m.n_store == 0);
    expect_listening(fd, port);
    close(fd);
    manager_until(&m, connect_to(port) < 0);
    close(r.fd);
    talk_end(&t);
}
END_TEST

/* It is counted, and forgotten: when it comes it is a new one. */
START_TEST(a_released_one_is_a_number)
{
    struct raw r = raw_new();
    struct talk t;
    int port, fd;
    long long h = raw_listen(&r, ",'lease':'permanent'", &port);
    json_t *reply;

    fd = raw_hand_off(&r, h);
    raw_release(&r, h);
    close(r.fd);
    manager_restart(&m, _i);
    ck_assert_uint_eq(m.n_store, 0);
    t = talk_new(&m);
    reply = talk_ask(&t, "ledger.audit", NOTHING);
    ck_assert_int_eq(talk_int(reply, "handed_off"), 1);
    r = raw_new();
    raw_send(&r, fd, "{'id':1,'method':'adopt','fds':1}", 0);
    reply = raw_next(&r);
    ck_assert(!talk_is(reply, "result.known"));
    ck_assert_int_gt(talk_int(reply, "result.handle"), h);
    json_decref(reply);
    expect_law(&t, 2, 1);
    expect_listening(fd, port);
    close(fd);
    close(r.fd);
    talk_end(&t);
}
END_TEST

/* The session ends without a word to the connection that others have too. */
START_TEST(a_kept_one_that_is_reclaimed)
{
    struct raw r = raw_new();
    struct talk t = talk_new(&m);
    int port, fd;
    long long h = raw_listen(&r, "", &port);

    fd = raw_hand_off(&r, h);
    ck_assert_uint_eq(m.n_store, 1);
    close(r.fd);
    manager_until(&m, has_ended(&t, h));
    manager_until(&m, m.n_store == 0);
    expect_listening(fd, port);
    expect_law(&t, 1, 0);
    close(fd);
    talk_end(&t);
}
END_TEST

/* The daemon would hold the client's end of its own session, and never see it end. */
START_TEST(a_session_is_not_adopted)
{
    struct raw r = raw_new(), other = raw_new();
    struct talk t = talk_new(&m);
    json_t *reply;
    int port;
    long long h = raw_listen(&r, "", &port);

    for (int i = 0; i < 2; i++) {
        raw_send(&r, i ? other.fd : r.fd, "{'id':1,'method':'adopt','fds':1}", 0);
        reply = raw_next(&r);
        ck_assert_str_eq(talk_text(reply, "error.data.kind"), "fd");
        ck_assert_str_eq(talk_text(reply, "error.data.name"), "CONTROL");
        json_decref(reply);
    }
    close(r.fd);
    manager_until(&m, has_ended(&t, h));
    expect_law(&t, 1, 0);
    close(other.fd);
    talk_end(&t);
}
END_TEST

/* Whether the cancel came in time. */
static bool cancel_release(struct raw *r, long long handle)
{
    bool is_cancelled = false;

    raw_send(r, -1, "{'id':8,'method':'release','params':{'handle':%lld}}", handle);
    raw_send(r, -1, "{'id':9,'method':'cancel','params':{'id':8}}", 0);
    for (int i = 0; i < 2; i++) {
        json_t *reply = raw_next(r);

        is_cancelled |= json_object_get(reply, "error") != NULL;
        json_decref(reply);
    }
    return is_cancelled;
}

/* The manager was to let go of it already, and has to take it again. */
START_TEST(a_release_that_is_cancelled)
{
    struct raw r = raw_new();
    struct talk t = talk_new(&m);
    long long h = 0;
    int port, tries = 0;
    bool is_cancelled = false;

    raw_send(&r, -1, "{'id':1,'method':'hello','params':{'unordered':true}}", 0);
    json_decref(raw_next(&r));
    while (!is_cancelled && tries++ < 20) {
        h = raw_listen(&r, ",'lease':'permanent','survive':true", &port);
        close(raw_hand_off(&r, h));
        is_cancelled = cancel_release(&r, h);
    }
    ck_assert(is_cancelled);
    manager_until(&m, talk_is(talk_ask(&t, "ledger.get", "'handle':%lld", h), "survives"));
    close(r.fd);
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handoff");
    TCase *tc = tcase_create("handoff");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 50);
    tcase_add_loop_test(tc, a_client_that_is_killed, 0, N_MOMENTS);
    tcase_add_test(tc, a_client_without_room);
    tcase_add_loop_test(tc, a_shared_one_comes_back_shared, 0, 2);
    tcase_add_loop_test(tc, a_released_one_is_a_number, 0, 2);
    tcase_add_test(tc, a_kept_one_that_is_reclaimed);
    tcase_add_test(tc, a_session_is_not_adopted);
    tcase_add_test(tc, a_release_that_is_cancelled);
    suite_add_tcase(suite, tc);
    return house_run(suite);
}
