/* pump_pipe.h — pipes that bytes pass from one socket to another without being copied (splice(2)).
 * A few for each thread: a stream has one only while there is something in it. For one thread only.
 */
#pragma once
#include <stddef.h>

enum { PUMP_PIPES_MAX = 8, PUMP_PIPE_BYTES = 1 << 20 };

struct pump_pipe {
    int fds[2]; /* to read from, to write to */
    size_t n;   /* bytes in it */
    struct pump_pipes *home;
    struct pump_pipe *next;
};

struct pump_pipes {
    struct pump_pipe *empty;
    int n; /* all of them, those that streams have included */
};

/* An empty pipe, or NULL: there are no more. */
struct pump_pipe *pump_pipe_take(struct pump_pipes *pipes);

/* Gives it back; what is still in it is lost. NULL is fine. */
void pump_pipe_give(struct pump_pipe *pipe);

/* Closes those that are not taken. */
void pump_pipe_done(struct pump_pipes *pipes);
