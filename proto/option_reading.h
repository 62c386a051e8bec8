/* option_reading.h — what the files of the option room share. Inside of option only. */
#pragma once
#include "option.h"

/* One value on its way to the kernel. */
struct option_reading {
    const struct option *option;
    const struct json *json;
    uint32_t token;
    const char *param;
    struct arena *a;
    struct option_value *ret;
    struct error *e;
};

/* Copies the kernel's bytes into the value. ERROR_INVALID_PARAMS when they do not fit. */
int option_put(const struct option_reading *r, const void *bytes, size_t n);

/* A string without NUL inside, copied to the arena. `takes` says what the option takes. */
int option_read_text(const struct option_reading *r, uint32_t token, const char *takes, char **ret,
                     size_t *ret_n);

/* The members of the value, which is an object, by name; ret_tokens[i] is left alone where keys[i]
 * is absent. ERROR_INVALID_PARAMS for any other member. */
int option_read_members(const struct option_reading *r, const char *const *keys, size_t n_keys,
                        uint32_t *ret_tokens);

/* The value does not have the right JSON type. */
int option_wrong_type(const struct option_reading *r, const char *takes);

/* option_group.c: readers of the types that have to do with interfaces. */
int option_read_if(const struct option_reading *r);
int option_read_in_addr(const struct option_reading *r);
int option_read_membership(const struct option_reading *r);

/* Whether the kernel keeps this interface index in network order (it has two of that kind). */
bool option_is_network_order(const struct option *option);
