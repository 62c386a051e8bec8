/* fuzz_codec.c — any line as a request: its envelope, and its parameters as those of every method,
 * and as every result. What is taken is the same when it is written and read again; what is not is
 * answered by a line of JSON. */
#include <stdint.h>
#include <string.h>

#include "must.h"
#include "proto/codec.h"
#include "proto/message.h"
#include "proto/methods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must_be_json(const struct buf *b)
{
    struct json json = {0};
    struct error e = {0};

    MUST(!b->failed);
    MUST(json_scan(&json, b->data + b->start, buf_len(b), &e) == 0);
    MUST(!memchr(b->data + b->start, '\n', buf_len(b)));
    json_done(&json);
}

static void answer(const struct message *m, const struct error *e)
{
    struct buf b = {0};

    message_error(&b, m->id ? m->id : "null", m->id ? m->n_id : 4, e);
    must_be_json(&b);
    buf_done(&b);
}

/* Writes a struct, reads that, writes it again: the same text. */
static void write_and_read(const struct shape *shape, enum codec_mode mode, const void *from,
                           struct arena *a)
{
    void *into = arena_alloc(a, shape->n_bytes);
    struct buf first = {0}, second = {0};
    struct json json = {0};
    struct error e = {0};

    buf_add_char(&first, '[');
    codec_encode(shape, from, &first);
    buf_add_char(&first, ']');
    must_be_json(&first);
    MUST(json_scan(&json, first.data, buf_len(&first), &e) == 0);
    MUST(codec_decode(shape, mode, &json, 1, a, into, &e) == 0);
    codec_encode(shape, into, &second);
    MUST(buf_len(&first) == buf_len(&second) + 2 &&
         memcmp(first.data + 1, second.data, buf_len(&second)) == 0);
    buf_done(&first);
    buf_done(&second);
    json_done(&json);
}

static void try_shape(const struct shape *shape, enum codec_mode mode, const struct json *json,
                      const struct message *m, struct arena *a)
{
    void *into = arena_alloc(a, shape->n_bytes);
    struct error e = {0};
    int r;

    MUST(into);
    r = codec_decode(shape, mode, json, m->params, a, into, &e);
    MUST(r == (int)e.id && !r == !*e.message);
    if (r == 0)
        write_and_read(shape, mode, into, a);
    else
        answer(m, &e);
    MUST(r == 0 || r == ERROR_OS || e.name);
}

/* A line that was refused is looked into for its id alone. */
static void try_message(const struct json *json, uint32_t token, bool is_refused)
{
    struct message_reply reply;
    struct arena arena = {0};
    struct error e = {0};
    struct message m;
    size_t n;
    char *name;

    message_parse_reply(json, token, &reply, &e);
    e = (struct error){0};
    if (message_parse(json, token, &m, &e)) {
        MUST(m.id && e.id != ERROR_NONE && *e.message);
        answer(&m, &e);
        return;
    }
    if (is_refused)
        return;
    name = json_get_string(json, m.method, &arena, &n);
    MUST(name);
    (void)method_find(name, n);
    for (int id = 0; id < N_METHODS; id++) {
        try_shape(method_at((enum method_id)id)->params, CODEC_STRICT, json, &m, &arena);
        try_shape(method_at((enum method_id)id)->result, CODEC_LOOSE, json, &m, &arena);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json json = {0};
    struct error e = {0};
    int r = memchr(data, '\n', n) ? ERROR_PARSE
                                  : json_scan(&json, (const char *)data, n, &e); /* it is a line */

    if (r != ERROR_PARSE && json.n_tokens) {
        const struct json_token *t = &json.tokens[0];
        uint32_t item = 1;

        try_message(&json, 0, r != 0);
        for (uint32_t i = 0; t->type == JSON_ARRAY && i < t->n && i < 4;
             i++, item = json.tokens[item].next)
            try_message(&json, item, r != 0);
    }
    json_done(&json);
    return 0;
}
