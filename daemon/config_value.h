/* config_value.h — the kinds of values that settings have: one function for each, named in the
 * tables of keys. Knows no files and no sections. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Where a value stands, and where it is said what is wrong with it. */
struct config_place {
    const char *path;
    int line;
    char *message;
    size_t n_message;
};

struct config_key;

/* Puts a value into its place in `object`. Returns 0, or -errno with a message. `value` as in a
 * struct config_entry. */
typedef int config_take_fn(const struct config_key *key, const char *value,
                           const struct config_place *place, void *object);

struct config_key {
    const char *name;
    config_take_fn *take;
    size_t offset;       /* in the object */
    int64_t least, most; /* of a number; of policy: `least` is the policy_key */
    const char
        *expected; /* "a number", …; NULL: of a list, whose items are told of by themselves */
};

config_take_fn config_take_count, config_take_size, config_take_time; /* int64_t */
config_take_fn config_take_lease;                                     /* int64_t, as on the wire */
config_take_fn config_take_switch;                                    /* bool */
config_take_fn config_take_path;                                      /* char *, to be freed */
config_take_fn config_take_users, config_take_groups;                 /* struct pool_ids */
config_take_fn config_take_names, config_take_fd_names;               /* struct pool_names */
config_take_fn config_take_policy;                                    /* struct policy * */

/* Writes "path:line: " and what is wrong. Returns r. */
int config_complain(const struct config_place *place, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
