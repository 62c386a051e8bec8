/* errors.h — the one list of errors a client can meet: id, code, kind, sentence. `kind` and `name` are
 * the contract; the message is for people and says what to do.
 *
 * Functions that can answer a client return 0 for done, > 0 for one of these ids (with a struct error
 * filled in), < 0 for a failure of our own (-errno). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each is: id, code, kind, name where the error has none of its own, sentence. */
#define ERRORS(E)                                                                                  \
    E(PARSE, -32700, "protocol", "PARSE_ERROR",                                                    \
      "The line is not JSON.")                                                                     \
    E(INVALID_REQUEST, -32600, "protocol", "INVALID_REQUEST",                                      \
      "The JSON is not a request that berth takes.")                                               \
    E(METHOD_NOT_FOUND, -32601, "protocol", "METHOD_NOT_FOUND",                                    \
      "There is no such method.")                                                                  \
    E(INVALID_PARAMS, -32602, "protocol", "INVALID_PARAMS",                                        \
      "A parameter is wrong; `name` says which.")                                                  \
    E(INTERNAL, -32603, "protocol", "INTERNAL_ERROR",                                              \
      "The daemon failed by its own fault.")                                                       \
    E(OS, -32000, "os", "EIO",                                                                     \
      "A system call failed; `name` is its errno.")                                                \
    E(GAI, -32001, "gai", "EAI_FAIL",                                                              \
      "The resolver failed; `name` is its EAI code.")                                              \
    E(TIMEOUT, -32002, "timeout", "TIMEOUT",                                                       \
      "berth's own deadline passed.")                                                              \
    E(TLS, -32003, "tls", "TLS",                                                                   \
      "The TLS handshake or verification failed.")                                                 \
    E(POLICY, -32010, "policy", "DENIED",                                                          \
      "The pool's policy denies it.")                                                              \
    E(POOL, -32011, "pool", "EXHAUSTED",                                                           \
      "The pool's budget is used up.")                                                             \
    E(HANDLE, -32012, "handle", "UNKNOWN",                                                         \
      "The handle is unknown, closed, not yours or in the wrong state.")                           \
    E(LEASE, -32013, "lease", "CANNOT_KEEP",                                                       \
      "The lease cannot be kept as asked.")                                                        \
    E(LIMIT, -32020, "limit", "LIMIT",                                                             \
      "A ceiling of hello.limits was met.")                                                        \
    E(CANCELLED, -32021, "cancelled", "CANCELLED",                                                 \
      "The call was cancelled.")                                                                   \
    E(UNAVAILABLE, -32022, "unavailable", "UNAVAILABLE",                                           \
      "A feature or kernel support is missing; `name` says which.")                                \
    E(FD, -32023, "fd", "FD",                                                                      \
      "A descriptor is missing, surplus or truncated.")

enum error_id {
    ERROR_NONE,
#define E(id, code, kind, name, sentence) ERROR_##id,
    ERRORS(E)
#undef E
        N_ERRORS
};

struct error_info {
    int code;
    const char *kind, *name, *sentence;
};

/* One error on its way to the client. Texts that are not part of the struct are static or live in the
 * call's arena. */
struct error {
    enum error_id id;
    const char *name;   /* NULL: the list's own */
    const char *op;     /* the method; filled by dispatch */
    const char *hint;   /* what to try instead; may be NULL */
    int sys_errno;      /* 0: none */
    bool has_sent;
    int64_t sent;       /* bytes that went out before the call failed */
    int64_t handle;     /* 0: none */
    const char *pool;   /* whose policy or budget it is; NULL: none */
    const char *rule;   /* the rule that denied */
    bool has_limit;
    int64_t limit, in_use; /* of a budget that is used up */
    const char *holders;   /* JSON: who has used it up */
    char message[256];
    char name_room[64]; /* where `name` lives when it is made up of a client's words */
};

/* The list's row; valid for ERROR_NONE + 1 … N_ERRORS - 1. */
const struct error_info *error_info(enum error_id id);

/* Fills e with id, name (static or NULL) and a message. Returns id, so that a function can
 * `return error_set(…)`. */
int error_set(struct error *e, enum error_id id, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An invalid parameter: `param` (any text, copied) becomes the name and begins the message. */
int error_param(struct error *e, const char *param, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A system call that failed with `sys_errno` (> 0). The message is strerror's; `what` names what was tried. */
int error_os(struct error *e, int sys_errno, const char *what);

/* A resolver failure by its EAI code (EAI_SYSTEM becomes `os` with sys_errno). */
int error_gai(struct error *e, int eai, int sys_errno, const char *host);

/* Out of memory: os ENOMEM. */
int error_memory(struct error *e);

/* Short of descriptors or memory: a one-line hint for an errno, or NULL. */
const char *error_hint(int sys_errno);
