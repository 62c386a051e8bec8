/* dispatch.h — from a request to its outcome: find the method, check, decode, call the handler, and
 * again when it had to wait. Knows no bytes and no sockets of clients. */
#pragma once
#include "call.h"
#include "proto/message.h"

/* Reads the request into the call and makes the first attempt. Returns 0 (c->result is set), LATER,
 * or an error (c->error is filled in, with op and handle). */
int dispatch_begin(struct call *c, const struct json *json, const struct message *message);

/* Another attempt of a call whose ticket came up. Same results. */
int dispatch_again(struct call *c);

/* Appends the reply of a call that ended with r (0 or an error). It announces c->fd_out, which the
 * caller sends. */
void dispatch_reply(struct call *c, int r, struct buf *b);
