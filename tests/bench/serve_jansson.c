#include "serve.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANDLES = 1 << 17, PAYLOAD_BYTES = 64 << 10, FIRST_HANDLE = (1 << 24) + 1 };

static int fds[HANDLES];
static int n_handles;

static json_t *add_handle(int fd)
{
    int handle = FIRST_HANDLE + n_handles;

    fds[n_handles++ % HANDLES] = fd;
    return json_integer(handle);
}

static int *find_handle(const json_t *params)
{
    json_int_t handle = json_integer_value(json_object_get(params, "handle"));

    return &fds[(handle - FIRST_HANDLE) % HANDLES];
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static json_t *on_ping(const json_t *params)
{
    static double started;
    json_t *result = json_object();

    if (started == 0)
        started = now();
    json_object_set(result, "echo", json_object_get(params, "echo"));
    json_object_set_new(result, "uptime", json_real(now() - started));
    return result;
}

static json_t *on_socket(const json_t *params)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;

    (void)params;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n);
    return json_pack("{s:o, s:I}", "handle", add_handle(fd), "cookie", (json_int_t)cookie);
}

static json_t *on_socketpair(const json_t *params)
{
    int ends[2] = {-1, -1};
    json_t *one;

    (void)params;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return NULL;
    one = add_handle(ends[0]);
    return json_pack("{s:[o, o]}", "handles", one, add_handle(ends[1]));
}

static json_t *on_close(const json_t *params)
{
    json_t *handle = json_object_get(params, "handle");
    int *fd = find_handle(params);

    if (close(*fd) < 0)
        return NULL;
    *fd = -1;
    return json_pack("{s:O}", "handle", handle);
}

static json_t *on_send(const json_t *params)
{
    const json_t *text = json_object_get(params, "text");
    ssize_t n =
        send(*find_handle(params), json_string_value(text), json_string_length(text), MSG_NOSIGNAL);

    return n < 0 ? NULL : json_pack("{s:I}", "sent", (json_int_t)n);
}

static json_t *on_recv(const json_t *params)
{
    static char payload[PAYLOAD_BYTES];
    ssize_t n = recv(*find_handle(params), payload, sizeof payload, 0);

    if (n < 0)
        return NULL;
    return json_pack("{s:s%, s:b}", "text", payload, (size_t)n, "eof", n == 0);
}

static const struct {
    const char *name;
    json_t *(*run)(const json_t *params);
} methods[] = {
    {"ping", on_ping},   {"socket", on_socket}, {"socketpair", on_socketpair},
    {"close", on_close}, {"send", on_send},     {"recv", on_recv},
};

static json_t *run(const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "method"));

    for (size_t i = 0; name && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].run(json_object_get(request, "params"));
    return NULL;
}

static int add(const char *bytes, size_t n, void *out)
{
    out_add(out, bytes, n);
    return 0;
}

void answer_by_jansson(const char *line, size_t n, struct out *out)
{
    json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    json_t *reply = json_object(), *result = run(request);

    json_object_set_new(reply, "jsonrpc", json_string("2.0"));
    json_object_set(reply, "id", json_object_get(request, "id"));
    json_object_set_new(reply, result ? "result" : "error",
                        result ? result : json_string("failed"));
    json_dump_callback(reply, add, out, JSON_COMPACT);
    out_add(out, "\n", 1);
    json_decref(reply);
    json_decref(request);
}
