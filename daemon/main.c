/* berthd: the order of its life, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "log.h"
#include "server.h"
#include "version.h"

enum { STOP_USEC = 1000000 };

struct options {
    const char *socket, *config;
};

struct daemon {
    struct options options;
    struct config config;
    struct control control;
    struct server *server;
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

    if (config_read(d->options.config, &d->config, message, sizeof message) < 0) {
        log_line(LOG_ERR, "%s; the settings stay as they were", message);
        return;
    }
    server_apply_settings(d->server);
    control_open_to(&d->control, pools_are_for_others(d->config.pools));
    log_line(LOG_NOTICE, "settings read again");
}

static void reserve(void *user, int64_t next_handle)
{
    control_reserve(&((struct daemon *)user)->control, next_handle);
}

static int open_all(struct daemon *d, char *message, size_t n)
{
    char *path = find_path(&d->options);
    int r;

    if (!path)
        return -ENOMEM;
    d->config = config_default();
    if ((r = config_read(d->options.config, &d->config, message, n)) >= 0)
        r = control_open(&d->control, path, message, n);
    free(path);
    if (r < 0)
        return r;
    d->server = server_new(&(struct server_setup){
        .config = &d->config, .listen_fd = d->control.fd, .first_handle = d->control.first_handle});
    if (d->server) {
        control_open_to(&d->control, pools_are_for_others(d->config.pools));
        return 0;
    }
    r = -errno;
    snprintf(message, n, "%s%s", strerror(-r),
             r == -EMFILE ? ": raise the limit of descriptors (RLIMIT_NOFILE)" : "");
    control_close(&d->control, d->control.first_handle);
    return r;
}

static void close_all(struct daemon *d)
{
    int64_t next;

    server_stop(d->server, STOP_USEC);
    next = store_next_number(server_core(d->server)->store);
    server_free(d->server);
    control_close(&d->control, next);
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
    struct daemon d = {0};
    const struct server_hooks hooks = {reload, reserve, &d};
    char message[512] = "out of memory";
    int r = take_options(argc, argv, &d.options);

    if (r >= 0)
        return r;
    open_standard_fds();
    if (open_all(&d, message, sizeof message) < 0) {
        log_line(LOG_ERR, "%s", message);
        config_free(&d.config);
        return EXIT_FAILURE;
    }
    log_line(LOG_INFO, "berthd " BERTH_VERSION " serves %s", d.control.path);
    sd_notify(0, "READY=1");
    r = server_run(d.server, &hooks);
    sd_notify(0, "STOPPING=1");
    if (r < 0)
        log_line(LOG_ERR, "the event loop failed: %s", strerror(-r));
    close_all(&d);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
