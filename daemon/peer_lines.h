/* peer_lines.h — what becomes of a session's lines: requests and batches that are begun, go on and
 * are answered. The other half of peer, which decides when. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct call;
struct peer;

/* Runs one line; n_in_work tells whether something of it waits. */
void peer_run_line(struct peer *p, const char *line, size_t n);

/* Answers a line that was too long. */
void peer_refuse_line(struct peer *p);

/* Whether descriptors came that no line can claim; then the client has been told and the session
 * ends. */
bool peer_has_stray_fds(struct peer *p);

/* Batches that were cut off go on. Returns whether one is cut off again. */
bool peer_resume(struct peer *p);

/* Whether a batch waits for the next turn; whether this turn has time left. */
bool peer_has_paused(const struct peer *p);
bool peer_has_time(const struct peer *p);

/* A call that waited has ended with r (0 or an error): answers and frees it. */
void peer_end_call(struct peer *p, struct call *c, int r);

/* Forgets what is left of all batches; their calls must be gone. */
void peer_free_batches(struct peer *p);
