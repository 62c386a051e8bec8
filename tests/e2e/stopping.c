/* stopping.c — a real berthd that comes to its limits: it is ended while there is work, or has few
 * descriptors:
 *
 *   stopping BERTHD
 *
 * Whoever is connected is answered and then reads an end, not a reset. Exit status: 0 when all was
 * as it should be, 1 when not, 2 for wrong usage. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deaths_restart.h"
#include "real.h"

enum { CANCELLED = -32021, PARSE_ERROR = -32700, LIMIT = -32020 };

struct session {
    int fd;
    struct lines replies;
};

static struct real real;
static const char *berthd;

static void wrong(const char *what, json_t *reply)
{
    char *text = reply ? json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    fprintf(stderr, "%s%s%.2000s\n", what, text ? ": " : "", text ? text : "");
    free(text);
    real_stop(&real, 1);
    exit(1);
}

/* -- sessions -- */

static struct session begin(void)
{
    struct session s = {.fd = real_connect(&real)};

    if (s.fd < 0)
        wrong("no session", NULL);
    lines_init(&s.replies, s.fd);
    return s;
}

static void end(struct session *s)
{
    lines_done(&s->replies);
    close(s->fd);
}

/* The text may be several lines. */
static void say(struct session *s, const char *text)
{
    if (lines_write(s->fd, text, strlen(text)) < 0)
        wrong("the daemon does not read", NULL);
}

/* The next reply, to be freed. */
static json_t *next(struct session *s)
{
    const char *line;
    size_t n;
    int r = lines_next(&s->replies, &line, &n);
    json_t *reply = r == 1 ? json_loadb(line, n, 0, NULL) : NULL;

    if (!reply)
        wrong(r < 0 ? strerror(-r) : r == 0 ? "the end came before the reply" : "no JSON", NULL);
    return reply;
}

static json_t *ask(struct session *s, const char *line)
{
    say(s, line);
    return next(s);
}

/* A client that reads to the end must find one: a reset would be an error to it. */
static void expect_end(struct session *s)
{
    const char *line;
    size_t n;
    int r = lines_next(&s->replies, &line, &n);

    if (r != 0)
        wrong(r < 0 ? strerror(-r) : "a reply that nobody asked for", NULL);
    end(s);
}

static json_int_t code_of(json_t *reply)
{
    return json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));
}

static void expect_cancelled(json_t *reply, int id)
{
    if (json_integer_value(json_object_get(reply, "id")) != id || code_of(reply) != CANCELLED)
        wrong("not the reply of a cancelled call", reply);
}

static void expect_next_cancelled(struct session *s, int id)
{
    json_t *reply = next(s);

    expect_cancelled(reply, id);
    json_decref(reply);
}

/* -- the daemon -- */

static void start(void)
{
    if (real_start(&real, berthd) < 0)
        wrong("no daemon", NULL);
}

static void begin_to_stop(void)
{
    kill(real.pid, SIGTERM);
}

static void expect_stopped(void)
{
    if (real_stop(&real, 0) < 0)
        exit(1);
}

/* One that ends in order, and the next on its path. */
static void replace(void)
{
    siginfo_t info = {0};
    struct pollfd p = {.fd = real.pidfd, .events = POLLIN};

    if (poll(&p, 1, WAIT_MS) != 1 ||
        waitid(P_PIDFD, (id_t)real.pidfd, &info, WEXITED | WNOWAIT) < 0 ||
        info.si_code != CLD_EXITED || info.si_status != 0)
        wrong("the daemon does not end in order", NULL);
    deaths_restart_kill(&real);
    if (deaths_restart_start(&real, berthd) < 0)
        wrong("no next daemon", NULL);
}

/* -- tests -- */

/* What stands behind a call that waits is answered too, and what is not answered is read all the
 * same. */
