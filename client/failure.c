#include "client/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTHING                                                                                    \
    {                                                                                              \
        .kind = "", .name = "", .message = "", .sent = -1                                          \
    }

static _Thread_local struct {
    struct berth_error error;
    char message[320];
} of_thread = {.error = NOTHING};

const struct berth_error *failure_of_thread(void)
{
    return &of_thread.error;
}

void failure_clear(berth *b)
{
    b->error = (struct berth_error)NOTHING;
}

int failure_local(berth *b, int sys_errno, const char *hint, const char *format, ...)
{
    struct berth_error *error = b ? &b->error : &of_thread.error;
    char *message = b ? b->error_message : of_thread.message;
    const char *name = strerrorname_np(sys_errno);
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof of_thread.message, format, args);
    va_end(args);
    *error = (struct berth_error)NOTHING;
    error->sys_errno = sys_errno;
    error->kind = "local";
    error->name = name ? name : "EIO";
    error->message = message;
    error->hint = hint;
    errno = sys_errno;
    return -1;
}

/* The errno of each kind; `os` has its own. By name first, where one matters more than its kind. */
static int errno_of(const struct berth_error *error)
{
    static const struct {
        const char *kind, *name;
        int sys_errno;
    } rows[] = {
        {"gai", "EAI_AGAIN", EAGAIN},  {"gai", "EAI_MEMORY", ENOMEM},
        {"gai", NULL, ENOENT},         {"timeout", NULL, ETIMEDOUT},
        {"policy", NULL, EACCES},      {"pool", NULL, ENOBUFS},
        {"handle", NULL, EBADF},       {"lease", NULL, ENOTSUP},
        {"limit", NULL, EMSGSIZE},     {"cancelled", NULL, ECANCELED},
        {"unavailable", NULL, ENOSYS}, {"protocol", "METHOD_NOT_FOUND", ENOSYS},
        {"protocol", NULL, EINVAL},
    };

    if (error->sys_errno > 0)
        return error->sys_errno;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].kind, error->kind) == 0 &&
            (!rows[i].name || strcmp(rows[i].name, error->name) == 0))
            return rows[i].sys_errno;
    return EPROTO;
}

/* The text of a member, `otherwise` when it is not there or memory is out. */
static const char *text_member(berth *b, uint32_t object, const char *key, const char *otherwise)
{
    uint32_t token = object ? json_member(&b->json, object, key) : 0;
    const char *text;
    size_t n;

    if (!token || b->json.tokens[token].type != JSON_STRING)
        return otherwise;
    text = json_get_string(&b->json, token, &b->arena, &n);
    return text ? text : otherwise;
}

static int64_t integer_member(berth *b, uint32_t object, const char *key, int64_t otherwise)
{
    uint32_t token = object ? json_member(&b->json, object, key) : 0;
    int64_t v;

    return token && json_get_integer(&b->json, token, &v) ? v : otherwise;
}

int failure_reply(berth *b, uint32_t token)
{
    uint32_t data = json_member(&b->json, token, "data");
    const struct json_token *t = &b->json.tokens[data];
    bool told = data && t->type == JSON_OBJECT;

    b->error = (struct berth_error){
        .code = (int)integer_member(b, token, "code", 0),
        .sys_errno = (int)integer_member(b, data, "errno", 0),
        .kind = text_member(b, data, "kind", "protocol"),
        .name = text_member(b, data, "name", ""),
        .message = text_member(b, token, "message", "the daemon refused, and did not say why"),
        .hint = text_member(b, data, "hint", NULL),
        .op = text_member(b, data, "op", NULL),
        .sent = integer_member(b, data, "sent", -1),
        .handle = integer_member(b, data, "handle", 0),
        .data = told ? arena_copy(&b->arena, b->json.text + t->start, t->end - t->start) : NULL,
    };
    errno = errno_of(&b->error);
    return -1;
}

int failure_eai(const berth *b)
{
    static const struct {
        const char *name;
        int eai;
    } rows[] = {
#define EAI(x) {#x, x}
        EAI(EAI_ADDRFAMILY), EAI(EAI_AGAIN),   EAI(EAI_BADFLAGS), EAI(EAI_FAIL),
        EAI(EAI_FAMILY),     EAI(EAI_MEMORY),  EAI(EAI_NODATA),   EAI(EAI_NONAME),
        EAI(EAI_OVERFLOW),   EAI(EAI_SERVICE), EAI(EAI_SOCKTYPE),
#undef EAI
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, b->error.name) == 0)
            return rows[i].eai;
    return EAI_SYSTEM;
}
