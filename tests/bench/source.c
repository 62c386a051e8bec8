#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_BYTES = 64 << 10, LINE_CHARS = 72, REQUEST_BYTES = 256 };

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"

/* 90 bytes with its newline. */
static const char ping[] =
    HEAD "\"ping\",\"params\":{\"echo\":\"0123456789012345678901234567\"}}\n";
_Static_assert(sizeof ping - 1 == 90, "the length that all who are compared are asked with");

static const char open_socket[] = HEAD "\"socket\"}\n";

static int64_t number_after(const char *text, const char *key)
{
    const char *at = text ? strstr(text, key) : NULL;

    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* -- payloads -- */

/* Text as people write it, in lines, so that there is something to escape. */
static void fill_text(char *payload, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t column = i % LINE_CHARS;

        payload[i] = column == LINE_CHARS - 1   ? 'n'
                     : column == LINE_CHARS - 2 ? '\\'
                                                : (char)('a' + column * 7 % 26);
    }
}

/* The base64 of PAYLOAD_BYTES bytes of no particular kind. */
static void fill_base64(char *payload, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t x = 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        payload[i] = alphabet[x >> 26];
    }
    memcpy(payload + n - 4, "Qg==", 4);
}

static char *new_send(int64_t handle, enum source_kind kind)
{
    /* Whole lines, whose last two characters are one byte; whole groups of three bytes. */
    size_t n = kind == SOURCE_TEXT ? PAYLOAD_BYTES / (LINE_CHARS - 1) * LINE_CHARS
                                   : (PAYLOAD_BYTES + 2) / 3 * 4;
    char *payload = malloc(n + 1), *request = NULL;

    if (!payload)
        return NULL;
    if (kind == SOURCE_TEXT)
        fill_text(payload, n);
    else
        fill_base64(payload, n);
    payload[n] = '\0';
    if (asprintf(&request, HEAD "\"send\",\"params\":{\"handle\":%lld,\"%s\":\"%s\"}}\n",
                 (long long)handle, kind == SOURCE_TEXT ? "text" : "base64", payload) < 0)
        request = NULL;
    free(payload);
    return request;
}

static int open_payloads(struct source *source, struct session *c)
{
    const char *as = source->kind == SOURCE_TEXT ? "text" : "base64";
    int64_t one = number_after(session_call(c, HEAD "\"socketpair\"}\n"), "\"handles\":[");

    if (one < 0)
        return -1;
    source->texts[0] = new_send(one, source->kind);
    if (asprintf(&source->texts[1],
                 HEAD "\"recv\",\"params\":{\"handle\":%lld,\"size\":%d,\"as\":\"%s\"}}\n",
                 (long long)one + 1, PAYLOAD_BYTES, as) < 0)
        source->texts[1] = NULL;
    return source->texts[0] && source->texts[1] ? 0 : -1;
}

/* -- handles -- */

static void write_close(char *room, size_t n_room, int64_t handle)
{
    snprintf(room, n_room, HEAD "\"close\",\"params\":{\"handle\":%lld}}\n", (long long)handle);
}

/* Two requests that are written anew by turns; a socket's and its close's. */
static int open_sockets(struct source *source, struct session *c)
{
    int64_t handle = number_after(session_call(c, open_socket), "\"handle\":");
    char close_request[REQUEST_BYTES];

    write_close(close_request, sizeof close_request, handle);
    if (handle < 0 || !session_call(c, close_request))
        return -1;
    source->next_handle = handle + 1;
    source->texts[0] = strdup(open_socket);
    source->texts[1] = calloc(1, REQUEST_BYTES);
    return source->texts[0] && source->texts[1] ? 0 : -1;
}

/* -- any -- */

static int open_ping(struct source *source, struct session *c)
{
    source->n_phases = 1;
    source->texts[0] = strdup(ping);
    return source->texts[0] && session_call(c, ping) ? 0 : -1;
}

int source_open(struct source *source, enum source_kind kind, struct session *c)
{
    int r;

    *source = (struct source){.kind = kind, .n_phases = 2};
    r = kind == SOURCE_PING      ? open_ping(source, c)
        : kind == SOURCE_SOCKETS ? open_sockets(source, c)
                                 : open_payloads(source, c);
    for (int i = 0; r == 0 && i < source->n_phases; i++)
        source->n_texts[i] = strlen(source->texts[i]);
    return r;
}

void source_close(struct source *source)
{
    free(source->texts[0]);
    free(source->texts[1]);
    *source = (struct source){0};
}

const char *source_next(struct source *source, size_t *ret_n)
{
    int phase = (int)(source->n_given++ % (uint64_t)source->n_phases);

    if (source->kind == SOURCE_SOCKETS && phase == 1) {
        write_close(source->texts[1], REQUEST_BYTES, source->next_handle++);
        source->n_texts[1] = strlen(source->texts[1]);
    }
    *ret_n = source->n_texts[phase];
    return source->texts[phase];
}
