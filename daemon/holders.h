/* holders.h — who holds most of a pool's sockets. */
#pragma once
#include "call.h"

enum { HOLDERS_NAMED = 5 };

/* The sessions that have opened most of what lives in the pool, at most HOLDERS_NAMED, those with
 * the most first; in the call's arena. Looks at LIMIT_LIST_SEEN sessions at the most. Returns 0 or
 * ERROR_OS (ENOMEM). */
int holders_find(struct call *c, const struct pool *pool, struct pool_holder **ret, size_t *ret_n);
