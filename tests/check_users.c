/* check_users.c — clients of several users at one daemon: what it does for one of them it does as
 * that user, and with no right of its own. The users are real to the kernel, so this needs root. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "house.h"

int server_add_client(struct server *s, int fd);

enum { ALICE = 41000, BOB = 41001, SERVICE = 41002, SHARED_GROUP = 42420 };

static const char *const for_all = "[pool a]\nusers = root, 41000, 41001, 41002\n";

static struct house_client *alice, *bob, *root;
static char folder[] = "/tmp/check_users.XXXXXX";

/* -- tools -- */

/* A pair whose ends belong to this user, who is in one further group: 0: in none. */
static void pair_of(uid_t uid, gid_t group, int fds[2])
{
    gid_t own[1] = {0};
    int n_own = getgroups(0, NULL);

    ck_assert_int_le(n_own, 1);
    n_own = getgroups(1, own);
    ck_assert_int_eq(setgroups(group != 0, &group), 0);
    ck_assert_int_eq(setegid(uid), 0);
    ck_assert_int_eq(seteuid(uid), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(setegid(0), 0);
    ck_assert_int_eq(setgroups((size_t)n_own, own), 0);
}

static struct house_client *take(const int fds[2])
{
    ck_assert_int_eq(server_add_client(house_server(), fds[1]), 0);
    return house_client_of(fds[0]);
}

static struct house_client *client_of(uid_t uid, gid_t group)
{
    int fds[2];

    pair_of(uid, group, fds);
    return take(fds);
}

static void open_with(const char *settings)
{
    house_reopen_with(settings);
    alice = client_of(ALICE, SHARED_GROUP);
    bob = client_of(BOB, 0);
    root = house_client();
}

static void make_folder(void)
{
    strcpy(strchr(folder, '.') + 1, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0777), 0);
}

/* The daemon is in a group that its clients are not in. */
static void open_all(void)
{
    gid_t group = 42421;

    ck_assert_int_eq(setgroups(1, &group), 0);
    house_open();
    open_with(for_all);
    make_folder();
}

static void remove_folder(void)
{
    static const char *const files[] = {"secret",   "open/link", "open/s", "open/new",
                                        "open/dir", "open",      "s"};
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)!remove(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

static void close_all(void)
{
    remove_folder();
    house_close();
    ck_assert_uint_eq(geteuid(), 0);
    ck_assert_int_eq(getgroups(0, NULL), 1);
}

/* The path of a file in the folder; until the next call. */
static const char *in_folder(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct sockaddr_un path_address(const char *name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    snprintf(un.sun_path, sizeof un.sun_path, "%.100s", in_folder(name));
    return un;
}

/* A socket of the test's own, which is root's and open to all. */
static int own_socket(int type, const char *name)
{
    struct sockaddr_un un = path_address(name);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    ck_assert_int_eq(chmod(un.sun_path, 0666), 0);
    if (type != SOCK_DGRAM)
        ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

static void expect_peer(int fd, uid_t uid)
{
    struct ucred cred;
    socklen_t n = sizeof cred;

    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n), 0);
    ck_assert_uint_eq(cred.uid, uid);
    ck_assert_uint_eq(cred.gid, uid);
}

static long long unix_socket(struct house_client *c, const char *type)
{
    return house_make(c, "socket", "{'family':'AF_UNIX','type':'%s'}", type);
}

/* -- who the other side sees -- */

START_TEST(a_server_sees_the_client)
{
    int listener = own_socket(SOCK_STREAM, "s"), fd;
    gid_t groups[4];
    socklen_t n = sizeof groups;

    house_do(alice, "connect", "{'handle':%lld,'address':{'path':'%s'}}",
             unix_socket(alice, "SOCK_STREAM"), in_folder("s"));
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    expect_peer(fd, ALICE);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n), 0);
    ck_assert_uint_eq(n, sizeof *groups);
    ck_assert_uint_eq(groups[0], SHARED_GROUP);
    close(fd);
    close(listener);
}
END_TEST

