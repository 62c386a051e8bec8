/* arena.h — memory that lives as long as one request: taken piece by piece, given back at once.
 * Knows nothing of what is kept in it. */
#pragma once
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    char *next, *end;           /* free space of the newest chunk */
};

/* A zeroed arena ({0}) is empty and ready. */

/* Takes n zeroed bytes, aligned for any type. NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t n);

/* Copies n bytes of s and adds a NUL. NULL when memory is out. */
char *arena_copy(struct arena *a, const void *s, size_t n);

/* Formats as printf does. NULL when memory is out. */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets all that was taken, keeping one small chunk for the next request. */
void arena_reset(struct arena *a);

/* Gives everything back; the arena is empty and usable again. */
void arena_done(struct arena *a);
