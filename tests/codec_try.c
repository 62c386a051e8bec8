#include "codec_try.h"

#include <string.h>

struct codec_try codec_try;

static void begin(void)
{
    codec_try = (struct codec_try){0};
    codec_try.n_shapes = samples_shapes(codec_try.shapes);
    ck_assert_uint_gt(codec_try.n_shapes, 50);
    ck_assert_uint_lt(codec_try.n_shapes, SAMPLES_MAX_SHAPES);
}

static void end(void)
{
    buf_done(&codec_try.text);
    json_done(&codec_try.json);
    arena_done(&codec_try.arena);
}

TCase *codec_try_case(Suite *suite, const char *name)
{
    TCase *tests = fds_case(suite, name);

    tcase_add_checked_fixture(tests, begin, end);
    return tests;
}

struct buf *codec_try_anew(void)
{
    buf_truncate(&codec_try.text, 0);
    buf_add_char(&codec_try.text, '[');
    return &codec_try.text;
}

int codec_try_decode(const struct shape *shape, enum codec_mode mode)
{
    struct codec_try *t = &codec_try;
    int r;

    arena_reset(&t->arena);
    buf_add_char(&t->text, ']');
    t->e = (struct error){0};
    r = json_scan(&t->json, t->text.data, buf_len(&t->text), &t->e);
    ck_assert_msg(r == 0, "%.*s: %s", (int)buf_len(&t->text), t->text.data, t->e.message);
    t->into = arena_alloc(&t->arena, shape->n_bytes);
    ck_assert_ptr_nonnull(t->into);
    r = codec_decode(shape, mode, &t->json, 1, &t->arena, t->into, &t->e);
    ck_assert_msg(r == (int)t->e.id && !r == !*t->e.message,
                  "%d is returned, but the error is %d: %s", r, (int)t->e.id, t->e.message);
    return r;
}

void codec_try_encode(const struct shape *shape, struct buf *b)
{
    codec_encode(shape, codec_try.into, b);
    ck_assert(!b->failed);
}

void codec_try_taken(const struct shape *shape, int r)
{
    ck_assert_msg(r == 0, "%s does not take %.*s: %s", shape->name, (int)buf_len(&codec_try.text),
                  codec_try.text.data, codec_try.e.message);
}

void codec_try_named(const struct shape *shape, int r, const char *path)
{
    const struct error *e = &codec_try.e;
    size_t n = strlen(path);

    ck_assert_msg(r == ERROR_INVALID_PARAMS, "%s takes %.*s", shape->name,
                  (int)buf_len(&codec_try.text), codec_try.text.data);
    ck_assert_ptr_nonnull(e->name);
    ck_assert_msg(strlen(e->name) == strcspn(path, ".[") &&
                      strncmp(e->name, path, strlen(e->name)) == 0,
                  "%s names %s, not %s: %s", shape->name, e->name, path, e->message);
    ck_assert_msg(strncmp(e->message, path, n) == 0 && e->message[n] == ':' &&
                      e->message[n + 1] == ' ' && strlen(e->message) > n + 4,
                  "%s, %s: the message is: %s", shape->name, path, e->message);
}
