/* absent.h — sessions that were connected to a daemon before this one. What they hold is held for
 * them for a while: who comes back with a session's token is that session again. */
#pragma once
#include "store.h"

struct absent {
    struct session session;
    UT_hash_handle hh;
};

/* The absent session of this number, made when it is not there yet: of the user `uid` (and gid,
 * pid, texts or NULL, as far as they are known). NULL when memory is out. */
struct absent *absent_find_or_make(struct absent **all, int64_t number, uid_t uid);

/* What is known of it beside. */
void absent_describe(struct absent *a, gid_t gid, pid_t pid, const char *exe, const char *label);

/* The text of a session's token (2 * STATE_TOKEN_BYTES digits and a zero); makes the token when the
 * session has none. Returns 0 or -errno. */
int absent_make_token(struct session *session, char *ret_text);

/* The one that this token proves to be, of this user; NULL: there is none (any more). */
struct absent *absent_find(struct absent *all, const char *token, uid_t uid);

/* Gives all it holds to the session, which has opened nothing yet, and forgets it. */
void absent_resume(struct absent **all, struct absent *a, struct session *session);

/* None of them will come back: their sessions end. `store` may be NULL when there are none. */
void absent_end(struct absent **all, struct store *store, const char *reason);
