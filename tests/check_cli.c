/* check_cli.c — the command `berth` as people run it, with a real daemon behind it: what it prints
 * where, and how it ends. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/methods.h"
#include "tests/real_daemon.h"
#include "tests/house.h"

/* A session that leaves three sockets open, of two lines of a program. */
#define LEAKY                                                                                      \
    "printf 'socket family=AF_INET type=SOCK_STREAM label=mine site=f.c:%d\\n' 7 7 | "             \
    "sed '$a socket family=AF_INET type=SOCK_STREAM site=f.c:9' | $berth shell >/dev/null && "
/* Waits for three lines in `out`, ten seconds at most. */
#define AWAIT                                                                                      \
    "n=0; until [ $(wc -l <out) -eq 3 ] || [ $n -eq 200 ]; do n=$((n+1)); sleep 0.05; done; "

/* Each line must be found in what is printed; NULL: nothing may be there. */
static const struct {
    const char *command, *in;
    int status;
    const char *out, *err;
} rows[] = {
    {"$berth ping", NULL, 0, "{\"uptime\":", NULL},
    {"$berth ping echo=1 | jq -e '.echo == 1'", NULL, 0, "true\n", NULL},
    {"$berth --json ping 'echo:={\"a\":[null]}'", NULL, 0, "{\"echo\":{\"a\":[null]},", NULL},
    {"$berth ping --json", NULL, 0, "{\"uptime\":", NULL},
    {"$berth --socket $BERTH_SOCKET ping", NULL, 0, "{\"uptime\":", NULL},
    {"$berth rpc.discover | jq -r .openrpc", NULL, 0, "1.", NULL},
    {"$berth --version", NULL, 0, "berth ", NULL},
    {"$berth --help", NULL, 0, "berth ls [state=STATE]", NULL},
    {"$berth help recv", NULL, 0, "Example\n  berth recv handle=@c\n", NULL},
    {"$berth help ls", NULL, 0, "berth ls [state=STATE]", NULL},
    {"$berth methods", NULL, 0, "ledger.audit ", NULL},
    {"$berth completion bash | bash -n", NULL, 0, NULL, NULL},
    {"$berth ls", NULL, 0, "[]\n", NULL},
    {"$berth ls --json", NULL, 0, "[]\n", NULL},
    /* The daemon refuses. */
    {"$berth getsockname handle=@nobody", NULL, 1, NULL, "berth: handle UNKNOWN: "},
    {"$berth socket family=AF_INET4", NULL, 1, NULL, "did you mean AF_INET"},
    {"$berth create_connection host=127.0.0.1 port=1", NULL, 1, NULL, "berth: os ECONNREFUSED: "},
    {"$berth create_connection host=127.0.0.1 port=1 2>&1 | sed -n 2p", NULL, 0, "hint: ", NULL},
    /* Commands with options of their own; e2e/nc.sh has the bytes. */
    {"$berth nc --help", NULL, 0, "--server-name NAME", NULL},
    {"$berth help nc | tail -n 1", NULL, 0, "  echo ping | berth nc -u", NULL},
    {"$berth help send-file", NULL, 0, "--offset N", NULL},
    {"$berth --socket /nowhere/s nc -w 1 127.0.0.1 1", NULL, 1, NULL,
     "cannot reach the daemon at /nowhere/s"},
    {"$berth nc --wait 1 127.0.0.1 1", NULL, 2, NULL, "More: berth help nc"},
    {"$berth nc -u --tls 127.0.0.1 1", NULL, 2, NULL, "do not go together"},
    {"$berth nc --tls --ca /nowhere 127.0.0.1 1", NULL, 2, NULL, "--ca /nowhere: No such file"},
    {"$berth nc --timeout soon 127.0.0.1 1", NULL, 2, NULL, "--timeout soon: give seconds"},
    {"$berth nc 127.0.0.1 65536", NULL, 2, NULL, "65536 is no port"},
    {"$berth shell", "nc 127.0.0.1 1\n", 1, NULL, "nc: it would read the shell's own input"},
    {"$berth send-file /etc/hostname", NULL, 2, NULL, "which file, and where to?"},
    {"$berth send-file --tls /etc/hostname @c", NULL, 2, NULL, "@c is a handle"},
    {"$berth send-file /etc/hostname @nobody", NULL, 1, NULL, "berth: handle UNKNOWN: "},
    {"$berth send-file --count x /etc/hostname @c", NULL, 2, NULL, "--count x: give a number"},
    /* It cannot be reached. */
    {"$berth --socket /nowhere/s ping", NULL, 1, NULL,
     "berth: local ENOENT: cannot reach the daemon at /nowhere/s"},
    {"BERTH_SOCKET=/nowhere/s $berth ping", NULL, 1, NULL, "hint: is berthd running?"},
    /* Wrong usage. */
    {"$berth", NULL, 2, NULL, "berth --help"},
    {"$berth pong", NULL, 2, NULL, "there is no method pong; did you mean ping?"},
    {"$berth help pong", NULL, 2, NULL, "did you mean ping?"},
    {"$berth --what ping", NULL, 2, NULL, "what"},
    {"$berth ping eco=1", NULL, 2, NULL, "did you mean echo?\nIt takes: echo"},
    {"$berth bind handle=@c", NULL, 2, NULL, "address=ADDRESS is missing"},
    {"$berth ls stat=bound", NULL, 2, NULL, "did you mean state?"},
    {"$berth handoff handle=@c", NULL, 2, NULL, "a shell has no place for that"},
    {"$berth adopt", NULL, 2, NULL, "file=PATH or fd=NUMBER is missing"},
    {"$berth adopt fd=77", NULL, 1, NULL, "fd=77: Bad file descriptor"},
    {"$berth adopt fd=x", NULL, 1, NULL, "fd=x: Bad file descriptor"},
    {"$berth adopt fd=3 3</dev/null", NULL, 1, NULL, "fd NOT_A_SOCKET"},
    {"$berth completion fish", NULL, 2, NULL, "completion bash"},
    {"$berth ping > /dev/full", NULL, 1, NULL, "standard output"},
    {"$berth sendfile handle=@c file=/nowhere", NULL, 1, NULL, "/nowhere: No such file"},
    {"$berth leaks sinc=1", NULL, 2, NULL,
     "leaks: there is no parameter sinc; did you mean since?"},
    {"$berth watch opend", NULL, 2, NULL, "there is no event opend; there are: opened closed "},
    {"$berth watch since=x", NULL, 2, NULL, "since=x is no number"},
    {"$berth watch stat=bound", NULL, 2, NULL, "did you mean state?"},
    {"$berth watch since=1000", NULL, 1, NULL, "since"},
    {"$berth top", NULL, 2, NULL, "use `berth ls`"},
    {"$berth top interval=0", NULL, 2, NULL, "interval=0: give seconds"},
    {"$berth top x=1", NULL, 2, NULL, "no parameter x=1"},
    /* Leaks. */
    {"$berth leaks", NULL, 0, "[]\n", NULL},
    {LEAKY "$berth leaks since=99999999999", NULL, 0, "[]\n", NULL},
    {LEAKY "$berth leaks | jq -c 'map([.site,.reclaimed,.suspects,(.handles|length)])'", NULL, 0,
     "[[\"f.c:7\",2,0,2],[\"f.c:9\",1,0,1]]\n", NULL},
    /* Events, those of before too; `head` ends it by closing its output. */
    {LEAKY "$berth watch since=0 | head -n 6 | jq -rs '.[0].params.type'", NULL, 0, "opened\n",
     NULL},
    {LEAKY "$berth watch since=0 | head -n 6 | jq -rs '.[5].params.type'", NULL, 0, "reclaimed\n",
     NULL},
    {LEAKY "$berth watch since=0 label=mine reclaimed | head -n 2 | jq -r .params.type", NULL, 0,
     "reclaimed\nreclaimed\n", NULL},
    {LEAKY "$berth watch since=0 closed reclaimed closed --json | head -n 1 | "
           "jq -c '[.method,.params.type,.params.row.site]'",
     NULL, 0, "[\"event\",\"reclaimed\",\"f.c:7\"]\n", NULL},
    /* Each line is there when its event is; SIGINT and SIGTERM are a good end. */
    {"cd ${BERTH_SOCKET%/*}; $berth watch since=0 opened >out & watch=$!; " LEAKY AWAIT
     "kill -INT $watch; wait $watch; "
     "echo $? $(wc -l <out); rm out",
     NULL, 0, "0 3\n", NULL},
    {"cd ${BERTH_SOCKET%/*}; $berth watch since=0 opened >out & watch=$!; " LEAKY AWAIT
     "kill -TERM $watch; wait $watch; echo $?; rm out",
     NULL, 0, "0\n", NULL},
    /* More events than the daemon keeps: the reader is told. */
    {"yes \"$(printf 'socketpair name=@a\\nclose handle=@a\\nclose handle=@a.1')\" | head -n 3300 "
     "| "
     "$berth shell >/dev/null; $berth watch since=0 opened | head -n 1 | "
     "jq -r '.params | .type, .missed'",
     NULL, 0, "overflow\n304\n", NULL},
    {"$berth shell", "watch\n", 1, NULL, "watch: it has no end"},
    {"$berth shell", "top\n", 1, NULL, "use `berth ls`"},
    /* Many commands, one session. */
    {"$berth shell", "socketpair name=@p\nsend handle=@p text='a b' # why\n\nrecv handle=@p.1\n", 0,
     "{\"sent\":3}\n{\"text\":\"a b\",\"eof\":false}\n", NULL},
    {"$berth -", "socketpair name=@p\nsendfile handle=@p file=/etc/hostname count=1\n", 0,
     "{\"sent\":1}\n", NULL},
    {"$berth shell", "create_server address=127.0.0.1:0 name=web\nls state=listening\n", 0,
     "\"name\":\"web\"", NULL},
    /* An error is harmless also where it is kept for later. */
    {"$berth getsockname 'handle:=\"\\u001b[2J\\u202e\"'", NULL, 1, NULL, "\\x1b[2J<U+202E>"},
    {"$berth --json shell | tail -n 1 | jq -r '.[0].state'", "socket name=@c\nls\n", 0, "created",
     NULL},
    {"$berth shell", "nonsense\nping\n", 1, "{\"uptime\":", "no method nonsense"},
    {"$berth shell --stop", "nonsense\nping\n", 1, NULL, "no method nonsense"},
    {"$berth shell", "ping 'echo\n", 1, NULL, "a quote is not closed"},
    {"$berth shell", "shell\n", 1, NULL, "a shell already"},
    {"$berth shell x=1", "", 2, NULL, "no parameter x=1"},
    {"$berth shell", "", 0, NULL, NULL},
};

