/* codec_try.h — JSON texts decoded into structs of the method table, for tests that say what comes
 * of it. */
#pragma once
#include "proto/codec.h"
#include "proto/methods.h"
#include "tests/fds.h"
#include "tests/samples.h"

/* What is tried, and what came of it. */
extern struct codec_try {
    const struct shape *shapes[SAMPLES_MAX_SHAPES];
    size_t n_shapes;
    struct buf text;
    struct json json;
    struct arena arena;
    struct error e;
    void *into; /* the struct; lives until the next one is decoded */
} codec_try;

/* A test case of this suite with all of it made ready around each test. */
TCase *codec_try_case(Suite *suite, const char *name);

/* Begins a text anew, to be appended to. It is the one item of an array, for token 0 means that
 * there is nothing. */
struct buf *codec_try_anew(void);

/* Ends the text and decodes it. Returns what codec_decode does. */
int codec_try_decode(const struct shape *shape, enum codec_mode mode);

/* Appends the decoded struct to b. */
void codec_try_encode(const struct shape *shape, struct buf *b);

/* Fails the test unless decoding returned 0; unless it returned an error that names the member at
 * fault, by its outermost key, and in the message by the whole way ("handles[2].events"). */
void codec_try_taken(const struct shape *shape, int r);
void codec_try_named(const struct shape *shape, int r, const char *path);

#define for_each_shape(shape)                                                                      \
    for (const struct shape *shape, **next = codec_try.shapes;                                     \
         next < codec_try.shapes + codec_try.n_shapes && (shape = *next); next++)
#define for_each_row(shape, row)                                                                   \
    for (const struct field *row = (shape)->fields; row < (shape)->fields + (shape)->n_fields;     \
         row++)
