/* handlers.h — one function per method of the table: on_bind, on_recv, … Each makes one attempt and
 * returns 0 with *ret filled in, LATER, an error of c->error, or -errno. */
#pragma once
#include "call.h"

#define M(id, name, P, R, ...) int on_##id(struct call *c, const struct P *p, struct R *ret);
METHODS(M)
#undef M
