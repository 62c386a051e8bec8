/* check_keep_bytes.c — what stands between a handle and its bytes, when the daemon ends: the socket
 * comes back without its stream, and what TLS had begun on does not come back at all. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "house.h"
#include "manager.h"

static struct manager m;

static void set_up(void)
{
    char settings[1000];

    manager_init(&m, 32);
    snprintf(settings, sizeof settings,
             "[pool a]\nusers = root\n[tls good]\ncert = %s\nkey = %s\npools = a\n",
             certificates_path("good.pem"), certificates_path("key.pem"));
    manager_set_config(&m, settings);
    manager_start(&m);
}

static void tear_down(void)
{
    manager_done(&m);
}

/* The descriptor that comes with the reply; talk knows nothing of such. */
static int descriptor_of(struct talk *t, const char *method, int64_t handle)
{
    char control[CMSG_SPACE(sizeof(int))], line[1000];
    struct iovec iov = {line, sizeof line};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd;

    talk_send(t, method, "'handle':%lld", (long long)handle);
    ck_assert(manager_work(&m, t->fd, MANAGER_PATIENCE_MS));
    ck_assert_int_gt(recvmsg(t->fd, &msg, MSG_CMSG_CLOEXEC), 0);
    ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&msg));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
    return fd;
}

static int stream_of(struct talk *t, int64_t handle)
{
    return descriptor_of(t, "stream", handle);
}

/* The whole reply to adopt with these params. */
static json_t *adopt(struct talk *t, int fd, const char *params)
{
    char control[CMSG_SPACE(sizeof fd)] = {0}, line[1000];
    int n = snprintf(line, sizeof line,
                     "{\"id\":1000,\"method\":\"adopt\",\"fds\":1,\"params\":{%s}}\n", params);
    struct iovec iov = {line, (size_t)n};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    *c = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    ck_assert_int_eq(sendmsg(t->fd, &msg, MSG_NOSIGNAL), n);
    return talk_next(t);
}

/* A connection that lasts, and the test's end of it. */
static int64_t connect_for_good(struct talk *t, const char *more, int *ret_peer)
{
    int port, listener = manager_listen(&port);
    int64_t h = talk_int(talk_ask(t, "create_connection",
                                  "'host':'127.0.0.1','port':%d,'lease':'permanent'%s", port, more),
                         "handle");

    *ret_peer = accept(listener, NULL, NULL);
    ck_assert_int_ge(*ret_peer, 0);
    close(listener);
    return h;
}

/* _i: whether it is killed. */
START_TEST(a_stream_ends_and_its_socket_does_not)
{
    struct talk t = talk_new(&m);
    int peer, fd;
    int64_t h = connect_for_good(&t, ",'survive':true", &peer);
    char room[20];

    fd = stream_of(&t, h);
    ck_assert_int_eq(send(fd, "before", 6, MSG_NOSIGNAL), 6);
    ck_assert(manager_work(&m, peer, MANAGER_PATIENCE_MS));
    ck_assert_int_eq(recv(peer, room, sizeof room, 0), 6);
    talk_end(&t);
    manager_restart(&m, _i);
    ck_assert(manager_work(&m, fd, MANAGER_PATIENCE_MS));
    ck_assert_int_le(recv(fd, room, sizeof room, 0), 0);
    close(fd);
    t = talk_new(&m);
    talk_ask(&t, "attach", "'handle':%lld", (long long)h);
    ck_assert_str_eq(talk_text(talk_ask(&t, "ledger.get", "'handle':%lld", (long long)h), "state"),
                     "connected");
    talk_ask(&t, "sendall", "'handle':%lld,'text':'after'", (long long)h);
    ck_assert_int_eq(recv(peer, room, sizeof room, 0), 5);
    fd = stream_of(&t, h);
    ck_assert_int_eq(send(fd, "again", 5, MSG_NOSIGNAL), 5);
    ck_assert(manager_work(&m, peer, MANAGER_PATIENCE_MS));
    ck_assert_int_eq(recv(peer, room, sizeof room, 0), 5);
    close(fd);
    close(peer);
    talk_ask(&t, "close", "'handle':%lld", (long long)h);
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

START_TEST(what_is_wrapped_is_not_kept)
{
    struct talk t = talk_new(&m), s;
    int64_t h, other, listener;
    char name[32];
    json_t *r;
    int peer, port;

    h = connect_for_good(&t, ",'survive':true", &peer);
    ck_assert_str_eq(talk_text(talk_fail(&t, "wrap", "'handle':%lld", (long long)h), "data.name"),
                     "CANNOT_KEEP");
    close(peer);
    s = talk_new(&m);
    r = talk_ask(&s, "create_server", "'address':['127.0.0.1',0]");
    listener = talk_int(r, "handle");
    port = (int)talk_int(r, "address.port");
    h = talk_int(
        talk_ask(&t, "create_connection", "'host':'127.0.0.1','port':%d,'lease':'permanent'", port),
        "handle");
    other = talk_int(talk_ask(&s, "accept", "'handle':%lld", (long long)listener), "handle");
    snprintf(name, sizeof name, "b%lld", (long long)h);
    manager_until(&m, manager_has(&m, name));
    talk_send(&s, "wrap", "'handle':%lld,'server_side':true,'identity':'good'", (long long)other);
    talk_ask(&t, "wrap", "'handle':%lld", (long long)h);
    talk_next(&s);
    manager_until(&m, !manager_has(&m, name));
    r = talk_ask(&t, "ledger.get", "'handle':%lld", (long long)h);
    ck_assert(!talk_is(r, "survives"));
    ck_assert_ptr_nonnull(strstr(talk_text(r, "survives_reason"), "TLS"));
    talk_end(&t);
    talk_end(&s);
    manager_restart(&m, _i);
    t = talk_new(&m);
    r = talk_ask(&t, "ledger.get", "'handle':%lld", (long long)h);
    ck_assert_str_eq(talk_text(r, "end.how"), "lost");
    talk_audit(&t);
    talk_end(&t);
}
END_TEST

static void expect_not_kept(struct talk *t, int64_t h)
{
    char name[32];

    snprintf(name, sizeof name, "b%lld", (long long)h);
    ck_assert(!talk_is(talk_ask(t, "ledger.get", "'handle':%lld", (long long)h), "survives"));
    manager_until(&m, !manager_has(&m, name));
}

/* Adopted again, and refused for a word: it is not kept either. */
START_TEST(what_is_not_adopted_is_not_kept)
{
    struct talk t = talk_new(&m);
    int64_t h = talk_int(talk_ask(&t, "socket", NOTHING), "handle");
    int fd = descriptor_of(&t, "handoff", h);
    json_t *r;

    talk_ask(&t, "socket", "'name':'taken'");
    r = adopt(&t, fd, "\"survive\":true,\"name\":\"taken\"");
    ck_assert_str_eq(talk_text(r, "error.data.name"), "NAME_TAKEN");
    expect_not_kept(&t, h);
    r = adopt(&t, fd, "\"survive\":true,\"name\":\"free\"");
    ck_assert_int_eq(talk_int(r, "result.handle"), h);
    ck_assert(talk_is(talk_ask(&t, "ledger.get", "'handle':'free'"), "survives"));
    close(fd);
    talk_end(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_bytes");
    TCase *tc = tcase_create("bytes");
    int r;

    certificates_open();
    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_stream_ends_and_its_socket_does_not, 0, 2);
    tcase_add_loop_test(tc, what_is_wrapped_is_not_kept, 0, 2);
    tcase_add_test(tc, what_is_not_adopted_is_not_kept);
    r = house_run(suite);
    certificates_close();
    return r;
}
