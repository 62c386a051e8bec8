/* pending.h — requests without an answer, as they were written, and what may become of them when
 * the connection breaks. Knows nothing of connections. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/json.h"
#include "proto/methods.h"

struct pending {
    struct pending *next;
    int64_t id;
    const struct method *method; /* NULL: none of the table */
    const char *line;            /* with its newline; not owned when `is_sync` */
    size_t n_line;
    bool is_sync;    /* the call that waits now: its line stays where it was made */
    int fd;          /* goes along; owned. -1: none */
    int n_sent;      /* how often it went to a connection */
    size_t end_at;   /* behind its last byte, in bytes ever sent to that connection */
    bool is_written; /* the daemon may have read it whole: it may have had an effect */
    bool is_refused; /* the daemon answered that it stops and has done nothing */
    double born;     /* CLOCK_MONOTONIC, seconds */
    double timeout; /* seconds that the daemon was to wait, once known; < 0: no end, or not known */
};

struct pending_list {
    struct pending *first, **last;
    size_t n_bytes; /* of the lines that are owned */
};

void pending_init(struct pending_list *list);
void pending_done(struct pending_list *list);

/* Adds a request at the end. The line is copied unless `is_sync`; `fd` is duplicated. NULL with
 * errno set. */
struct pending *pending_add(struct pending_list *list, int64_t id, const struct method *method,
                            const char *line, size_t n_line, int fd, bool is_sync);
struct pending *pending_find(const struct pending_list *list, int64_t id);
void pending_remove(struct pending_list *list, struct pending *p);

/* Scans the line, which must outlive the use of the tokens; returns the token of its params, or 0.
 */
uint32_t pending_scan(const struct pending *p, struct json *json);

/* Reads the params into the method's own struct (zeroed). False when they are not as they should
 * be. */
bool pending_read_params(const struct pending *p, struct arena *a, void *into);

/* The params as malloc'ed text, or NULL. */
char *pending_params(const struct pending *p);

/* Whether it may be sent (again): it had no effect, or another one has none. */
bool pending_may_be_sent(const struct pending *p);

/* Finds out p->timeout as far as the request itself says it. Returns whether the daemon has to be
 * asked: the handle's own is in force. Then `ret_ask` gets the parameters of gettimeout. */
bool pending_find_timeout(struct pending *p, struct buf *ret_ask);

/* Whether the time that it was given is over. */
bool pending_is_late(const struct pending *p, double now);

/* Appends its line, with what is left of its time. */
void pending_write(const struct pending *p, double now, struct buf *out);

/* CLOCK_MONOTONIC in seconds. */
double pending_now(void);
