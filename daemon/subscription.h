/* subscription.h — what a session wants to be told, and how far it has been told. */
#pragma once
#include "call.h"

struct subscription {
    int64_t id;                   /* in its session */
    unsigned types;               /* 1 << enum event_type */
    struct arena arena;           /* of the filter */
    struct ledger_filter *filter; /* NULL: none */
    int64_t seq;                  /* of the last event that was looked at */
    struct session *session;
    void *peer;
    struct subscription *prev, *next; /* of the core's */
};

/* A new subscription of the call's session. NULL when memory is out. */
struct subscription *subscription_new(struct call *c, unsigned types,
                                      const struct ledger_filter *filter, int64_t seq);
void subscription_free(struct core *core, struct subscription *s);

/* Ends all of a session. */
void subscription_end_session(struct core *core, struct session *session);

/* Appends the next notification that is due, as a line. False when there is none. */
bool subscription_next(struct core *core, struct subscription *s, struct buf *b);
