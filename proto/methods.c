/* The shapes of all methods are made in this file. */
#define SHAPES_ARE_DEFINED_HERE
#include "methods.h"

#include <stdlib.h>
#include <string.h>

static struct method methods[N_METHODS];
static const struct method *by_name[N_METHODS];

static int compare(const void *a, const void *b)
{
    return strcmp((*(const struct method *const *)a)->name,
                  (*(const struct method *const *)b)->name);
}

/* Before main: what follows from the list is worked out once, then only read. */
__attribute__((constructor)) static void methods_init(void)
{
#define M(id_, name_, params_, result_, lanes_, flags_, doc_)                                      \
    methods[METHOD_##id_] = (struct method){                                                       \
        .id = METHOD_##id_,                                                                        \
        .name = name_,                                                                             \
        .params = shape_##params_(),                                                               \
        .result = shape_##result_(),                                                               \
        .handle = field_find(shape_##params_(), "handle", 6),                                      \
        .timeout = field_find(shape_##params_(), "timeout", 7),                                    \
        .lanes = lanes_,                                                                           \
        .flags = flags_,                                                                           \
        .doc = doc_,                                                                               \
    };
    METHODS(M)
#undef M
    for (int i = 0; i < N_METHODS; i++)
        by_name[i] = &methods[i];
    qsort(by_name, N_METHODS, sizeof *by_name, compare);
}

const struct method *method_at(enum method_id id)
{
    return &methods[id];
}

const struct method *method_find(const char *name, size_t n)
{
    size_t low = 0, high = N_METHODS;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct method *m = by_name[middle];
        int order = strncmp(name, m->name, n);

        if (order == 0 && m->name[n] == '\0')
            return m;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
