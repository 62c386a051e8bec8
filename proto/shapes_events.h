/* shapes_events.h — parameters, results and notifications of subscriptions, and the counters. */
#pragma once
#include "shapes_ledger.h"

#define subscribe_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(texts, events, REQUIRED,                                                                 \
          "opened, closed, reclaimed, expired, suspect, cleared, handed_off, adopted, died, pool")  \
    OBJECT(ledger_filter, filter, OPTIONAL, "only of rows that pass")                              \
    FIELD(int, since, OPTIONAL, "also those behind this number, as far as they are kept")
SHAPE(subscribe_params)
#define subscription_result_ROWS(FIELD, LIST, OBJECT)                                              \
    FIELD(int, subscription, REQUIRED, "its number in this session")                               \
    FIELD(int, seq, REQUIRED, "number of the newest event")
SHAPE(subscription_result)
#define unsubscribe_params_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(int, subscription, REQUIRED, "what subscribe gave")
SHAPE(unsubscribe_params)

/* The params of an `event` notification. */
#define event_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(int, subscription, REQUIRED, "whose event it is")                                        \
    FIELD(int, seq, REQUIRED, "number of the event; they ascend by 1 over all types")              \
    FIELD(text, type, REQUIRED, "as subscribed to; or overflow: `missed` events are lost to you")  \
    FIELD(number, at, OPTIONAL, "Unix seconds")                                                    \
    FIELD(text, kind, OPTIONAL, "the suspicion, or the limit that a pool has met")                 \
    FIELD(text, pool, OPTIONAL, "of a pool's event")                                               \
    FIELD(int, missed, OPTIONAL, "of an overflow: how many")                                       \
    OBJECT(ledger_row, row, OPTIONAL, "the socket as it is now")
SHAPE(event_params)

#define stats_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(number, uptime, REQUIRED, "seconds since the daemon started")                            \
    FIELD(int, sessions, REQUIRED, "sessions now")                                                 \
    FIELD(int, sessions_total, REQUIRED, "sessions ever")                                          \
    FIELD(int, requests_total, REQUIRED, "requests ever")                                          \
    FIELD(int, errors_total, REQUIRED, "of them, answered with an error")                          \
    FIELD(int, handles, REQUIRED, "sockets alive now")                                             \
    FIELD(int, opened_total, REQUIRED, "sockets ever opened")                                      \
    FIELD(int, closed_total, REQUIRED, "closed by their owners")                                   \
    FIELD(int, reclaimed_total, REQUIRED, "closed because their session ended")                    \
    FIELD(int, expired_total, REQUIRED, "closed because their lease ran out")                      \
    FIELD(int, handed_off_total, REQUIRED, "given away")                                           \
    FIELD(int, lost_total, REQUIRED, "could not be kept")                                          \
    FIELD(int, suspected_total, REQUIRED, "suspicions ever")                                       \
    FIELD(int, cleared_total, REQUIRED, "of them, cleared by use")                                 \
    FIELD(int, sent_bytes_total, REQUIRED, "bytes that went out of sockets")                       \
    FIELD(int, received_bytes_total, REQUIRED, "bytes that came into sockets")                     \
    FIELD(int, events_total, REQUIRED, "events ever")
SHAPE(stats_result)
