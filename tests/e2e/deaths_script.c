#include "deaths_script.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lines.h"

enum { HANDLES = 6, LONG_BYTES = 4000, REQUEST_BYTES = 2 * LONG_BYTES };

struct script {
    const struct script_plan *plan;
    const char *path;
    int full_port;
};

/* $a and $b: names of handles; $u: the name of an abstract socket; $p: the port that does not
 * accept; $n: a number; $t: a timeout; $x: a long text. Many of them fail, as it happens: the
 * daemon must bear that too. */
static const char *const requests[] = {
    "'method':'socket','params':{'name':'$a'}",
    "'method':'socket','params':{'name':'$a','family':'AF_UNIX'}",
    "'method':'socket','params':{'name':'$a','type':'SOCK_DGRAM'}",
    "'method':'socket','params':{'family':'AF_INET6'}",
    "'method':'socketpair','params':{'name':'$a'}",
    "'method':'create_server','params':{'name':'$a','address':{'abstract':'$u'}}",
    "'method':'create_server','params':{'name':'$a','address':['127.0.0.1',0]}",
    "'method':'bind','params':{'handle':'$a','address':{'host':'127.0.0.1','port':0}}",
    "'method':'bind','params':{'handle':'$a','address':{'abstract':'$u'}}",
    "'method':'listen','params':{'handle':'$a','backlog':$n}",
    "'method':'accept','params':{'handle':'$a','name':'$b','timeout':$t}",
    "'method':'accept','params':{'handle':'$a','timeout':$t}",
    "'method':'connect','params':{'handle':'$a','address':{'abstract':'$u'},'timeout':$t}",
    "'method':'connect','params':{'handle':'$a','address':['127.0.0.1',$p],'timeout':$t}",
    "'method':'create_connection','params':{'host':'127.0.0.1','port':$p,'timeout':$t}",
    "'method':'send','params':{'handle':'$a','text':'a line\\n','timeout':$t}",
    "'method':'sendall','params':{'handle':'$a','base64':'AAECAwQF','timeout':$t}",
    "'method':'setsockopt','params':{'handle':'$a','option':'SO_SNDBUF','value':1}",
    "'method':'sendall','params':{'handle':'$a','text':'$x','timeout':$t}",
    "'method':'recv','params':{'handle':'$a','timeout':$t}",
    "'method':'recv','params':{'handle':'$a.1','until':'\\n','timeout':$t}",
    "'method':'recv','params':{'handle':'$a','exactly':$n,'timeout':$t}",
    "'method':'recvfrom','params':{'handle':'$a','timeout':$t}",
    "'method':'poll','params':{'handles':[{'handle':'$a'},{'handle':'$b'}],'timeout':$t}",
    "'method':'shutdown','params':{'handle':'$a','how':'SHUT_WR'}",
    "'method':'getaddrinfo','params':{'host':'localhost','service':'$n'}",
    "'method':'close','params':{'handle':'$a'}",
    "'method':'cancel','params':{'id':$n}",
    "'method':'ping'",
};

/* $d: a durable name, and $l: a lease. */
static const char *const lease_requests[] = {
    "'method':'socket','params':{'name':'$d','lease':$l}",
    "'method':'socket','params':{'lease':$l}",
    "'method':'socketpair','params':{'name':'$d','lease':$l}",
    "'method':'create_server','params':{'name':'$d','address':['127.0.0.1',0],'lease':$l}",
    "'method':'create_server','params':{'name':'$d','address':{'abstract':'$u'},'lease':$l}",
    "'method':'connect','params':{'handle':'$d','address':{'abstract':'$u'},'timeout':$t}",
    "'method':'accept','params':{'handle':'$d','lease':$l,'timeout':$t}",
    "'method':'accept','params':{'handle':'$d','name':'$d','lease':$l,'timeout':$t}",
    "'method':'recv','params':{'handle':'$d','timeout':$t}",
    "'method':'send','params':{'handle':'$d','text':'a line\n','timeout':$t}",
    "'method':'lease','params':{'handle':'$d','lease':$l}",
    "'method':'lease','params':{'handle':'$a','lease':$l}",
    "'method':'attach','params':{'handle':'$d'}",
    "'method':'attach','params':{'handle':'$d','lease':$l}",
    "'method':'close','params':{'handle':'$d'}",
    "'method':'ledger.get','params':{'handle':'$d'}",
    "'method':'ledger.reap','params':{'filter':{'suspect':'orphan'},'dry_run':true}",
    "'method':'ledger.leaks'",
};

