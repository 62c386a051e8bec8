/* heap.h — things in time order: the earliest is always at hand. Each item is part of what it
 * stands for, so adding never allocates more than the array of pointers. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t at;   /* microseconds */
    size_t place; /* in the array, counted from 1; 0: in no heap */
};

struct heap {
    struct heap_item **items;
    size_t n, n_room;
};

/* Puts the item in at `at`, or moves it there when it is in already. Returns 0 or -ENOMEM. */
int heap_put(struct heap *h, struct heap_item *item, int64_t at);

/* Takes the item out; one that is in no heap is left alone. */
void heap_remove(struct heap *h, struct heap_item *item);

/* The earliest item, or NULL. */
struct heap_item *heap_first(const struct heap *h);

/* Gives the array back. */
void heap_done(struct heap *h);
