/* json_tree.h — looks a scanned text over: whether its tokens make one tree, and what they say when
 * they are written out again. For tests and fuzzers. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

static inline bool json_tree_is_member(const struct json *json, uint32_t key, uint32_t parent);

/* Whether the token and all it contains lie in the text from `from` to `to`, each behind the one
 * before. */
static inline bool json_tree_is_value(const struct json *json, uint32_t token, uint32_t from,
                                      uint32_t to)
{
    const struct json_token *t = &json->tokens[token];
    uint32_t item = token + 1;

    if (token >= json->n_tokens || t->start < from || t->end < t->start || t->end > to)
        return false;
    if (t->type != JSON_ARRAY && t->type != JSON_OBJECT)
        return t->n == 0 && t->next == item;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->type == JSON_OBJECT && !json_tree_is_member(json, item, token))
            return false;
        item += t->type == JSON_OBJECT;
        if (!json_tree_is_value(json, item, from, t->end))
            return false;
        from = json->tokens[item].end;
        item = json->tokens[item].next;
    }
    return t->next == item;
}

static inline bool json_tree_is_member(const struct json *json, uint32_t key, uint32_t parent)
{
    const struct json_token *p = &json->tokens[parent];

    return json_tree_is_value(json, key, p->start, p->end) &&
           json->tokens[key].type == JSON_STRING && key + 1 < json->n_tokens &&
           json->tokens[key + 1].start > json->tokens[key].end;
}

/* Whether all tokens of the text are one tree. */
static inline bool json_tree_is_sound(const struct json *json, size_t n_text)
{
    return json_tree_is_value(json, 0, 0, (uint32_t)n_text) &&
           json->tokens[0].next == json->n_tokens;
}

/* json_scan of a copy in memory of its own size, so that a read past its end is seen; -1 when what
 * comes back does not fit together. The tokens point into the copy, which is gone. */
static inline int json_tree_scan(struct json *json, const char *text, size_t n, struct error *e)
{
    char *exact = malloc(n ? n : 1);
    int r;

    if (!exact)
        return -1;
    if (n)
        memcpy(exact, text, n);
    *e = (struct error){0};
    r = json_scan(json, exact, n, e);
    if (r != (int)e->id || !r != !*e->message)
        r = -1;
    if (r != ERROR_PARSE && json->n_tokens && !json_tree_is_sound(json, n))
        r = -1;
    free(exact);
    return r;
}

/* Appends the value at the token without white space and with no more escapes than must be. False
 * when memory is out. */
static inline bool json_tree_write(const struct json *json, uint32_t token, struct arena *a,
                                   struct buf *b)
{
    const struct json_token *t = &json->tokens[token];
    uint32_t item = token + 1;
    bool ok = true;
    char *s;
    size_t n;

    switch (t->type) {
    case JSON_STRING:
        if (!(s = json_get_string(json, token, a, &n)))
            return false;
        json_write_string(b, s, n);
        return !b->failed;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_add_char(b, t->type == JSON_ARRAY ? '[' : '{');
        for (uint32_t i = 0; ok && i < t->n; i++, item = json->tokens[item].next) {
            buf_add(b, ",", i > 0);
            if (t->type == JSON_OBJECT) {
                ok = json_tree_write(json, item++, a, b);
                buf_add_char(b, ':');
            }
            ok = ok && json_tree_write(json, item, a, b);
        }
        buf_add_char(b, t->type == JSON_ARRAY ? ']' : '}');
        return ok && !b->failed;
    default:
        buf_add(b, json->text + t->start, t->end - t->start);
        return !b->failed;
    }
}
