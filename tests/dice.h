/* dice.h — chance that can be repeated: all of it follows from one seed, which is printed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct dice {
    uint64_t state;
};

/* A new seed each time, or the one of $BERTH_SEED. */
static inline struct dice dice_new(void)
{
    const char *given = getenv("BERTH_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003;

    printf("BERTH_SEED=%llu repeats this run\n", (unsigned long long)seed);
    fflush(stdout);
    return (struct dice){seed};
}

/* How often to try: many times more with BERTH_FULL=1. */
static inline size_t dice_rounds(size_t usual, size_t full)
{
    const char *given = getenv("BERTH_FULL");

    return given && *given == '1' ? full : usual;
}

static inline uint64_t dice_bits(struct dice *d)
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to n - 1; n > 0. */
static inline size_t dice_below(struct dice *d, size_t n)
{
    return (size_t)(dice_bits(d) % n);
}

/* True once in n times. */
static inline bool dice_one_in(struct dice *d, size_t n)
{
    return dice_below(d, n) == 0;
}