static void check_text(const char *name, const char *got, const char *wanted)
{
    if (wanted)
        ck_assert_msg(strstr(got, wanted), "%s: \"%s\" is not in: %s", name, wanted, got);
    else
        ck_assert_msg(!*got, "%s is not empty: %s", name, got);
}

START_TEST(run_and_print)
{
    static struct run run;

    real_daemon_run(rows[_i].command, rows[_i].in, false, &run);
    ck_assert_msg(run.status == rows[_i].status, "%s: exit %d: %s", rows[_i].command, run.status,
                  run.err);
    check_text("output", run.out, rows[_i].out);
    check_text("standard error", run.err, rows[_i].err);
}
END_TEST

/* On a terminal: text for people. */
static const struct {
    const char *command, *in, *out;
} terminal_rows[] = {
    {"NO_COLOR=1 $berth ping echo=hello", NULL, "echo   hello\r\nuptime "},
    {"TERM=xterm $berth ping echo=hello", NULL, "\033[1m"},
    {"NO_COLOR=1 $berth ping --json", NULL, "{\"uptime\":"},
    {"NO_COLOR=1 $berth hello", NULL, "limits.depth "},
    {"NO_COLOR=1 $berth getaddrinfo host=127.0.0.1 service=80 type=SOCK_STREAM", NULL,
     "family  type        protocol    address\r\nAF_INET SOCK_STREAM IPPROTO_TCP 127.0.0.1:80\r\n"},
    {"NO_COLOR=1 $berth shell", "socketpair name=@p\nsend handle=@p text=one\nrecv handle=@p.1\n",
     "eof false\r\none\r\n"},
    /* What comes from strangers does not move the cursor. */
    {"NO_COLOR=1 $berth shell",
     "socketpair name=@p\nsend handle=@p 'text:=\"\\u001b[2Jx\\u009b\"'\nrecv handle=@p.1\n",
     "\\x1b[2Jx\\xc2\\x9b\r\n"},
    {"NO_COLOR=1 $berth shell",
     "socketpair name=@p\nsend handle=@p base64=AP8=\nrecv handle=@p.1\n", "\\x00\\xff\r\n"},
    /* Nor does it turn the text around. */
    {"NO_COLOR=1 $berth shell", "socket 'site:=\"a\\u202eb\\u2066c\"'\nls\n",
     "a<U+202E>b<U+2066>c"},
    {"NO_COLOR=1 $berth shell", "socket 'label:=\"a\\u0007\\u202eb\"'\nledger.list\n",
     "a\\x07<U+202E>b"},
    /* Tables. */
    {"NO_COLOR=1 $berth shell", "create_server address=127.0.0.1:0 name=web\nls state=listening\n",
     " web  listening tcp  127.0.0.1:"},
    {"$berth leaks", NULL, "No leaks: "},
    {LEAKY "$berth leaks since=99999999999", NULL, "No leaks: "},
    {LEAKY "$berth leaks", NULL, "    2        0 f.c:7 berth mine"},
    {LEAKY "$berth leaks", NULL, "    1        0 f.c:9 berth "},
    {"cd ${BERTH_SOCKET%/*}; script -qfc \"$berth watch since=0\" out >/dev/null & watch=$!; " LEAKY
     "n=0; until [ $(grep -c reclaimed out) -eq 3 ] || [ $n -eq 200 ]; do n=$((n+1)); sleep 0.05; "
     "done; kill $watch; wait $watch; grep -v Script out | sed -n '1p;6p'; rm out",
     NULL, " opened    -          1677"},
};

