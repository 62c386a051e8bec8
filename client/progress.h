/* progress.h — how far a long transfer has come: one line of a terminal, written again and again.
 * Knows nothing of what is transferred. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *to;                   /* NULL: nothing is shown */
    int64_t n_total;            /* bytes; < 0: not known */
    int64_t begun_us, shown_us; /* CLOCK_MONOTONIC */
    int64_t rate_us, n_rate;    /* where the rate is measured from */
    double rate;                /* bytes a second; 0: not known yet */
};

/* Begins; is shown if `to` is a terminal and not `is_quiet`. */
void progress_begin(struct progress *p, FILE *to, bool is_quiet, int64_t n_total);

/* `n_done` bytes are through. Writes several times a second at most. */
void progress_show(struct progress *p, int64_t n_done);

/* Writes it a last time, and ends the line. */
void progress_end(struct progress *p, int64_t n_done);

/* "1.5 GiB" and "1:02:03"; `room` bytes at `text` are at least 32. */
void progress_write_bytes(char *text, size_t room, double bytes);
void progress_write_time(char *text, size_t room, double seconds);
