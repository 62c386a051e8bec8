/* message.h — the JSON-RPC 2.0 envelope: request, reply, error, batch. Knows the envelope alone;
 * what is in params and result is the codec's. */
#pragma once
#include "arena.h"
#include "buf.h"
#include "errors.h"
#include "field.h"
#include "json.h"

/* A request inside a scanned line; it points into the line and lives no longer. */
struct message {
    const char *id; /* its own JSON text; NULL: a notification */
    size_t n_id;
    uint32_t method; /* the string token of its name; 0 when the envelope is bad */
    uint32_t params; /* token of the object or array; 0: absent */
    int n_fds;
};

/* Reads the request at `token`. Returns 0, or ERROR_INVALID_REQUEST — then `id` is still set when
 * the request had a usable one, and "null" when not, for such a message is always answered. */
int message_parse(const struct json *json, uint32_t token, struct message *ret, struct error *e);

/* Appends the reply around a result that was written to the buffer between the two calls. `id` is
 * JSON text. The line's newline is not part of it. */
void message_begin_result(struct buf *b, const char *id, size_t n_id);
void message_end_result(struct buf *b, int n_fds);

/* Appends an error reply. */
void message_error(struct buf *b, const char *id, size_t n_id, const struct error *e);

/* Appends the beginning of a request; what is appended next is its params (an object); then
 * message_end_request. `id` < 0: a notification. */
void message_begin_request(struct buf *b, int64_t id, const char *method);
void message_end_request(struct buf *b, int n_fds);

/* A reply inside a scanned line, as a client sees it. */
struct message_reply {
    bool has_id; /* false: id is null, or this is no reply but a notification */
    int64_t id;
    uint32_t result;         /* token; 0: none */
    uint32_t error;          /* token; 0: none */
    uint32_t method, params; /* tokens of a notification; 0: none */
    int n_fds;
};

/* Reads a daemon's reply or notification. Returns 0 or ERROR_INVALID_REQUEST. */
int message_parse_reply(const struct json *json, uint32_t token, struct message_reply *ret,
                        struct error *e);
