/* sending.c — the ">" steps of a session file. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "steps.h"

static int put(struct script *s, struct session *session, const char *bytes, size_t n)
{
    int r;

    if (s->input)
        return fwrite(bytes, 1, n, s->input) == n ? 0 : -1;
    r = lines_write(session->fd, bytes, n);
    return r < 0 ? script_say(s, -1, "cannot send: %s", strerror(-r)) : 0;
}

/* Writes the line with its $names replaced. */
static int replace(struct script *s, const char *line, FILE *to)
{
    for (; *line; line++) {
        size_t n = 0;
        char name[32], *value;

        if (*line == '$')
            while (n + 1 < sizeof name &&
                   (islower((unsigned char)line[n + 1]) || line[n + 1] == '_' ||
                    isdigit((unsigned char)line[n + 1]))) {
                name[n] = line[n + 1];
                n++;
            }
        name[n] = '\0';
        if (n == 0) {
            fputc(*line, to);
            continue;
        }
        value = json_dumps(json_object_get(s->names, name), JSON_ENCODE_ANY | JSON_COMPACT);
        if (!value)
            return script_say(s, -1, "$%s is not bound yet", name);
        fputs(value, to);
        free(value);
        line += n;
    }
    return 0;
}

/* The line as it goes out, its newline included; to be freed. */
static char *final_line(struct script *s, const char *rest, size_t *ret_n)
{
    char *line = NULL;
    FILE *to = open_memstream(&line, ret_n);
    int r = to ? replace(s, rest, to) : -1;

    if (to) {
        fputc('\n', to);
        fclose(to);
    }
    if (r < 0) {
        free(line);
        return NULL;
    }
    return line;
}

int step_send(struct script *s, struct session *session, const char *rest)
{
    size_t n;
    char *line = final_line(s, rest, &n);
    int r = line ? put(s, session, line, n) : -1;

    free(line);
    return r;
}

static int unescape(const char *escape, char *ret)
{
    static const char from[] = "rnt\\", to[] = "\r\n\t\\";
    const char *simple = *escape ? strchr(from, *escape) : NULL;
    char hex[3] = {0};

    if (simple) {
        *ret = to[simple - from];
        return 1;
    }
    if (*escape != 'x' || !isxdigit((unsigned char)escape[1]) ||
        !isxdigit((unsigned char)escape[2]))
        return 0;
    memcpy(hex, escape + 1, 2);
    *ret = (char)strtol(hex, NULL, 16);
    return 3;
}

int step_raw(struct script *s, struct session *session, const char *rest)
{
    while (*rest) {
        char byte = *rest;
        int n = byte == '\\' ? unescape(rest + 1, &byte) : 0;

        if (*rest == '\\' && n == 0)
            return script_say(s, -1, "unknown escape: %s", rest);
        rest += 1 + n;
        if (put(s, session, &byte, 1) < 0)
            return -1;
    }
    return 0;
}

int step_fill(struct script *s, struct session *session, const char *rest)
{
    char *text;
    unsigned long n = strtoul(rest, &text, 10);
    size_t n_text;
    char *all;
    int r;

    if (*text != ' ' || n == 0 || n > 16ul << 20)
        return script_say(s, -1, "usage: >fill N TEXT");
    n_text = strlen(++text);
    all = malloc(n * n_text + 1);
    if (!all)
        return -1;
    for (unsigned long i = 0; i < n; i++)
        memcpy(all + i * n_text, text, n_text);
    r = put(s, session, all, n * n_text);
    free(all);
    return r;
}

int step_fds(struct script *s, struct session *session, const char *rest)
{
    char *text, *line = NULL;
    unsigned long n_fds = strtoul(rest, &text, 10);
    int fd = open(s->path, O_RDONLY | O_CLOEXEC), r = -1;
    size_t n;

    if (fd >= 0 && *text == ' ' && (line = final_line(s, text + 1, &n))) {
        r = lines_write_fds(session->fd, line, n, fd, (int)n_fds);
        if (r < 0)
            script_say(s, -1, "cannot send: %s", strerror(-r));
    }
    free(line);
    if (fd >= 0)
        close(fd);
    return r;
}

int step_eof(struct script *s, struct session *session, const char *rest)
{
    (void)rest;
    if (s->input)
        return 0;
    return shutdown(session->fd, SHUT_WR) < 0 ? script_say(s, -1, "half-close: %s", strerror(errno))
                                              : 0;
}

int step_close(struct script *s, struct session *session, const char *rest)
{
    (void)s;
    (void)rest;
    lines_done(&session->replies);
    close(session->fd);
    session->fd = -1;
    return 0;
}
