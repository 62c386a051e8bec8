#include "rounds.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static bool take_number(const char *text, long most, long *ret)
{
    char *end;

    *ret = strtol(text, &end, 10);
    return *text && !*end && *ret >= 0 && *ret <= most;
}

static bool take_option(int c, struct rounds *ret)
{
    if (c == 's')
        return take_number(optarg, 0x7fffffff, &ret->seed);
    return c == 'r' && take_number(optarg, ROUNDS_MOST, &ret->n);
}

int rounds_begin(int argc, char **argv, struct rounds *ret)
{
    static const struct option names[] = {
        {"seed", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'}, {0}};
    bool is_right = true;
    int c;

    ret->seed = (time(NULL) ^ getpid()) & 0x7fffffff;
    ret->n = getenv("BERTH_FULL") ? ROUNDS_FULL : ROUNDS;
    while (is_right && (c = getopt_long(argc, argv, "", names, NULL)) >= 0)
        is_right = take_option(c, ret);
    if (!is_right || optind != argc - 1) {
        fprintf(stderr, "Usage: %s [--seed N] [--rounds N] BERTHD\n", argv[0]);
        return 2;
    }
    ret->berthd = argv[optind];
    printf("seed %ld, %ld rounds\n", ret->seed, ret->n);
    srand((unsigned)ret->seed);
    return 0;
}

int rounds_end(const struct rounds *rounds, int r)
{
    if (r < 0)
        fprintf(stderr, "the seed was %ld\n", rounds->seed);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
