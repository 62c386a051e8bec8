/* codec.h — JSON object <-> struct, through the rows of the struct's shape. The one place that
 * decides what a parameter may look like, and that names the one at fault. */
#pragma once
#include "arena.h"
#include "buf.h"
#include "errors.h"
#include "field.h"
#include "json.h"

/* Requests are read strictly: a member that has no row is an error. Replies are read loosely: a
 * newer daemon may say more than this client knows. */
enum codec_mode { CODEC_STRICT, CODEC_LOOSE };

/* Fills `into` (shape->n_bytes, zeroed by the caller) from the object at `token`; an array at
 * `token` gives the members by position. token 0 stands for an absent object. Texts and lists are
 * copied to the arena; the struct needs the JSON text no more. Returns 0, ERROR_INVALID_PARAMS
 * (unknown, missing or wrong member; the error names it) or ERROR_OS (ENOMEM). */
int codec_decode(const struct shape *shape, enum codec_mode mode, const struct json *json,
                 uint32_t token, struct arena *a, void *into, struct error *e);

/* Appends the struct as a JSON object; absent members are left out. Works for parameters and
 * results alike: what it writes, codec_decode reads. */
void codec_encode(const struct shape *shape, const void *from, struct buf *b);

/* Appends the value of one member alone; nothing when it is absent. */
void codec_encode_member(const struct field *field, const void *from, struct buf *b);
