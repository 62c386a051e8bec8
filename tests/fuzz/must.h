/* must.h — what a fuzzer claims: an assertion that no kind of build leaves out. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define MUST(claim) ((claim) ? (void)0 : must_fail(#claim, __FILE__, __LINE__))

_Noreturn static inline void must_fail(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: it does not hold: %s\n", file, line, claim);
    abort();
}
