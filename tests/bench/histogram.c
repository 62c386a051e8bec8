#include "histogram.h"

/* Up to 2 * STEPS a cell is one nanosecond; above, each power of two has STEPS cells. */
static unsigned cell_of(uint64_t ns)
{
    int shift = ns < 2 * HISTOGRAM_STEPS ? 0 : 63 - __builtin_clzll(ns / HISTOGRAM_STEPS);
    uint64_t cell = (uint64_t)shift * HISTOGRAM_STEPS + (ns >> shift);

    return cell < HISTOGRAM_CELLS ? (unsigned)cell : HISTOGRAM_CELLS - 1;
}

static double middle_of(unsigned cell)
{
    unsigned shift = cell < 2 * HISTOGRAM_STEPS ? 0 : cell / HISTOGRAM_STEPS - 1;
    uint64_t step = cell - shift * HISTOGRAM_STEPS;

    return ((double)step + 0.5) * (double)(UINT64_C(1) << shift);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->cells[cell_of(ns)]++;
    h->n++;
}

double histogram_median_ns(const struct histogram *h)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++)
        if (h->n && (n += h->cells[i]) * 2 >= h->n)
            return middle_of(i);
    return 0;
}
