#include "errors.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct error_info infos[N_ERRORS] = {
#define E(id, code, kind, name, sentence) [ERROR_##id] = {code, kind, name, sentence},
    ERRORS(E)
#undef E
};

const struct error_info *error_info(enum error_id id)
{
    return &infos[id];
}

int error_set(struct error *e, enum error_id id, const char *name, const char *format, ...)
{
    va_list args;

    e->id = id;
    e->name = name;
    va_start(args, format);
    vsnprintf(e->message, sizeof e->message, format, args);
    va_end(args);
    return (int)id;
}

int error_param(struct error *e, const char *param, const char *format, ...)
{
    va_list args;
    int n;

    e->id = ERROR_INVALID_PARAMS;
    /* The name is the parameter as the method knows it; the path inside it stays in the message. */
    snprintf(e->name_room, sizeof e->name_room, "%.*s", (int)strcspn(param, ".["), param);
    e->name = e->name_room;
    n = snprintf(e->message, sizeof e->message, "%.80s: ", param);
    va_start(args, format);
    vsnprintf(e->message + n, sizeof e->message - (size_t)n, format, args);
    va_end(args);
    return ERROR_INVALID_PARAMS;
}

const char *error_hint(int sys_errno)
{
    switch (sys_errno) {
    case EADDRINUSE:
        return "another socket has this address; close it, or set SO_REUSEADDR before bind";
    case EADDRNOTAVAIL:
        return "the address is not one of this machine's; see if_nameindex";
    case EACCES:
    case EPERM:
        return "the daemon's user may not do this; a privileged port or raw socket needs a "
               "capability";
    case ECONNREFUSED:
        return "nobody listens there";
    case EMFILE:
    case ENFILE:
        return "close handles that are not needed (ledger.list shows them)";
    case EAGAIN:
        return "it would block; give a timeout, or poll first";
    case EINPROGRESS:
        return "the connection is being made; poll for \"out\", then getsockopt SO_ERROR";
    case ENOTCONN:
        return "connect the socket first";
    case EPIPE:
        return "the connection was shut down for writing";
    default:
        return NULL;
    }
}

int error_os(struct error *e, int sys_errno, const char *what)
{
    const char *name = strerrorname_np(sys_errno);

    e->sys_errno = sys_errno;
    if (!e->hint)
        e->hint = error_hint(sys_errno);
    if (name)
        return error_set(e, ERROR_OS, name, "%s: %s", what, strerrordesc_np(sys_errno));
    snprintf(e->name_room, sizeof e->name_room, "E%d", sys_errno);
    return error_set(e, ERROR_OS, e->name_room, "%s: error %d", what, sys_errno);
}

int error_gai(struct error *e, int eai, int sys_errno, const char *host)
{
    static const struct {
        int eai;
        const char *name;
    } names[] = {
#define EAI(x) {x, #x}
        EAI(EAI_ADDRFAMILY), EAI(EAI_AGAIN),   EAI(EAI_BADFLAGS), EAI(EAI_FAIL),
        EAI(EAI_FAMILY),     EAI(EAI_MEMORY),  EAI(EAI_NODATA),   EAI(EAI_NONAME),
        EAI(EAI_OVERFLOW),   EAI(EAI_SERVICE), EAI(EAI_SOCKTYPE),
#undef EAI
    };

    if (eai == EAI_SYSTEM)
        return error_os(e, sys_errno, "name look-up");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].eai == eai)
            return error_set(e, ERROR_GAI, names[i].name, "%.100s: %s", host, gai_strerror(eai));
    return error_set(e, ERROR_GAI, NULL, "%.100s: %s", host, gai_strerror(eai));
}

int error_memory(struct error *e)
{
    return error_os(e, ENOMEM, "the daemon");
}
