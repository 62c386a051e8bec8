/* decoder.h — what the readers and writers of single values share: where in the request they are,
 * and how they say what is wrong there. Inside of codec only. */
#pragma once
#include "codec.h"

struct decoder {
    const struct json *json;
    struct arena *arena;
    struct error *e;
    enum codec_mode mode;
    bool is_base64; /* a payload came under its other name */
    /* The way to the member in work. It becomes text only for an error. */
    struct decoder_step {
        const char *name; /* NULL: an item of a list */
        size_t n;         /* length of the name, or the item's index */
    } steps[8];
    int n_steps;
    char path[128];
};

/* How one type of row is read and written. `member` is where the value stands in the struct. */
struct codec {
    int (*decode)(struct decoder *d, const struct field *field, uint32_t token, void *member);
    void (*encode)(const struct field *field, const void *member, struct buf *b);
};

/* One per kind of value; codec.c says which type of row has which. LIST and OBJECT need structs and
 * are its own. */
extern const struct codec codec_address, codec_base64, codec_bool, codec_handle, codec_int,
    codec_ints, codec_json, codec_lease, codec_number, codec_options, codec_payload, codec_service,
    codec_sockaddr, codec_sockaddrs, codec_text, codec_texts, codec_timeout, codec_constants,
    codec_flags;

/* Goes into a member or an item, and out again. */
static inline void decoder_enter(struct decoder *d, const char *name, size_t n)
{
    if (d->n_steps < (int)(sizeof d->steps / sizeof *d->steps))
        d->steps[d->n_steps] = (struct decoder_step){name, n};
    d->n_steps++;
}

static inline void decoder_enter_item(struct decoder *d, size_t i)
{
    decoder_enter(d, NULL, i);
}

static inline void decoder_leave(struct decoder *d)
{
    d->n_steps--;
}

/* "handles[2].events": the member in work. Valid until the next call. */
const char *decoder_path(struct decoder *d);

/* ERROR_INVALID_PARAMS: not of the row's type. */
int decoder_wrong_type(struct decoder *d, const struct field *field, uint32_t token);

/* A string without NUL as a C text in the arena. */
int decoder_text(struct decoder *d, const struct field *field, uint32_t token, const char **ret_s,
                 size_t *ret_n);

/* Zeroed room for the items of an array. */
int decoder_open_list(struct decoder *d, const struct field *field, uint32_t token,
                      size_t n_item_bytes, struct wire_list *list);
