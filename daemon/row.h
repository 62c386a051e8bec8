/* row.h — a handle as a row of the ledger. */
#pragma once
#include "call.h"

/* Fills the row with what is known now; in_full: with the transitions too. Texts are the store's,
 * others live in the call's arena: good for this turn. Returns 0 or ERROR_OS (ENOMEM). */
int row_fill(struct call *c, struct handle *h, bool in_full, struct ledger_row *row);

/* Adds a row to a list in the call's arena, which grows as rows are found: *rows has *n of *n_room
 * rows. */
int row_append(struct call *c, struct handle *h, struct ledger_row **rows, size_t *n,
               size_t *n_room);
