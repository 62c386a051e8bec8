#include "pump_pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct pump_pipe *make(struct pump_pipes *pipes)
{
    struct pump_pipe *pipe = calloc(1, sizeof *pipe);

    if (!pipe || pipe2(pipe->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(pipe);
        return NULL;
    }
    (void)fcntl(pipe->fds[1], F_SETPIPE_SZ,
                PUMP_PIPE_BYTES); /* a smaller one is as good, but slower */
    pipe->home = pipes;
    pipes->n++;
    return pipe;
}

static void destroy(struct pump_pipe *pipe)
{
    close(pipe->fds[0]);
    close(pipe->fds[1]);
    pipe->home->n--;
    free(pipe);
}

struct pump_pipe *pump_pipe_take(struct pump_pipes *pipes)
{
    struct pump_pipe *pipe = pipes->empty;

    if (pipe)
        pipes->empty = pipe->next;
    else if (pipes->n < PUMP_PIPES_MAX)
        pipe = make(pipes);
    return pipe;
}

void pump_pipe_give(struct pump_pipe *pipe)
{
    if (!pipe)
        return;
    if (pipe->n > 0) {
        destroy(pipe);
        return;
    }
    pipe->next = pipe->home->empty;
    pipe->home->empty = pipe;
}

void pump_pipe_done(struct pump_pipes *pipes)
{
    struct pump_pipe *pipe;

    while ((pipe = pipes->empty)) {
        pipes->empty = pipe->next;
        destroy(pipe);
    }
}
