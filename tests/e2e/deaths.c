/* deaths.c — clients that are killed, and a daemon that is killed:
 *
 *   deaths [--seed N] [--rounds N] BERTHD
 *
 * Each round a child runs a random script of requests against the real berthd and is ended by
 * SIGKILL, at a random moment or with half a line or a descriptor on its way; sometimes a child of
 * its own keeps its socket open. Every time the ledger must balance with nothing alive, and the
 * daemon must have as many descriptors as at first. Then the daemon is killed too and started again
 * on the same path: numbers of handles go up, the stale path is taken over.
 *
 * 20 rounds, 200 with BERTH_FULL=1. What is random follows from the seed, but for the moments. Exit
 * status: 0 when all was as it should be, 1 when not, 2 for wrong usage. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deaths_restart.h"
#include "deaths_script.h"
#include "lines.h"
#include "real.h"
#include "rounds.h"

enum {
    MOMENTS_USEC = 2000, /* within which a child is killed that is not let come to its end */
    RESTART_EVERY = 4,   /* so many rounds one restart */
    AT_END = -1,
};

struct plan {
    struct script_plan script;
    int moment_usec;     /* after its connect, when it is killed whatever it does; AT_END: at its
                            script's end */
    bool is_settled;     /* not before the daemon has seen all that it sent */
    bool has_grandchild; /* that outlives it and has its socket */
};

struct child {
    pid_t pid; /* also its group's */
    int done;  /* one byte comes when it is connected, and the end at its script's end */
    int hold;  /* closed to let the grandchild go */
};

static struct real real;
static int full_port;

static int wrong(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return -1;
}

static int complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return -1;
}

/* -- the oracle -- */

/* The integer at `key` of the answer, through the session of our own; -1 after saying why. */
static json_int_t ask(const char *request, const char *key)
{
    const char *line;
    size_t n;
    json_t *reply = NULL, *value;
    json_int_t v = -1;

    if (lines_write(real.oracle, request, strlen(request)) == 0 &&
        lines_next(&real.oracle_lines, &line, &n) == 1)
        reply = json_loadb(line, n, 0, NULL);
    value = json_object_get(json_object_get(reply, "result"), key);
    if (json_is_integer(value))
        v = json_integer_value(value);
    else
        fprintf(stderr, "no %s for %s", key, request);
    json_decref(reply);
    return v;
}

static json_int_t audit(const char *key)
{
    return ask("{\"method\":\"ledger.audit\",\"id\":1}\n", key);
}

/* The number of a new handle, which is closed again; -1 after saying why. */
static json_int_t new_number(void)
{
    char request[128];
    json_int_t handle = ask("{\"method\":\"socket\",\"id\":1}\n", "handle");

    snprintf(request, sizeof request,
             "{\"method\":\"close\",\"params\":{\"handle\":%lld},\"id\":1}\n", (long long)handle);
    return handle < 0 ? -1 : ask(request, "handle");
}

/* -- a child -- */

/* Which kinds of death there are follows from the round's number, so that even few rounds have them
 * all. */
static struct plan draw_plan(int round)
{
    struct plan plan = {.script = {.seed = (unsigned)rand(), .dies_at = -1}, .moment_usec = AT_END};

    plan.script.n_steps = 1 + rand() % SCRIPT_MAX_STEPS;
    plan.script.is_read = rand() % 2;
    plan.script.is_unordered = round % 2;
    plan.script.tail = round / 2 % N_TAILS;
    plan.has_grandchild = round % 3 == 0;
    if (round % 5 == 1)
        plan.script.dies_at = rand() % plan.script.n_steps;
    if (round % 5 == 2)
        plan.moment_usec = rand() % MOMENTS_USEC;
    plan.is_settled = plan.moment_usec == AT_END && rand() % 2;
    return plan;
}

static _Noreturn void be_grandchild(int hold)
{
    char byte;

    while (read(hold, &byte, 1) > 0)
        ;
    _exit(0);
}

static _Noreturn void be_child(const struct plan *plan, int done, int hold)
{
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = real_connect(&real);
    if (fd >= 0 && plan->has_grandchild && fork() == 0) {
        close(done);
        be_grandchild(hold);
    }
    if (fd >= 0 && write(done, "", 1) == 1)
        deaths_script_run(fd, &plan->script, real.path, full_port);
    close(done);
    for (;;)
        pause();
}

static int start_child(struct child *c, const struct plan *plan)
{
    int done[2], hold[2];

    if (pipe2(done, O_CLOEXEC) < 0 || pipe2(hold, O_CLOEXEC) < 0)
        return complain("pipe");
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        setpgid(0, 0);
        close(done[0]);
        close(hold[1]);
        be_child(plan, done[1], hold[0]);
    }
    close(done[1]);
    close(hold[0]);
    c->done = done[0];
    c->hold = hold[1];
    if (c->pid < 0)
        return complain("fork");
    setpgid(c->pid, c->pid);
    return 0;
}

