/* check_keep_load.c — a daemon that is killed at random moments, under load: what its clients were
 * told is true of the next one. Each round a few children make, use and close sockets that survive,
 * and write down what they are told; then the daemon is killed, and the next one is held to it.
 *
 * 15 rounds, 200 with BERTH_FULL=1. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
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

#include "dice.h"
#include "house.h"
#include "manager.h"

enum { CHILDREN = 3, NAMES = 12, MOMENT_USEC = 40000 };

/* What is known of a name. */
enum fate {
    FREE,    /* it does not exist: it was never made, or its close was answered */
    UNSURE,  /* asked for, and not answered yet */
    IS_KEPT, /* it was answered that it is there */
};

struct known {
    enum fate fate;
    int64_t handle;
};

/* Shared by all processes. */
static struct book {
    struct known names[CHILDREN][NAMES];
    int64_t highest[CHILDREN]; /* number that was ever answered */
    int64_t n_answers;
} * book;

static struct manager m;
static struct dice dice;

static void set_up(void)
{
    book = mmap(NULL, sizeof *book, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(book != MAP_FAILED);
    manager_init(&m, CHILDREN * NAMES * 3);
    dice = dice_new();
}

static void tear_down(void)
{
    manager_done(&m);
    munmap(book, sizeof *book);
}

/* -- a child ----------------------------------------------------------------------------------- */

static int connect_here(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", m.path);
    if (connect(fd, (void *)&un, sizeof un) < 0)
        _exit(0);
    return fd;
}

/* The reply; the child ends when the daemon does. The caller's. */
static json_t *exchange(int fd, const char *format, ...)
{
    char line[1024], reply[8192];
    size_t got = 0;
    va_list values;
    ssize_t n;

    va_start(values, format);
    n = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    for (char *at = line; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        _exit(0);
    while (!got || reply[got - 1] != '\n') {
        n = recv(fd, reply + got, sizeof reply - got, 0);
        if (n <= 0)
            _exit(0);
        got += (size_t)n;
    }
    return json_loadb(reply, got, 0, NULL);
}

static bool make(int fd, int me, int i)
{
    struct known *known = &book->names[me][i];
    json_t *reply;

    known->fate = UNSURE;
    reply = exchange(fd,
                     i % 2 ? "{'id':1,'method':'create_server','params':{'address':['127.0.0.1',0],"
                             "'name':'n%d-%d','lease':'permanent','survive':true}}\n"
                           : "{'id':1,'method':'socket','params':{'type':'SOCK_DGRAM',"
                             "'name':'n%d-%d','lease':3600,'survive':true}}\n",
                     me, i);
    known->handle = json_integer_value(json_object_get(json_object_get(reply, "result"), "handle"));
    json_decref(reply);
    if (!known->handle)
        return false;
    book->highest[me] = known->handle;
    known->fate = IS_KEPT;
    return true;
}

static bool end(int fd, int me, int i)
{
    struct known *known = &book->names[me][i];
    json_t *reply, *how;

    known->fate = UNSURE;
    reply = exchange(fd, "{'id':1,'method':'close','params':{'handle':'n%d-%d'}}\n", me, i);
    how = json_object_get(json_object_get(reply, "result"), "end");
    json_decref(reply);
    known->fate = FREE;
    return how;
}

/* To itself: a socket for datagrams that is bound may send to its own address. */
static bool use(int fd, int me, int i)
{
    json_t *reply = exchange(fd,
                             i % 2 ? "{'id':1,'method':'settimeout','params':{'handle':'n%d-%d',"
                                     "'timeout':5}}\n"
                                   : "{'id':1,'method':'sendto','params':{'handle':'n%d-%d',"
                                     "'address':['127.0.0.1',9],'text':'to nobody'}}\n",
                             me, i);

    json_decref(reply);
    return true;
}

static _Noreturn void be_child(int me, struct dice d)
{
    int fd = connect_here();
    bool ok = true;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; ok && i < 1 << 20; i++) {
        int name = (int)dice_below(&d, NAMES);
        enum fate fate = book->names[me][name].fate;

        json_decref(exchange(fd, "{'id':1,'method':'socketpair'}\n"));
        if (fate == FREE)
            ok = make(fd, me, name);
        else if (fate == IS_KEPT)
            ok = dice_one_in(&d, 3) ? end(fd, me, name) : use(fd, me, name);
        book->n_answers++;
        if (dice_one_in(&d, 8)) {
            close(fd);
            fd = connect_here();
        }
    }
    _exit(1);
}

/* -- the parent -------------------------------------------------------------------------------- */

/* The load, to the death of the daemon. */
static void run_load(void)
{
    struct timespec at, now;
    pid_t pids[CHILDREN];
    int64_t usec = (int64_t)dice_below(&dice, MOMENT_USEC);
    int status;

    for (int i = 0; i < CHILDREN; i++) {
        struct dice d = {dice_bits(&dice)};

        if ((pids[i] = fork()) == 0)
            be_child(i, d);
    }
    clock_gettime(CLOCK_MONOTONIC, &at);
    do {
        manager_work(&m, -1, 1);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - at.tv_sec) * 1000000 + (now.tv_nsec - at.tv_nsec) / 1000 < usec);
    manager_kill(&m);
    for (int i = 0; i < CHILDREN; i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_msg(status == 0, "child %d was told what cannot be: %s", i, manager_log(&m));
    }
}

