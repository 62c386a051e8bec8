#include "client/patch.h"

void patch_member(struct buf *out, const struct json *json, size_t n, uint32_t object,
                  const char *key, const char *value)
{
    uint32_t token = json_member(json, object, key);
    const struct json_token *t = &json->tokens[token ? token : object];
    size_t quote = t->type == JSON_STRING;
    size_t from = token ? t->start - quote : t->end - 1u, to = token ? t->end + quote : from;

    buf_add(out, json->text, from);
    if (!token)
        buf_printf(out, "%s\"%s\":", t->n ? "," : "", key);
    buf_add_text(out, value);
    buf_add(out, json->text + to, n - to);
}
