/* house_private.h — between house.c and house_client.c. */
#pragma once

/* ledger.audit, asked by a client of its own, says that the balance is 0. */
void house_private_expect_audit(void);

/* Closes every client's end and forgets all replies. */
void house_private_end_clients(void);
