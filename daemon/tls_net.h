/* tls_net.h — a TLS connection as the net end of a pumped stream: plaintext for the client, records
 * for the peer. */
#pragma once
#include "pump_net.h"
#include "tls.h"

/* `tls` and its socket are borrowed until the stream has ended. What went wrong is an errno for the
 * pump, EPROTO where TLS itself failed; tls_has_failed says all of it afterwards. */
struct pump_net tls_net(struct tls *tls, int fd);