START_TEST(print_on_terminal)
{
    static struct run run;

    real_daemon_run(terminal_rows[_i].command, terminal_rows[_i].in, true, &run);
    ck_assert_msg(run.status == 0, "exit %d: %s", run.status, run.err);
    check_text("output", run.out, terminal_rows[_i].out);
}
END_TEST

/* `berth help` explains each method, and what it gives as an example is good usage: the daemon may
 * refuse, but the command does not. */
START_TEST(example_of_help)
{
    const char *name = method_at((enum method_id)_i)->name;
    static struct run run;
    char command[512];

    /* A shell has no place for what these answer. */
    if (method_at((enum method_id)_i)->flags & FD_OUT)
        return;
    snprintf(command, sizeof command,
             "example=$($berth help %s | tail -n 1) && \"$berth\" ${example#*berth}", name);
    real_daemon_run(command, NULL, false, &run);
    ck_assert_msg(run.status == 0 || run.status == 1, "%s: exit %d: %s", name, run.status, run.err);
    ck_assert_msg(run.status == 0 || strncmp(run.err, "berth: ", 7) == 0, "%s: %s", name, run.err);
    /* A subscription cannot be made up, a handle can. */
    if (strcmp(name, "unsubscribe") != 0)
        ck_assert_msg(!strstr(run.err, "protocol"), "%s: %s", name, run.err);
}
END_TEST

