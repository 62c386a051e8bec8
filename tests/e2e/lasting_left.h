/* lasting_left.h — what a dead client has left, as another session sees it: which sockets live, who
 * holds them, and whether they can be used. Whatever is wrong is said on standard error. */
#pragma once
#include <stddef.h>

#include "real.h"

struct json_t; /* jansson's own name */

/* Prints the sentence; returns -1. */
int left_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The result of a request, with ' for ", as a new reference; NULL after saying why. */
struct json_t *left_ask(struct real *real, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A number of ledger.audit; -1 after saying why. */
long long left_audit(struct real *real, const char *key);

/* Waits until just the sockets of these names (sorted, with spaces between), or those (NULL: none),
 * live, nobody holds them, and the daemon has a descriptor for each of them and no other; the
 * ledger must balance all the time. Returns their rows, a new reference; NULL after saying what is
 * instead.
 */
struct json_t *left_await(struct real *real, const char *these, const char *those);

/* The same whatever lives, but that none has the lease `session`. Returns 0 or -1. */
int left_check(struct real *real);

/* A session attaches each of the rows (taken), uses and closes it. Returns 0 or -1. */
int left_use(struct real *real, struct json_t *rows);