static void expect_server_of(const char *name, uid_t uid)
{
    struct sockaddr_un un = path_address(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    expect_peer(fd, uid);
    close(fd);
}

START_TEST(a_client_sees_whose_the_server_is)
{
    long long h = unix_socket(alice, "SOCK_STREAM");
    struct stat st;

    house_do(bob, "create_server", "{'address':{'path':'%s'}}", in_folder("s"));
    expect_server_of("s", BOB);
    ck_assert_int_eq(stat(in_folder("s"), &st), 0);
    ck_assert_uint_eq(st.st_uid, BOB);
    ck_assert_uint_eq(st.st_gid, BOB);
    house_do(alice, "bind", "{'handle':%lld,'address':{'path':'%s'}}", h, in_folder("secret"));
    house_do(alice, "listen", "{'handle':%lld}", h);
    expect_server_of("secret", ALICE);
}
END_TEST

START_TEST(a_pair_is_its_makers)
{
    long long h = house_make(alice, "socketpair", "{}");
    json_t *r = house_do(alice, "getsockopt", "{'handle':%lld,'option':'SO_PEERCRED'}", h);

    ck_assert_int_eq(house_int(r, "value.uid"), ALICE);
    ck_assert_int_eq(house_int(r, "value.gid"), ALICE);
}
END_TEST

static void expect_message_of(int fd, uid_t uid)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    char data[16];
    struct iovec iov = {data, sizeof data};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    struct ucred cred;

    ck_assert_int_eq(recvmsg(fd, &msg, MSG_DONTWAIT), 1);
    ck_assert_int_eq(control.header.cmsg_type, SCM_CREDENTIALS);
    memcpy(&cred, CMSG_DATA(&control.header), sizeof cred);
    ck_assert_uint_eq(cred.uid, uid);
    ck_assert_uint_eq(cred.gid, uid);
}

