/* histogram.h — times of calls, to a quarter of a percent: what a median needs, in a fixed room. */
#pragma once
#include <stdint.h>

enum { HISTOGRAM_STEPS = 256, HISTOGRAM_CELLS = 36 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t n;
    uint32_t cells[HISTOGRAM_CELLS];
};

/* Adds one time. Those beyond some minutes count as the longest that there is room for. */
void histogram_add(struct histogram *h, uint64_t ns);

/* The time that half of them do not exceed; 0 when there are none. */
double histogram_median_ns(const struct histogram *h);