/* Waits for the end of the script, or less. A script that ends late is wrong: nothing keeps it. */
static int await_moment(const struct child *c, const struct plan *plan)
{
    const struct timespec moment = {.tv_nsec = plan->moment_usec * 1000L};
    struct pollfd p = {.fd = c->done, .events = POLLIN};
    char byte;

    if (poll(&p, 1, WAIT_MS) <= 0 || read(c->done, &byte, 1) != 1)
        return wrong("the child did not connect");
    if (plan->moment_usec == AT_END && poll(&p, 1, WAIT_MS) <= 0)
        return wrong("the script did not come to its end");
    if (plan->moment_usec != AT_END)
        ppoll(&p, 1, &moment, NULL);
    if (plan->is_settled && audit("balance") != 0)
        return wrong("the ledger does not balance before the death");
    return 0;
}

static void kill_child(const struct child *c)
{
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
}

/* Lets the grandchild go. Returns whether there was one. */
static bool end_group(const struct child *c)
{
    bool is_there = kill(-c->pid, 0) == 0;

    close(c->hold);
    close(c->done);
    while (waitpid(-c->pid, NULL, 0) > 0)
        ;
    return is_there;
}

/* -- rounds -- */

static int run_round(int round)
{
    struct plan plan = draw_plan(round);
    bool has_grandchild;
    struct child child;
    int r;

    if (start_child(&child, &plan) < 0)
        return -1;
    r = await_moment(&child, &plan);
    kill_child(&child);
    if (r == 0)
        r = real_check_clean(&real); /* while the grandchild still has the socket */
    has_grandchild = end_group(&child);
    if (r == 0 && plan.has_grandchild && !has_grandchild)
        r = wrong("the grandchild has not outlived its parent");
    if (r < 0)
        fprintf(stderr, "in round %d\n", round);
    return r;
}

/* Were there no sockets, or none alive when their owners died, all the checks would have shown
 * nothing. */
static int check_tried(void)
{
    json_int_t opened = audit("opened"), reclaimed = audit("reclaimed");

    printf("%d sockets opened, %d of them reclaimed\n", (int)opened, (int)reclaimed);
    return opened > 0 && reclaimed > 0 ? 0 : wrong("no socket has lost its owner");
}

/* The daemon dies behind its client, or before it. */
static int run_restart(int round, const char *berthd)
{
    struct plan plan = draw_plan(round);
    struct child child;
    json_int_t last = new_number(), next;
    int r;

    plan.is_settled = false;
    if (last < 0 || start_child(&child, &plan) < 0)
        return -1;
    r = await_moment(&child, &plan);
    if (round % 2)
        kill_child(&child);
    deaths_restart_kill(&real);
    if (round % 2 == 0)
        kill_child(&child);
    if (r == 0 && access(real.path, F_OK) < 0)
        r = wrong("the killed daemon's socket is gone: nothing is stale");
    if (r == 0)
        r = deaths_restart_start(&real, berthd);
    end_group(&child);
    if (r < 0)
        return r;
    next = new_number();
    if (next <= last) {
        fprintf(stderr, "after handle %lld the next daemon gave %lld\n", (long long)last,
                (long long)next);
        return -1;
    }
    return real_check_clean(&real);
}

static int run(const char *berthd, int n_rounds)
{
    for (int i = 0; i < n_rounds; i++)
        if (run_round(i) < 0)
            return -1;
    if (check_tried() < 0)
        return -1;
    for (int i = 0; i < n_rounds; i += RESTART_EVERY)
        if (run_restart(i / RESTART_EVERY, berthd) < 0)
            return wrong("after a restart");
    return 0;
}

/* Listens for good and accepts nothing: the first connection is taken by the kernel, the next ones
 * wait. */
static int open_full_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 0) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) < 0)
        return complain("a listener");
    full_port = ntohs(address.sin_port);
    return 0;
}

int main(int argc, char **argv)
{
    struct rounds rounds;
    int r = rounds_begin(argc, argv, &rounds);

    if (r)
        return r;
    /* Grandchildren become ours, so that none is left behind. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = open_full_port() < 0 || real_start(&real, rounds.berthd) < 0
            ? -1
            : run(rounds.berthd, (int)rounds.n);
    /* Its log begins with the last words of a daemon that ended by itself; else it only tells of
     * clients' errors. */
    if (real_stop(&real, 0) < 0)
        r = -1;
    return rounds_end(&rounds, r);
}
