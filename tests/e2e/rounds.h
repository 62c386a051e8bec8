/* rounds.h — how a test of random rounds is asked for: PROGRAM [--seed N] [--rounds N] BERTHD. */
#pragma once

/* 20 rounds; 200 where BERTH_FULL is set. */
enum { ROUNDS = 20, ROUNDS_FULL = 200, ROUNDS_MOST = 100000 };

struct rounds {
    long seed, n;
    const char *berthd; /* of argv */
};

/* Reads the arguments, prints the seed, and begins its random numbers. Returns 0; 2 for wrong
 * arguments, which it has told. */
int rounds_begin(int argc, char **argv, struct rounds *ret);

/* What main returns for a test that came out as r (0 or -1): a failed one tells its seed. */
int rounds_end(const struct rounds *rounds, int r);
