/* expecting.c — the "<" steps of a session file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "steps.h"

enum { MAX_GROUP = 64 };

/* Why this is no reply of berth's; NULL when it is one. */
static const char *envelope_fault(const json_t *reply)
{
    const json_t *error = json_object_get(reply, "error"), *data = json_object_get(error, "data");
    const char *version = json_string_value(json_object_get(reply, "jsonrpc"));

    if (!json_is_object(reply))
        return "no object";
    if (!version || strcmp(version, "2.0") != 0)
        return "no \"jsonrpc\":\"2.0\"";
    if (!json_object_get(reply, "id"))
        return "no id";
    if (!error == !json_object_get(reply, "result"))
        return "not exactly one of result and error";
    if (error && !(json_is_integer(json_object_get(error, "code")) &&
                   json_is_string(json_object_get(error, "message")) &&
                   json_is_string(json_object_get(data, "kind")) &&
                   json_is_string(json_object_get(data, "name"))))
        return "an error without code, message, data.kind or data.name";
    return NULL;
}

static const char *line_fault(const json_t *reply)
{
    const char *fault = NULL;

    if (!json_is_array(reply))
        return envelope_fault(reply);
    if (json_array_size(reply) == 0)
        return "an empty batch";
    for (size_t i = 0; i < json_array_size(reply) && !fault; i++)
        fault = envelope_fault(json_array_get(reply, i));
    return fault;
}

/* The next reply, to be freed; NULL after saying why there is none, with *ret the reason as of
 * script_run. */
static json_t *next_reply(struct script *s, struct session *session, const char *expected, int *ret)
{
    const char *line, *fault;
    size_t n;
    json_t *reply;
    int r = lines_next(&session->replies, &line, &n);

    *ret = 1;
    if (r <= 0) {
        script_say(s, 1, "expected %s\n  but there is no reply: %s", expected,
                   r == 0 ? "the daemon closed" : strerror(-r));
        return NULL;
    }
    reply = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    fault = reply ? line_fault(reply) : "no JSON";
    if (!fault)
        return reply;
    script_say(s, 1, "not a reply of berth's (%s): %.*s", fault, (int)n, line);
    json_decref(reply);
    return NULL;
}

static json_t *parse_expected(const struct script *s, const char *text)
{
    json_error_t e;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &e);

    if (!json)
        script_say(s, -1, "the expectation is no JSON: %s", e.text);
    return json;
}

/* Compares with a copy of the names, and keeps what was bound only when all matches. */
static int try_match(struct script *s, const char *expected_text, const json_t *reply, char *why,
                     size_t n)
{
    json_t *expected = parse_expected(s, expected_text), *names = json_copy(s->names);
    int r = expected && names ? !match_json(expected, reply, names, why, n) : -1;

    if (r == 0) {
        json_decref(s->names);
        s->names = json_incref(names);
    }
    json_decref(names);
    json_decref(expected);
    return r;
}

static int complain_reply(const struct script *s, const char *expected, const json_t *reply,
                          const char *why)
{
    char *text = json_dumps(reply, JSON_COMPACT);

    script_say(s, 1, "%s\n  expected %s\n  but got  %.4000s", why, expected, text ? text : "?");
    free(text);
    return 1;
}

int step_expect(struct script *s, struct session *session, const char *rest)
{
    char why[256] = "";
    int r;
    json_t *reply = next_reply(s, session, rest, &r);

    if (!reply)
        return r;
    r = try_match(s, rest, reply, why, sizeof why);
    if (r > 0)
        complain_reply(s, rest, reply, why);
    json_decref(reply);
    return r;
}

/* `rest` is the first of a run of "<|" lines; the others follow in the script. */
int step_expect_group(struct script *s, struct session *session, const char *rest)
{
    const char *expected[MAX_GROUP] = {rest};
    size_t n = 1;
    int r = 0;

    for (; s->next < s->n_lines && n < MAX_GROUP && !strncmp(s->lines[s->next], "<| ", 3);
         s->next++)
        expected[n++] = s->lines[s->next] + 3;
    while (n > 0 && r == 0) {
        char why[256] = "";
        json_t *reply = next_reply(s, session, expected[0], &r);
        size_t i = 0;

        if (!reply)
            return r;
        for (r = 1; i < n && r > 0; i++)
            r = try_match(s, expected[i], reply, why, sizeof why);
        if (r > 0)
            complain_reply(s, expected[0], reply, "matches none of the expected");
        else if (r == 0)
            expected[i - 1] = expected[--n];
        json_decref(reply);
    }
    return r;
}

int step_expect_eof(struct script *s, struct session *session, const char *rest)
{
    const char *line;
    size_t n;
    int r = lines_next(&session->replies, &line, &n);

    (void)rest;
    /* A daemon that closes with unread requests resets the connection. */
    if (r == 0 || r == -ECONNRESET)
        return step_close(s, session, "");
    if (r > 0)
        return script_say(s, 1, "expected the end, but got %.*s", n > 4000 ? 4000 : (int)n, line);
    return script_say(s, 1, "expected the end, but: %s", strerror(-r));
}
