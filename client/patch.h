/* patch.h — one member of a JSON text made anew, all else left as it was written. */
#pragma once
#include "proto/buf.h"
#include "proto/json.h"

/* Appends the scanned text (n bytes of json->text) with member `key` of the object at `object`
 * being `value`, a JSON text; added at its end when it is not there. */
void patch_member(struct buf *out, const struct json *json, size_t n, uint32_t object,
                  const char *key, const char *value);
