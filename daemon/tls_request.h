/* tls_request.h — what a connection is asked for, as it is kept: copied, until another thread has
 * set it up; and in short, to tell whether somebody asks for the same again. For tls_setup.c only.
 */
#pragma once
#include "proto/arena.h"
#include "tls.h"
#include "tls_sessions.h"

/* Whether it is within the ceilings. Returns 0 or an error's id. */
int tls_request_check(const struct tls_request *q, struct error *e);

/* Copies it with all its texts; but not what was read ahead. Returns 0 or -ENOMEM. */
int tls_request_copy(const struct tls_request *q, struct arena *arena, struct tls_request *ret);

/* All of it but socket and read-ahead, as one number. Returns 0 or -ENOMEM. */
int tls_request_digest(const struct tls_request *q, struct tls_session_key *ret);
