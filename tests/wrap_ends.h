/* wrap_ends.h — two ends of a connection on handles, for tests of TLS from outside.
 * certificates_open comes first. */
#pragma once
#include "house.h"

/* Two sessions, each with its end of a TCP connection. */
struct wrap_ends {
    struct house_client *c, *s;
    long long ch, sh;
};

struct wrap_replies {
    json_t *c, *s;
};

/* Settings whose identities are called as their files; pools a, b, small. `good` is the file of the
 * identity good. Valid until the next call. */
const char *wrap_settings(const char *good);

/* A daemon with these settings, two sessions, and a connection between them; another connection. */
struct wrap_ends wrap_connected(const char *host);
struct wrap_ends wrap_again(struct wrap_ends e);

/* Wraps both ends at once; `more` begins with a comma. The second: as it is usual, with success. */
struct wrap_replies wrap_shake(struct wrap_ends e, const char *client_more,
                               const char *server_more);
struct wrap_replies wrap_both(struct wrap_ends e);

/* A member `ca_pem`, behind a comma, with this file's certificate n times over; to be freed. */
char *wrap_ca_pem(const char *file, int n);

/* A listener of the test's own, and a handle that is connected to the descriptor given back. */
int wrap_foreign_peer(struct house_client *c, long long *ret_handle);

void wrap_expect_text(struct house_client *c, long long handle, const char *more, const char *text);
void wrap_expect_eof(struct house_client *c, long long handle);
void wrap_expect_audit(struct house_client *c);
json_t *wrap_row(struct house_client *c, long long handle);
