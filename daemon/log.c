#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static const char *const names[] = {
    [LOG_ERR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
    [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static int least = LOG_INFO;

bool log_set_level(const char *name)
{
    for (int i = LOG_ERR; i <= LOG_DEBUG; i++) {
        if (strcmp(names[i], name) == 0) {
            least = i;
            return true;
        }
    }
    return false;
}

/* systemd.exec(5), JOURNAL_STREAM: device and inode of the stream that goes to the journal. */
static bool is_journal(void)
{
    static int known = -1;
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    if (known < 0)
        known = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
    return known;
}

/* A reader that does not read must not hold the daemon up; what does not fit is dropped. A pipe
 * that poll calls writable takes PIPE_BUF bytes at once (pipe(7)), which is more than a line. */
static void write_line(const char *level, const char *text)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT)
        dprintf(STDERR_FILENO, "berthd: %s: %s\n", level, text);
}

/* A client's words stay within their line. */
static void defuse(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

void log_line(int level, const char *format, ...)
{
    char text[600];
    va_list args;

    if (level > least)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    defuse(text);
    if (is_journal())
        sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", level, NULL);
    else
        write_line(names[level], text);
}

static int level_of(const struct error *e)
{
    bool ours = e->id == ERROR_INTERNAL || e->sys_errno == ENOMEM || e->sys_errno == EMFILE ||
                e->sys_errno == ENFILE;

    return ours ? LOG_WARNING : LOG_INFO;
}

void log_client_error(const struct principal *who, const char *method, const struct error *e)
{
    const struct error_info *info = error_info(e->id);
    const char *name = e->name ? e->name : info->name, *exe = who->exe ? who->exe : "?";
    int level = level_of(e);

    if (level > least)
        return;
    if (is_journal())
        sd_journal_send("MESSAGE=%s (pid %d, uid %u): %s: %s %s: %s", exe, (int)who->pid, who->uid,
                        method, info->kind, name, e->message, "PRIORITY=%i", level,
                        "BERTH_METHOD=%s", method, "BERTH_KIND=%s", info->kind, "BERTH_NAME=%s",
                        name, "BERTH_UID=%u", who->uid, "BERTH_PID=%d", (int)who->pid,
                        "BERTH_EXE=%s", exe, NULL);
    else
        log_line(level, "%s (pid %d, uid %u): %s: %s %s: %s", exe, (int)who->pid, who->uid, method,
                 info->kind, name, e->message);
}
