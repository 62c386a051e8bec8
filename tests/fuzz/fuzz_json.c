/* fuzz_json.c — any bytes as JSON: the tokens are one tree, and what they say is the same when it
 * is written and read again. */
#include <stdint.h>
#include <string.h>

#include "must.h"
#include "tests/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Each value can be asked for anything. */
static void ask(const struct json *json, uint32_t token, struct arena *a)
{
    const struct json_token *t = &json->tokens[token];
    double number = 0;
    int64_t integer;
    size_t n, n_bytes;
    char *s;
    bool bad;

    if (json_get_integer(json, token, &integer))
        MUST(json_get_number(json, token, &number) && number == (double)integer);
    MUST(json_type_name(t->type));
    MUST(t->type == JSON_OBJECT || !json_member(json, token, "id"));
    if (t->type != JSON_STRING)
        return;
    s = json_get_string(json, token, a, &n);
    MUST(s && n <= t->end - t->start && s[n] == '\0');
    MUST(json_equals(json, token, s, n));
    MUST((memchr(s, '\0', n) != NULL) == t->has_nul);
    MUST(json_compare(json, token, token) == 0);
    s = json_from_base64(s, n, a, &n_bytes, &bad);
    MUST(!s == bad);
}

/* Writes the value, and reads that. */
static void write_and_read(const struct json *json, struct arena *a)
{
    struct buf first = {0}, second = {0};
    struct json again = {0};
    struct error e = {0};

    MUST(json_tree_write(json, 0, a, &first));
    MUST(json_scan(&again, first.data, buf_len(&first), &e) == 0);
    MUST(again.n_tokens == json->n_tokens);
    MUST(json_tree_write(&again, 0, a, &second));
    MUST(buf_len(&first) == buf_len(&second) &&
         memcmp(first.data, second.data, buf_len(&first)) == 0);
    buf_done(&first);
    buf_done(&second);
    json_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json json = {0};
    struct arena arena = {0};
    struct error e = {0};
    int r = json_scan(&json, (const char *)data, n, &e);

    MUST(r == (int)e.id && !r == !*e.message);
    MUST(r == 0 || r == ERROR_PARSE || r == ERROR_INVALID_REQUEST);
    if (r != ERROR_PARSE && json.n_tokens) {
        MUST(json_tree_is_sound(&json, n));
        for (uint32_t i = 0; i < json.n_tokens; i++)
            ask(&json, i, &arena);
    }
    if (r == 0)
        write_and_read(&json, &arena);
    json_done(&json);
    arena_done(&arena);
    return 0;
}