static void test_lines_behind_one_that_waits(void)
{
    struct session s;
    json_t *reply;

    start();
    s = begin();
    json_decref(ask(&s, "{\"method\":\"socketpair\",\"id\":1,\"params\":{\"name\":\"@p\"}}\n"));
    say(&s,
        "{\"method\":\"recv\",\"id\":2,\"params\":{\"handle\":\"@p\"}}\n"
        "{\"method\":\"ping\",\"id\":3}\n"
        "[{\"method\":\"ping\",\"id\":4},{\"method\":\"ping\"},{\"method\":\"socket\",\"id\":5}]\n"
        "{\"method\":\"socket\"}\n"
        "no json\n"
        "{\"method\":\"recv\",\"id\":6,\"params\":{\"handle\":\"@p\"}}\n"
        "{\"method\":\"pi");
    begin_to_stop();
    expect_next_cancelled(&s, 2);
    expect_next_cancelled(&s, 3);
    reply = next(&s);
    if (json_array_size(reply) != 2)
        wrong("not the replies of a batch", reply);
    for (int i = 0; i < 2; i++)
        expect_cancelled(json_array_get(reply, (size_t)i), 4 + i);
    json_decref(reply);
    reply = next(&s);
    if (code_of(reply) != PARSE_ERROR)
        wrong("not the reply to what is no JSON", reply);
    json_decref(reply);
    expect_next_cancelled(&s, 6);
    expect_end(&s);
    expect_stopped();
}

/* Replies that are not read yet are still sent. */
static void test_replies_on_their_way(void)
{
    enum { N = 30, N_BYTES = 20000 };
    struct session s;
    char *line;
    json_t *reply;

    start();
    s = begin();
    json_decref(ask(&s, "{\"method\":\"socketpair\",\"id\":1,\"params\":{\"name\":\"@p\"}}\n"));
    for (int i = 0; i < N; i++) {
        if (asprintf(&line, "{\"method\":\"ping\",\"id\":%d,\"params\":{\"echo\":\"%0*d\"}}\n", i,
                     N_BYTES, i) < 0)
            wrong("out of memory", NULL);
        say(&s, line);
        free(line);
    }
    say(&s, "{\"method\":\"recv\",\"id\":100,\"params\":{\"handle\":\"@p\"}}\n");
    json_decref(next(&s)); /* the daemon has begun with them */
    begin_to_stop();
    for (int i = 1; i < N; i++) {
        reply = next(&s);
        if (json_integer_value(json_object_get(reply, "id")) != i)
            wrong("a reply is missing", reply);
        json_decref(reply);
    }
    expect_next_cancelled(&s, 100);
    expect_end(&s);
    expect_stopped();
}

/* The number of the handle that the reply gives; 0: none. */
static json_int_t handle_of(const json_t *reply)
{
    return json_integer_value(json_object_get(json_object_get(reply, "result"), "handle"));
}

/* A batch of which the first entry waits and the others would open sockets. */
static struct session begin_batch(void)
{
    struct session s = begin(), other;

    json_decref(ask(&s, "{\"method\":\"socketpair\",\"id\":1,\"params\":{\"name\":\"@p\"}}\n"));
    say(&s, "[{\"method\":\"recv\",\"id\":2,\"params\":{\"handle\":\"@p\"}},"
            "{\"method\":\"socket\",\"id\":3},{\"method\":\"socket\",\"id\":4}]\n");
    /* Others are answered in later turns. */
    for (int i = 0; i < 2; i++) {
        other = begin();
        json_decref(ask(&other, "{\"method\":\"ping\",\"id\":1}\n"));
        end(&other);
    }
    return s;
}

/* No number is used again by the next daemon, whatever the end of the one before has still brought
 * about; and what has not begun is not done. */
