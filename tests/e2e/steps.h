/* steps.h — inside a script: what its parts share. Each step gets what follows its word and returns
 * as script_run does, after saying what was wrong. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "real.h"

enum { N_SESSIONS = 9 };

struct session {
    int fd; /* -1: not open */
    struct lines replies;
};

struct script {
    const char *path;
    char *text, **lines; /* the lines point into the text */
    size_t n_lines, next;
    json_t *names; /* what the $names are bound to */
    struct session sessions[N_SESSIONS];
    const struct real *real;
    FILE *input; /* piped: the requests are gathered here */
    bool silent;
};

typedef int step_fn(struct script *s, struct session *session, const char *rest);

step_fn step_send, step_raw, step_fill, step_fds, step_eof, step_close;
step_fn step_expect, step_expect_group, step_expect_eof;

/* Prints where the script stands and the sentence; returns r. */
int script_say(const struct script *s, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
