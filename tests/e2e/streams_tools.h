/* streams_tools.h — a session with a real daemon that gets descriptors with its replies, and what
 * the tests of streams do with bytes. Whatever goes wrong ends the program, after saying what. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "real.h"

struct json_t;

extern struct real streams_daemon;

__attribute__((format(printf, 1, 2), noreturn)) void streams_wrong(const char *format, ...);

struct session {
    int fd;
    char *in;
    size_t n_in;
    int fd_in; /* came with the last reply; -1: none */
};

struct session *session_open(void);
void session_close(struct session *s);

/* Begins a request, params as printf's with ' for "; the next reply, or its result, to be freed;
 * both in one; the same for the result's handle; the stream of a handle. */
__attribute__((format(printf, 3, 4))) void session_begin(struct session *s, const char *method,
                                                         const char *params, ...);
struct json_t *session_next(struct session *s);
__attribute__((format(printf, 3, 4))) struct json_t *
session_ask(struct session *s, const char *method, const char *params, ...);
__attribute__((format(printf, 3, 4))) long long session_make(struct session *s, const char *method,
                                                             const char *params, ...);
int session_stream(struct session *s, long long handle);

/* Waits ten seconds at most for an event of poll(2). */
void await(int fd, short events);

/* All n bytes of a pattern that begins at `at`; reads them, and they must be that; returns how many
 * came before the end, and *ret_error (0: the end, else errno; n of them: -1). */
void put_pattern(int fd, uint32_t seed, size_t n);
size_t take_pattern(int fd, uint32_t seed, size_t n, int *ret_error);

/* A listener on 127.0.0.1. */
int listen_here(int *ret_port);
