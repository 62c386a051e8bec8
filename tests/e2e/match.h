/* match.h — whether a reply is what was expected. What is not said in the expectation may be
 * anything:
 *
 *   {"a": 1}     an object that has "a": 1, whatever else it has
 *   [1, 2]       a list of exactly these
 *   "*"          anything that is there
 *   "*integer"   of this type; also "*number", "*string", "*object", "*array"
 *   "!"          as a member: must not be there
 *   "~text"      a string that contains this text
 *   "$name"      binds what is there to the name; the next time it must be equal to that
 *   1, "x", …    equal; 1 and 1.0 are the same
 */
#pragma once
#include <jansson.h>
#include <stddef.h>

/* Compares. `names` is an object of what is bound, and grows. `why` (n bytes) gets a sentence that
 * begins with the place of the first difference. Returns 1 for a match, else 0 (then `names` may
 * hold more than before). */
int match_json(const json_t *expected, const json_t *got, json_t *names, char *why, size_t n);
