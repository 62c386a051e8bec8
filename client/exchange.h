/* exchange.h — a request out, its reply in: the one place where the library talks to the daemon.
 * The public functions fill a struct of the method table and call exchange_call(). */
#pragma once
#include "client/session.h"
#include "proto/methods.h"

struct exchange {
    const void *params; /* the method's own struct */
    void
        *result; /* the method's own struct, zeroed; its texts live in b->arena. NULL: not wanted */
    const char *raw_name; /* a member of params that goes out as the caller wrote it: */
    const char *raw_json; /* one JSON value; NULL: none */
    const int *fd;        /* a descriptor to send along; stays the caller's. NULL: none */
    int *ret_fd;          /* the one that comes back, the caller's, or -1. NULL: none is expected */
    char **ret_json;      /* the result as text, malloc'ed. NULL: not wanted */
};

/* Calls a method and waits for its reply. Returns 0, or -1 with the session's error set. */
int exchange_call(berth *b, enum method_id method, const struct exchange *x);

/* Every other way of calling is one of these two halves, for a method and parameters given as text:
 * sends the request, returns its id or -1 (waits only when `wait` says so) … */
int64_t exchange_send_text(berth *b, const char *method, const char *params, int fd, bool wait);

/* … and waits for the reply to `id`: its result as malloc'ed text, or NULL. *ret_fd (or NULL) gets
 * the descriptor that came with it, or -1. */
char *exchange_receive_text(berth *b, int64_t id, int *ret_fd);
