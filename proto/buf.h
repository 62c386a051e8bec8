/* buf.h — bytes that grow at the end and leave at the front. Remembers that memory ran out instead
 * of making every writer ask: look at `failed` once, at the end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t start, end; /* the bytes that are there: data[start..end) */
    size_t n_room;     /* bytes allocated */
    bool failed;       /* an append did not fit into memory and is missing */
};

/* A zeroed buf ({0}) is empty and ready. */

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

/* Makes room for n more bytes. Returns where they go (then raise `end`), NULL when memory is out.
 */
char *buf_reserve(struct buf *b, size_t n);

/* Appends n bytes, one byte, a NUL-terminated text, or what printf makes. */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_char(struct buf *b, char c);
void buf_add_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes n bytes (at most buf_len) off the front; an emptied buf starts at its beginning again. */
void buf_drop(struct buf *b, size_t n);

/* Cuts the end back so that n bytes (at most buf_len) remain, and forgets a failure. */
void buf_truncate(struct buf *b, size_t n);

/* Gives the memory back; the buf is empty and usable again. */
void buf_done(struct buf *b);
