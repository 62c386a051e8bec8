/* convert.h — values as C programs have them <-> values as the method table has them. */
#pragma once
#include "client/session.h"
#include "proto/wire.h"

#define CONVERT_TEXT(text)                                                                         \
    {                                                                                              \
        (text), (text) ? strlen(text) : 0                                                          \
    }
#define CONVERT_INT(value)                                                                         \
    {                                                                                              \
        true, (value)                                                                              \
    }

/* Each returns 0, or -1 with the session's error set (what is wrong is the caller's). Texts live in
 * b->arena. */
int convert_address(berth *b, const struct sockaddr *address, socklen_t len,
                    struct wire_address *ret);
int convert_host(berth *b, const char *host, uint16_t port, struct wire_address *ret);
int convert_timeout(berth *b, double seconds, struct wire_timeout *ret);

/* A lease of 0 (with the session) is left unset: it is what the daemon does when nothing is said.
 */
int convert_lease(berth *b, double seconds, struct wire_lease *ret);

/* Seconds of a timeout; BERTH_FOREVER. */
double convert_seconds(const struct wire_timeout *timeout);

/* Gives an address out as accept(2) does: as much as fits, and its true length. NULLs are allowed.
 */
void convert_sockaddr(const struct wire_sockaddr *from, struct sockaddr *address, socklen_t *len);

/* "" for an absent text. */
const char *convert_text(const struct wire_text *text);
