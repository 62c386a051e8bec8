/* house.h — a daemon in process, for tests of what it does: the clock is the test's, the clients
 * are ends of socketpairs, and nothing runs but by a turn of the loop. Opening and closing it is a
 * fixture that holds every test to the same: as many descriptors afterwards as before, no socket
 * left alive, a ledger that balances.
 *
 * Lines are written with ' in place of " so that C can hold them: {'method':'ping','id':1}. */
#pragma once
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* jansson's own name, so that a test may include jansson.h or a header of the daemon; both together
 * do not go: proto/json.h has a json_type of its own. */
typedef struct json_t json_t;

/* -- the fixture -- */

/* For tcase_add_checked_fixture. */
void house_open(void);
void house_close(void);

/* The same, where the test still has n_fds descriptors of its own open. */
void house_close_but(int n_fds);

/* A test case of this suite with the fixture around each test. */
TCase *house_case(Suite *suite, const char *name);

/* Runs the suite, as the environment says (CK_…). Returns what main returns. */
int house_run(Suite *suite);

/* -- the daemon -- */

struct server;
struct server *house_server(void);

/* Replaces the daemon by one with this setting: seen when the next one is opened. To be called
 * before anything else in a test. */
struct house_setup {
    int64_t n_max_sessions, n_max_sessions_per_uid, n_max_line_bytes,
        n_history_rows; /* 0: the default */
    int64_t history_age_usec, first_handle;
    int listen_fd; /* 0: none */
};
void house_reopen(struct house_setup setup);

/* The same with settings of this text, as of a berthd.conf. */
void house_reopen_with(const char *settings);

/* Reads such settings in place of the present ones, as SIGHUP does; and bad ones, which must be
 * refused. */
void house_reload(const char *settings);
void house_reload_badly(const char *settings);

/* n turns of the loop that wait for nothing. */
void house_turn(int n);

/* Lets microseconds pass on the daemon's clock: what was sent before happens before, what is due
 * after. */
void house_advance(int64_t usec);

/* The daemon's Unix time in seconds. */
double house_now(void);

/* Turns until the condition holds; fails the test when it does not within ten seconds of real time.
 */
#define house_until(condition)                                                                     \
    do {                                                                                           \
        int64_t house_end = house_deadline();                                                      \
                                                                                                   \
        while (!(condition)) {                                                                     \
            house_turn(1);                                                                         \
            if (condition)                                                                         \
                break;                                                                             \
            ck_assert_msg(house_wait(house_end), "it never came to be: %s", #condition);           \
        }                                                                                          \
    } while (0)

/* The end of the real time that a test may wait, and one turn that waits a little for an event.
 * Returns false when the end has come. */
int64_t house_deadline(void);
bool house_wait(int64_t deadline);

/* Sessions of the daemon, its living sockets. */
int house_n_sessions(void);
int64_t house_n_live(void);

/* Descriptors that this process has open. */
int house_count_fds(void);

/* Waits until there are so many: a worker that was asked to end does so by itself, and the last one
 * takes its event descriptor along. */
void house_await_fds(int n);

/* -- clients -- */

struct house_client;

/* A new session; its number is `fd` of the test's own end. It is ended by house_close if not
 * before. */
struct house_client *house_client(void);
int house_client_fd(const struct house_client *c);

/* Takes a connected socket as a client's end. */
struct house_client *house_client_of(int fd);

/* Closes the client's end and turns until its session is gone. */
void house_leave(struct house_client *c);

/* Sends a line: printf's format with ' for ". */
void house_send(struct house_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends n bytes as they are, turning while the socket takes no more. */
void house_send_bytes(struct house_client *c, const void *bytes, size_t n);

/* Sends a line with descriptors, in one message. */
void house_send_fds(struct house_client *c, const char *line, const int *fds, int n_fds);

/* The next line that the daemon sends; fails the test when none comes. JSON values live until the
 * test ends. house_next_line gives it as text, to be used before the next call. */
json_t *house_next(struct house_client *c);
const char *house_next_line(struct house_client *c);

/* The oldest descriptor that came with what was read so far, the test's to close; -1: none. */
int house_take_fd(struct house_client *c);

/* Whether there is a line, or the end, without waiting for it. */
bool house_is_answered(struct house_client *c);

/* As house_next, or NULL when the session has ended. */
json_t *house_next_or_end(struct house_client *c);

/* Nothing comes, and the session goes on; or nothing but the end. */
void house_expect_silence(struct house_client *c);
void house_expect_end(struct house_client *c);

/* One request and its whole reply; its result; its error. `params` as in house_send. */
json_t *house_ask(struct house_client *c, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
json_t *house_do(struct house_client *c, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
json_t *house_fail(struct house_client *c, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));

/* As house_do, for the result's handle, or the first of its handles. */
long long house_make(struct house_client *c, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));

/* Asks without waiting for the reply, which has this id. */
void house_begin(struct house_client *c, int id, const char *method, const char *params, ...)
    __attribute__((format(printf, 4, 5)));

/* -- looking at replies: a path as "result.rows.0.end.how" -- */

/* The value, or NULL. */
json_t *house_at(json_t *reply, const char *path);

/* The same, which must be there and of that type. */
long long house_int(json_t *reply, const char *path);
const char *house_text(json_t *reply, const char *path);
bool house_bool(json_t *reply, const char *path);
double house_number(json_t *reply, const char *path);

/* Whether it is there; how many items or members it has. */
bool house_has(json_t *reply, const char *path);
bool house_is_null(json_t *reply, const char *path);
size_t house_size(json_t *reply, const char *path);

/* Fails the test unless it is the reply to this request, or an error of this kind and name. */
void house_expect_id(json_t *reply, int id);
void house_expect_error(json_t *reply_or_error, const char *kind, const char *name);

/* -- sockets that many tests need -- */

/* A listener on 127.0.0.1, and its port. */
long long house_listen(struct house_client *c, int *ret_port);

/* A TCP connection: its two ends. */
void house_connect(struct house_client *c, long long ret_ends[2]);

/* A pair of Unix sockets of this type. */
void house_pair(struct house_client *c, const char *type, long long ret_ends[2]);
