/* lasting.c — clients that are killed while sockets of theirs have leases:
 *
 *   lasting [--seed N] [--rounds N] BERTHD
 *
 * First a script of accept, connect, lease and attach is run again and again; each time the client
 * is ended by SIGKILL at another place: in the middle of a request, before its answer, after it.
 * Every time just those sockets must live on whose lease says so, held by nobody, and each of them
 * must be usable by another session; the others must be reclaimed. Then random clients use the same
 * durable names one after the other, and what one leaves the next may find. The ledger must balance
 * all the time, and the daemon must have a descriptor for each living socket and no other.
 *
 * 20 random rounds, 200 with BERTH_FULL=1. What is random follows from the seed. Exit status: 0
 * when all was as it should be, 1 when not, 2 for wrong usage. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deaths_script.h"
#include "lasting_left.h"
#include "lines.h"
#include "real.h"
#include "rounds.h"

enum {
    REAP_EVERY = 8, /* rounds */
    REQUEST_BYTES = 1024,
};

/* In an unordered session, so that what waits does not keep the rest. ' stands for ", $p for the
 * port of the first server. */
struct step {
    const char *request;
    const char *left; /* names of those that live on when the client dies after it, sorted */
};

static const struct step steps[] = {
    {"'method':'hello','params':{'unordered':true}", "kept left"},
    {"'method':'create_server','params':{'address':['127.0.0.1',0],'name':'web','lease':"
     "'permanent'}",
     "kept left web"},
    {"'method':'create_server','params':{'address':['127.0.0.1',0],'name':'door'}",
     "kept left web"},
    {"'method':'socket','params':{'name':'out','lease':30}", "kept left out web"},
    {"'method':'connect','params':{'handle':'out','address':['127.0.0.1',$p]}",
     "kept left out web"},
    {"'method':'accept','params':{'handle':'web','name':'in','lease':30}", "in kept left out web"},
    {"'method':'accept','params':{'handle':'door','lease':'permanent','timeout':null}",
     "in kept left out web"},
    {"'method':'create_connection','params':{'host':'127.0.0.1','port':$p,'name':'second','lease':"
     "20}",
     "in kept left out second web"},
    {"'method':'accept','params':{'handle':'web','name':'@other'}", "in kept left out second web"},
    {"'method':'recv','params':{'handle':'out','timeout':null}", "in kept left out second web"},
    {"'method':'lease','params':{'handle':'out','lease':'session'}", "in kept left second web"},
    {"'method':'lease','params':{'handle':'in','lease':'permanent'}", "in kept left second web"},
    {"'method':'lease','params':{'handle':'web','lease':1000}", "in kept left second web"},
    {"'method':'lease','params':{'handle':'in','lease':'session'}", "kept left second web"},
    {"'method':'lease','params':{'handle':'out','lease':40}", "kept left out second web"},
    {"'method':'attach','params':{'handle':'left','lease':'session'}", "kept out second web"},
    {"'method':'attach','params':{'handle':'kept'}", "kept out second web"},
    {"'method':'lease','params':{'handle':'kept','lease':25}", "kept out second web"},
    {"'method':'create_server','params':{'address':['127.0.0.1',$p],'name':'web'}",
     "kept out second web"},
    {"'method':'close','params':{'handle':'second'}", "kept out web"},
    /* This one expires. */
    {"'method':'lease','params':{'handle':'out','lease':0.01}", "kept web"},
};

enum { N_STEPS = sizeof steps / sizeof *steps };

/* For good: such a step has no answer. */
static bool waits(const struct step *step)
{
    return strstr(step->request, "'timeout':null");
}

static bool closes(const struct step *step)
{
    return strstr(step->request, "'method':'close'");
}

/* Where in a step the client dies. */
enum way { IN_ITS_LINE, BEFORE_ITS_ANSWER, AFTER_ITS_ANSWER, N_WAYS };

static struct real real;

/* -- the client -- */

/* Sends a request, or half of it, and takes its answer unless it dies before. */
struct client {
    int fd;
    struct lines replies;
    int port; /* of the first server */
};

static size_t write_request(char room[REQUEST_BYTES], const char *pattern, int port)
{
    size_t n = (size_t)snprintf(room, REQUEST_BYTES, "{\"id\":1,");

    for (const char *at = pattern; *at && n < REQUEST_BYTES - 16; at++) {
        if (*at == '$')
            n += (size_t)snprintf(room + n, REQUEST_BYTES - n, "%d", (at++, port));
        else
            room[n++] = *at == '\'' ? '"' : *at;
    }
    return n + (size_t)snprintf(room + n, REQUEST_BYTES - n, "}\n");
}

static void take_reply(struct client *c)
{
    const char *line;
    size_t n;
    json_t *reply = NULL, *result, *port;

    if (lines_next(&c->replies, &line, &n) == 1)
        reply = json_loadb(line, n, 0, NULL);
    result = json_object_get(reply, "result");
    if (!result) {
        left_wrong("the script's client got no result: %.*s", reply ? (int)n : 0,
                   reply ? line : "");
        _exit(1);
    }
    port = json_object_get(json_object_get(result, "address"), "port");
    if (!c->port && port)
        c->port = (int)json_integer_value(port);
    json_decref(reply);
}

static void take_step(struct client *c, const struct step *step)
{
    static const char ping[] = "{\"id\":1,\"method\":\"ping\"}\n";
    char request[REQUEST_BYTES];
    size_t n = write_request(request, step->request, c->port);

    if (lines_write(c->fd, request, n) < 0)
        _exit(1);
    /* What waits has begun to when a later request is answered. */
    if (waits(step) && lines_write(c->fd, ping, sizeof ping - 1) < 0)
        _exit(1);
    take_reply(c);
}

