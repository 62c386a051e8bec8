/* script.c — session files: loading, running, running through socat. */
#include "script.h"

#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps.h"

enum { N_PLACES = 5 };

int script_say(const struct script *s, int r, const char *format, ...)
{
    va_list words;

    if (s->silent)
        return r;
    fprintf(stderr, "%s:%zu: ", s->path, s->next);
    va_start(words, format);
    vfprintf(stderr, format, words);
    va_end(words);
    fputc('\n', stderr);
    return r;
}

/* -- running */

static const struct step {
    const char *word;
    step_fn *run;
} steps[] = {
    {">eof", step_eof},        {">close", step_close},     {">raw ", step_raw},
    {">fill ", step_fill},     {">fds ", step_fds},        {"> ", step_send},
    {"<eof", step_expect_eof}, {"<| ", step_expect_group}, {"< ", step_expect},
};

static struct session *session_of(struct script *s, char digit)
{
    struct session *session = &s->sessions[digit - '1'];

    if (session->fd < 0 && !s->input) {
        session->fd = real_connect(s->real);
        lines_init(&session->replies, session->fd);
    }
    return session->fd < 0 && !s->input ? NULL : session;
}

/* Runs one line; `only` is '<' or '>' to pass over all others, or 0. */
static int run_line(struct script *s, const char *line, char only)
{
    char digit = line[0] >= '1' && line[0] <= '9' ? *line++ : '1';
    struct session *session;

    if (line[0] == '\0' || line[0] == '#' || (only && line[0] != only))
        return 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!strncmp(line, steps[i].word, strlen(steps[i].word))) {
            session = session_of(s, digit);
            return session ? steps[i].run(s, session, line + strlen(steps[i].word)) : -1;
        }
    return script_say(s, -1, "unknown step: %s", line);
}

static int run_lines(struct script *s, char only)
{
    int r = 0;

    for (s->next = 0; s->next < s->n_lines && r == 0;) {
        const char *line = s->lines[s->next++];

        r = run_line(s, line, only);
    }
    return r;
}

/* Half-closes what is still open; then nothing more may come. */
static int end_sessions(struct script *s)
{
    int r = 0;

    for (int i = 0; i < N_SESSIONS && r == 0; i++)
        if (s->sessions[i].fd >= 0) {
            shutdown(s->sessions[i].fd, SHUT_WR);
            r = step_expect_eof(s, &s->sessions[i], "");
        }
    return r;
}

static void close_sessions(struct script *s)
{
    for (int i = 0; i < N_SESSIONS; i++)
        if (s->sessions[i].fd >= 0)
            step_close(s, &s->sessions[i], "");
}

int script_run(struct script *s, const struct real *real, bool silent)
{
    int r;

    s->real = real;
    s->silent = silent;
    r = run_lines(s, 0);
    if (r == 0)
        r = end_sessions(s);
    close_sessions(s);
    return r;
}

/* -- what a script needs */

static bool has_line(const struct script *s, const char *wanted)
{
    for (size_t i = 0; i < s->n_lines; i++)
        if (!strcmp(s->lines[i], wanted))
            return true;
    return false;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

bool script_can_be_run(const struct script *s)
{
    return !has_line(s, "#needs ipv6") || has_ipv6();
}

/* -- through socat */

/* Whether a line has a $name that a reply has to bind first. */
static bool has_open_name(const char *line)
{
    while ((line = strchr(line, '$')))
        if (strncmp(++line, "place", 5) != 0)
            return true;
    return false;
}

bool script_can_be_piped(const struct script *s)
{
    if (has_line(s, "#interactive"))
        return false;
    for (size_t i = 0; i < s->n_lines; i++) {
        const char *line = s->lines[i];

        if (isdigit((unsigned char)line[0]) || !strncmp(line, ">close", 6) ||
            !strncmp(line, ">fds", 4) || (!strncmp(line, "> ", 2) && has_open_name(line)))
            return false;
    }
    return true;
}

/* Starts socat with the gathered requests as its input. Returns the descriptor of its output, or
 * -1. */
static int start_socat(const struct script *s, int input, pid_t *ret_pid)
{
    int out[2];
    char address[128];

    snprintf(address, sizeof address, "UNIX-CONNECT:%s", s->real->path);
    if (pipe2(out, O_CLOEXEC) < 0)
        return -1;
    *ret_pid = fork();
    if (*ret_pid == 0) {
        dup2(input, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execlp("socat", "socat", "-t", "10", "-", address, (char *)NULL);
        perror("socat");
        _exit(127);
    }
    close(out[1]);
    return out[0];
}

int script_run_piped(struct script *s, const struct real *real)
{
    FILE *input = tmpfile();
    struct session *session = &s->sessions[0];
    pid_t pid = -1;
    int r = -1, status;

    s->real = real;
    s->input = input;
    if (input && run_lines(s, '>') == 0 && fflush(input) == 0 &&
        lseek(fileno(input), 0, SEEK_SET) == 0) {
        s->input = NULL;
        session->fd = start_socat(s, fileno(input), &pid);
        lines_init(&session->replies, session->fd);
        r = session->fd < 0 ? -1 : run_lines(s, '<');
        if (r == 0 && session->fd >= 0)
            r = step_expect_eof(s, session, "");
    }
    close_sessions(s);
    if (input)
        fclose(input);
    if (pid > 0 && (waitpid(pid, &status, 0) < 0 || status != 0) && r == 0)
        r = script_say(s, 1, "socat failed");
    return r;
}

/* -- loading */

static bool split(struct script *s)
{
    size_t n_room = 1;

    for (const char *c = s->text; *c; c++)
        n_room += *c == '\n';
    s->lines = calloc(n_room, sizeof *s->lines);
    for (char *rest = s->text, *line; s->lines && (line = strsep(&rest, "\n"));)
        s->lines[s->n_lines++] = line;
    return s->lines;
}

/* Binds $place1, $place2, …: abstract addresses that no other run uses at the same time. */
static bool bind_places(struct script *s)
{
    char name[32];
    int r = s->names ? 0 : -1;

    for (int i = 1; i <= N_PLACES && r == 0; i++) {
        snprintf(name, sizeof name, "place%d", i);
        r = json_object_set_new(s->names, name, json_sprintf("berth-test-%d-%d", (int)getpid(), i));
    }
    return r == 0;
}

struct script *script_load(const char *path)
{
    struct script *s = calloc(1, sizeof *s);
    FILE *file = fopen(path, "re");
    size_t n_room = 0;

    if (s) {
        s->path = path;
        s->names = json_object();
        for (int i = 0; i < N_SESSIONS; i++)
            s->sessions[i].fd = -1;
    }
    if (!s || !file || getdelim(&s->text, &n_room, '\0', file) < 0 || !bind_places(s) ||
        !split(s)) {
        perror(path);
        script_free(s);
        s = NULL;
    }
    if (file)
        fclose(file);
    return s;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    close_sessions(s);
    json_decref(s->names);
    free(s->lines);
    free(s->text);
    free(s);
}
