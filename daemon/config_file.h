/* config_file.h — one file of settings as a list of what stands in it: sections and keys with their
 * lines. Stands on libinih and makes up for its short lines. Knows no key and no section. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A section's head (key NULL) or a key with its value. */
struct config_entry {
    char *section; /* what is in the brackets; "" before the first */
    char *key;     /* NULL: the head itself */
    char *value;   /* without comments and outer blanks; may hold '\n', one for each line that it
                      goes on, so that the line of every part is known */
    int line;
    struct config_entry *next;
};

/* Reads a file to its end or its first fault. A file that must not exist and does not has no
 * entries. Returns 0 with *ret (for config_file_free), or -errno with a message that names file and
 * line. */
int config_file_read(const char *path, bool must_exist, struct config_entry **ret,
                     char *ret_message, size_t n_message);

/* NULL is fine. */
void config_file_free(struct config_entry *entries);
