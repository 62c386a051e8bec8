/* words.h — KEY=VALUE words as people type them -> the parameters of a method as JSON text,
 * directed by the method's rows. Checks what can be seen without the daemon: the keys, the shape of
 * the values, what is missing. Whether a constant or an option exists is the daemon's to say. */
#pragma once
#include "proto/buf.h"
#include "proto/methods.h"

struct words {
    struct buf params;  /* the JSON object, NUL-terminated */
    const char *fd;     /* the number of a descriptor of ours; NULL: none */
    const char *file;   /* of a method that takes a descriptor: the file to open; borrowed */
    struct buf message; /* what is wrong, NUL-terminated; with the keys that there are */
};

/* Reads n words: KEY=VALUE by the row's type, KEY:=JSON as it is, OBJECT.KEY=VALUE for a member of
 * an object. A method that takes a descriptor has the key `file` too; without that word it is the
 * argument (NULL: none). Returns 0, or -1 with `message` set. words_done() in either case. Does not
 * block. */
int words_parse(const struct method *method, int n, char *const *list, const char *file,
                struct words *ret);
void words_done(struct words *w);

/* The method called nearest to `name`, or NULL. */
const struct method *words_nearest_method(const char *name);

/* How a value of this type is shown in usage lines ("SECONDS"), and one that can be typed ("2.5").
 */
const char *words_placeholder(enum field_type type);
const char *words_sample(const struct field *field);