static _Noreturn void be_client(int last, enum way way)
{
    struct client c = {.fd = real_connect(&real)};
    char request[REQUEST_BYTES];
    size_t n;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    lines_init(&c.replies, c.fd);
    for (int i = 0; i < last + (way == AFTER_ITS_ANSWER); i++)
        take_step(&c, &steps[i]);
    n = write_request(request, steps[last].request, c.port);
    if (way != AFTER_ITS_ANSWER && lines_write(c.fd, request, way == IN_ITS_LINE ? n / 2 : n) < 0)
        _exit(1);
    raise(SIGKILL);
    _exit(1);
}

static int await_death(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return left_wrong("no child: %s", strerror(errno));
    return WIFSIGNALED(status) ? 0 : left_wrong("the client ended by itself");
}

/* -- a death at each step -- */

/* What the clients find: two that somebody left. */
static int leave_two(void)
{
    static const char requests[] =
        "{\"id\":1,\"method\":\"socket\",\"params\":{\"name\":\"left\",\"lease\":\"permanent\"}}\n"
        "{\"id\":1,\"method\":\"socket\",\"params\":{\"name\":\"kept\",\"lease\":1000}}\n";
    int fd = real_connect(&real), r;
    json_t *rows;

    if (fd < 0)
        return -1;
    r = lines_write(fd, requests, sizeof requests - 1);
    shutdown(fd, SHUT_WR);
    rows = r < 0 ? NULL : left_await(&real, "kept left", NULL);
    close(fd);
    json_decref(rows);
    return rows ? 0 : -1;
}

/* The law says how many are reclaimed, once it is known that no more were closed or expired than
 * the script says. */
static int check_counts(const json_int_t before[2], int last, enum way way)
{
    bool may = closes(&steps[last]) && way != IN_ITS_LINE,
         may_expire = last == N_STEPS - 1 && way != IN_ITS_LINE;
    json_int_t n_closed = left_audit(&real, "closed") - before[0],
               n_expired = left_audit(&real, "expired") - before[1];
    int n_least = 0;

    for (int i = 0; i < last + (way == AFTER_ITS_ANSWER); i++)
        n_least += closes(&steps[i]);
    if (n_closed < n_least || n_closed > n_least + may || n_expired < 0 || n_expired > may_expire ||
        (may_expire && way == AFTER_ITS_ANSWER && n_expired != 1))
        return left_wrong("%d were closed and %d expired", (int)n_closed, (int)n_expired);
    return 0;
}

static int try_death(int last, enum way way)
{
    const char *before = last ? steps[last - 1].left : "kept left", *after = steps[last].left;
    json_int_t counts[2];
    json_t *rows;
    pid_t pid;
    int r;

    if (leave_two() < 0)
        return -1;
    counts[0] = left_audit(&real, "closed");
    counts[1] = left_audit(&real, "expired");
    fflush(NULL);
    if ((pid = fork()) == 0)
        be_client(last, way);
    if (await_death(pid) < 0)
        return -1;
    rows = left_await(&real, way == AFTER_ITS_ANSWER ? after : before,
                      way == BEFORE_ITS_ANSWER ? after : NULL);
    r = rows ? check_counts(counts, last, way) : -1;
    if (rows && left_use(&real, rows) < 0)
        r = -1;
    return r < 0 ? -1 : real_check_clean(&real);
}

static int try_every_death(void)
{
    for (int i = 0; i < N_STEPS; i++)
        for (int way = 0; way < N_WAYS; way++)
            if (try_death(i, way) < 0)
                return left_wrong("when it died %s the answer to %s",
                                  (const char *[]){"within the line of", "before", "after"}[way],
                                  steps[i].request);
    return 0;
}

/* -- random clients -- */

static struct script_plan draw_plan(int round)
{
    struct script_plan plan = {.seed = (unsigned)rand(), .has_leases = true};

    plan.n_steps = 1 + rand() % SCRIPT_MAX_STEPS;
    plan.dies_at = round % 2 ? rand() % plan.n_steps : -1;
    plan.is_read = true;
    plan.is_unordered = rand() % 2;
    plan.tail = rand() % N_TAILS;
    return plan;
}

static int run_round(int round)
{
    struct script_plan plan = draw_plan(round);
    pid_t pid;

    fflush(NULL);
    if ((pid = fork()) == 0) {
        int fd = real_connect(&real);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd >= 0)
            deaths_script_run(fd, &plan, real.path, 1);
        raise(SIGKILL);
    }
    return await_death(pid) < 0 || left_check(&real) < 0 ? left_wrong("in round %d", round) : 0;
}

/* Before there is more than one page of rows. */
static int reap(void)
{
    json_t *reaped =
        left_ask(&real, "{'method':'ledger.reap','params':{'filter':{'suspect':'orphan'}},'id':1}");

    json_decref(reaped);
    return reaped ? real_check_clean(&real) : -1;
}

static int run(int n_rounds)
{
    int n_left = 0;

    if (try_every_death() < 0)
        return -1;
    for (int i = 0; i < n_rounds; i++) {
        if (run_round(i) < 0 || (i % REAP_EVERY == 0 && reap() < 0))
            return -1;
        n_left += left_audit(&real, "live") > 0;
    }
    printf("after %d of %d rounds something was left\n", n_left, n_rounds);
    if (n_rounds >= ROUNDS && n_left == 0)
        return left_wrong("no random client has left anything");
    return reap();
}

int main(int argc, char **argv)
{
    struct rounds rounds;
    int r = rounds_begin(argc, argv, &rounds);

    if (r)
        return r;
    r = real_start(&real, rounds.berthd) < 0 ? -1 : run((int)rounds.n);
    if (real_stop(&real, 0) < 0)
        r = -1;
    return rounds_end(&rounds, r);
}