/* What nobody can know is found out, and known from now on. */
static void expect_name(struct talk *t, int child, int i)
{
    struct known *known = &book->names[child][i];
    json_t *reply, *result;
    int64_t handle;

    talk_send(t, "ledger.get", "'handle':'n%d-%d'", child, i);
    reply = talk_next(t);
    ck_assert_ptr_nonnull(reply);
    result = json_object_get(reply, "result");
    handle = result ? talk_int(result, "handle") : 0;
    ck_assert_msg(known->fate != IS_KEPT || handle == known->handle, "n%d-%d was %lld, is %s\n%s",
                  child, i, (long long)known->handle, json_dumps(reply, 0), manager_log(&m));
    ck_assert_msg(known->fate != FREE || !handle, "n%d-%d is back: %s", child, i,
                  json_dumps(reply, 0));
    if (result)
        ck_assert_msg(talk_is(result, "survives"), "%s", json_dumps(reply, 0));
    known->fate = handle ? IS_KEPT : FREE;
    known->handle = handle;
}

static void expect_no_less(json_t *before, json_t *now)
{
    static const char *const totals[] = {"opened",  "closed",     "reclaimed",
                                         "expired", "handed_off", "lost"};

    for (size_t i = 0; before && i < sizeof totals / sizeof *totals; i++)
        ck_assert_msg(talk_int(now, totals[i]) >= talk_int(before, totals[i]), "%s", totals[i]);
}

static json_t *look(json_t *before)
{
    struct talk t = talk_new(&m);
    json_t *audit = json_deep_copy(talk_audit(&t));
    int64_t handle;

    expect_no_less(before, audit);
    json_decref(before);
    for (int child = 0; child < CHILDREN; child++)
        for (int i = 0; i < NAMES; i++)
            expect_name(&t, child, i);
    handle = talk_int(talk_ask(&t, "socket", NOTHING), "handle");
    for (int child = 0; child < CHILDREN; child++)
        ck_assert_int_gt(handle, book->highest[child]);
    talk_ask(&t, "close", "'handle':%lld", (long long)handle);
    talk_audit(&t);
    talk_end(&t);
    return audit;
}

START_TEST(killed_under_load)
{
    size_t n = dice_rounds(15, 200);
    json_t *audit = NULL;

    manager_start(&m);
    while (n-- > 0) {
        run_load();
        manager_start(&m);
        audit = look(audit);
        ck_assert_int_eq(m.n_over, 0);
    }
    printf("%lld answers, %lld sockets\n", (long long)book->n_answers,
           (long long)talk_int(audit, "opened"));
    ck_assert_int_gt(book->n_answers, 50);
    json_decref(audit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keep_load");
    TCase *tc = tcase_create("keep_load");

    suite_add_tcase(suite, tc);
    tcase_set_timeout(tc, getenv("BERTH_FULL") ? 600 : 50);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, killed_under_load);
    return house_run(suite);
}
