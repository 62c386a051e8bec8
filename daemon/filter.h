/* filter.h — which handles a client means: the filter of the ledger's methods and of subscriptions.
 */
#pragma once
#include <stdbool.h>

#include "proto/errors.h"
#include "proto/methods.h"
#include "store.h"

/* Whether its words exist. f NULL: fine. Returns 0 or ERROR_INVALID_PARAMS. */
int filter_check(const struct ledger_filter *f, struct error *e);

/* Whether only the closed can pass: the history is to be looked through, not the living. */
bool filter_wants_closed(const struct ledger_filter *f);

/* Whether the handle passes; f NULL: all do. */
bool filter_passes(const struct ledger_filter *f, const struct handle *h);
