/* berthd: the order of its life, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "inherit.h"
#include "keep.h"
#include "log.h"
#include "notify.h"
#include "recover.h"
#include "server.h"
#include "state_file.h"
#include "status.h"
#include "version.h"

enum { STOP_USEC = 1000000 };

struct options {
    const char *socket, *config;
};

struct daemon {
    struct options options;
    struct config config;
    struct control control;
    struct notify notify;
    struct keep keep;
    struct server *server;
    struct status status;
};

static const char usage[] =
    "Usage: berthd [--socket PATH] [--config FILE] [--log-level LEVEL]\n"
    "\n"
    "Owns sockets for other programs, which ask for them by lines of JSON on PATH.\n"
    "\n"
    "  --socket PATH      the control socket; else $BERTH_SOCKET, else /run/berth/berth.sock\n"
    "                     for root, else $XDG_RUNTIME_DIR/berth.sock\n"
    "  --config FILE      settings instead of /etc/berth/berthd.conf; FILE.d/*.conf are read after "
    "it\n"
    "  --log-level LEVEL  error, warning, notice, info (the usual) or debug\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "SIGTERM ends it, SIGHUP makes it read its settings again. Started by hand it serves its own "
    "user.\n"
    "Try: printf '{\"method\":\"ping\",\"id\":1}\\n' | socat - UNIX:PATH\n";

/* Returns -1 to go on, else the exit status. */
static int take_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'},
        {"config", required_argument, NULL, 'c'},
        {"log-level", required_argument, NULL, 'l'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "s:c:l:h", names, NULL)) >= 0) {
        switch (c) {
        case 's':
            o->socket = optarg;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 'l':
            if (log_set_level(optarg))
                break;
            fprintf(stderr, "berthd: there is no log level %s\n", optarg);
            return 2;
        case 'v':
            puts("berthd " BERTH_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("Try: berthd --help\n", stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "berthd: %s: no arguments are taken\n", argv[optind]);
    return 2;
}

/* The path of the control socket; malloc'ed. */
static char *find_path(const struct options *o)
{
    const char *path = getenv("BERTH_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
    char *made;

    if (o->socket)
        return strdup(o->socket);
    if (path && *path)
        return strdup(path);
    if (geteuid() == 0 || !runtime)
        return strdup("/run/berth/berth.sock");
    return asprintf(&made, "%s/berth.sock", runtime) < 0 ? NULL : made;
}

static void reload(void *user)
{
    struct daemon *d = user;
    char message[512];

    status_reloading(&d->status);
    if (config_read(d->options.config, &d->config, message, sizeof message) < 0) {
        log_line(LOG_ERR, "%s; the settings stay as they were", message);
        status_ready(&d->status, message);
        return;
    }
    server_apply_settings(d->server);
    control_open_to(&d->control, pools_are_for_others(d->config.pools));
    log_line(LOG_NOTICE, "settings read again");
    status_ready(&d->status, NULL);
}

static int64_t turned(void *user)
{
    return status_turned(&((struct daemon *)user)->status);
}

/* The control socket: the service manager's, where it gave one, else our own. */
static int open_control(struct daemon *d, struct inheritance *in, char *message, size_t n)
{
    char *path = find_path(&d->options), *bound = NULL;
    int fd = path ? inherit_take_control(in, path, &bound) : -1, r = -ENOMEM;

    if (path)
        r = control_open(&d->control, bound ? bound : path, fd, message, n);
    if (r < 0 && fd >= 0)
        close(fd);
    free(path);
    free(bound);
    return r;
}

/* Goes on where the daemon before ended. */
static int open_server(struct daemon *d, struct inheritance *in, char *message, size_t n)
{
    struct server_setup setup = {.listen_fd = d->control.fd,
                                 .core = {.config = &d->config, .keep = &d->keep}};
    struct state_file file;
    struct recovered recovered;
    int r = keep_open(&d->keep, &d->notify, keep_find_most(&d->notify));

    if (r >= 0)
        r = state_file_open(&file, d->control.path, d->control.was_served, &setup.core.state,
                            message, n);
    if (r < 0)
        return r;
    setup.core.first_handle = recover_first_handle(&file, in);
    if (!(d->server = server_new(&setup)))
        r = -errno;
    if (r >= 0)
        r = recover(server_core(d->server), &file, in, &recovered);
    if (r < 0)
        snprintf(message, n, "%s: %s%s", d->control.path, strerror(-r),
                 r == -EMFILE ? ": raise the limit of descriptors (RLIMIT_NOFILE)" : "");
    else if ((r = state_file_commit(&file, message, n)) >= 0)
        server_await_absent(d->server, file.remains.next_session);
    if (r >= 0 && recovered.n_back + recovered.n_lost + recovered.n_given + recovered.n_unknown)
        log_line(recovered.n_lost + recovered.n_unknown ? LOG_WARNING : LOG_NOTICE,
                 "taken over: %d sockets came back, %d are lost; inherited: %d for pools, %d "
                 "unknown",
                 recovered.n_back, recovered.n_lost, recovered.n_given, recovered.n_unknown);
    state_file_close(&file);
    return r;
}

static int open_all(struct daemon *d, char *message, size_t n)
{
    struct inheritance in;
    int r;

    /* First of all: what is given stands where others would be opened. */
    r = inherit_take(&in);
    notify_open(&d->notify);
    d->config = config_default();
    if (r >= 0)
        r = config_read(d->options.config, &d->config, message, n);
    if (r >= 0 && (r = open_control(d, &in, message, n)) >= 0)
        r = open_server(d, &in, message, n);
    inherit_done(&in);
    if (r >= 0)
        control_open_to(&d->control, pools_are_for_others(d->config.pools));
    return r;
}

static void close_all(struct daemon *d)
{
    status_end(&d->status);
    server_free(d->server);
    keep_work(&d->keep);
    keep_close(&d->keep);
    notify_close(&d->notify);
    control_close(&d->control);
    config_free(&d->config);
}

/* Standard descriptors that whoever started us left closed would become sockets that logs are
 * written to. */
static void open_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct daemon d = {.control = {.fd = -1, .lock_fd = -1},
                       .notify = {.fd = -1},
                       .keep = {.epoll_fd = -1, .barrier_fd = -1}};
    const struct server_hooks hooks = {reload, turned, &d};
    char message[512] = "out of memory", status[sizeof message + 16];
    int r = take_options(argc, argv, &d.options);

    if (r >= 0)
        return r;
    /* A limit of file sizes (RLIMIT_FSIZE) is an error of the state like a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    open_standard_fds();
    if (open_all(&d, message, sizeof message) < 0) {
        log_line(LOG_ERR, "%s", message);
        snprintf(status, sizeof status, "STATUS=%s", message);
        notify_send(&d.notify, status);
        close_all(&d);
        return EXIT_FAILURE;
    }
    log_line(LOG_INFO, "berthd " BERTH_VERSION " serves %s", d.control.path);
    r = server_take_signals(d.server, &hooks);
    status_begin(&d.status, &d.notify, d.server);
    if (r >= 0)
        r = server_run(d.server, &hooks);
    notify_send(&d.notify, "STOPPING=1");
    if (r < 0)
        log_line(LOG_ERR, "the event loop failed: %s", strerror(-r));
    server_stop(d.server, STOP_USEC);
    close_all(&d);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
