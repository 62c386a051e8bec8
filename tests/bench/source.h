/* source.h — what a load asks: an endless row of requests, one after the other. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "session.h"

enum source_kind { SOURCE_PING, SOURCE_SOCKETS, SOURCE_TEXT, SOURCE_BASE64 };

struct source {
    enum source_kind kind;
    int n_phases; /* how many kinds of requests come by turns */
    uint64_t n_given;
    int64_t next_handle; /* that a socket will get: numbers go up by one */
    size_t n_texts[2];
    char *texts[2];
};

/* Makes ready what the requests need, in the session that will send them. Returns 0, or -1 after
 * saying why. */
int source_open(struct source *source, enum source_kind kind, struct session *c);
void source_close(struct source *source);

/* The next request with its newline; valid until the next but one. Puts its length into *ret_n. */
const char *source_next(struct source *source, size_t *ret_n);
