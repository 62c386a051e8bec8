/* nearest.h — which known word a misspelt one was meant to be, for "did you mean" in errors.
 *
 * BSD names have a prefix that people forget or take from a neighbour, so that "reuseaddr" and
 * "SO_NODELAY" are near SO_REUSEADDR and TCP_NODELAY. Case does not count. */
#pragma once
#include <stddef.h>
#include <string.h>

enum { NEAREST_MAX_BYTES = 48 }; /* longer words are near to nothing */

struct nearest {
    const char *word;  /* the best so far, NULL: none */
    unsigned distance; /* of the best; a worse word is not taken */
};

/* The start of a search for a word of n bytes. The longer it is, the more may be wrong. */
static inline struct nearest nearest_begin(size_t n)
{
    unsigned allowed = n < 3 ? 0 : n < 6 ? 1 : n < 12 ? 2 : 3;

    return (struct nearest){NULL, allowed + 1};
}

static inline char nearest_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* How many bytes have to be changed, added or taken away (Levenshtein). */
static inline unsigned nearest_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned row[NEAREST_MAX_BYTES + 1], before, above;

    if (n_a > NEAREST_MAX_BYTES || n_b > NEAREST_MAX_BYTES)
        return NEAREST_MAX_BYTES;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < n_a; i++) {
        before = row[0]++;
        for (size_t j = 0; j < n_b; j++) {
            above = row[j + 1];
            before += nearest_upper(a[i]) != nearest_upper(b[j]);
            before = before < above + 1 ? before : above + 1;
            row[j + 1] = before < row[j] + 1 ? before : row[j] + 1;
            before = above;
        }
    }
    return row[n_b];
}

static inline void nearest_take(struct nearest *best, const char *word, unsigned distance)
{
    if (distance < best->distance)
        *best = (struct nearest){word, distance};
}

/* Offers a known word for `name` (n bytes): as it is, without its prefix, and with another prefix.
 */
static inline void nearest_offer(struct nearest *best, const char *name, size_t n,
                                 const char *known)
{
    const char *rest = strchr(known, '_'), *own = memchr(name, '_', n);
    size_t n_known = strlen(known), n_rest, n_own;

    nearest_take(best, known, nearest_distance(name, n, known, n_known));
    if (!rest)
        return;
    n_rest = n_known - (size_t)(++rest - known);
    nearest_take(best, known, nearest_distance(name, n, rest, n_rest));
    if (!own)
        return;
    n_own = n - (size_t)(++own - name);
    nearest_take(best, known, 1 + nearest_distance(own, n_own, rest, n_rest));
}