static const char *any_lease(void)
{
    static const char *const leases[] = {"\"session\"", "0.001", "0.05", "1000", "\"permanent\""};

    return leases[(size_t)rand() % (sizeof leases / sizeof *leases)];
}

static const char *any_request(const struct script_plan *plan)
{
    if (plan->has_leases && rand() % 2)
        return lease_requests[(size_t)rand() % (sizeof lease_requests / sizeof *lease_requests)];
    return requests[(size_t)rand() % (sizeof requests / sizeof *requests)];
}

/* In an ordered session all the rest waits behind what waits, so little does there. */
static const char *any_timeout(bool is_unordered)
{
    static const char *const short_ones[] = {"0", "0.001", "0.01"}, *const long_ones[] = {"null",
                                                                                          "1000"};

    return rand() % (is_unordered ? 2 : 20) ? short_ones[rand() % 3] : long_ones[rand() % 2];
}

static int fill_in(char *room, size_t n, char what, const struct script *s)
{
    switch (what) {
    case 'a':
    case 'b':
        return snprintf(room, n, "@h%d", rand() % HANDLES);
    case 'd':
        return snprintf(room, n, "h%d", rand() % HANDLES);
    case 'l':
        return snprintf(room, n, "%s", any_lease());
    case 'u':
        return snprintf(room, n, "%s.%d", s->path, rand() % 2);
    case 'p':
        return snprintf(room, n, "%d", s->full_port);
    case 'x':
        return snprintf(room, n, "%0*d", LONG_BYTES, 0);
    case 't':
        return snprintf(room, n, "%s", any_timeout(s->plan->is_unordered));
    default:
        return snprintf(room, n, "%d", rand() % SCRIPT_MAX_STEPS);
    }
}

/* Writes a request with its newline; each is far shorter than REQUEST_BYTES. Returns its length. */
static size_t write_request(char *room, const char *pattern, int id, const struct script *s)
{
    size_t n = (size_t)snprintf(room, REQUEST_BYTES, "{\"id\":%d,", id);

    for (const char *at = pattern; *at; at++) {
        if (*at == '$')
            n += (size_t)fill_in(room + n, REQUEST_BYTES - n, *++at, s);
        else
            room[n++] = *at == '\'' ? '"' : *at;
    }
    room[n++] = '}';
    room[n++] = '\n';
    return n;
}

static void read_replies(int fd)
{
    char bytes[4096];

    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void leave_tail(int fd, const struct script *s)
{
    static const char pattern[] = "'method':'sendfile','params':{'handle':'$a','count':10},'fds':1";
    int passed = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char request[REQUEST_BYTES];
    size_t n = write_request(request, pattern, SCRIPT_MAX_STEPS, s);

    if (s->plan->tail == TAIL_HALF_LINE)
        lines_write(fd, request, n / 2);
    else if (s->plan->tail == TAIL_HALF_LINE_WITH_FD)
        lines_write_fds(fd, request, n / 2, passed, 1);
    else if (s->plan->tail == TAIL_LINE_WITH_FD)
        lines_write_fds(fd, request, n, passed, 1);
}

void deaths_script_run(int fd, const struct script_plan *plan, const char *path, int full_port)
{
    static const char hello[] = "{\"method\":\"hello\",\"params\":{\"unordered\":true}}\n";
    const struct script s = {plan, path, full_port};
    char request[REQUEST_BYTES];

    srand(plan->seed);
    if (plan->is_unordered)
        lines_write(fd, hello, sizeof hello - 1);
    for (int i = 0; i < plan->n_steps; i++) {
        const char *pattern = any_request(plan);
        size_t n = write_request(request, pattern, i, &s);

        if (i == plan->dies_at)
            raise(SIGKILL);
        if (lines_write(fd, request, n) < 0)
            return;
        if (plan->is_read)
            read_replies(fd);
    }
    leave_tail(fd, &s);
}
