#include "heap.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct heap *h, struct heap_item *item, size_t i)
{
    h->items[i] = item;
    item->place = i + 1;
}

static void sift_up(struct heap *h, struct heap_item *item, size_t i)
{
    for (; i && h->items[(i - 1) / 2]->at > item->at; i = (i - 1) / 2)
        place(h, h->items[(i - 1) / 2], i);
    place(h, item, i);
}

static void sift_down(struct heap *h, struct heap_item *item, size_t i)
{
    size_t child;

    for (; (child = 2 * i + 1) < h->n; i = child) {
        child += child + 1 < h->n && h->items[child + 1]->at < h->items[child]->at;
        if (h->items[child]->at >= item->at)
            break;
        place(h, h->items[child], i);
    }
    place(h, item, i);
}

/* To where it belongs from place i. */
static void settle(struct heap *h, struct heap_item *item, size_t i)
{
    sift_up(h, item, i);
    sift_down(h, item, item->place - 1);
}

int heap_put(struct heap *h, struct heap_item *item, int64_t at)
{
    if (!item->place && h->n == h->n_room) {
        size_t n_room = h->n_room ? h->n_room * 2 : 16;
        struct heap_item **items = realloc(h->items, n_room * sizeof *items);

        if (!items)
            return -ENOMEM;
        h->items = items;
        h->n_room = n_room;
    }
    item->at = at;
    settle(h, item, item->place ? item->place - 1 : h->n++);
    return 0;
}

void heap_remove(struct heap *h, struct heap_item *item)
{
    size_t i = item->place - 1;
    struct heap_item *last;

    if (!item->place)
        return;
    item->place = 0;
    last = h->items[--h->n];
    if (last != item)
        settle(h, last, i);
}

struct heap_item *heap_first(const struct heap *h)
{
    return h->n ? h->items[0] : NULL;
}

void heap_done(struct heap *h)
{
    free(h->items);
    *h = (struct heap){0};
}
