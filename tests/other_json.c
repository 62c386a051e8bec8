#include "other_json.h"

#include <jansson.h>

enum other_verdict other_json_read(const char *text, size_t n)
{
    json_error_t error;
    json_t *value =
        json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    json_decref(value);
    if (value)
        return OTHER_READS;
    return json_error_code(&error) == json_error_numeric_overflow ? OTHER_OVERFLOWS : OTHER_REFUSES;
}
