/* streamed.h — streams of handles, from outside: what several suites do with them. For a house that
 * is open (house.h); what does not come in time fails the test. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "house.h"

/* Asks for a handle's stream; its descriptor is the caller's. */
int streamed_open(struct house_client *c, long long handle);

/* A TCP connection whose other end is the descriptor that is returned, the caller's. `more`:
 * parameters of create_connection, with a comma before them. */
int streamed_with_peer(struct house_client *c, const char *more, long long *ret_handle);

/* Whether the stream has ended: then the handle has its bytes again. */
bool streamed_has_ended(struct house_client *c, long long handle);

json_t *streamed_row(struct house_client *c, long long handle);
void streamed_expect_balance(struct house_client *c);

/* -- by the descriptor -- */

/* One read that is waited for: -errno, or what it says. */
ssize_t streamed_read(int fd, char *room, size_t n);

void streamed_put(int fd, const char *text);
void streamed_expect(int fd, const char *text);
void streamed_expect_end(int fd);

/* Reading comes to an end or a reset, and writing fails; closes it. */
void streamed_expect_cut(int fd);

/* Closes it so that TCP's peer gets a reset. */
void streamed_reset(int fd);

/* -- by messages -- */

void streamed_say(struct house_client *c, long long handle, const char *text);
void streamed_expect_text(struct house_client *c, long long handle, const char *text);
void streamed_expect_eof(struct house_client *c, long long handle);