START_TEST(completion)
{
    static const char *const lines[][2] = {
        {"berth rec", "recv recvfrom"},
        {"berth recv fl", "flags="},
        {"berth --json socket type=SOCK_D", "SOCK_DGRAM"},
        {"berth ls st", "state="},
        {"berth completion ", "bash"},
        {"berth lea", "leaks leave_group lease"},
        {"berth leaks ", "since="},
        {"berth watch recl", "reclaimed"},
        {"berth watch sus", "suspect suspect="},
        {"berth top int", "interval="},
        {"berth nc --no", "--no-verify"},
        {"berth nc --tls --ca /etc/hostnam", "/etc/hostname"},
        {"berth --soc", "--socket"},
        {"berth send-file --of", "--offset"},
        {"berth send-file /etc/hostnam", "/etc/hostname"},
        {"berth socket options.TCP_NODE", "options.TCP_NODELAY="},
    };
    static struct run run;
    char command[512];

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(command, sizeof command,
                 "bash -c 'source <($berth completion bash); COMP_LINE=\"%s\"; "
                 "COMP_POINT=${#COMP_LINE}; _berth; "
                 "echo \"${COMPREPLY[*]}\"'",
                 lines[i][0]);
        real_daemon_run(command, NULL, false, &run);
        ck_assert_str_eq(strtok(run.out, "\n"), lines[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, real_daemon_start, real_daemon_stop);
    tcase_set_timeout(tests, 40);
    tcase_add_loop_test(tests, run_and_print, 0, sizeof rows / sizeof *rows);
    if (real_daemon_has_terminals())
        tcase_add_loop_test(tests, print_on_terminal, 0,
                            sizeof terminal_rows / sizeof *terminal_rows);
    else
        puts("skipped: print_on_terminal, for this machine has no pseudo-terminals");
    tcase_add_loop_test(tests, example_of_help, 0, N_METHODS);
    tcase_add_test(tests, completion);
    return house_run(suite);
}
