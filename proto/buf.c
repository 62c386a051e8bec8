#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM_BYTES = 512 };

char *buf_reserve(struct buf *b, size_t n)
{
    size_t n_used = buf_len(b), n_room = b->n_room ? b->n_room : FIRST_ROOM_BYTES;
    char *data;

    if (n <= b->n_room - b->end)
        return b->data + b->end;
    if (n > SIZE_MAX / 4 || n_used > SIZE_MAX / 4)
        goto fail;
    if (b->start && n_used + n <= b->n_room && b->start >= n_used) {
        memcpy(b->data, b->data + b->start, n_used);
    } else {
        while (n_room < n_used + n)
            n_room *= 2;
        if (!(data = malloc(n_room)))
            goto fail;
        if (n_used)
            memcpy(data, b->data + b->start, n_used);
        free(b->data);
        b->data = data;
        b->n_room = n_room;
    }
    b->start = 0;
    b->end = n_used;
    return b->data + b->end;
fail:
    b->failed = true;
    return NULL;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    char *room = n ? buf_reserve(b, n) : NULL;

    if (!room)
        return;
    memcpy(room, bytes, n);
    b->end += n;
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    char *room;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !(room = buf_reserve(b, (size_t)n + 1)))
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)n + 1, format, args);
    va_end(args);
    b->end += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
    b->start += n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void buf_truncate(struct buf *b, size_t n)
{
    b->end = b->start + n;
    b->failed = false;
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
