#include "arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 2048 - 64 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t n_bytes;
    alignas(max_align_t) char bytes[];
};

static int add_chunk(struct arena *a, size_t n_bytes)
{
    struct arena_chunk *chunk = malloc(sizeof *chunk + n_bytes);

    if (!chunk)
        return -1;
    *chunk = (struct arena_chunk){.older = a->chunks, .n_bytes = n_bytes};
    a->chunks = chunk;
    a->next = chunk->bytes;
    a->end = chunk->bytes + n_bytes;
    return 0;
}

/* Room for n bytes, not zeroed: what is copied over at once need not be cleared first. */
static char *take(struct arena *a, size_t n)
{
    const size_t mask = alignof(max_align_t) - 1;
    char *taken;

    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + mask) & ~mask;
    if ((size_t)(a->end - a->next) < n && add_chunk(a, n > CHUNK_BYTES ? n : CHUNK_BYTES) < 0)
        return NULL;
    taken = a->next;
    a->next += n;
    return taken;
}

void *arena_alloc(struct arena *a, size_t n)
{
    char *taken = take(a, n ? n : 1);

    return taken ? memset(taken, 0, n) : NULL;
}

char *arena_copy(struct arena *a, const void *s, size_t n)
{
    char *copy = take(a, n + 1);

    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !(text = take(a, (size_t)n + 1)))
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *chunk = a->chunks, *older;

    /* The oldest chunk is the one to keep when it has the usual size. */
    for (; chunk && chunk->older; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    a->chunks = chunk;
    if (chunk && chunk->n_bytes > CHUNK_BYTES)
        arena_done(a);
    else if (chunk) {
        a->next = chunk->bytes;
        a->end = chunk->bytes + chunk->n_bytes;
    }
}

void arena_done(struct arena *a)
{
    struct arena_chunk *chunk = a->chunks, *older;

    for (; chunk; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    *a = (struct arena){0};
}
