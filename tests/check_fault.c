/* check_fault.c — out of memory and out of descriptors: ordinary errors. Whichever allocation
 * fails, nothing crashes or leaks, no descriptor is lost, the client gets an error or the end of
 * its session, and the daemon goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/server.h"
#include "fault.h"
#include "house.h"

/* Each block of lines is sent at once. */
static const char *const script[] = {
    "{'id':1,'method':'hello','params':{'unordered':true,'label':'fault','client':'check'}}\n"
    "{'id':2,'method':'ping','params':{'echo':{'a':['\\u00e4',1.5,null]}}}\n"
    "{'id':3,'method':'no such method'}\n"
    "no json\n",
    "{'id':4,'method':'socketpair','params':{'name':'@p','label':'l','site':'s:1'}}\n"
    "{'id':5,'method':'create_server','params':{'address':['127.0.0.1',0],'name':'web','options':{'"
    "SO_KEEPALIVE':1}}}\n"
    "{'id':6,'method':'socket','params':{'type':'SOCK_DGRAM','name':'udp'}}\n"
    "{'id':7,'method':'bind','params':{'handle':'udp','address':{'host':'127.0.0.1','port':0}}}\n"
    "{'id':8,'method':'socket','params':{'name':'s'}}\n",
    "{'id':10,'method':'recv','params':{'handle':'@p','until':'\\n','timeout':100}}\n"
    "{'id':11,'method':'recv','params':{'handle':'@p','exactly':5,'timeout':100}}\n"
    "{'id':12,'method':'recv','params':{'handle':'@p','timeout':100}}\n"
    "{'id':13,'method':'accept','params':{'handle':'web','name':'@a','timeout':100}}\n"
    "{'id':14,'method':'poll','params':{'handles':[{'handle':'@p.1','events':['in']},{'handle':'"
    "udp'}],'timeout':100}}\n"
    "{'id':15,'method':'recvfrom','params':{'handle':'udp','timeout':100}}\n",
    "{'id':20,'method':'sendall','params':{'handle':'@p.1','text':'line\\nfivesand the rest'}}\n"
    "{'id':21,'method':'getaddrinfo','params':{'host':'127.0.0.1','service':80,'flags':['AI_"
    "CANONNAME']}}\n"
    "{'id':22,'method':'gethostbyname','params':{'host':'127.0.0.1'}}\n"
    "{'id':23,'method':'getnameinfo','params':{'address':['127.0.0.1',80],'flags':['NI_NUMERICHOST'"
    ",'NI_NUMERICSERV']}}\n"
    "{'id':24,'method':'inet_pton','params':{'family':'AF_INET','text':'1.2.3.4'}}\n"
    "{'id':25,'method':'if_nameindex'}\n"
    "{'id':26,'method':'getsockopt','params':{'handle':'s','option':'TCP_INFO'}}\n"
    "{'id':27,'method':'setsockopt','params':{'handle':'s','option':'SO_KEEPALIVE','value':true}}\n"
    "{'id':28,'method':'connect','params':{'handle':'s','address':['127.0.0.1',1]}}\n"
    "{'id':29,'method':'create_connection','params':{'host':'127.0.0.1','port':1}}\n",
    "[{'id':30,'method':'ping'},{'method':'ping'},{'id':31,'method':'recv','params':{'handle':'@p',"
    "'timeout':1}},"
    "{'id':32,'method':'ledger.list'},{'id':33,'method':'nonsense'}]\n"
    "{'id':34,'method':'ledger.get','params':{'handle':'web'}}\n"
    "{'id':35,'method':'ledger.list','params':{'filter':{'state':'closed'}}}\n"
    "{'id':36,'method':'cancel','params':{'id':13}}\n"
    "{'id':37,'method':'close','params':{'handle':'udp'}}\n"
    "{'id':38,'method':'join_group','params':{'handle':'udp','group':'239.1.1.1','interface':'lo'}}"
    "\n"
    "{'id':39,'method':'ledger.audit'}\n",
};

/* Bytes of a block with ' put right. */
static void send_block(int fd, const char *block)
{
    char text[4096];
    size_t n = strlen(block);

    ck_assert_uint_lt(n, sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = block[i] == '\'' ? '"' : block[i];
    (void)!send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_file(int fd)
{
    int file = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char text[] =
        "{\"id\":9,\"method\":\"sendfile\",\"fds\":1,\"params\":{\"handle\":\"@p\",\"count\":7}}\n";
    struct iovec iov = {text, sizeof text - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};

    ck_assert_int_ge(file, 0);
    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &file, sizeof file);
    (void)!sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(file);
}

/* Turns with faults on. */
static void turn(int n)
{
    fault_turn(true);
    for (; n; n--) {
        int r = server_turn(house_server(), 0);

        fault_turn(false);
        ck_assert_int_eq(r, 0);
        fault_turn(true);
    }
    fault_turn(false);
}

static void play(int fd)
{
    for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
        send_block(fd, script[i]);
        turn(4);
        if (i == 1) {
            send_file(fd);
            turn(4);
        }
    }
}

