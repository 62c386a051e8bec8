/* manager_talk.c — clients of the daemon that the stand-in manager runs. */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/manager.h"

struct talk talk_new(struct manager *m)
{
    struct talk t = {.manager = m, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    snprintf(un.sun_path, sizeof un.sun_path, "%s", m->path);
    ck_assert_msg(connect(t.fd, (void *)&un, sizeof un) == 0, "%s: %s", m->path, strerror(errno));
    t.replies = json_array();
    return t;
}

void talk_end(struct talk *t)
{
    close(t->fd);
    free(t->in);
    json_decref(t->replies);
}

static int send_request(struct talk *t, const char *method, const char *params, va_list values)
{
    char line[8192];
    int id = ++t->next_id, n = snprintf(line, sizeof line, "{'id':%d,'method':'%s'", id, method);

    if (*params) {
        n += snprintf(line + n, sizeof line - (size_t)n, ",'params':{");
        n += vsnprintf(line + n, sizeof line - (size_t)n, params, values);
        n += snprintf(line + n, sizeof line - (size_t)n, "}");
    }
    n += snprintf(line + n, sizeof line - (size_t)n, "}\n");
    ck_assert_int_lt(n, (int)sizeof line);
    for (char *at = line; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    ck_assert_msg(send(t->fd, line, (size_t)n, MSG_NOSIGNAL) == n, "%s", strerror(errno));
    return id;
}

int talk_send(struct talk *t, const char *method, const char *params, ...)
{
    va_list values;
    int id;

    va_start(values, params);
    id = send_request(t, method, params, values);
    va_end(values);
    return id;
}

static bool read_more(struct talk *t)
{
    int tries = MANAGER_PATIENCE_MS / 5;
    ssize_t n;

    while (!manager_work(t->manager, t->fd, 5))
        ck_assert_msg(tries-- > 0, "no answer: %s", manager_log(t->manager));
    if (t->n_room - t->n_in < 4096)
        t->in = realloc(t->in, t->n_room += 65536);
    ck_assert_ptr_nonnull(t->in);
    n = read(t->fd, t->in + t->n_in, t->n_room - t->n_in);
    t->n_in += n > 0 ? (size_t)n : 0;
    return n > 0;
}

json_t *talk_next(struct talk *t)
{
    json_error_t e;
    json_t *reply;
    char *end;
    size_t n;

    while (!(end = t->n_in ? memchr(t->in, '\n', t->n_in) : NULL))
        if (!read_more(t))
            return NULL;
    n = (size_t)(end + 1 - t->in);
    reply = json_loadb(t->in, n, 0, &e);
    ck_assert_msg(reply, "%s: %.*s", e.text, (int)n, t->in);
    json_array_append_new(t->replies, reply);
    memmove(t->in, t->in + n, t->n_in -= n);
    return reply;
}

static json_t *next_of(struct talk *t, int id)
{
    json_t *reply = talk_next(t);

    ck_assert_msg(reply, "the session is closed: %s", manager_log(t->manager));
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), id);
    return reply;
}

json_t *talk_ask(struct talk *t, const char *method, const char *params, ...)
{
    json_t *reply, *result;
    va_list values;
    int id;

    va_start(values, params);
    id = send_request(t, method, params, values);
    va_end(values);
    reply = next_of(t, id);
    result = json_object_get(reply, "result");
    ck_assert_msg(result, "%s: %s", method, json_dumps(reply, 0));
    return result;
}

json_t *talk_fail(struct talk *t, const char *method, const char *params, ...)
{
    json_t *reply, *error;
    va_list values;
    int id;

    va_start(values, params);
    id = send_request(t, method, params, values);
    va_end(values);
    reply = next_of(t, id);
    error = json_object_get(reply, "error");
    ck_assert_msg(error, "%s: %s", method, json_dumps(reply, 0));
    return error;
}

json_t *talk_at(json_t *json, const char *path)
{
    char key[64];
    json_t *at = json;

    for (const char *p = path; at && *p; p += strcspn(p, "."), p += *p == '.') {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(p, "."), p);
        at = json_object_get(at, key);
    }
    ck_assert_msg(at, "no %s in %s", path, json_dumps(json, 0));
    return at;
}

int64_t talk_int(json_t *json, const char *path)
{
    json_t *v = talk_at(json, path);

    ck_assert_msg(json_is_integer(v), "%s: %s", path, json_dumps(json, 0));
    return json_integer_value(v);
}

const char *talk_text(json_t *json, const char *path)
{
    json_t *v = talk_at(json, path);

    ck_assert_msg(json_is_string(v), "%s: %s", path, json_dumps(json, 0));
    return json_string_value(v);
}

bool talk_is(json_t *json, const char *path)
{
    return json_is_true(talk_at(json, path));
}

json_t *talk_audit(struct talk *t)
{
    json_t *audit = talk_ask(t, "ledger.audit", NOTHING);

    ck_assert_msg(talk_int(audit, "balance") == 0, "%s", json_dumps(audit, 0));
    return audit;
}

/* -- the other ends ---------------------------------------------------------------------------- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int manager_connect(int port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_msg(connect(fd, (void *)&a, sizeof a) == 0, "port %d: %s", port, strerror(errno));
    return fd;
}

int manager_listen(int *ret_port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (void *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (void *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}
