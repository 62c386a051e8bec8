/* failure.h — what a failed call leaves behind: the session's struct berth_error, and errno. */
#pragma once
#include "client/session.h"

/* The last call succeeded, so far. */
void failure_clear(berth *b);

/* It failed here, with `sys_errno` (> 0). `hint` is static or NULL; the message is printf's. `b`
 * NULL: the thread's error of berth_new(). Returns -1. */
int failure_local(berth *b, int sys_errno, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The daemon answered with the error at `token` of b->json. Texts are copied to b->arena. Returns
 * -1. */
int failure_reply(berth *b, uint32_t token);

/* The thread's error of berth_new(). */
const struct berth_error *failure_of_thread(void);

/* The EAI_ code of the session's error: what the resolver said, else EAI_SYSTEM. */
int failure_eai(const berth *b);
