#include "match.h"

#include <stdio.h>
#include <string.h>

/* Where the comparison stands, for the sentence. */
struct place {
    const struct place *outer;
    const char *key; /* NULL: an index, or the top */
    size_t index;
};

struct matching {
    json_t *names;
    char *why;
    size_t n_why;
};

static int match_at(struct matching *m, const struct place *at, const json_t *expected,
                    const json_t *got);

static void add_place(struct matching *m, const struct place *at)
{
    size_t n;

    if (!at->outer)
        return;
    add_place(m, at->outer);
    n = strlen(m->why);
    if (at->key)
        snprintf(m->why + n, m->n_why - n, ".%s", at->key);
    else
        snprintf(m->why + n, m->n_why - n, "[%zu]", at->index);
}

static int differs(struct matching *m, const struct place *at, const char *sentence)
{
    size_t n;

    m->why[0] = '\0';
    add_place(m, at);
    n = strlen(m->why);
    snprintf(m->why + n, m->n_why - n, "%s%s", n ? " " : "", sentence);
    return 0;
}

static int match_type(struct matching *m, const struct place *at, const char *type,
                      const json_t *got)
{
    int ok = !*type || (!strcmp(type, "integer") && json_is_integer(got)) ||
             (!strcmp(type, "number") && json_is_number(got)) ||
             (!strcmp(type, "string") && json_is_string(got)) ||
             (!strcmp(type, "object") && json_is_object(got)) ||
             (!strcmp(type, "array") && json_is_array(got));

    return ok ? 1 : differs(m, at, "has another type");
}

static int match_name(struct matching *m, const struct place *at, const char *name,
                      const json_t *got)
{
    const json_t *bound = json_object_get(m->names, name);

    if (!bound)
        return json_object_set_new(m->names, name, json_deep_copy(got)) == 0;
    return json_equal(bound, got) ? 1 : differs(m, at, "is not what its $name is bound to");
}

static int match_string(struct matching *m, const struct place *at, const char *expected,
                        const json_t *got)
{
    const char *text = json_string_value(got);

    switch (expected[0]) {
    case '*':
        return match_type(m, at, expected + 1, got);
    case '$':
        return match_name(m, at, expected + 1, got);
    case '~':
        return text && strstr(text, expected + 1) ? 1 : differs(m, at, "lacks the text");
    default:
        return text && !strcmp(text, expected) ? 1 : differs(m, at, "is another text");
    }
}

static int match_object(struct matching *m, const struct place *at, const json_t *expected,
                        const json_t *got)
{
    const char *key;
    json_t *value;

    if (!json_is_object(got))
        return differs(m, at, "is no object");
    json_object_foreach((json_t *)expected, key, value)
    {
        struct place inner = {at, key, 0};
        const char *text = json_string_value(value);
        const json_t *there = json_object_get(got, key);
        int absent = text && !strcmp(text, "!");

        if (absent && there)
            return differs(m, &inner, "should not be there");
        if (!absent && !there)
            return differs(m, &inner, "is missing");
        if (!absent && !match_at(m, &inner, value, there))
            return 0;
    }
    return 1;
}

static int match_array(struct matching *m, const struct place *at, const json_t *expected,
                       const json_t *got)
{
    if (!json_is_array(got))
        return differs(m, at, "is no array");
    if (json_array_size(got) != json_array_size(expected))
        return differs(m, at, "has another length");
    for (size_t i = 0; i < json_array_size(got); i++) {
        struct place inner = {at, NULL, i};

        if (!match_at(m, &inner, json_array_get(expected, i), json_array_get(got, i)))
            return 0;
    }
    return 1;
}

static int match_at(struct matching *m, const struct place *at, const json_t *expected,
                    const json_t *got)
{
    if (json_is_string(expected))
        return match_string(m, at, json_string_value(expected), got);
    if (json_is_object(expected))
        return match_object(m, at, expected, got);
    if (json_is_array(expected))
        return match_array(m, at, expected, got);
    if (json_is_number(expected) && json_is_number(got))
        return json_number_value(expected) == json_number_value(got)
                   ? 1
                   : differs(m, at, "is another number");
    return json_equal(expected, got) ? 1 : differs(m, at, "is another value");
}

int match_json(const json_t *expected, const json_t *got, json_t *names, char *why, size_t n)
{
    struct matching m = {names, why, n};
    struct place top = {NULL, NULL, 0};

    return match_at(&m, &top, expected, got);
}
