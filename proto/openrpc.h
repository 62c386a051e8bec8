/* openrpc.h — the method table as an OpenRPC document (spec.open-rpc.org), and nothing that the
 * table does not say. */
#pragma once

/* The document as one line of JSON; malloc'ed, the caller frees it. NULL when memory is out. */
char *openrpc_document(void);
