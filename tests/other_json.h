/* other_json.h — another reader of JSON, to hold ours against: libjansson. In a file of its own,
 * for the names of both do not go together. */
#pragma once
#include <stddef.h>

enum other_verdict {
    OTHER_READS,
    OTHER_REFUSES,
    OTHER_OVERFLOWS, /* a number beyond its own limits */
};

/* Reads any value, but no key twice. */
enum other_verdict other_json_read(const char *text, size_t n);
