/* hand.h — what tests of sockets that pass between the daemon and its clients share: one request
 * each, which must succeed unless it says otherwise. Descriptors are the test's to close. */
#pragma once
#include <sys/types.h>

#include "house.h"

/* The kernel's socket of a handle, handed off; and released as well. */
int hand_off(struct house_client *c, long long handle);
int hand_away(struct house_client *c, long long handle);

/* The whole reply to adopt with these params (as in house_send, without the braces); its result. */
json_t *hand_adopt_as(struct house_client *c, int fd, const char *params);
json_t *hand_adopt(struct house_client *c, int fd);

json_t *hand_row(struct house_client *c, long long handle);

/* The counts of ledger.audit, which balances. */
void hand_expect_audit(struct house_client *c, int opened, int live, int handed_off);

/* TCP sockets of the test's own on 127.0.0.1. */
int hand_connect_to(int port);
int hand_listener(int *ret_port);

/* The row's state is this. */
void hand_expect_state(struct house_client *c, long long handle, const char *state);

/* connect(2) of the test's own: as if the socket had never been connected; to a port of 127.0.0.1.
 */
void hand_unconnect(int fd);
void hand_connect_elsewhere(int fd, int port);

/* Whether the row says that the socket is alive, as soon as it says so or not. */
bool hand_is_alive(struct house_client *c, long long handle);

/* A session of another user, who is real to the kernel: this needs root. */
struct house_client *hand_client_of(uid_t uid);
