/* dial.h — connecting to a host by whichever of its addresses answers first (RFC 8305, "Happy
 * Eyeballs"): addresses are tried in an order that alternates between the families, each a little
 * after the one before, or at once when that one failed. The sockets tried are no handles yet; the
 * winner becomes one, the others are closed. */
#pragma once

struct dial;

/* Closes what is still being tried. NULL is fine. */
void dial_free(struct dial *d);