static void test_numbers_of_a_batch_in_progress(void)
{
    struct session s;
    json_t *replies, *reply;

    start();
    s = begin_batch();
    begin_to_stop();
    replies = next(&s);
    expect_end(&s);
    replace();
    s = begin();
    reply = ask(&s, "{\"method\":\"socket\",\"id\":1}\n");
    if (json_array_size(replies) != 3 || handle_of(reply) == 0)
        wrong("not the replies of a batch", replies);
    for (size_t i = 0; i < json_array_size(replies); i++) {
        if (handle_of(reply) <= handle_of(json_array_get(replies, i)))
            wrong("a number is used again", reply);
        expect_cancelled(json_array_get(replies, i), 2 + (int)i);
    }
    json_decref(reply);
    json_decref(replies);
    end(&s);
    if (real_check_clean(&real) < 0)
        wrong("not clean", NULL);
    expect_stopped();
}

/* Returns whether the daemon serves this session; if not, it must have said why. It may have hung
 * up before it was asked anything. */
static int is_served(struct session *s)
{
    static const char line[] = "{\"method\":\"ping\",\"id\":1}\n";
    int r = lines_write(s->fd, line, sizeof line - 1), served;
    json_t *reply = next(s);
    const char *name = json_string_value(
        json_object_get(json_object_get(json_object_get(reply, "error"), "data"), "name"));

    served = r == 0 && json_object_get(reply, "result") != NULL;
    if (!served && (code_of(reply) != LIMIT || !name || strcmp(name, "SESSIONS") != 0))
        wrong("not served, and no good reason", reply);
    json_decref(reply);
    return served;
}

/* How much of this the daemon has promised. */
static int limit(struct session *s, const char *name)
{
    json_t *reply = ask(s, "{\"method\":\"hello\",\"id\":1}\n");
    json_t *limits = json_object_get(json_object_get(reply, "result"), "limits");
    int v = (int)json_integer_value(json_object_get(limits, name));

    json_decref(reply);
    return v;
}

/* As many sockets as the session gets. */
static int take_sockets(struct session *s)
{
    int n = 0, failed;

    do {
        json_t *reply = ask(s, "{\"method\":\"socket\",\"id\":1}\n");

        failed = json_object_get(reply, "error") != NULL;
        json_decref(reply);
    } while (!failed && n++ < 64);
    return n;
}

/* With few descriptors as many clients are served, and as many sockets made, as hello says; who
 * comes then is told. */
static void run_with_descriptors(rlim_t n_fds)
{
    enum { N_SESSIONS = 20 };
    struct session sessions[N_SESSIONS];
    int n = 0;

    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){n_fds, n_fds}) < 0)
        wrong(strerror(errno), NULL);
    start();
    do
        sessions[n] = begin();
    while (is_served(&sessions[n]) && ++n < N_SESSIONS);
    if (n == 0 || n == N_SESSIONS)
        wrong("no session, or no end of them", NULL);
    end(&sessions[n]);
    if (1 + n != limit(&sessions[0], "sessions")) /* there is the oracle's, too */
        wrong("not as many sessions as promised", NULL);
    if (take_sockets(&sessions[0]) != limit(&sessions[0], "handles"))
        wrong("not as many sockets as promised", NULL);
    sessions[n] = begin();
    if (is_served(&sessions[n]))
        wrong("one session too many", NULL);
    end(&sessions[n]);
    for (int i = 0; i < n; i++) {
        if (!is_served(&sessions[i]))
            wrong("a session suffers from another's sockets", NULL);
        end(&sessions[i]);
    }
    if (real_check_clean(&real) < 0)
        wrong("not clean", NULL);
    expect_stopped();
}

/* To be the last: the limit is this program's too, and is not raised again. */
static void test_few_descriptors(void)
{
    run_with_descriptors(64);
    run_with_descriptors(40);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"lines behind one that waits", test_lines_behind_one_that_waits},
        {"replies on their way", test_replies_on_their_way},
        {"numbers of a batch in progress", test_numbers_of_a_batch_in_progress},
        {"few descriptors", test_few_descriptors},
    };

    if (argc != 2) {
        fprintf(stderr, "Usage: %s BERTHD\n", argv[0]);
        return 2;
    }
    berthd = argv[1];
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        printf("- %s\n", tests[i].name);
        fflush(stdout);
        tests[i].run();
    }
    return 0;
}
