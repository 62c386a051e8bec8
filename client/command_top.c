/* command_top.c — the daemon, live: the loop between the clock, the keyboard and the session. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/command.h"
#include "client/top_screen.h"

/* What the loop runs on. */
struct view {
    struct top top;
    struct top_screen *screen;
    double interval; /* seconds between pictures */
    double asked;    /* when the last was asked for */
    int signals;     /* signalfd */
};

/* Why the loop ends. */
enum end { GOES_ON, END_USER, END_SESSION, END_MEMORY };

static bool is_late(const struct view *v)
{
    return v->top.request && top_now() - v->asked > 2 * v->interval;
}

/* Asks when it is time; milliseconds until it is time again. */
static int keep_time(struct view *v, enum end *end)
{
    double left = v->asked + v->interval - top_now();

    if (left <= 0 && !v->top.request) {
        v->asked = top_now();
        left = v->interval;
        if (top_ask(&v->top) < 0)
            *end = END_SESSION;
    }
    /* While an answer is owed, we wake all the same, to say that it is late. */
    return (int)ceil((left > 0 ? left : v->interval) * 1000);
}

static enum end take_signal(struct view *v)
{
    struct signalfd_siginfo info;

    if (read(v->signals, &info, sizeof info) != sizeof info)
        return GOES_ON;
    if (info.ssi_signo != SIGWINCH)
        return END_USER;
    screen_resize(v->screen);
    return GOES_ON;
}

static enum end take_pictures(struct view *v)
{
    int r;

    errno = 0;
    berth_process(v->top.b);
    r = top_take(&v->top);
    if (r < 0)
        return *berth_last_error(v->top.b)->kind ? END_SESSION : END_MEMORY;
    return GOES_ON;
}

static enum end step(struct view *v)
{
    enum end end = GOES_ON;
    int ms = keep_time(v, &end);
    struct pollfd p[] = {{.fd = berth_fd(v->top.b), .events = berth_events(v->top.b)},
                         {.fd = v->signals, .events = POLLIN},
                         {.fd = STDIN_FILENO, .events = POLLIN}};

    if (end != GOES_ON)
        return end;
    if (poll(p, sizeof p / sizeof *p, ms) < 0 && errno != EINTR)
        return END_MEMORY;
    if (p[1].revents)
        end = take_signal(v);
    if (end == GOES_ON && p[2].revents)
        end = (p[2].revents & (POLLHUP | POLLERR)) || !screen_keys(v->screen, &v->top) ? END_USER
                                                                                       : GOES_ON;
    if (end == GOES_ON)
        end = take_pictures(v);
    if (end == GOES_ON)
        screen_draw(v->screen, &v->top, is_late(v));
    return end;
}

static int open_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The terminal is back to what it was before anything is said about the end. */
static int run(struct cli *cli, struct view *v)
{
    enum end end = GOES_ON;

    if ((v->signals = open_signals()) < 0) {
        perror("berth: signalfd");
        return EXIT_FAILED;
    }
    if (!(v->screen = screen_open())) {
        close(v->signals);
        return command_misused("top: this terminal (TERM=%s) cannot show it; use `berth ls`",
                               getenv("TERM") ? getenv("TERM") : "");
    }
    v->asked = -v->interval;
    while (end == GOES_ON)
        end = step(v);
    screen_close(v->screen);
    close(v->signals);
    command_note_restart(cli);
    if (end == END_SESSION)
        return command_failed(cli);
    if (end == END_MEMORY)
        fputs("berth: top: out of memory, or the daemon's answer cannot be read\n", stderr);
    return end == END_USER ? EXIT_OK : EXIT_FAILED;
}

/* Returns EXIT_OK or EXIT_USAGE. */
static int take_interval(int n, char **words, double *ret)
{
    char *end = NULL;

    *ret = 1;
    for (int i = 1; i < n; i++) {
        if (strncmp(words[i], "interval=", 9) != 0)
            return command_misused("top: there is no parameter %s\nIt takes: interval", words[i]);
        *ret = strtod(words[i] + 9, &end);
        if (end == words[i] + 9 || *end || !(*ret >= 0.1 && *ret <= 3600))
            return command_misused("top: %s: give seconds from 0.1 to 3600", words[i]);
    }
    return EXIT_OK;
}

int command_top(struct cli *cli, int n, char **words)
{
    struct view v = {.signals = -1};
    int status = take_interval(n, words, &v.interval);

    if (status != EXIT_OK)
        return status;
    if (cli->in_shell || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return command_misused("top: it needs a terminal of its own; use `berth ls`");
    if (!(v.top.b = command_session(cli)))
        return EXIT_FAILED;
    status = run(cli, &v);
    top_done(&v.top);
    return status;
}