START_TEST(a_message_is_its_senders)
{
    int fd = own_socket(SOCK_DGRAM, "s"), on = 1,
        file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    long long h = unix_socket(alice, "SOCK_DGRAM"), own = unix_socket(root, "SOCK_DGRAM");
    char line[128];

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    house_do(alice, "sendto", "{'handle':%lld,'address':{'path':'%s'},'text':'x'}", h,
             in_folder("s"));
    expect_message_of(fd, ALICE);
    house_do(root, "sendto", "{'handle':%lld,'address':{'path':'%s'},'text':'x'}", own,
             in_folder("s"));
    expect_message_of(fd, 0);
    house_do(alice, "connect", "{'handle':%lld,'address':{'path':'%s'}}", h, in_folder("s"));
    house_do(alice, "send", "{'handle':%lld,'text':'x'}", h);
    expect_message_of(fd, ALICE);
    house_do(alice, "sendall", "{'handle':%lld,'text':'x'}", h);
    expect_message_of(fd, ALICE);
    snprintf(line, sizeof line,
             "{'method':'sendfile','id':7,'fds':1,'params':{'handle':%lld,'count':1}}\n", h);
    for (char *at = line; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    house_send_fds(alice, line, &file, 1);
    house_expect_id(house_next(alice), 7);
    expect_message_of(fd, ALICE);
    close(file);
    close(fd);
}
END_TEST

/* -- what paths allow -- */

static json_t *bind_in(struct house_client *c, const char *name)
{
    return house_ask(c, "bind", "{'handle':%lld,'address':{'path':'%s'}}",
                     unix_socket(c, "SOCK_STREAM"), in_folder(name));
}

static void expect_mine(json_t *reply)
{
    house_expect_error(reply, "os", "EACCES");
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.hint"), "your user"));
}

START_TEST(groups_are_the_clients)
{
    ck_assert_int_eq(mkdir(in_folder("open"), 0700), 0);
    ck_assert_int_eq(chmod(in_folder("open"), 0770), 0);
    /* The daemon's own group does not count, */
    ck_assert_int_eq(chown(in_folder("open"), 0, 42421), 0);
    expect_mine(bind_in(alice, "open/s"));
    ck_assert_int_eq(chown(in_folder("open"), 0, 0), 0);
    expect_mine(bind_in(alice, "open/s"));
    /* the client's does. */
    ck_assert_int_eq(chown(in_folder("open"), 0, SHARED_GROUP), 0);
    expect_mine(bind_in(bob, "open/s"));
    ck_assert(house_has(bind_in(alice, "open/s"), "result"));
}
END_TEST

/* -- capabilities -- */

START_TEST(options_need_the_clients_own_rights)
{
    static const char *const privileged[] = {
        "'option':'TCP_REPAIR','value':1",     "'level':'IPPROTO_TCP','number':19,'value':1",
        "'option':'SO_MARK','value':1",        "'option':'SO_RCVBUFFORCE','value':65536",
        "'option':'IP_TRANSPARENT','value':1", "'option':'IP_OPTIONS','base64':'gwcEfwAAAQA='",
    };
    long long own = house_make(root, "socket", "{}"), h = house_make(alice, "socket", "{}"),
              six = house_make(alice, "socket", "{'family':'AF_INET6','type':'SOCK_DGRAM'}");
    json_t *r;

    for (size_t i = 0; i < sizeof privileged / sizeof *privileged; i++) {
        r = house_fail(alice, "setsockopt", "{'handle':%lld,%s}", h, privileged[i]);
        house_expect_error(r, "os", "EPERM");
        ck_assert_ptr_nonnull(strstr(house_text(r, "data.hint"), "your user"));
    }
    house_expect_error(house_fail(alice, "setsockopt",
                                  "{'handle':%lld,'option':'IPV6_HOPOPTS','base64':'AAAFAgAAAQA='}",
                                  six),
                       "os", "EPERM");
    house_expect_error(house_fail(alice, "socket", "{'options':{'TCP_REPAIR':1}}"), "os", "EPERM");
    house_do(alice, "setsockopt", "{'handle':%lld,'option':'TCP_NODELAY','value':true}", h);
    house_do(root, "setsockopt", "{'handle':%lld,'option':'SO_MARK','value':1}", own);
}
END_TEST

START_TEST(a_low_port_is_the_daemons_to_give)
{
    json_t *r = house_ask(alice, "create_server", "{'address':['127.77.41.1',901]}");

    ck_assert(house_has(r, "result"));
    house_expect_error(
        house_fail(bob, "create_server", "{'address':['127.77.41.1',901],'reuse_port':true}"), "os",
        "EADDRINUSE");
}
END_TEST

/* -- policy between users -- */

START_TEST(raw_sockets_have_to_be_named)
{
    const char *raw = "{'type':'SOCK_RAW','protocol':'IPPROTO_ICMP'}";
    json_t *r = house_fail(alice, "socket", "%s", raw);

    house_expect_error(r, "policy", "DENIED");
    ck_assert_str_eq(house_text(r, "data.rule"), "no key types: all but SOCK_RAW");
    ck_assert_str_eq(house_text(r, "data.hint"), "types would have to name SOCK_RAW");
    r = house_do(alice, "why", "{'method':'socket','type':'SOCK_RAW'}");
    ck_assert(!house_bool(r, "allowed"));
    ck_assert(
        house_bool(house_do(root, "why", "{'method':'socket','type':'SOCK_RAW'}"), "allowed"));
    house_do(root, "socket", "%s", raw);
    house_reload("[pool a]\nusers = root, 41000, 41001, 41002\ntypes = SOCK_RAW\n");
    house_do(alice, "socket", "%s", raw);
}
END_TEST

/* -- where a path leads -- */

/* `open` may be connected to and bound in; `open/link` leads out of it, to `secret`. */
static void open_with_a_link(void)
{
    char settings[512], path[128];

    snprintf(settings, sizeof settings,
             "[pool a]\nusers = root, 41000, 41001, 41002\nconnect = unix:%s/open/*\n"
             "bind = unix:%s/open/*, unix:%s/open/dir/*\n",
             folder, folder, folder);
    house_reload(settings);
    ck_assert_int_eq(mkdir(in_folder("open"), 0700), 0);
    ck_assert_int_eq(chmod(in_folder("open"), 0777), 0);
    snprintf(path, sizeof path, "%s/secret", folder);
    ck_assert_int_eq(symlink(path, in_folder("open/link")), 0);
    ck_assert_int_eq(symlink(folder, in_folder("open/dir")), 0);
}

static void expect_denied(json_t *reply, const char *real)
{
    house_expect_error(reply, "policy", "DENIED");
    ck_assert_ptr_nonnull(strstr(house_text(reply, "error.data.hint"), real));
}

START_TEST(a_link_is_no_way_around_connect)
{
    int secret, fd;
    long long h = unix_socket(alice, "SOCK_STREAM");
    json_t *r;

    open_with_a_link();
    secret = own_socket(SOCK_STREAM, "secret");
    fd = own_socket(SOCK_STREAM, "open/s");
    expect_denied(house_ask(alice, "connect", "{'handle':%lld,'address':{'path':'%s'}}", h,
                            in_folder("open/link")),
                  "/secret");
    expect_denied(house_ask(root, "connect", "{'handle':%lld,'address':{'path':'%s'}}",
                            unix_socket(root, "SOCK_STREAM"), in_folder("open/link")),
                  "/secret");
    house_expect_error(house_ask(alice, "connect", "{'handle':%lld,'address':{'path':'%s'}}", h,
                                 in_folder("open/none")),
                       "os", "ENOENT");
    r = house_do(alice, "connect", "{'handle':%lld,'address':{'path':'%s'}}", h,
                 in_folder("open/s"));
    ck_assert_str_eq(house_text(r, "peer.path"), in_folder("open/s"));
    close(fd);
    close(secret);
}
END_TEST

START_TEST(a_link_is_no_way_around_sendto)
{
    int secret;
    long long h = unix_socket(alice, "SOCK_DGRAM");

    open_with_a_link();
    secret = own_socket(SOCK_DGRAM, "secret");
    expect_denied(house_ask(alice, "sendto", "{'handle':%lld,'address':{'path':'%s'},'text':'x'}",
                            h, in_folder("open/link")),
                  "/secret");
    ck_assert_int_eq(recv(secret, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    close(secret);
}
END_TEST

START_TEST(a_link_is_no_way_around_bind)
{
    json_t *r;

    open_with_a_link();
    expect_denied(bind_in(alice, "open/dir/new"), "/new");
    expect_denied(
        house_ask(alice, "create_server", "{'address':{'path':'%s'}}", in_folder("open/dir/new")),
        "/new");
    ck_assert_int_eq(access(in_folder("new"), F_OK), -1);
    r = bind_in(alice, "open/new");
    ck_assert_str_eq(house_text(r, "result.address.path"), in_folder("open/new"));
}
END_TEST

/* -- a daemon that may not act as others -- */

/* Alice's daemon, whose users are Alice and Bob. */
static void open_as_alice(void)
{
    int fds[2][2];

    house_open();
    pair_of(ALICE, 0, fds[0]);
    pair_of(BOB, 0, fds[1]);
    ck_assert_int_eq(setgroups(0, NULL), 0);
    ck_assert_int_eq(setresgid(ALICE, ALICE, ALICE), 0);
    ck_assert_int_eq(setresuid(ALICE, ALICE, ALICE), 0);
    house_reopen_with(for_all);
    alice = take(fds[0]);
    bob = take(fds[1]);
}

static long long reusing(struct house_client *c, bool at_once)
{
    return house_make(c, "socket", "{'options':{'SO_REUSEADDR':true,'SO_REUSEPORT':%s}}",
                      at_once ? "true" : "false");
}

/* -- a daemon of an ordinary user with some of root's rights -- */

static struct __user_cap_data_struct capabilities[2];

static void read_capabilities(struct __user_cap_data_struct ret[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    ck_assert_int_eq((int)syscall(SYS_capget, &header, ret), 0);
}

static void open_as_service(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const uint32_t kept = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_NET_BIND_SERVICE |
                          1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW | 1u << CAP_DAC_OVERRIDE |
                          1u << CAP_FOWNER | 1u << CAP_CHOWN;
    gid_t group = 42421;
    int fds[3][2];

    house_open();
    pair_of(ALICE, SHARED_GROUP, fds[0]);
    pair_of(BOB, 0, fds[1]);
    pair_of(0, 0, fds[2]);
    make_folder();
    ck_assert_int_eq(setgroups(1, &group), 0);
    ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1), 0);
    ck_assert_int_eq(setresgid(SERVICE, SERVICE, SERVICE), 0);
    ck_assert_int_eq(setresuid(SERVICE, SERVICE, SERVICE), 0);
    capabilities[0] = (struct __user_cap_data_struct){kept, kept, 0};
    ck_assert_int_eq((int)syscall(SYS_capset, &header, capabilities), 0);
    read_capabilities(capabilities);
    house_reopen_with(for_all);
    alice = take(fds[0]);
    bob = take(fds[1]);
    root = take(fds[2]);
}

static void close_as_service(void)
{
    struct __user_cap_data_struct now[2];
    gid_t group = 0;

    remove_folder();
    house_close();
    read_capabilities(now);
    ck_assert_mem_eq(now, capabilities, sizeof now);
    ck_assert_uint_eq(geteuid(), SERVICE);
    ck_assert_uint_eq(getegid(), SERVICE);
    ck_assert_uint_eq((uid_t)setfsuid((uid_t)-1), SERVICE);
    ck_assert_int_eq(getgroups(1, &group), 1);
    ck_assert_uint_eq(group, 42421);
}

START_TEST(a_port_is_not_shared_even_so)
{
    json_t *r = house_do(bob, "create_server", "{'address':['127.0.0.1',0],'reuse_port':true}");
    int port = (int)house_int(r, "address.port");

    r = house_fail(alice, "create_server", "{'address':['127.0.0.1',%d],'reuse_port':true}", port);
    house_expect_error(r, "os", "EADDRINUSE");
    ck_assert_ptr_nonnull(strstr(house_text(r, "data.hint"), "two users"));
    house_expect_error(
        house_fail(alice, "create_server", "{'address':['0.0.0.0',%d],'reuse_port':true}", port),
        "os", "EADDRINUSE");
    house_expect_error(house_fail(alice, "create_server",
                                  "{'address':['',%d],'dualstack':true,'reuse_port':true}", port),
                       "os", "EADDRINUSE");
    house_expect_error(house_fail(alice, "bind", "{'handle':%lld,'address':['127.0.0.1',%d]}",
                                  reusing(alice, true), port),
                       "os", "EADDRINUSE");
    house_do(bob, "create_server", "{'address':['127.0.0.1',%d],'reuse_port':true}", port);
}
END_TEST

START_TEST(nor_by_an_option_that_comes_late)
{
    long long hers = reusing(alice, false), his = reusing(bob, false);
    json_t *r = house_do(alice, "bind", "{'handle':%lld,'address':['127.0.0.1',0]}", hers);

    house_do(bob, "bind", "{'handle':%lld,'address':['127.0.0.1',%d]}", his,
             (int)house_int(r, "address.port"));
    house_do(alice, "setsockopt", "{'handle':%lld,'option':'SO_REUSEPORT','value':true}", hers);
    house_do(bob, "setsockopt", "{'handle':%lld,'option':'SO_REUSEPORT','value':true}", his);
    house_expect_error(house_fail(bob, "listen", "{'handle':%lld}", his), "os", "EADDRINUSE");
}
END_TEST

START_TEST(nobody_else_is_the_daemons_user)
{
    json_t *r = house_fail(bob, "socket", "{'family':'AF_UNIX'}");

    house_expect_error(r, "os", "EPERM");
    ck_assert_ptr_nonnull(strstr(house_text(r, "data.hint"), "CAP_SETUID"));
    house_expect_error(house_fail(bob, "socketpair", "{}"), "os", "EPERM");
    house_do(alice, "socketpair", "{}");
    house_do(bob, "socket", "{'options':{'SO_KEEPALIVE':true}}");
}
END_TEST

static void add_all(TCase *tc)
{
    tcase_add_test(tc, a_server_sees_the_client);
    tcase_add_test(tc, a_client_sees_whose_the_server_is);
    tcase_add_test(tc, a_pair_is_its_makers);
    tcase_add_test(tc, a_message_is_its_senders);
    tcase_add_test(tc, groups_are_the_clients);
    tcase_add_test(tc, options_need_the_clients_own_rights);
    tcase_add_test(tc, a_low_port_is_the_daemons_to_give);
    tcase_add_test(tc, raw_sockets_have_to_be_named);
    tcase_add_test(tc, a_link_is_no_way_around_connect);
    tcase_add_test(tc, a_link_is_no_way_around_sendto);
    tcase_add_test(tc, a_link_is_no_way_around_bind);
}

int main(void)
{
    Suite *suite;
    TCase *tc;

    if (geteuid() != 0 || setgroups(0, NULL) < 0) {
        puts("skipped: other users need root");
        return 77;
    }
    suite = suite_create("users");
    tc = tcase_create("root's daemon");
    tcase_add_checked_fixture(tc, open_all, close_all);
    add_all(tc);
    suite_add_tcase(suite, tc);
    tc = tcase_create("a service");
    tcase_add_checked_fixture(tc, open_as_service, close_as_service);
    add_all(tc);
    suite_add_tcase(suite, tc);
    tc = tcase_create("a user's daemon");
    tcase_add_checked_fixture(tc, open_as_alice, house_close);
    tcase_add_test(tc, a_port_is_not_shared_even_so);
    tcase_add_test(tc, nor_by_an_option_that_comes_late);
    tcase_add_test(tc, nobody_else_is_the_daemons_user);
    suite_add_tcase(suite, tc);
    return house_run(suite);
}