/* Every request is answered, at worst without its id; or the session has ended. A batch, which is
 * answered as one, is left out. */
static void expect_answers(struct house_client *c)
{
    static const int ids[] = {1,  2,  3,  4,  5,  6,  7,  8,  10, 11, 12, 13, 14, 15, 20,
                              21, 22, 23, 24, 25, 26, 27, 28, 29, 34, 35, 36, 37, 38, 39};
    bool seen[100] = {false};
    int n_nameless = -1; /* of "no json" */

    house_send(c, "{'id':99,'method':'ping'}");
    while (!seen[99] || (house_advance(100000000), house_is_answered(c))) {
        json_t *reply;

        /* An ordered session waits for one after the other. */
        house_until((house_advance(100000000), house_is_answered(c)));
        reply = house_next_or_end(c);
        if (!reply)
            return;
        if (!house_has(reply, "id"))
            continue; /* the batch */
        if (house_is_null(reply, "id"))
            n_nameless++;
        else
            seen[house_int(reply, "id")] = true;
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        n_nameless -= !seen[ids[i]];
    ck_assert_int_ge(n_nameless, 0);
}

/* The session goes on, or it has ended; another is served in any case. */
static void expect_service(void)
{
    struct house_client *other = house_client();

    house_do(other, "ping", "{}");
    house_do(other, "socketpair", "{'name':'@p'}");
    house_leave(other);
}

/* One session with the n-th allocation failing. Returns whether there was one. */
static bool try_session(long n)
{
    int fds[2];
    bool happened;

    house_open();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    fault_set(n);
    fault_turn(true);
    (void)!server_add_client(house_server(), fds[1]);
    fault_turn(false);
    play(fds[0]);
    happened = fault_has_happened();
    fault_set(0);
    expect_answers(house_client_of(fds[0]));
    expect_service();
    house_close();
    return happened;
}

START_TEST(whichever_allocation_fails)
{
    long n = 1;

    for (; try_session(n); n++)
        ck_assert_int_lt(n, 5000);
    ck_assert_int_gt(n, 50);
}
END_TEST

START_TEST(a_daemon_that_cannot_begin)
{
    struct config config = config_default();
    struct server_setup setup = {.core = {.config = &config, .first_handle = 1 << 25},
                                 .listen_fd = -1};
    int n_fds = house_count_fds(), n = 1;
    struct server *s;

    for (;; n++) {
        fault_set(n);
        fault_turn(true);
        s = server_new(&setup);
        fault_turn(false);
        if (!fault_has_happened())
            break;
        ck_assert_ptr_null(s);
        ck_assert_int_eq(house_count_fds(), n_fds);
    }
    ck_assert_int_gt(n, 3);
    server_free(s);
    house_await_fds(n_fds);
}
END_TEST

/* -- descriptors -- */

/* A daemon whose process has no more descriptors: it says so, and goes on when there are some. */
START_TEST(out_of_descriptors)
{
    struct rlimit limit = {160, 160};
    struct house_client *c, *other;
    json_t *reply;
    long long handles[200];
    int n = 0, n_more = 0, more[160];

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    house_open();
    c = house_client();
    other = house_client();
    while (house_has(reply = house_ask(c, "socket", "{}"), "result")) {
        ck_assert_int_lt(n, 200);
        handles[n++] = house_int(reply, "result.handle");
    }
    house_expect_error(reply, "os", "EMFILE");
    ck_assert(house_has(reply, "error.data.hint"));
    house_do(other, "ping", "{}");
    house_expect_error(house_fail(c, "socketpair", "{}"), "os", "EMFILE");
    house_expect_error(house_fail(other, "create_server", "{'address':['127.0.0.1',0]}"), "os",
                       "EMFILE");
    house_do(c, "close", "{'handle':%lld}", handles[0]);
    house_make(c, "socket", "{}");
    /* And when the process itself has none, which is not how it was planned. */
    house_do(c, "close", "{'handle':%lld}", handles[1]);
    while ((more[n_more] = dup(0)) >= 0)
        n_more++;
    house_expect_error(house_fail(c, "socket", "{}"), "os", "EMFILE");
    house_do(other, "ping", "{}");
    while (n_more)
        close(more[--n_more]);
    house_make(c, "socket", "{}");
    ck_assert_int_eq(house_int(house_do(other, "ledger.audit", "{}"), "balance"), 0);
    house_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault");
    TCase *memory = tcase_create("memory"), *fds = tcase_create("descriptors");

    if (!fault_is_possible()) {
        fputs("this program must be linked with --wrap=malloc and its like: see fault.h\n", stderr);
        return EXIT_FAILURE;
    }
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, fds);
    tcase_set_timeout(memory, 55);
    tcase_set_timeout(fds, 30);
    tcase_add_test(memory, whichever_allocation_fails);
    tcase_add_test(memory, a_daemon_that_cannot_begin);
    tcase_add_test(fds, out_of_descriptors);
    return house_run(suite);
}
